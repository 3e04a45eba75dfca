//! The virtual output tree: emitters write here, the driver persists it once, and only if everything went well.

use std::collections::BTreeMap;

/// Generated files by path relative to the output folder, `/` between parts, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputTree {
    files: BTreeMap<String, String>,
}

impl OutputTree {
    /// Adds a file; the text always ends with one line feed. Returns false where the path was taken: two emitters
    /// that write one path are a bug of the compiler.
    #[must_use]
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<String>) -> bool {
        let mut text = text.into();
        text.truncate(text.trim_end_matches('\n').len());
        text.push('\n');
        match self.files.entry(path.into()) {
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(text);
                true
            }
            std::collections::btree_map::Entry::Occupied(_) => false,
        }
    }

    /// Path and text of every file, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Path and text of every file, for another tree.
    pub(crate) fn into_files(self) -> impl Iterator<Item = (String, String)> {
        self.files.into_iter()
    }

    /// The text of one file.
    pub fn get(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }
}
