//! CPU time of rustc for the generated crate alone: what a change of a contract costs a build once its dependencies are there.
//! rustc is run by itself, on what the build of this program has left: cargo would choose features anew for one package alone,
//! and build half of its dependencies again.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;
use crate::figure::Row;
use crate::part::{Measured, peer};

/// Where the generated crate is, and the one library that it needs.
const ROOT: &str = "generated/rust/src/lib.rs";
const NEEDS: &str = "libcovenant_model-";

/// Takes the figure.
pub(crate) fn figure() -> Result<Vec<Row>, Failure> {
    let scratch = tempfile::tempdir()?;
    let lines = lines(Path::new("generated/rust/src"))?;
    let incremental = format!("incremental={}", scratch.path().join("incremental").display());
    let mut rows = Vec::new();
    for (how, options) in [
        ("from nothing, opt-level 0", vec!["-C", "opt-level=0"]),
        ("from nothing, opt-level 3", vec!["-C", "opt-level=3"]),
        ("opt-level 0, first incremental build", vec!["-C", "opt-level=0", "-C", &incremental]),
        ("opt-level 0, again with nothing changed", vec!["-C", "opt-level=0", "-C", &incremental]),
    ] {
        let measured = rustc(scratch.path(), &options, lines)?;
        let name = format!("rustc, generated crate of {lines} lines, {how}");
        rows.push(Row::new(name, measured.cpu_s, "s CPU").memory(measured.rss_mib));
    }
    Ok(rows)
}

fn rustc(out: &Path, options: &[&str], lines: u64) -> Result<Measured, Failure> {
    let deps = std::env::current_exe()?;
    let deps = deps.parent().and_then(Path::parent).ok_or("no folder above")?.join("deps");
    let library = newest(&deps)?;
    let mut command = Command::new("rustc");
    command.args(["--edition", "2024", "--crate-name", "acme_pipeline", "--crate-type", "lib"]);
    command.args(["--emit", "metadata,link", "--cap-lints", "allow", ROOT]);
    command.arg("--out-dir").arg(out).args(options);
    command.arg("-L").arg(format!("dependency={}", deps.display()));
    command.arg("--extern").arg(format!("covenant_model={}", library.display()));
    peer(command, lines)
}

/// The library that was built last.
fn newest(deps: &Path) -> Result<PathBuf, Failure> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(deps)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(NEEDS) && name.ends_with(".rlib") {
            found.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    let newest = found.into_iter().max().map(|(_, path)| path);
    newest.ok_or_else(|| format!("no {NEEDS}*.rlib in {}", deps.display()).into())
}

fn lines(folder: &Path) -> Result<u64, Failure> {
    let mut total = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            total += lines(&path)?;
        } else {
            total += std::fs::read_to_string(&path)?.lines().count() as u64;
        }
    }
    Ok(total)
}
