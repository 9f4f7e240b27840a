//! Which fields of a message are to be changed.

use kontor_chassis::{Error as Failure, FieldErrors};
use prost_types::FieldMask;

/// The fields that a request names. Without any, those that are set in its message (AIP-134).
pub(super) struct Mask(Option<Vec<String>>);

impl Mask {
    /// Reads a mask whose paths must be among `writable`; one among `read_only` is refused as such.
    pub(super) fn read(
        mask: Option<FieldMask>,
        writable: &[&str],
        read_only: &[&str],
    ) -> Result<Self, Failure> {
        let Some(paths) = mask.map(|mask| mask.paths).filter(|paths| !paths.is_empty()) else {
            return Ok(Self(None));
        };
        let mut errors = FieldErrors::new();
        for path in &paths {
            if read_only.contains(&path.as_str()) {
                errors.push(path.clone(), "read_only", "Only the server sets this field.");
            } else if !writable.contains(&path.as_str()) {
                errors.push(path.clone(), "unknown_field", "There is no such field.");
            }
        }
        errors.into_result()?;
        Ok(Self(Some(paths)))
    }

    /// The value of a field when it is to be changed. `set` tells whether the message holds one.
    pub(super) fn pick<T>(&self, field: &str, set: bool, value: T) -> Option<T> {
        let named = self
            .0
            .as_ref()
            .map_or(set, |paths| paths.iter().any(|path| path == field));
        named.then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_field_is_changed_even_when_it_is_not_set_and_another_is_not() {
        let mask = Mask::read(
            Some(FieldMask {
                paths: vec!["phone".into()],
            }),
            &["phone", "name"],
            &[],
        )
        .unwrap();
        assert_eq!(mask.pick("phone", false, ()), Some(()));
        assert_eq!(mask.pick("name", true, ()), None);
    }

    #[test]
    fn without_a_mask_what_is_set_is_changed() {
        let mask = Mask::read(None, &[], &[]).unwrap();
        assert_eq!(
            (mask.pick("a", true, 1), mask.pick("b", false, 2)),
            (Some(1), None)
        );
    }

    #[test]
    fn unknown_and_read_only_fields_are_refused_together() {
        let paths = vec!["email".into(), "nonsense".into(), "phone".into()];
        let error = Mask::read(Some(FieldMask { paths }), &["phone"], &["email"])
            .err()
            .unwrap();
        let codes: Vec<_> = error
            .fields()
            .iter()
            .map(|field| field.code.to_string())
            .collect();
        assert_eq!(codes, ["read_only", "unknown_field"]);
    }
}
