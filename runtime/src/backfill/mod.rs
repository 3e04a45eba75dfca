//! Reading tables beside the live stream: initial load and backfill are one lane.
//!
//! | module | what |
//! |---|---|
//! | [`bound`] | which version a table read may carry: the rule, its proof, and nothing else |
//! | [`lane`] | jobs, budget, chunks that wait for the stream, resume |
//! | [`budget`] | rows per second |
//!
//! Deliberately absent: decoding, validation, landing. Capture lands what the lane hands out.

pub mod bound;
pub mod budget;
pub mod lane;

#[cfg(test)]
mod bound_tests;
#[cfg(test)]
mod lane_tests;
