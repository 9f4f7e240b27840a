//! `expand`: the summaries of references beside their ids.

use std::collections::HashMap;

use kontor_chassis::{Error, FieldErrors};
use kontor_proto::records::v1::Reference;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::description::Description;
use crate::record::Record;
use crate::refs;
use crate::value::Value;

/// Which of a kind's expansions are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expansions(Vec<usize>);

impl Expansions {
    /// Of a request: `owner,territory`. What is unknown is told at `expand`.
    pub fn of(text: &str, description: &Description, errors: &mut FieldErrors) -> Self {
        let mut wanted = Vec::new();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match description
                .expansions
                .iter()
                .position(|expansion| expansion.name == name)
            {
                Some(at) if !wanted.contains(&at) => wanted.push(at),
                Some(_) => {}
                None => errors.push("expand", "unknown_field", format!("{name} can't be expanded.")),
            }
        }
        Self(wanted)
    }
}

/// Records as messages, with the summaries that are wanted; a reference whose name isn't known has none.
///
/// # Errors
/// Unavailable and Internal as the database fails.
pub async fn show<R: Record>(
    tx: &mut PgConnection,
    records: Vec<R>,
    expansions: &Expansions,
) -> Result<Vec<R::Message>, Error> {
    if expansions.0.is_empty() || records.is_empty() {
        return Ok(records.into_iter().map(R::into_message).collect());
    }
    let description = R::description();
    let company = records[0].company_id();
    let referred: Vec<Vec<(usize, Uuid)>> = records
        .iter()
        .map(|record| referred(description, expansions, &record.values()))
        .collect();
    let mut wanted: Vec<(&'static str, Uuid)> = referred
        .iter()
        .flatten()
        .map(|(at, id)| (description.expansions[*at].kind, *id))
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    let names = names::<R>(tx, company, &wanted).await?;

    let show = |(record, references): (R, Vec<(usize, Uuid)>)| {
        let mut message = record.into_message();
        for (at, id) in references {
            if let Some(name) = names.get(&(description.expansions[at].kind, id)) {
                R::expand(
                    &mut message,
                    at,
                    Reference {
                        id: id.to_string(),
                        name: name.clone(),
                    },
                );
            }
        }
        message
    };
    Ok(records.into_iter().zip(referred).map(show).collect())
}

fn referred(description: &Description, expansions: &Expansions, values: &[Value]) -> Vec<(usize, Uuid)> {
    let mut referred = Vec::new();
    for &at in &expansions.0 {
        match &values[description.expansions[at].leaf] {
            Value::Id(id) => referred.push((at, *id)),
            Value::Ids(ids) => referred.extend(ids.iter().map(|id| (at, *id))),
            _ => {}
        }
    }
    referred
}

/// Names of other services' records as their events told them; of this kind's own from its table.
async fn names<R: Record>(
    tx: &mut PgConnection,
    company: Uuid,
    wanted: &[(&'static str, Uuid)],
) -> Result<HashMap<(&'static str, Uuid), String>, Error> {
    let own = R::description().one;
    let ids: Vec<Uuid> = wanted
        .iter()
        .filter(|(kind, _)| *kind == own)
        .map(|(_, id)| *id)
        .collect();
    let mut names = refs::names_of(tx, company, wanted).await?;
    if !ids.is_empty() {
        for record in crate::write::all_of::<R>(tx, company, &ids).await? {
            names.insert((own, record.id()), record.title());
        }
    }
    Ok(names)
}
