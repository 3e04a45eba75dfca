//! Decimal numbers of up to 18 digits, as Salesforce keeps them: exact, so that a revision compares exactly.

use std::cmp::Ordering;
use std::fmt;

/// Digits a number field can hold.
const MAX_DIGITS: usize = 18;

/// `mantissa / 10^scale`, without trailing zeros, so equal numbers are equal values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    mantissa: i64,
    scale: u8,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self { mantissa: 0, scale: 0 };

    /// A whole number.
    #[must_use]
    pub fn whole(value: i64) -> Self {
        Self { mantissa: value, scale: 0 }
    }

    /// Reads `-12.50`, `1e3` and the like. Digits beyond 18 after the point are rounded; `None` when it is no number or
    /// has more than 18 digits before the point.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (body, exponent) = match text.find(['e', 'E']) {
            Some(at) => (text.get(..at)?, text.get(at + 1..)?.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, body) = match body.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, body.strip_prefix('+').unwrap_or(body)),
        };
        let (int, frac) = body.split_once('.').unwrap_or((body, ""));
        if int.len() + frac.len() == 0
            || !int.bytes().chain(frac.bytes()).all(|b| b.is_ascii_digit())
        {
            return None;
        }
        let digits: String = format!("{int}{frac}").trim_start_matches('0').to_owned();
        let scale = i32::try_from(frac.len()).ok()?.checked_sub(exponent)?;
        Self::from_digits(negative, digits, scale)
    }

    fn from_digits(negative: bool, mut digits: String, mut scale: i32) -> Option<Self> {
        while scale < 0 {
            if digits.is_empty() {
                return Some(Self::ZERO);
            }
            if digits.len() > MAX_DIGITS {
                return None;
            }
            digits.push('0');
            scale += 1;
        }
        if usize::try_from(scale).is_ok_and(|scale| scale > 2 * MAX_DIGITS + digits.len()) {
            return Some(Self::ZERO);
        }
        let mut round_up = false;
        while scale > 0 && (digits.len() > MAX_DIGITS || scale > 18) {
            round_up = digits.pop().is_some_and(|d| d >= '5');
            scale -= 1;
        }
        if digits.len() > MAX_DIGITS {
            return None;
        }
        let mut mantissa = if digits.is_empty() { 0 } else { digits.parse::<i64>().ok()? };
        mantissa += i64::from(round_up);
        let signed = if negative { -mantissa } else { mantissa };
        Some(Self { mantissa: signed, scale: u8::try_from(scale).ok()? }.trimmed())
    }

    fn trimmed(mut self) -> Self {
        while self.scale > 0 && self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.scale -= 1;
        }
        self
    }

    /// Rounds half away from zero to this many decimals.
    #[must_use]
    pub fn rounded(self, scale: u8) -> Self {
        if self.scale <= scale {
            return self;
        }
        let divisor = 10_i64.pow(u32::from(self.scale - scale));
        let (quotient, rest) = (self.mantissa / divisor, self.mantissa % divisor);
        let up = rest.unsigned_abs() * 2 >= divisor.unsigned_abs();
        let step = if up { self.mantissa.signum() } else { 0 };
        Self { mantissa: quotient + step, scale }.trimmed()
    }

    /// Digits before the decimal point (0 for numbers below one).
    #[must_use]
    pub fn integer_digits(self) -> usize {
        let whole = self.mantissa.unsigned_abs() / 10_u64.pow(u32::from(self.scale));
        if whole == 0 { 0 } else { whole.to_string().len() }
    }

    /// The whole number, when it is one.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        (self.scale == 0).then_some(self.mantissa)
    }

    /// The nearest double.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// `self + other`, `None` beyond 18 digits.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        let (a, b, scale) = aligned(self, other);
        from_i128(a.checked_add(b)?, scale)
    }

    /// `self * other`, `None` beyond 18 digits.
    #[must_use]
    pub fn times(self, other: Self) -> Option<Self> {
        let product = i128::from(self.mantissa).checked_mul(i128::from(other.mantissa))?;
        from_i128(product, self.scale + other.scale)
    }

    /// `-self`.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { mantissa: -self.mantissa, scale: self.scale }
    }
}

fn aligned(a: Decimal, b: Decimal) -> (i128, i128, u8) {
    let scale = a.scale.max(b.scale);
    let lift = |d: Decimal| i128::from(d.mantissa) * 10_i128.pow(u32::from(scale - d.scale));
    (lift(a), lift(b), scale)
}

fn from_i128(value: i128, scale: u8) -> Option<Decimal> {
    Decimal::from_digits(value < 0, value.unsigned_abs().to_string(), i32::from(scale))
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b, _) = aligned(*self, *other);
        a.cmp(&b)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scale == 0 {
            return write!(f, "{}", self.mantissa);
        }
        let unit = 10_u64.pow(u32::from(self.scale));
        let abs = self.mantissa.unsigned_abs();
        let sign = if self.mantissa < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:0width$}", abs / unit, abs % unit, width = usize::from(self.scale))
    }
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    fn d(text: &str) -> Decimal {
        Decimal::parse(text).expect("a number")
    }

    #[test]
    fn reads_and_prints() {
        for (text, printed) in [
            ("12.50", "12.5"),
            ("-0.05", "-0.05"),
            ("1e3", "1000"),
            ("1.5E2", "150"),
            ("999999999999999999", "999999999999999999"),
            ("0", "0"),
            ("1e-2000000000", "0"),
            ("0.0000000000000000004", "0"),
            ("999999999999999999.9", "1000000000000000000"),
            (".5", "0.5"),
        ] {
            assert_eq!(d(text).to_string(), printed);
        }
        for text in ["", "abc", "1.2.3", "-", "1234567890123456789", "1e2000000000"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn compares_beyond_the_precision_of_doubles() {
        assert!(d("999999999999999998") < d("999999999999999999"));
        assert!(d("0.1") < d("0.11") && d("-2") < d("1"));
        assert_eq!(d("1.10"), d("1.1"));
    }

    #[test]
    fn rounds_half_away_from_zero() {
        assert_eq!(d("1.005").rounded(2), d("1.01"));
        assert_eq!(d("-1.005").rounded(2), d("-1.01"));
        assert_eq!(d("1.004").rounded(2), d("1"));
        assert_eq!(d("12345.6").integer_digits(), 5);
    }

    #[test]
    fn adds_and_multiplies() {
        assert_eq!(d("0.1").plus(d("0.2")), Some(d("0.3")));
        assert_eq!(d("1.5").times(d("-2")), Some(d("-3")));
        assert_eq!(d("999999999999999999").times(d("10")), None);
    }
}
