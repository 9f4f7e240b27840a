//! `kontor demo`: a small invented company, loaded through the public API as a user would enter it.
//!
//! What is there already is left alone, so that a load that broke off is finished by running it again.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Iso8601};

/// The address that signs in to the demonstration company.
pub const EMAIL: &str = "demo@kontor.example";
/// Its password where nobody but this machine can reach the gateway.
pub const PASSWORD: &str = "look-around-first";

const ACCOUNTS: &str = include_str!("../demo/accounts.json");
const CONTACTS: &str = include_str!("../demo/contacts.json");
const DEALS: &str = include_str!("../demo/deals.json");
const LEADS: &str = include_str!("../demo/leads.csv");

/// Leads that have come so far already.
const WON_OVER: [&str; 2] = [
    "samuel.adler@deltafreight.example",
    "jonas.weber@weberwerk.example",
];
const QUALIFIED: [&str; 2] = ["kwame.mensah@goldcoast.example", "freya.jensen@havblik.example"];
const LOST: [&str; 1] = ["hannah.beck@beckprinting.example"];

/// What stands in the company after a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loaded {
    /// Accounts.
    pub accounts: usize,
    /// Contacts.
    pub contacts: usize,
    /// Leads.
    pub leads: usize,
    /// Deals.
    pub deals: usize,
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            accounts,
            contacts,
            leads,
            deals,
        } = self;
        write!(
            f,
            "{accounts} accounts, {contacts} contacts, {leads} leads, {deals} deals"
        )
    }
}

/// Loads the company into the suite whose gateway is at `base` (`http://127.0.0.1:8080`).
///
/// # Errors
/// When the gateway can't be reached or refuses a step; the message names the step and the refusal's code.
pub async fn load(base: &str, password: &str) -> Result<Loaded> {
    let mut api = Api {
        client: Client::builder().timeout(Duration::from_secs(60)).build()?,
        base: format!("{}/api/v1", base.trim_end_matches('/')),
        token: String::new(),
    };
    api.sign_in(password).await?;
    let accounts = load_records(&api, "accounts", "name", ACCOUNTS, &HashMap::new()).await?;
    let contacts = load_records(&api, "contacts", "email", CONTACTS, &accounts).await?;
    let leads = load_leads(&api).await?;
    load_records(&api, "deals", "name", DEALS, &accounts).await?;
    move_leads_on(&api, &leads).await?;
    // Converting made some more.
    let [accounts, contacts, deals] = [
        api.known("accounts", "name").await?.len().max(accounts.len()),
        api.known("contacts", "email").await?.len().max(contacts.len()),
        api.known("deals", "name").await?.len(),
    ];
    Ok(Loaded {
        accounts,
        contacts,
        leads: leads.len(),
        deals,
    })
}

struct Api {
    client: Client,
    base: String,
    token: String,
}

impl Api {
    async fn sign_in(&mut self, password: &str) -> Result<()> {
        let person = json!({
            "email": EMAIL,
            "password": password,
            "first_name": "Robin",
            "last_name": "Sample",
            "company_name": "Sample Trading",
        });
        let (status, answer) = self.send(Method::POST, "/auth/register", Some(&person)).await?;
        let answer = if status == StatusCode::CONFLICT {
            let login = json!({"email": EMAIL, "password": password});
            self.expect(Method::POST, "/auth/login", Some(&login)).await?
        } else {
            accepted("POST /auth/register", status, answer)?
        };
        let token = answer["tokens"]["access_token"]
            .as_str()
            .context("the sign-in gave no access token")?;
        token.clone_into(&mut self.token);
        Ok(())
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, Value)> {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        read(request).await
    }

    async fn expect(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let step = format!("{method} {path}");
        let (status, answer) = self.send(method, path, body).await?;
        accepted(&step, status, answer)
    }

    /// The first page of a resource: each record's id by the text of `key`.
    async fn known(&self, resource: &str, key: &str) -> Result<HashMap<String, String>> {
        let path = format!("/{resource}?page_size=200&include_total=false");
        let answer = self.expect(Method::GET, &path, None).await?;
        let records = answer[resource]
            .as_array()
            .with_context(|| format!("the list of {resource} has no {resource}"))?;
        Ok(records
            .iter()
            .filter_map(|record| Some((text(record, key)?, text(record, "id")?)))
            .collect())
    }
}

async fn read(request: reqwest::RequestBuilder) -> Result<(StatusCode, Value)> {
    let response = request.send().await.context("calling the gateway")?;
    let status = response.status();
    let body = response.bytes().await.context("reading the gateway's answer")?;
    let answer = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&body).context("reading JSON")?
    };
    Ok((status, answer))
}

fn accepted(step: &str, status: StatusCode, answer: Value) -> Result<Value> {
    if status.is_success() {
        return Ok(answer);
    }
    bail!(
        "{step} answered {status}: {} {}",
        answer["code"],
        answer["detail"]
    )
}

fn text(record: &Value, key: &str) -> Option<String> {
    record[key].as_str().map(str::to_owned)
}

/// Creates what of `file` is not known yet by `key`; `account` in it becomes the id of the account of that name.
async fn load_records(
    api: &Api,
    resource: &str,
    key: &str,
    file: &str,
    accounts: &HashMap<String, String>,
) -> Result<HashMap<String, String>> {
    let mut known = api.known(resource, key).await?;
    let records: Vec<Map<String, Value>> = serde_json::from_str(file)?;
    for mut record in records {
        let name = record
            .get(key)
            .and_then(Value::as_str)
            .context("a demo record without its key")?
            .to_owned();
        if known.contains_key(&name) {
            continue;
        }
        if let Some(account) = record.remove("account") {
            let id = account
                .as_str()
                .and_then(|name| accounts.get(name))
                .context("a demo record without account")?;
            record.insert("account_id".to_owned(), json!(id));
        }
        if let Some(days) = record.remove("in_days") {
            let close = OffsetDateTime::now_utc() + time::Duration::days(days.as_i64().unwrap_or(30));
            record.insert(
                "expected_close_date".to_owned(),
                json!(close.date().format(&Iso8601::DATE)?),
            );
        }
        let made = api
            .expect(
                Method::POST,
                &format!("/{resource}"),
                Some(&Value::Object(record)),
            )
            .await?;
        known.insert(name, text(&made, "id").context("a created record without id")?);
    }
    Ok(known)
}

/// Imports the leads from CSV, as a company does that moves in. Known addresses are skipped by the import itself.
async fn load_leads(api: &Api) -> Result<HashMap<String, String>> {
    let request = api
        .client
        .post(format!("{}/leads/import?wait_seconds=30", api.base))
        .bearer_auth(&api.token)
        .header("content-type", "text/csv; charset=utf-8")
        .body(LEADS);
    let (status, job) = read(request).await?;
    let job = accepted("POST /leads/import", status, job)?;
    if job["failed"].as_i64().unwrap_or(0) > 0 || job["state"] == "failed" {
        bail!("the import of leads refused rows: {}", job["errors"]);
    }
    api.known("leads", "email").await
}

async fn move_leads_on(api: &Api, leads: &HashMap<String, String>) -> Result<()> {
    let no_body = json!({});
    for (emails, action, body) in [
        (QUALIFIED.as_slice(), "qualify", no_body.clone()),
        (
            LOST.as_slice(),
            "disqualify",
            json!({"reason": "No budget this year"}),
        ),
        (WON_OVER.as_slice(), "convert", json!({"wait_seconds": 20})),
    ] {
        for email in emails {
            let id = leads
                .get(*email)
                .with_context(|| format!("the demo's lead {email} is missing"))?;
            let step = format!("/leads/{id}/{action}");
            let (status, answer) = api.send(Method::POST, &step, Some(&body)).await?;
            // Moved on already by the load before: its state does not allow it again.
            if status != StatusCode::CONFLICT {
                accepted(&step, status, answer)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_company_refers_to_itself_only() {
        let parse = |file| serde_json::from_str::<Vec<Value>>(file).unwrap();
        let names: Vec<String> = parse(ACCOUNTS)
            .iter()
            .filter_map(|account| text(account, "name"))
            .collect();
        for record in parse(CONTACTS).into_iter().chain(parse(DEALS)) {
            assert!(names.contains(&text(&record, "account").unwrap()), "{record}");
        }
        for email in WON_OVER.iter().chain(&QUALIFIED).chain(&LOST) {
            assert!(LEADS.contains(email), "{email}");
        }
    }
}
