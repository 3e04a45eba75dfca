//! Finds PostgreSQL's programs: Debian keeps the server's outside the PATH.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Result, SandboxError};

/// Logical decoding in the form that the pipeline asks for needs this version (column lists in publications).
const OLDEST_MAJOR: u32 = 15;
/// Where Debian puts the versions.
const DEBIAN_ROOT: &str = "/usr/lib/postgresql";

/// A folder that holds `initdb`, `postgres` and `pg_isready`.
#[derive(Clone, Debug)]
pub(super) struct Binaries {
    dir: PathBuf,
}

impl Binaries {
    /// Looks where `pg_config` says, then at Debian's versions (newest first), then along the PATH.
    pub(super) fn find() -> Result<Self> {
        let mut rejected = None;
        for dir in candidates() {
            if !is_complete(&dir) {
                continue;
            }
            match major_version(&dir) {
                Some(major) if major >= OLDEST_MAJOR => return Ok(Self { dir }),
                Some(major) => rejected = Some(format!("{} is version {major}", dir.display())),
                None => rejected = Some(format!("{} does not run", dir.display())),
            }
        }
        let why = rejected.unwrap_or_else(|| "initdb and postgres were not found".to_owned());
        Err(SandboxError::new(
            "postgres cluster",
            format!("no PostgreSQL {OLDEST_MAJOR} or newer: {why}"),
            "Install postgresql: apt-get install postgresql (or run scripts/setup)",
        ))
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.dir.join("initdb")
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.dir.join("postgres")
    }

    pub(super) fn pg_isready(&self) -> PathBuf {
        self.dir.join("pg_isready")
    }
}

fn candidates() -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output()
        && output.status.success()
    {
        dirs.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(DEBIAN_ROOT)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let major = entry.file_name().to_str()?.parse().ok()?;
            Some((major, entry.path().join("bin")))
        })
        .collect();
    versions.sort_by_key(|(major, _)| std::cmp::Reverse(*major));
    dirs.extend(versions.into_iter().map(|(_, dir)| dir));
    if let Some(path) = std::env::var_os("PATH") {
        dirs.extend(std::env::split_paths(&path));
    }
    dirs
}

fn is_complete(dir: &Path) -> bool {
    ["initdb", "postgres", "pg_isready"].iter().all(|name| dir.join(name).is_file())
}

/// `postgres (PostgreSQL) 15.18 (Debian …)` -> 15
fn major_version(dir: &Path) -> Option<u32> {
    let output = Command::new(dir.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number =
        text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
