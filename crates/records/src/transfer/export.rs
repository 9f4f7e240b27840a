//! Records of a list as CSV: one statement, so one snapshot; a row after the other, so constant memory.

use std::sync::Arc;

use futures_util::TryStreamExt as _;
use kontor_chassis::error::{Error, FieldErrors};
use kontor_chassis::{Caller, Db, TenantTx};
use kontor_proto::google::api::HttpBody;
use kontor_proto::records::v1::ListQuery;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgArguments;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::TaskTracker;
use tonic::Status;

use super::imports::Download;
use super::{csv, format};
use crate::fields::{self, CUSTOM, Fields};
use crate::leaf::Kind;
use crate::query::{Order, Selection};
use crate::record::Record;

/// Bytes that are sent together.
const PIECE: usize = 64 * 1024;

/// The records that a list's query means and its caller may export, in the list's order. `columns` are fields separated by
/// commas, an object's name for all its parts; empty for `id` and then every field.
///
/// # Errors
/// Invalid, naming every bad parameter; Forbidden when the caller may export none; Unavailable and Internal as the
/// database fails.
pub async fn export<R: Record>(
    db: &Db,
    tasks: &TaskTracker,
    caller: &Caller,
    query: &ListQuery,
    columns: &str,
) -> Result<Download, Error> {
    caller.require(R::description().permission("export"))?;
    let mut tx = db.read(caller).await?;
    let fields = fields::of::<R>(&mut tx, caller.company_id()).await?;
    let selection = Selection::settled::<R>(&mut tx, caller, query)
        .await
        .and_then(|selection| selection.for_action::<R>(caller, "export"));
    let asked = (query.order_by.as_str(), columns);
    download(tx, tasks, fields, asked, selection, FieldErrors::new())
}

/// The rows of a selection, in an order and with columns as they were asked for. What is wrong with either of the three is
/// told together, after `errors`.
pub(crate) fn download(
    mut tx: TenantTx,
    tasks: &TaskTracker,
    fields: Arc<Fields>,
    (order_by, columns): (&str, &str),
    selection: Result<Selection, Error>,
    mut errors: FieldErrors,
) -> Result<Download, Error> {
    let columns = columns_of(&fields, columns, &mut errors);
    let order = Order::of(order_by, &fields, &mut errors);
    let selection = match selection {
        Err(error) if !error.fields().is_empty() => {
            errors.extend(error.fields().iter().cloned());
            Err(error)
        }
        other => other,
    };
    errors.into_result()?;
    let Selection { condition, .. } = selection?;
    let names: Vec<&str> = columns.iter().map(|at| fields.leaf(*at).column).collect();
    let sql = format!(
        "select {}\nfrom {}\nwhere {}\norder by {}",
        names.join(", "),
        fields.description().table,
        condition.text(),
        order.sql(&fields)
    );
    let arguments = condition.arguments()?;
    let (pieces, download) = mpsc::channel(2);
    tasks.spawn(async move {
        if let Err(error) = send(&mut tx, &fields, &columns, sql, arguments, &pieces).await {
            // Nobody reads it when the client has gone away.
            let _ = pieces.send(Err(error.into())).await;
        }
    });
    Ok(ReceiverStream::new(download))
}

async fn send(
    tx: &mut TenantTx,
    fields: &Fields,
    columns: &[usize],
    sql: String,
    arguments: PgArguments,
    pieces: &mpsc::Sender<Result<HttpBody, Status>>,
) -> Result<(), Error> {
    let kinds: Vec<Kind> = columns.iter().map(|at| fields.leaf(*at).kind).collect();
    let mut data = Vec::with_capacity(PIECE + PIECE / 4);
    csv::record(&mut data, columns.iter().map(|at| fields.leaf(*at).name));
    // The header goes at once: the client sees that it begins, however long the order takes.
    if pieces.send(Ok(csv::piece(data))).await.is_err() {
        return Ok(());
    }
    data = Vec::with_capacity(PIECE + PIECE / 4);
    let mut rows = sqlx::query_with(AssertSqlSafe(sql), arguments)
        .persistent(false)
        .fetch(&mut **tx);
    while let Some(row) = rows.try_next().await? {
        for (column, kind) in kinds.iter().enumerate() {
            format::cell(&mut data, &row, column, *kind)?;
        }
        csv::end(&mut data);
        if data.len() >= PIECE {
            let full = std::mem::replace(&mut data, Vec::with_capacity(PIECE + PIECE / 4));
            if pieces.send(Ok(csv::piece(full))).await.is_err() {
                return Ok(());
            }
        }
    }
    if !data.is_empty() {
        // Nobody reads it when the client has gone away.
        let _ = pieces.send(Ok(csv::piece(data))).await;
    }
    Ok(())
}

/// The leaves of `columns`, in that order.
fn columns_of(fields: &Fields, columns: &str, errors: &mut FieldErrors) -> Vec<usize> {
    let public = |at: &usize| fields.leaf(*at).public;
    let all = fields.leaves().count();
    if columns.trim().is_empty() {
        // The company's own fields have columns of their own.
        let whole = fields.position(CUSTOM);
        return (0..all).filter(|at| public(at) && Some(*at) != whole).collect();
    }
    let mut chosen = Vec::new();
    for name in columns.split(',').map(str::trim) {
        let group = format!("{name}.");
        let named = fields.position(name).filter(public);
        let found: Vec<usize> = match named {
            Some(at) if name != CUSTOM => vec![at],
            _ => (0..all)
                .filter(|at| public(at) && fields.leaf(*at).name.starts_with(&group))
                .collect(),
        };
        if found.is_empty() && named.is_none() {
            errors.push(
                "columns",
                "unknown_field",
                format!("There is no field \"{name}\" to export."),
            );
        }
        chosen.extend(found);
    }
    chosen
}
