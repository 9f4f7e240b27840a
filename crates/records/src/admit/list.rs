//! Lists of words and of ids.

use super::{Fault, id, without_nul};
use crate::leaf::Leaf;
use crate::value::Value;

/// The most characters of a tag.
const LONGEST: usize = 50;

/// Trimmed, without blanks and repeats (case aside, the first spelling stays), in the order given.
pub(super) fn words(leaf: &Leaf, given: Vec<String>) -> Result<Value, Fault> {
    let mut kept: Vec<String> = Vec::with_capacity(given.len());
    let mut seen = std::collections::HashSet::with_capacity(given.len());
    for (entry, word) in given.into_iter().enumerate() {
        let at = |fault: Fault| Fault {
            entry: Some(entry),
            ..fault
        };
        without_nul(&word).map_err(at)?;
        let word = word.trim();
        if word.chars().count() > LONGEST {
            return Err(at(Fault::new(
                "too_long",
                format!("At most {LONGEST} characters."),
            )));
        }
        if word.contains(';') {
            return Err(at(Fault::new(
                "invalid_characters",
                "A semicolon parts words and can't stand in one.",
            )));
        }
        if !word.is_empty() && seen.insert(word.to_lowercase()) {
            kept.push(word.to_owned());
        }
    }
    enough(leaf, kept.len())?;
    Ok(Value::Texts(kept))
}

/// Without repeats, in the order given.
pub(super) fn ids(leaf: &Leaf, given: Vec<String>) -> Result<Value, Fault> {
    let mut kept = Vec::with_capacity(given.len());
    for (entry, text) in given.into_iter().enumerate() {
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        let id = id(text).map_err(|fault| Fault {
            entry: Some(entry),
            ..fault
        })?;
        if !kept.contains(&id) {
            kept.push(id);
        }
        enough(leaf, kept.len())?;
    }
    Ok(Value::Ids(kept))
}

fn enough(leaf: &Leaf, count: usize) -> Result<(), Fault> {
    if count > leaf.max {
        Err(Fault::new("too_many", format!("At most {}.", leaf.max)))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaf::{Kind, references, tags};

    fn texts(words: &[&str]) -> Vec<String> {
        words.iter().map(|&w| w.to_owned()).collect()
    }

    #[test]
    fn tags_are_trimmed_and_said_once() {
        let leaf = Leaf::new("tags", Kind::Words, false, &tags());
        assert_eq!(
            words(&leaf, texts(&[" vip ", "", "VIP", "new"])),
            Ok(Value::Texts(texts(&["vip", "new"])))
        );
    }

    #[test]
    fn a_bad_tag_is_named_by_its_place() {
        let leaf = Leaf::new("tags", Kind::Words, false, &tags());
        let fault = words(&leaf, vec!["ok".into(), "x".repeat(51)]).unwrap_err();
        assert_eq!((fault.code, fault.path(&leaf).as_str()), ("too_long", "tags[1]"));
        let many = (0..51).map(|n| n.to_string()).collect();
        assert_eq!(words(&leaf, many).unwrap_err().code, "too_many");
        assert_eq!(
            words(&leaf, texts(&["a\0b"])).unwrap_err().code,
            "invalid_characters"
        );
    }

    #[test]
    fn a_bad_id_is_named_by_its_place() {
        let leaf = Leaf::new("person_ids", Kind::Ids, false, &references("person"));
        let good = uuid::Uuid::now_v7().to_string();
        assert_eq!(
            ids(&leaf, vec![good.clone(), good, "x".into()])
                .unwrap_err()
                .path(&leaf),
            "person_ids[2]"
        );
    }
}
