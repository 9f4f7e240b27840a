//! Rows that were refused: kept with the job, told in its answer, downloaded to be mended.

use kontor_chassis::error::Error;
use kontor_proto::records::v1::ImportError;
use sqlx::types::Json;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::csv;
use super::draft::RowError;
use super::job::Claim;

/// How many errors a job's answer repeats.
const TOLD: usize = 20;

/// A refused row.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) line: i64,
    pub(super) cells: Vec<String>,
    pub(super) errors: Vec<RowError>,
}

/// Keeps refused rows.
pub(super) async fn keep(conn: &mut PgConnection, claim: Claim, refusals: &[Refusal]) -> Result<(), Error> {
    if refusals.is_empty() {
        return Ok(());
    }
    let lines: Vec<i64> = refusals.iter().map(|refusal| refusal.line).collect();
    let cells: Vec<Json<&[String]>> = refusals
        .iter()
        .map(|refusal| Json(refusal.cells.as_slice()))
        .collect();
    let errors: Vec<Json<&[RowError]>> = refusals
        .iter()
        .map(|refusal| Json(refusal.errors.as_slice()))
        .collect();
    sqlx::query(
        "insert into import_refusals (company_id, import_id, line, cells, errors)
         select $1, $2, r.line, r.cells, r.errors
         from unnest($3::bigint[], $4::jsonb[], $5::jsonb[]) as r (line, cells, errors)
         on conflict on constraint import_refusals_pk do nothing",
    )
    .bind(claim.company_id)
    .bind(claim.id)
    .bind(lines)
    .bind(cells)
    .bind(errors)
    .execute(conn)
    .await?;
    Ok(())
}

/// The first errors of a job.
pub(super) async fn first(
    conn: &mut PgConnection,
    company_id: Uuid,
    id: Uuid,
) -> Result<Vec<ImportError>, Error> {
    let page = page(conn, company_id, id, 0, i64::try_from(TOLD).unwrap_or(i64::MAX)).await?;
    let errors = page.into_iter().flat_map(|Refusal { line, errors, .. }| {
        errors.into_iter().map(move |error| error.into_message(line))
    });
    Ok(errors.take(TOLD).collect())
}

/// Refused rows behind a line.
pub(super) async fn page(
    conn: &mut PgConnection,
    company_id: Uuid,
    id: Uuid,
    behind: i64,
    limit: i64,
) -> Result<Vec<Refusal>, Error> {
    let rows = sqlx::query(
        "select line, cells, errors
         from import_refusals
         where company_id = $1
           and import_id = $2
           and line > $3
         order by line
         limit $4",
    )
    .bind(company_id)
    .bind(id)
    .bind(behind)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Refusal {
                line: row.try_get("line")?,
                cells: row.try_get::<Json<_>, _>("cells")?.0,
                errors: row.try_get::<Json<_>, _>("errors")?.0,
            })
        })
        .collect()
}

/// The first line of the file of refused rows.
pub(super) fn csv_header(out: &mut Vec<u8>, header: &[String]) {
    csv::record(out, own(header).map(|(_, name)| name).chain(["_row", "_error"]));
}

/// A refused row as it came, with its line and what is wrong. A row of another width than the header keeps all its cells
/// behind `_error`, so that the columns stay what they are.
pub(super) fn csv_row(out: &mut Vec<u8>, header: &[String], refusal: &Refusal) {
    let cell = |index: usize| refusal.cells.get(index).map_or("", String::as_str);
    let line = refusal.line.to_string();
    let sentence = |error: &RowError| match &error.column {
        Some(column) => format!("{column}: {}", error.message),
        None => error.message.clone(),
    };
    let message = refusal.errors.iter().map(sentence).collect::<Vec<_>>().join(" ");
    let extra = refusal.cells.iter().skip(header.len()).map(String::as_str);
    csv::record(
        out,
        own(header)
            .map(|(index, _)| cell(index))
            .chain([line.as_str(), message.as_str()])
            .chain(extra),
    );
}

/// The file's columns without those that an errors file added.
fn own(header: &[String]) -> impl Iterator<Item = (usize, &str)> {
    let names = header.iter().map(String::as_str).enumerate();
    names.filter(|(_, name)| !matches!(name.trim(), "_row" | "_error"))
}

#[cfg(test)]
mod tests {
    use super::{Refusal, csv_header, csv_row};
    use crate::transfer::draft::RowError;

    #[test]
    fn a_refused_row_comes_back_as_it_was_with_its_line_and_reason() {
        let header: Vec<String> = ["Name", "E-mail", "_row", "_error"].map(str::to_owned).to_vec();
        let refusal = Refusal {
            line: 7,
            cells: ["=A", "no, mail", "3", "old"].map(str::to_owned).to_vec(),
            errors: vec![RowError {
                column: Some("E-mail".to_owned()),
                value: None,
                code: "invalid_email".to_owned(),
                message: "This is no e-mail address.".to_owned(),
            }],
        };
        let mut out = Vec::new();
        csv_header(&mut out, &header);
        csv_row(&mut out, &header, &refusal);
        assert_eq!(
            String::from_utf8(out).expect("text"),
            "Name,E-mail,_row,_error\r\n=A,\"no, mail\",7,E-mail: This is no e-mail address.\r\n"
        );
    }
}
