//! The application: configuration, the lanes on tokio, the loopback API. The only part of the runtime that spawns tasks.
//!
//! Deliberately absent: what lanes do. They are state machines elsewhere; here they are given time.

pub mod config;
pub mod drive;
pub mod http;
