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
            "type": {"type": "string", "format": "uri-reference", "description": "`urn:kontor:problem:` and the code."},
            "title": {"type": "string", "description": "What kind of failure it is."},
            "status": {"type": "integer", "description": "The status of the answer."},
            "detail": {"type": "string", "description": "A sentence for a person."},
            "code": {"type": "string", "description": "A stable snake_case word."},
            "request_id": {"type": "string", "description": "The request in our logs, as in `X-Request-Id`."},
            "errors": {"type": "array", "description": "Every bad field; empty when none is to blame.", "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {
                    "field": {"type": "string", "description": "Its path: `address.country`, `contact_ids[2]`."},
                    "code": {"type": "string", "description": "A stable snake_case word."},
                    "message": {"type": "string", "description": "A sentence for a person."},
                    "position": {"type": "integer", "description": "The character where an expression went wrong."},
                },
            }},
        },
        "examples": [{
            "type": "urn:kontor:problem:invalid_fields",
            "title": "Invalid request",
            "status": 400,
            "detail": "Several fields are invalid.",
            "code": "invalid_fields",
            "request_id": "01a2076d-70b2-71df-b6d5-5f1b0580e881",
            "errors": [
                {"field": "email", "code": "invalid_email", "message": "This is no e-mail address."},
                {"field": "address.country", "code": "invalid_country",
                 "message": "Write a country as ISO 3166-1 alpha-2, for example DE."},
            ],
        }],
    })
}
