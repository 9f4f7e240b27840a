//! Who works in the company of a test.

use kontor_chassis::caller::Permissions;
use kontor_chassis::{Caller, Db, TenantTx};
use kontor_proto::records::v1::RecordChange;
use kontor_records::{implied::MEMBER, refs};
use prost::{Message, Name};
use tonic::Request;
use uuid::Uuid;

/// A member of a company that nobody else works in, with what a service knows of it.
#[derive(Clone)]
pub struct Member {
    /// The service's way to its rows.
    pub db: Db,
    /// The company.
    pub company: Uuid,
    /// The member.
    pub user: Uuid,
    rights: Vec<String>,
}

impl Member {
    /// Who may do this in a new company.
    pub fn new<R: Into<String>>(db: Db, rights: impl IntoIterator<Item = R>) -> Self {
        Self {
            db,
            company: Uuid::now_v7(),
            user: Uuid::now_v7(),
            rights: rights.into_iter().map(Into::into).collect(),
        }
    }

    /// Who may do the same in another company.
    #[must_use]
    pub fn elsewhere(&self) -> Self {
        Self::new(self.db.clone(), self.rights.clone())
    }

    /// Another member of the company, who may do this.
    pub fn colleague<R: Into<String>>(&self, rights: impl IntoIterator<Item = R>) -> Self {
        Self {
            company: self.company,
            ..Self::new(self.db.clone(), rights)
        }
    }

    /// The member, as a service sees who calls it.
    #[must_use]
    pub fn caller(&self) -> Caller {
        let rights: Vec<&str> = self.rights.iter().map(String::as_str).collect();
        self.caller_with(&rights)
    }

    /// The member with other rights.
    #[must_use]
    pub fn caller_with(&self, rights: &[&str]) -> Caller {
        let rights = Permissions::parse(rights);
        Caller::person(self.user, self.company, Uuid::now_v7(), "manager", rights, None)
    }

    /// A request of the member's.
    pub fn asks<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.extensions_mut().insert(self.caller());
        request
    }

    /// The service's way to its rows.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// A transaction of the suite's own in the company.
    pub async fn begin(&self) -> TenantTx {
        self.db.begin(&Caller::system(self.company)).await.unwrap()
    }

    /// Lets the service hear what another one tells of its records.
    pub async fn told_of(&self, kind: &str, changes: &[RecordChange]) {
        let mut tx = self.begin().await;
        refs::apply(&mut tx, self.company, kind, changes).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// A record of another service that this one has heard of.
    pub async fn heard_of(&self, kind: &str, name: &str) -> Uuid {
        let id = Uuid::now_v7();
        let change = RecordChange {
            id: id.to_string(),
            name: name.to_owned(),
            version: 1,
            ..RecordChange::default()
        };
        self.told_of(kind, &[change]).await;
        id
    }

    /// Hears that such a record was deleted.
    pub async fn forget(&self, kind: &str, id: Uuid) {
        let change = RecordChange {
            id: id.to_string(),
            deleted: true,
            version: 2,
            ..RecordChange::default()
        };
        self.told_of(kind, &[change]).await;
    }

    /// A colleague, as identity tells of them.
    pub async fn member(&self) -> Uuid {
        self.heard_of(MEMBER, "Colleague").await
    }

    /// A colleague leaves the company.
    pub async fn leaves(&self, member: Uuid) {
        self.forget(MEMBER, member).await;
    }

    /// What this company has told of a type and is still in the outbox, in order.
    pub async fn told<E: Message + Name + Default>(&self) -> Vec<E> {
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
