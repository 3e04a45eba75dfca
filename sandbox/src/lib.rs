//! The sandbox: what stands in for the systems around Covenant when everything runs on one machine: a private PostgreSQL
//! cluster, the Salesforce simulator, Acme's shop, the verifier that computes what must have arrived, and the demo that
//! lets all of it run together.

pub mod demo;
pub mod error;
pub mod postgres;
pub mod process;
pub mod salesforce;
pub mod shop;
pub mod verify;

/// Tables of Acme's shop database.
pub const ACME_SCHEMA: &str = include_str!("../sql/acme_schema.sql");
