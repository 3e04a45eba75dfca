//! Writing single files: reports, waivers, mended contracts.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{DriverError, stage};

/// Writes files: first every one beside its place, and only when all of them are, they are moved
/// there.
///
/// # Errors
/// Where one cannot be written; then none has changed, but for a failure in the middle of the moves.
pub fn write_texts(files: &[(PathBuf, String)]) -> Result<(), DriverError> {
    let mut staged = Vec::new();
    for (path, text) in files {
        if let Err(error) = stage(path, text, &mut staged) {
            for (partial, _) in &staged {
                // Best effort: a partial file is overwritten by the next run.
                let _ = std::fs::remove_file(partial);
            }
            return Err(error);
        }
    }
    for (partial, target) in &staged {
        std::fs::rename(partial, target).map_err(|error| DriverError::written(target, error))?;
    }
    Ok(())
}

/// Writes one file, whole or not at all.
///
/// # Errors
/// Where it cannot be written.
pub fn write_text(path: &Path, text: &str) -> Result<(), DriverError> {
    write_texts(&[(path.to_owned(), text.to_owned())])
}

/// Adds to a file that others write, too, such as a step's summary.
///
/// # Errors
/// Where it cannot be written.
pub fn append_text(path: &Path, text: &str) -> Result<(), DriverError> {
    let opened = std::fs::OpenOptions::new().create(true).append(true).open(path);
    opened
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| DriverError::written(path, error))
}

/// The text of a file; empty where there is none.
///
/// # Errors
/// Where it is there and cannot be read as text.
pub fn read_text(path: &Path) -> Result<String, DriverError> {
    super::utf8(path, super::read_optional(path)?.unwrap_or_default())
}
