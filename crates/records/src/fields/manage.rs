//! The use-cases of definitions: may they, begin, load, rule, save, commit.

use std::marker::PhantomData;

use kontor_chassis::{Caller, Db, Error, FieldErrors, TenantTx};
use kontor_proto::records::v1::FieldDefinition;
use prost_types::FieldMask;
use time::OffsetDateTime;

use super::{Definition, Fields, definition, forget, store};
use crate::record::Record;
use crate::setup::{self, Deed};

/// The most fields of its own that a company has of a kind.
const MOST: usize = 100;
/// Who may see definitions, and who may change them.
const READ: &str = "fields:read";
const MANAGE: &str = "fields:manage";

/// The fields of a kind, as a service offers them. Cheap to clone.
#[derive(Clone)]
pub struct OwnFields<R> {
    db: Db,
    kind: PhantomData<fn() -> R>,
}

impl<R: Record> OwnFields<R> {
    /// In the schema of this service.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self {
            db,
            kind: PhantomData,
        }
    }

    /// All fields: those that are built in, in their order, then the company's own.
    ///
    /// # Errors
    /// Forbidden; as the database fails.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<FieldDefinition>, Error> {
        caller.require(READ)?;
        let kind = R::description();
        let mut tx = self.db.read(caller).await?;
        let own = store::all(&mut tx, caller.company_id(), kind.many).await?;
        let built_in = kind.leaves.iter().filter(|leaf| leaf.public).enumerate();
        let built_in = built_in.filter_map(|(at, leaf)| definition::built_in(leaf, at));
        Ok(built_in
            .chain(own.into_iter().map(Definition::into_message))
            .collect())
    }

    /// Defines a field.
    ///
    /// # Errors
    /// Invalid names every bad part; Exists when the key is taken; Refused when there are too many.
    pub async fn create(&self, caller: &Caller, message: FieldDefinition) -> Result<FieldDefinition, Error> {
        caller.require(MANAGE)?;
        let (kind, company) = (R::description(), caller.company_id());
        let mut tx = self.db.begin(caller).await?;
        store::lock_all(&mut tx, company, kind.many).await?;
        let fields = Fields::new(kind, store::all(&mut tx, company, kind.many).await?);
        let last = fields.own().iter().map(|own| own.position).max();
        let mut errors = FieldErrors::new();
        let definition = Definition::of(
            message,
            last.map_or(0, |last| last.saturating_add(1)),
            &mut errors,
        );
        errors.into_result()?;
        // Also the name of the currency beside money: two fields of one name could not be told apart.
        let taken = Fields::new(kind, vec![definition.clone()]);
        let taken = taken
            .leaves()
            .any(|leaf| leaf.name.starts_with("custom_fields.") && fields.position(leaf.name).is_some());
        if taken || kind.public(&definition.key).is_some() {
            let message = format!("There is a field {} already.", definition.key);
            return Err(Error::exists("field_exists", message));
        }
        if fields.own().len() >= MOST {
            return Err(Error::refused(
                "too_many_fields",
                format!("A company has at most {MOST} fields of its own."),
            ));
        }
        store::save(&mut tx, company, kind.many, &definition).await?;
        note::<R>(&mut tx, caller, "created", &definition).await?;
        tx.commit().await?;
        forget::<R>(company);
        Ok(definition.into_message())
    }

    /// Changes a field. Its key and type stay. What records have stays as it is, also a word that is no choice any more.
    ///
    /// # Errors
    /// NotFound, Stale; Invalid names every bad part.
    pub async fn update(
        &self,
        caller: &Caller,
        key: &str,
        message: FieldDefinition,
        mask: Option<&FieldMask>,
        etag: &str,
    ) -> Result<FieldDefinition, Error> {
        caller.require(MANAGE)?;
        let (kind, company) = (R::description(), caller.company_id());
        let mut tx = self.db.begin(caller).await?;
        let before = store::lock(&mut tx, company, kind.many, key)
            .await?
            .ok_or_else(|| missing::<R>(key))?;
        Error::unless_stale(etag, &before.version.to_string())?;
        let mut errors = FieldErrors::new();
        let mut after = before.patched(message, mask, &mut errors);
        errors.into_result()?;
        if after != before {
            after.version += 1;
            store::save(&mut tx, company, kind.many, &after).await?;
            note::<R>(&mut tx, caller, "updated", &after).await?;
            tx.commit().await?;
            forget::<R>(company);
        }
        Ok(after.into_message())
    }

    /// Removes a field and its values.
    ///
    /// # Errors
    /// NotFound, Stale.
    pub async fn delete(&self, caller: &Caller, key: &str, etag: &str) -> Result<(), Error> {
        caller.require(MANAGE)?;
        let (kind, company) = (R::description(), caller.company_id());
        let mut tx = self.db.begin(caller).await?;
        let definition = store::lock(&mut tx, company, kind.many, key)
            .await?
            .ok_or_else(|| missing::<R>(key))?;
        Error::unless_stale(etag, &definition.version.to_string())?;
        store::remove(&mut tx, company, kind.many, kind.table, key).await?;
        note::<R>(&mut tx, caller, "deleted", &definition).await?;
        tx.commit().await?;
        forget::<R>(company);
        Ok(())
    }
}

/// Tells the audit log of a field: `things.tier`.
async fn note<R: Record>(
    tx: &mut TenantTx,
    caller: &Caller,
    action: &str,
    definition: &Definition,
) -> Result<(), Error> {
    let id = format!("{}.{}", R::description().many, definition.key);
    let deed = Deed {
        resource: "field",
        action,
        id: &id,
        name: &definition.label,
    };
    setup::note(tx, caller, deed, OffsetDateTime::now_utc()).await
}

/// A field that is not the company's own; one that is built in can't be changed.
fn missing<R: Record>(key: &str) -> Error {
    match R::description().public(key) {
        Some(_) => Error::refused("built_in_field", "A field that is built in can't be changed."),
        None => Error::not_found("field"),
    }
}
