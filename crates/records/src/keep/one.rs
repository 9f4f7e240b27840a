//! One record at a time.

use kontor_chassis::{Caller, Error, FieldErrors, TenantTx};
use kontor_proto::records::v1::ListQuery;
use prost_types::FieldMask;
use time::OffsetDateTime;

use super::keeper::{Edit, Intent, Keeper};
use crate::query::{self, Expansions, Page};
use crate::record::Record;
use crate::write::{self, Change, Which};
use crate::{fields, history, refs};

/// A change that a request asks for.
#[derive(Debug)]
pub struct Revision<M> {
    /// Of this record.
    pub id: String,
    /// With these values.
    pub message: M,
    /// Of which these count; all that are set without it.
    pub mask: Option<FieldMask>,
    /// If it is still this one; empty for any.
    pub etag: String,
}

/// A page of the records that the caller may read.
///
/// # Errors
/// As [`query::page`].
pub async fn list<K: Keeper>(
    keeper: &K,
    caller: &Caller,
    query: &ListQuery,
) -> Result<Page<<K::Record as Record>::Message>, Error> {
    query::page::<K::Record>(keeper.db(), caller, query).await
}

/// A record, with the summaries that `expand` names.
///
/// # Errors
/// NotFound; Invalid for an unknown summary.
pub async fn get<K: Keeper>(
    keeper: &K,
    caller: &Caller,
    id: &str,
    expand: &str,
) -> Result<<K::Record as Record>::Message, Error> {
    let id = write::parse_id(id)?;
    let kind = K::Record::description();
    let mut errors = FieldErrors::new();
    let expansions = Expansions::of(expand, kind, &mut errors);
    errors.into_result()?;
    let mut tx = keeper.db().read(caller).await?;
    let record: K::Record = write::get(&mut tx, caller, id).await?;
    let mut shown = query::show(&mut tx, vec![record], &expansions).await?;
    shown.pop().ok_or_else(|| Error::not_found(kind.one))
}

/// What was changed in a record, newest first.
///
/// # Errors
/// NotFound; Invalid for a bad page.
pub async fn history<K: Keeper>(
    keeper: &K,
    caller: &Caller,
    id: &str,
    page_size: i32,
    page_token: &str,
) -> Result<history::Page, Error> {
    let id = write::parse_id(id)?;
    let mut tx = keeper.db().read(caller).await?;
    history::list::<K::Record>(&mut tx, caller, id, page_size, page_token).await
}

/// Makes a record.
///
/// # Errors
/// Invalid names every bad field; Refused a reference to what isn't there; what the service's rules say.
pub async fn create<K: Keeper>(
    keeper: &K,
    caller: &Caller,
    message: <K::Record as Record>::Message,
    now: OffsetDateTime,
) -> Result<K::Record, Error> {
    let said = K::said(&message, None);
    let mut tx = keeper.db().begin(caller).await?;
    keeper.hold(&mut tx, caller, Intent::Create(&message)).await?;
    let fields = fields::of::<K::Record>(&mut tx, caller.company_id()).await?;
    let mut errors = FieldErrors::new();
    let mut record = K::Record::create(message, &fields, caller, now, &mut errors);
    errors.into_result()?;
    keeper.check(&mut tx, caller, None, &record, &[]).await?;
    let edit = Edit {
        caller,
        now,
        before: None,
        said,
    };
    keeper.settle(&mut tx, edit, &mut record).await?;
    let change = Change::new(caller, now, "created").on_conflict(K::meaning);
    let record = write::insert(&mut tx, &record, change).await?;
    appeared(keeper, tx, record, now).await
}

/// Changes the fields of a record that the mask names.
///
/// # Errors
/// As [`create`]; NotFound, Forbidden; Stale when the etag isn't the record's.
pub async fn update<K: Keeper>(
    keeper: &K,
    caller: &Caller,
    revision: Revision<<K::Record as Record>::Message>,
    now: OffsetDateTime,
) -> Result<K::Record, Error> {
    let Revision {
        id,
        message,
        mut mask,
        etag,
    } = revision;
    let id = write::parse_id(&id)?;
    let said = K::said(&message, mask.as_mut());
    let mut tx = keeper.db().begin(caller).await?;
    keeper.hold(&mut tx, caller, Intent::Update(&message)).await?;
    let before: K::Record = write::get_for_update(&mut tx, caller, id, "update", Which::Present).await?;
    before.match_etag(&etag)?;
    let fields = fields::of::<K::Record>(&mut tx, caller.company_id()).await?;
    let mut errors = FieldErrors::new();
    let mut after = before.patch(message, mask.as_ref(), &fields, &mut errors);
    errors.into_result()?;
    let asked = mask.map(|mask| mask.paths).unwrap_or_default();
    keeper
        .check(&mut tx, caller, Some(&before), &after, &asked)
        .await?;
    let edit = Edit {
        caller,
        now,
        before: Some(&before),
        said,
    };
    keeper.settle(&mut tx, edit, &mut after).await?;
    let change = Change::new(caller, now, "updated").on_conflict(K::meaning);
    let record = write::update(&mut tx, &before, after, change).await?;
    tx.commit().await?;
    Ok(record)
}

/// Deletes a record softly.
///
/// # Errors
/// NotFound, Forbidden, Stale; what the service says of its state.
pub async fn delete<K: Keeper>(
    keeper: &K,
    caller: &Caller,
    id: &str,
    etag: &str,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let id = write::parse_id(id)?;
    let mut tx = keeper.db().begin(caller).await?;
    let record: K::Record = write::get_for_update(&mut tx, caller, id, "delete", Which::Present).await?;
    record.match_etag(etag)?;
    keeper.may_delete(&record)?;
    write::delete(&mut tx, &record, Change::new(caller, now, "deleted")).await?;
    tx.commit().await
}

/// Brings a deleted record back; one that isn't deleted stays as it is.
///
/// # Errors
/// NotFound, Forbidden, Stale; Conflict for one that was merged into another.
pub async fn restore<K: Keeper>(
    keeper: &K,
    caller: &Caller,
    id: &str,
    etag: &str,
    now: OffsetDateTime,
) -> Result<K::Record, Error> {
    let id = write::parse_id(id)?;
    let mut tx = keeper.db().begin(caller).await?;
    keeper.hold(&mut tx, caller, Intent::Restore).await?;
    let record: K::Record = write::get_for_update(&mut tx, caller, id, "delete", Which::Any).await?;
    record.match_etag(etag)?;
    let record = keeper.returning(&mut tx, caller, record, now).await?;
    let record = write::restore(&mut tx, &record, Change::new(caller, now, "restored")).await?;
    appeared(keeper, tx, record, now).await
}

/// Commits that a record is there, with what follows.
async fn appeared<K: Keeper>(
    keeper: &K,
    mut tx: TenantTx,
    mut record: K::Record,
    now: OffsetDateTime,
) -> Result<K::Record, Error> {
    let later = keeper.appeared(&mut tx, &mut record, now).await?;
    tx.commit().await?;
    if let Some(later) = later {
        later();
    }
    Ok(record)
}

/// Gives a record to a member.
///
/// # Errors
/// NotFound, Forbidden, Stale; Refused when the owner is no active member; what the service says of its state.
pub async fn assign_owner<K: Keeper>(
    keeper: &K,
    caller: &Caller,
    id: &str,
    owner_id: &str,
    etag: &str,
    now: OffsetDateTime,
) -> Result<K::Record, Error> {
    let id = write::parse_id(id)?;
    let owner = refs::required("owner_id", owner_id)?;
    let mut tx = keeper.db().begin(caller).await?;
    let before: K::Record = write::get_for_update(&mut tx, caller, id, "update", Which::Present).await?;
    before.match_etag(etag)?;
    let mut after = before.clone();
    after.set_owner_id(Some(owner));
    let asked = ["owner_id".to_owned()];
    keeper
        .check(&mut tx, caller, Some(&before), &after, &asked)
        .await?;
    let record = write::update(&mut tx, &before, after, Change::new(caller, now, "assigned")).await?;
    tx.commit().await?;
    Ok(record)
}
