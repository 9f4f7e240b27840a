//! The shape of failures.

use serde_json::{Value, json};

/// The answers that failing requests share.
pub(super) fn responses() -> Value {
    let problem = |text: &str| {
        let schema = json!({"$ref": "#/components/schemas/Problem"});
        json!({"description": text, "content": {"application/problem+json": {"schema": schema}}})
    };
    json!({
        "Invalid": problem("Malformed or invalid; `errors` names every bad field."),
        "Unauthenticated": problem("Not signed in."),
        "Forbidden": problem("Signed in, but not allowed."),
        "NotFound": problem("Not there, or another company's."),
        "Stale": problem("The etag is stale: read the record again."),
        "Problem": problem("Any other failure, told by its `code`. 429 and 503 carry `Retry-After`."),
    })
}

/// A problem document.
pub(super) fn schema() -> Value {
    json!({
        "type": "object",
        "description": "A failure, RFC 9457. Some carry further members.",
        "required": ["type", "title", "status", "detail", "code", "request_id", "errors"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "A sentence for a person."},
            "code": {"type": "string", "description": "A stable snake_case word."},
            "request_id": {"type": "string"},
            "errors": {"type": "array", "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {
                    "field": {"type": "string", "description": "Its path: `address.country`, `contact_ids[2]`."},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "position": {"type": "integer", "description": "The character where an expression went wrong."},
                },
            }},
        },
    })
}
