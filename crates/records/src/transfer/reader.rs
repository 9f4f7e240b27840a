//! Reads a table from a stream of bytes, a record at a time, in bounded memory.
//!
//! What it promises for every record: the line of the file where it begins (the header of an ordinary file is line 1;
//! quoted line ends, blank lines and all three kinds of line end count as a text editor counts them), its cells, or
//! why they can't be used. It never fails because of one record.

use super::delimiter;
use super::encoding::{Decoder, Encoding, NotText};

/// How much text is collected before the delimiter is decided.
const HEAD: usize = 32 * 1024;
/// What a record may hold; the rest of a longer one is dropped and the record refused.
pub const MAX_RECORD_BYTES: usize = 1024 * 1024;
/// How many cells a record may have.
pub const MAX_COLUMNS: usize = 2_000;

/// Why the cells of a record can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A quote was opened and the file ended before it was closed.
    UnclosedQuote,
    /// More than [`MAX_RECORD_BYTES`] or [`MAX_COLUMNS`].
    TooLong,
    /// Bytes that aren't UTF-8, in this cell (0-based).
    NotUtf8(usize),
    /// A NUL byte, in this cell (0-based).
    Nul(usize),
}

/// A record of the file.
#[derive(Debug)]
pub struct Row<'a> {
    /// The line of the file where it begins.
    pub line: u64,
    /// Why its cells can't be used.
    pub fault: Option<Fault>,
    text: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Row<'a> {
    /// How many cells it has.
    #[must_use]
    pub fn width(&self) -> usize {
        self.ends.len()
    }

    /// A cell as it came, without its quotes; empty behind the last one, or when the cell isn't UTF-8.
    #[must_use]
    pub fn cell(&self, index: usize) -> &'a str {
        std::str::from_utf8(self.bytes(index)).unwrap_or_default()
    }

    /// All cells as they came; bytes that aren't UTF-8 and NULs are replaced by U+FFFD, for reports.
    #[must_use]
    pub fn readable(&self) -> Vec<String> {
        (0..self.width())
            .map(|index| String::from_utf8_lossy(self.bytes(index)).replace('\0', "\u{fffd}"))
            .collect()
    }

    fn bytes(&self, index: usize) -> &'a [u8] {
        let start = if index == 0 {
            0
        } else {
            self.ends.get(index - 1).copied().unwrap_or(usize::MAX)
        };
        let end = self.ends.get(index).copied().unwrap_or(usize::MAX);
        self.text.get(start..end).unwrap_or_default()
    }
}

/// Reads records out of pieces of a file.
pub struct Reader {
    decoder: Decoder,
    finished: bool,
    /// Decoded text, read up to `at`.
    text: Vec<u8>,
    at: usize,
    delimiter: Option<u8>,
    csv: csv_core::Reader,
    /// The line that `at` is in, and whether the character before it was a carriage return.
    line: u64,
    after_return: bool,
    record: Vec<u8>,
    ends: Vec<usize>,
    began: Option<u64>,
    bytes: usize,
    cells: usize,
    overlong: bool,
    unclosed: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            decoder: Decoder::default(),
            finished: false,
            text: Vec::new(),
            at: 0,
            delimiter: None,
            csv: csv_core::Reader::new(),
            line: 1,
            after_return: false,
            record: vec![0; 4 * 1024],
            ends: vec![0; 128],
            began: None,
            bytes: 0,
            cells: 0,
            overlong: false,
            unclosed: false,
        }
    }
}

impl Reader {
    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// The file isn't text.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), NotText> {
        self.make_room();
        self.decoder.push(bytes, false, &mut self.text)
    }

    /// Tells that the file is complete.
    ///
    /// # Errors
    /// The file isn't text.
    pub fn finish(&mut self) -> Result<(), NotText> {
        self.make_room();
        self.finished = true;
        self.decoder.push(&[], true, &mut self.text)
    }

    /// What the file is written in, as far as it is known.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.decoder.encoding()
    }

    /// What parts its cells; a comma until it is known.
    #[must_use]
    pub fn delimiter(&self) -> u8 {
        self.delimiter.unwrap_or(b',')
    }

    /// The next record that isn't blank; none when more bytes are needed, or at the end.
    pub fn next_row(&mut self) -> Option<Row<'_>> {
        if !self.ready() {
            return None;
        }
        loop {
            if self.began.is_none() && !self.begin_record() {
                return None;
            }
            if !self.read_record() {
                return None;
            }
            let line = self.began.take()?;
            if self.is_blank() {
                self.forget_record();
                continue;
            }
            let fault = self.fault();
            let (bytes, cells) = (self.bytes.min(self.record.len()), self.cells.min(self.ends.len()));
            self.forget_record();
            return Some(Row {
                line,
                fault,
                text: &self.record[..bytes],
                ends: &self.ends[..cells],
            });
        }
    }

    fn make_room(&mut self) {
        self.text.drain(..self.at);
        self.at = 0;
    }

    /// Decides the delimiter once enough is there.
    fn ready(&mut self) -> bool {
        if self.delimiter.is_some() {
            return true;
        }
        if self.text.len() < HEAD && !self.finished {
            return false;
        }
        let delimiter = if let Some((delimiter, length)) = delimiter::declared(&self.text) {
            self.at = length;
            delimiter
        } else {
            let head = &self.text[..self.text.len().min(HEAD)];
            delimiter::detect(head, self.finished && head.len() == self.text.len())
        };
        self.delimiter = Some(delimiter);
        self.csv = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        true
    }

    /// Passes over line ends; false when no record begins in what is there.
    fn begin_record(&mut self) -> bool {
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b'\n' if self.after_return => self.after_return = false,
                b'\n' => self.line += 1,
                b'\r' => {
                    self.line += 1;
                    self.after_return = true;
                }
                _ => {
                    self.after_return = false;
                    self.began = Some(self.line);
                    return true;
                }
            }
            self.at += 1;
        }
        false
    }

    /// Reads until the record is complete; false when more bytes are needed.
    fn read_record(&mut self) -> bool {
        loop {
            let input = &self.text[self.at..];
            if input.is_empty() {
                return self.finished && self.end_of_file();
            }
            let mut spare_text = [0_u8; 1024];
            let mut spare_ends = [0_usize; 64];
            let text = self
                .record
                .get_mut(self.bytes..)
                .filter(|room| !room.is_empty())
                .unwrap_or(&mut spare_text);
            let ends = self
                .ends
                .get_mut(self.cells..)
                .filter(|room| !room.is_empty())
                .unwrap_or(&mut spare_ends);
            let (result, read, written, cells) = self.csv.read_record(input, text, ends);
            self.count_lines(read);
            self.bytes += written;
            self.cells += cells;
            match result {
                csv_core::ReadRecordResult::Record => return true,
                csv_core::ReadRecordResult::OutputFull => self.grow_text(),
                csv_core::ReadRecordResult::OutputEndsFull => self.grow_ends(),
                csv_core::ReadRecordResult::InputEmpty => {}
                csv_core::ReadRecordResult::End => return false,
            }
        }
    }

    /// The last record has no line end, so it is given one. If that doesn't complete it, a quote is open.
    fn end_of_file(&mut self) -> bool {
        let mut input: &[u8] = b"\n";
        let (mut text, mut spare) = ([0_u8; 8], [0_usize; 8]);
        loop {
            let ends = self
                .ends
                .get_mut(self.cells..)
                .filter(|room| !room.is_empty())
                .unwrap_or(&mut spare);
            let (result, read, _, cells) = self.csv.read_record(input, &mut text, ends);
            input = &input[read..];
            self.cells += cells;
            match result {
                csv_core::ReadRecordResult::Record => return true,
                csv_core::ReadRecordResult::End => return false,
                csv_core::ReadRecordResult::OutputEndsFull => self.grow_ends(),
                csv_core::ReadRecordResult::InputEmpty | csv_core::ReadRecordResult::OutputFull => {
                    self.unclosed = true;
                }
            }
        }
    }

    /// Doubles the room for text, up to the limit; behind it the text is dropped.
    fn grow_text(&mut self) {
        if self.record.len() < MAX_RECORD_BYTES {
            self.record.resize(self.record.len() * 2, 0);
        } else {
            self.overlong = true;
        }
    }

    fn grow_ends(&mut self) {
        if self.ends.len() < MAX_COLUMNS {
            self.ends.resize((self.ends.len() * 2).min(MAX_COLUMNS), 0);
        } else {
            self.overlong = true;
        }
    }

    /// Steps over what was read.
    fn count_lines(&mut self, read: usize) {
        for byte in &self.text[self.at..self.at + read] {
            match byte {
                b'\n' if self.after_return => self.after_return = false,
                b'\n' => self.line += 1,
                b'\r' => {
                    self.line += 1;
                    self.after_return = true;
                }
                _ => self.after_return = false,
            }
        }
        self.at += read;
    }

    fn is_blank(&self) -> bool {
        !self.overlong && self.record[..self.bytes].iter().all(u8::is_ascii_whitespace)
    }

    fn fault(&self) -> Option<Fault> {
        if self.unclosed {
            return Some(Fault::UnclosedQuote);
        }
        if self.overlong || self.cells > self.ends.len() || self.bytes > self.record.len() {
            return Some(Fault::TooLong);
        }
        let text = &self.record[..self.bytes];
        let cell_at = |at: usize| self.ends[..self.cells].partition_point(|end| *end <= at);
        if text.is_ascii() {
            return text
                .iter()
                .position(|byte| *byte == 0)
                .map(|at| Fault::Nul(cell_at(at)));
        }
        match std::str::from_utf8(text) {
            Err(error) => Some(Fault::NotUtf8(cell_at(error.valid_up_to()))),
            Ok(valid) => match self.ends[..self.cells]
                .iter()
                .position(|end| !valid.is_char_boundary(*end))
            {
                Some(cell) => Some(Fault::NotUtf8(cell)),
                None => text
                    .iter()
                    .position(|byte| *byte == 0)
                    .map(|at| Fault::Nul(cell_at(at))),
            },
        }
    }

    fn forget_record(&mut self) {
        (self.bytes, self.cells, self.overlong, self.unclosed) = (0, 0, false, false);
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
