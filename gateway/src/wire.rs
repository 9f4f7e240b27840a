//! The protobuf wire format, as far as it is needed to walk a message without its type.

/// Bytes that are no message of the expected type. Peers are ours, so this is a fault and never a user's mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed protobuf at byte {0}")]
pub struct Malformed(pub usize);

/// How a value is written behind its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum WireType {
    /// A varint.
    Varint = 0,
    /// Eight bytes, little-endian.
    Fixed64 = 1,
    /// A length and so many bytes.
    Bytes = 2,
    /// Four bytes, little-endian.
    Fixed32 = 5,
}

/// Reads a message's fields one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A value as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A varint, or the bits of a fixed-width number.
    Number(u64),
    /// A string, bytes, a message or packed numbers.
    Bytes(&'a [u8]),
}

impl<'a> Walk<'a> {
    /// Starts at `at`, which must be the beginning of a tag.
    pub fn from(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Where the next tag begins.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Whether everything was read.
    pub fn is_done(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// The next varint.
    pub fn varint(&mut self) -> Result<u64, Malformed> {
        if let Some(&byte) = self.bytes.get(self.at)
            && byte < 0x80
        {
            self.at += 1;
            return Ok(u64::from(byte));
        }
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or(Malformed(self.at))?;
            self.at += 1;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed(self.at))
    }

    /// The next four bytes as a number.
    pub fn fixed32(&mut self) -> Result<u32, Malformed> {
        let bytes = self.take(4)?.try_into().map_err(|_| Malformed(self.at))?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// The next eight bytes as a number.
    pub fn fixed64(&mut self) -> Result<u64, Malformed> {
        let bytes = self.take(8)?.try_into().map_err(|_| Malformed(self.at))?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(length).ok_or(Malformed(self.at))?;
        let taken = self.bytes.get(self.at..end).ok_or(Malformed(self.at))?;
        self.at = end;
        Ok(taken)
    }

    /// The next field: its number and its value.
    pub fn field(&mut self) -> Result<(u32, Value<'a>), Malformed> {
        let begin = self.at;
        let tag = u32::try_from(self.varint()?).map_err(|_| Malformed(begin))?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => Value::Number(self.fixed64()?),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed(begin))?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Number(u64::from(self.fixed32()?)),
            _ => return Err(Malformed(begin)),
        };
        Ok((tag >> 3, value))
    }
}

/// The last value of a field, without a look at the others.
pub fn last<'a>(bytes: &'a [u8], number: u32) -> Result<Option<Value<'a>>, Malformed> {
    let (mut walk, mut found) = (Walk::from(bytes, 0), None);
    while !walk.is_done() {
        let (at, value) = walk.field()?;
        if at == number {
            found = Some(value);
        }
    }
    Ok(found)
}

/// Appends a varint.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a tag.
pub fn put_tag(out: &mut Vec<u8>, number: u32, wire: WireType) {
    put_varint(out, u64::from(number) << 3 | wire as u64);
}

/// Appends a field of bytes: a string, bytes or an encoded message.
pub fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_tag(out, number, WireType::Bytes);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a field of bytes that `write` writes, with its length before it.
pub fn put_nested<T>(out: &mut Vec<u8>, number: u32, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    put_tag(out, number, WireType::Bytes);
    let begin = out.len();
    let result = write(out);
    let length = out.len() - begin;
    let mut prefix = Vec::with_capacity(5);
    put_varint(&mut prefix, length as u64);
    out.splice(begin..begin, prefix);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_survives_the_wire() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut walk = Walk::from(&out, 0);
            assert_eq!(walk.varint(), Ok(value));
            assert!(walk.is_done());
        }
    }

    #[test]
    fn a_length_past_the_end_is_malformed() {
        assert_eq!(Walk::from(&[0x0a, 0x05, b'x'], 0).field(), Err(Malformed(2)));
        assert!(Walk::from(&[0xff; 12], 0).field().is_err());
    }

    #[test]
    fn a_nested_message_has_its_length_before_it() {
        let mut out = vec![9];
        put_nested(&mut out, 1, |out| out.extend_from_slice(&[7; 200]));
        assert_eq!(out[..4], [9, 0x0a, 200, 1]);
        assert_eq!(out.len(), 204);
    }
}
