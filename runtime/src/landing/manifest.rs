//! Manifests as bytes: where they stand, what they are called, and the digest that chains them.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{CommitNumber, Epoch, LandingCommit};
use crate::error::{ErrorKind, Result, RuntimeError};

/// Digits of a number in a path: as many as a `u64` has, so that names sort as numbers.
const NUMBER_DIGITS: usize = 20;

/// How manifests are written. Raised when an older runtime would misread one; what it cannot read it refuses.
///
/// | format | what came with it |
/// |---|---|
/// | 1 | manifests without a format |
/// | 2 | `format` itself, `derivations`, `floors`, and data files that are landed `again` |
///
/// All of them are read: what a manifest of format 1 does not say has a default.
pub const LANDING_FORMAT: u32 = 2;
/// Format of manifests that do not tell theirs.
const UNTOLD_FORMAT: u32 = 1;

/// A manifest as it is stored.
#[derive(Serialize)]
struct Stored<'a> {
    format: u32,
    #[serde(flatten)]
    commit: &'a LandingCommit,
}

/// What is read first, because it says how the rest is to be read.
#[derive(Deserialize)]
struct Head {
    format: Option<u32>,
}

/// Folder of the manifests.
pub const COMMITS: &str = "commits";
/// Folder of the epochs that were taken.
pub const EPOCHS: &str = "epochs";
/// Folder of the data files.
pub const DATA: &str = "data";
/// Folder of the quarantined records.
pub const QUARANTINE: &str = "quarantine";

/// `commits/00000000000000000001.json`
pub fn commit_path(number: CommitNumber) -> String {
    format!("{COMMITS}/{:0NUMBER_DIGITS$}.json", number.0)
}

/// `epochs/00000000000000000001.json`
pub fn epoch_path(epoch: Epoch) -> String {
    format!("{EPOCHS}/{:0NUMBER_DIGITS$}.json", epoch.0)
}

/// The number in the name of a manifest or an epoch; none for other files (an upload that was cut off).
pub fn number_in(path: &str) -> Option<u64> {
    let name = path.rsplit('/').next()?.strip_suffix(".json")?;
    (name.len() == NUMBER_DIGITS).then(|| name.parse().ok()).flatten()
}

/// A manifest's bytes: what is stored, and what its digest is taken of.
///
/// # Errors
/// Never for a manifest that the runtime built; `Bug` otherwise.
pub fn encode(commit: &LandingCommit) -> Result<Vec<u8>> {
    let stored = Stored { format: LANDING_FORMAT, commit };
    serde_json::to_vec_pretty(&stored).map_err(|error| {
        RuntimeError::new(
            ErrorKind::Bug,
            "landing",
            format!("manifest {} cannot be written as JSON: {error}", commit.number.0),
            "Please report it.",
        )
    })
}

/// Reads a manifest's bytes.
///
/// # Errors
/// `Corrupt` where they are no manifest, or one of another number; `SchemaMismatch` where a newer runtime wrote it.
pub fn decode(number: CommitNumber, bytes: &[u8]) -> Result<LandingCommit> {
    let corrupt = |why: String| {
        RuntimeError::new(
            ErrorKind::Corrupt,
            "landing",
            format!("manifest {} {why}", commit_path(number)),
            "Restore the file from a backup of the landing; do not delete it: its number is what orders the commits.",
        )
    };
    let head: Head = serde_json::from_slice(bytes)
        .map_err(|error| corrupt(format!("is no landing commit: {error}")))?;
    let format = head.format.unwrap_or(UNTOLD_FORMAT);
    if !(UNTOLD_FORMAT..=LANDING_FORMAT).contains(&format) {
        return Err(other_format(number, format));
    }
    let commit: LandingCommit = serde_json::from_slice(bytes)
        .map_err(|error| corrupt(format!("is no landing commit: {error}")))?;
    if commit.number != number {
        return Err(corrupt(format!("says that it is number {}", commit.number.0)));
    }
    Ok(commit)
}

fn other_format(number: CommitNumber, format: u32) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::SchemaMismatch,
        "landing",
        format!(
            "manifest {} has format {format}, and this runtime reads formats {UNTOLD_FORMAT} to {LANDING_FORMAT}: another \
             version of the runtime wrote it",
            commit_path(number)
        ),
        "Start the version that wrote it, or a later one: this one would misread what is landed. Nothing was changed.",
    )
}

/// SHA-256, hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The digest of a manifest as this binary writes it.
///
/// # Errors
/// As [`encode`].
pub fn digest(commit: &LandingCommit) -> Result<String> {
    encode(commit).map(|bytes| sha256(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit() -> LandingCommit {
        LandingCommit {
            number: CommitNumber(7),
            epoch: Epoch(2),
            previous_sha256: String::new(),
            written_at_us: 5,
            files: Vec::new(),
            quarantine: None,
            positions: Default::default(),
            resolutions: Vec::new(),
            gaps: Vec::new(),
            floors: Vec::new(),
            derivations: Default::default(),
            last_refused: None,
        }
    }

    fn stored(change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>)) -> Vec<u8> {
        let mut json: serde_json::Value =
            serde_json::from_slice(&encode(&commit()).unwrap()).unwrap();
        change(json.as_object_mut().unwrap());
        serde_json::to_vec(&json).unwrap()
    }

    #[test]
    fn a_manifest_of_before_formats_is_read_and_one_of_a_newer_runtime_is_refused() {
        let read = |bytes: &[u8]| decode(CommitNumber(7), bytes);
        assert_eq!(read(&encode(&commit()).unwrap()).unwrap(), commit());
        let old = stored(|json| {
            assert_eq!(json.remove("format"), Some(LANDING_FORMAT.into()));
        });
        assert_eq!(read(&old).unwrap(), commit());
        // Whatever else a newer one holds: its format decides before anything else is read.
        let new = stored(|json| {
            json.insert("format".into(), (LANDING_FORMAT + 1).into());
            json.insert("files".into(), "elsewhere".into());
        });
        let error = read(&new).unwrap_err();
        assert_eq!(error.kind, ErrorKind::SchemaMismatch);
        let text = error.to_string();
        for part in
            ["commits/00000000000000000007.json", "format 3", "formats 1 to 2", "Start the version"]
        {
            assert!(text.contains(part), "{part} is missing in: {text}");
        }
        assert_eq!(
            read(&stored(|json| drop(json.insert("format".into(), 0.into())))).unwrap_err().kind,
            ErrorKind::SchemaMismatch
        );
    }

    #[test]
    fn names_sort_as_numbers() {
        let paths = [1, 9, 10, u64::MAX].map(|number| commit_path(CommitNumber(number)));
        assert!(paths.is_sorted());
        assert_eq!(number_in(&paths[3]), Some(u64::MAX));
        assert_eq!(number_in("commits/00000000000000000001.json#1"), None);
        assert_eq!(number_in("commits/1.json"), None);
    }
}
