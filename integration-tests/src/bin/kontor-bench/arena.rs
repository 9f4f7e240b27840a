//! The suite under load: filled, with what every row needs at hand.

use std::path::PathBuf;

use anyhow::Result;
use kontor_integration_tests::api::Api;
use kontor_integration_tests::database::SCHEMAS;
use kontor_integration_tests::suite::Suite;
use sqlx::AssertSqlSafe;

use crate::fill::{self, Size};
use crate::limit::Limit;
use crate::load::{Load, Script, Wrk};
use crate::rows::idle::{self, Idle};
use crate::usage::Meter;

/// The suite, its data, and the tools of the measurement.
pub(crate) struct Arena<'s> {
    pub(crate) suite: &'s Suite,
    /// The founder of the large company.
    pub(crate) api: Api,
    pub(crate) meter: Meter,
    pub(crate) folder: PathBuf,
    pub(crate) quick: bool,
    /// How long a run lasts.
    pub(crate) seconds: u64,
    pub(crate) size: Size,
    /// How it was before anything was in it.
    pub(crate) idle: Idle,
    wrk: Wrk,
}

impl<'s> Arena<'s> {
    /// Looks at the suite while it is idle, then fills it.
    pub(crate) async fn new(suite: &'s Suite, quick: bool) -> Result<Self> {
        let folder = suite.folder().join("bench");
        std::fs::create_dir_all(&folder)?;
        let idle = idle::look(suite).await?;
        let share = if quick { 10 } else { 1 };
        let size = Size {
            leads: 500_000 / share,
            accounts: 100_000 / share,
            contacts: 300_000 / share,
        };
        eprintln!("filling it");
        let api = fill::fill(&suite.api(), suite.database(), size).await?;
        Ok(Self {
            suite,
            api,
            meter: Meter::of(suite).await?,
            wrk: Wrk {
                gateway: suite.gateway().to_owned(),
                folder: folder.clone(),
            },
            folder,
            quick,
            seconds: if quick { 3 } else { 10 },
            size,
            idle,
        })
    }

    /// The founder's token.
    pub(crate) fn token(&self) -> &str {
        self.api.token.as_deref().unwrap_or_default()
    }

    /// The ids that are the same in whatever the founder does: the company's and their own.
    pub(crate) fn known_ids(&self) -> Vec<String> {
        let own = self.api.session["user"]["id"].as_str().unwrap_or_default();
        vec![self.api.company_id().to_owned(), own.to_owned()]
    }

    /// PostgreSQL as the login role of a service.
    pub(crate) async fn limit(&self, service: &str) -> Limit {
        Limit::new(self.suite.role_url(service).await, service, &self.folder)
    }

    /// The limit of a workload that tells: what was told before has arrived, and what pgbench tells is told to nobody, so
    /// that it has the machine to itself.
    pub(crate) async fn alone(&self, limit: &Limit, script: String, seconds: u64) -> Result<f64> {
        let database = self.suite.database();
        fill::quiet(database).await?;
        self.suite.freeze().await;
        let rate = limit.pgbench(&[script], seconds).await;
        for schema in SCHEMAS {
            let sql = format!("delete from {schema}.outbox");
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(database).await?;
        }
        self.suite.thaw().await;
        rate
    }

    /// Runs wrk.
    pub(crate) async fn wrk(&self, script: Script, seconds: u64, arguments: &[&str]) -> Result<Load> {
        self.wrk.run(script, seconds, arguments).await
    }

    /// GETs of these paths at random; `seed` says which chance it is.
    pub(crate) async fn gets(&self, paths: &str, seconds: u64, seed: u32) -> Result<Load> {
        self.wrk(Script::Get, seconds, &[paths, self.token(), &seed.to_string()])
            .await
    }

    /// Writes lines into a file for wrk; answers where it is.
    pub(crate) fn file(&self, name: &str, lines: &[String]) -> Result<String> {
        let file = self.folder.join(name);
        std::fs::write(&file, lines.join("\n") + "\n")?;
        Ok(file.display().to_string())
    }

    /// So many leads of the large company, no matter which.
    pub(crate) async fn leads(&self, many: i64) -> Result<Vec<String>> {
        let ids = sqlx::query_scalar(
            "select id::text
             from leads.leads
             where company_id = $1::uuid
               and deleted_at is null
               and status = 'new'
             order by md5(id::text)
             limit $2",
        )
        .bind(self.api.company_id())
        .bind(many)
        .fetch_all(self.suite.database())
        .await?;
        Ok(ids)
    }
}
