//! What a kind of record is to the machinery: implemented by [`record!`](crate::record), never by hand.

use kontor_chassis::{Caller, FieldErrors};
use kontor_proto::records::v1::{RecordChange, Reference};
use prost::{Message, Name};
use prost_types::FieldMask;
use sqlx::postgres::PgRow;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::description::Description;
use crate::fields::Fields;
use crate::input::{self, Mask};
use crate::value::Value;

/// A kind of record.
pub trait Record: Clone + Sized + Send + Sync + 'static {
    /// What it is in the contract.
    type Message: Default + Send + Sync + 'static;
    /// The event that tells its changes.
    type Changed: Message + Name;

    /// What is known of its fields; made once.
    fn description() -> &'static Description;
    /// A new record of the caller's, by the caller, with nothing in it.
    fn draft(id: Uuid, caller: &Caller, now: OffsetDateTime) -> Self;
    /// Reads a row whose columns are those of [`Description::columns`].
    ///
    /// # Errors
    /// When a column has another type.
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error>;
    /// Its values, one a leaf, in the order of the description.
    fn values(&self) -> Vec<Value>;
    /// A record of these values; none when one has another kind than its leaf.
    fn from_values(values: Vec<Value>) -> Option<Self>;
    /// The values of a request, one a leaf, as they came.
    fn raw(message: Self::Message) -> Vec<Value>;
    /// For an answer, without the summaries of `expand`.
    fn into_message(self) -> Self::Message;
    /// Puts a summary into the field of [`Description::expansions`] at this place.
    fn expand(message: &mut Self::Message, expansion: usize, summary: Reference);
    /// The event of these changes.
    fn changed(changes: Vec<RecordChange>) -> Self::Changed;

    /// What a person calls it.
    fn title(&self) -> String;
    /// Its id.
    fn id(&self) -> Uuid;
    /// Its company.
    fn company_id(&self) -> Uuid;
    /// Who works on it.
    fn owner_id(&self) -> Option<Uuid>;
    /// Gives it to a member, or to nobody; a kind that nobody owns stays as it is.
    fn set_owner_id(&mut self, owner: Option<Uuid>);
    /// Who made it.
    fn created_by(&self) -> Option<Uuid>;
    /// When it was deleted.
    fn deleted_at(&self) -> Option<OffsetDateTime>;
    /// Counts up with every change; the etag.
    fn version(&self) -> i64;
    /// Notes who changes it and when.
    fn touch(&mut self, by: Option<Uuid>, now: OffsetDateTime);
    /// Deletes it, or brings it back.
    fn set_deleted_at(&mut self, at: Option<OffsetDateTime>);

    /// A new record of a request; `fields` are the company's. Every bad field goes into `errors`; what is bad stays blank.
    fn create(
        message: Self::Message,
        fields: &Fields,
        caller: &Caller,
        now: OffsetDateTime,
        errors: &mut FieldErrors,
    ) -> Self {
        let draft = Self::draft(Uuid::now_v7(), caller, now);
        input::take(draft, Self::raw(message), &Mask::Everything, fields, errors)
    }

    /// This record with the fields of the mask as in the message; one that isn't set there is cleared. Without a mask,
    /// the fields that are set. Every bad field goes into `errors`; what is bad stays as it was.
    fn patch(
        &self,
        message: Self::Message,
        mask: Option<&FieldMask>,
        fields: &Fields,
        errors: &mut FieldErrors,
    ) -> Self {
        let mask = Mask::of(mask, Self::description(), errors);
        input::take(self.clone(), Self::raw(message), &mask, fields, errors)
    }

    /// The etag, without quotes.
    fn etag(&self) -> String {
        self.version().to_string()
    }

    /// Whether the etag of a request is this record's; an empty one is any.
    ///
    /// # Errors
    /// Stale.
    fn match_etag(&self, etag: &str) -> Result<(), kontor_chassis::Error> {
        kontor_chassis::Error::unless_stale(etag, &self.etag())
    }
}
