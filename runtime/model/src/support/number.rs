//! Exact numbers. Nothing goes through floating point, and nothing is rounded.

use crate::value::decimal_from_text;

/// Largest power of ten that a JSON number may be written with: far more than any type holds.
const EXPONENT_MAX: i32 = 64;

/// Integer out of plain digits with an optional sign. `None` where it is none, or does not fit.
pub fn int(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some(_) => (false, bytes),
        None => return None,
    };
    if digits.is_empty() {
        return None;
    }
    let mut number: i64 = 0;
    for byte in digits {
        let digit = i64::from(byte.wrapping_sub(b'0'));
        if digit > 9 {
            return None;
        }
        number = number.checked_mul(10)?;
        number = if negative { number.checked_sub(digit)? } else { number.checked_add(digit)? };
    }
    Some(number)
}

/// Unscaled decimal out of plain text. `None` where it is none, or would lose digits.
pub fn decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    short_decimal(text.as_bytes(), precision, scale)
        .or_else(|| decimal_from_text(text, precision, scale).ok())
}

/// The usual case, `[-]digits.digits` with exactly the type's decimals and at most 18 digits, without wide arithmetic.
fn short_decimal(bytes: &[u8], precision: u8, scale: u8) -> Option<i128> {
    const DIGITS_MAX: usize = 18;
    let (negative, digits) = match bytes.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some(_) => (false, bytes),
        None => return None,
    };
    let scale = usize::from(scale);
    let point = digits.len().checked_sub(scale + 1)?;
    if scale == 0 || point == 0 || digits.len() - 1 > DIGITS_MAX.min(usize::from(precision)) {
        return None;
    }
    let mut number: i64 = 0;
    for (place, byte) in digits.iter().enumerate() {
        if place == point {
            if *byte != b'.' {
                return None;
            }
        } else {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            number = number * 10 + i64::from(digit);
        }
    }
    Some(i128::from(if negative { -number } else { number }))
}

/// Unscaled decimal out of a JSON number, which may have an exponent.
pub fn json_decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let Some(at) = text.find(['e', 'E']) else { return decimal(text, precision, scale) };
    let (mantissa, exponent) = (text.get(..at)?, text.get(at + 1..)?);
    let exponent: i32 = exponent.parse().ok().filter(|power: &i32| power.abs() <= EXPONENT_MAX)?;
    decimal(&shifted(mantissa, exponent), precision, scale)
}

/// Integer out of a JSON number; `1.0` and `1e3` are integers too, as JSON Schema has it.
pub fn json_int(text: &str) -> Option<i64> {
    /// Digits of the largest 64-bit integer.
    const DIGITS: u8 = 19;
    int(text.as_bytes()).or_else(|| i64::try_from(json_decimal(text, DIGITS, 0)?).ok())
}

/// Moves the point: `("1.5", 2)` is `150`, `("1.5", -2)` is `0.015`.
fn shifted(mantissa: &str, exponent: i32) -> String {
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let moved = usize::try_from(exponent.unsigned_abs()).unwrap_or_default();
    if exponent >= 0 {
        let padded = format!("{fraction:0<moved$}");
        let (up, down) = padded.split_at(moved);
        format!("{sign}{whole}{up}.{down}")
    } else {
        let padded = format!("{whole:0>width$}", width = moved + 1);
        let (up, down) = padded.split_at(padded.len() - moved);
        format!("{sign}{up}.{down}{fraction}")
    }
}

/// Value of every byte as a hexadecimal digit; [`NO_DIGIT`] for the others.
const HEX: [u8; 256] = {
    let mut table = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        table[b"0123456789abcdef"[digit] as usize] = digit as u8;
        table[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    table
};
const NO_DIGIT: u8 = 0x80;

/// 16 bytes out of the hyphenated form of a UUID, upper or lower case.
pub fn uuid(bytes: &[u8]) -> Option<u128> {
    const CHARS: usize = 36;
    const HYPHENS: [usize; 4] = [8, 13, 18, 23];
    let bytes: &[u8; CHARS] = bytes.try_into().ok()?;
    if HYPHENS.iter().any(|place| bytes[*place] != b'-') {
        return None;
    }
    // Without a branch per digit: whether one was none is asked once, at the end.
    let mut seen = 0;
    let mut digits = |from: usize, to: usize, number: u64| {
        bytes[from..to].iter().fold(number, |number, byte| {
            let digit = HEX[usize::from(*byte)];
            seen |= digit;
            number << 4 | u64::from(digit & 0x0f)
        })
    };
    let high = digits(0, 8, 0);
    let high = digits(9, 13, high);
    let high = digits(14, 18, high);
    let low = digits(19, 23, 0);
    let low = digits(24, CHARS, low);
    (seen & NO_DIGIT == 0).then_some(u128::from(high) << 64 | u128::from(low))
}

/// Value of a hexadecimal digit.
pub fn hex_digit(byte: u8) -> Option<u8> {
    let digit = HEX[usize::from(byte)];
    (digit != NO_DIGIT).then_some(digit)
}

/// Bytes out of PostgreSQL's `\x` form.
pub fn pg_bytes(bytes: &[u8]) -> Option<Vec<u8>> {
    let digits = bytes.strip_prefix(b"\\x")?;
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(hex_digit(*high)? << 4 | hex_digit(*low)?)).collect()
}

/// Bytes out of padded base64 (RFC 4648, 4).
pub fn base64(text: &str) -> Option<Vec<u8>> {
    let (groups, rest) = text.as_bytes().as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(groups.len() * 3);
    for (place, group) in groups.iter().enumerate() {
        let padding = group.iter().rev().take_while(|byte| **byte == b'=').count();
        if padding > 2 || (padding > 0 && place + 1 < groups.len()) {
            return None;
        }
        let mut bits: u32 = 0;
        for byte in group.iter().take(4 - padding) {
            bits = bits << 6 | u32::from(base64_digit(*byte)?);
        }
        bits <<= 6 * padding;
        let [_, first, second, third] = bits.to_be_bytes();
        let whole = [first, second, third];
        let (kept, cut) = whole.split_at(3 - padding);
        if cut.iter().any(|byte| *byte != 0) {
            return None;
        }
        out.extend_from_slice(kept);
    }
    Some(out)
}

fn base64_digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_at_their_edges() {
        assert_eq!(int(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(int(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(json_int("1.0"), Some(1));
        assert_eq!(json_int("-12e2"), Some(-1200));
        assert_eq!(json_int("9007199254740993"), Some(9_007_199_254_740_993));
        for bad in ["9223372036854775808", "", "-", "1.5", "12a", "1e99"] {
            assert_eq!(json_int(bad), None, "{bad}");
        }
    }

    #[test]
    fn json_numbers_are_exact() {
        assert_eq!(json_decimal("1.5e2", 12, 2), Some(15000));
        assert_eq!(json_decimal("1.5E-1", 12, 2), Some(15));
        assert_eq!(json_decimal("-1.25e+1", 12, 2), Some(-1250));
        assert_eq!(json_decimal("1.5e-2", 12, 2), None, "a third decimal would be lost");
        assert_eq!(json_decimal("0.1", 12, 2), Some(10));
        assert_eq!(json_decimal("12345678901", 12, 2), None);
        assert_eq!(json_decimal("1234567890.12", 12, 2), Some(123_456_789_012));
    }

    #[test]
    fn short_decimals_are_the_long_ones() {
        for text in [
            "0.00",
            "-0.05",
            "12.30",
            "1.2",
            "1",
            "-",
            ".",
            ".5",
            "1..2",
            "99999999999.99",
            "+1.00",
        ] {
            assert_eq!(decimal(text, 12, 2), decimal_from_text(text, 12, 2).ok(), "{text}");
        }
    }

    #[test]
    fn bytes_and_uuids() {
        assert_eq!(pg_bytes(b"\\x00ff"), Some(vec![0, 255]));
        assert_eq!(pg_bytes(b"\\x0"), None);
        assert_eq!(base64("AP8="), Some(vec![0, 255]));
        assert_eq!(base64("AP9="), None, "bits behind the end");
        assert_eq!(base64("A==="), None);
        assert_eq!(uuid(b"00000000-0000-0000-0000-0000000000fF"), Some(255));
        assert_eq!(
            uuid(b"01234567-89ab-cdef-FEDC-ba9876543210"),
            Some(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210)
        );
        assert_eq!(uuid(b"01234567-89ab-cdef-fedc-ba987654321g"), None);
        assert_eq!(uuid(b"000000000000-0000-0000-0000-0000000000ff"), None);
    }
}
