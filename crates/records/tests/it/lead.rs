//! A kind of record for the tests of this crate: the leads of the contract, as their own service describes them.

use kontor_proto::leads::v1;
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
