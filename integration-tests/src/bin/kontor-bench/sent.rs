//! The very SQL that a service sends for a request, read off the log of PostgreSQL, so that no limit can drift from it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kontor_integration_tests::suite::Suite;

/// A statement as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Statement {
    /// Its text, with `$1` … for the parameters.
    pub(crate) text: String,
    /// The parameters as text; none for null.
    pub(crate) parameters: Vec<Option<String>>,
}

impl Statement {
    /// Whether a parameter is this text.
    pub(crate) fn has(&self, parameter: &str) -> bool {
        self.parameters.iter().flatten().any(|text| text == parameter)
    }

    fn begins(&self, words: &[&str]) -> bool {
        let text = self.text.trim_start().to_ascii_lowercase();
        words.iter().any(|word| text.starts_with(word))
    }
}

/// The transactions that a service's role sent while a request was answered, in the order of their ends; each from its
/// `begin` to its `commit` or `rollback`.
pub(crate) async fn transactions(
    suite: &Suite,
    service: &str,
    request: impl AsyncFn() -> Result<()>,
) -> Result<Vec<Vec<Statement>>> {
    log_statements(suite, "all").await?;
    let mut log = File::open(suite.postgres_log()).context("the log of PostgreSQL")?;
    log.seek(SeekFrom::End(0))?;
    let answered = request().await;
    log_statements(suite, "none").await?;
    answered?;
    let mut text = String::new();
    log.read_to_string(&mut text)?;
    Ok(parse(&text, &format!("kontor_{service}")))
}

/// The last transaction among them with a statement that `wanted` accepts.
pub(crate) async fn transaction(
    suite: &Suite,
    service: &str,
    wanted: impl Fn(&Statement) -> bool,
    request: impl AsyncFn() -> Result<()>,
) -> Result<Vec<Statement>> {
    let sent = transactions(suite, service, request).await?;
    match sent
        .into_iter()
        .rfind(|transaction| transaction.iter().any(&wanted))
    {
        Some(transaction) => Ok(transaction),
        None => bail!("the log of PostgreSQL does not hold what {service} sent"),
    }
}

async fn log_statements(suite: &Suite, which: &'static str) -> Result<()> {
    let set = match which {
        "all" => "alter system set log_statement = 'all'",
        _ => "alter system reset log_statement",
    };
    sqlx::query(set).execute(suite.database()).await?;
    sqlx::query("select pg_reload_conf()")
        .execute(suite.database())
        .await?;
    // Every server process reads its configuration at the next statement after the signal, which takes a moment to come.
    loop {
        let now: String = sqlx::query_scalar("show log_statement")
            .fetch_one(suite.database())
            .await?;
        if now == which {
            tokio::time::sleep(Duration::from_millis(200)).await;
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Reads a log whose lines begin with `%m [%p] %q%u@%d `.
fn parse(log: &str, role: &str) -> Vec<Vec<Statement>> {
    let mut open: std::collections::BTreeMap<&str, Vec<Statement>> = std::collections::BTreeMap::new();
    let mut ended = Vec::new();
    for (process, message) in messages(log, role) {
        let statements = open.entry(process).or_default();
        if let Some(parameters) = message.strip_prefix("DETAIL:  parameters: ") {
            if let Some(last) = statements.last_mut() {
                last.parameters = parse_parameters(parameters);
            }
        } else if let Some(text) = statement(&message) {
            let statement = Statement {
                text: text.to_owned(),
                parameters: Vec::new(),
            };
            if statement.begins(&["begin"]) && !statements.is_empty() {
                // The one before was dropped, and its rollback is still to be logged or was not needed.
                ended.push(std::mem::take(statements));
            }
            let ends = statement.begins(&["commit", "rollback"]);
            statements.push(statement);
            if ends {
                ended.push(std::mem::take(statements));
            }
        }
    }
    ended.extend(open.into_values().filter(|statements| !statements.is_empty()));
    ended
}

/// The messages of a role with their process, continued lines joined.
fn messages<'l>(log: &'l str, role: &str) -> Vec<(&'l str, String)> {
    let owner = format!("{role}@");
    let mut found: Vec<(&str, String)> = Vec::new();
    let mut ours = false;
    for line in log.lines() {
        if let Some(more) = line.strip_prefix('\t') {
            if let (true, Some((_, message))) = (ours, found.last_mut()) {
                message.push('\n');
                message.push_str(more);
            }
            continue;
        }
        let parts = line.split_once(" [").and_then(|(_, rest)| rest.split_once("] "));
        let message = parts.and_then(|(process, rest)| {
            let (_, message) = rest.strip_prefix(&owner)?.split_once(' ')?;
            Some((process, message.to_owned()))
        });
        ours = message.is_some();
        found.extend(message);
    }
    found
}

/// What a message says was executed.
fn statement(message: &str) -> Option<&str> {
    let rest = message.strip_prefix("LOG:  ")?;
    if let Some(text) = rest.strip_prefix("statement: ") {
        return Some(text);
    }
    rest.strip_prefix("execute ")?
        .split_once(": ")
        .map(|(_, text)| text)
}

/// `$1 = 'it''s', $2 = NULL`.
fn parse_parameters(text: &str) -> Vec<Option<String>> {
    let mut parameters = Vec::new();
    let mut rest = text;
    while let Some((_, value)) = rest.split_once(" = ") {
        let Some(quoted) = value.strip_prefix('\'') else {
            parameters.push(None);
            rest = value.strip_prefix("NULL").unwrap_or_default();
            continue;
        };
        let mut parameter = String::new();
        let mut pieces = quoted;
        loop {
            let Some((piece, after)) = pieces.split_once('\'') else {
                return parameters;
            };
            parameter.push_str(piece);
            match after.strip_prefix('\'') {
                Some(more) => {
                    parameter.push('\'');
                    pieces = more;
                }
                None => {
                    rest = after;
                    break;
                }
            }
        }
        parameters.push(Some(parameter));
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
2026-11-25 10:00:00.000 UTC [7] kontor_leads@kontor LOG:  statement: begin read only; set local kontor.company_id = 'c'
2026-11-25 10:00:00.001 UTC [9] kontor_deals@kontor LOG:  statement: begin
2026-11-25 10:00:00.002 UTC [7] kontor_leads@kontor LOG:  execute sqlx_s_3: select a
\tfrom t
\twhere id = $1 and b = $2 and c = $3
2026-11-25 10:00:00.002 UTC [7] kontor_leads@kontor DETAIL:  parameters: $1 = 'x', $2 = NULL, $3 = 'it''s a
\t$4 = trap'
2026-11-25 10:00:00.003 UTC [7] kontor_leads@kontor LOG:  statement: ROLLBACK
2026-11-25 10:00:00.004 UTC [12] LOG:  checkpoint starting
";

    #[test]
    fn a_transaction_is_read_with_its_parameters() {
        let transactions = parse(LOG, "kontor_leads");
        assert_eq!(transactions.len(), 1);
        let texts: Vec<&str> = transactions[0]
            .iter()
            .map(|statement| statement.text.as_str())
            .collect();
        assert_eq!(
            texts,
            [
                "begin read only; set local kontor.company_id = 'c'",
                "select a\nfrom t\nwhere id = $1 and b = $2 and c = $3",
                "ROLLBACK"
            ]
        );
        let parameters = &transactions[0][1].parameters;
        assert_eq!(
            parameters,
            &[Some("x".to_owned()), None, Some("it's a\n$4 = trap".to_owned())]
        );
        assert!(transactions[0][1].has("x"));
    }

    #[test]
    fn processes_are_kept_apart() {
        let log = "t [1] r@d LOG:  statement: begin\nt [2] r@d LOG:  statement: begin\nt [1] r@d LOG:  statement: commit\n";
        let lengths: Vec<usize> = parse(log, "r").iter().map(Vec::len).collect();
        assert_eq!(lengths, [2, 1]);
    }
}
