//! The Rust types that a field of a record can have: a [`Cell`] alone, or a part of several.

use sqlx::postgres::PgRow;

use crate::cell::Cell;
use crate::leaf::{Form, Kind, Leaf, Spec};
use crate::value::Value;

/// Reads a row's columns one after the other, in the order of the description.
#[derive(Debug)]
pub struct Columns<'r> {
    row: &'r PgRow,
    next: usize,
}

impl<'r> Columns<'r> {
    /// From the first column.
    #[must_use]
    pub const fn of(row: &'r PgRow) -> Self {
        Self { row, next: 0 }
    }

    /// The next column.
    ///
    /// # Errors
    /// When it has another type.
    pub fn take<T: Cell>(&mut self) -> Result<T, sqlx::Error> {
        let position = self.next;
        self.next += 1;
        T::read(self.row, position)
    }
}

/// A field of a record: one leaf or several.
pub trait Field: Clone + Sized {
    /// Of a record that isn't filled in yet.
    fn blank() -> Self;
    /// Adds its leaves.
    fn describe(name: &'static str, spec: &Spec, leaves: &mut Vec<Leaf>);
    /// Reads its columns.
    ///
    /// # Errors
    /// When a column has another type.
    fn read(columns: &mut Columns<'_>) -> Result<Self, sqlx::Error>;
    /// Adds its values, one a leaf.
    fn put(&self, values: &mut Vec<Value>);
    /// Takes its values back, one a leaf; none when one has another kind.
    fn pull(values: &mut std::vec::IntoIter<Value>) -> Option<Self>;
}

impl<T: Cell> Field for T {
    fn blank() -> Self {
        Cell::blank()
    }
    fn describe(name: &'static str, spec: &Spec, leaves: &mut Vec<Leaf>) {
        let kind = match T::KIND {
            Kind::Text(_) => Kind::Text(spec.form),
            other => other,
        };
        leaves.push(Leaf::new(name, kind, T::NULLABLE, spec));
    }
    fn read(columns: &mut Columns<'_>) -> Result<Self, sqlx::Error> {
        columns.take()
    }
    fn put(&self, values: &mut Vec<Value>) {
        values.push(self.to_value());
    }
    fn pull(values: &mut std::vec::IntoIter<Value>) -> Option<Self> {
        T::from_value(values.next()?)
    }
}

/// An amount of money. Its leaves are `<field>` and `<field>_currency`; both are null or neither.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money {
    /// Exact to 4 places.
    pub amount: rust_decimal::Decimal,
    /// ISO 4217.
    pub currency: String,
}

impl Field for Option<Money> {
    fn blank() -> Self {
        None
    }
    fn describe(name: &'static str, spec: &Spec, leaves: &mut Vec<Leaf>) {
        let mut amount = Leaf::new(name, Kind::Amount, true, spec);
        amount.path = crate::leaf::keep(format!("{}.amount", amount.name));
        let mut currency = Leaf::new(name, Kind::Text(Form::Currency), true, spec);
        currency.path = crate::leaf::keep(format!("{}.currency", amount.name));
        currency.name = crate::leaf::keep(format!("{}_currency", amount.name));
        currency.column = currency.name;
        currency.label = format!("{} currency", amount.label);
        currency.synonyms = &[];
        currency.required = false;
        currency.max = 3;
        leaves.extend([amount, currency]);
    }
    fn read(columns: &mut Columns<'_>) -> Result<Self, sqlx::Error> {
        let amount: Option<_> = columns.take()?;
        let currency: Option<_> = columns.take()?;
        Ok(amount
            .zip(currency)
            .map(|(amount, currency)| Money { amount, currency }))
    }
    fn put(&self, values: &mut Vec<Value>) {
        match self {
            Some(Money { amount, currency }) => {
                values.push(Value::Decimal(*amount));
                values.push(Value::Text(currency.clone()));
            }
            None => values.extend([Value::Null, Value::Null]),
        }
    }
    fn pull(values: &mut std::vec::IntoIter<Value>) -> Option<Self> {
        let amount: Option<_> = Cell::from_value(values.next()?)?;
        let currency: Option<_> = Cell::from_value(values.next()?)?;
        Some(
            amount
                .zip(currency)
                .map(|(amount, currency)| Money { amount, currency }),
        )
    }
}

crate::group! {
    /// A postal address.
    pub struct Address(kontor_proto::records::v1::Address) {
        /// Street and house number; may hold several lines.
        street: Option<String> = lines(255).import(&["street address", "address line 1"]),
        /// City or town.
        city: Option<String> = text(100).import(&["town"]),
        /// State, province or region.
        state: Option<String> = text(100).import(&["province", "region", "state/province"]),
        /// Postal code.
        postal_code: Option<String> = text(20).import(&["zip", "zip code", "postcode", "zip/postal code"]),
        /// ISO 3166-1 alpha-2.
        country: Option<String> = country(),
    }
}
