//! The suite that is measured, and the data in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use kontor_integration_tests::api::Api;
use kontor_integration_tests::suite::{RUNTIME, Suite};

use crate::table::Table;
use crate::{Scale, files, idle, usage};

/// The suite, its large company and what the workloads need of both.
pub(crate) struct World {
    pub(crate) suite: Arc<Suite>,
    pub(crate) scale: Scale,
    /// An admin of the large company.
    pub(crate) api: Api,
    /// 5,000 leads of it.
    pub(crate) ids: Vec<String>,
    /// A folder for scripts.
    pub(crate) folder: PathBuf,
}

impl World {
    /// Starts the suite, measures it idle, and fills it through its own API.
    pub(crate) fn make(scale: Scale, table: &mut Table) -> Result<Self> {
        let suite = Suite::declare_with(
            "bench",
            &[
                ("KONTOR_ACCESS_TOKEN_SECONDS", "86400"),
                ("KONTOR_OTLP_ENDPOINT", ""),
                ("KONTOR_LOG", "warn"),
            ],
        );
        suite.start();
        let folder = suite.folder().join("bench");
        std::fs::create_dir_all(&folder)?;
        RUNTIME.block_on(async {
            idle::row(&suite, table).await?;
            let api = suite.api().company().await;
            let started = Instant::now();
            for _ in 0..19 {
                let small = suite.api().company().await;
                import(&small, "leads", files::leads(50, "small")).await?;
            }
            import(&api, "accounts", files::accounts(scale.accounts)).await?;
            import(&api, "contacts", files::contacts(scale.contacts)).await?;
            import(&api, "leads", files::leads(scale.leads, "lead")).await?;
            suite.quiet().await;
            eprintln!("data: {:.0} s", started.elapsed().as_secs_f64());
            for schema in ["accounts", "contacts", "leads", "deals"] {
                let analyze = format!("vacuum analyze {schema}.{schema}");
                sqlx::raw_sql(sqlx::AssertSqlSafe(analyze)).execute(suite.database()).await?;
            }
            let ids = sqlx::query_scalar(
                "select id::text from leads.leads where company_id = $1::uuid order by md5(id::text) limit 5000",
            )
            .bind(api.company_id())
            .fetch_all(suite.database())
            .await?;
            Ok(Self { suite: Arc::clone(&suite), scale, api, ids, folder })
        })
    }

    /// Runs what is to be measured.
    pub(crate) fn run<F>(&self, work: F) -> Result<()>
    where
        F: AsyncFnOnce(&Self) -> Result<()>,
    {
        RUNTIME.block_on(work(self))
    }

    /// Stops the suite.
    pub(crate) fn stop(self) {
        let Self { suite, .. } = self;
        suite.stop();
    }

    /// The access token.
    pub(crate) fn token(&self) -> &str {
        self.api.token.as_deref().unwrap_or_default()
    }

    /// The id of the person.
    pub(crate) fn user_id(&self) -> &str {
        self.api.session["user"]["id"].as_str().unwrap_or_default()
    }

    /// The scripts' folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every process that works for a request: services, gateway, PostgreSQL and RabbitMQ.
    pub(crate) async fn processes(&self) -> Result<Vec<(String, u32)>> {
        let mut processes: Vec<(String, u32)> = self
            .suite
            .processes()
            .await
            .into_iter()
            .map(|(name, id)| (name.to_owned(), id))
            .collect();
        for entry in std::fs::read_dir("/proc")? {
            let entry = entry?;
            let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else {
                continue;
            };
            let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            match name.trim() {
                "postgres" => processes.push((format!("postgres {id}"), id)),
                "beam.smp" => processes.push((format!("rabbitmq {id}"), id)),
                _ => {}
            }
        }
        Ok(processes)
    }

    /// CPU seconds so far, by what used them: `gateway`, `leads`, …, `postgres`, `rabbitmq`.
    pub(crate) async fn cpu(&self) -> Result<BTreeMap<String, f64>> {
        let mut sums = BTreeMap::new();
        for (name, seconds) in usage::cpu(&self.processes().await?)? {
            let name = name.split(' ').next().unwrap_or_default().to_owned();
            *sums.entry(name).or_insert(0.0) += seconds;
        }
        Ok(sums)
    }
}

/// Imports a file and waits for its end.
pub(crate) async fn import(api: &Api, resource: &str, file: String) -> Result<()> {
    let request = api
        .request(
            reqwest::Method::POST,
            &format!("/{resource}/import/?skip_duplicates=false&wait_seconds=300"),
        )
        .timeout(std::time::Duration::from_secs(600))
        .header("content-type", "text/csv")
        .body(file);
    let job = api.send(request).await.expect(200);
    ensure!(job["state"] == "succeeded", "{job}");
    job["created"].as_i64().context("a count").map(drop)
}
