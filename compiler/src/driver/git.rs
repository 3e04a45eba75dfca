//! Contracts as they were at a git revision: one process lists them, one reads them all.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{DriverError, FILES_MAX, folder};
use crate::cases::is_cases;
use crate::describe::is_describe;
use crate::diagnostic::nearest;
use crate::source::{Flaw, SourceSet};

/// A file as git lists it.
struct Listed {
    object: String,
    bytes: usize,
    path: String,
    /// Its text is the path of another file.
    link: bool,
}

impl Listed {
    fn too_large(&self) -> bool {
        self.bytes > folder::bytes_max(&self.path)
    }
}

/// Mode of a symbolic link in a tree.
const MODE_LINK: &str = "120000";

/// Reads the contracts of `folder` at `revision`. Paths in the result begin with the revision, so that nobody takes them for
/// files on disk.
///
/// # Errors
/// Where git is not there, the revision is unknown, or holds no contracts.
pub(super) fn read(revision: &str, contracts: &Path) -> Result<SourceSet, DriverError> {
    let place = PathBuf::from(format!("{revision}:{}", contracts.display()));
    known(revision, contracts)?;
    let listed = git(&place, contracts, &["ls-tree", "-r", "-z", "-l", revision, "--", "."])?;
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let files: Vec<Listed> = listed.split('\0').filter_map(entry).collect();
    if files.is_empty() {
        return Err(DriverError::NoContracts(place));
    }
    if files.len() > FILES_MAX {
        return Err(DriverError::TooMany(place));
    }
    let small: Vec<&Listed> = files.iter().filter(|file| !file.too_large()).collect();
    let mut texts = objects(&place, contracts, &small)?.into_iter();
    let shown = contracts.components().collect::<PathBuf>().to_string_lossy().replace('\\', "/");
    let mut all = Vec::with_capacity(files.len());
    for file in &files {
        let path = format!("{revision}:{shown}/{}", file.path);
        let max = folder::bytes_max(&file.path);
        let bytes = if file.too_large() {
            // Only its size will be looked at.
            vec![b' '; max + 1]
        } else {
            texts.next().ok_or_else(|| DriverError::read(&place, "git answered too little"))?
        };
        all.push(if file.link {
            let why = "it is a link, and links of a revision are not followed".to_owned();
            let help = "put the contract in the place of the link";
            (path, String::new(), Some(Flaw::Unread { why, help }))
        } else {
            let (text, flaw) = folder::text(bytes, max);
            (path, text, flaw)
        });
    }
    Ok(SourceSet::with_flaws(all))
}

/// `<mode> blob <object> <size>\t<path>` of a contract.
fn entry(line: &str) -> Option<Listed> {
    let (head, path) = line.split_once('\t')?;
    let mut words = head.split_whitespace();
    let (mode, kind) = (words.next()?, words.next()?);
    let (object, size) = (words.next()?, words.next()?);
    let yaml = path.ends_with(".yaml") || path.ends_with(".yml");
    let contract = (yaml && !is_cases(path)) || is_describe(path);
    (kind == "blob" && contract).then_some(())?;
    Some(Listed {
        object: object.to_owned(),
        bytes: size.parse().ok()?,
        path: path.to_owned(),
        link: mode == MODE_LINK,
    })
}

/// Whether git knows the revision; else what it might have been.
fn known(revision: &str, folder: &Path) -> Result<(), DriverError> {
    let unknown = |why: &str, near: Option<String>| DriverError::NoBase {
        base: revision.to_owned(),
        why: why.to_owned(),
        near,
    };
    if revision.is_empty() || revision.starts_with('-') {
        return Err(unknown("a revision has a name that does not begin with `-`", None));
    }
    if !folder.is_dir() {
        return Err(DriverError::read(folder, "it is no folder"));
    }
    let place = Path::new(revision);
    let verify = ["rev-parse", "--verify", "--quiet", &format!("{revision}^{{tree}}")];
    if git(place, folder, &verify).is_ok() {
        return Ok(());
    }
    let refs = match git(place, folder, &["for-each-ref", "--format=%(refname:short)"]) {
        Ok(refs) => String::from_utf8_lossy(&refs).into_owned(),
        Err(DriverError::Io { why, .. }) => return Err(unknown(&why, None)),
        Err(other) => return Err(other),
    };
    let near = nearest(revision, refs.lines()).map(|near| format!("git:{near}"));
    Err(unknown("git knows no such revision, and there is no such folder", near))
}

fn git(place: &Path, folder: &Path, args: &[&str]) -> Result<Vec<u8>, DriverError> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(args).stdin(Stdio::null());
    let ran =
        command.output().map_err(|error| DriverError::read(place, format!("git: {error}")))?;
    if !ran.status.success() {
        let said = String::from_utf8_lossy(&ran.stderr);
        return Err(DriverError::read(place, said.lines().next().unwrap_or("git failed")));
    }
    Ok(ran.stdout)
}

/// The contents of objects, in order.
fn objects(place: &Path, folder: &Path, files: &[&Listed]) -> Result<Vec<Vec<u8>>, DriverError> {
    let failed = |why: String| DriverError::read(place, why);
    let mut child = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["cat-file", "--batch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(format!("git: {error}")))?;
    let mut wanted = String::new();
    for file in files {
        wanted.push_str(&file.object);
        wanted.push('\n');
    }
    // git answers while it is asked: asking has a thread of its own, or both would wait for ever.
    let stdin = child.stdin.take();
    let asking = std::thread::spawn(move || {
        stdin.map(|mut stdin| stdin.write_all(wanted.as_bytes())).unwrap_or(Ok(()))
    });
    let answer = child.wait_with_output().map_err(|error| failed(format!("git: {error}")))?;
    match asking.join() {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(failed(format!("git: {error}"))),
        Err(_) => return Err(failed("git was not asked".to_owned())),
    }
    let mut rest = answer.stdout.as_slice();
    let mut found = Vec::with_capacity(files.len());
    for file in files {
        let (bytes, more) =
            object(rest).ok_or_else(|| failed(format!("git does not give {}", file.path)))?;
        found.push(bytes.to_vec());
        rest = more;
    }
    Ok(found)
}

/// `<object> blob <size>\n<bytes>\n`: the bytes, and what is behind them.
fn object(answer: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = answer.iter().position(|byte| *byte == b'\n')?;
    let head = std::str::from_utf8(answer.get(..line)?).ok()?;
    let size: usize = head.rsplit(' ').next()?.parse().ok()?;
    let start = line + 1;
    Some((answer.get(start..start + size)?, answer.get(start + size + 1..)?))
}
