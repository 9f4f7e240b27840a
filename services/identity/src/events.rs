//! What identity tells the other services.

use kontor_chassis::TenantTx;
use kontor_events::{Outgoing, outbox};
use kontor_proto::identity::v1::{
    CompanyChanged, CompanyCreated, CurrenciesChanged, CurrencyRate, MembersChanged, RecordsHandedOver,
};
use kontor_proto::records::v1::RecordChange;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::model::company::Company;
use crate::model::person::Person;

/// What happened to a member.
pub(crate) struct MemberChange<'a> {
    pub(crate) person: &'a Person,
    pub(crate) version: i64,
    pub(crate) active: bool,
    pub(crate) action: &'static str,
    pub(crate) fields: &'a [&'static str],
}

/// Tells of a new company and its first member. Other services have to make what a company begins with, so it waits in
/// the outbox until one takes it.
pub(crate) async fn company_founded(
    tx: &mut TenantTx,
    company: &Company,
    founder: &Person,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let created = CompanyCreated {
        company_id: company.id.to_string(),
        name: company.name.clone(),
        currency: company.currency.clone(),
        time_zone: company.time_zone.clone(),
    };
    let member = MemberChange {
        person: founder,
        version: 1,
        active: true,
        action: "created",
        fields: &[],
    };
    let told = [
        Outgoing::new(company.id, Some(founder.id), &created)
            .about(company.id)
            .addressed(),
        members_changed(company.id, founder.id, &member, now),
    ];
    outbox::put(tx, &told).await
}

/// Tells of a change of a company.
pub(crate) async fn company_changed(
    tx: &mut TenantTx,
    company: &Company,
    by: Option<Uuid>,
) -> Result<(), sqlx::Error> {
    let changed = CompanyChanged {
        company_id: company.id.to_string(),
        name: company.name.clone(),
        currency: company.currency.clone(),
        time_zone: company.time_zone.clone(),
        version: company.version,
    };
    outbox::put(tx, &[Outgoing::new(company.id, by, &changed).about(company.id)]).await
}

/// Tells what a company counts in; `rates` are all there are now, as currency and decimal string.
pub(crate) async fn currencies_changed(
    tx: &mut TenantTx,
    company: &Company,
    rates: Vec<(String, String)>,
    by: Option<Uuid>,
) -> Result<(), sqlx::Error> {
    let changed = CurrenciesChanged {
        company_id: company.id.to_string(),
        currency: company.currency.clone(),
        rates: rates
            .into_iter()
            .map(|(currency, rate)| CurrencyRate { currency, rate })
            .collect(),
        version: company.version,
    };
    outbox::put(tx, &[Outgoing::new(company.id, by, &changed).about(company.id)]).await
}

/// Tells of a change of one member.
pub(crate) async fn member_changed(
    tx: &mut TenantTx,
    company_id: Uuid,
    by: Uuid,
    change: MemberChange<'_>,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    outbox::put(tx, &[members_changed(company_id, by, &change, now)]).await
}

/// Tells that all that a member owns is another's from now on. Services have to act on it, so it waits until one takes it.
pub(crate) async fn handed_over(
    tx: &mut TenantTx,
    company_id: Uuid,
    by: Uuid,
    from: Uuid,
    to: Uuid,
) -> Result<(), sqlx::Error> {
    let handed_over = RecordsHandedOver {
        from_user_id: from.to_string(),
        to_user_id: to.to_string(),
        by: by.to_string(),
    };
    let told = Outgoing::new(company_id, Some(by), &handed_over)
        .about(from)
        .addressed();
    outbox::put(tx, &[told]).await
}

fn members_changed(company_id: Uuid, by: Uuid, change: &MemberChange<'_>, now: OffsetDateTime) -> Outgoing {
    let MemberChange {
        person,
        version,
        active,
        action,
        fields,
    } = change;
    let change = RecordChange {
        id: person.id.to_string(),
        name: person.full_name(),
        deleted: !active,
        version: *version,
        action: (*action).to_owned(),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        owner_id: None,
        by: Some(by.to_string()),
        at: Some(crate::grpc::timestamp(now)),
        told: std::collections::HashMap::new(),
    };
    Outgoing::new(
        company_id,
        Some(by),
        &MembersChanged {
            changes: vec![change],
        },
    )
    .about(person.id)
}
