//! Versions: the total order of changes of one owner, and guards: what a merge group remembers of its winner.
//!
//! A version is `(incarnation, position, revision)` packed into one integer, most significant part first, so
//! that it sorts the same as a `u128` in Rust, a `DECIMAL(38,0)` in DuckDB and a `NUMBER(38,0)` in Snowflake:
//!
//! | part | bits | why this many |
//! |---|---|---|
//! | incarnation | 14 | raised by hand or failover; 16,383 of them outlive any cluster |
//! | position, major | 64 | a commit LSN, an event sequence, or microseconds since 1970 |
//! | position, minor | 32 | the ordinal in a transaction, or the tie-break of an event id |
//! | revision | 16 | re-derivations of one contract |
//!
//! 14 + 64 + 32 + 16 = 126 bits, and `2^126 < 10^38`: at most 38 decimal digits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const REVISION_BITS: u32 = 16;
/// Bits of a rank in a guard under `ranked`; the generation stands above them.
pub const RANK_BITS: u32 = 16;
const MINOR_BITS: u32 = 32;
const MAJOR_BITS: u32 = 64;
const INCARNATION_BITS: u32 = 14;
const TOTAL_BITS: u32 = REVISION_BITS + MINOR_BITS + MAJOR_BITS + INCARNATION_BITS;

/// The largest number that a version or a guard can be: `2^126 - 1`, 38 decimal digits.
pub const MAX_PACKED: u128 = (1 << TOTAL_BITS) - 1;

/// How often a source's lineage has changed (new slot, failover, restore). Ours, monotone, never PostgreSQL's timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incarnation(u16);

impl Incarnation {
    /// The first incarnation of a source.
    pub const FIRST: Incarnation = Incarnation(1);

    /// `None` where the number does not fit 14 bits or is 0 (0 is kept for "before everything").
    pub fn new(number: u16) -> Option<Self> {
        (number > 0 && u32::from(number) < (1 << INCARNATION_BITS)).then_some(Self(number))
    }

    /// The number itself.
    pub fn get(self) -> u16 {
        self.0
    }

    /// The next incarnation; `None` when the 14 bits are used up.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).and_then(Self::new)
    }
}

/// Counts a contract's derivations; a replay of landing under a higher revision wins over the old result.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Revision(pub u16);

/// A PostgreSQL log sequence number, in bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Lsn(pub u64);

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

impl FromStr for Lsn {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || VersionError::Lsn(text.to_owned());
        let (high, low) = text.split_once('/').ok_or_else(bad)?;
        let high = u32::from_str_radix(high, 16).map_err(|_| bad())?;
        let low = u32::from_str_radix(low, 16).map_err(|_| bad())?;
        Ok(Lsn(u64::from(high) << 32 | u64::from(low)))
    }
}

/// Where a change stands in its owner's own order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    major: u64,
    minor: u32,
}

impl Position {
    /// A streamed change: the transaction's commit LSN and the change's ordinal in it, from 1.
    pub fn streamed(commit: Lsn, ordinal: u32) -> Self {
        Self { major: commit.0, minor: ordinal }
    }

    /// A row read from a table: `bound` lies below the commit LSN of every streamed change that the read's
    /// snapshot did not see. Ordinal 0: a read loses every tie.
    pub fn read(bound: Lsn) -> Self {
        Self { major: bound.0, minor: 0 }
    }

    /// Whether it is that of a row read from a table ([`Position::read`]).
    pub fn is_read(self) -> bool {
        self.minor == 0
    }

    /// An event: its sequence (or microseconds of its event time) and a tie-break from its id.
    pub fn event(order: u64, event_id: &str) -> Self {
        Self { major: order, minor: tie_break(event_id) }
    }

    /// A polled Salesforce row: the end of the second of its SystemModstamp, in microseconds since 1970.
    /// Two states within one second are told apart by never polling a second that is not over.
    pub fn polled(second_end_us: u64) -> Self {
        Self { major: second_end_us, minor: u32::MAX }
    }

    /// A Salesforce change event. `commitTimestamp` is in milliseconds; the low 20 bits of `commitNumber` order
    /// commits within a millisecond.
    pub fn crm_change(commit_timestamp_ms: u64, commit_number: u64, sequence: u16) -> Self {
        let minor = ((commit_number & 0xF_FFFF) as u32) << 12 | u32::from(sequence & 0xFFF);
        Self { major: commit_timestamp_ms.saturating_mul(1000), minor }
    }

    /// The numbered run of a model.
    pub fn cycle(number: u64) -> Self {
        Self { major: number, minor: 0 }
    }

    /// The more significant part.
    pub fn major(self) -> u64 {
        self.major
    }

    /// The less significant part.
    pub fn minor(self) -> u32 {
        self.minor
    }
}

/// 32 bits that depend on the whole id: FNV-1a, then a final mix.
fn tie_break(event_id: &str) -> u32 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in event_id.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    (hash ^ (hash >> 32)) as u32
}

/// The version of a change. Ordered; larger is newer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u128);

impl Version {
    /// Packs the three parts.
    pub fn new(incarnation: Incarnation, position: Position, revision: Revision) -> Self {
        let mut packed = u128::from(incarnation.get());
        packed = packed << MAJOR_BITS | u128::from(position.major);
        packed = packed << MINOR_BITS | u128::from(position.minor);
        packed = packed << REVISION_BITS | u128::from(revision.0);
        Self(packed)
    }

    /// The packed integer, at most [`MAX_PACKED`].
    pub fn packed(self) -> u128 {
        self.0
    }

    /// The reverse of [`Version::packed`]; `None` for a number that no version has.
    pub fn from_packed(packed: u128) -> Option<Self> {
        (packed <= MAX_PACKED).then_some(Self(packed))
    }

    /// `(incarnation, position, revision)`; the incarnation is a plain number.
    pub fn parts(self) -> (u16, Position, Revision) {
        let revision = Revision((self.0 & 0xFFFF) as u16);
        let minor = ((self.0 >> REVISION_BITS) & 0xFFFF_FFFF) as u32;
        let major = ((self.0 >> (REVISION_BITS + MINOR_BITS)) & u128::from(u64::MAX)) as u64;
        let incarnation = (self.0 >> (REVISION_BITS + MINOR_BITS + MAJOR_BITS)) as u16;
        (incarnation, Position { major, minor }, revision)
    }

    /// The same change derived again: only the revision differs.
    pub fn with_revision(self, revision: Revision) -> Self {
        Self(self.0 & !0xFFFF | u128::from(revision.0))
    }
}

/// What a merge group remembers of the change that wrote it. **The higher guard wins**, whatever the group's rule:
/// `latest` uses the version, `ranked` the generation and rank, `max` an order-preserving encoding of the value, and
/// `min` and `first` the complement of theirs. So one join, and one SQL comparison, serves every rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guard(u128);

impl Guard {
    /// `latest`, and existence.
    pub fn latest(version: Version) -> Self {
        Self(version.0)
    }

    /// `first`: the lowest version wins; of one change, the highest revision.
    pub fn first(version: Version) -> Self {
        const REVISION: u128 = (1 << REVISION_BITS) - 1;
        Self((MAX_PACKED - version.0) & !REVISION | version.0 & REVISION)
    }

    /// `ranked`: a higher generation wins, then the higher rank (the place in the declared order, from 0).
    pub fn ranked(generation: u32, rank: u16) -> Self {
        Self(u128::from(generation) << RANK_BITS | u128::from(rank))
    }

    /// Under `ranked`: the generation that [`Guard::ranked`] was given.
    pub fn generation(self) -> u128 {
        self.0 >> RANK_BITS
    }

    /// `max` of a value of at most 37 digits. `None` where it does not fit.
    pub fn max(value: i128) -> Option<Self> {
        let shifted = value.checked_add(1 << (TOTAL_BITS - 1))?;
        let packed = u128::try_from(shifted).ok()?;
        (packed <= MAX_PACKED).then_some(Self(packed))
    }

    /// `min` of a value of at most 37 digits. `None` where it does not fit.
    pub fn min(value: i128) -> Option<Self> {
        Self::max(value).map(|guard| Self(MAX_PACKED - guard.0))
    }

    /// The packed integer, at most [`MAX_PACKED`].
    pub fn packed(self) -> u128 {
        self.0
    }

    /// The reverse of [`Guard::packed`].
    pub fn from_packed(packed: u128) -> Option<Self> {
        (packed <= MAX_PACKED).then_some(Self(packed))
    }
}

/// A text that is no version, guard or LSN.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VersionError {
    /// Not `X/X` with hexadecimal parts.
    #[error("`{0}` is no LSN: two hexadecimal numbers with a slash between them were expected")]
    Lsn(String),
    /// Not an integer of at most 126 bits.
    #[error("`{0}` is no version: an integer from 0 to 2^126-1 was expected")]
    Packed(String),
}

macro_rules! as_decimal_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
        impl FromStr for $name {
            type Err = VersionError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let packed: u128 =
                    text.parse().map_err(|_| VersionError::Packed(text.to_owned()))?;
                Self::from_packed(packed).ok_or_else(|| VersionError::Packed(text.to_owned()))
            }
        }
        // As text: JSON numbers lose digits beyond 2^53 in most readers.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

as_decimal_text!(Version);
as_decimal_text!(Guard);

#[cfg(test)]
mod tests {
    use super::*;

    fn version(incarnation: u16, commit: u64, ordinal: u32, revision: u16) -> Version {
        Version::new(
            Incarnation::new(incarnation).unwrap(),
            Position::streamed(Lsn(commit), ordinal),
            Revision(revision),
        )
    }

    #[test]
    fn parts_survive_packing_at_the_edges() {
        let top = version((1 << 14) - 1, u64::MAX, u32::MAX, u16::MAX);
        assert_eq!(top.packed(), MAX_PACKED);
        assert_eq!(top.to_string().len(), 38);
        let (incarnation, position, revision) = version(3, 7, 9, 11).parts();
        assert_eq!((incarnation, position.major, position.minor, revision.0), (3, 7, 9, 11));
    }

    #[test]
    fn order_is_incarnation_then_commit_then_ordinal_then_revision() {
        let ascending = [
            version(1, 5, 9, 9),
            version(1, 6, 0, 0),
            version(1, 6, 1, 0),
            version(1, 6, 1, 1),
            version(2, 0, 0, 0),
        ];
        assert!(ascending.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_read_loses_to_any_change_it_did_not_see() {
        let unseen = Position::streamed(Lsn(100), 1);
        assert!(Position::read(Lsn(99)) < unseen);
        // and to the change at its very bound, which it has seen
        assert!(Position::read(Lsn(100)) < unseen);
    }

    #[test]
    fn guards_order_values() {
        assert!(Guard::max(-5) < Guard::max(3));
        assert!(Guard::min(-5) > Guard::min(3));
        assert!(Guard::max(i128::MAX).is_none());
        assert!(Guard::ranked(0, 6) < Guard::ranked(1, 0));
        let (old, new) = (version(1, 1, 1, 0), version(1, 2, 1, 0));
        assert!(Guard::first(old) > Guard::first(new));
        let (again, later) = (old.with_revision(Revision(9)), new.with_revision(Revision(9)));
        assert!(Guard::first(again) > Guard::first(old), "the corrected result of the same change");
        assert!(Guard::first(old) > Guard::first(later), "a later change stays later");
    }

    #[test]
    fn lsn_text() {
        assert_eq!("16/B374D848".parse::<Lsn>().unwrap().to_string(), "16/B374D848");
        assert!("16-1".parse::<Lsn>().is_err());
    }

    #[test]
    fn json_keeps_every_digit() {
        let top = version(16383, u64::MAX, u32::MAX, u16::MAX);
        let text = serde_json::to_string(&top).unwrap();
        assert_eq!(serde_json::from_str::<Version>(&text).unwrap(), top);
    }
}
