//! A company of its own for each test, on a private PostgreSQL that lives as long as the test process.

use std::{path::PathBuf, time::Duration};

use kontor::{
    migrate::{self, Schema},
    servers::Postgres,
};
use kontor_chassis::{
    Caller, Error, Host, TenantTx, caller::Permissions, host::Process, peers::Peers, settings::Settings,
    token::ServiceKey,
};
use kontor_leads::{events, grpc::Grpc, service::Leads};
use kontor_proto::leads::v1::{
    self, lead_conversion_service_server::LeadConversionService, lead_service_server::LeadService,
};
use kontor_records::transfer::Imports;
use prost::{Message, Name};
use tokio::sync::OnceCell;
use tonic::{Request, Response, Status};
use uuid::Uuid;

static SERVER: OnceCell<Postgres> = OnceCell::const_new();

fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("leads")
}

fn url(server: &Postgres) -> String {
    server.url("kontor_leads", "secret", "kontor")
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
            let schema = Schema::new(kontor_leads::NAME, url(&server), tables);
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

/// The service, without its relay and consumers, and a member of a company that nobody else works in.
pub(crate) struct World {
    pub(crate) host: Host,
    pub(crate) company: Uuid,
    pub(crate) user: Uuid,
    pub(crate) leads: Leads,
    pub(crate) grpc: Grpc,
}

impl World {
    pub(crate) async fn new() -> Self {
        let peers = Peers::builder(ServiceKey::random());
        let peers = peers
            .local("identity")
            .local("accounts")
            .local("contacts")
            .local("deals")
            .build("leads");
        let settings = Settings::from_pairs([("leads_database_url", url(server().await))]).unwrap();
        let process = Process::start(settings.into(), peers, "identity").unwrap();
        let host = process.host(kontor_leads::NAME, 1).unwrap();
        let leads = Leads::new(&host);
        let imports = Imports::new(&host, leads.clone()).unwrap();
        let grpc = Grpc::new(leads.clone(), imports);
        Self {
            host,
            company: Uuid::now_v7(),
            user: Uuid::now_v7(),
            leads,
            grpc,
        }
    }

    /// The same service for a member of another company.
    pub(crate) fn elsewhere(&self) -> Self {
        Self {
            host: self.host.clone(),
            company: Uuid::now_v7(),
            user: Uuid::now_v7(),
            leads: self.leads.clone(),
            grpc: self.grpc.clone(),
        }
    }

    /// With its timers at work.
    pub(crate) fn with_timers(self) -> Self {
        events::timers(&self.host, &self.leads).spawn();
        self
    }

    pub(crate) fn caller_with(&self, rights: &[&str]) -> Caller {
        let rights = Permissions::parse(rights);
        Caller::person(self.user, self.company, Uuid::now_v7(), "manager", rights, None)
    }

    pub(crate) fn caller(&self) -> Caller {
        let rights = [
            "read", "create", "update", "delete", "import", "export", "convert", "merge",
        ];
        let rights = rights.iter().map(|right| format!("leads:{right}"));
        let rights: Vec<String> = rights.chain(["territories:manage".to_owned()]).collect();
        let rights: Vec<&str> = rights.iter().map(String::as_str).collect();
        self.caller_with(&rights)
    }

    pub(crate) fn asks<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.extensions_mut().insert(self.caller());
        request
    }

    pub(crate) async fn create(&self, lead: v1::Lead) -> Result<v1::Lead, Error> {
        let request = self.asks(v1::CreateLeadRequest { lead: Some(lead) });
        Ok(answer(self.grpc.create_lead(request).await)?.lead.unwrap())
    }

    pub(crate) async fn get(&self, id: &str) -> Result<v1::Lead, Error> {
        let request = self.asks(v1::GetLeadRequest {
            id: id.to_owned(),
            expand: String::new(),
        });
        Ok(answer(self.grpc.get_lead(request).await)?.lead.unwrap())
    }

    pub(crate) async fn update(&self, id: &str, lead: v1::Lead, paths: &[&str]) -> Result<v1::Lead, Error> {
        self.update_if(id, lead, paths, "").await
    }

    pub(crate) async fn update_if(
        &self,
        id: &str,
        lead: v1::Lead,
        paths: &[&str],
        etag: &str,
    ) -> Result<v1::Lead, Error> {
        let paths = paths.iter().map(ToString::to_string).collect();
        let request = self.asks(v1::UpdateLeadRequest {
            id: id.to_owned(),
            lead: Some(lead),
            update_mask: Some(prost_types::FieldMask { paths }),
            etag: etag.to_owned(),
        });
        Ok(answer(self.grpc.update_lead(request).await)?.lead.unwrap())
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<(), Error> {
        let request = self.asks(v1::DeleteLeadRequest {
            id: id.to_owned(),
            etag: String::new(),
        });
        answer(self.grpc.delete_lead(request).await)
    }

    /// Converts without waiting for the end.
    pub(crate) async fn convert(
        &self,
        request: v1::ConvertLeadRequest,
    ) -> Result<v1::ConvertLeadResponse, Error> {
        answer(self.grpc.convert_lead(self.asks(request)).await)
    }

    pub(crate) async fn conversion(&self, id: &str) -> Result<v1::Conversion, Error> {
        let request = self.asks(v1::GetLeadConversionRequest { id: id.to_owned() });
        Ok(answer(self.grpc.get_lead_conversion(request).await)?
            .conversion
            .unwrap())
    }

    pub(crate) fn db(&self) -> &kontor_chassis::Db {
        &self.host.db
    }

    pub(crate) async fn begin(&self) -> TenantTx {
        self.host.db.begin(&Caller::system(self.company)).await.unwrap()
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

    /// Waits until a lead has this score, and fails after a generous while.
    pub(crate) async fn until_score(&self, id: &str, score: i32) {
        let reached = async {
            while self.get(id).await.unwrap().score != score {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(60), reached)
            .await
            .is_err()
        {
            panic!(
                "the score is {} and not {score}",
                self.get(id).await.unwrap().score
            );
        }
    }
}

/// The answer of an rpc, or the error behind its status.
pub(crate) fn answer<T>(result: Result<Response<T>, Status>) -> Result<T, Error> {
    result.map(Response::into_inner).map_err(Error::from)
}

pub(crate) fn named(last_name: &str) -> v1::Lead {
    v1::Lead {
        last_name: last_name.to_owned(),
        ..v1::Lead::default()
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
