//! Contracts and describes of a folder. What cannot be read of it is a flaw of one file, and the others are read.

use std::fs::DirEntry;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{DriverError, FILES_MAX};
use crate::cases::is_cases;
use crate::describe::{DESCRIBE_BYTES_MAX, is_describe};
use crate::parse::FILE_BYTES_MAX;
use crate::source::{Flaw, SourceSet};

/// Folders below the contracts folder.
const FOLDER_DEPTH_MAX: usize = 8;
/// What to do about most of what the system refuses.
const LET_READ: &str = "let the user who runs `covenant` read it, or take it out of the folder";

/// Reads every `.yaml`, `.yml` and `.describe.json` file below a folder. Paths in the result begin with the folder as
/// given, so that they can be opened from where the command ran. A file or folder in it that cannot be
/// read is in the result with its flaw.
///
/// # Errors
/// Where the folder itself cannot be read, holds no contracts, or far too many.
pub fn read_contracts(folder: &Path) -> Result<SourceSet, DriverError> {
    let found = walked(folder, is_contract)?;
    if found.is_empty() {
        return Err(DriverError::NoContracts(folder.to_owned()));
    }
    Ok(read(found))
}

/// Reads every file of contract tests below a folder, as [`read_contracts`] does contracts.
///
/// # Errors
/// Where the folder itself cannot be read, holds no tests, or far too many.
pub fn read_cases(folder: &Path) -> Result<SourceSet, DriverError> {
    let found = walked(folder, |path| is_cases(&path.to_string_lossy()))?;
    if found.is_empty() {
        return Err(DriverError::NoCases(folder.to_owned()));
    }
    Ok(read(found))
}

/// Whether a file is one that contracts are made of, by its name.
fn is_contract(path: &Path) -> bool {
    let name = path.to_string_lossy();
    let yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
    (yaml && !is_cases(&name)) || is_describe(&name)
}

/// Files of a kind, and what stands in the way of finding them.
type Found = Vec<(PathBuf, Option<Flaw>)>;

fn walked(folder: &Path, of_kind: fn(&Path) -> bool) -> Result<Found, DriverError> {
    let inside = std::fs::canonicalize(folder).map_err(|error| DriverError::read(folder, error))?;
    let mut walk = Walk { found: Vec::new(), inside: vec![inside], of_kind };
    walk.folder(folder)?;
    Ok(walk.found)
}

fn read(found: Found) -> SourceSet {
    SourceSet::with_flaws(found.into_iter().map(|(path, flaw)| {
        let (text, flaw) = match flaw {
            Some(flaw) => (String::new(), Some(flaw)),
            None => read_contract(&path).unwrap_or_else(|flaw| (String::new(), Some(flaw))),
        };
        let shown = path.components().collect::<PathBuf>().to_string_lossy().replace('\\', "/");
        (shown, text, flaw)
    }))
}

/// A walk through folders.
struct Walk {
    /// Contracts, and what stands in the way of finding them.
    found: Found,
    /// The folders that the walk is in, without links; the outermost first.
    inside: Vec<PathBuf>,
    /// Which files are looked for.
    of_kind: fn(&Path) -> bool,
}

impl Walk {
    /// # Errors
    /// Where it is the outermost folder, and cannot be read; where there are too many files.
    fn folder(&mut self, folder: &Path) -> Result<(), DriverError> {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if self.inside.len() == 1 => return Err(DriverError::read(folder, error)),
            Err(error) => return self.add(folder.to_owned(), Some(unread(&error, LET_READ))),
        };
        for entry in entries {
            match entry {
                Ok(entry) => self.entry(&entry)?,
                Err(error) => self.add(folder.to_owned(), Some(unread(&error, LET_READ)))?,
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: &DirEntry) -> Result<(), DriverError> {
        let path = entry.path();
        let contract = (self.of_kind)(&path);
        // Only what a link leads to has to be asked for.
        let (folder, link) = match entry.file_type() {
            Ok(kind) if kind.is_symlink() => (path.is_dir(), true),
            Ok(kind) => (kind.is_dir(), false),
            Err(error) => return self.add(path, Some(unread(&error, LET_READ))),
        };
        match (folder, contract) {
            (true, true) => {
                let help = "rename the folder: this is the end of a contract's name";
                self.add(path, Some(unread("it is a folder", help)))
            }
            (true, false) => self.inner(path, link),
            (false, true) => self.add(path, None),
            (false, false) => Ok(()),
        }
    }

    fn inner(&mut self, path: PathBuf, link: bool) -> Result<(), DriverError> {
        if self.inside.len() > FOLDER_DEPTH_MAX {
            let why = format!("folders nest deeper than {FOLDER_DEPTH_MAX}");
            return self.add(path, Some(unread(why, "move it up: `<area>/<name>.yaml` is enough")));
        }
        let place = match (link, self.inside.last(), path.file_name()) {
            (false, Some(inside), Some(name)) => inside.join(name),
            (true, _, _) | (false, _, _) => match std::fs::canonicalize(&path) {
                Ok(place) => place,
                Err(error) => return self.add(path, Some(unread(&error, LET_READ))),
            },
        };
        if link && self.inside.iter().any(|outer| outer.starts_with(&place)) {
            let why = "the link leads back to a folder that it is in";
            return self.add(path, Some(unread(why, "remove the link")));
        }
        self.inside.push(place);
        self.folder(&path)?;
        self.inside.pop();
        Ok(())
    }

    fn add(&mut self, path: PathBuf, flaw: Option<Flaw>) -> Result<(), DriverError> {
        if self.found.len() >= FILES_MAX {
            let folder = path.parent().unwrap_or(Path::new("")).to_owned();
            return Err(DriverError::TooMany(folder));
        }
        self.found.push((path, flaw));
        Ok(())
    }
}

fn unread(why: impl ToString, help: &'static str) -> Flaw {
    Flaw::Unread { why: why.to_string(), help }
}

/// Reads a contract, or so much of a file that is none as shows that it is too large.
fn read_contract(path: &Path) -> Result<(String, Option<Flaw>), Flaw> {
    let system = |error: std::io::Error| unread(error, LET_READ);
    let about = std::fs::metadata(path).map_err(system)?;
    if !about.is_file() {
        // A pipe would be waited for.
        return Err(unread("it is no file", "take it out of the folder, or rename it"));
    }
    let file = std::fs::File::open(path).map_err(system)?;
    let max = bytes_max(&path.to_string_lossy());
    let limit = max as u64 + 1;
    // One byte more than there should be, so that the end is found without growing.
    let expected = usize::try_from(about.len().saturating_add(1).min(limit)).unwrap_or_default();
    let mut bytes = Vec::with_capacity(expected);
    file.take(limit).read_to_end(&mut bytes).map_err(system)?;
    Ok(text(bytes, max))
}

/// The largest file of that name that is read, in bytes.
pub(super) fn bytes_max(path: &str) -> usize {
    if is_describe(path) { DESCRIBE_BYTES_MAX } else { FILE_BYTES_MAX }
}

/// The text of a file of at most `max` bytes, and its flaw where it is none.
pub(super) fn text(bytes: Vec<u8>, max: usize) -> (String, Option<Flaw>) {
    if bytes.len() > max {
        // Cut in the middle of a character perhaps; only its size will be looked at.
        return (String::from_utf8_lossy(&bytes).into_owned(), None);
    }
    match String::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let byte = error.as_bytes().get(at).copied().unwrap_or_default();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            (text, Some(Flaw::NotText { at, byte }))
        }
    }
}
