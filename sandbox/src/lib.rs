//! The sandbox: what stands in for the systems around Covenant when everything runs on one machine.

pub mod salesforce;
