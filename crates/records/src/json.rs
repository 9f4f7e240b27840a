//! JSON objects as `google.protobuf.Struct`, and back.

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value as Wire};
use serde_json::{Map, Number, Value as Json};

/// For an answer.
pub(crate) fn to_struct(object: Map<String, Json>) -> Struct {
    Struct {
        fields: object
            .into_iter()
            .map(|(key, value)| (key, to_wire(value)))
            .collect(),
    }
}

/// Of a request.
pub(crate) fn of_struct(object: Struct) -> Map<String, Json> {
    object
        .fields
        .into_iter()
        .map(|(key, value)| (key, of_wire(value)))
        .collect()
}

fn to_wire(value: Json) -> Wire {
    let kind = match value {
        Json::Null => Kind::NullValue(0),
        Json::Bool(flag) => Kind::BoolValue(flag),
        // A number of a Struct is a double; serde_json keeps none that has no such value.
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Json::String(text) => Kind::StringValue(text),
        Json::Array(list) => Kind::ListValue(ListValue {
            values: list.into_iter().map(to_wire).collect(),
        }),
        Json::Object(object) => Kind::StructValue(to_struct(object)),
    };
    Wire { kind: Some(kind) }
}

fn of_wire(value: Wire) -> Json {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(flag)) => Json::Bool(flag),
        Some(Kind::NumberValue(number)) => of_number(number),
        Some(Kind::StringValue(text)) => Json::String(text),
        Some(Kind::ListValue(list)) => Json::Array(list.values.into_iter().map(of_wire).collect()),
        Some(Kind::StructValue(object)) => Json::Object(of_struct(object)),
    }
}

/// Whole numbers stay whole, as they were written; infinities have no JSON and become null.
fn of_number(number: f64) -> Json {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[allow(clippy::cast_possible_truncation)] // Whole and within 2^53: exact.
        return Json::Number(Number::from(number as i64));
    }
    Number::from_f64(number).map_or(Json::Null, Json::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_survives_the_way_through_a_struct() {
        let Json::Object(object) = serde_json::json!({"a": 1, "b": [true, null, "x"], "c": {"d": 2.5}})
        else {
            unreachable!()
        };
        assert_eq!(of_struct(to_struct(object.clone())), object);
    }
}
