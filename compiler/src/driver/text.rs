//! Writing single files: reports, waivers, mended contracts.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::DriverError;

/// Writes files: first every one beside its place, and only when all of them are, they are moved
/// there.
///
/// # Errors
/// Where one cannot be written; then none has changed, but for a failure in the middle of the moves.
pub fn write_texts(files: &[(PathBuf, String)]) -> Result<(), DriverError> {
    let files: Vec<(PathBuf, &str)> =
        files.iter().map(|(path, text)| (path.clone(), text.as_str())).collect();
    super::replace(&files)
}

/// Reads a file that must be there.
///
/// # Errors
/// Where it is not, cannot be read or is no text.
pub fn read_there(path: &Path) -> Result<String, DriverError> {
    let bytes = std::fs::read(path).map_err(|error| DriverError::read(path, error))?;
    super::utf8(path, bytes)
}

/// Writes files that are not there yet, all of them or none.
///
/// # Errors
/// Where one is there, or cannot be written.
pub fn write_new(files: &[(PathBuf, String)]) -> Result<(), DriverError> {
    for (path, _) in files {
        if path.symlink_metadata().is_ok() {
            let why = "it is there already, and is not replaced: give another folder";
            return Err(DriverError::written(path, why));
        }
    }
    write_texts(files)
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
