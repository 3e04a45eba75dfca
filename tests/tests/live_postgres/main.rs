//! PostgreSQL as a source, against a real server: a private cluster that ends with the test process.

mod backfill;
mod preflight;
mod stream;
mod support;
mod tls;
