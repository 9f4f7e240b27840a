//! A kind of record for the tests of this crate: it has every kind of field, and a message of its own, so that a field that the
//! contract gains does not touch it.

use kontor_records::{Address, Money, choice, group, record};
use time::OffsetDateTime;
use uuid::Uuid;

choice! {
    /// Where a lead stands.
    pub enum LeadStatus(v1::LeadStatus) {
        New = "new",
        Working = "working",
        Qualified = "qualified",
        Disqualified = "disqualified",
        Converting = "converting",
        Converted = "converted",
    }
}

choice! {
    /// How a lead came.
    pub enum LeadSource(v1::LeadSource) {
        Website = "website",
        Referral = "referral",
        ColdCall = "cold_call",
        EmailCampaign = "email_campaign",
        SocialMedia = "social_media",
        Event = "event",
        Partner = "partner",
        Advertisement = "advertisement",
        Other = "other",
    }
}

choice! {
    /// When the money may be spent.
    pub enum LeadTimeline(v1::LeadTimeline) {
        Immediate = "immediate",
        ThisQuarter = "this_quarter",
        ThisYear = "this_year",
        Later = "later",
        Unknown = "unknown",
    }
}

choice! {
    /// How promising a person thinks a lead is.
    pub enum LeadRating(v1::LeadRating) { Hot = "hot", Warm = "warm", Cold = "cold" }
}

group! {
    /// What brought it.
    pub struct Utm(v1::Utm) {
        source: Option<String> = text(200),
        medium: Option<String> = text(200),
        campaign: Option<String> = text(200),
        term: Option<String> = text(200),
        content: Option<String> = text(200),
    }
}

group! {
    /// What it became.
    pub struct Conversion(v1::LeadConversionRef) {
        id: Option<Uuid> = reference("conversion"),
        account_id: Option<Uuid> = reference("account"),
        contact_id: Option<Uuid> = reference("contact"),
        deal_id: Option<Uuid> = reference("deal"),
        converted_at: Option<OffsetDateTime> = moment(),
        converted_by: Option<Uuid> = reference("member"),
    }
}

record! {
    /// A person who may become a customer.
    pub struct Lead(v1::Lead), told by v1::LeadsChanged;
    table "leads.leads", one "lead", many "leads";
    title |lead| lead.name();
    fields {
        first_name: Option<String> = text(100).import(&["given name", "firstname"]).search(),
        last_name: String = text(100).required().import(&["family name", "surname"]).search(),
        full_name: String = text(201).generated(),
        email: Option<String> = email().import(&["e-mail", "e-mail address"]).search(),
        phone: Option<String> = phone().search(),
        mobile: Option<String> = phone().search(),
        title: Option<String> = text(100).import(&["job title"]),
        company_name: Option<String> = text(200).import(&["company", "organization"]).search(),
        website: Option<String> = link(),
        industry: Option<String> = text(100),
        employee_count: Option<i64> = whole(0, 100_000_000),
        annual_revenue: Option<Money> = money(),
        budget: Option<Money> = money(),
        timeline: Option<LeadTimeline> = choice(),
        source: Option<LeadSource> = choice(),
        status: LeadStatus = choice().read_only(),
        disqualified_reason: Option<String> = text(500).read_only(),
        rating: Option<LeadRating> = choice(),
        score: i32 = whole(0, 100).read_only(),
        address: Address = group(),
        territory_id: Option<Uuid> = reference("territory"),
        utm: Utm = group(),
        activity_count: i32 = whole(0, 1_000_000).read_only(),
        last_activity_at: Option<OffsetDateTime> = moment().read_only(),
        description: Option<String> = lines(10_000),
        conversion: Conversion = group().read_only(),
    }
    computed {}
    expand { owner: owner_id, territory: territory_id }
}

impl Lead {
    fn name(&self) -> String {
        match &self.first_name {
            Some(first) => format!("{first} {}", self.last_name),
            None => self.last_name.clone(),
        }
    }
}

/// The words of the contract, and this crate's own lead.
#[allow(
    unreachable_pub,
    reason = "the message of a record is as public as the record"
)]
pub(crate) mod v1 {
    use kontor_proto::records::v1::{Address, Money, Reference};
    use prost_types::{Struct, Timestamp};

    pub(crate) use kontor_proto::leads::v1::*;

    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Lead {
        pub id: String,
        pub company_id: String,
        pub first_name: Option<String>,
        pub last_name: String,
        pub full_name: String,
        pub email: Option<String>,
        pub phone: Option<String>,
        pub mobile: Option<String>,
        pub title: Option<String>,
        pub company_name: Option<String>,
        pub website: Option<String>,
        pub industry: Option<String>,
        pub employee_count: Option<i64>,
        pub annual_revenue: Option<Money>,
        pub budget: Option<Money>,
        pub timeline: Option<i32>,
        pub source: Option<i32>,
        pub status: i32,
        pub disqualified_reason: Option<String>,
        pub rating: Option<i32>,
        pub score: i32,
        pub address: Option<Address>,
        pub territory_id: Option<String>,
        pub owner_id: Option<String>,
        pub utm: Option<Utm>,
        pub activity_count: i32,
        pub last_activity_at: Option<Timestamp>,
        pub description: Option<String>,
        pub tags: Vec<String>,
        pub custom_fields: Option<Struct>,
        pub conversion: Option<LeadConversionRef>,
        pub created_by: Option<String>,
        pub updated_by: Option<String>,
        pub created_at: Option<Timestamp>,
        pub updated_at: Option<Timestamp>,
        pub deleted_at: Option<Timestamp>,
        pub etag: String,
        pub owner: Option<Reference>,
        pub territory: Option<Reference>,
    }

    impl Lead {
        pub fn source(&self) -> LeadSource {
            self.source
                .and_then(|number| LeadSource::try_from(number).ok())
                .unwrap_or_default()
        }
    }
}
