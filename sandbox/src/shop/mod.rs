//! Acme's shop: writes like a shop, and like a shop on a bad day.
//!
//! | module | what |
//! |---|---|
//! | [`tables`] | the tables and their columns, and rows as text |
//! | [`catalog`] | names, articles and places |
//! | [`rows`] | makes valid rows, from a seed |
//! | [`history`] | loads years of orders by COPY |
//! | [`plan`] | decides from the seed what happens when, the mishaps among it |
//! | [`world`] | what the shop remembers of its own rows |
//! | [`live`] | does it: transactions, events over HTTP, edits in Salesforce |
//! | [`events`] | order events, and the sender that repeats until the pipeline has taken them |
//! | [`log`] | the shop's own record of what it did: half of the verifier's expectation |
//!
//! Deliberately absent: anything of the pipeline. The shop knows its database, one URL for events, and the simulator's
//! admin port.

pub mod catalog;
pub mod events;
pub mod history;
pub mod live;
pub mod log;
pub mod plan;
pub mod rows;
pub mod tables;
pub mod world;
