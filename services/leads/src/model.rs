//! A lead: its fields, described once. Pure.

use kontor_proto::leads::v1;
use kontor_records::{Address, Money, choice, group, record};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::scoring::{Judgement, Known};

choice! {
    /// Where a lead stands.
    pub enum LeadStatus(v1::LeadStatus) {
        /// Nobody has begun.
        New = "new",
        /// Somebody is on it.
        Working = "working",
        /// Worth a deal.
        Qualified = "qualified",
        /// Not worth one, with a reason.
        Disqualified = "disqualified",
        /// Its account, contact and deal are being made.
        Converting = "converting",
        /// They are made.
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
        /// utm_source.
        source: Option<String> = text(200),
        /// utm_medium.
        medium: Option<String> = text(200),
        /// utm_campaign.
        campaign: Option<String> = text(200).import(&["campaign"]),
        /// utm_term.
        term: Option<String> = text(200),
        /// utm_content.
        content: Option<String> = text(200),
    }
}

group! {
    /// What it became.
    pub struct BecameOf(v1::LeadConversionRef) {
        /// The conversion.
        id: Option<Uuid> = reference("conversion"),
        /// The account.
        account_id: Option<Uuid> = reference("account"),
        /// The contact.
        contact_id: Option<Uuid> = reference("contact"),
        /// The deal, when one was wanted.
        deal_id: Option<Uuid> = reference("deal"),
        /// When.
        converted_at: Option<OffsetDateTime> = moment(),
        /// Who.
        converted_by: Option<Uuid> = reference("member"),
    }
}

record! {
    /// A person who may become a customer.
    pub struct Lead(v1::Lead), told by v1::LeadsChanged;
    table "leads.leads", one "lead", many "leads";
    title |lead| full_name(lead.first_name.as_deref(), &lead.last_name);
    fields {
        /// Given name.
        first_name: Option<String> = text(100).import(&["given name", "firstname", "forename"]).search(),
        /// Family name.
        last_name: String = text(100).required().import(&["family name", "surname", "lastname"]).search(),
        /// Both, made by the database.
        full_name: String = text(201).generated().import(&["lead name", "contact name", "contact"]),
        /// E-mail address.
        email: Option<String> = email().import(&["e-mail", "e-mail address", "email address", "work email"]).search(),
        /// Telephone number.
        phone: Option<String> = phone().import(&["phone number", "telephone", "work phone", "phone 1"]).search(),
        /// Mobile number.
        mobile: Option<String> = phone().import(&["mobile phone", "cell phone", "cell", "phone 2"]).search(),
        /// What the person is there.
        title: Option<String> = text(100).import(&["job title", "position", "role"]),
        /// Where the person works.
        company_name: Option<String> = text(200)
            .import(&["company", "organization", "organisation", "account name", "account"])
            .search(),
        /// The web page of that company.
        website: Option<String> = link().import(&["web site", "web page", "url", "homepage"]),
        /// Its industry.
        industry: Option<String> = text(100).import(&["sector"]),
        /// Its employees.
        employee_count: Option<i64> = whole(0, 100_000_000)
            .import(&["employees", "no. of employees", "number of employees", "company size"]),
        /// Its yearly revenue.
        annual_revenue: Option<Money> = money().import(&["revenue", "annual revenue"]),
        /// What may be spent.
        budget: Option<Money> = money(),
        /// When it may be spent.
        timeline: Option<LeadTimeline> = choice(),
        /// How the lead came.
        source: Option<LeadSource> = choice().import(&["lead source", "original source"]),
        /// Where it stands.
        status: LeadStatus = choice().read_only(),
        /// Why it was disqualified.
        disqualified_reason: Option<String> = text(500).read_only(),
        /// The user's own judgement; never derived.
        rating: Option<LeadRating> = choice(),
        /// 0 to 100, by the company's weights.
        score: i32 = whole(0, 100).read_only(),
        /// Where the person is.
        address: Address = group(),
        /// The territory it belongs to.
        territory_id: Option<Uuid> = reference("territory"),
        /// What brought it.
        utm: Utm = group(),
        /// Logged activities.
        activity_count: i32 = whole(0, 1_000_000).read_only(),
        /// When the last one was.
        last_activity_at: Option<OffsetDateTime> = moment().read_only(),
        /// Free text.
        description: Option<String> = lines(10_000).import(&["notes", "comments"]),
        /// What it became.
        conversion: BecameOf = group().read_only(),
        /// The person's page on LinkedIn.
        linkedin_url: Option<String> = link().import(&["linkedin", "linkedin profile"]),
    }
    internal {
        /// A person put it into its territory, or out of all.
        territory_by_hand: bool = flag(),
    }
    computed {}
    expand { owner: owner_id, territory: territory_id }
}

impl Lead {
    /// What of it scores, with the activities logged in the window.
    #[must_use]
    pub fn known(&self, activities: i32) -> Known<'_> {
        Known {
            email: self.email.as_deref(),
            phone: self.phone.as_deref(),
            mobile: self.mobile.as_deref(),
            company_name: self.company_name.as_deref(),
            industry: self.industry.as_deref(),
            revenue_given: self.annual_revenue.is_some(),
            budget_above_zero: self
                .budget
                .as_ref()
                .is_some_and(|budget| budget.amount.is_sign_positive() && !budget.amount.is_zero()),
            judgement: self.rating.map(|rating| match rating {
                LeadRating::Hot => Judgement::Hot,
                LeadRating::Warm => Judgement::Warm,
                LeadRating::Cold => Judgement::Cold,
            }),
            activities,
            created_at: self.created_at,
        }
    }
}

/// First and last name, as the generated column has it.
fn full_name(first_name: Option<&str>, last_name: &str) -> String {
    first_name.map_or_else(
        || last_name.to_owned(),
        |first_name| format!("{first_name} {last_name}"),
    )
}
