//! The comments of the protos, which are the words of the document.

use std::collections::HashMap;

use prost::{DecodeError, Message};
use prost_reflect::FileDescriptor;
use prost_types::FileDescriptorSet;

/// Comments by file and place.
pub(super) struct Comments(HashMap<(String, Vec<i32>), String>);

impl Comments {
    /// Of an encoded descriptor set with its source code info.
    pub(super) fn of(descriptors: &[u8]) -> Result<Self, DecodeError> {
        let files = FileDescriptorSet::decode(descriptors)?.file;
        let mut all = HashMap::new();
        for file in files {
            let name = file.name().to_owned();
            for location in file.source_code_info.unwrap_or_default().location {
                let text = tidy(location.leading_comments());
                if !text.is_empty() {
                    all.insert((name.clone(), location.path), text);
                }
            }
        }
        Ok(Self(all))
    }

    /// The comment above what stands at a place.
    pub(super) fn at(&self, file: &FileDescriptor, path: &[i32]) -> &str {
        self.0
            .get(&(file.name().to_owned(), path.to_vec()))
            .map_or("", String::as_str)
    }
}

/// One line a paragraph, without what is said to tools.
fn tidy(comment: &str) -> String {
    let mut paragraphs = vec![String::new()];
    for line in comment
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("buf:lint:"))
    {
        match (line.is_empty(), paragraphs.last_mut()) {
            (false, Some(last)) => {
                if !last.is_empty() {
                    last.push(' ');
                }
                last.push_str(line);
            }
            _ => paragraphs.push(String::new()),
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs.join("\n\n")
}

/// The first sentence, for lists.
pub(super) fn summary(comment: &str) -> &str {
    let first = comment.split("\n\n").next().unwrap_or(comment);
    match first.find(". ") {
        Some(end) => &first[..end],
        None => first.trim_end_matches('.'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_paragraphs_and_its_summary_the_first_sentence() {
        let text = tidy(" Makes a thing. 400 `bad`.\n buf:lint:ignore X\n\n And more\n of it.\n");
        assert_eq!(text, "Makes a thing. 400 `bad`.\n\nAnd more of it.");
        assert_eq!(summary(&text), "Makes a thing");
    }
}
