//! Manifests as bytes: where they stand, what they are called, and the digest that chains them.

use sha2::{Digest, Sha256};

use super::{CommitNumber, Epoch, LandingCommit};
use crate::error::{ErrorKind, Result, RuntimeError};

/// Digits of a number in a path: as many as a `u64` has, so that names sort as numbers.
const NUMBER_DIGITS: usize = 20;

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
    serde_json::to_vec_pretty(commit).map_err(|error| {
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
/// `Corrupt` where they are no manifest, or one of another number.
pub fn decode(number: CommitNumber, bytes: &[u8]) -> Result<LandingCommit> {
    let corrupt = |why: String| {
        RuntimeError::new(
            ErrorKind::Corrupt,
            "landing",
            format!("manifest {} {why}", commit_path(number)),
            "Restore the file from a backup of the landing; do not delete it: its number is what orders the commits.",
        )
    };
    let commit: LandingCommit = serde_json::from_slice(bytes)
        .map_err(|error| corrupt(format!("is no landing commit: {error}")))?;
    if commit.number != number {
        return Err(corrupt(format!("says that it is number {}", commit.number.0)));
    }
    Ok(commit)
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

    #[test]
    fn names_sort_as_numbers() {
        let paths = [1, 9, 10, u64::MAX].map(|number| commit_path(CommitNumber(number)));
        assert!(paths.is_sorted());
        assert_eq!(number_in(&paths[3]), Some(u64::MAX));
        assert_eq!(number_in("commits/00000000000000000001.json#1"), None);
        assert_eq!(number_in("commits/1.json"), None);
    }
}
