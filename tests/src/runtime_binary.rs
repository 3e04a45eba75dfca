//! The program of the pipeline, for tests that start it as a process.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Names a program that is built already; nothing is built then.
const PROGRAM_ENV: &str = "COVENANT_RUNTIME_BIN";
const PROGRAM: &str = "covenant-runtime";

/// The repository's folder.
pub fn repository() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// Builds the pipeline's program as the tests were built, and returns its path. Cargo gives tests of other packages no path
/// to it, and what lies in the target folder may be older than the code under test: asking for the build is cheap where
/// nothing changed.
///
/// # Errors
/// In words, where it cannot be built.
pub fn runtime_binary() -> Result<PathBuf, String> {
    if let Some(program) = std::env::var_os(PROGRAM_ENV) {
        return Ok(program.into());
    }
    let folder = profile_folder()?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // All programs of the workspace: another choice of packages has other features, and would build half of it again.
    cargo.args(["build", "--quiet", "--workspace", "--bins"]).current_dir(repository());
    match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => {}
        Some(profile) => {
            cargo.args(["--profile", profile]);
        }
    }
    if repository().join(".deps/duckdb/bundled").exists() {
        cargo.args(["--features", "covenant-runtime/bundled-duckdb"]);
    }
    let ended = cargo.status().map_err(|error| format!("cargo cannot be run: {error}"))?;
    let program = folder.join(PROGRAM);
    if ended.success() && program.exists() {
        Ok(program)
    } else {
        Err(format!("{PROGRAM} was not built ({ended}); build it, or set {PROGRAM_ENV}"))
    }
}

/// `target/debug`: the folder above the one where test programs lie.
fn profile_folder() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| format!("no own path: {error}"))?;
    let folder = own.parent().and_then(Path::parent);
    folder.map(Path::to_owned).ok_or_else(|| format!("{} lies in no target folder", own.display()))
}
