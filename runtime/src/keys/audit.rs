//! Who saw which plaintext, and for what. Never the plaintext itself.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::env::Clock;
use crate::error::{ErrorKind, Result, RuntimeError};

/// Permissions of the audit file.
const AUDIT_FILE_MODE: u32 = 0o600;

/// Plaintext of one row that was revealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The lane or the operator.
    pub who: String,
    /// A purpose of the project, or the operator's words.
    pub purpose: String,
    /// Entity name.
    pub entity: String,
    /// Names of the revealed fields; `*` for a whole record.
    pub fields: Vec<String>,
    /// Keyed digest of the row's key: finds the row for whoever has the key, and nothing for others. None where one entry is
    /// about several rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_digest: Option<String>,
    /// Where the plaintext went, where it left the runtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Values that were revealed.
    pub count: u64,
}

/// Keeps reveals. **Called before the plaintext exists**: where an entry cannot be kept, nothing is revealed.
pub trait Audit: Send + Sync {
    /// Keeps entries durably.
    ///
    /// # Errors
    /// `Storage` where they cannot be kept.
    fn record(&self, entries: &[AuditEntry]) -> Result<()>;
}

/// An append-only file of JSON lines, synced after every batch.
pub struct FileAudit {
    path: PathBuf,
    file: Mutex<File>,
    clock: Arc<dyn Clock>,
}

#[derive(Serialize)]
struct Line<'a> {
    at_us: i64,
    #[serde(flatten)]
    entry: &'a AuditEntry,
}

impl FileAudit {
    /// Opens the file for appending; makes it where there is none.
    ///
    /// # Errors
    /// `Storage`.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        let mut options = OpenOptions::new();
        let file = options
            .append(true)
            .create(true)
            .mode(AUDIT_FILE_MODE)
            .open(path)
            .map_err(|error| storage(path, &error))?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file), clock })
    }
}

impl Audit for FileAudit {
    fn record(&self, entries: &[AuditEntry]) -> Result<()> {
        let at_us = self.clock.now_us();
        let mut lines = Vec::new();
        for entry in entries {
            serde_json::to_writer(&mut lines, &Line { at_us, entry })
                .map_err(|error| storage(&self.path, &error.into()))?;
            lines.push(b'\n');
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let write = file.write_all(&lines).and_then(|()| file.sync_data());
        write.map_err(|error| storage(&self.path, &error))
    }
}

fn storage(path: &Path, error: &std::io::Error) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Storage,
        "audit",
        format!("the audit file {} cannot be written: {error}", path.display()),
        "Nothing was revealed. Check the disk's free space and the file's permissions.",
    )
}

/// Keeps entries in memory: for simulations and tests.
#[derive(Default)]
pub struct MemoryAudit {
    entries: Mutex<Vec<AuditEntry>>,
}

impl MemoryAudit {
    /// What was revealed so far.
    pub fn entries(&self) -> Vec<AuditEntry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Audit for MemoryAudit {
    fn record(&self, entries: &[AuditEntry]) -> Result<()> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(entries);
        Ok(())
    }
}
