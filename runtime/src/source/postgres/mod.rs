//! PostgreSQL as a source: committed transactions out of logical replication, and tables read in chunks.
//!
//! | module | what |
//! |---|---|
//! | [`pgoutput`] | decodes messages of pgoutput, protocol 1; pure |
//! | [`assemble`] | puts messages together to whole transactions; pure |
//! | [`feed`] | events of the session to items: the keepalive rule; pure |
//! | [`lineage`] | start check: does the slot continue where landing ends; pure |
//! | [`gap`] | accepting a gap: the next incarnation |
//! | [`slot`] | reads and creates the slot |
//! | [`stream`] | [`crate::source::ChangeStream`] over `pgwire-replication` |
//! | [`reader`] | [`crate::source::TableReader`] |
//! | [`preflight`] | what `doctor` and start check of a database |
//! | [`connect`] | addresses, TLS, session settings, errors |
//! | [`sql`] | quoting, snapshots and `COPY` text |
//!
//! Deliberately absent: entities, contracts' values, landing.

pub mod assemble;
pub use covenant_postgres::connect;
pub mod feed;
pub mod gap;
pub mod lineage;
pub mod pgoutput;
pub mod preflight;
pub mod reader;
pub mod slot;
pub mod sql;
pub mod stream;

#[cfg(test)]
mod pgoutput_tests;
