//! The generic runtime: sources, landing, warehouse, delivery, ledgers and lanes. Knows no entity: what rows mean comes from
//! the manifest and from generated codecs.
//!
//! ```text
//! PostgreSQL  ─┐                         ┌─ apply ──> warehouse ──> models
//! events HTTP ─┼─> capture ─> landing ───┤
//! Salesforce  ─┘   (validate, protect)   └─ deliver ─> ledger ────> Salesforce
//! table reads ─┘
//! ```
//!
//! Every lane is a state machine with one `step` that does a bounded amount of work through the traits below, so that
//! the same code runs on tokio against real systems and in a seeded, single-threaded simulation.
//!
//! Deliberately absent: YAML, templates, the compiler, any name of Acme's.

pub use covenant_model::{error, finding};

pub mod app;
pub mod apply;
pub mod backfill;
pub mod capture;
pub mod cli;
pub mod crm;
pub mod deliver;
pub mod env;
pub mod fault;
pub mod keys;
pub mod landing;
pub mod ledger;
pub mod quarantine;
pub mod reconcile;
pub mod replay;
pub mod source;
pub mod telemetry;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod warehouse;
