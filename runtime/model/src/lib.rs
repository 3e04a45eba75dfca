//! The vocabulary that the compiler, the generated code and the runtime share.
//!
//! | module | what |
//! |---|---|
//! | [`version`] | the total order of changes: `(incarnation, position, revision)` in one integer, and guards |
//! | [`value`] | logical types and values |
//! | [`spec`] | what a contract means, as plain data: entities, groups, sources, sinks, models |
//! | [`terms`] | words for lifecycle, personal data and readers that [`spec`] carries |
//! | [`expr`] | boolean rules over a record, and their interpreter |
//! | [`columns`] | the columns that a field becomes once it is protected |
//! | [`record`] | a decoded record, with absent fields told apart from nulls, and violations |
//! | [`change`] | a versioned change of one row: the only thing that is ever folded |
//! | [`join`] | the fold: a commutative, associative, idempotent join of changes |
//! | [`steps`] | steps of ranked states, held against the declared transitions |
//! | [`floor`] | a TRUNCATE, as something that can be joined |
//! | [`position`] | `received >= accepted >= durable >= acknowledged` as four types |
//! | [`codec`] | the trait that generated code implements |
//! | [`support`] | what generated code stands on: decoding and checking, whatever the contract |
//! | [`manifest`] | what the compiler hands to the runtime |
//! | [`error`], [`finding`] | what went wrong, and what a check of a system found |
//!
//! Deliberately absent: IO, clocks, randomness, YAML, SQL text.

pub mod change;
pub mod classes;
pub mod codec;
pub mod columns;
pub mod error;
pub mod expr;
pub mod finding;
pub mod floor;
pub mod join;
pub mod manifest;
pub mod position;
pub mod record;
pub mod spec;
pub mod steps;
pub mod support;
pub mod terms;
pub mod value;
pub mod version;
