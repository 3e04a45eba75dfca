//! PostgreSQL as a source, against a real server: a private cluster that ends with the test process.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test names what it expects, anything else fails it"
)]
#![allow(clippy::unwrap_used)]

mod backfill;
mod preflight;
mod published;
mod stream;
mod support;
mod tls;
mod truncate;
