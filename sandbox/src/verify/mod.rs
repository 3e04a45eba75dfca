//! Computes what must have arrived, and compares it with what is there.
//!
//! The expectation comes from the source tables and from the shop's own log, never from what the pipeline says of itself.
//!
//! | module | what |
//! |---|---|
//! | [`shape`] | which column of which table stands where in each target: written by hand, beside the contracts |
//! | [`told`] | the shop's log, folded: poisoned rows, deleted keys, events, edits in Salesforce |
//! | [`expect`] | source tables + log -> the rows that must be there |
//! | [`warehouse`] | the rows of the presented views |
//! | [`sealed`] | personal data in plain, by the key file of the sandbox |
//! | [`crm`] | the records of the simulator's dump |
//! | [`compare`] | lost, duplicated, diverged, resurrected |
//! | [`adopted`] | accounts that people made before: no customer is there twice |
//! | [`freshness`] | from commit to visible, by our own clock |
//! | [`report`] | the table at the end |
//!
//! Deliberately absent: the compiler, the manifest, and the runtime but for its key file: personal data can only be compared
//! in plain.

pub mod adopted;
pub mod compare;
pub mod crm;
pub mod expect;
pub mod freshness;
pub mod report;
pub mod sealed;
pub mod shape;
pub mod told;
pub mod warehouse;

/// Reads personal data that capture protected.
pub trait Unseal {
    /// The plaintext of a value of an `encrypt` class.
    ///
    /// # Errors
    /// Where it cannot be opened: told as a difference, never ignored.
    fn open(&self, entity: &str, field: &str, sealed: &str) -> Result<String, String>;

    /// The token of a value.
    ///
    /// # Errors
    /// Where the key is not to be had.
    fn token(&self, class: &str, plain: &str) -> Result<String, String>;
}
