//! What a merge is to do.

use std::collections::HashMap;

use kontor_chassis::{Error, FieldErrors, Kind};
use uuid::Uuid;

/// The most records that are merged into one at once.
const MOST: usize = 50;

/// What is to be merged.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The record that stays.
    pub id: String,
    /// Those that go.
    pub source_ids: Vec<String>,
    /// Field to the id of the record whose value is kept.
    pub fields: HashMap<String, String>,
    /// Shows the result and saves nothing.
    pub dry_run: bool,
    /// The etag it is based on; empty for any.
    pub etag: String,
}

impl Wish {
    /// The sources, each once.
    pub(super) fn sources(&self, winner: Uuid) -> Result<Vec<Uuid>, Error> {
        let mut errors = FieldErrors::new();
        let mut itself = FieldErrors::new();
        let mut sources = Vec::new();
        for (at, id) in self.source_ids.iter().enumerate() {
            match crate::admit::id(id) {
                Ok(id) if id == winner => {
                    itself.push(
                        format!("source_ids[{at}]"),
                        "merge_with_itself",
                        "A record can't be merged with itself.",
                    );
                }
                Ok(id) if sources.contains(&id) => {}
                Ok(id) => sources.push(id),
                Err(fault) => errors.push(format!("source_ids[{at}]"), fault.code, fault.message),
            }
        }
        if self.source_ids.is_empty() {
            errors.push("source_ids", "required", "This is required.");
        } else if self.source_ids.len() > MOST {
            errors.push("source_ids", "too_many", format!("At most {MOST}."));
        }
        errors.into_result()?;
        if itself.is_empty() {
            Ok(sources)
        } else {
            Err(itself.into_error(Kind::Refused))
        }
    }
}
