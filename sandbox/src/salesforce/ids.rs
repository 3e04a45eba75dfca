//! Record ids: fifteen case-sensitive characters, and three more that make them safe where case is lost.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Characters of the counter part of an id, in the order Salesforce counts.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Characters of the suffix: one per group of five bits.
const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
/// The instance part that every id of this simulator carries after its key prefix.
const INSTANCE: &str = "5e0";
/// Digits of the counter.
const COUNTER_DIGITS: usize = 9;
/// Length of the case-sensitive form.
const SHORT_LEN: usize = 15;
/// Length of the case-safe form.
const LONG_LEN: usize = 18;

/// A record id in its 18-character form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordId(String);

impl RecordId {
    /// The id number `counter` of the object with this key prefix.
    #[must_use]
    pub fn new(key_prefix: &str, counter: u64) -> Self {
        let mut digits = [b'0'; COUNTER_DIGITS];
        let mut rest = counter;
        for slot in digits.iter_mut().rev() {
            let digit = usize::try_from(rest % 62).unwrap_or(0);
            *slot = BASE62[digit];
            rest /= 62;
        }
        let short = format!(
            "{key_prefix}{INSTANCE}{}",
            digits.iter().copied().map(char::from).collect::<String>()
        );
        Self(with_suffix(&short))
    }

    /// Reads a 15- or 18-character id; `None` when it is neither or its suffix does not fit.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        match text.len() {
            SHORT_LEN => Some(Self(with_suffix(text))),
            LONG_LEN => {
                let full = with_suffix(text.get(..SHORT_LEN)?);
                (full == text).then_some(Self(full))
            }
            _ => None,
        }
    }

    /// The 18-character form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 15-character form, which error messages use.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..SHORT_LEN).unwrap_or(&self.0)
    }

    /// The three characters that name the object.
    #[must_use]
    pub fn key_prefix(&self) -> &str {
        self.0.get(..3).unwrap_or("")
    }

    /// The counter, when this simulator could have issued the id.
    #[must_use]
    pub fn counter(&self) -> Option<u64> {
        let rest = self.short().get(3..)?.strip_prefix(INSTANCE)?;
        let mut value = 0_u64;
        for byte in rest.bytes() {
            let digit = BASE62.iter().position(|c| *c == byte)?;
            value = value.checked_mul(62)?.checked_add(u64::try_from(digit).ok()?)?;
        }
        Some(value)
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Appends the suffix: each group of five characters gives five bits, lowest first, set where the character is upper case.
fn with_suffix(short: &str) -> String {
    let mut out = String::with_capacity(LONG_LEN);
    out.push_str(short);
    for group in short.as_bytes().chunks(5) {
        let bits = group
            .iter()
            .enumerate()
            .filter(|(_, byte)| byte.is_ascii_uppercase())
            .fold(0_usize, |bits, (i, _)| bits | (1 << i));
        out.push(char::from(SUFFIX[bits]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::RecordId;

    #[test]
    fn suffix_matches_ids_recorded_from_real_orgs() {
        for long in
            ["0017e00001W4GYRAA3", "0037e00001WZ30qAAD", "0015500001QdQWaAAN", "0035500001H9cakAAB"]
        {
            assert_eq!(RecordId::parse(&long[..15]).expect("id").as_str(), long);
            assert!(RecordId::parse(long).is_some());
        }
    }

    #[test]
    fn counter_survives_the_round_trip() {
        for n in [1, 61, 62, 3_844, 1_000_000_007] {
            let id = RecordId::new("001", n);
            assert_eq!(id.as_str().len(), 18);
            assert_eq!(id.counter(), Some(n));
            assert_eq!(RecordId::parse(id.short()).expect("short"), id);
        }
    }

    #[test]
    fn refuses_what_is_no_id() {
        assert!(RecordId::parse("001").is_none());
        assert!(RecordId::parse("0017e00001W4GYRAA4").is_none(), "wrong suffix");
        assert!(RecordId::parse("0017e00001W4G-R").is_none());
    }
}
