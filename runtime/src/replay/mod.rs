//! Landing commits once more: replayed as they are, or derived again by the contract of today.
//!
//! A replay is a backfill whose source is landing. It **lands**: a replayed commit is a new commit that names the old data files
//! (they are named by their content, so nothing is copied), and changes that are derived again are written anew, under the
//! revision in force. So there is one way into warehouse and ledger, in one order, fenced as ever; a crash goes on from the
//! position in the newest manifest; and a warehouse that is restored later passes through the same commits.
//!
//! | module | what |
//! |---|---|
//! | [`job`] | what was asked for, and its name, which says all about it |
//! | [`lane`] | the state machine: reads landing in portions |
//!
//! Deliberately absent: landing what it hands out. Capture does that, because landing has one writer.

pub mod job;
pub mod lane;

#[cfg(test)]
mod tests;

pub use job::{ReplayJob, ReplayRequest};
pub use lane::{Portion, PortionLimits, ReplayLane};
