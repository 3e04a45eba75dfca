//! Who in this process has a database file open.
//!
//! DuckDB locks a file against other processes only, and a connection that is dropped closes its file later, on its own
//! thread: a lane that starts again at once would open a file whose log is being folded into it and removed. So the next
//! one waits here until the one before it has closed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::PLACE;
use crate::error::{ErrorKind, Result, RuntimeError};

/// How long an opening waits for the one before it: longer than a statement of a batch takes.
const CLOSING_WAIT: Duration = Duration::from_secs(60);

static HELD: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
static CLOSED: Condvar = Condvar::new();

/// The file is this holder's, and that of its clones, until the last of them is dropped, which must be after the connections.
#[derive(Clone)]
pub(super) struct Hold {
    /// Kept for its end.
    _held: Option<Arc<Held>>,
}

struct Held(PathBuf);

impl Hold {
    /// Waits until nobody in this process has `path`; a database in memory (none) is its own. Blocks the thread.
    ///
    /// # Errors
    /// `Unavailable` where it stays open for [`CLOSING_WAIT`].
    pub(super) fn take(path: Option<&Path>) -> Result<Self> {
        Self::within(path, CLOSING_WAIT)
    }

    fn within(path: Option<&Path>, wait: Duration) -> Result<Self> {
        let Some(path) = path else { return Ok(Self { _held: None }) };
        // The file may not exist yet; its folder tells two ways to the same place apart as well.
        let path =
            match (path.parent().and_then(|folder| folder.canonicalize().ok()), path.file_name()) {
                (Some(folder), Some(name)) => folder.join(name),
                _ => path.to_owned(),
            };
        let held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut held, _) = CLOSED
            .wait_timeout_while(held, wait, |held| held.contains(&path))
            .unwrap_or_else(PoisonError::into_inner);
        if !held.insert(path.clone()) {
            return Err(RuntimeError::new(
                ErrorKind::Unavailable,
                PLACE,
                format!("the file is still open in this process after {} s", wait.as_secs()),
                "A statement of the lane before runs on; wait for it, or stop the process",
            ));
        }
        Ok(Self { _held: Some(Arc::new(Held(path))) })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
        CLOSED.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_one_waits_for_the_last_clone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.duckdb");
        let first = Hold::take(Some(&path)).unwrap();
        let beside = first.clone();
        drop(first);
        let refused = Hold::within(Some(&path), Duration::ZERO).err().unwrap();
        assert_eq!(refused.kind, ErrorKind::Unavailable);
        Hold::within(Some(&folder.path().join("b.duckdb")), Duration::ZERO).unwrap();
        let waiting = std::thread::spawn(move || Hold::take(Some(&path)).is_ok());
        drop(beside);
        assert!(waiting.join().unwrap());
    }
}
