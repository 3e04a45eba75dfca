//! What several tests of the compiler share.

#![allow(dead_code, unreachable_pub, reason = "no test uses all of it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const FILES: [&str; 4] =
    ["project.yaml", "sales/customer.yaml", "sales/order.yaml", "marts/daily.yaml"];

/// The valid contracts that every case breaks in one place.
pub fn base() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui/base");
    let read = |path: &str| std::fs::read_to_string(folder.join(path)).unwrap();
    FILES.into_iter().map(|path| (path.to_owned(), read(path))).collect()
}

/// Compares a committed file with what it is made from; rewrites it where `COVENANT_BLESS` is set.
pub fn fresh(path: &str, text: &str) {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    if std::env::var_os("COVENANT_BLESS").is_some() {
        std::fs::write(&whole, text).unwrap();
    }
    let there = std::fs::read_to_string(&whole).unwrap_or_default();
    assert!(
        there == text,
        "{path} is stale: run this test once with COVENANT_BLESS=1 and commit it"
    );
}

/// A folder with contracts, and the program run in it.
pub struct Project {
    /// Removed with the value.
    pub folder: tempfile::TempDir,
}

impl Project {
    /// With the base as contracts, released as they are.
    pub fn new() -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        for (path, text) in base() {
            project.write(&format!("contracts/{path}"), &text);
            project.write(&format!("released/{path}"), &text);
        }
        project
    }

    /// Where a file is.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let target = self.path(path);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::write(target, text).unwrap();
    }

    /// Reads a file.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    /// Replaces a text that is there exactly once.
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {path}");
        self.write(path, text.replace(from, to));
    }

    /// Runs `covenant`.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_covenant"))
            .current_dir(self.folder.path())
            .env("XDG_CACHE_HOME", self.path("cache"))
            .args(arguments)
            .output()
            .unwrap();
        Ran { output }
    }

    /// Runs `covenant` with limits that the system keeps: what needs more is killed, and has no exit code.
    pub fn run_within(&self, limits: Limits, arguments: &[&str]) -> Ran {
        let Limits { cpu_seconds, memory_kib } = limits;
        let output = Command::new("sh")
            .current_dir(self.folder.path())
            .env("XDG_CACHE_HOME", self.path("cache"))
            .arg("-c")
            .arg(format!("ulimit -t {cpu_seconds}; ulimit -v {memory_kib}; exec \"$@\""))
            .args(["sh", env!("CARGO_BIN_EXE_covenant")])
            .args(arguments)
            .output()
            .unwrap();
        Ran { output }
    }

    /// Runs git; the folder is a repository afterwards.
    pub fn git(&self, arguments: &[&str]) {
        let ran = Command::new("git")
            .current_dir(self.folder.path())
            .args(["-c", "user.name=t", "-c", "user.email=t@shop.example"])
            .args(["-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            ran.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
    }

    /// Every file and its bytes; of links, pipes and the like only that they are there.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let kind = std::fs::symlink_metadata(&path).unwrap();
                if kind.is_dir() {
                    folders.push(path);
                } else {
                    let bytes = if kind.is_file() { std::fs::read(&path).ok() } else { None };
                    found.insert(path, bytes.unwrap_or_default());
                }
            }
        }
        found
    }
}

/// What a run may take.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Of one core, in seconds.
    pub cpu_seconds: u32,
    /// Address space, in KiB: more than what is used.
    pub memory_kib: u32,
}

/// What a run said.
pub struct Ran {
    output: Output,
}

impl Ran {
    /// Whether the program came to an end by itself.
    pub fn ended(&self) -> bool {
        self.output.status.code().is_some()
    }

    /// The exit code.
    pub fn code(&self) -> i32 {
        self.output.status.code().unwrap()
    }

    /// Standard output.
    pub fn out(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).unwrap()
    }

    /// Standard error.
    pub fn said(&self) -> String {
        String::from_utf8(self.output.stderr.clone()).unwrap()
    }

    /// Standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out())
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.out(), self.said()))
    }

    /// The findings of a JSON report.
    pub fn findings(&self) -> Vec<serde_json::Value> {
        self.json()["findings"].as_array().unwrap().clone()
    }

    /// Codes of the findings of a JSON report.
    pub fn codes(&self) -> Vec<String> {
        let findings = self.findings();
        findings.iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
    }
}
