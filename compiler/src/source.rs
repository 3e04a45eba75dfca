//! The contract files of one run, and places in them. Read by the driver; everything behind it sees
//! text only.

/// Index into a [`SourceSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(usize);

impl FileId {
    /// Stands for "somewhere" where a place is unknown.
    pub const FIRST: FileId = FileId(0);
}

/// A range of bytes in a file; ordered by file, then position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: usize,
    /// First byte behind it.
    pub end: usize,
}

impl Span {
    /// The first byte of a file: for what concerns the file as a whole.
    pub fn file_start(file: FileId) -> Self {
        Self { file, start: 0, end: 0 }
    }
}

/// Line and column, both from 1; the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// Why a file is not what its author wrote. Nothing is made of it, and the other files are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing of the file, or of the folder, could be read.
    Unread {
        /// What the system says.
        why: String,
        /// What to do.
        help: &'static str,
    },
    /// Bytes that are no UTF-8; the text has U+FFFD in their place.
    NotText {
        /// Place of the first such byte, in the file and in the text.
        at: usize,
        /// The byte.
        byte: u8,
    },
}

/// One contract file.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Relative to the contracts folder, `/` between parts.
    pub path: String,
    /// The whole text; as much of it as there is where the file has a flaw.
    pub text: String,
    /// Why it cannot be used.
    pub flaw: Option<Flaw>,
    line_starts: Vec<usize>,
}

impl SourceFile {
    fn new(path: String, text: String, flaw: Option<Flaw>) -> Self {
        let line_starts = std::iter::once(0)
            .chain(
                text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1),
            )
            .collect();
        Self { path, text, flaw, line_starts }
    }

    /// Where a byte stands.
    pub fn place(&self, offset: usize) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start..offset.min(self.text.len())).unwrap_or("");
        Place { line, column: before.chars().count() + 1 }
    }

    /// First byte of a line (from 1); the end of the text where there is no such line.
    pub fn line_start(&self, line: usize) -> usize {
        self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len())
    }
}

/// All contract files, sorted by path.
#[derive(Clone, Debug, Default)]
pub struct SourceSet {
    files: Vec<SourceFile>,
}

impl SourceSet {
    /// From `(path, text)`; the order does not matter.
    pub fn new(files: impl IntoIterator<Item = (String, String)>) -> Self {
        Self::with_flaws(files.into_iter().map(|(path, text)| (path, text, None)))
    }

    /// The same, of files that may have a flaw each.
    pub fn with_flaws(files: impl IntoIterator<Item = (String, String, Option<Flaw>)>) -> Self {
        let mut files: Vec<SourceFile> =
            files.into_iter().map(|(path, text, flaw)| SourceFile::new(path, text, flaw)).collect();
        files.sort_by(|left, right| left.path.cmp(&right.path));
        Self { files }
    }

    /// The same files with other texts; what has a flaw keeps it.
    #[must_use]
    pub fn with_texts(&self, text: impl Fn(FileId, &SourceFile) -> String) -> Self {
        let files = self.iter();
        Self::with_flaws(
            files.map(|(id, file)| (file.path.clone(), text(id, file), file.flaw.clone())),
        )
    }

    /// Whether a file could not be read as it is.
    pub fn flawed(&self) -> bool {
        self.files.iter().any(|file| file.flaw.is_some())
    }

    /// Id and file, in order.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(at, file)| (FileId(at), file))
    }

    /// The file of an id that this set gave out.
    pub fn get(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.0)
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is no file at all.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let set = SourceSet::new([("a.yaml".to_owned(), "ä: b\nc: d\n".to_owned())]);
        let (_, file) = set.iter().next().unwrap();
        assert_eq!(file.place(0), Place { line: 1, column: 1 });
        assert_eq!(file.place(4), Place { line: 1, column: 4 });
        assert_eq!(file.place(6), Place { line: 2, column: 1 });
        assert_eq!(file.place(99), Place { line: 3, column: 1 });
    }
}
