//! Rows between the file and the table, in the text form of COPY.

use std::fmt::Write as _;

use kontor_chassis::error::Error;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::draft::Given;
use crate::description::Description;
use crate::leaf::Leaf;
use crate::record::Record;
use crate::value::{Value, array_text};

/// The columns `c1` … of the table of staged rows.
const WIDTH: usize = 100;

/// The statements of a kind, made once for a job.
pub(super) struct Staging {
    /// Leaves that are staged, by their place in the description.
    pub(super) leaves: Vec<usize>,
    copy: String,
    /// `c3::bigint`, in the order of `leaves`.
    pub(super) casts: Vec<String>,
    email: Option<usize>,
    /// The leaves of which a name consists.
    name: Vec<usize>,
}

impl Staging {
    /// For a kind of record.
    ///
    /// # Errors
    /// When it has more columns than can be staged, which is a mistake of its description.
    pub(super) fn of(kind: &'static Description) -> Result<Self, Error> {
        let staged = |leaf: &Leaf| !leaf.generated && leaf.column != "company_id";
        let leaves: Vec<usize> = (0..kind.leaves.len())
            .filter(|at| staged(&kind.leaves[*at]))
            .collect();
        if leaves.len() > WIDTH {
            return Err(Error::internal(format!(
                "{} have more than {WIDTH} columns",
                kind.many
            )));
        }
        let columns: Vec<String> = (1..=leaves.len()).map(|n| format!("c{n}")).collect();
        let casts = leaves
            .iter()
            .zip(&columns)
            .map(|(at, c)| format!("{c}{}", kind.leaves[*at].kind.cast()))
            .collect();
        let copy = format!(
            "copy import_staging (job_id, seq, line, id, email, name, search, cells, {}) from stdin",
            columns.join(", ")
        );
        let written = |name: &&str| kind.find(name).is_some_and(|leaf| !leaf.generated);
        let name = match ["name", "subject"].iter().find(|name| written(name)) {
            Some(name) => vec![*name],
            None => vec!["first_name", "last_name"],
        };
        let name = name.iter().filter_map(|name| kind.position(name)).collect();
        Ok(Self {
            leaves,
            copy,
            casts,
            email: kind.position("email"),
            name,
        })
    }

    /// Writes rows into the staging table.
    pub(super) async fn copy(&self, conn: &mut PgConnection, rows: &[u8]) -> Result<(), Error> {
        let mut copy = conn.copy_in_raw(&self.copy).await?;
        // On an error the guard is dropped, which tells the server that the copy failed.
        copy.send(rows).await?;
        copy.finish().await?;
        Ok(())
    }

    /// Adds the line of a whole new record.
    pub(super) fn record<R: Record>(&self, out: &mut String, job_id: Uuid, seq: i64, line: i64, record: &R) {
        let values = record.values();
        let email = self.email.map_or(&Value::Null, |at| &values[at]);
        head(out, job_id, seq, line, record.id());
        value(out, email);
        out.push('\t');
        self.name(out, &values);
        out.push('\t');
        text(out, &R::description().search_text(&values));
        out.push_str("\t\\N");
        for at in &self.leaves {
            out.push('\t');
            value(out, &values[*at]);
        }
        out.push('\n');
    }

    /// Adds what the database will make of the record's name.
    fn name(&self, out: &mut String, values: &[Value]) {
        let mut parts = self.name.iter().filter_map(|at| match &values[*at] {
            Value::Text(part) if !part.trim().is_empty() => Some(part.as_str()),
            _ => None,
        });
        match parts.next() {
            Some(first) => text(out, first),
            None => out.push_str("\\N"),
        }
        for part in parts {
            out.push(' ');
            text(out, part);
        }
    }

    /// Adds the line of what a row gives for a record that is there.
    pub(super) fn given(
        &self,
        out: &mut String,
        job_id: Uuid,
        seq: i64,
        line: i64,
        cells: &[String],
        given: &Given,
    ) {
        let of = |leaf: usize| {
            given
                .iter()
                .find(|(at, _)| *at == leaf)
                .map_or(&Value::Null, |(_, value)| value)
        };
        head(out, job_id, seq, line, Uuid::nil());
        out.push_str("\\N\t\\N\t\t");
        text(out, &serde_json::Value::from(cells.to_vec()).to_string());
        for at in &self.leaves {
            out.push('\t');
            match of(*at).to_text() {
                Some(plain) => text(out, &plain),
                None => out.push_str("\\N"),
            }
        }
        out.push('\n');
    }
}

fn head(out: &mut String, job_id: Uuid, seq: i64, line: i64, id: Uuid) {
    // Writing to a String can't fail.
    let _ = write!(out, "{job_id}\t{seq}\t{line}\t{id}\t");
}

/// A text as COPY reads it.
fn text(out: &mut String, text: &str) {
    if !text
        .bytes()
        .any(|byte| matches!(byte, b'\\' | b'\n' | b'\r' | b'\t'))
    {
        out.push_str(text);
        return;
    }
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
}

/// A value as PostgreSQL reads its type.
fn value(out: &mut String, value: &Value) {
    // Writing to a String can't fail.
    match value {
        Value::Null => out.push_str("\\N"),
        Value::Text(plain) => text(out, plain),
        Value::Bool(flag) => out.push(if *flag { 't' } else { 'f' }),
        Value::Int(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Decimal(amount) => {
            let _ = write!(out, "{amount}");
        }
        Value::Id(id) => {
            let _ = write!(out, "{id}");
        }
        Value::Time(at) => out.push_str(&crate::value::time_text(*at)),
        Value::Date(day) => {
            let _ = write!(out, "{day}");
        }
        Value::Texts(words) => text(out, &array_text(words.iter())),
        Value::Ids(ids) => text(out, &array_text(ids.iter().map(Uuid::to_string))),
        Value::Json(object) => text(out, &serde_json::Value::Object(object.clone()).to_string()),
    }
}

/// Marks rows that equal an earlier row or a record of the table, by e-mail, else by name, without case. One pass for the
/// whole file, by hashing, so that it needs no index that Row-Level Security would keep from being used.
pub(super) async fn mark_duplicates(
    conn: &mut PgConnection,
    kind: &'static Description,
    company_id: Uuid,
    job_id: Uuid,
) -> Result<i64, Error> {
    // The server has no statistics of rows that came a moment ago, and a nested loop over them would never end.
    sqlx::query("set local enable_nestloop = off")
        .execute(&mut *conn)
        .await?;
    let mut marked = 0;
    for (key, guard) in [
        ("email", "s.email is not null"),
        ("name", "s.email is null and s.name is not null"),
    ] {
        let within = format!(
            "update import_staging s
             set duplicate = true
             from (
                 select lower({key}) as key, min(seq) as first
                 from import_staging
                 where job_id = $1
                   and {key} is not null
                 group by lower({key})
             ) f
             where s.job_id = $1
               and {guard}
               and lower(s.{key}) = f.key
               and s.seq > f.first"
        );
        marked += sqlx::query(AssertSqlSafe(within))
            .bind(job_id)
            .execute(&mut *conn)
            .await?
            .rows_affected();
        let Some(column) = key_column(kind, key) else {
            continue;
        };
        let against = format!(
            "update import_staging s
             set duplicate = true
             from {} r
             where s.job_id = $1
               and {guard}
               and not s.duplicate
               and r.company_id = $2
               and r.deleted_at is null
               and lower(r.{column}) = lower(s.{key})",
            kind.table
        );
        let done = sqlx::query(AssertSqlSafe(against))
            .bind(job_id)
            .bind(company_id)
            .execute(&mut *conn)
            .await?;
        marked += done.rows_affected();
    }
    Ok(i64::try_from(marked).unwrap_or(i64::MAX))
}

/// The column of the table that holds what a row is compared by.
pub(super) fn key_column(kind: &'static Description, key: &str) -> Option<&'static str> {
    let leaf = match key {
        "name" => ["full_name", "name", "subject"]
            .into_iter()
            .find_map(|name| kind.find(name)),
        other => kind.find(other),
    };
    leaf.map(|leaf| leaf.column)
}

/// Takes a job's rows out of the staging table.
pub(super) async fn clear(conn: &mut PgConnection, job_id: Uuid) -> Result<(), Error> {
    sqlx::query("delete from import_staging where job_id = $1")
        .bind(job_id)
        .execute(conn)
        .await?;
    Ok(())
}

/// The statement that moves staged rows into the table and notes in the history that they were made: `$1` the company,
/// `$2` the job, rows above `$3` up to `$4`, `$5` the time and `$6` the person. It answers what was made.
pub(super) fn insert_statement(kind: &'static Description, staging: &Staging) -> String {
    let columns: Vec<&str> = staging.leaves.iter().map(|at| kind.leaves[*at].column).collect();
    format!(
        "with written as (
             insert into {} (company_id, search, {})
             select $1, search, {}
             from import_staging
             where job_id = $2
               and seq > $3
               and seq <= $4
               and not duplicate
             order by seq
             on conflict do nothing
             returning id, {} as title, owner_id, {} as told
         ), noted as (
             insert into history (company_id, record_id, id, at, actor, action)
             select $1, id, id, $5, $6, 'created'
             from written
         )
         select id, title, owner_id, told
         from written",
        kind.table,
        columns.join(", "),
        staging.casts.join(", "),
        key_column(kind, "name").unwrap_or("''::text"),
        told(kind),
    )
}

/// What is told of a record beside its name, as a JSON object of texts.
fn told(kind: &Description) -> String {
    let told = kind.leaves.iter().filter(|leaf| leaf.told);
    let pairs: Vec<String> = told
        .map(|leaf| format!("'{}', coalesce({}::text, '')", leaf.name, leaf.column))
        .collect();
    format!("jsonb_build_object({})", pairs.join(", "))
}
