//! A new person with a new company.

use kontor_chassis::TenantTx;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Identity, SignedIn, as_founder};
use crate::error::Error;
use crate::events;
use crate::model::company::{Company, CompanyChange, Membership};
use crate::model::email::Email;
use crate::model::fields::Reader;
use crate::model::letter::Letter;
use crate::model::password::Identity as Named;
use crate::model::permission::BuiltIn;
use crate::model::person::{LONGEST_NAME, Person};
use crate::model::session::{Origin, Session};
use crate::model::throttle::{Action, Attempt};
use crate::store;
use crate::store::companies::NewRole;

/// What a person fills in.
pub(crate) struct Registration {
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) company_name: String,
    pub(crate) currency: Option<String>,
}

impl Identity {
    /// Makes person and company, mails the link that proves the address, and signs in.
    pub(crate) async fn register(
        &self,
        form: Registration,
        origin: Origin,
        now: OffsetDateTime,
    ) -> Result<SignedIn, Error> {
        let (email, person, company) = read(&form, now)?;

        let attempt = Attempt::new(Action::Register, &email.key(), origin.address.as_deref());
        self.attempt(&attempt, now).await?;
        // Before the costly part; the unique key decides between two that come at once.
        let mut tx = self.db.unscoped().await?;
        if store::people::is_taken(&mut tx, &email).await? {
            return Err(Error::EmailTaken);
        }
        drop(tx);
        let password_hash = self.hasher.hash(&form.password).await?;

        let founder = as_founder(person.id, company.id);
        let mut tx = self.db.begin(&founder).await?;
        if !store::people::insert(&mut tx, &person, &email, &password_hash).await? {
            return Err(Error::EmailTaken);
        }
        let membership = found(&mut tx, &company, &person, now).await?;
        let session = Session::begin(Uuid::now_v7(), person.id, company.id, origin, now);
        store::sessions::insert(&mut tx, &session).await?;
        let tokens = self.issue(&mut tx, &session, &membership, now).await?;
        store::mails::put(&mut tx, email.as_str(), &Letter::VerifyEmail, now).await?;
        tx.commit().await?;
        // Who learned nothing has tried nothing.
        self.succeeded(&attempt).await?;
        Ok(SignedIn {
            person,
            company,
            memberships: vec![membership.clone()],
            membership,
            tokens,
        })
    }
}

/// Writes a company with its roles and its first member, who is its admin, and tells of it.
pub(super) async fn found(
    tx: &mut TenantTx,
    company: &Company,
    person: &Person,
    now: OffsetDateTime,
) -> Result<Membership, Error> {
    store::companies::insert(tx, company).await?;
    let roles = BuiltIn::ALL.map(|role| NewRole {
        id: Uuid::now_v7(),
        name: role.name(),
    });
    store::companies::insert_built_in_roles(tx, company.id, &roles, now).await?;
    let [admin, ..] = &roles;
    let grant_id = store::members::insert(tx, company.id, person.id, admin.id, now).await?;
    events::company_founded(tx, company, person, now).await?;
    Ok(Membership {
        company_id: company.id,
        company_name: company.name.clone(),
        role: admin.name.to_owned(),
        built_in: true,
        permissions: Vec::new(),
        grant_id,
        sso_enforced: false,
        joined_at: now,
    })
}

/// Reads the form, every bad field named.
fn read(form: &Registration, now: OffsetDateTime) -> Result<(Email, Person, Company), Error> {
    let Registration {
        email,
        password,
        first_name,
        last_name,
        company_name,
        currency,
    } = form;
    let mut reader = Reader::default();
    let email = reader.email("email", email);
    reader.new_password(
        "password",
        password,
        &Named {
            email: email.as_ref(),
            names: &[first_name, last_name, company_name],
        },
    );
    let first_name = reader
        .required("first_name", first_name, LONGEST_NAME)
        .unwrap_or_default();
    let last_name = reader
        .required("last_name", last_name, LONGEST_NAME)
        .unwrap_or_default();
    let given = CompanyChange {
        name: Some(company_name.clone()),
        currency: currency.clone(),
        ..CompanyChange::default()
    };
    let company = given.read_into(Company::unnamed(Uuid::now_v7(), now), "company_name", &mut reader);
    reader.finish()?;
    let email = email.ok_or(Error::InvalidCredentials)?;
    let person = Person {
        id: Uuid::now_v7(),
        email: email.as_str().to_owned(),
        email_verified_at: None,
        first_name,
        last_name,
        phone: None,
        job_title: None,
        time_zone: None,
        locale: None,
        avatar_url: None,
        totp_enabled: false,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    Ok((email, person, company))
}
