//! Capture: from sources' bytes to durable landing commits.
//!
//! ```text
//! Transaction ─┐
//! events ──────┼─> decode, validate ─> protect ─> open batch ─(seal)─> files ─> manifest ─> durable ─> acknowledged
//! ReadyChunk ──┤        │ refused                    ^
//! CRM rows ────┘        └─> quarantined, encrypted ──┘
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`registry`] | which entities listen to a table, a stream, an object |
//! | [`raw`] | a source's record as it came: what quarantine keeps, encrypted |
//! | [`input`] | a record of a source and its place |
//! | [`derive`] | one raw record to changes, or to a quarantined record with every reason |
//! | [`derivation`] | counts the derivations of every contract: the revision of what is derived |
//! | [`rederive`] | a landed change once more, by the contract of today |
//! | [`batch`] | what is accepted but not yet durable, and its bounds |
//! | [`lane`] | the state machine: accept, commit, acknowledge |
//! | [`accept`], [`replayed`] | events, polled records and retries into the lane; landed changes once more |
//! | [`commit`] | sealing a batch, and settling a commit whose outcome is unknown |
//! | `outbox` | events that producers wrote to a table, out of its transactions |
//! | `withheld` | values of refused rows that later rows may leave out |
//! | [`owed`] | the reconciliation that a raised incarnation makes due |
//! | [`sequences`] | gaps in the numbers that producers give |
//! | [`dedup`] | a bounded window over events that came before |
//! | [`stats`] | counters of what has become durable |
//!
//! Deliberately absent: sockets, tasks, timers. Whoever drives the lane owns those.

mod absent;
pub mod accept;
pub mod batch;
pub mod commit;
pub mod dedup;
pub mod derivation;
pub mod derive;
pub mod input;
pub mod lane;
mod outbox;
pub mod owed;
pub mod raw;
pub mod rederive;
pub mod registry;
pub mod replayed;
pub mod sequences;
pub mod stats;
mod withheld;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod floor_tests;
#[cfg(test)]
mod lane_tests;
#[cfg(test)]
mod parts_tests;
#[cfg(test)]
pub(crate) mod test_support;
#[cfg(test)]
mod told_tests;
#[cfg(test)]
mod withheld_tests;

pub use accept::{EventOutcome, EventsAccepted};
pub use batch::{BatchSeq, Limits};
pub use commit::Committed;
pub use lane::CaptureLane;
pub use registry::Registry;
pub use stats::CaptureStats;
pub use withheld::WITHHELD_BYTES;
