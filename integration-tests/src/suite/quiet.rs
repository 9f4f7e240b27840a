//! Waiting for the end of what services tell each other.

use sqlx::AssertSqlSafe;

use super::Suite;
use crate::api::eventually;
use crate::database::SCHEMAS;

impl Suite {
    /// Waits until every fact that was told has arrived: outboxes empty, and no inbox has grown for a while.
    pub async fn quiet(&self) {
        let mut last = (-1, 0);
        eventually(60, "all facts have arrived", async || {
            let (mut unsent, mut arrived) = (0, 0);
            for schema in SCHEMAS {
                unsent += self.count(&format!("{schema}.outbox")).await;
                arrived += self.count(&format!("{schema}.inbox")).await;
            }
            let streak = if unsent == 0 && arrived == last.0 {
                last.1 + 1
            } else {
                0
            };
            last = (arrived, streak);
            streak >= 6
        })
        .await;
    }

    async fn count(&self, table: &str) -> i64 {
        let sql = format!(
            "select case when to_regclass('{table}') is null then 0 else (xpath('/row/c/text()',
            query_to_xml('select count(*) as c from {table}', false, true, '')))[1]::text::bigint end"
        );
        sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(self.database())
            .await
            .expect("a count")
    }
}
