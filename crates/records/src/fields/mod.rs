//! The company's own fields: defined while the suite runs, their values kept in the column `custom_fields`.
//!
//! A [`Definition`] says what a field holds. [`Fields`] are a kind as one company has it: the description that all
//! share, and leaves for the fields of its own, so that filters, orders, files and the history treat both alike.
//! [`values`] judges what comes in, [`manage`] changes definitions, [`store`] is their SQL.
//!
//! Definitions are remembered for a moment in each process and forgotten when the database tells that they changed.

mod definition;
mod manage;
mod store;
mod values;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use kontor_chassis::db::Signal;
use kontor_chassis::{Error, Host};
use moka::sync::Cache;
use sqlx::PgConnection;
use uuid::Uuid;

pub use definition::{Definition, FieldType};
pub use manage::OwnFields;
pub(crate) use values::{as_json, merge, money_of};

use crate::description::Description;
use crate::leaf::Leaf;
use crate::record::Record;
use crate::value::Value;

/// The field whose keys are the company's own.
pub(crate) const CUSTOM: &str = "custom_fields";

/// Companies and kinds that are remembered, and for how long. That they changed is told by the database at once; the time
/// is for when that was missed.
const REMEMBERED: u64 = 20_000;
const FOR: Duration = Duration::from_secs(10);

type Known = Cache<(&'static str, Uuid), Arc<Fields>>;

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    Cache::builder()
        .max_capacity(REMEMBERED)
        .time_to_live(FOR)
        .build()
});

/// The fields of a kind as one company has them.
#[derive(Debug)]
pub struct Fields {
    description: &'static Description,
    own: Vec<Definition>,
    /// The leaves of the company's own fields, and which definition each belongs to.
    leaves: Vec<(Leaf, usize)>,
}

impl Fields {
    /// A kind with these fields of the company's own.
    #[must_use]
    pub fn new(description: &'static Description, own: Vec<Definition>) -> Self {
        let leaves = own
            .iter()
            .enumerate()
            .flat_map(|(at, definition)| definition.leaves().into_iter().map(move |leaf| (leaf, at)))
            .collect();
        Self {
            description,
            own,
            leaves,
        }
    }

    /// The kind.
    #[must_use]
    pub fn description(&self) -> &'static Description {
        self.description
    }

    /// The company's own, in the order of forms.
    #[must_use]
    pub fn own(&self) -> &[Definition] {
        &self.own
    }

    /// The company's own field of this key.
    #[must_use]
    pub fn definition(&self, key: &str) -> Option<&Definition> {
        self.own.iter().find(|definition| definition.key == key)
    }

    /// Where the leaf of a name or path stands: first those of the kind, then the company's own.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.description.position(name).or_else(|| {
            let own = self
                .leaves
                .iter()
                .position(|(leaf, _)| leaf.name == name || leaf.path == name);
            own.map(|at| at + self.description.leaves.len())
        })
    }

    /// Where the leaf stands that tells two records apart: `id`, or the first.
    #[must_use]
    pub fn key(&self) -> usize {
        self.description.position("id").unwrap_or_default()
    }

    /// The leaf at this place.
    #[must_use]
    pub fn leaf(&self, at: usize) -> &Leaf {
        let built_in = &self.description.leaves;
        built_in
            .get(at)
            .unwrap_or_else(|| &self.leaves[at - built_in.len()].0)
    }

    /// All leaves, the company's own last.
    pub fn leaves(&self) -> impl Iterator<Item = &Leaf> {
        let own = self.leaves.iter().map(|(leaf, _)| leaf);
        self.description.leaves.iter().chain(own)
    }

    /// The public leaf of a name or path.
    #[must_use]
    pub fn public(&self, name: &str) -> Option<&Leaf> {
        self.position(name)
            .map(|at| self.leaf(at))
            .filter(|leaf| leaf.public)
    }

    /// The definition behind a leaf of the company's own.
    #[must_use]
    pub fn definition_at(&self, at: usize) -> Option<&Definition> {
        let at = at.checked_sub(self.description.leaves.len())?;
        self.leaves.get(at).map(|(_, definition)| &self.own[*definition])
    }

    /// The value of a leaf of a record with these values.
    #[must_use]
    pub fn value(&self, values: &[Value], at: usize) -> Value {
        if let Some(value) = values.get(at) {
            return value.clone();
        }
        let custom = self.description.position(CUSTOM).map(|at| &values[at]);
        match (custom, self.definition_at(at)) {
            (Some(Value::Json(object)), Some(definition)) => {
                values::of_json(definition, self.leaf(at), object.get(&definition.key))
            }
            _ => Value::Null,
        }
    }
}

/// The fields of a kind that companies can't add to.
#[must_use]
pub fn built_in<R: Record>() -> Fields {
    Fields::new(R::description(), Vec::new())
}

/// The fields of a kind as this company has them.
///
/// # Errors
/// As the database fails.
pub async fn of<R: Record>(tx: &mut PgConnection, company: Uuid) -> Result<Arc<Fields>, Error> {
    let description = R::description();
    let key = (description.table, company);
    if let Some(known) = KNOWN.get(&key) {
        return Ok(known);
    }
    let own = store::all(tx, company, description.many).await?;
    let fields = Arc::new(Fields::new(description, own));
    KNOWN.insert(key, Arc::clone(&fields));
    Ok(fields)
}

/// Forgets what this process remembers of a kind's fields.
pub(crate) fn forget<R: Record>(company: Uuid) {
    KNOWN.invalidate(&(R::description().table, company));
}

/// Forgets definitions as soon as they are others, until the service shuts down.
pub fn keep_fresh<R: Record>(host: &Host) {
    let (db, shutdown) = (host.db.clone(), host.shutdown.clone());
    host.tasks.spawn(async move {
        let mut changes = db.signals().subscribe(&format!("{}_fields", db.schema()));
        while let Some(change) = shutdown.run_until_cancelled(changes.recv()).await {
            match change {
                Signal::Payload(company) => match Uuid::parse_str(&company) {
                    Ok(company) => forget::<R>(company),
                    Err(_) => KNOWN.invalidate_all(),
                },
                Signal::Missed => KNOWN.invalidate_all(),
            }
        }
    });
}
