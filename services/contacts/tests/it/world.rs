//! A company of its own for each test, on a private PostgreSQL that lives as long as the test process.

use std::path::PathBuf;

use kontor::{
    migrate::{self, Schema},
    servers::Postgres,
};
use kontor_chassis::{Caller, Db, Error, TenantTx, caller::Permissions, peers::Peers, token::ServiceKey};
use kontor_contacts::{grpc::Grpc, imports::Importing, references::Homes, service::Contacts};
use kontor_proto::contacts::v1::{self, contact_service_server::ContactService};
use kontor_proto::records::v1::RecordChange;
use kontor_records::{refs, transfer::Imports};
use prost::{Message, Name};
use tokio::sync::OnceCell;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Request, Response, Status};
use uuid::Uuid;

static SERVER: OnceCell<Postgres> = OnceCell::const_new();

fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("contacts")
}

fn url(server: &Postgres) -> String {
    server.url("kontor_contacts", "secret", "kontor")
}

async fn server() -> &'static Postgres {
    SERVER
        .get_or_init(|| async {
            if home().exists() {
                std::fs::remove_dir_all(home()).unwrap();
            }
            std::fs::create_dir_all(home()).unwrap();
            let server = Postgres::start(&home()).await.unwrap();
            let own = sqlx::migrate!("./migrations");
            let tables = vec![kontor_events::migrator(), kontor_records::migrator(), own];
            let schema = Schema::new(kontor_contacts::NAME, url(&server), tables);
            migrate::apply(&server.admin_url(), &[schema]).await.unwrap();
            server
        })
        .await
}

/// A connection of the superuser, for what no service may do.
pub(crate) async fn admin() -> sqlx::PgConnection {
    let url = server().await.admin_url();
    <sqlx::PgConnection as sqlx::Connection>::connect(&url)
        .await
        .unwrap()
}

/// The service and a member of a company that nobody else works in.
pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) company: Uuid,
    pub(crate) user: Uuid,
    pub(crate) grpc: Grpc,
    pub(crate) imports: Imports<Importing>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::beside(|_| {}).await
    }

    /// With other services that answer in this process.
    pub(crate) async fn beside(neighbours: impl FnOnce(&Peers)) -> Self {
        let db = Db::open(&url(server().await), kontor_contacts::NAME, 5).unwrap();
        let key = ServiceKey::open(&home().join("keys")).unwrap();
        let peers = Peers::builder(key)
            .local("identity")
            .local("accounts")
            .build(kontor_contacts::NAME);
        neighbours(&peers);
        let contacts = Contacts::new(db.clone(), Homes::new(peers));
        let importing = Importing::new(contacts.clone());
        let imports = Imports::on(
            db.clone(),
            TaskTracker::new(),
            CancellationToken::new(),
            importing,
        )
        .unwrap();
        Self {
            db,
            company: Uuid::now_v7(),
            user: Uuid::now_v7(),
            grpc: Grpc::new(contacts, imports.clone()),
            imports,
        }
    }

    /// The same service for a member of another company.
    pub(crate) fn elsewhere(&self) -> Self {
        Self {
            db: self.db.clone(),
            company: Uuid::now_v7(),
            user: Uuid::now_v7(),
            grpc: self.grpc.clone(),
            imports: self.imports.clone(),
        }
    }

    pub(crate) fn caller(&self) -> Caller {
        let rights = ["read", "create", "update", "delete", "import", "export", "merge"];
        let rights = rights.map(|right| format!("contacts:{right}"));
        self.caller_with(&rights.each_ref().map(String::as_str))
    }

    pub(crate) fn caller_with(&self, rights: &[&str]) -> Caller {
        let rights = Permissions::parse(rights);
        Caller::person(self.user, self.company, Uuid::now_v7(), "manager", rights, None)
    }

    pub(crate) fn asks<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.extensions_mut().insert(self.caller());
        request
    }

    pub(crate) async fn create(&self, contact: v1::Contact) -> Result<v1::Contact, Error> {
        let request = self.asks(v1::CreateContactRequest {
            contact: Some(contact),
        });
        Ok(answer(self.grpc.create_contact(request).await)?.contact.unwrap())
    }

    pub(crate) async fn get(&self, id: &str) -> Result<v1::Contact, Error> {
        let request = self.asks(v1::GetContactRequest {
            id: id.to_owned(),
            expand: String::new(),
        });
        Ok(answer(self.grpc.get_contact(request).await)?.contact.unwrap())
    }

    pub(crate) async fn update(
        &self,
        id: &str,
        contact: v1::Contact,
        paths: &[&str],
        etag: &str,
    ) -> Result<v1::Contact, Error> {
        let paths = paths.iter().map(ToString::to_string).collect();
        let request = self.asks(v1::UpdateContactRequest {
            id: id.to_owned(),
            contact: Some(contact),
            update_mask: Some(prost_types::FieldMask { paths }),
            etag: etag.to_owned(),
        });
        Ok(answer(self.grpc.update_contact(request).await)?.contact.unwrap())
    }

    /// A record of another service that this one has heard of.
    pub(crate) async fn heard_of(&self, kind: &str, name: &str) -> Uuid {
        let id = Uuid::now_v7();
        let change = RecordChange {
            id: id.to_string(),
            name: name.to_owned(),
            version: 1,
            ..RecordChange::default()
        };
        let mut tx = self.begin().await;
        refs::apply(&mut tx, self.company, kind, &[change]).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// Hears that such a record was deleted.
    pub(crate) async fn forget(&self, kind: &str, id: Uuid) {
        let change = RecordChange {
            id: id.to_string(),
            deleted: true,
            version: 2,
            ..RecordChange::default()
        };
        let mut tx = self.begin().await;
        refs::apply(&mut tx, self.company, kind, &[change]).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    pub(crate) async fn begin(&self) -> TenantTx {
        self.db.begin(&Caller::system(self.company)).await.unwrap()
    }

    /// What this company has told of a type and is still in the outbox, in order.
    pub(crate) async fn told<E: Message + Name + Default>(&self) -> Vec<E> {
        let mut tx = self.begin().await;
        let payloads: Vec<Vec<u8>> = sqlx::query_scalar(
            "select payload
             from outbox
             where type = $1
               and headers ->> 'company' = $2
             order by id",
        )
        .bind(E::full_name())
        .bind(self.company.to_string())
        .fetch_all(&mut *tx)
        .await
        .unwrap();
        payloads
            .iter()
            .map(|payload| E::decode(payload.as_slice()).unwrap())
            .collect()
    }
}

/// The answer of an rpc, or the error behind its status.
pub(crate) fn answer<T>(result: Result<Response<T>, Status>) -> Result<T, Error> {
    result.map(Response::into_inner).map_err(Error::from)
}

pub(crate) fn named(last_name: &str) -> v1::Contact {
    v1::Contact {
        last_name: last_name.to_owned(),
        ..v1::Contact::default()
    }
}

/// Field and code of every bad field.
pub(crate) fn fields(error: &Error) -> Vec<(&str, &str)> {
    error
        .fields()
        .iter()
        .map(|field| (field.field.as_ref(), field.code.as_ref()))
        .collect()
}
