//! One record or one page at a time: rows 1, 2, 3 and 7.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use prost::Message;
use serde_json::json;

use crate::capture::{self, Statement};
use crate::table::{Row, Table};
use crate::wrk::{self, Load};
use crate::{pgbench, world::World};

/// Ids whose statements are prepared for the limit; pgbench takes at most 128 scripts.
const LIMIT_SCRIPTS: usize = 100;

/// Row 1: GET one lead by id.
pub(crate) async fn get_by_rest(world: &World, table: &mut Table) -> Result<()> {
    let limits = get_limits(world).await?;
    let script = format!(
        "local ids = {{{}}}\nmath.randomseed(os.time())\n\
         request = function() return wrk.format('GET', '/api/v1/leads/' .. ids[math.random(#ids)] .. '/') end\n",
        world
            .ids
            .iter()
            .map(|id| format!("'{id}'"))
            .collect::<Vec<_>>()
            .join(",")
    );
    let row = measure(world, "1", "GET one lead by id", &limits, async || {
        wrk::http(
            world.suite.gateway(),
            world.folder(),
            world.token(),
            &script,
            world.scale,
        )
        .await
    })
    .await?;
    table.push(row.must("20 %, p99 ≤ 5 ms"));
    Ok(())
}

/// Row 2: the same by gRPC.
pub(crate) async fn get_by_grpc(world: &World, table: &mut Table) -> Result<()> {
    let limits = get_limits(world).await?;
    let id = world.ids.first().context("leads")?.clone();
    let message = kontor_proto::leads::v1::GetLeadRequest {
        id,
        expand: String::new(),
    }
    .encode_to_vec();
    let url = format!("{}/kontor.leads.v1.LeadService/GetLead", world.suite.url("leads"));
    let row = measure(world, "2", "the same by gRPC, one id", &limits, async || {
        wrk::grpc(&url, world.folder(), world.token(), &message, world.scale).await
    })
    .await?;
    table.push(row.must("33 %"));
    Ok(())
}

/// Row 3: a page of 50 with a filter and a cursor.
pub(crate) async fn list(world: &World, table: &mut Table) -> Result<()> {
    let first = "/leads/?status=new&page_size=50&include_total=false";
    let token = world.api.get(first).await.expect(200)["next_page_token"].clone();
    let path = format!("{first}&page_token={}", token.as_str().context("a cursor")?);
    let statement = one(world, "leads", "leads.leads", async || {
        world.api.get(&path).await.expect(200);
        Ok(())
    })
    .await?;
    let limits = vec![transaction(world, true, &statement.with_literals(&[]))];
    let script = format!("request = function() return wrk.format('GET', '/api/v1{path}') end\n");
    let row = measure(world, "3", "list of 50, filter and cursor", &limits, async || {
        wrk::http(
            world.suite.gateway(),
            world.folder(),
            world.token(),
            &script,
            world.scale,
        )
        .await
    })
    .await?;
    table.push(row.must("40 %, p99 ≤ 10 ms"));
    Ok(())
}

/// Row 7: create a lead.
pub(crate) async fn create(world: &World, table: &mut Table) -> Result<()> {
    let body = json!({
        "first_name": "Bench", "last_name": "Mark", "email": "bench@example.com", "company_name": "Bench Marks", "rating": "hot",
        "budget": {"amount": "1000", "currency": "USD"}, "source": "event",
    });
    let mut id = String::new();
    let statement = one(world, "leads", "insert", async || {
        id = world.api.post("/leads/", body.clone()).await.expect(201)["id"]
            .as_str()
            .context("an id")?
            .to_owned();
        Ok(())
    })
    .await?;
    // A new id for each: in the order of time, as the service's are.
    sqlx::raw_sql(
        "create schema if not exists bench;
         grant usage on schema bench to public;
         create or replace function bench.uuid7() returns uuid language sql volatile as $$
           select (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
                   || substr(md5(random()::text), 1, 3) || 'a' || substr(md5(random()::text), 1, 15))::uuid
         $$",
    )
    .execute(world.suite.database())
    .await?;
    let mut fresh: Vec<(&str, &str)> = vec![(id.as_str(), "bench.uuid7()")];
    // Ids of the outbox are in arrays.
    let arrays: Vec<String> = statement
        .parameters
        .iter()
        .flatten()
        .filter(|v| is_array_of_one_uuid(v))
        .cloned()
        .collect();
    fresh.extend(
        arrays
            .iter()
            .map(|array| (array.as_str(), "array[bench.uuid7()]")),
    );
    let singles: Vec<String> = statement
        .parameters
        .iter()
        .flatten()
        .filter(|v| is_new_uuid(v, &id))
        .cloned()
        .collect();
    fresh.extend(singles.iter().map(|single| (single.as_str(), "bench.uuid7()")));
    let limits = vec![transaction(world, false, &statement.with_literals(&fresh))];
    let script = format!(
        "wrk.method = 'POST'\nwrk.headers['content-type'] = 'application/json'\nwrk.body = [[{body}]]\n\
         request = function() return wrk.format('POST', '/api/v1/leads/') end\n"
    );
    let row = measure(world, "7", "create a lead", &limits, async || {
        wrk::http(
            world.suite.gateway(),
            world.folder(),
            world.token(),
            &script,
            world.scale,
        )
        .await
    })
    .await?;
    table.push(row.must("45 %, p99 ≤ 15 ms"));
    Ok(())
}

/// A UUID made in the same breath as the record's, so not the company's or the person's.
fn is_new_uuid(value: &str, id: &str) -> bool {
    value != id && value.len() == 36 && value.get(..9) == id.get(..9) && uuid::Uuid::parse_str(value).is_ok()
}

fn is_array_of_one_uuid(value: &str) -> bool {
    value
        .strip_prefix('{')
        .and_then(|v| v.strip_suffix('}'))
        .is_some_and(|v| uuid::Uuid::parse_str(v).is_ok())
}

async fn get_limits(world: &World) -> Result<Vec<String>> {
    let mut id = world.ids.first().context("leads")?.clone();
    let statement = one(world, "leads", "leads.leads", async || {
        world.api.get(&format!("/leads/{id}/")).await.expect(200);
        Ok(())
    })
    .await?;
    ensure!(
        statement.parameters.iter().flatten().any(|value| *value == id),
        "the id is no parameter: {statement:?}"
    );
    let mut limits = Vec::new();
    for other in world.ids.iter().take(LIMIT_SCRIPTS) {
        let mut statement = statement.clone();
        for value in statement
            .parameters
            .iter_mut()
            .flatten()
            .filter(|value| **value == id)
        {
            other.clone_into(value);
        }
        limits.push(transaction(world, true, &statement.with_literals(&[])));
    }
    id.clear();
    Ok(limits)
}

fn transaction(world: &World, read: bool, sql: &str) -> String {
    pgbench::transaction(world.api.company_id(), world.user_id(), read, sql)
}

/// The last statement that the service sends while `act` runs and that holds these words.
pub(crate) async fn one<F>(world: &World, service: &str, words: &str, act: F) -> Result<Statement>
where
    F: AsyncFnOnce() -> Result<()>,
{
    let log = world.suite.postgres_log();
    let found = capture::statements(world.suite.database(), &log, &format!("kontor_{service}"), act).await?;
    let texts: Vec<&str> = found.iter().map(|statement| statement.sql.as_str()).collect();
    let position = texts.iter().rposition(|sql| sql.contains(words));
    let position = position.with_context(|| format!("no statement of {service} holds {words}: {texts:?}"))?;
    Ok(found[position].clone())
}

/// The workload and its limit in turn, A B A B, after a warm-up; the means of both.
pub(crate) async fn measure<F>(
    world: &World,
    number: &str,
    what: &str,
    limits: &[String],
    mut load: F,
) -> Result<Row>
where
    F: AsyncFnMut() -> Result<Load>,
{
    eprintln!("{number}: {what}");
    let url = world.suite.role_url("leads").await;
    let warm = crate::Scale {
        seconds: 1,
        ..world.scale
    };
    load().await?;
    pgbench::run(&url, world.folder(), limits, warm).await?;
    let (mut loads, mut reached, mut cpu) = (Vec::new(), Vec::new(), BTreeMap::new());
    for _ in 0..2 {
        let before = world.cpu().await?;
        loads.push(load().await?);
        for (name, seconds) in world.cpu().await? {
            *cpu.entry(name.clone()).or_insert(0.0) +=
                seconds - before.get(&name).copied().unwrap_or_default();
        }
        world.suite.quiet().await;
        world.suite.freeze().await;
        let limit = pgbench::run(&url, world.folder(), limits, world.scale).await;
        // What a limit of writing told is nobody's business.
        sqlx::raw_sql("truncate leads.outbox")
            .execute(world.suite.database())
            .await?;
        world.suite.thaw().await;
        reached.push(limit?.per_second);
    }
    let requests: f64 = loads.iter().map(|load| load.requests).sum();
    let cpu = cpu
        .into_iter()
        .map(|(name, seconds)| (name, seconds * 1000.0 / requests))
        .filter(|(_, ms)| *ms >= 0.005)
        .collect();
    Ok(Row::of(number, what, &loads, &reached, cpu))
}
