//! A file as it would be read: how it is written, where its columns go, and its first rows with what is wrong with them.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use kontor_chassis::error::Error;
use kontor_chassis::{Caller, Db};
use kontor_proto::records::v1::{ImportError, ImportOptions, ImportPreview, ImportPreviewRow};
use time::OffsetDateTime;

use super::draft::{Drafter, Given, RowError};
use super::headers::Mapping;
use super::importer::{Candidate, Importer};
use super::own_cells;
use super::plan::{Plan, not_a_table};
use super::reader::{Reader, Row};
use super::upload::{Part, Parts};
use super::work::Workshop;
use crate::fields::Fields;
use crate::record::Record;
use crate::value::Value;

/// How many rows are shown.
const ROWS: usize = 20;

/// The first rows of a file and what is wrong with them. The rest is read too, and only for the one thing that may come
/// late: the first byte that tells what the file is written in.
pub(super) async fn preview<I: Importer>(
    workshop: &Workshop<I>,
    caller: &Caller,
    options: &ImportOptions,
    mut parts: Parts,
) -> Result<ImportPreview, Error> {
    let fields = workshop.fields(caller).await?;
    let mut plan = Plan::of(options, &fields, caller)?;
    plan.currency = workshop.importer.currency(caller).await?;
    let mut reader = Reader::default();
    let mut sheet: Option<Sheet<I::Record>> = None;
    loop {
        let data = match parts.next().await {
            Some(Ok(Part::Data(data))) => Some(data),
            Some(Ok(Part::Options(_))) => {
                return Err(Error::invalid(
                    "repeated_options",
                    "The options come first and once.",
                ));
            }
            Some(Err(status)) => return Err(status.into()),
            None => None,
        };
        for piece in data.as_deref().unwrap_or_default().chunks(64 * 1024) {
            reader
                .feed(piece)
                .map_err(|error| not_a_table(error.to_string()))?;
            read(&mut reader, &mut sheet, &plan, options, &fields, caller)?;
        }
        if data.is_none() {
            reader.finish().map_err(|error| not_a_table(error.to_string()))?;
            read(&mut reader, &mut sheet, &plan, options, &fields, caller)?;
            break;
        }
    }
    let Some(mut sheet) = sheet else {
        return Err(not_a_table("The file has no rows, not even a header."));
    };
    sheet.complete(&workshop.db, &workshop.importer, caller).await?;
    Ok(ImportPreview {
        delimiter: char::from(reader.delimiter()).to_string(),
        encoding: reader.encoding().word().to_owned(),
        mapping: sheet.mapping.words(&sheet.header).into_iter().collect(),
        unmapped_columns: sheet.mapping.unmapped.clone(),
        problems: sheet.problems(),
        rows: sheet.rows.into_iter().map(Shown::into_message).collect(),
    })
}

fn read<R: Record>(
    reader: &mut Reader,
    sheet: &mut Option<Sheet<R>>,
    plan: &Plan,
    options: &ImportOptions,
    fields: &Arc<Fields>,
    caller: &Caller,
) -> Result<(), Error> {
    while let Some(row) = reader.next_row() {
        match sheet {
            None => *sheet = Some(Sheet::of(&row, plan.clone(), options, fields, caller)?),
            Some(sheet) if sheet.rows.len() < ROWS => sheet.add(&row),
            Some(_) => {}
        }
    }
    Ok(())
}

/// The header and the first rows.
struct Sheet<R> {
    header: Vec<String>,
    mapping: Mapping,
    drafter: Drafter,
    rows: Vec<Shown<R>>,
}

/// A row as it is shown.
struct Shown<R> {
    line: i64,
    cells: Vec<String>,
    given: Given,
    /// Of a row that would make a record.
    record: Option<R>,
    errors: Vec<RowError>,
}

impl<R: Record> Sheet<R> {
    fn of(
        header: &Row<'_>,
        mut plan: Plan,
        options: &ImportOptions,
        fields: &Arc<Fields>,
        caller: &Caller,
    ) -> Result<Self, Error> {
        if header.fault.is_some() {
            return Err(not_a_table(
                "The first line can't be read as the header of a table.",
            ));
        }
        let header = header.readable();
        let mapping = plan.read_header(&header, &options.mapping, fields)?;
        let drafter = Drafter::of(&plan, &header, fields, caller)?;
        Ok(Self {
            header,
            mapping,
            drafter,
            rows: Vec::with_capacity(ROWS),
        })
    }

    fn add(&mut self, row: &Row<'_>) {
        let mut shown = Shown {
            line: i64::try_from(row.line).unwrap_or(i64::MAX),
            cells: row.readable(),
            given: Given::new(),
            record: None,
            errors: Vec::new(),
        };
        match self.drafter.read(row) {
            Err(error) => shown.errors.push(error),
            Ok(judged) if self.drafter.matches() => {
                shown.given = judged.given;
                shown.errors = judged.errors;
            }
            Ok(judged) => {
                shown.given.clone_from(&judged.given);
                match self.drafter.create(judged, OffsetDateTime::now_utc()) {
                    Ok((record, errors)) => {
                        shown.record = Some(record);
                        shown.errors = errors;
                    }
                    Err(error) => shown.errors.push(error),
                }
            }
        }
        self.rows.push(shown);
    }

    /// Has the service judge the rows that would make records.
    async fn complete<I: Importer<Record = R>>(
        &mut self,
        db: &Db,
        importer: &I,
        caller: &Caller,
    ) -> Result<(), Error> {
        let making: Vec<&mut Shown<R>> = self.rows.iter_mut().filter(|row| row.record.is_some()).collect();
        let mut batch: Vec<Candidate<R>> = making
            .iter()
            .filter_map(|row| {
                let owner_given = self.drafter.gives_owner(&row.given);
                Some(Candidate::new(row.record.clone()?, owner_given))
            })
            .collect();
        if batch.is_empty() {
            return Ok(());
        }
        // Never committed.
        let mut tx = db.begin(caller).await?;
        importer
            .complete(&mut tx, caller, OffsetDateTime::now_utc(), &mut batch)
            .await?;
        drop(tx);
        for (row, Candidate { errors, .. }) in making.into_iter().zip(batch) {
            row.errors.extend(self.drafter.errors_at(errors, &row.cells));
        }
        Ok(())
    }

    fn problems(&self) -> Vec<ImportError> {
        let of_row = |row: &Shown<R>| {
            let line = row.line;
            row.errors
                .clone()
                .into_iter()
                .map(move |error| error.into_message(line))
        };
        self.rows.iter().flat_map(of_row).collect()
    }
}

impl<R: Record> Shown<R> {
    /// What would be stored of what the row gives.
    fn into_message(self) -> ImportPreviewRow {
        let leaves = &R::description().leaves;
        let kept = self.record.map(|record| record.values()).unwrap_or_default();
        let mut values = HashMap::new();
        for (leaf, given) in &self.given {
            match kept.get(*leaf).unwrap_or(given) {
                Value::Json(object) => values.extend(own_cells::shown(object)),
                value => values.extend(value.to_text().map(|text| (leaves[*leaf].name.to_owned(), text))),
            }
        }
        ImportPreviewRow {
            row: self.line,
            values,
        }
    }
}
