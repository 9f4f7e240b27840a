//! Records whose name is like that of one that is not there yet. Words of the name, mostly also with a typo, are looked for by the
//! index of searches, as that is what Row-Level Security lets the planner use; what it finds is compared like duplicates are.

use kontor_chassis::{Caller, Error, FieldErrors};
use kontor_proto::records::v1::ListQuery;
use sqlx::postgres::PgArguments;
use sqlx::{AssertSqlSafe, PgConnection};

use super::likeness::{LITTLE, Weights, names};
use super::profile::{Pattern, Profile};
use crate::fields;
use crate::leaf::{Form, Kind};
use crate::query::{Selection, near_any};
use crate::record::Record;
use crate::value::Value;

/// Words of a name that are looked for, the longest ones: more make nothing surer.
const WORDS: usize = 4;
/// Shorter words begin too many others.
const TELLING: usize = 3;
/// Records that are compared, those whose words are nearest.
const COMPARED: i64 = 50;
/// From here on names are alike.
const ALIKE: f64 = 0.85;

/// Records that the caller may read and whose names are like that of `wanted`, with how much they are (0 to 1), best first.
///
/// # Errors
/// Forbidden when the caller may read none; as the database fails.
pub(crate) async fn similar<R: Record>(
    conn: &mut PgConnection,
    caller: &Caller,
    wanted: &R,
) -> Result<Vec<(R, f64)>, Error> {
    let pattern = Pattern::of(R::description());
    let profile = pattern.profile(wanted);
    let Some((sql, arguments)) = statement::<R>(conn, caller, &profile).await? else {
        return Ok(Vec::new());
    };
    let rows = sqlx::query_with(AssertSqlSafe(sql), arguments)
        .persistent(false)
        .fetch_all(conn)
        .await?;
    let records: Vec<R> = rows.iter().map(R::from_row).collect::<Result<_, _>>()?;
    let mut profiles: Vec<Profile> = records.iter().map(|record| pattern.profile(record)).collect();
    profiles.push(profile.clone());
    let weights = Weights::of(&profiles);
    let likeness = profiles.iter().map(|other| names(&profile, other, &weights));
    let mut alike: Vec<(R, f64)> = records
        .into_iter()
        .zip(likeness)
        .filter(|(_, likeness)| *likeness >= ALIKE)
        .collect();
    alike.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    Ok(alike)
}

/// How the database finds them: for the tests that fail when it would read a whole table.
///
/// # Errors
/// As [`similar`].
pub async fn explain_similar<R: Record>(
    conn: &mut PgConnection,
    caller: &Caller,
    wanted: &R,
) -> Result<String, Error> {
    let profile = Pattern::of(R::description()).profile(wanted);
    let Some((sql, arguments)) = statement::<R>(conn, caller, &profile).await? else {
        return Ok(String::new());
    };
    let lines: Vec<String> = sqlx::query_scalar_with(AssertSqlSafe(format!("explain {sql}")), arguments)
        .persistent(false)
        .fetch_all(conn)
        .await?;
    Ok(lines.join("\n"))
}

/// None for a name without words.
async fn statement<R: Record>(
    conn: &mut PgConnection,
    caller: &Caller,
    wanted: &Profile,
) -> Result<Option<(String, PgArguments)>, Error> {
    let words = telling(&wanted.words);
    if words.is_empty() {
        return Ok(None);
    }
    let description = R::description();
    let fields = fields::of::<R>(conn, caller.company_id()).await?;
    let mut errors = FieldErrors::new();
    let listed = ListQuery::default();
    let Selection { mut condition, .. } = Selection::of(&fields, caller, &listed, false, &mut errors)?;
    errors.into_result()?;
    let near = near_any(&words, &mut condition);
    condition.and(&near);
    let name = condition.bind(Kind::Text(Form::Line), Value::Text(wanted.words.join(" ")));
    let sql = format!(
        "select {}\nfrom {}\nwhere {}\norder by word_similarity({name}, search) desc, id\nlimit {COMPARED}",
        description.columns,
        description.table,
        condition.text()
    );
    Ok(Some((sql, condition.arguments()?)))
}

/// The words that say most.
fn telling(words: &[String]) -> Vec<&str> {
    let length = |word: &str| word.chars().count();
    let mut telling: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|word| length(word) >= TELLING && !LITTLE.contains(word))
        .collect();
    if telling.is_empty() {
        telling = words.iter().map(String::as_str).collect();
    }
    telling.sort_by_key(|word| std::cmp::Reverse(length(word)));
    telling.truncate(WORDS);
    telling
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_words_are_looked_for_and_short_ones_when_there_are_no_others() {
        let words = |name: &str| crate::names::words(name);
        assert_eq!(
            telling(&words("The Bank of Upper Elbonia Inc.")),
            ["elbonia", "upper", "bank"]
        );
        assert_eq!(telling(&words("A B")), ["a", "b"]);
        assert_eq!(telling(&words("?")), Vec::<&str>::new());
    }
}
