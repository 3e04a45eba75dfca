//! What the catalogue says, and what it means for contracts.

pub mod facts;
pub mod judge;
pub mod published;
pub mod schema;
pub mod types;
