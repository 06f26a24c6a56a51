//! Numbers as clients write and read them.

use alloc::vec::Vec;
use core::fmt::{self, Write};

/// An integer as Redis takes it: a minus or no sign, no zeroes before it.
pub(crate) fn integer(word: &[u8]) -> Option<i64> {
    let (digits, is_negative) = match word {
        b"0" => return Some(0),
        [b'-', rest @ ..] => (rest, true),
        _ => (word, false),
    };
    if digits.first() == Some(&b'0') || digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let mut number = 0u64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Nineteen digits fit.
        number = number * 10 + u64::from(digit);
    }
    match is_negative {
        true if number <= 1 << 63 => Some((number as i64).wrapping_neg()),
        false => i64::try_from(number).ok(),
        true => None,
    }
}

/// The digits of the greatest number, with a sign.
const LONGEST: usize = 20;

/// Writes an integer.
pub(crate) fn write_integer(number: i64, to: &mut Vec<u8>) {
    let mut rest = number.unsigned_abs();
    let mut digits = [0; LONGEST];
    let mut length = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
        length += 1;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        to.push(b'-');
    }
    to.extend_from_slice(digits.get(LONGEST - length..).unwrap_or_default());
}

/// An integer as text.
pub(crate) fn integer_text(number: i64) -> Vec<u8> {
    let mut text = Vec::with_capacity(LONGEST);
    write_integer(number, &mut text);
    text
}

/// A number with a fraction, or an infinite one.
pub(crate) fn float(word: &[u8]) -> Option<f64> {
    let number: f64 = core::str::from_utf8(word).ok()?.parse().ok()?;
    let says_infinite = word.iter().any(|byte| byte.eq_ignore_ascii_case(&b'i'));
    (!number.is_nan() && (says_infinite || number.is_finite())).then_some(number)
}

/// A text of known length at most, on the stack.
struct Short {
    bytes: [u8; 32],
    length: usize,
}

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let place = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// Integers up to here are told by a float exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Writes a number with a fraction with up to 17 digits, as Redis 7.0 does (`%.17g`).
pub(crate) fn write_float(number: f64, to: &mut Vec<u8>) {
    if number.is_infinite() {
        to.extend_from_slice(if number > 0.0 { b"inf" } else { b"-inf" });
        return;
    }
    if number.is_sign_negative() {
        to.push(b'-');
    }
    let number = number.abs();
    if number < EXACT && (number as i64) as f64 == number {
        return write_integer(number as i64, to);
    }
    let mut text = Short {
        bytes: [0; 32],
        length: 0,
    };
    // One digit, a point, sixteen digits, `e`, an exponent of up to four characters: it fits.
    let _ = write!(text, "{number:.16e}");
    let text = text.bytes.get(..text.length).unwrap_or_default();
    let mut parts = text.split(|byte| *byte == b'e');
    let mantissa = parts.next().unwrap_or_default();
    let exponent = parts.next().and_then(integer).unwrap_or(0);
    let mut digits: Vec<u8> = mantissa.iter().copied().filter(|it| *it != b'.').collect();
    while digits.len() > 1 && digits.last() == Some(&b'0') {
        digits.pop();
    }
    if !(-4..17).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        to.extend_from_slice(first);
        if !rest.is_empty() {
            to.push(b'.');
            to.extend_from_slice(rest);
        }
        to.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        if exponent.abs() < 10 {
            to.push(b'0');
        }
        return write_integer(exponent.abs(), to);
    }
    // Digits before the point, of which there may be more than were written.
    let before = usize::try_from(exponent + 1).unwrap_or(0);
    if before == 0 {
        to.extend_from_slice(b"0.");
        to.extend(core::iter::repeat_n(b'0', (-1 - exponent) as usize));
        to.extend_from_slice(&digits);
        return;
    }
    let (whole, fraction) = digits.split_at(before.min(digits.len()));
    to.extend_from_slice(whole);
    to.extend(core::iter::repeat_n(b'0', before - whole.len()));
    if !fraction.is_empty() {
        to.push(b'.');
        to.extend_from_slice(fraction);
    }
}

/// Digits behind the point of a decimal number.
const PLACES: u32 = 17;

/// A decimal number, exactly: in units of the last place. `None` where it has more places or is too large.
fn decimal(word: &[u8]) -> Option<i128> {
    let (is_negative, rest) = match word {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, word),
    };
    let mut places = None;
    let mut number = 0i128;
    for byte in rest {
        match (*byte, places) {
            (b'.', None) => places = Some(0),
            (digit @ b'0'..=b'9', _) => {
                number = number.checked_mul(10)?.checked_add((digit - b'0').into())?;
                places = places.map(|places: u32| places + 1);
            }
            _ => return None,
        }
    }
    let missing = PLACES.checked_sub(places.unwrap_or(0))?;
    let number = number.checked_mul(10i128.pow(missing))?;
    Some(if is_negative { -number } else { number })
}

/// The sum of two numbers with fractions as text without an exponent: of decimal numbers exactly, as far as Redis tells digits. `None`
/// where it is infinite.
pub(crate) fn float_sum(one: &[u8], other: &[u8]) -> Option<Vec<u8>> {
    let exact = decimal(one).zip(decimal(other));
    let mut text = Text(Vec::new());
    if let Some(sum) = exact.and_then(|(one, other)| one.checked_add(other)) {
        let unit = 10u128.pow(PLACES);
        let (whole, fraction) = (sum.unsigned_abs() / unit, sum.unsigned_abs() % unit);
        let sign = if sum < 0 { "-" } else { "" };
        // Writing into memory does not fail.
        let _ = write!(text, "{sign}{whole}.{fraction:017}");
        while text.0.last() == Some(&b'0') {
            text.0.pop();
        }
        if text.0.last() == Some(&b'.') {
            text.0.pop();
        }
        return Some(text.0);
    }
    let sum = float(one)? + float(other)?;
    let _ = write!(text, "{sum}");
    sum.is_finite().then_some(text.0)
}

/// A text that grows.
struct Text(Vec<u8>);

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn text(number: f64) -> Vec<u8> {
        let mut text = Vec::new();
        write_float(number, &mut text);
        text
    }

    #[test]
    fn integers_are_those_of_redis() {
        for number in [0, 1, -1, 10, i64::MAX, i64::MIN, i64::MAX - 1, -99] {
            assert_eq!(integer(&integer_text(number)), Some(number));
            assert_eq!(integer_text(number), number.to_string().into_bytes());
        }
        for wrong in [
            "",
            "-",
            "+1",
            "01",
            "-0",
            "00",
            " 1",
            "1 ",
            "1.0",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
        ] {
            assert_eq!(integer(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn floats_are_told_with_seventeen_digits() {
        for (number, expected) in [
            (0.0, "0"),
            (-1.0, "-1"),
            (0.1, "0.10000000000000001"),
            (3.25, "3.25"),
            (1e15, "1000000000000000"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (123_456_789_012_345_678.0, "1.2345678901234568e+17"),
            (1e-4, "0.0001"),
            (1e-5, "1.0000000000000001e-05"),
            (-1.1e-300, "-1.1e-300"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(text(number), expected.as_bytes(), "{number}");
        }
        // Told and read again it is the same, which a journal needs.
        let mut random = crate::random::Random::new(1);
        for _ in 0..10_000 {
            let number = f64::from_bits(random.next());
            if number.is_finite() {
                assert_eq!(float(&text(number)), Some(number));
            }
        }
        for wrong in ["", "x", "nan", "1e400", "1.2.3", "1 "] {
            assert_eq!(float(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn sums_of_decimals_are_exact() {
        for (one, other, expected) in [
            ("10.5", "0.1", "10.6"),
            ("0.1", "0.2", "0.3"),
            ("5.0e3", "200", "5200"),
            ("-1.5", "1.5", "0"),
            ("-0.25", "0", "-0.25"),
            ("3", "-3.125", "-0.125"),
        ] {
            let sum = float_sum(one.as_bytes(), other.as_bytes());
            assert_eq!(sum.as_deref(), Some(expected.as_bytes()), "{one} + {other}");
        }
        assert_eq!(float_sum(b"inf", b"1"), None);
        assert_eq!(float_sum(b"1e308", b"1e308"), None);
    }
}
