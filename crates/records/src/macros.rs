//! `record!`, `group!` and `choice!`: a kind of record is written down once, and the compiler keeps the lists.

/// Describes a kind of record: its struct, its columns, its reading and writing, its message.
///
/// ```ignore
/// record! {
///     /// A page of a notebook.
///     pub struct Note(v1::Note), told by v1::NotesChanged;
///     table "notes.notes", one "note", many "notes";
///     title |note| note.subject.clone();
///     fields {
///         /// What it is about.
///         subject: String = text(100).required().search(),
///         /// What it cost.
///         price: Option<Money> = money().import(&["cost"]),
///         /// Where it was written.
///         place: Address = group(),
///         /// Where it stands.
///         state: NoteState = choice().read_only(),
///         /// The book it is in.
///         book_id: Option<Uuid> = reference("book"),
///     }
///     internal {
///         /// Its words, counted when it is saved.
///         words: i32 = whole(0, 1_000_000),
///     }
///     computed {
///         length: |note| note.subject.len() as i32,
///     }
///     expand { owner: owner_id, book: book_id }
/// }
/// ```
///
/// Every field of the message stands in exactly one of the three lists, or the crate doesn't compile. These are there
/// without being listed: `id`, `company_id`, `owner_id`, `tags`, `custom_fields`, `created_by`, `updated_by`,
/// `created_at`, `updated_at`, `deleted_at`, and `etag`, which is the column `version`.
///
/// - `fields`: name, Rust type and what is said of it (see [`leaf`](crate::leaf)). The column is the name; parts of a
///   group are `<group>_<part>`, the currency of an amount is `<field>_currency`.
/// - `internal`, which may be left out: columns that the service keeps for itself and the message doesn't have.
/// - `title`: what a person calls it. It is told with the statement that writes the record, so it can't come from a
///   generated column.
/// - `computed`: fields of the message made from the record when it is sent. For one that is filtered or sorted by, make
///   a generated column and a field with `.generated()` instead, or a field with `.computed("…")` where the database can't
///   keep it.
/// - `expand`: summaries of references, and the field that holds the id.
///
/// The table also has the column `search text not null default ''`.
#[macro_export]
macro_rules! record {
    (
        $(#[$doc:meta])*
        $vis:vis struct $name:ident($($message:ident)::+), told by $changed:path;
        table $table:literal, one $one:literal, many $many:literal;
        title $title:expr;
        fields {
            $( $(#[$field_doc:meta])* $field:ident : $type:ty = $spec:expr ),* $(,)?
        }
        $( internal {
            $( $(#[$inner_doc:meta])* $inner:ident : $inner_type:ty = $inner_spec:expr ),* $(,)?
        } )?
        computed {
            $( $computed:ident : $compute:expr ),* $(,)?
        }
        expand {
            $( $expanded:ident : $reference:ident ),* $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        $vis struct $name {
            /// UUIDv7.
            pub id: $crate::export::Uuid,
            /// The company whose it is.
            pub company_id: $crate::export::Uuid,
            $( $(#[$field_doc])* pub $field: $type, )*
            $( $( $(#[$inner_doc])* pub $inner: $inner_type, )* )?
            /// Who works on it.
            pub owner_id: Option<$crate::export::Uuid>,
            /// Words to find it by.
            pub tags: Vec<String>,
            /// The company's own fields.
            pub custom_fields: $crate::CustomFields,
            /// Who made it.
            pub created_by: Option<$crate::export::Uuid>,
            /// Who changed it last.
            pub updated_by: Option<$crate::export::Uuid>,
            /// When it was made.
            pub created_at: $crate::export::OffsetDateTime,
            /// When it was changed last.
            pub updated_at: $crate::export::OffsetDateTime,
            /// When it was deleted.
            pub deleted_at: Option<$crate::export::OffsetDateTime>,
            /// Counts up with every change.
            pub version: i64,
        }

        impl $crate::Record for $name {
            type Message = $($message)::+;
            type Changed = $changed;

            fn description() -> &'static $crate::Description {
                static DESCRIPTION: std::sync::LazyLock<$crate::Description> = std::sync::LazyLock::new(|| {
                    #[allow(unused_imports)]
                    use $crate::leaf::*;
                    use $crate::implied;
                    use $crate::field::Field;

                    let mut leaves = implied::first_leaves();
                    $( <$type as Field>::describe(stringify!($field), &$spec, &mut leaves); )*
                    $( $(
                        <$inner_type as Field>::describe(stringify!($inner), &$inner_spec.internal(), &mut leaves);
                    )* )?
                    leaves.extend(implied::last_leaves());
                    $crate::Description::new(
                        $crate::description::Names { table: $table, one: $one, many: $many },
                        leaves,
                        &[$( (stringify!($expanded), stringify!($reference)) ),*],
                        &[$( stringify!($computed) ),*],
                    )
                });
                &DESCRIPTION
            }

            fn draft(
                id: $crate::export::Uuid,
                caller: &$crate::export::Caller,
                now: $crate::export::OffsetDateTime,
            ) -> Self {
                Self {
                    id,
                    company_id: caller.company_id(),
                    $( $field: <$type as $crate::field::Field>::blank(), )*
                    $( $( $inner: <$inner_type as $crate::field::Field>::blank(), )* )?
                    owner_id: caller.user_id(),
                    tags: Vec::new(),
                    custom_fields: $crate::CustomFields::new(),
                    created_by: caller.user_id(),
                    updated_by: caller.user_id(),
                    created_at: now,
                    updated_at: now,
                    deleted_at: None,
                    version: 1,
                }
            }

            fn from_row(row: &$crate::export::PgRow) -> Result<Self, $crate::export::sqlx::Error> {
                let mut columns = $crate::field::Columns::of(row);
                Ok(Self {
                    id: columns.take()?,
                    company_id: columns.take()?,
                    $( $field: <$type as $crate::field::Field>::read(&mut columns)?, )*
                    $( $( $inner: <$inner_type as $crate::field::Field>::read(&mut columns)?, )* )?
                    owner_id: columns.take()?,
                    tags: columns.take()?,
                    custom_fields: columns.take()?,
                    created_by: columns.take()?,
                    updated_by: columns.take()?,
                    created_at: columns.take()?,
                    updated_at: columns.take()?,
                    deleted_at: columns.take()?,
                    version: columns.take()?,
                })
            }

            fn values(&self) -> Vec<$crate::Value> {
                use $crate::field::Field;
                let Self {
                    id, company_id, $( $field, )* $( $( $inner, )* )? owner_id, tags, custom_fields, created_by,
                    updated_by, created_at, updated_at, deleted_at, version,
                } = self;
                let mut values = Vec::with_capacity(<Self as $crate::Record>::description().leaves.len());
                id.put(&mut values);
                company_id.put(&mut values);
                $( $field.put(&mut values); )*
                $( $( $inner.put(&mut values); )* )?
                owner_id.put(&mut values);
                tags.put(&mut values);
                custom_fields.put(&mut values);
                created_by.put(&mut values);
                updated_by.put(&mut values);
                created_at.put(&mut values);
                updated_at.put(&mut values);
                deleted_at.put(&mut values);
                version.put(&mut values);
                values
            }

            fn from_values(values: Vec<$crate::Value>) -> Option<Self> {
                use $crate::field::Field;
                let mut values = values.into_iter();
                Some(Self {
                    id: Field::pull(&mut values)?,
                    company_id: Field::pull(&mut values)?,
                    $( $field: <$type as Field>::pull(&mut values)?, )*
                    $( $( $inner: <$inner_type as Field>::pull(&mut values)?, )* )?
                    owner_id: Field::pull(&mut values)?,
                    tags: Field::pull(&mut values)?,
                    custom_fields: Field::pull(&mut values)?,
                    created_by: Field::pull(&mut values)?,
                    updated_by: Field::pull(&mut values)?,
                    created_at: Field::pull(&mut values)?,
                    updated_at: Field::pull(&mut values)?,
                    deleted_at: Field::pull(&mut values)?,
                    version: Field::pull(&mut values)?,
                })
            }

            fn raw(message: Self::Message) -> Vec<$crate::Value> {
                use $crate::{Value, wire::Wire};
                let $($message)::+ {
                    id: _, company_id: _, $( $field, )* owner_id, tags, custom_fields, created_by: _, updated_by: _,
                    created_at: _, updated_at: _, deleted_at: _, etag: _, $( $computed: _, )* $( $expanded: _, )*
                } = message;
                let mut raw = Vec::with_capacity(<Self as $crate::Record>::description().leaves.len());
                raw.extend([Value::Null, Value::Null]);
                $( <$type as Wire<_>>::raw($field, &mut raw); )*
                $( $( $crate::implied::absent::<$inner_type>(&mut raw); )* )?
                <Option<$crate::export::Uuid> as Wire<_>>::raw(owner_id, &mut raw);
                <Vec<String> as Wire<_>>::raw(tags, &mut raw);
                <$crate::CustomFields as Wire<_>>::raw(custom_fields, &mut raw);
                raw.extend([Value::Null, Value::Null, Value::Null, Value::Null, Value::Null, Value::Null]);
                raw
            }

            fn into_message(self) -> Self::Message {
                use $crate::wire::Wire;
                $(
                    let $computed = {
                        let compute: fn(&Self) -> _ = $compute;
                        compute(&self)
                    };
                )*
                $($message)::+ {
                    etag: $crate::Record::etag(&self),
                    id: self.id.into_wire(),
                    company_id: self.company_id.into_wire(),
                    $( $field: <$type as Wire<_>>::into_wire(self.$field), )*
                    owner_id: self.owner_id.into_wire(),
                    tags: self.tags,
                    custom_fields: self.custom_fields.into_wire(),
                    created_by: self.created_by.into_wire(),
                    updated_by: self.updated_by.into_wire(),
                    created_at: self.created_at.into_wire(),
                    updated_at: self.updated_at.into_wire(),
                    deleted_at: self.deleted_at.into_wire(),
                    $( $computed, )*
                    $( $expanded: Default::default(), )*
                }
            }

            fn expand(message: &mut Self::Message, expansion: usize, summary: $crate::export::Reference) {
                #[allow(unused_mut)]
                let mut fields: Vec<&mut dyn $crate::implied::Summaries> = vec![$( &mut message.$expanded ),*];
                if let Some(field) = fields.get_mut(expansion) {
                    field.show(summary);
                }
            }

            fn changed(changes: Vec<$crate::export::RecordChange>) -> Self::Changed {
                $changed { changes }
            }

            fn title(&self) -> String {
                let title: fn(&Self) -> String = $title;
                title(self)
            }
            fn id(&self) -> $crate::export::Uuid {
                self.id
            }
            fn company_id(&self) -> $crate::export::Uuid {
                self.company_id
            }
            fn owner_id(&self) -> Option<$crate::export::Uuid> {
                self.owner_id
            }
            fn set_owner_id(&mut self, owner: Option<$crate::export::Uuid>) {
                self.owner_id = owner;
            }
            fn created_by(&self) -> Option<$crate::export::Uuid> {
                self.created_by
            }
            fn deleted_at(&self) -> Option<$crate::export::OffsetDateTime> {
                self.deleted_at
            }
            fn version(&self) -> i64 {
                self.version
            }
            fn touch(&mut self, by: Option<$crate::export::Uuid>, now: $crate::export::OffsetDateTime) {
                self.updated_by = by;
                self.updated_at = now;
            }
            fn set_deleted_at(&mut self, at: Option<$crate::export::OffsetDateTime>) {
                self.deleted_at = at;
            }
        }
    };
}

/// Describes a part of a record with fields of its own, such as an address; a column each.
///
/// A part whose fields are all blank is none in the contract.
#[macro_export]
macro_rules! group {
    (
        $(#[$doc:meta])*
        $vis:vis struct $name:ident($($message:ident)::+) {
            $( $(#[$field_doc:meta])* $field:ident : $type:ty = $spec:expr ),* $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        $vis struct $name {
            $( $(#[$field_doc])* pub $field: $type, )*
        }

        impl Default for $name {
            fn default() -> Self {
                <Self as $crate::field::Field>::blank()
            }
        }

        impl $crate::field::Field for $name {
            fn blank() -> Self {
                Self { $( $field: <$type as $crate::field::Field>::blank(), )* }
            }
            fn describe(name: &'static str, spec: &$crate::leaf::Spec, leaves: &mut Vec<$crate::leaf::Leaf>) {
                #[allow(unused_imports)]
                use $crate::leaf::*;
                let mut parts = Vec::new();
                $( <$type as $crate::field::Field>::describe(stringify!($field), &$spec, &mut parts); )*
                leaves.extend(parts.into_iter().map(|part| part.within(name, spec)));
            }
            fn read(columns: &mut $crate::field::Columns<'_>) -> Result<Self, $crate::export::sqlx::Error> {
                Ok(Self { $( $field: <$type as $crate::field::Field>::read(columns)?, )* })
            }
            fn put(&self, values: &mut Vec<$crate::Value>) {
                let Self { $( $field, )* } = self;
                $( <$type as $crate::field::Field>::put($field, values); )*
            }
            fn pull(values: &mut std::vec::IntoIter<$crate::Value>) -> Option<Self> {
                Some(Self { $( $field: <$type as $crate::field::Field>::pull(values)?, )* })
            }
        }

        impl $crate::wire::Wire<Option<$($message)::+>> for $name {
            fn into_wire(self) -> Option<$($message)::+> {
                if self == <Self as $crate::field::Field>::blank() {
                    return None;
                }
                Some($($message)::+ {
                    $( $field: <$type as $crate::wire::Wire<_>>::into_wire(self.$field), )*
                })
            }
            fn raw(wire: Option<$($message)::+>, raw: &mut Vec<$crate::Value>) {
                let $($message)::+ { $( $field, )* } = wire.unwrap_or_default();
                $( <$type as $crate::wire::Wire<_>>::raw($field, raw); )*
            }
        }
    };
}

/// Describes a choice: an enum of the model with its words, and its enum in the contract, whose 0 is none.
///
/// ```ignore
/// choice! {
///     /// Where a note stands.
///     pub enum NoteState(v1::NoteState) { Open = "open", InReview = "in_review" }
/// }
/// ```
/// The first is what a new record has, unless the field may be null.
#[macro_export]
macro_rules! choice {
    (
        $(#[$doc:meta])*
        $vis:vis enum $name:ident($contract:path) {
            $( $(#[$variant_doc:meta])* $variant:ident = $word:literal ),+ $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        $vis enum $name {
            $( $(#[$variant_doc])* $variant, )+
        }

        impl $crate::Choice for $name {
            const WORDS: &'static [&'static str] = &[$( $word ),+];
            const FIRST: Self = {
                let all = [$( Self::$variant ),+];
                all[0]
            };

            fn word(self) -> &'static str {
                match self {
                    $( Self::$variant => $word, )+
                }
            }
            fn from_word(word: &str) -> Option<Self> {
                match word {
                    $( $word => Some(Self::$variant), )+
                    _ => None,
                }
            }
            fn number(self) -> i32 {
                type Contract = $contract;
                match self {
                    $( Self::$variant => Contract::$variant as i32, )+
                }
            }
            fn from_number(number: i32) -> Option<Self> {
                type Contract = $contract;
                match Contract::try_from(number).ok()? {
                    Contract::Unspecified => None,
                    $( Contract::$variant => Some(Self::$variant), )+
                }
            }
        }
    };
}
