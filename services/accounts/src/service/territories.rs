//! The use-cases of territories.

use kontor_chassis::{Caller, Error, FieldErrors, TenantTx};
use kontor_events::{Outgoing, outbox};
use kontor_proto::{accounts::v1, records::v1::ListQuery};
use kontor_records::{
    Record, fields,
    query::{self, Page},
    refs,
    territories::{self, Placed},
    write::{self, Which},
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Accounts;
use crate::{error, model::Account, store, territory::Territory};

pub(super) const MANAGE: &str = "territories:manage";
pub(super) const READ: &str = "territories:read";

impl Accounts {
    /// A page of territories.
    ///
    /// # Errors
    /// Invalid names every bad parameter.
    pub async fn list_territories(
        &self,
        caller: &Caller,
        query: &ListQuery,
    ) -> Result<Page<v1::Territory>, Error> {
        query::page::<Territory>(&self.db, caller, query).await
    }

    /// A territory.
    ///
    /// # Errors
    /// NotFound.
    pub async fn territory(&self, caller: &Caller, id: &str) -> Result<Territory, Error> {
        let id = write::parse_id(id)?;
        let mut tx = self.db.read(caller).await?;
        write::get(&mut tx, caller, id).await
    }

    /// Makes a territory.
    ///
    /// # Errors
    /// Invalid names every bad field; Refused a reference to what isn't there.
    pub async fn create_territory(
        &self,
        caller: &Caller,
        message: v1::Territory,
        now: OffsetDateTime,
    ) -> Result<Territory, Error> {
        caller.require(MANAGE)?;
        let mut errors = FieldErrors::new();
        let mut territory = Territory::create(
            message,
            &fields::built_in::<Territory>(),
            caller,
            now,
            &mut errors,
        );
        territory.settle(&mut errors);
        errors.into_result()?;
        let mut tx = self.db.begin(caller).await?;
        store::lock_territories(&mut tx, caller.company_id()).await?;
        self.check_territory(&mut tx, caller, None, &territory).await?;
        let territory = tell(&mut tx, caller, &territory, "created", Vec::new()).await?;
        tx.commit().await?;
        self.settled(caller, &territory).await;
        Ok(territory)
    }

    /// Changes the fields of a territory that the mask names. Records stay where they are.
    ///
    /// # Errors
    /// As [`Self::create_territory`]; NotFound; Stale when the etag isn't the territory's; Refused when it would be part of
    /// itself.
    pub async fn update_territory(
        &self,
        caller: &Caller,
        request: v1::UpdateTerritoryRequest,
        now: OffsetDateTime,
    ) -> Result<Territory, Error> {
        caller.require(MANAGE)?;
        let v1::UpdateTerritoryRequest {
            id,
            territory,
            update_mask,
            etag,
        } = request;
        let id = write::parse_id(&id)?;
        let mut tx = self.db.begin(caller).await?;
        let before = hold(&mut tx, caller, id).await?;
        before.match_etag(&etag)?;
        let mut errors = FieldErrors::new();
        let (mut message, fields) = (territory.unwrap_or_default(), fields::built_in::<Territory>());
        if update_mask.is_some() {
            // Null clears: then members have no turns.
            message
                .assignment
                .get_or_insert(v1::TerritoryAssignment::None.into());
        }
        let mut after = before.patch(message, update_mask.as_ref(), &fields, &mut errors);
        after.settle(&mut errors);
        errors.into_result()?;
        self.check_territory(&mut tx, caller, Some(&before), &after)
            .await?;
        let after = save(&mut tx, caller, &before, after, now).await?;
        tx.commit().await?;
        self.settled(caller, &after).await;
        Ok(after)
    }

    /// Deletes a territory, and takes its records out of it. Those that are part of it become part of the one that it was
    /// part of.
    ///
    /// # Errors
    /// NotFound; Stale when the etag isn't the territory's.
    pub async fn delete_territory(
        &self,
        caller: &Caller,
        id: &str,
        etag: &str,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        caller.require(MANAGE)?;
        let id = write::parse_id(id)?;
        let mut tx = self.db.begin(caller).await?;
        let mut territory = hold(&mut tx, caller, id).await?;
        territory.match_etag(etag)?;
        let map = territories::load(&mut tx, caller.company_id()).await?;
        for part in map.parts(id) {
            let before = hold(&mut tx, caller, part).await?;
            let after = Territory {
                parent_id: territory.parent_id,
                ..before.clone()
            };
            save(&mut tx, caller, &before, after, now).await?;
        }
        territory.set_deleted_at(Some(now));
        territory.touch(caller.user_id(), now);
        tell(&mut tx, caller, &territory, "deleted", Vec::new()).await?;
        let gone = [territory.told(caller, "deleted", Vec::new())];
        territories::empty::<Account>(&mut tx, &self.territories, caller.company_id(), &gone).await?;
        tx.commit().await?;
        self.settled(caller, &territory).await;
        Ok(())
    }

    /// The territory that a record with these values would get, and the rule that says so.
    ///
    /// # Errors
    /// Invalid names every bad field.
    pub async fn match_territory(
        &self,
        caller: &Caller,
        request: v1::MatchTerritoryRequest,
        now: OffsetDateTime,
    ) -> Result<Option<(Territory, String)>, Error> {
        caller.require(READ)?;
        let account = imagined(caller, request, now)?;
        let mut tx = self.db.read(caller).await?;
        let map = territories::load(&mut tx, caller.company_id()).await?;
        let facts = account.facts();
        let Some(place) = map.place(&facts) else {
            return Ok(None);
        };
        let territory = write::get(&mut tx, caller, place.id).await?;
        Ok(Some((territory, place.rules.words(&facts))))
    }

    /// Sees to it that the next record is placed by a territory as it is now.
    pub(super) async fn settled(&self, caller: &Caller, territory: &Territory) {
        self.territories.forget(caller.company_id());
        self.homes.known_to_leads(caller, territory).await;
    }

    /// Checks what a territory refers to, and that it isn't part of itself.
    async fn check_territory(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        before: Option<&Territory>,
        after: &Territory,
    ) -> Result<(), Error> {
        refs::check(tx, caller, before, after, &self.homes).await?;
        let Some(parent) = after.parent_id else {
            return Ok(());
        };
        let map = territories::load(tx, caller.company_id()).await?;
        if map.within(after.id).contains(&parent) {
            return Err(error::Error::TerritoryLoop.into());
        }
        Ok(())
    }
}

/// The account of a request that asks where it would belong.
fn imagined(
    caller: &Caller,
    request: v1::MatchTerritoryRequest,
    now: OffsetDateTime,
) -> Result<Account, Error> {
    let v1::MatchTerritoryRequest {
        address,
        industry,
        employee_count,
        annual_revenue,
    } = request;
    let message = v1::Account {
        name: "imagined".to_owned(),
        billing_address: address,
        industry,
        employee_count,
        annual_revenue,
        ..v1::Account::default()
    };
    let mut errors = FieldErrors::new();
    let account = Account::create(message, &fields::built_in::<Account>(), caller, now, &mut errors);
    let mut faults = errors.into_vec();
    for fault in &mut faults {
        if let Some(field) = fault.field.strip_prefix("billing_") {
            fault.field = field.to_owned().into();
        }
    }
    FieldErrors::from(faults).into_result()?;
    Ok(account)
}

/// A territory that nobody else changes until the transaction ends.
pub(super) async fn hold(tx: &mut TenantTx, caller: &Caller, id: Uuid) -> Result<Territory, Error> {
    let company = caller.company_id();
    store::lock_territories(tx, company).await?;
    // Who manages territories may see them, whatever else the role says.
    write::get(tx, &Caller::system(company), id).await
}

/// Writes and tells what differs, and answers the territory as it is then.
pub(super) async fn save(
    tx: &mut TenantTx,
    caller: &Caller,
    before: &Territory,
    mut after: Territory,
    now: OffsetDateTime,
) -> Result<Territory, Error> {
    let fields = before.changed_fields(&after);
    if fields.is_empty() {
        return Ok(after);
    }
    after.touch(caller.user_id(), now);
    tell(tx, caller, &after, "updated", fields).await
}

/// Tells of a territory, writes what is told into our own table as everybody does who hears it, and answers the territory
/// as it is kept.
async fn tell(
    tx: &mut TenantTx,
    caller: &Caller,
    territory: &Territory,
    action: &str,
    fields: Vec<String>,
) -> Result<Territory, Error> {
    let company = caller.company_id();
    let changes = vec![territory.told(caller, action, fields)];
    territories::keep(tx, company, &changes).await?;
    // Nobody else needs to hear of it.
    store::note_territory_maker(tx, territory).await?;
    let event = v1::TerritoriesChanged { changes };
    let event = Outgoing::new(company, caller.user_id(), &event)
        .about(territory.id)
        .asked_from(caller.origin());
    outbox::put(tx, &[event]).await?;
    let kept = write::find(tx, &Caller::system(company), territory.id, Which::Any).await?;
    kept.ok_or_else(|| Error::internal("a territory that was written is not there"))
}
