//! Adoption: records that people made before the first delivery are matched, reviewed, given the external id of their rows, and
//! only then written. So the first delivery doubles nobody.
//!
//! While an entity is not adopted its rows wait, and so do those whose parents they are; everything else flows. Its adoption
//! runs in steps of the delivery lane, between deliveries:
//!
//! | step | where | what |
//! |---|---|---|
//! | read | [`reading`] | records without an external id, our rows, who has a record already |
//! | match | [`matching`], over [`rules`] and [`normal`] | groups of rows and records that have a value in common |
//! | review | [`plan`] | pairs one to one, and what a person has to decide; ids and keys only |
//! | stamp | [`stamping`] | the external id and nothing else, each pair looked at once more |
//! | open | [`steps`] | what is undecided is held row by row, the rest flows |
//!
//! Where it stands is kept in the ledger ([`standing`]); people speak to it through the [`desk`].

pub mod desk;
pub mod matching;
mod normal;
pub mod plan;
mod reading;
pub(super) mod rules;
mod stamping;
pub mod standing;
mod steps;

pub use desk::{AdoptCommand, Desk};
pub(super) use steps::Adoptions;

use super::outcome::micros;
