//! What every kind of record has without saying so.

use kontor_proto::records::v1::Reference;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::cell::CustomFields;
use crate::field::Field;
use crate::leaf::{Leaf, custom, moment, reference, tags, whole};
use crate::value::Value;

/// The kind under which members of the company are referred to.
pub const MEMBER: &str = "member";

/// The leaves before a record's own.
#[must_use]
pub fn first_leaves() -> Vec<Leaf> {
    let mut leaves = Vec::new();
    let mut id = reference("");
    id.refers = None;
    Uuid::describe(
        "id",
        &id.read_only().import(&["record id"]).label("ID"),
        &mut leaves,
    );
    let mut company = reference("");
    company.refers = None;
    Uuid::describe("company_id", &company.internal(), &mut leaves);
    leaves
}

/// The leaves after a record's own.
#[must_use]
pub fn last_leaves() -> Vec<Leaf> {
    let mut leaves = Vec::new();
    let all = &mut leaves;
    <Option<Uuid>>::describe("owner_id", &reference(MEMBER).label("Owner"), all);
    <Vec<String>>::describe("tags", &tags().import(&["labels", "keywords"]).search(), all);
    CustomFields::describe("custom_fields", &custom(), all);
    <Option<Uuid>>::describe("created_by", &reference(MEMBER).read_only(), all);
    <Option<Uuid>>::describe("updated_by", &reference(MEMBER).read_only(), all);
    let created = moment()
        .read_only()
        .import(&["created", "create date", "created date", "date created"]);
    OffsetDateTime::describe("created_at", &created, all);
    OffsetDateTime::describe("updated_at", &moment().read_only(), all);
    <Option<OffsetDateTime>>::describe("deleted_at", &moment().read_only(), all);
    i64::describe("version", &whole(1, i64::MAX).internal(), all);
    leaves
}

/// Adds the raw values of a field that no request has.
pub fn absent<T: Field>(raw: &mut Vec<Value>) {
    let from = raw.len();
    T::blank().put(raw);
    raw[from..].fill(Value::Null);
}

/// A field of a message that shows one summary or several.
pub trait Summaries {
    /// Adds one.
    fn show(&mut self, summary: Reference);
}

impl Summaries for Option<Reference> {
    fn show(&mut self, summary: Reference) {
        *self = Some(summary);
    }
}

impl Summaries for Vec<Reference> {
    fn show(&mut self, summary: Reference) {
        self.push(summary);
    }
}
