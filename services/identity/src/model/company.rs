//! A company, who is in it, and what may be changed of it.

use time::OffsetDateTime;
use uuid::Uuid;

use super::fields::Reader;
use super::permission::BuiltIn;
use super::person::LONGEST_NAME;

/// A company.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Company {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) currency: String,
    pub(crate) time_zone: String,
    pub(crate) locale: String,
    pub(crate) fiscal_year_start_month: i16,
    pub(crate) website: Option<String>,
    pub(crate) version: i64,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) updated_at: OffsetDateTime,
}

/// What is given of a company, at its founding or to change it: outer `None` is not given, inner `None` is cleared.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CompanyChange {
    pub(crate) name: Option<String>,
    pub(crate) currency: Option<String>,
    pub(crate) time_zone: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) fiscal_year_start_month: Option<i32>,
    pub(crate) website: Option<Option<String>>,
}

impl Company {
    /// A new company with nothing but its defaults; its name is still to be given.
    pub(crate) fn unnamed(id: Uuid, now: OffsetDateTime) -> Self {
        Self {
            id,
            name: String::new(),
            currency: "USD".to_owned(),
            time_zone: "UTC".to_owned(),
            locale: "en".to_owned(),
            fiscal_year_start_month: 1,
            website: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }
}

impl CompanyChange {
    /// The company with what was given, every bad field noted with the reader; the name under the field it came in.
    pub(crate) fn read_into(
        self,
        mut company: Company,
        name_field: &'static str,
        reader: &mut Reader,
    ) -> Company {
        let Self {
            name,
            currency,
            time_zone,
            locale,
            fiscal_year_start_month,
            website,
        } = self;
        if let Some(name) = name {
            company.name = reader
                .required(name_field, &name, LONGEST_NAME)
                .unwrap_or_default();
        }
        if let Some(currency) = currency {
            company.currency = reader.currency("currency", &currency).unwrap_or_default();
        }
        if let Some(zone) = time_zone {
            company.time_zone = reader.time_zone("time_zone", &zone).unwrap_or_default();
        }
        if let Some(locale) = locale {
            company.locale = reader.locale("locale", &locale).unwrap_or_default();
        }
        if let Some(month) = fiscal_year_start_month {
            match i16::try_from(month) {
                Ok(month @ 1..=12) => company.fiscal_year_start_month = month,
                _ => reader.refuse("fiscal_year_start_month", "out_of_range", "A month is 1 to 12."),
            }
        }
        if let Some(website) = website {
            company.website = reader.website("website", website.as_deref());
        }
        company
    }

    /// The company after a change, every bad field named.
    pub(crate) fn apply(
        self,
        before: &Company,
        now: OffsetDateTime,
    ) -> Result<Company, kontor_chassis::Error> {
        let mut reader = Reader::default();
        let mut after = self.read_into(before.clone(), "name", &mut reader);
        reader.finish()?;
        if after != *before {
            after.version += 1;
            after.updated_at = now;
        }
        Ok(after)
    }
}

impl Membership {
    /// Whether such a session may be in this company. An admin's password always works: a provider that is broken, or was
    /// set wrongly, locks nobody out.
    pub(crate) fn admits(&self, session_of_provider: bool) -> bool {
        let is_admin = self.built_in && self.role == BuiltIn::Admin.name();
        session_of_provider || is_admin || !self.sso_enforced
    }

    /// What the role may do.
    pub(crate) fn held(&self) -> Vec<String> {
        match BuiltIn::named(&self.role).filter(|_| self.built_in) {
            Some(role) => role.permissions(),
            None => self.permissions.clone(),
        }
    }
}

/// A person's active membership with the names that go with it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Membership {
    pub(crate) company_id: Uuid,
    pub(crate) company_name: String,
    pub(crate) role: String,
    pub(crate) built_in: bool,
    pub(crate) permissions: Vec<String>,
    /// Another one follows when the role or what it may do changes.
    pub(crate) grant_id: Uuid,
    /// Whether members other than admins enter through the company's identity provider alone.
    pub(crate) sso_enforced: bool,
    pub(crate) joined_at: OffsetDateTime,
}

/// A role, as far as a member has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleRef {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) built_in: bool,
}

impl RoleRef {
    /// Whether it is the one that a company can't be without.
    pub(crate) fn is_admin(&self) -> bool {
        self.built_in && BuiltIn::named(&self.name) == Some(BuiltIn::Admin)
    }
}

/// A member as the company sees it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    pub(crate) user_id: Uuid,
    pub(crate) email: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) role: String,
    pub(crate) active: bool,
    pub(crate) joined_at: OffsetDateTime,
    pub(crate) version: i64,
}

/// Whether this is a current code of ISO 4217, in capital letters; funds and metals are none.
pub(crate) fn is_currency(code: &str) -> bool {
    CURRENCIES.split_ascii_whitespace().any(|known| known == code)
}

const CURRENCIES: &str = "\
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP \
    CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR \
    ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT \
    MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD \
    SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES \
    VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";
