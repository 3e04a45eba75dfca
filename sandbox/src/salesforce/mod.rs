//! A Salesforce org in memory, behind the real API.

pub mod decimal;
pub mod errors;
pub mod formula;
pub mod ids;
pub mod org;
mod org_default;
pub mod schema;
pub mod store;
pub mod validate;
pub mod value;
pub mod write;
