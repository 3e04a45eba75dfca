//! A Salesforce org in memory, behind the real API.

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
pub mod routes;
pub mod schema;
pub mod soql;
pub mod state;
pub mod stats;
pub mod store;
pub mod usage;
pub mod validate;
pub mod value;
pub mod write;
