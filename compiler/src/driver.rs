//! The only module that touches files: reads contracts, writes generated files.

use std::path::{Path, PathBuf};

use crate::source::SourceSet;

/// Files of one project; more is a wrong folder.
const FILES_MAX: usize = 10_000;
/// Folders below the contracts folder.
const FOLDER_DEPTH_MAX: usize = 8;

/// What could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// A file or folder could not be read.
    #[error("{path} cannot be read: {why}", path = .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// No `.yaml` file.
    #[error("{path} holds no contract (`.yaml` file): is it the right folder? Give it with --contracts", path = .0.display())]
    NoContracts(PathBuf),
    /// Far more than a project has.
    #[error("{path} holds more than {FILES_MAX} contracts: is it the right folder?", path = .0.display())]
    TooMany(PathBuf),
}

fn unreadable(path: &Path, why: impl ToString) -> DriverError {
    DriverError::Unreadable { path: path.to_owned(), why: why.to_string() }
}

/// Reads every `.yaml` and `.yml` file below a folder. Paths in the result begin with the folder as given, so that they
/// can be opened from where the command ran.
///
/// # Errors
/// Where anything cannot be read: nothing is known then about what was not.
pub fn read_contracts(folder: &Path) -> Result<SourceSet, DriverError> {
    let mut paths = Vec::new();
    collect(folder, 0, &mut paths)?;
    if paths.is_empty() {
        return Err(DriverError::NoContracts(folder.to_owned()));
    }
    if paths.len() > FILES_MAX {
        return Err(DriverError::TooMany(folder.to_owned()));
    }
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let bytes = std::fs::read(&path).map_err(|error| unreadable(&path, error))?;
        let text =
            String::from_utf8(bytes).map_err(|_| unreadable(&path, "it is not UTF-8 text"))?;
        let shown = path.components().collect::<PathBuf>().to_string_lossy().replace('\\', "/");
        files.push((shown, text));
    }
    Ok(SourceSet::new(files))
}

fn collect(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Result<(), DriverError> {
    if depth > FOLDER_DEPTH_MAX {
        return Err(unreadable(folder, format!("folders nest deeper than {FOLDER_DEPTH_MAX}")));
    }
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        if path.is_dir() {
            collect(&path, depth + 1, paths)?;
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            paths.push(path);
        }
    }
    Ok(())
}
