//! What is known of one stored value of a record: where it stands, what it may be, and what may be done with it.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Amounts of money are exact to this many places.
const AMOUNT_PLACES: u32 = 4;

/// The kind of a leaf's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A UUID.
    Id,
    /// Text of a form.
    Text(Form),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// A decimal number, exact to 4 places.
    Amount,
    /// An instant.
    Time,
    /// A day.
    Date,
    /// A set of words.
    Words,
    /// A list of UUIDs.
    Ids,
    /// A JSON object.
    Object,
}

impl Kind {
    /// How a text becomes the type of a column of this kind: see [`Value::to_sql_text`](crate::Value::to_sql_text).
    #[must_use]
    pub(crate) const fn cast(self) -> &'static str {
        match self {
            Self::Text(_) | Self::Choice(_) => "",
            Self::Id => "::uuid",
            Self::Bool => "::boolean",
            Self::Int => "::bigint",
            Self::Amount => "::numeric",
            Self::Time => "::timestamptz",
            Self::Date => "::date",
            Self::Words => "::text[]",
            Self::Ids => "::uuid[]",
            Self::Object => "::jsonb",
        }
    }
}

/// What a text has to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One line.
    Line,
    /// A word of a program, such as an id of any kind: compared as it is, so that a plain index serves it.
    Word,
    /// Several lines.
    Lines,
    /// An e-mail address.
    Email,
    /// A telephone number, as people write it.
    Phone,
    /// An `http` or `https` URL.
    Link,
    /// ISO 3166-1 alpha-2.
    Country,
    /// ISO 4217.
    Currency,
    /// A day, `YYYY-MM-DD`, where it is kept as text.
    Day,
}

/// One stored value of a record.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Its place in JSON, in masks and in errors: `address.city`, `budget.amount`.
    pub path: &'static str,
    /// Its name in filters, orders, files and the history: `address.city`, `budget`, `budget_currency`.
    pub name: &'static str,
    /// Its column, or the expression that is read in its place.
    pub column: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What people call it.
    pub label: String,
    /// What other systems' exports call it, in lower case.
    pub synonyms: &'static [&'static str],
    /// The most characters of a text, of a word, or the most entries of a list.
    pub max: usize,
    /// The bounds of a number.
    pub range: RangeInclusive<i64>,
    /// The decimal places of an amount.
    pub places: u32,
    /// The column may be null.
    pub nullable: bool,
    /// A record must have it.
    pub required: bool,
    /// Set by the suite, never by a request.
    pub read_only: bool,
    /// May come from a file; also some that are read-only otherwise.
    pub importable: bool,
    /// Made by the database from other columns: read, never written.
    pub generated: bool,
    /// Known to the API: listed, filtered, exported.
    pub public: bool,
    /// May stand in a filter.
    pub filterable: bool,
    /// May stand in an order.
    pub sortable: bool,
    /// Found by `search`.
    pub searchable: bool,
    /// The kind of record whose id it is.
    pub refers: Option<&'static str>,
    /// Travels with every change that is told.
    pub told: bool,
}

/// What is said of a field in a record's description, beyond its name and type.
///
/// Made by [`text`], [`lines`], [`email`], … and refined by its methods.
#[derive(Clone, Debug)]
pub struct Spec {
    pub(crate) form: Form,
    pub(crate) max: usize,
    pub(crate) range: RangeInclusive<i64>,
    pub(crate) label: Option<&'static str>,
    pub(crate) synonyms: &'static [&'static str],
    pub(crate) required: bool,
    pub(crate) read_only: bool,
    pub(crate) importable: bool,
    pub(crate) generated: bool,
    pub(crate) public: bool,
    pub(crate) filterable: bool,
    pub(crate) searchable: bool,
    pub(crate) refers: Option<&'static str>,
    pub(crate) column: Option<&'static str>,
    pub(crate) told: bool,
}

impl Spec {
    const fn of(form: Form, max: usize) -> Self {
        Self {
            form,
            max,
            range: i64::MIN..=i64::MAX,
            label: None,
            synonyms: &[],
            required: false,
            read_only: false,
            importable: true,
            generated: false,
            public: true,
            filterable: true,
            searchable: false,
            refers: None,
            column: None,
            told: false,
        }
    }

    /// What people call it, where that isn't its name with blanks.
    #[must_use]
    pub const fn label(mut self, label: &'static str) -> Self {
        self.label = Some(label);
        self
    }

    /// What other systems' exports call it, in lower case; its name and label are known anyway.
    #[must_use]
    pub const fn import(mut self, synonyms: &'static [&'static str]) -> Self {
        self.synonyms = synonyms;
        self.importable = true;
        self
    }

    /// A record must have it.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Set by the suite alone: refused in a request and ignored in a file (unless [`Spec::import`] follows).
    #[must_use]
    pub const fn read_only(mut self) -> Self {
        self.read_only = true;
        self.importable = false;
        self
    }

    /// Made by the database from other columns.
    #[must_use]
    pub const fn generated(mut self) -> Self {
        self.generated = true;
        self.read_only()
    }

    /// Read by this expression over the row's other columns, in parentheses, where no column can hold it: it depends on
    /// the time of day or on another table.
    #[must_use]
    pub const fn computed(mut self, sql: &'static str) -> Self {
        self.column = Some(sql);
        self.generated()
    }

    /// Kept for the service itself: not listed, filtered or exported.
    #[must_use]
    pub const fn internal(mut self) -> Self {
        self.public = false;
        self.filterable = false;
        self.read_only()
    }

    /// Can't stand in a filter or an order.
    #[must_use]
    pub const fn unfiltered(mut self) -> Self {
        self.filterable = false;
        self
    }

    /// Travels with every change that is told, for others who count or show the record by it.
    #[must_use]
    pub const fn told(mut self) -> Self {
        self.told = true;
        self
    }

    /// Found by `search`.
    #[must_use]
    pub const fn search(mut self) -> Self {
        self.searchable = true;
        self
    }
}

/// One line of text.
#[must_use]
pub const fn text(max: usize) -> Spec {
    Spec::of(Form::Line, max)
}

/// A word of a program.
#[must_use]
pub const fn word(max: usize) -> Spec {
    Spec::of(Form::Word, max)
}

/// Text of several lines.
#[must_use]
pub const fn lines(max: usize) -> Spec {
    Spec::of(Form::Lines, max)
}

/// An e-mail address; at most 254 characters, as RFC 5321 has it.
#[must_use]
pub const fn email() -> Spec {
    Spec::of(Form::Email, 254)
}

/// A telephone number as people write it.
#[must_use]
pub const fn phone() -> Spec {
    Spec::of(Form::Phone, 50)
}

/// A link to a web page; `https://` is put before one without a scheme.
#[must_use]
pub const fn link() -> Spec {
    Spec::of(Form::Link, 2048)
}

/// A country, ISO 3166-1 alpha-2.
#[must_use]
pub const fn country() -> Spec {
    Spec::of(Form::Country, 2)
}

/// One of a choice's words.
#[must_use]
pub const fn choice() -> Spec {
    Spec::of(Form::Line, 100)
}

/// True or false.
#[must_use]
pub const fn flag() -> Spec {
    Spec::of(Form::Line, 5)
}

/// A whole number within these bounds, both included.
#[must_use]
pub const fn whole(least: i64, most: i64) -> Spec {
    let mut spec = Spec::of(Form::Line, 20);
    spec.range = least..=most;
    spec
}

/// An amount and its currency, not below zero.
#[must_use]
pub const fn money() -> Spec {
    whole(0, 999_999_999_999_999)
}

/// An instant.
#[must_use]
pub const fn moment() -> Spec {
    Spec::of(Form::Line, 40)
}

/// A day.
#[must_use]
pub const fn date() -> Spec {
    Spec::of(Form::Line, 10)
}

/// The id of a record of this kind, as the events and [`refs`](crate::refs) name it: `member`.
#[must_use]
pub const fn reference(kind: &'static str) -> Spec {
    let mut spec = Spec::of(Form::Line, 36);
    spec.refers = Some(kind);
    spec
}

/// The ids of records of this kind, at most 100.
#[must_use]
pub const fn references(kind: &'static str) -> Spec {
    let mut spec = reference(kind);
    spec.max = 100;
    spec
}

/// Words to find a record by: at most 50.
#[must_use]
pub const fn tags() -> Spec {
    Spec::of(Form::Line, 50)
}

/// Words of a list, at most this many.
#[must_use]
pub const fn words(max: usize) -> Spec {
    Spec::of(Form::Line, max)
}

/// A part with fields of its own, such as an address.
#[must_use]
pub const fn group() -> Spec {
    Spec::of(Form::Line, 0)
}

/// The company's own fields.
#[must_use]
pub const fn custom() -> Spec {
    Spec::of(Form::Line, 0).unfiltered()
}

impl Leaf {
    /// The leaf of a field: `prefix` is the group it stands in.
    #[must_use]
    pub fn new(field: &'static str, kind: Kind, nullable: bool, spec: &Spec) -> Self {
        let field = field.strip_prefix("r#").unwrap_or(field);
        Self {
            path: field,
            name: field,
            column: spec.column.unwrap_or(field),
            kind,
            label: spec.label.map_or_else(|| label(field), str::to_owned),
            synonyms: spec.synonyms,
            max: spec.max,
            range: spec.range.clone(),
            places: AMOUNT_PLACES,
            nullable,
            required: spec.required,
            read_only: spec.read_only,
            importable: spec.importable,
            generated: spec.generated,
            public: spec.public,
            filterable: spec.filterable,
            sortable: spec.filterable && !matches!(kind, Kind::Words | Kind::Ids | Kind::Object),
            searchable: spec.searchable,
            refers: spec.refers,
            told: spec.told,
        }
    }

    /// Puts it into a group: `city` in `address` becomes `address.city`, in column `address_city`.
    #[must_use]
    pub fn within(mut self, group: &'static str, spec: &Spec) -> Self {
        let group = group.strip_prefix("r#").unwrap_or(group);
        self.path = keep(format!("{group}.{}", self.path));
        self.name = keep(format!("{group}.{}", self.name));
        self.column = keep(format!("{group}_{}", self.column));
        self.label = format!(
            "{} {}",
            spec.label.map_or_else(|| label(group), str::to_owned),
            self.label.to_lowercase()
        );
        self.read_only |= spec.read_only;
        self.importable &= spec.importable;
        self.public &= spec.public;
        self
    }
}

/// `first_name` → `First name`.
pub(crate) fn label(field: &str) -> String {
    let mut label = field.replace('_', " ");
    if let Some(first) = label.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    label
}

/// Descriptions live as long as the process, so their names may as well be static. Equal ones are kept once: the names of
/// fields that companies define come again whenever they are read.
pub(crate) fn keep(name: String) -> &'static str {
    static KEPT: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept.get(name.as_str()) {
        return known;
    }
    let name: &'static str = Box::leak(name.into_boxed_str());
    kept.insert(name);
    name
}
