//! A real database, migrated as `kontor migrate` does, and companies of one test each in it.

use crate::lead::v1;
use kontor_chassis::caller::Permissions;
use kontor_chassis::{Caller, Db, TenantTx};
use kontor_proto::records::v1::{FieldFilter, ListQuery};
use kontor_records::Record as _;
use kontor_records::fields::{self, Fields};
use kontor_records::query::{self, Page};
use kontor_records::write::{self, Change};
use kontor_testbed::Database;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::lead::Lead;

pub(crate) static DATABASE: Database =
    Database::of("leads", concat!(env!("CARGO_TARGET_TMPDIR"), "/records"), leads);

fn leads() -> Migrator {
    let sql = include_str!("leads.sql").into_sql_str();
    let migration = Migration::new(1, "leads".into(), MigrationType::Simple, sql, false);
    Migrator::with_migrations(vec![migration])
}

/// A company and the service's way to its rows.
pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) company: Uuid,
    /// Somebody who may do everything.
    pub(crate) admin: Caller,
    pub(crate) now: OffsetDateTime,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::of(Uuid::now_v7()).await
    }

    /// Another process of the service, with connections of its own, for the same company.
    pub(crate) async fn of(company: Uuid) -> Self {
        let now = OffsetDateTime::now_utc();
        let now = now.replace_nanosecond(now.microsecond() * 1000).unwrap();
        Self {
            db: DATABASE.open(3).await,
            company,
            admin: person(company, &EVERYTHING),
            now,
        }
    }

    /// The same over a single connection.
    pub(crate) async fn with_one_connection(self) -> Self {
        let db = DATABASE.open(1).await;
        Self { db, ..self }
    }

    /// Another member of the company.
    pub(crate) fn person(&self, permissions: &[&str]) -> Caller {
        person(self.company, permissions)
    }

    pub(crate) async fn tx(&self) -> TenantTx {
        self.db.begin(&self.admin).await.unwrap()
    }

    /// Makes a lead of a message, in a transaction of its own.
    pub(crate) async fn make(&self, message: v1::Lead) -> Lead {
        self.make_as(&self.admin, message).await
    }

    pub(crate) async fn make_as(&self, caller: &Caller, message: v1::Lead) -> Lead {
        let mut tx = self.db.begin(caller).await.unwrap();
        let fields = fields::of::<Lead>(&mut tx, self.company).await.unwrap();
        let mut errors = kontor_chassis::FieldErrors::new();
        let lead = Lead::create(message, &fields, caller, self.now, &mut errors);
        errors.into_result().unwrap();
        let made = write::insert(&mut tx, &lead, Change::new(caller, self.now, "created"))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        made
    }

    pub(crate) async fn list(&self, query: ListQuery) -> Result<Page<v1::Lead>, kontor_chassis::Error> {
        self.list_as(&self.admin, query).await
    }

    pub(crate) async fn list_as(
        &self,
        caller: &Caller,
        query: ListQuery,
    ) -> Result<Page<v1::Lead>, kontor_chassis::Error> {
        query::page::<Lead>(&self.db, caller, &query).await
    }

    /// The last names that a query lists, in order.
    pub(crate) async fn names(&self, query: ListQuery) -> Vec<String> {
        self.list(query)
            .await
            .unwrap()
            .records
            .into_iter()
            .map(|lead| lead.last_name)
            .collect()
    }
}

const EVERYTHING: [&str; 7] = [
    "leads:read",
    "leads:create",
    "leads:update",
    "leads:delete",
    "leads:export",
    "fields:read",
    "fields:manage",
];

pub(crate) fn person(company: Uuid, permissions: &[&str]) -> Caller {
    let (user, session) = (Uuid::now_v7(), Uuid::now_v7());
    Caller::person(
        user,
        company,
        session,
        "rep",
        Permissions::parse(permissions),
        None,
    )
}

/// The fields of a company that has defined none of its own.
pub(crate) fn built_in() -> Fields {
    fields::built_in::<Lead>()
}

/// A lead of that last name.
pub(crate) fn named(last_name: &str) -> v1::Lead {
    v1::Lead {
        last_name: last_name.into(),
        ..v1::Lead::default()
    }
}

/// A typed filter.
pub(crate) fn filter(parameter: &str, values: &[&str]) -> FieldFilter {
    FieldFilter {
        parameter: parameter.into(),
        values: values.iter().map(|&v| v.to_owned()).collect(),
    }
}
