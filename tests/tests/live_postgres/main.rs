//! PostgreSQL as a source, against a real server: a private cluster that ends with the test process.

#![allow(clippy::unwrap_used)]

mod backfill;
mod figures;
mod preflight;
mod stream;
mod support;
mod tls;
