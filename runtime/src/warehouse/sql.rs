//! The generated SQL that a warehouse executes: read once, with its digests checked, split into statements.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use covenant_model::manifest::Manifest;
use sha2::{Digest, Sha256};

use crate::error::{ErrorKind, Result, RuntimeError};

/// Statements end with this, and no line ends with it elsewhere (see the generated files' head).
const STATEMENT_END: &str = ";\n";

/// Generated files by path relative to the manifest, each as its statements.
#[derive(Clone, Debug, Default)]
pub struct SqlFiles {
    files: Arc<BTreeMap<String, Vec<String>>>,
}

impl SqlFiles {
    /// Reads the files below `folder` (`duckdb/`) that the manifest names.
    ///
    /// # Errors
    /// `Config` where a file is missing or not the one that the manifest was built with.
    pub fn read(manifest_folder: &Path, manifest: &Manifest, folder: &str) -> Result<Self> {
        let mut texts = Vec::new();
        for (path, sha256) in manifest.files.range(folder.to_owned()..) {
            if !path.starts_with(folder) {
                break;
            }
            let bytes = std::fs::read(manifest_folder.join(path)).map_err(|error| {
                config(format!("generated file {path} cannot be read ({})", error.kind()))
            })?;
            if hex::encode(Sha256::digest(&bytes)) != *sha256 {
                return Err(config(format!(
                    "generated file {path} is not the one that the manifest was built with"
                )));
            }
            let text = String::from_utf8(bytes)
                .map_err(|_| config(format!("generated file {path} is no UTF-8")))?;
            texts.push((path.clone(), text));
        }
        Ok(Self::from_texts(texts))
    }

    /// Files that are in memory already.
    pub fn from_texts(texts: impl IntoIterator<Item = (String, String)>) -> Self {
        let files = texts.into_iter().map(|(path, text)| (path, statements(&text))).collect();
        Self { files: Arc::new(files) }
    }

    /// The statements of a file.
    ///
    /// # Errors
    /// `Config` where the manifest does not name it.
    pub fn get(&self, path: &str) -> Result<&[String]> {
        let found = self.files.get(path).map(Vec::as_slice);
        found.ok_or_else(|| config(format!("generated file {path} is missing")))
    }

    /// The statements of a file that only some entities have.
    pub fn optional(&self, path: &str) -> Option<&[String]> {
        self.files.get(path).map(Vec::as_slice)
    }
}

fn statements(text: &str) -> Vec<String> {
    let only_comment = |part: &str| {
        part.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with("--"))
    };
    text.split_inclusive(STATEMENT_END)
        .filter(|part| !only_comment(part))
        .map(str::to_owned)
        .collect()
}

fn config(what: String) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Config,
        "warehouse",
        what,
        "Run `covenant build` and deploy the whole folder",
    )
}

/// Whether a statement inserts: what is counted as rows.
pub(crate) fn inserts(statement: &str) -> bool {
    let first =
        statement.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("--"));
    first.is_some_and(|line| line.starts_with("INSERT INTO"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_at_line_ends_only() {
        let text = "-- head\nINSERT INTO t VALUES (';');\n\nDELETE FROM t;\n-- tail\n";
        let all = statements(text);
        assert_eq!(all.len(), 2);
        assert!(inserts(&all[0]) && !inserts(&all[1]));
    }
}
