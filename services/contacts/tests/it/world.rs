//! A company of its own for each test, on a private PostgreSQL that lives as long as the test process.

use std::ops::Deref;

use kontor_chassis::{Error, peers::Peers};
use kontor_contacts::{NAME, grpc::Grpc, references::Homes, service::Contacts};
use kontor_proto::contacts::v1::{self, contact_service_server::ContactService};
use kontor_records::transfer::Imports;
use kontor_testbed::{Database, Member, neighbours};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use kontor_testbed::{answer, fields};

pub(crate) static DATABASE: Database =
    Database::of(NAME, concat!(env!("CARGO_TARGET_TMPDIR"), "/contacts"), || {
        sqlx::migrate!("./migrations")
    });

/// What a member may do here.
const RIGHTS: [&str; 7] = [
    "contacts:read",
    "contacts:create",
    "contacts:update",
    "contacts:delete",
    "contacts:import",
    "contacts:export",
    "contacts:merge",
];

/// The service and a member of a company that nobody else works in.
pub(crate) struct World {
    member: Member,
    pub(crate) grpc: Grpc,
    pub(crate) imports: Imports<Contacts>,
}

/// What a member sees and does is seen and done in this world.
impl Deref for World {
    type Target = Member;

    fn deref(&self) -> &Member {
        &self.member
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::beside(|_| {}).await
    }

    /// With other services that answer in this process.
    pub(crate) async fn beside(others: impl FnOnce(&Peers)) -> Self {
        let db = DATABASE.open(5).await;
        let peers = neighbours::peers(NAME, &["identity", "accounts"]);
        others(&peers);
        let contacts = Contacts::new(db.clone(), Homes::new(peers));
        let (tasks, draining) = (TaskTracker::new(), CancellationToken::new());
        let imports = Imports::on(db.clone(), tasks, draining, contacts.clone()).unwrap();
        Self {
            member: Member::new(db, RIGHTS),
            grpc: Grpc::new(contacts, imports.clone()),
            imports,
        }
    }

    /// The same service for a member of another company.
    pub(crate) fn elsewhere(&self) -> Self {
        self.of(self.member.elsewhere())
    }

    fn of(&self, member: Member) -> Self {
        Self {
            member,
            grpc: self.grpc.clone(),
            imports: self.imports.clone(),
        }
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
}

pub(crate) fn named(last_name: &str) -> v1::Contact {
    v1::Contact {
        last_name: last_name.to_owned(),
        ..v1::Contact::default()
    }
}
