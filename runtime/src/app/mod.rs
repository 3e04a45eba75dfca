//! The application: configuration, the lanes on tokio, the loopback API. The only part of the runtime that spawns tasks.
//!
//! Deliberately absent: what lanes do. They are state machines elsewhere; here they are given time.

pub mod backfill_task;
pub mod capture_task;
pub mod config;
pub mod control;
pub mod doctor;
pub mod drive;
pub mod gap;
pub mod http;
pub mod jobs;
pub mod lanes;
pub mod once;
mod open;
mod owed;
pub mod poll_task;
pub mod quarantine_lane;
pub mod reconcile_task;
pub mod replay_task;
pub mod run;
pub mod signals;
pub mod start;
