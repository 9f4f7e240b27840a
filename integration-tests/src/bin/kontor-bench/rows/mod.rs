//! The rows of the table: each a workload, its limit, and what it must reach.

mod bulk;
mod conversion;
mod export;
pub(crate) mod idle;
mod import;
mod lists;
mod login;
mod reads;
mod search;
mod writes;

use anyhow::Result;

use crate::arena::Arena;
use crate::table::Row;

/// The number of the last row.
pub(crate) const LAST: u8 = 14;

/// Measures a row. One that can't be measured says why, and the others go on.
pub(crate) async fn measure(arena: &Arena<'_>, number: u8) -> Row {
    let row: Result<Row> = match number {
        1 => reads::by_http(arena).await,
        2 => reads::by_grpc(arena).await,
        3 => lists::behind_a_cursor(arena).await,
        4 => lists::with_the_total(arena).await,
        5 => lists::deep(arena).await,
        6 => search::rare_words(arena).await,
        7 => writes::create(arena).await,
        8 => writes::patch(arena).await,
        9 => conversion::end_to_end(arena).await,
        10 => import::csv(arena).await,
        11 => export::csv(arena).await,
        12 => login::beside_reads(arena).await,
        13 => bulk::five_hundred(arena).await,
        _ => Ok(idle::row(arena)),
    };
    match row {
        Ok(row) => {
            eprintln!("  {:.0} a second", row.measured.load.rate());
            Row { number, ..row }
        }
        Err(error) => {
            eprintln!("  {error:#}");
            Row {
                number,
                workload: "not measured".to_owned(),
                skipped: Some(
                    format!("{error:#}")
                        .chars()
                        .map_while(first_line)
                        .take(120)
                        .collect(),
                ),
                ..Row::default()
            }
        }
    }
}

fn first_line(letter: char) -> Option<char> {
    match letter {
        '\n' => None,
        '|' => Some('/'),
        other => Some(other),
    }
}
