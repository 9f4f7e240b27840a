//! Codes of an authenticator (RFC 6238: SHA-1, six digits, thirty seconds), and recovery codes for when it is lost.

use hmac::{Hmac, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;
use time::OffsetDateTime;
use url::form_urlencoded::byte_serialize;

/// Seconds for which a code is shown.
const STEP: i64 = 30;
/// Steps that clock and typing may be off, to either side.
const WINDOW: i64 = 1;
/// 160 bits, as RFC 4226 recommends.
pub(crate) const SECRET_BYTES: usize = 20;
/// Recovery codes that are handed out.
pub(crate) const RECOVERY_CODES: usize = 10;
/// Random bytes of one: 80 bits.
pub(crate) const RECOVERY_BYTES: usize = 10;
/// Who issues it, as the authenticator shows it.
const ISSUER: &str = "Kontor";

/// The step whose code was typed, when it lies in the window and after `last_step`: a code counts once, and none older than
/// one that was taken counts any more.
pub(crate) fn matching_step(
    secret: &[u8],
    typed: &str,
    last_step: Option<i64>,
    now: OffsetDateTime,
) -> Option<i64> {
    let present = now.unix_timestamp().div_euclid(STEP);
    let mut matching = None;
    // All are compared, so that the time tells nothing.
    for step in present - WINDOW..=present + WINDOW {
        let is_equal: bool = code(secret, step).as_bytes().ct_eq(typed.as_bytes()).into();
        if is_equal && last_step.is_none_or(|last| step > last) {
            matching = Some(step);
        }
    }
    matching
}

/// The code of a step.
fn code(secret: &[u8], step: i64) -> String {
    // An HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret) else {
        return String::new();
    };
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 0xf);
    let bits = u32::from_be_bytes([hash[at], hash[at + 1], hash[at + 2], hash[at + 3]]) & 0x7fff_ffff;
    format!("{:06}", bits % 1_000_000)
}

/// What was typed as a code, without the blanks that authenticators show; `None` when it has not six digits.
pub(crate) fn digits(typed: &str) -> Option<String> {
    let digits: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    (digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_digit())).then_some(digits)
}

/// A secret as authenticators take it.
pub(crate) fn base32(secret: &[u8]) -> String {
    data_encoding::BASE32_NOPAD.encode(secret)
}

/// The link of a QR code.
pub(crate) fn otpauth_uri(secret: &[u8], email: &str) -> String {
    // A blank as `+` would be shown as one.
    let encoded = |text: &str| {
        byte_serialize(text.as_bytes())
            .collect::<String>()
            .replace('+', "%20")
    };
    format!(
        "otpauth://totp/{ISSUER}:{}?secret={}&issuer={ISSUER}&algorithm=SHA1&digits=6&period={STEP}",
        encoded(email),
        base32(secret)
    )
}

/// A recovery code as it is shown: `abcd-efgh-2345-wxyz`.
pub(crate) fn recovery_text(random: &[u8; RECOVERY_BYTES]) -> String {
    let letters = data_encoding::BASE32_NOPAD.encode(random).to_lowercase();
    let groups: Vec<&str> = [0, 4, 8, 12].iter().map(|at| &letters[*at..at + 4]).collect();
    groups.join("-")
}

/// The random bytes of a recovery code, however it was typed; `None` for anything that can't be one.
pub(crate) fn read_recovery(typed: &str) -> Option<Vec<u8>> {
    let letters: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let bytes = data_encoding::BASE32_NOPAD.decode(letters.as_bytes()).ok()?;
    (bytes.len() == RECOVERY_BYTES).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B, the last six of its eight digits.
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(SECRET, seconds / 30), expected);
        }
    }

    #[test]
    fn a_code_counts_one_step_early_and_late_and_no_further() {
        let (shown, now) = (code(SECRET, 1000), at(1000 * 30));
        for (off, counts) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let matching = matching_step(SECRET, &shown, None, now + Duration::seconds(off * 30));
            assert_eq!(matching, counts.then_some(1000), "{off}");
        }
    }

    #[test]
    fn a_code_counts_once_and_none_before_it_any_more() {
        let now = at(1000 * 30);
        for (step, counts) in [(999, false), (1000, false), (1001, true)] {
            let matching = matching_step(SECRET, &code(SECRET, step), Some(1000), now);
            assert_eq!(matching.is_some(), counts, "{step}");
        }
    }

    #[test]
    fn an_authenticator_reads_secret_and_address() {
        assert_eq!(
            otpauth_uri(SECRET, "ada+crm@engine.example"),
            "otpauth://totp/Kontor:ada%2Bcrm%40engine.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Kontor&algorithm=SHA1&digits=6&period=30"
        );
        assert_eq!(digits(" 123 456 ").as_deref(), Some("123456"));
        assert_eq!(digits("12345"), None);
        assert_eq!(digits("12345a"), None);
    }

    #[test]
    fn a_recovery_code_is_read_however_it_is_typed() {
        let text = recovery_text(&[7; RECOVERY_BYTES]);
        assert_eq!(text.len(), 19);
        let other = text.replace('-', " ").to_uppercase();
        assert_eq!(read_recovery(&text).unwrap(), [7; RECOVERY_BYTES]);
        assert_eq!(read_recovery(&other).unwrap(), [7; RECOVERY_BYTES]);
        for wrong in ["", "123456", "abcd-efgh-2345", "abcd-efgh-2345-wxy1"] {
            assert!(read_recovery(wrong).is_none(), "{wrong}");
        }
    }
}
