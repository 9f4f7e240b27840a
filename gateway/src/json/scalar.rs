//! One value of a request to the wire, from JSON, from a path or from a query.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::plan::{Kind, Plans};
use crate::wire::{WireType, put_bytes, put_nested, put_tag, put_varint};

/// Why a value can't be taken: a code and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A stable snake_case word.
    pub code: &'static str,
    /// A sentence for a person.
    pub message: String,
}

impl Refusal {
    /// A refusal with a code and a sentence.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// A value of another kind than the field's.
    pub fn wrong_type(expected: &str, got: &str) -> Self {
        Self::new("invalid_type", format!("must be {expected}, not {got}"))
    }
}

/// What a person calls a value of this kind.
pub fn describe(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "a boolean",
        Kind::Float | Kind::Double => "a number",
        Kind::String | Kind::Enum(_) | Kind::Bytes | Kind::Timestamp | Kind::Duration | Kind::FieldMask => {
            "a string"
        }
        Kind::Message(_) | Kind::Struct => "an object",
        Kind::Value => "a value",
        Kind::ListValue => "a list",
        _ => "a whole number",
    }
}

/// Whether JSON writes this kind as a number.
pub fn is_numeric(kind: Kind) -> bool {
    matches!(describe(kind), "a number" | "a whole number")
}

/// Appends a boolean field.
pub fn put_bool(out: &mut Vec<u8>, number: u32, value: bool) {
    put_tag(out, number, WireType::Varint);
    out.push(u8::from(value));
}

/// Appends a number field from the number's text.
pub fn put_number(out: &mut Vec<u8>, number: u32, kind: Kind, text: &str) -> Result<(), Refusal> {
    let zigzag = |value: i64| ((value << 1) ^ (value >> 63)) as u64;
    let mut varint = |value: u64| {
        put_tag(out, number, WireType::Varint);
        put_varint(out, value);
    };
    match kind {
        Kind::Int32 => varint(whole(text, i64::from(i32::MIN), i64::from(i32::MAX))? as u64),
        Kind::Int64 => varint(whole(text, i64::MIN, i64::MAX)? as u64),
        Kind::Uint32 => varint(whole(text, 0, i64::from(u32::MAX))? as u64),
        Kind::Uint64 => varint(unsigned(text)?),
        Kind::Sint32 => varint(zigzag(whole(text, i64::from(i32::MIN), i64::from(i32::MAX))?)),
        Kind::Sint64 => varint(zigzag(whole(text, i64::MIN, i64::MAX)?)),
        Kind::Fixed32 => put_fixed32(out, number, whole(text, 0, i64::from(u32::MAX))? as u32),
        Kind::Sfixed32 => put_fixed32(
            out,
            number,
            whole(text, i64::from(i32::MIN), i64::from(i32::MAX))? as u32,
        ),
        Kind::Fixed64 => put_fixed64(out, number, unsigned(text)?),
        Kind::Sfixed64 => put_fixed64(out, number, whole(text, i64::MIN, i64::MAX)? as u64),
        Kind::Float => {
            // Not by way of a double, which would round twice.
            let value: f32 = text.parse().unwrap_or(f32::INFINITY);
            if !value.is_finite() {
                return Err(Refusal::new("out_of_range", "is too large a number"));
            }
            put_fixed32(out, number, value.to_bits());
        }
        Kind::Double => put_fixed64(out, number, real(text)?.to_bits()),
        _ => return Err(Refusal::wrong_type(describe(kind), "a number")),
    }
    Ok(())
}

fn put_fixed32(out: &mut Vec<u8>, number: u32, value: u32) {
    put_tag(out, number, WireType::Fixed32);
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_fixed64(out: &mut Vec<u8>, number: u32, value: u64) {
    put_tag(out, number, WireType::Fixed64);
    out.extend_from_slice(&value.to_le_bytes());
}

/// A number as a double, for fields and for plain JSON.
pub fn real(text: &str) -> Result<f64, Refusal> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(Refusal::new("out_of_range", "is too large a number")),
    }
}

fn unsigned(text: &str) -> Result<u64, Refusal> {
    match text.parse() {
        Ok(value) => Ok(value),
        Err(_) => whole(text, 0, i64::MAX).map(i64::unsigned_abs),
    }
}

fn whole(text: &str, min: i64, max: i64) -> Result<i64, Refusal> {
    let out_of_range = || Refusal::new("out_of_range", format!("must be from {min} to {max}"));
    let value = match text.parse::<i64>() {
        Ok(value) => value,
        Err(_) => {
            let value = real(text).map_err(|_| out_of_range())?;
            if value.fract() != 0.0 {
                return Err(Refusal::wrong_type("a whole number", "one with a fraction"));
            }
            // 5.0 and 1e3 are whole; beyond 2^53 such a spelling is no longer exact.
            if value.abs() > 9_007_199_254_740_992.0 {
                return Err(out_of_range());
            }
            value as i64
        }
    };
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(out_of_range())
    }
}

/// Appends a field that JSON writes as a string.
pub fn put_text(
    out: &mut Vec<u8>,
    number: u32,
    kind: Kind,
    text: &str,
    plans: &Plans,
) -> Result<(), Refusal> {
    if text.contains('\0') {
        return Err(Refusal::new("invalid_text", "must not contain the character NUL"));
    }
    match kind {
        Kind::String => put_bytes(out, number, text.as_bytes()),
        Kind::Enum(words) => {
            let words = plans.words(words);
            let value = words
                .number(text)
                .ok_or_else(|| Refusal::new("unknown_value", format!("must be one of: {}", words.list())))?;
            put_tag(out, number, WireType::Varint);
            put_varint(out, i64::from(value) as u64);
        }
        Kind::Bytes => put_bytes(out, number, &base64(text)?),
        Kind::Timestamp => put_instant(out, number, text)?,
        Kind::Duration => {
            let refusal = || Refusal::new("invalid_duration", "must be seconds such as 1.5s");
            let (seconds, nanos) = duration(text).ok_or_else(refusal)?;
            put_seconds(out, number, seconds, nanos);
        }
        Kind::FieldMask => put_nested(out, number, |out| {
            for path in text.split(',').filter(|path| !path.is_empty()) {
                put_bytes(out, 1, path.as_bytes());
            }
        }),
        _ => return Err(Refusal::wrong_type(describe(kind), "a string")),
    }
    Ok(())
}

fn put_instant(out: &mut Vec<u8>, number: u32, text: &str) -> Result<(), Refusal> {
    let instant = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
        Refusal::new(
            "invalid_time",
            "must be a time by RFC 3339, such as 2026-11-23T07:00:00Z",
        )
    })?;
    put_seconds(
        out,
        number,
        instant.unix_timestamp(),
        i32::try_from(instant.nanosecond()).unwrap_or(0),
    );
    Ok(())
}

/// Whole seconds and the rest of them in nanoseconds, both of one sign.
fn duration(text: &str) -> Option<(i64, i32)> {
    /// Some ten thousand years, as protobuf has it.
    const LONGEST: i64 = 315_576_000_000;
    let text = text.strip_suffix('s')?;
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(part) || part.is_empty() || part.len() > 9 {
        return None;
    }
    let seconds = whole.parse::<i64>().ok().filter(|seconds| *seconds <= LONGEST)?;
    let nanos: i32 = format!("{part:0<9}").parse().ok()?;
    Some((i64::from(sign) * seconds, sign * nanos))
}

fn put_seconds(out: &mut Vec<u8>, number: u32, seconds: i64, nanos: i32) {
    put_nested(out, number, |out| {
        put_tag(out, 1, WireType::Varint);
        put_varint(out, seconds as u64);
        put_tag(out, 2, WireType::Varint);
        put_varint(out, i64::from(nanos) as u64);
    });
}

fn base64(text: &str) -> Result<Vec<u8>, Refusal> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) {
        &URL_SAFE
    } else {
        &STANDARD
    };
    GeneralPurpose::new(alphabet, config)
        .decode(text)
        .map_err(|_| Refusal::new("invalid_base64", "must be bytes in base64"))
}

/// Appends a field from the text of a path or query, where everything is text.
pub fn put_parameter(
    out: &mut Vec<u8>,
    number: u32,
    kind: Kind,
    text: &str,
    plans: &Plans,
) -> Result<(), Refusal> {
    match kind {
        Kind::Bool => match text {
            "true" | "1" => put_bool(out, number, true),
            "false" | "0" => put_bool(out, number, false),
            _ => return Err(Refusal::new("invalid_type", "must be true or false")),
        },
        kind if is_numeric(kind) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            if !digits.starts_with(|first: char| first.is_ascii_digit()) {
                return Err(Refusal::new(
                    "invalid_type",
                    format!("must be {}", describe(kind)),
                ));
            }
            if text.parse::<f64>().is_err() {
                return Err(Refusal::new(
                    "invalid_type",
                    format!("must be {}", describe(kind)),
                ));
            }
            put_number(out, number, kind, text)?;
        }
        kind => put_text(out, number, kind, text, plans)?,
    }
    Ok(())
}
