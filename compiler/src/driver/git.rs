//! Contracts as they were at a git revision.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::DriverError;
use crate::source::SourceSet;

/// Reads the contracts of `folder` at `revision`. Paths in the result begin with the revision, so that nobody takes them for
/// files on disk.
///
/// # Errors
/// Where git is not there, the revision is unknown, or holds no contracts.
pub(super) fn read(revision: &str, folder: &Path) -> Result<SourceSet, DriverError> {
    let place = PathBuf::from(format!("{revision}:{}", folder.display()));
    if revision.starts_with('-') {
        return Err(DriverError::read(&place, "a revision does not begin with `-`"));
    }
    let listed =
        git(&place, &["ls-tree", "-r", "-z", "--name-only", revision, "--"], Some(folder))?;
    let mut files = Vec::new();
    for path in listed.split('\0').filter(|path| is_contract(path)) {
        // Names are relative to where the command runs, as `./` says.
        let text = git(&place, &["show", &format!("{revision}:./{path}")], None)?;
        files.push((format!("{revision}:{path}"), text));
    }
    if files.is_empty() { Err(DriverError::NoContracts(place)) } else { Ok(SourceSet::new(files)) }
}

fn is_contract(path: &str) -> bool {
    path.ends_with(".yaml") || path.ends_with(".yml")
}

fn git(place: &Path, args: &[&str], folder: Option<&Path>) -> Result<String, DriverError> {
    let mut command = Command::new("git");
    command.args(args);
    if let Some(folder) = folder {
        command.arg(folder);
    }
    let ran = command.output().map_err(|error| DriverError::read(place, error))?;
    if !ran.status.success() {
        let said = String::from_utf8_lossy(&ran.stderr);
        let first = said.lines().next().unwrap_or("git failed").to_owned();
        return Err(DriverError::read(place, first));
    }
    String::from_utf8(ran.stdout).map_err(|_| DriverError::read(place, "it is not UTF-8 text"))
}
