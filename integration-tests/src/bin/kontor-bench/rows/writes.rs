//! A lead made, a lead changed.

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::json;

use crate::arena::Arena;
use crate::load::Script;
use crate::script::{Pick, Recipe, script};
use crate::sent;
use crate::table::{Demand, Row};
use crate::turns::in_turn;

/// How many leads a run of PATCH takes turns with.
const OWN: usize = 500;

/// `{n}` is another number each time.
const LEAD: &str = r#"{"first_name": "Ada", "last_name": "Number {n}", "email": "made-{n}@example.com", "phone": "+49 30 9018",
    "company_name": "Made {n} Ltd", "title": "Buyer", "industry": "Software", "employee_count": 120, "source": "website",
    "budget": {"amount": "2500.50", "currency": "EUR"}, "rating": "warm", "address": {"city": "Berlin", "country": "DE"}}"#;

pub(super) async fn create(arena: &Arena<'_>) -> Result<Row> {
    let sample: serde_json::Value = serde_json::from_str(&LEAD.replace("{n}", "0"))?;
    // The first lead of a day also sets the day's timer; what follows is the usual case.
    arena.api.post("/leads", sample.clone()).await.expect(201);
    let sent = sent::transaction(
        arena.suite,
        "leads",
        |statement| statement.has("Number 0"),
        async || {
            arena.api.post("/leads", sample.clone()).await.expect(201);
            Ok(())
        },
    )
    .await?;
    let recipe = Recipe {
        known_ids: Some(arena.known_ids()),
        ..Recipe::default()
    };
    let limit = arena.limit("leads").await;
    let measured = in_turn(
        &arena.meter,
        arena.seconds,
        async |turn| {
            let first = (u64::from(turn.number) * 1_000_000).to_string();
            let arguments = ["/api/v1/leads", LEAD, arena.token(), &first];
            arena.wrk(Script::Post, turn.seconds, &arguments).await
        },
        async |turn| {
            arena
                .alone(&limit, script(&sent, &recipe, turn.number), turn.seconds)
                .await
        },
    )
    .await?;
    Ok(Row {
        workload: "create a lead".to_owned(),
        demands: vec![Demand::share(&measured, 0.45), Demand::p99(&measured, 15.0)],
        measured,
        ..Row::default()
    })
}

pub(super) async fn patch(arena: &Arena<'_>) -> Result<Row> {
    let ids = arena.leads(5_000).await?;
    let id = ids.first().context("there are no leads")?;
    let path = format!("/leads/{id}");
    let etag = etag(arena, id).await?;
    let request = || {
        let request = arena.api.request(Method::PATCH, &path).header("if-match", &etag);
        request.json(&json!({"title": "Number 0"}))
    };
    let sent = sent::transaction(
        arena.suite,
        "leads",
        |statement| statement.has("Number 0"),
        async || {
            arena.api.send(request()).await.expect(200);
            Ok(())
        },
    )
    .await?;
    // Each run of wrk has its own leads, and pgbench the others: else the etags would not be known.
    let mut files = Vec::new();
    for (number, part) in ids.chunks(OWN).take(3).enumerate() {
        let mut lines = Vec::new();
        for id in part {
            lines.push(format!("{id} {}", self::etag(arena, id).await?));
        }
        files.push(arena.file(&format!("etags-{number}"), &lines)?);
    }
    let recipe = Recipe {
        picks: vec![Pick {
            sent: id.clone(),
            kind: "uuid",
            values: ids.iter().skip(3 * OWN).cloned().collect(),
        }],
        known_ids: Some(arena.known_ids()),
        // pgbench doesn't know which version a lead has come to.
        instead: vec![("version = $3", "version >= $3")],
    };
    let limit = arena.limit("leads").await;
    let measured = in_turn(
        &arena.meter,
        arena.seconds,
        async |turn| {
            let first = (u64::from(turn.number) * 1_000_000).to_string();
            let file = files[turn.number as usize].as_str();
            arena
                .wrk(Script::Patch, turn.seconds, &[file, arena.token(), &first])
                .await
        },
        async |turn| {
            arena
                .alone(&limit, script(&sent, &recipe, turn.number), turn.seconds)
                .await
        },
    )
    .await?;
    Ok(Row {
        workload: "PATCH with If-Match".to_owned(),
        demands: vec![Demand::share(&measured, 0.45)],
        measured,
        ..Row::default()
    })
}

async fn etag(arena: &Arena<'_>, id: &str) -> Result<String> {
    let answer = arena.api.get(&format!("/leads/{id}")).await;
    let etag = answer
        .header("etag")
        .context("a lead without an etag")?
        .to_owned();
    Ok(etag)
}
