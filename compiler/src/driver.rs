//! The only module that touches files: reads contracts, writes generated files. It never touches a
//! file that no build has written.

#![expect(clippy::disallowed_methods, reason = "the one module of the compiler that may do IO")]

mod folder;
mod git;
pub mod live;
mod stamp;
mod text;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::cases::SUFFIX;
use crate::source::SourceSet;
use crate::tree::OutputTree;
pub use folder::{read_cases, read_contracts};
pub use stamp::Stamp;
pub use text::{append_text, read_text, read_there, write_new, write_text, write_texts};

/// Files of one project; more is a wrong folder.
const FILES_MAX: usize = 10_000;
/// In the output folder: the paths that the last build wrote, one a line. Only they may be removed.
pub const FILE_LIST: &str = ".manifest-of-files";
/// A file that is being written; left behind only by a killed process, and overwritten by the next.
const PARTIAL_SUFFIX: &str = ".covenant-partial";

/// What could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// A file or folder.
    #[error("{path} cannot be {verb}: {why}", path = .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// `read`, `written`, `removed`.
        verb: &'static str,
        /// What the system says.
        why: String,
    },
    /// No `.yaml` file.
    #[error("{path} holds no contract (`.yaml` file): is it the right folder? Give it with --contracts", path = .0.display())]
    NoContracts(PathBuf),
    /// No `.tests.yaml` file.
    #[error("{path} holds no contract test: write `<entity>{SUFFIX}` beside the contract (docs/language.md, contract tests)", path = .0.display())]
    NoCases(PathBuf),
    /// Far more than a project has.
    #[error("{path} holds more than {FILES_MAX} contracts: is it the right folder?", path = .0.display())]
    TooMany(PathBuf),
    /// No such version of the contracts.
    #[error("there is nothing to compare with at `{base}`: {why}")]
    NoBase {
        /// As given.
        base: String,
        /// What is wrong with it.
        why: String,
        /// What it might have been.
        near: Option<String>,
    },
    /// Bytes that are no text.
    #[error("{path} is not UTF-8 text", path = .path.display())]
    NotText {
        /// Which.
        path: PathBuf,
        /// As much as can be shown of it.
        readable: String,
        /// The first byte that is no text.
        at: usize,
    },
}

impl DriverError {
    /// The file or folder that it is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Io { path, .. }
            | Self::NoContracts(path)
            | Self::NoCases(path)
            | Self::TooMany(path)
            | Self::NotText { path, .. } => path,
            Self::NoBase { base, .. } => Path::new(base),
        }
    }

    fn read(path: &Path, why: impl ToString) -> Self {
        Self::Io { path: path.to_owned(), verb: "read", why: why.to_string() }
    }

    fn written(path: &Path, why: impl ToString) -> Self {
        Self::Io { path: path.to_owned(), verb: "written", why: why.to_string() }
    }
}

/// Folder beside the contracts that holds them as they were released last.
const RELEASED: &str = "released";

/// Reads the contracts that others are compared with: `git:<revision>`; `released`, the folder beside
/// the contracts; another folder; or else a git revision.
///
/// # Errors
/// Where anything cannot be read, or there is no such version.
pub fn read_base(base: &str, contracts: &Path) -> Result<SourceSet, DriverError> {
    if let Some(revision) = base.strip_prefix("git:") {
        return git::read(revision, contracts);
    }
    let folder = match base {
        RELEASED => contracts.parent().unwrap_or(Path::new("")).join(RELEASED),
        other => PathBuf::from(other),
    };
    if folder.is_dir() {
        return read_contracts(&folder);
    }
    if base == RELEASED {
        let why = format!("there is no folder {}", folder.display());
        return Err(DriverError::NoBase { base: base.to_owned(), why, near: None });
    }
    git::read(base, contracts)
}

fn utf8(path: &Path, bytes: Vec<u8>) -> Result<String, DriverError> {
    String::from_utf8(bytes).map_err(|error| DriverError::NotText {
        path: path.to_owned(),
        at: error.utf8_error().valid_up_to(),
        readable: String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// What a build would change. Paths are relative to the output folder, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// New, or of other content.
    pub write: Vec<String>,
    /// Written by an earlier build, and no longer generated.
    pub remove: Vec<String>,
}

/// The list of files as it is kept beside them.
fn file_list(tree: &OutputTree) -> String {
    let mut list =
        String::from("# Written by `covenant build`: the files that it may replace or remove.\n");
    for (path, _) in tree.iter() {
        list.push_str(path);
        list.push('\n');
    }
    list
}

fn read_optional(path: &Path) -> Result<Option<Vec<u8>>, DriverError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DriverError::read(path, error)),
    }
}

/// Compares the output folder with what is generated now.
///
/// # Errors
/// Where a file is there and cannot be read.
pub fn compare(out: &Path, tree: &OutputTree) -> Result<Changes, DriverError> {
    let mut changes = Changes::default();
    for (path, text) in tree.iter() {
        if read_optional(&out.join(path))?.as_deref() != Some(text.as_bytes()) {
            changes.write.push(path.to_owned());
        }
    }
    let list = read_optional(&out.join(FILE_LIST))?.unwrap_or_default();
    if list != file_list(tree).as_bytes() {
        changes.write.push(FILE_LIST.to_owned());
    }
    let list = String::from_utf8_lossy(&list);
    let inside =
        |path: &&str| !path.starts_with(['#', '/']) && !path.split('/').any(|part| part == "..");
    for path in list.lines().filter(inside) {
        if tree.get(path).is_none() && out.join(path).is_file() {
            changes.remove.push(path.to_owned());
        }
    }
    changes.write.sort();
    changes.remove.sort();
    Ok(changes)
}

/// Makes the output folder what the tree says: first every changed file is written beside its
/// place, and only when all of them are, they are moved there. So a full disk leaves the folder as
/// it was.
///
/// # Errors
/// Where something cannot be written.
pub fn write(out: &Path, tree: &OutputTree, changes: &Changes) -> Result<(), DriverError> {
    let list = file_list(tree);
    let text = |path: &String| {
        if path == FILE_LIST { Some(list.as_str()) } else { tree.get(path) }
    };
    let files: Vec<(PathBuf, &str)> =
        changes.write.iter().filter_map(|path| Some((out.join(path), text(path)?))).collect();
    replace(&files)?;
    let mut folders = BTreeSet::new();
    for path in &changes.remove {
        let target = out.join(path);
        std::fs::remove_file(&target).map_err(|error| DriverError::Io {
            path: target.clone(),
            verb: "removed",
            why: error.to_string(),
        })?;
        folders.extend(target.parent().map(Path::to_owned));
    }
    for folder in folders.iter().rev() {
        // Only succeeds where nothing else is in it, which is what is wanted.
        let _ = std::fs::remove_dir(folder);
    }
    Ok(())
}

/// Writes every file beside its place, in two threads, and moves them there when all of them are written.
fn replace(files: &[(PathBuf, &str)]) -> Result<(), DriverError> {
    let folders: BTreeSet<&Path> = files.iter().filter_map(|(target, _)| target.parent()).collect();
    for folder in folders {
        std::fs::create_dir_all(folder).map_err(|error| DriverError::written(folder, error))?;
    }
    let (first, second) = files.split_at(files.len() / 2);
    let (there, here) = std::thread::scope(|scope| {
        let there = scope.spawn(|| stage(first));
        let here = stage(second);
        (there.join(), here)
    });
    let there = there.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    if let Err(error) = there.and(here) {
        for (target, _) in files {
            // Best effort: a partial file is overwritten by the next build.
            let _ = std::fs::remove_file(partial(target));
        }
        return Err(error);
    }
    for (target, _) in files {
        std::fs::rename(partial(target), target)
            .map_err(|error| DriverError::written(target, error))?;
    }
    Ok(())
}

fn stage(files: &[(PathBuf, &str)]) -> Result<(), DriverError> {
    files.iter().try_for_each(|(target, text)| {
        std::fs::write(partial(target), text).map_err(|error| DriverError::written(target, error))
    })
}

/// Where a file is written before it is moved to its place.
fn partial(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(PARTIAL_SUFFIX);
    target.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> OutputTree {
        let mut tree = OutputTree::default();
        for (path, text) in files {
            assert!(tree.add(*path, *text));
        }
        tree
    }

    fn build(out: &Path, tree: &OutputTree) -> Changes {
        let changes = compare(out, tree).unwrap();
        write(out, tree, &changes).unwrap();
        changes
    }

    #[test]
    fn a_second_build_changes_nothing() {
        let out = tempfile::tempdir().unwrap();
        let tree = tree(&[("a/one.sql", "1"), ("two.json", "2")]);
        assert_eq!(build(out.path(), &tree).write, [FILE_LIST, "a/one.sql", "two.json"]);
        assert_eq!(build(out.path(), &tree), Changes::default());
    }

    #[test]
    fn only_what_a_build_wrote_is_removed() {
        let out = tempfile::tempdir().unwrap();
        build(out.path(), &tree(&[("a/one.sql", "1"), ("two.json", "2")]));
        std::fs::write(out.path().join("mine.txt"), "kept").unwrap();
        let changes = build(out.path(), &tree(&[("two.json", "2")]));
        assert_eq!(changes.remove, ["a/one.sql"]);
        assert!(!out.path().join("a").exists());
        assert!(out.path().join("mine.txt").exists());
    }

    #[test]
    fn a_list_cannot_point_outside() {
        let out = tempfile::tempdir().unwrap();
        let inside = out.path().join("generated");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(out.path().join("precious"), "kept").unwrap();
        std::fs::write(inside.join(FILE_LIST), "../precious\n").unwrap();
        build(&inside, &tree(&[("two.json", "2")]));
        assert!(out.path().join("precious").exists());
    }

    #[test]
    fn a_build_that_cannot_be_written_leaves_everything_as_it_was() {
        let out = tempfile::tempdir().unwrap();
        build(out.path(), &tree(&[("one", "1")]));
        // A folder stands where a file is to be written.
        std::fs::create_dir_all(out.path().join("zwei.covenant-partial")).unwrap();
        let next = tree(&[("one", "changed"), ("zwei", "2")]);
        let changes = compare(out.path(), &next).unwrap();
        assert!(write(out.path(), &next, &changes).is_err());
        assert_eq!(std::fs::read_to_string(out.path().join("one")).unwrap(), "1\n");
        assert!(!out.path().join("one.covenant-partial").exists());
    }
}
