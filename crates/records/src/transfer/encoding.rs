//! Turns the bytes of a file into UTF-8, whatever it was written in, a piece at a time.
//!
//! UTF-8 passes through untouched and unchecked: the reader checks each record, so that one broken byte costs one
//! row. Which of UTF-8 and Windows-1252 a file is can't be seen before its first byte above 127, which may come
//! late; so the decision waits for that byte and looks at what follows it.

use std::fmt;

/// How many bytes are looked at before a file without a byte order mark is taken for UTF-16.
const HEAD: usize = 1024;
/// How many bytes after the first one above 127 decide between UTF-8 and Windows-1252.
const LOOKAHEAD: usize = 16 * 1024;

/// What a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// Windows-1252, the superset of Latin-1.
    Windows1252,
}

impl Encoding {
    /// The word of the API: `utf-8`, `utf-16le`, `utf-16be` or `windows-1252`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Windows1252 => "windows-1252",
        }
    }

    fn decoder(self) -> encoding_rs::Decoder {
        match self {
            Self::Utf8 => encoding_rs::UTF_8,
            Self::Utf16Le => encoding_rs::UTF_16LE,
            Self::Utf16Be => encoding_rs::UTF_16BE,
            Self::Windows1252 => encoding_rs::WINDOWS_1252,
        }
        .new_decoder_without_bom_handling()
    }
}

/// A file that isn't text at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotText(
    /// What it seems to be, for a sentence.
    pub &'static str,
);

impl fmt::Display for NotText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The file is {}, not a table in text.", self.0)
    }
}

/// Beginnings of files that people take for tables, or send by mistake.
const SIGNATURES: &[(&[u8], &str)] = &[
    (
        b"PK\x03\x04",
        "a zip archive or an Excel workbook (save it as CSV)",
    ),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (save it as CSV)"),
    (b"\x1f\x8b", "compressed"),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x7fELF", "a program"),
    (b"\xff\xfe\0\0", "in UTF-32 (save it as UTF-8)"),
    (b"\0\0\xfe\xff", "in UTF-32 (save it as UTF-8)"),
];

enum State {
    /// Not enough bytes yet; they are held back.
    Beginning,
    /// Only ASCII so far: UTF-8 or Windows-1252.
    Ascii,
    /// UTF-8, passed through.
    Passing,
    /// Anything else, decoded.
    Decoding(encoding_rs::Decoder),
}

/// Decodes a stream of bytes.
pub struct Decoder {
    state: State,
    encoding: Encoding,
    held: Vec<u8>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            state: State::Beginning,
            encoding: Encoding::Utf8,
            held: Vec::new(),
        }
    }
}

impl Decoder {
    /// What the file is written in, as far as it is known.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Takes the next bytes and appends what they say to `out`; `last` tells that nothing follows.
    ///
    /// # Errors
    /// The file isn't text.
    pub fn push(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>) -> Result<(), NotText> {
        match self.state {
            State::Beginning => {
                self.held.extend_from_slice(bytes);
                if self.held.len() < HEAD && !last {
                    return Ok(());
                }
                let held = std::mem::take(&mut self.held);
                let skip = self.begin(&held)?;
                self.push(&held[skip..], last, out)
            }
            State::Ascii => {
                if !self.held.is_empty() {
                    self.held.extend_from_slice(bytes);
                } else if let Some(at) = bytes.iter().position(|byte| *byte > 127) {
                    out.extend_from_slice(&bytes[..at]);
                    self.held.extend_from_slice(&bytes[at..]);
                } else {
                    out.extend_from_slice(bytes);
                    return Ok(());
                }
                if self.held.len() < LOOKAHEAD && !last {
                    return Ok(());
                }
                let held = std::mem::take(&mut self.held);
                self.decide(if looks_like_utf8(&held) {
                    Encoding::Utf8
                } else {
                    Encoding::Windows1252
                });
                self.push(&held, last, out)
            }
            State::Passing => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            State::Decoding(ref mut decoder) => {
                decode(decoder, bytes, last, out);
                Ok(())
            }
        }
    }

    fn begin(&mut self, head: &[u8]) -> Result<usize, NotText> {
        if let Some((_, what)) = SIGNATURES.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Err(NotText(what));
        }
        for (mark, encoding) in [
            (b"\xef\xbb\xbf".as_slice(), Encoding::Utf8),
            (b"\xff\xfe", Encoding::Utf16Le),
            (b"\xfe\xff", Encoding::Utf16Be),
        ] {
            if head.starts_with(mark) {
                self.decide(encoding);
                return Ok(mark.len());
            }
        }
        match utf16_without_mark(&head[..head.len().min(HEAD)]) {
            Some(encoding) => self.decide(encoding),
            None => self.state = State::Ascii,
        }
        Ok(0)
    }

    fn decide(&mut self, encoding: Encoding) {
        self.encoding = encoding;
        self.state = match encoding {
            Encoding::Utf8 => State::Passing,
            other => State::Decoding(other.decoder()),
        };
    }
}

/// Appends the decoded bytes in pieces, so that the room for the worst case is never reserved at once.
fn decode(decoder: &mut encoding_rs::Decoder, bytes: &[u8], last: bool, out: &mut Vec<u8>) {
    let mut piece = [0_u8; 8 * 1024];
    let mut rest = bytes;
    loop {
        let (result, read, written, _) = decoder.decode_to_utf8(rest, &mut piece, last);
        out.extend_from_slice(&piece[..written]);
        rest = &rest[read..];
        if result == encoding_rs::CoderResult::InputEmpty {
            return;
        }
    }
}

/// Western text in UTF-16 has a zero in nearly every second byte, always on the same side.
fn utf16_without_mark(head: &[u8]) -> Option<Encoding> {
    if head.len() < 4 {
        return None;
    }
    let zeros = |side: usize| {
        head.iter()
            .skip(side)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    let (even, odd, pairs) = (zeros(0), zeros(1), head.len() / 2);
    match (even, odd) {
        (even, odd) if odd * 10 > pairs * 7 && even * 20 < pairs => Some(Encoding::Utf16Le),
        (even, odd) if even * 10 > pairs * 7 && odd * 20 < pairs => Some(Encoding::Utf16Be),
        _ => None,
    }
}

/// More well-formed sequences of several bytes than broken ones. A file in UTF-8 with one broken cell stays UTF-8 (and
/// loses that row); accented letters of Windows-1252 hardly ever form a sequence by chance.
fn looks_like_utf8(mut bytes: &[u8]) -> bool {
    let (mut good, mut bad) = (0_usize, 0_usize);
    loop {
        let (valid, broken) = match std::str::from_utf8(bytes) {
            Ok(valid) => (valid, None),
            Err(error) => {
                let upto = error.valid_up_to();
                let broken = error.error_len().map(|length| upto + length);
                // What is cut off by the end of the lookahead counts for neither side.
                (std::str::from_utf8(&bytes[..upto]).unwrap_or_default(), broken)
            }
        };
        good += valid.chars().filter(|letter| !letter.is_ascii()).count();
        match broken {
            Some(next) => {
                bad += 1;
                bytes = &bytes[next..];
            }
            None => {
                let cut = bytes.len() - valid.len();
                return good > bad || (good == 0 && bad == 0 && cut > 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Decoder, Encoding};

    fn decoded(bytes: &[u8], piece: usize) -> (String, Encoding) {
        let mut decoder = Decoder::default();
        let mut out = Vec::new();
        for part in bytes.chunks(piece) {
            decoder.push(part, false, &mut out).expect("text");
        }
        decoder.push(&[], true, &mut out).expect("text");
        (String::from_utf8(out).expect("utf-8"), decoder.encoding())
    }

    fn utf16(text: &str, big: bool, mark: bool) -> Vec<u8> {
        let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        units
            .flat_map(|unit| {
                if big {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            })
            .collect()
    }

    #[test]
    fn every_encoding_is_found_whatever_the_size_of_the_pieces() {
        let text = "name,city\r\nMüller,Köln\r\nPetit,Orléans\r\n";
        let windows: Vec<u8> = text
            .chars()
            .map(|letter| u8::try_from(u32::from(letter)).expect("latin"))
            .collect();
        let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        for piece in [1, 2, 3, 7, 4096] {
            assert_eq!(decoded(text.as_bytes(), piece), (text.to_owned(), Encoding::Utf8));
            assert_eq!(decoded(&marked, piece), (text.to_owned(), Encoding::Utf8));
            assert_eq!(decoded(&windows, piece), (text.to_owned(), Encoding::Windows1252));
            for mark in [true, false] {
                assert_eq!(
                    decoded(&utf16(text, false, mark), piece),
                    (text.to_owned(), Encoding::Utf16Le)
                );
                assert_eq!(
                    decoded(&utf16(text, true, mark), piece),
                    (text.to_owned(), Encoding::Utf16Be)
                );
            }
        }
    }

    #[test]
    fn a_late_first_accent_still_decides() {
        let mut text = "a,b\n1,2\n".repeat(20_000).into_bytes();
        text.extend_from_slice(b"caf\xe9,3\n");
        let (decoded, encoding) = decoded(&text, 1000);
        assert_eq!(encoding, Encoding::Windows1252);
        assert!(decoded.ends_with("café,3\n"));
    }

    #[test]
    fn one_broken_byte_does_not_make_a_file_windows_1252() {
        let mut decoder = Decoder::default();
        let mut out = Vec::new();
        let bytes = [b"n\nM\xc3\xbcller\nK\xc3\xb6ln\n".as_slice(), b"x\xff\n"].concat();
        decoder.push(&bytes, true, &mut out).expect("text");
        assert_eq!(decoder.encoding(), Encoding::Utf8);
        assert_eq!(out, bytes);
    }

    #[test]
    fn workbooks_pictures_and_utf_32_are_no_text() {
        for bytes in [
            b"PK\x03\x04abcd".as_slice(),
            b"\xff\xfe\0\0a\0\0\0",
            b"\0\0\xfe\xff\0\0\0a",
            b"\x89PNG\r\n",
        ] {
            assert!(Decoder::default().push(bytes, true, &mut Vec::new()).is_err());
        }
    }
}
