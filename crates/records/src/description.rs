//! All that is known of a kind of record, made once and driving everything else.

use std::collections::HashMap;

use crate::leaf::{Kind, Leaf, keep};
use crate::value::Value;

/// What [`record!`](crate::record) says of a kind beside its fields.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// `schema.table`.
    pub table: &'static str,
    /// The word for one.
    pub one: &'static str,
    /// The word for many: the resource of its permissions.
    pub many: &'static str,
}

/// A reference that `expand` can show.
#[derive(Clone, Copy, Debug)]
pub struct Expansion {
    /// Its word in `expand`, and its field in the message.
    pub name: &'static str,
    /// The leaf that holds the id or the ids.
    pub leaf: usize,
    /// The kind of record it refers to.
    pub kind: &'static str,
}

/// A kind of record.
#[derive(Debug)]
pub struct Description {
    /// `schema.table`.
    pub table: &'static str,
    /// The word for one.
    pub one: &'static str,
    /// The word for many: the resource of its permissions.
    pub many: &'static str,
    /// Every stored value, in the order of columns and values.
    pub leaves: Vec<Leaf>,
    /// What `expand` can show.
    pub expansions: Vec<Expansion>,
    /// What a list is ordered by unless it is said.
    pub usual_order: &'static str,
    /// Fields of the message that are not stored.
    pub computed: Vec<&'static str>,
    /// The columns of the leaves, for `select` and `returning`.
    pub columns: &'static str,
    by_name: HashMap<&'static str, usize>,
    permissions: [(&'static str, &'static str); 8],
    pub(crate) sql: crate::write::Statements,
}

/// What the actions of permissions are called.
const ACTIONS: [&str; 8] = [
    "read", "create", "update", "delete", "import", "export", "convert", "merge",
];

impl Description {
    /// Puts it together. `expansions` are pairs of a word and the field that holds the id.
    ///
    /// # Panics
    /// When an expansion names a field that refers to nothing: a mistake in the description, found by the first use.
    #[must_use]
    pub fn new(
        names: Names,
        leaves: Vec<Leaf>,
        expansions: &[(&'static str, &'static str)],
        computed: &[&'static str],
    ) -> Self {
        let Names { table, one, many } = names;
        let plain = |name: &'static str| name.strip_prefix("r#").unwrap_or(name);
        let mut by_name = HashMap::new();
        for (at, leaf) in leaves.iter().enumerate() {
            by_name.insert(leaf.name, at);
            by_name.insert(leaf.path, at);
        }
        let expansions = expansions
            .iter()
            .map(|&(name, field)| {
                let leaf = by_name.get(plain(field)).copied();
                let kind = leaf.and_then(|at| leaves[at].refers);
                let (Some(leaf), Some(kind)) = (leaf, kind) else {
                    panic!("{one}: {name} expands {field}, which refers to nothing");
                };
                Expansion {
                    name: plain(name),
                    leaf,
                    kind,
                }
            })
            .collect();
        let columns = keep(
            leaves
                .iter()
                .map(|leaf| leaf.column)
                .collect::<Vec<_>>()
                .join(", "),
        );
        Self {
            sql: crate::write::Statements::of(table, columns, &leaves),
            table,
            one,
            many,
            expansions,
            usual_order: "-created_at",
            computed: computed.iter().map(|name| plain(name)).collect(),
            columns,
            by_name,
            permissions: ACTIONS.map(|action| (action, keep(format!("{many}:{action}")))),
            leaves,
        }
    }

    /// The same, ordered by this unless it is said.
    #[must_use]
    pub const fn ordered_by(mut self, order: &'static str) -> Self {
        self.usual_order = order;
        self
    }

    /// The leaf of a name or path, also one that isn't public.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Leaf> {
        self.position(name).map(|at| &self.leaves[at])
    }

    /// Where the leaf of a name or path stands.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The public leaf of a name or path.
    #[must_use]
    pub fn public(&self, name: &str) -> Option<&Leaf> {
        self.find(name).filter(|leaf| leaf.public)
    }

    /// The permission of an action: `update` → `things:update`.
    ///
    /// # Panics
    /// When there is no such action: a mistake of the program, not of its input.
    #[must_use]
    pub fn permission(&self, action: &str) -> &'static str {
        let found = self.permissions.iter().find(|(known, _)| *known == action);
        found.map_or_else(
            || panic!("{action} is no action on records"),
            |(_, permission)| permission,
        )
    }

    /// What `search` looks at, of a record with these values: see [`fold`](crate::fold).
    #[must_use]
    pub fn search_text(&self, values: &[Value]) -> String {
        let mut text = String::new();
        for (leaf, value) in self.leaves.iter().zip(values) {
            if !leaf.searchable {
                continue;
            }
            match value {
                Value::Text(words) => {
                    crate::fold::append(&mut text, words);
                    if leaf.kind == Kind::Text(crate::leaf::Form::Phone) {
                        crate::fold::append_digits(&mut text, words);
                    }
                }
                Value::Texts(list) => list
                    .iter()
                    .for_each(|words| crate::fold::append(&mut text, words)),
                _ => {}
            }
        }
        text
    }
}
