//! Which column of a file goes into which field.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kontor_chassis::error::{FieldError, FieldErrors};
use unicode_normalization::UnicodeNormalization;

use super::synonyms;

/// Columns that an errors file adds to the file's own.
const IGNORED: [&str; 2] = ["_row", "_error"];
/// A name of a company's own field fits less surely than any of a built-in one.
const OWN: usize = 1_000;
/// The target of a column that holds first and last name in one.
pub(super) const WHOLE_NAME: &str = "full_name";

/// A place that a column can go to.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Its path as in JSON, for example `billing_address.city`.
    pub(super) path: String,
    /// Other paths that mean the same, for example `amount.amount`.
    pub(super) aliases: Vec<String>,
    /// What the description says that others call it.
    pub(super) synonyms: &'static [&'static str],
    /// Only a header that is exactly the path means it: an id of another system isn't ours.
    pub(super) exact_only: bool,
    /// A field of the company's own: nobody else calls it anything.
    pub(super) own: bool,
}

/// What each column of a file means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mapping {
    /// For each column of the file the path it goes to.
    pub(super) columns: Vec<Option<String>>,
    /// Columns that no field took.
    pub(super) unmapped: Vec<String>,
}

impl Mapping {
    /// Column of the file to field of the record, as the job tells it.
    pub(super) fn words(&self, headers: &[String]) -> BTreeMap<String, String> {
        let pairs = headers.iter().zip(&self.columns);
        pairs
            .filter_map(|(header, path)| Some((header.trim().to_owned(), path.clone()?)))
            .collect()
    }
}

/// A header or a name without case, accents, blanks and punctuation: `E-Mail Adreße` → `emailadresse`.
pub(super) fn plain(text: &str) -> String {
    text.nfkd()
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .flat_map(|letter| {
            if letter == 'ß' {
                vec!['s', 's']
            } else {
                vec![letter]
            }
        })
        .collect()
}

/// Judges wishes as far as it can be done before the file's header is known.
pub(super) fn judge(wished: &HashMap<String, String>, targets: &[Target], errors: &mut FieldErrors) {
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut wishes: Vec<(&String, &String)> = wished.iter().filter(|(_, path)| !path.is_empty()).collect();
    wishes.sort();
    for (header, path) in wishes {
        match wish(targets, path, &mut taken) {
            Ok(_) => {}
            Err((code, message)) => errors.push(format!("mapping.{header}"), code, message),
        }
    }
}

/// The target that a path means, which nothing else goes to.
fn wish(
    targets: &[Target],
    path: &str,
    taken: &mut BTreeSet<usize>,
) -> Result<usize, (&'static str, String)> {
    let means = |target: &Target| target.path == path || target.aliases.iter().any(|alias| alias == path);
    match targets.iter().position(means) {
        None => Err((
            "unknown_mapping",
            format!("There is no field \"{path}\" to import."),
        )),
        Some(target) if !taken.insert(target) => {
            Err(("repeated_mapping", format!("Two columns go to \"{path}\".")))
        }
        Some(target) => Ok(target),
    }
}

/// Decides for each column where it goes: as `wished`, else by its name, else by what other systems call the field.
///
/// # Errors
/// A wish that names no column, no field, or one field twice; a header that stands twice and isn't wished for.
pub(super) fn map(
    headers: &[String],
    targets: &[Target],
    wished: &HashMap<String, String>,
) -> Result<Mapping, Vec<FieldError>> {
    let mut columns: Vec<Option<usize>> = vec![None; headers.len()];
    let mut settled: BTreeSet<usize> = BTreeSet::new();
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut errors = Vec::new();
    let mut wishes: Vec<(&String, &String)> = wished.iter().collect();
    wishes.sort();
    for (header, path) in wishes {
        let field = format!("mapping.{header}");
        let Some(column) = column_of(headers, header) else {
            errors.push(error(
                &field,
                "unknown_column",
                format!("The file has no column \"{header}\"."),
            ));
            continue;
        };
        settled.insert(column);
        if path.is_empty() {
            continue;
        }
        match wish(targets, path, &mut taken) {
            Ok(target) => columns[column] = Some(target),
            Err((code, message)) => errors.push(error(&field, code, message)),
        }
    }
    errors.extend(repeated(headers, &settled));
    if !errors.is_empty() {
        return Err(errors);
    }
    let open: Vec<usize> = (0..headers.len())
        .filter(|column| !settled.contains(column) && !IGNORED.contains(&headers[*column].trim()))
        .collect();
    for (column, target) in by_name(headers, &open, targets) {
        if columns[column].is_none() && taken.insert(target) {
            columns[column] = Some(target);
        }
    }
    leave_out_whole_name(&mut columns, targets);
    let unmapped = (0..headers.len())
        .filter(|column| columns[*column].is_none() && !IGNORED.contains(&headers[*column].trim()))
        .map(|column| headers[column].trim().to_owned())
        .filter(|header| !header.is_empty())
        .collect();
    let path = |target: Option<usize>| target.map(|target| targets[target].path.clone());
    Ok(Mapping {
        columns: columns.into_iter().map(path).collect(),
        unmapped,
    })
}

/// All ways in which open columns and targets fit by name, the surest first.
fn by_name(headers: &[String], open: &[usize], targets: &[Target]) -> Vec<(usize, usize)> {
    let mut fits: Vec<(usize, usize, usize)> = Vec::new();
    let words: Vec<Vec<String>> = targets.iter().map(words).collect();
    for column in open {
        let header = headers[*column].trim();
        let plain = plain(header);
        for (target, (description, words)) in targets.iter().zip(&words).enumerate() {
            let exact = header == description.path
                || !description.own && description.aliases.iter().any(|alias| alias == header);
            if exact {
                fits.push((0, *column, target));
            } else if !description.exact_only
                && !plain.is_empty()
                && let Some(rank) = words.iter().position(|word| *word == plain)
            {
                // What is everybody's comes before what is the company's own.
                fits.push((1 + rank + if description.own { OWN } else { 0 }, *column, target));
            }
        }
    }
    fits.sort_unstable();
    fits.into_iter()
        .map(|(_, column, target)| (column, target))
        .collect()
}

/// Everything a target may be called, the surest first: its path, the path without the word `address`, what its
/// description says, what many systems say.
fn words(target: &Target) -> Vec<String> {
    let mut words = vec![plain(&target.path)];
    words.extend(target.aliases.iter().map(|alias| plain(alias)));
    if target.own {
        return words;
    }
    if target.path == WHOLE_NAME {
        words.extend(synonyms::WHOLE_NAME.iter().map(ToString::to_string));
    }
    if let Some((object, leaf)) = target.path.split_once('.') {
        let object = object.trim_end_matches("address");
        words.push(plain(&format!("{object}{leaf}")));
        words.extend(
            synonyms::of(&target.path)
                .iter()
                .map(|word| plain(&format!("{object}{word}"))),
        );
        words.push(plain(leaf));
    }
    words.extend(target.synonyms.iter().map(|word| plain(word)));
    words.extend(synonyms::of(&target.path).iter().map(ToString::to_string));
    words
}

/// A column with the whole name counts only where none has the last name.
fn leave_out_whole_name(columns: &mut [Option<usize>], targets: &[Target]) {
    let goes_to =
        |column: &Option<usize>, path: &str| column.is_some_and(|target| targets[target].path == path);
    if columns.iter().any(|column| goes_to(column, "last_name")) {
        for column in columns {
            if goes_to(column, WHOLE_NAME) {
                *column = None;
            }
        }
    }
}

fn column_of(headers: &[String], wished: &str) -> Option<usize> {
    let exact = headers
        .iter()
        .position(|header| header == wished || header.trim() == wished.trim());
    exact.or_else(|| {
        headers
            .iter()
            .position(|header| plain(header) == plain(wished) && !plain(header).is_empty())
    })
}

/// Headers that stand twice, unless it was said which field they go to (then the first one does).
fn repeated(headers: &[String], settled: &BTreeSet<usize>) -> Vec<FieldError> {
    let mut errors: Vec<FieldError> = Vec::new();
    for (column, header) in headers.iter().enumerate() {
        let header = header.trim();
        let first = headers.iter().position(|other| other.trim() == header);
        let Some(first) = first.filter(|first| *first < column && !header.is_empty()) else {
            continue;
        };
        let field = format!("mapping.{header}");
        if !settled.contains(&first) && errors.iter().all(|error| error.field != field) {
            let message =
                format!("The column \"{header}\" stands more than once; say in `mapping` where it goes.");
            errors.push(error(&field, "repeated_header", message));
        }
    }
    errors
}

fn error(field: &str, code: &'static str, message: String) -> FieldError {
    FieldError {
        field: field.to_owned().into(),
        code: code.into(),
        message: message.into(),
        position: None,
    }
}

#[cfg(test)]
#[path = "headers_tests.rs"]
mod tests;
