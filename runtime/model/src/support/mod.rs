//! What generated code stands on: everything about decoding and validating that does not depend on the contract.
//! Generated modules hold tables, a typed struct and one `match`; the work is done here, compiled once.
//!
//! | module | what |
//! |---|---|
//! | [`table`] | a contract as constants: fields, rules, sources |
//! | [`patch`] | `Absent`, `Null` or `Set` |
//! | [`pii`] | values that show themselves to nobody |
//! | [`raw`] | a value as its source spells it, not yet read |
//! | [`json`] | a strict, streaming reader of one JSON object |
//! | [`number`], [`time`], [`email`], [`pattern`] | readers and checks of scalars; nothing goes through floating point |
//! | [`scalar`] | the typed values, and how each is read |
//! | [`check`] | the rules of a field; collects every violation, and no value |
//! | [`quality`] | three-valued arithmetic that generated quality rules are written in |
//! | [`drive`] | the loops over a tuple's columns and an object's members |
//! | [`generated`] | what a generated module implements, and the codec that follows from it |
//!
//! A valid record is read once, and a failed one too: a violation is noted where it is found and reading goes on.

pub mod check;
pub mod drive;
pub mod email;
pub mod generated;
pub mod json;
pub mod number;
pub mod patch;
pub mod pattern;
pub mod pii;
pub mod quality;
pub mod raw;
pub mod scalar;
pub mod table;
pub mod time;
