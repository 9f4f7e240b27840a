//! A file of leads: each row validated, scored, assigned and compared with the others.

use std::time::Instant;

use anyhow::{Context, Result};
use kontor_integration_tests::api::Api;
use sqlx::AssertSqlSafe;
use tokio::io::AsyncWriteExt as _;

use crate::arena::Arena;
use crate::fill::{self, settle};
use crate::load::Load;
use crate::people;
use crate::script::written_out;
use crate::sent::{self, Statement};
use crate::table::{Demand, Row, number};
use crate::turns::{Runs, in_turn};

/// What the leads service may hold while a file comes in.
const MEMORY: f64 = 64.0;
/// By how much that may be exceeded when the file is ten times as long.
const MORE_MEMORY: f64 = 16.0;

pub(super) async fn csv(arena: &Arena<'_>) -> Result<Row> {
    let rows: u64 = if arena.quick { 10_000 } else { 100_000 };
    let limit = arena.limit("leads").await;
    let staged = Staged::of(arena, rows).await?;
    let measured = in_turn(
        &arena.meter,
        arena.seconds,
        // A company of its own each time: a file that came before would make all of this one's rows duplicates.
        async |_| import(&arena.suite.api().company().await, rows).await,
        async |_| {
            let job = uuid::Uuid::now_v7().to_string();
            let file = staged.file(arena, &job).await?;
            let took = limit.psql(&staged.script(&file, &job)).await?;
            staged.clear(arena, &job).await?;
            Ok(rows as f64 / took.as_secs_f64())
        },
    )
    .await?;
    let peak = measured.peaks.get("leads").copied().unwrap_or_default();
    let mut demands = vec![
        Demand::share(&measured, 0.80),
        Demand::that(
            format!("≤ {MEMORY} MiB of memory: {}", number(peak)),
            peak <= MEMORY,
        ),
    ];
    if !arena.quick {
        demands.push(ten_times_as_long(arena, rows, peak).await?);
    }
    settle(arena.suite.database()).await?;
    Ok(Row {
        workload: format!("import {rows} leads (limit: COPY to staging, insert … select)"),
        demands,
        measured,
        ..Row::default()
    })
}

async fn import(api: &Api, rows: u64) -> Result<Load> {
    let began = Instant::now();
    fill::import(api, "leads", people::LEADS, people::lead, 99, rows).await?;
    Ok(Load {
        done: rows,
        seconds: began.elapsed().as_secs_f64(),
        ..Load::default()
    })
}

async fn ten_times_as_long(arena: &Arena<'_>, rows: u64, before: f64) -> Result<Demand> {
    let api = arena.suite.api().company().await;
    let mut long = Runs::default();
    long.add(&arena.meter, async || import(&api, 10 * rows).await)
        .await?;
    let more = long.finish().peaks.get("leads").copied().unwrap_or_default() - before;
    Ok(Demand::that(
        format!("{} rows within +{MORE_MEMORY} MiB: {}", 10 * rows, number(more)),
        more <= MORE_MEMORY,
    ))
}

/// An import as the service sent it, to be done again without the service.
struct Staged {
    copy: String,
    insert: Statement,
    /// Where the rows are to be had, and as which columns they are staged.
    company: String,
    columns: String,
    rows: u64,
}

impl Staged {
    async fn of(arena: &Arena<'_>, rows: u64) -> Result<Self> {
        let api = arena.suite.api().company().await;
        let sent = sent::transactions(arena.suite, "leads", async || {
            fill::import(&api, "leads", people::LEADS, people::lead, 99, rows).await?;
            Ok(())
        })
        .await?;
        let statements: Vec<Statement> = sent.into_iter().flatten().collect();
        let find = |words: &str| {
            statements
                .iter()
                .find(|statement| statement.text.contains(words))
                .cloned()
        };
        let copy = find("copy import_staging")
            .context("the import did not COPY")?
            .text;
        let insert = find("insert into leads.leads").context("the import did not insert")?;
        let columns = staged_columns(&copy, &insert.text).context("the import's statements have changed")?;
        Ok(Self {
            copy,
            insert,
            company: api.company_id().to_owned(),
            columns,
            rows,
        })
    }

    /// What the service would have sent to COPY, with new ids: the rows of the import that was watched.
    async fn file(&self, arena: &Arena<'_>, job: &str) -> Result<String> {
        let path = arena.folder.join("staged");
        let mut file = tokio::fs::File::create(&path).await?;
        let sql = format!(
            "copy (
                 select '{job}', row_number() over (order by new_id), 2, new_id, email, full_name, search, null, {}
                 from (
                     select *, overlay(id::text placing substr(gen_random_uuid()::text, 25) from 25) as new_id
                     from leads.leads
                     where company_id = '{}'
                 ) l
             ) to stdout",
            self.columns, self.company
        );
        let mut connection = arena.suite.database().acquire().await?;
        let mut rows = connection.copy_out_raw(&sql).await?;
        while let Some(piece) = futures_util::StreamExt::next(&mut rows).await {
            file.write_all(&piece?).await?;
        }
        file.flush().await?;
        Ok(path.display().to_string())
    }

    fn script(&self, file: &str, job: &str) -> String {
        // $1 the company, $2 the job, rows above $3 up to $4: as `crates/records` sends it, batch by batch.
        let value = |place: usize| {
            self.insert
                .parameters
                .get(place)
                .cloned()
                .flatten()
                .unwrap_or_default()
        };
        let number = |place: usize| value(place).parse::<u64>().unwrap_or_default();
        let batch = (number(3) - number(2)).max(1);
        let company = uuid::Uuid::now_v7().to_string();
        let mut script = self.copy.replace("from stdin", &format!("from '{file}'\n"));
        script.insert(0, '\\');
        for first in (0..self.rows).step_by(batch as usize) {
            let mut insert = self.insert.clone();
            let own = [
                company.clone(),
                job.to_owned(),
                first.to_string(),
                (first + batch).to_string(),
            ];
            for (parameter, own) in insert.parameters.iter_mut().zip(own) {
                *parameter = Some(own);
            }
            script.push_str(&format!(
                "begin;\nset local kontor.company_id = '{company}';\n{};\ncommit;\n",
                written_out(&insert)
            ));
        }
        script
    }

    async fn clear(&self, arena: &Arena<'_>, job: &str) -> Result<()> {
        let sql = format!("delete from leads.import_staging where job_id = '{job}'");
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(arena.suite.database())
            .await?;
        Ok(())
    }
}

/// The record's columns in the order in which COPY has them: the two statements name them in the same order.
fn staged_columns(copy: &str, insert: &str) -> Option<String> {
    let copied = copy
        .split_once("cells, ")?
        .1
        .split_once(')')?
        .0
        .split(", ")
        .count();
    let (_, columns) = insert.split_once("(company_id, search, ")?;
    let columns: Vec<&str> = columns.split_once(')')?.0.split(", ").collect();
    // The id is a new one each time.
    let own = |column: &&str| if *column == "id" { "new_id" } else { *column }.to_owned();
    (columns.len() == copied).then(|| columns.iter().map(own).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_those_of_both_statements() {
        let copy = "copy import_staging (job_id, seq, cells, c1, c2) from stdin";
        let insert =
            "insert into leads.leads (company_id, search, id, last_name)\nselect $1, search, c1::uuid, c2";
        assert_eq!(staged_columns(copy, insert).as_deref(), Some("new_id, last_name"));
        assert_eq!(
            staged_columns("copy import_staging (cells, c1) from stdin", insert),
            None
        );
    }
}
