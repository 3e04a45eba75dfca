//! What the last build read and wrote, so that the next one has nothing to do where both are as they were. A stamp stands
//! outside of the project, in the user's cache folder: it holds times of this machine, and whoever removes it loses nothing
//! but time. `build --check` never looks at one.

use std::fmt::Write as _;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::source::SourceSet;
use crate::tree::OutputTree;

/// First line of a stamp; another one is of another compiler.
const FORMAT: &str = "covenant-stamp 1";

/// How long a stamp is kept that no build renews.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// Stamps that one build looks at to remove old ones.
const STAMPS_MAX: usize = 1_000;

/// The stamp of one output folder, as it must be for these contracts.
pub struct Stamp {
    file: PathBuf,
    out: PathBuf,
    /// Of everything that goes into a build.
    inputs: String,
}

impl Stamp {
    /// None where there is no cache folder, or the compiler cannot tell itself from others: then every build does
    /// everything.
    pub fn of(out: &Path, contracts: &SourceSet, today: &str) -> Option<Self> {
        let out = std::path::absolute(out).ok()?;
        let name = hex::encode(Sha256::digest(out.as_os_str().as_encoded_bytes()));
        let file = cache_folder()?.join("covenant").join("stamps").join(name);
        let compiler = std::env::current_exe().ok()?;
        let compiler = seen(&std::fs::metadata(compiler).ok()?)?;
        let mut inputs = Sha256::new();
        for part in [env!("CARGO_PKG_VERSION"), &compiler, today] {
            update(&mut inputs, part.as_bytes());
        }
        for (_, source) in contracts.iter() {
            update(&mut inputs, source.path.as_bytes());
            update(&mut inputs, source.text.as_bytes());
        }
        Some(Self { file, out, inputs: hex::encode(inputs.finalize()) })
    }

    /// How many files there are, where a build would write what is there already.
    pub fn unchanged(&self) -> Option<usize> {
        let text = std::fs::read_to_string(&self.file).ok()?;
        let mut lines = text.lines();
        if lines.next() != Some(FORMAT) || lines.next() != Some(&self.inputs) {
            return None;
        }
        let mut files = 0usize;
        for line in lines {
            let (known, path) = line.split_once('\t')?;
            if known != seen(&std::fs::metadata(self.out.join(path)).ok()?)? {
                return None;
            }
            files += 1;
        }
        // The list of files is one of them, and no generated one.
        files.checked_sub(1)
    }

    /// Remembers what was written. A stamp that cannot be kept costs the next build its time, and nothing else.
    pub fn keep(&self, tree: &OutputTree) {
        let Some(text) = self.text(tree) else { return };
        let Some(folder) = self.file.parent() else { return };
        let partial = self.file.with_extension(std::process::id().to_string());
        let kept = std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&partial, text))
            .and_then(|()| std::fs::rename(&partial, &self.file));
        if kept.is_err() {
            // Best effort as well: there may be nothing.
            let _ = std::fs::remove_file(partial);
        }
        forget(folder);
    }

    fn text(&self, tree: &OutputTree) -> Option<String> {
        let mut text = format!("{FORMAT}\n{}\n", self.inputs);
        for path in tree.iter().map(|(path, _)| path).chain([super::FILE_LIST]) {
            let seen = seen(&std::fs::metadata(self.out.join(path)).ok()?)?;
            writeln!(text, "{seen}\t{path}").ok()?;
        }
        Some(text)
    }
}

/// Removes stamps of folders that nobody builds into any more.
fn forget(folder: &Path) {
    let Ok(stamps) = std::fs::read_dir(folder) else { return };
    for stamp in stamps.take(STAMPS_MAX).flatten() {
        let age = stamp.metadata().and_then(|of| of.modified()).ok();
        if age.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > KEPT) {
            // Another process may have been quicker.
            let _ = std::fs::remove_file(stamp.path());
        }
    }
}

/// Length and time of a file: nanoseconds since 1970.
fn seen(of: &Metadata) -> Option<String> {
    let changed = of.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    of.is_file().then(|| format!("{} {}", of.len(), changed.as_nanos()))
}

/// Its length first: two parts are never read as other two.
fn update(hash: &mut Sha256, part: &[u8]) {
    hash.update((part.len() as u64).to_le_bytes());
    hash.update(part);
}

/// Where caches are kept: XDG's folder, or what the system has in its stead.
fn cache_folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|it| it.is_absolute());
    set("XDG_CACHE_HOME")
        .or_else(|| set("LOCALAPPDATA"))
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
}
