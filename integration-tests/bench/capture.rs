//! The SQL a service sends, with its parameters, read off the log of the private PostgreSQL.

use anyhow::{Context, Result};
use sqlx::PgPool;

/// A statement as the service sent it.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    /// With `$1` and so on.
    pub(crate) sql: String,
    /// The values as text; none for null.
    pub(crate) parameters: Vec<Option<String>>,
    /// Their types as PostgreSQL infers them; empty when it can't.
    pub(crate) types: Vec<String>,
}

/// Marks the lines of statements in the log.
const PREFIX: &str = "@@%u@@ ";

/// Logs every statement of every role while `act` runs, and answers those that `role` sent.
pub(crate) async fn statements<F>(
    pool: &PgPool,
    log: &std::path::Path,
    role: &str,
    act: F,
) -> Result<Vec<Statement>>
where
    F: AsyncFnOnce() -> Result<()>,
{
    let from = std::fs::metadata(log)?.len();
    for sql in [
        "alter system set log_line_prefix = '@@%u@@ '",
        "alter system set log_min_duration_statement = 0",
        "select pg_reload_conf()",
    ] {
        sqlx::raw_sql(sql).execute(pool).await?;
    }
    debug_assert_eq!(PREFIX, "@@%u@@ ");
    // The reload reaches the sessions between two of their statements: wait until it shows in one of them.
    settled(pool, log, from).await?;
    let acted = act().await;
    for sql in [
        "alter system reset log_min_duration_statement",
        "select pg_reload_conf()",
    ] {
        sqlx::raw_sql(sql).execute(pool).await?;
    }
    acted?;
    let text = String::from_utf8_lossy(&std::fs::read(log)?[usize::try_from(from)?..]).into_owned();
    let mut found = parse(&text, role);
    for statement in &mut found {
        statement.types = types(pool, &statement.sql).await.unwrap_or_default();
    }
    Ok(found)
}

async fn settled(pool: &PgPool, log: &std::path::Path, from: u64) -> Result<()> {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        sqlx::raw_sql("select 'the log is open'").execute(pool).await?;
        let text = String::from_utf8_lossy(&std::fs::read(log)?[usize::try_from(from)?..]).into_owned();
        if text.contains("the log is open") {
            return Ok(());
        }
        anyhow::ensure!(
            std::time::Instant::now() < deadline,
            "the server's log stays silent"
        );
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// `LOG:  duration: … execute <name>: <sql>` and, after it, `DETAIL:  parameters: $1 = '…', $2 = NULL`.
fn parse(log: &str, role: &str) -> Vec<Statement> {
    let mine = format!("@@{role}@@ ");
    let mut entries: Vec<String> = Vec::new();
    for line in log.lines() {
        match line.strip_prefix('\t') {
            Some(more) => {
                if let Some(last) = entries.last_mut() {
                    last.push('\n');
                    last.push_str(more);
                }
            }
            None => entries.push(line.to_owned()),
        }
    }
    let mut statements: Vec<Statement> = Vec::new();
    for entry in entries.iter().filter_map(|entry| entry.strip_prefix(&mine)) {
        if let Some(rest) = entry.strip_prefix("LOG:  duration: ") {
            if let Some((_, sql)) = rest
                .split_once("execute ")
                .and_then(|(_, rest)| rest.split_once(": "))
            {
                statements.push(Statement {
                    sql: sql.to_owned(),
                    parameters: Vec::new(),
                    types: Vec::new(),
                });
            }
        } else if let Some(values) = entry.strip_prefix("DETAIL:  parameters: ")
            && let Some(last) = statements.last_mut()
        {
            last.parameters = parameters(values);
        }
    }
    statements
}

/// `$1 = 'it''s', $2 = NULL` → `it's`, none.
fn parameters(text: &str) -> Vec<Option<String>> {
    let mut values = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(" = ") {
        if let Some(quoted) = after.strip_prefix('\'') {
            let mut value = String::new();
            let mut characters = quoted.char_indices().peekable();
            let mut end = quoted.len();
            while let Some((at, character)) = characters.next() {
                if character != '\'' {
                    value.push(character);
                } else if characters.peek().is_some_and(|(_, next)| *next == '\'') {
                    characters.next();
                    value.push('\'');
                } else {
                    end = at + 1;
                    break;
                }
            }
            values.push(Some(value));
            rest = &quoted[end..];
        } else {
            values.push(None);
            rest = after.strip_prefix("NULL").unwrap_or(after);
        }
    }
    values
}

async fn types(pool: &PgPool, sql: &str) -> Result<Vec<String>> {
    let mut connection = pool.acquire().await?;
    sqlx::raw_sql("deallocate all").execute(&mut *connection).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("prepare captured as {sql}")))
        .execute(&mut *connection)
        .await?;
    let types = sqlx::query_scalar(
        "select parameter_types::text[] from pg_prepared_statements where name = 'captured'",
    )
    .fetch_one(&mut *connection)
    .await
    .context("the types of parameters")?;
    sqlx::raw_sql("deallocate all").execute(&mut *connection).await?;
    Ok(types)
}

impl Statement {
    /// The statement with its values as typed literals, but for those that `instead` gives as expressions, by their value.
    pub(crate) fn with_literals(&self, instead: &[(&str, &str)]) -> String {
        let mut sql = self.sql.clone();
        for (index, value) in self.parameters.iter().enumerate().rev() {
            let kind = self
                .types
                .get(index)
                .map(|kind| format!("::{kind}"))
                .unwrap_or_default();
            let literal = match value {
                None => format!("null{kind}"),
                Some(value) => match instead.iter().find(|(old, _)| old == value) {
                    Some((_, expression)) => format!("({expression}){kind}"),
                    None => format!("'{}'{kind}", value.replace('\'', "''")),
                },
            };
            // From the last to the first, so that `$1` doesn't hit `$12`.
            sql = sql.replace(&format!("${}", index + 1), &literal);
        }
        // A colon before a word is a variable to pgbench; `::type` is not.
        sql.replace('\n', " ")
    }
}
