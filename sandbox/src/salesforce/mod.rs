//! A Salesforce org in memory, behind the real API.
//!
//! It answers what integrations ask (OAuth, describe, records, collections, composite, SOQL, replication, limits, Bulk
//! 2.0) in the shapes, codes and words of the real thing, enforces what a real org enforces on every write, and does on
//! demand what no real org does on demand: fail. It listens on loopback addresses only.
//!
//! The routes are plain functions of one [`state::State`] behind one lock that is never held while waiting; `server`
//! connects them to the network and applies the fault rules of [`faults`].

mod admin;
pub mod bulk;
pub mod config;
pub mod cursors;
pub mod decimal;
pub mod errors;
pub mod faults;
pub mod formula;
pub mod http;
pub mod ids;
pub mod org;
mod org_default;
pub mod persist;
pub mod routes;
pub mod schema;
mod server;
mod sfdx;
mod simulator;
pub mod soql;
pub mod state;
pub mod stats;
pub mod store;
pub mod usage;
pub mod validate;
pub mod value;
pub mod write;

pub use config::{Assertions, Clock, ConnectedApp, SimConfig, SystemClock};
pub use sfdx::SfdxError;
pub use simulator::{Running, Simulator, StartError};
