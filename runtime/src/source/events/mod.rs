//! Order events over HTTP: the embedded default of an event stream.
//!
//! ```text
//! POST /events/{stream} ─> split ─> EventQueue (bounded) ─> Pump ─> CaptureLane ─> landing commit ─> 202
//! ```
//!
//! **A producer hears 202 only after the landing commit that holds its events.** Whatever else it hears (or nothing), it sends
//! again: the same bytes are the same change. An event that breaks its contract is answered 202 too, with the outcome
//! `quarantined`: it is as durable as the rest, and sending it again would not mend it.
//!
//! | module | what |
//! |---|---|
//! | [`split`] | a body to single events: one object, an array, or lines |
//! | [`queue`] | bounded in requests and bytes |
//! | [`pump`] | between the queue and the lane; answers once a batch is durable |
//! | [`http`] | the router |

pub mod http;
pub mod pump;
pub mod queue;
pub mod split;

#[cfg(test)]
mod tests;
