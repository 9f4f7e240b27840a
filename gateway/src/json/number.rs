//! JSON's spelling of numbers.

/// Appends a signed whole number.
pub fn put_int(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    put_uint(out, value.unsigned_abs());
}

/// Appends a whole number.
pub fn put_uint(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a number; whole ones without a fraction, and null for what JSON can't say.
pub fn put_double(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        out.extend_from_slice(b"null");
    } else if value.fract() == 0.0 && value.abs() < 1e15 {
        put_int(out, value as i64);
    } else {
        out.extend_from_slice(format!("{value:?}").as_bytes());
    }
}

/// Appends a number of single precision, without the digits that single precision doesn't have.
pub fn put_float(out: &mut Vec<u8>, value: f32) {
    if value.is_finite() && !(value.fract() == 0.0 && value.abs() < 1e15) {
        out.extend_from_slice(format!("{value:?}").as_bytes());
    } else {
        put_double(out, f64::from(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_read_back_unchanged(whole in any::<i64>(), big in any::<u64>(), real in any::<f64>()) {
            let mut out = Vec::new();
            put_int(&mut out, whole);
            prop_assert_eq!(serde_json::from_slice::<i64>(&out).unwrap(), whole);
            out.clear();
            put_uint(&mut out, big);
            prop_assert_eq!(serde_json::from_slice::<u64>(&out).unwrap(), big);
            out.clear();
            put_double(&mut out, real);
            if real.is_finite() {
                prop_assert_eq!(std::str::from_utf8(&out).unwrap().parse::<f64>().unwrap(), real);
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&out).unwrap().is_number());
            } else {
                prop_assert_eq!(out, b"null");
            }
        }
    }

    #[test]
    fn a_whole_double_has_no_fraction() {
        let mut out = Vec::new();
        put_double(&mut out, 5.0);
        out.push(b' ');
        put_double(&mut out, 0.25);
        assert_eq!(out, b"5 0.25");
    }
}
