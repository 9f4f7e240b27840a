//! A lead converted, end to end: its account, its contact and its deal exist when the answer comes.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row as _};

use crate::arena::Arena;
use crate::fill::settle;
use crate::limit::Limit;
use crate::load::Script;
use crate::script::{Pick, Recipe, script};
use crate::sent::Statement;
use crate::table::{Demand, Row};
use crate::turns::in_turn;

/// The login role of the limit: it may what the four services may, under the same policies.
const ROLE: &str = "kontor_bench";
const PASSWORD: &str = "of-the-bench";

pub(super) async fn end_to_end(arena: &Arena<'_>) -> Result<Row> {
    // More than can be converted in the time.
    let each = 1_000 * arena.seconds as usize;
    let ids = arena.leads(i64::try_from(4 * each)?).await?;
    let (sample, ids) = ids.split_first().context("there are no leads")?;
    let mut parts = ids.chunks(each);
    let mut files = Vec::new();
    for (number, part) in parts.by_ref().take(3).enumerate() {
        files.push(arena.file(&format!("convert-{number}"), part)?);
    }
    let written = written(arena, sample, parts.next().context("there are too few leads")?).await?;
    let limit = Limit::new(role(arena).await?, "leads", &arena.folder);
    let measured = in_turn(
        &arena.meter,
        arena.seconds,
        async |turn| {
            let file = files[turn.number as usize].as_str();
            arena
                .wrk(Script::Convert, turn.seconds, &[file, arena.token()])
                .await
        },
        async |turn| arena.alone(&limit, written(turn.number), turn.seconds).await,
    )
    .await?;
    settle(arena.suite.database()).await?;
    Ok(Row {
        workload: "convert a lead (limit: one statement of the same five writes)".to_owned(),
        demands: vec![Demand::share(&measured, 0.25), Demand::p99(&measured, 150.0)],
        measured,
        ..Row::default()
    })
}

/// A role that is a member of the services' own, and bound by Row-Level Security as they are. Answers its URL.
async fn role(arena: &Arena<'_>) -> Result<String> {
    let sql = format!(
        "drop role if exists {ROLE};
         create role {ROLE} login password '{PASSWORD}' in role kontor_leads, kontor_accounts, kontor_contacts, kontor_deals"
    );
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(arena.suite.database())
        .await?;
    let own = arena.suite.role_url("leads").await;
    let (_, server) = own.rsplit_once('@').context("a URL without a server")?;
    Ok(format!("postgres://{ROLE}:{PASSWORD}@{server}"))
}

/// Converts one lead, and makes of what that wrote one statement that writes the same of other leads: the lead, the
/// account, the contact, the deal and the conversion. A script for each run.
async fn written(
    arena: &Arena<'_>,
    sample: &str,
    others: &[String],
) -> Result<impl Fn(u32) -> String + use<>> {
    let path = format!("/leads/{sample}/convert");
    let converted = arena
        .api
        .post(&path, json!({"wait_seconds": 30}))
        .await
        .expect(200);
    let id = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let conversion = &converted["conversion"];
    let mut parameters = Vec::new();
    let mut parts = Vec::new();
    for (table, id) in [
        ("accounts.accounts", id(&conversion["account_id"])),
        ("contacts.contacts", id(&conversion["contact_id"])),
        ("deals.deals", id(&conversion["deal_id"])),
        ("leads.conversions", id(&conversion["id"])),
    ] {
        let columns = columns(arena, table, &id).await?;
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let places: Vec<String> = (1..=columns.len())
            .map(|n| format!("${}", parameters.len() + n))
            .collect();
        parts.push(format!(
            "w{} as (insert into {table} ({}) values ({}))",
            parts.len(),
            names.join(", "),
            places.join(", ")
        ));
        parameters.extend(columns.into_iter().map(|(name, value)| match name.as_str() {
            // A lead has one conversion at work or completed, and pgbench comes by twice.
            "state" if table == "leads.conversions" => Some("undone".to_owned()),
            _ => value,
        }));
    }
    let at = parameters.len();
    for name in ["id", "account_id", "contact_id", "deal_id"] {
        parameters.push(Some(id(&conversion[name])));
    }
    parameters.push(Some(arena.api.company_id().to_owned()));
    parameters.push(Some(sample.to_owned()));
    let text = format!(
        "with {}
         update leads.leads
         set status = 'converted',
             conversion_id = ${},
             conversion_account_id = ${},
             conversion_contact_id = ${},
             conversion_deal_id = ${},
             conversion_converted_at = now(),
             updated_at = now(),
             version = version + 1
         where company_id = ${}
           and id = ${}",
        parts.join(", "),
        at + 1,
        at + 2,
        at + 3,
        at + 4,
        at + 5,
        at + 6,
    );
    let begin = Statement {
        text: format!(
            "begin; set local kontor.company_id = '{}'",
            arena.api.company_id()
        ),
        parameters: Vec::new(),
    };
    let commit = Statement {
        text: "commit".to_owned(),
        parameters: Vec::new(),
    };
    let deal = arena
        .api
        .get(&format!("/deals/{}", id(&conversion["deal_id"])))
        .await
        .expect(200);
    let mut known_ids = arena.known_ids();
    known_ids.extend([id(&deal["pipeline_id"]), id(&deal["stage_id"])]);
    let recipe = Recipe {
        picks: vec![Pick {
            sent: sample.to_owned(),
            kind: "uuid",
            values: others.to_vec(),
        }],
        known_ids: Some(known_ids),
        ..Recipe::default()
    };
    let transaction = [begin, Statement { text, parameters }, commit];
    Ok(move |run| script(&transaction, &recipe, run))
}

/// The columns of a row that are written, with their values as text. A deal's place is not among them: two open deals
/// never share one, and each takes the next by itself.
async fn columns(arena: &Arena<'_>, table: &str, id: &str) -> Result<Vec<(String, Option<String>)>> {
    let names: Vec<String> = sqlx::query_scalar(
        "select quote_ident(attname)
         from pg_attribute
         where attrelid = $1::regclass
           and attnum > 0
           and not attisdropped
           and attgenerated = ''
           and attname <> 'position'
         order by attnum",
    )
    .bind(table)
    .fetch_all(arena.suite.database())
    .await?;
    let texts: Vec<String> = names.iter().map(|name| format!("{name}::text")).collect();
    let sql = format!(
        "select {} from {table} where company_id = $1::uuid and id = $2::uuid",
        texts.join(", ")
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(arena.api.company_id())
        .bind(id)
        .fetch_one(arena.suite.database())
        .await?;
    names
        .into_iter()
        .enumerate()
        .map(|(at, name)| Ok((name, row.try_get(at)?)))
        .collect()
}
