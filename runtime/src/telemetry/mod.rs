//! What the runtime tells about itself: a status, metrics, logs. Never a value of a record.
//!
//! Deliberately absent: decisions. Lanes write here; nothing reads a decision back out.

pub mod freshness;
pub mod introduce;
pub mod logs;
pub mod metric_names;
pub mod odd_steps;
pub mod sequence_gaps;
pub mod status;
