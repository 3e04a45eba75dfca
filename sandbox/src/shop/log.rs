//! The shop's own record of what it did: JSON lines, flushed one by one. With the source tables it is all that the
//! verifier believes.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::{At, Result};

const PLACE: &str = "shop log";

/// One thing that the shop did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "snake_case")]
pub enum Entry {
    /// Sent an event, and it was answered for good. Sent again: logged again.
    Sent {
        /// What was sent: the event, or a text that is no event.
        body: serde_json::Value,
        /// Whether the event keeps its contract.
        valid: bool,
        /// The HTTP status of the answer: 202, or a refusal.
        status: u16,
        /// Why it was sent.
        why: Why,
        /// When it was first tried, microseconds since 1970.
        at_us: i64,
    },
    /// Wrote a row that breaks its contract.
    Poisoned {
        /// Table.
        table: String,
        /// Key, as texts.
        key: Vec<String>,
        /// The row before, where there was one: PostgreSQL's texts in column order.
        last_valid: Option<Vec<Option<String>>>,
        /// The rule that it breaks.
        rule: String,
    },
    /// Repaired a poisoned row.
    Healed {
        /// Table.
        table: String,
        /// Key, as texts.
        key: Vec<String>,
    },
    /// Deleted a row.
    Deleted {
        /// Table.
        table: String,
        /// Key, as texts.
        key: Vec<String>,
    },
    /// Gave a customer another number.
    Rekeyed {
        /// Before.
        from: String,
        /// After.
        to: String,
    },
    /// Edited a record in Salesforce, as a person there would.
    EditedInCrm {
        /// The customer.
        customer_id: String,
        /// Field -> value.
        fields: serde_json::Map<String, serde_json::Value>,
    },
    /// Committed a change of a row: a sample for freshness.
    Wrote {
        /// Table.
        table: String,
        /// Key, as texts.
        key: Vec<String>,
        /// When the commit was confirmed, microseconds since 1970.
        at_us: i64,
    },
    /// Something else worth telling: a schema change, a multi-row transaction.
    Noted {
        /// In words.
        what: String,
    },
}

/// Why an event was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Something happened to the order.
    News,
    /// The same event again.
    Duplicate,
    /// An older state, told after a newer one.
    Late,
    /// About an order that was deleted.
    Stale,
    /// About an order that never was.
    Stray,
    /// Breaks the contract.
    Malformed,
}

/// Appends entries.
#[derive(Debug)]
pub struct ShopLog {
    file: Mutex<File>,
    path: PathBuf,
}

impl ShopLog {
    /// Starts an empty log.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        let file =
            File::create(path).at(PLACE, format!("{} cannot be made", path.display()), "")?;
        Ok(Self { file: Mutex::new(file), path: path.to_owned() })
    }

    /// Appends one entry; it has reached the operating system on return.
    ///
    /// # Errors
    /// Where the disk is full.
    pub fn put(&self, entry: &Entry) -> Result<()> {
        let mut line = serde_json::to_vec(entry).at(PLACE, "an entry has no JSON", "")?;
        line.push(b'\n');
        // A panic of another writer leaves whole lines behind: each is one write.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line).at(PLACE, format!("{} cannot be written", self.path.display()), "")
    }
}

/// Reads a log.
///
/// # Errors
/// Where it cannot be read, or holds anything else.
pub fn read(path: &Path) -> Result<Vec<Entry>> {
    let told = format!("{} cannot be read", path.display());
    let file = File::open(path).at(PLACE, &told, "")?;
    let mut entries = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line.at(PLACE, &told, "")?;
        entries.push(serde_json::from_str(&line).at(PLACE, &told, "")?);
    }
    Ok(entries)
}

/// Microseconds since 1970.
pub fn now_us() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}
