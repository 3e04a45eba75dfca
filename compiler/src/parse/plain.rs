//! The plain part of YAML that nearly all lines of contracts keep to, read without the general parser, which takes most of the
//! time of a check: block maps and lists of one line each, flow maps and lists within a line, texts without escapes. Whatever is
//! anything else is no error here: the general parser reads the file instead. Where this reads a file, that one reads the same
//! (a test compares them, on contracts and on contracts with something broken).

use crate::parse::yaml::{DEPTH_MAX, Entry, Kind, Node};
use crate::source::{FileId, SourceFile, Span};

/// Larger files are left to the general parser. Units: bytes.
const BYTES_MAX: usize = 1 << 16;
/// Entries of a map; more are left to the general parser, which has an index of them.
const ENTRIES_MAX: usize = 256;

/// The tree of a plain file. `None`: it is not as plain as that.
pub(super) fn parse(file: FileId, source: &SourceFile) -> Option<Node> {
    let text = source.text.as_str();
    let odd =
        |byte: u8| byte == b'\t' || byte == b'\r' || !(byte == b'\n' || (32..127).contains(&byte));
    if text.len() > BYTES_MAX || text.bytes().any(odd) {
        return None;
    }
    let mut reading = Reading { file, text, at: 0 };
    reading.skip_blank()?;
    let tree = reading.map(0, 0)?;
    (reading.at == text.len()).then_some(tree)
}

struct Reading<'t> {
    file: FileId,
    text: &'t str,
    /// At the start of a line that is not blank, or at the end, between nodes.
    at: usize,
}

impl<'t> Reading<'t> {
    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(b'\n')
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span { file: self.file, start, end }
    }

    /// To the next line that holds anything but a comment.
    fn skip_blank(&mut self) -> Option<()> {
        loop {
            let rest = self.text.get(self.at..)?;
            let line = rest.split('\n').next().unwrap_or("");
            let shown = line.trim_start_matches(' ');
            if !(shown.is_empty() || shown.starts_with('#')) || rest.is_empty() {
                return Some(());
            }
            self.at += line.len() + 1;
            if self.at >= self.text.len() {
                self.at = self.text.len();
                return Some(());
            }
        }
    }

    /// Spaces before the line's first character; none at the end of the file.
    fn indent(&self) -> Option<usize> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        Some(rest.len() - rest.trim_start_matches(' ').len())
    }

    /// Lines of an indent, each a key with its value.
    fn map(&mut self, indent: usize, depth: usize) -> Option<Node> {
        let mut entries: Vec<Entry> = Vec::new();
        let start = self.at + indent;
        while self.indent() == Some(indent) && depth < DEPTH_MAX {
            let begin = self.at + indent;
            if self.byte(begin) == b'-' {
                return None;
            }
            let (key, behind) = self.key(begin)?;
            let value = self.value_of_key(indent, behind, depth)?;
            if entries.len() >= ENTRIES_MAX || entries.iter().any(|entry| entry.key == key) {
                return None;
            }
            let key_span = self.span(begin, begin + key.len());
            entries.push(Entry { key: key.to_owned(), key_span, value });
        }
        // Neither deeper nor between two levels.
        let ends = self.indent().is_none_or(|next| next < indent);
        let end = entries.last()?.value.span.end;
        ends.then(|| Node {
            span: self.span(start, end.max(self.next())),
            kind: Kind::Map(entries),
        })
    }

    /// Where a block ends, as the general parser has it: at what follows it.
    fn next(&self) -> usize {
        self.at + self.indent().unwrap_or(0)
    }

    /// A key and the byte behind its colon.
    fn key(&self, begin: usize) -> Option<(&'t str, usize)> {
        let rest = self.text.get(begin..)?;
        let named = |at: char| at.is_ascii_alphanumeric() || matches!(at, '_' | '.');
        let end = rest.find(|at: char| !named(at))?;
        let key = rest.get(..end)?;
        let good = key.starts_with(|first: char| first.is_ascii_alphabetic());
        (good && rest.get(end..)?.starts_with(':')).then_some((key, begin + end + 1))
    }

    fn value_of_key(&mut self, indent: usize, behind: usize, depth: usize) -> Option<Node> {
        let rest = self.text.get(behind..)?;
        let line = rest.split('\n').next().unwrap_or("");
        if !line.trim().is_empty() {
            line.starts_with(' ').then_some(())?;
            let begin = behind + line.len() - line.trim_start_matches(' ').len();
            return self.value_in_line(begin, behind + line.len(), indent, depth);
        }
        self.at = (behind + line.len() + 1).min(self.text.len());
        self.skip_blank()?;
        let inner = self.indent().filter(|inner| *inner > indent)?;
        if self.byte(self.at + inner) == b'-' {
            return self.list(inner, depth + 1);
        }
        self.map(inner, depth + 1)
    }

    /// A value that its line ends with.
    fn value_in_line(
        &mut self,
        begin: usize,
        end: usize,
        indent: usize,
        depth: usize,
    ) -> Option<Node> {
        let (node, behind) = match self.byte(begin) {
            b'{' | b'[' => self.flow(begin, end, depth + 1)?,
            b'"' | b'\'' => self.quoted(begin, end)?,
            _ => self.plain(begin, end, false)?,
        };
        self.text.get(behind..end)?.trim().is_empty().then_some(())?;
        self.at = (end + 1).min(self.text.len());
        self.skip_blank()?;
        // A deeper line would go on with this one.
        self.indent().is_none_or(|next| next <= indent).then_some(node)
    }

    fn list(&mut self, indent: usize, depth: usize) -> Option<Node> {
        let start = self.at + indent;
        let mut items: Vec<Node> = Vec::new();
        while self.indent() == Some(indent) && depth < DEPTH_MAX {
            let begin = self.at + indent;
            (self.byte(begin) == b'-' && self.byte(begin + 1) == b' ').then_some(())?;
            let rest = self.text.get(begin + 2..)?;
            let line = rest.split('\n').next().unwrap_or("");
            let inner = begin + 2 + line.len() - line.trim_start_matches(' ').len();
            items.push(self.value_in_line(inner, begin + 2 + line.len(), indent, depth)?);
        }
        let ends = self.indent().is_none_or(|next| next < indent);
        let end = items.last()?.span.end.max(self.next());
        ends.then(|| Node { span: self.span(start, end), kind: Kind::Seq(items) })
    }

    /// A map or list in brackets, and the byte behind it.
    fn flow(&self, begin: usize, end: usize, depth: usize) -> Option<(Node, usize)> {
        (depth < DEPTH_MAX).then_some(())?;
        let map = self.byte(begin) == b'{';
        let close = if map { b'}' } else { b']' };
        let (mut entries, mut items): (Vec<Entry>, Vec<Node>) = (Vec::new(), Vec::new());
        let mut at = begin + 1;
        loop {
            at = self.spaces(at, end);
            let (mut key, mut begin_of_value) = (None, at);
            if map {
                let (found, behind) = self.key(at)?;
                (self.byte(behind) == b' ').then_some(())?;
                key = Some((found, self.span(at, at + found.len())));
                begin_of_value = self.spaces(behind, end);
            }
            let (value, behind) = match self.byte(begin_of_value) {
                b'{' | b'[' => self.flow(begin_of_value, end, depth + 1)?,
                b'"' | b'\'' => self.quoted(begin_of_value, end)?,
                _ => self.plain(begin_of_value, end, true)?,
            };
            match key {
                Some((key, key_span)) => {
                    let again = entries.iter().any(|entry| entry.key == key);
                    (!again && entries.len() < ENTRIES_MAX).then_some(())?;
                    entries.push(Entry { key: key.to_owned(), key_span, value });
                }
                None => items.push(value),
            }
            at = self.spaces(behind, end);
            match self.byte(at) {
                b',' if at < end => at += 1,
                byte if byte == close && at < end => break,
                _ => return None,
            }
        }
        let kind = if map { Kind::Map(entries) } else { Kind::Seq(items) };
        Some((Node { span: self.span(begin, at + 1), kind }, at + 1))
    }

    fn spaces(&self, from: usize, end: usize) -> usize {
        let rest = self.text.get(from..end).unwrap_or("");
        from + rest.len() - rest.trim_start_matches(' ').len()
    }

    /// A text in quotes without escapes, and the byte behind it.
    fn quoted(&self, begin: usize, end: usize) -> Option<(Node, usize)> {
        let quote = char::from(self.byte(begin));
        let inside = self.text.get(begin + 1..end)?;
        let length = inside.find([quote, '\\'])?;
        let behind = begin + length + 2;
        let closed = inside.get(length..)?.starts_with(quote) && self.byte(behind) != quote as u8;
        let text = inside.get(..length)?.to_owned();
        let span = self.span(begin, behind);
        closed.then_some((Node { span, kind: Kind::Scalar { text, plain: false } }, behind))
    }

    /// A text without quotes, and the byte behind it.
    fn plain(&self, begin: usize, end: usize, flow: bool) -> Option<(Node, usize)> {
        let rest = self.text.get(begin..end)?;
        let length = if flow { rest.find([',', '{', '}', '[', ']'])? } else { rest.len() };
        let text = rest.get(..length)?.trim_end_matches(' ');
        let first = text.chars().next()?;
        let good = (first.is_ascii_alphanumeric() || matches!(first, '^' | '~' | '/' | '$' | '('))
            && !text.contains(": ")
            && !text.contains(" #")
            && !text.ends_with(':');
        let span = self.span(begin, begin + text.len());
        let kind = Kind::Scalar { text: text.to_owned(), plain: true };
        good.then_some((Node { span, kind }, begin + length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Sink;
    use crate::parse::yaml;
    use crate::source::SourceSet;

    const TEXTS: [&str; 4] = [
        include_str!("../../../contracts/sales/order_line.yaml"),
        include_str!("../../../contracts/project.yaml"),
        include_str!("../../tests/ui/base/sales/customer.yaml"),
        "a: 1\nb:\n  - {x: \"1, 2\", y: [a, b]}\n  - two\n\n# said\nc: {d: {e: 'f'}}  \nd:\n    x:\n      y: z z\n",
    ];
    /// What is put into a text to break it.
    const ODD: [&str; 24] = [
        "x", "1", " ", "\n", ":", ": ", "#", " #", "{", "}", "[", "]", ",", "\"", "'", "- ", "-",
        "&a ", "*a", "!t ", "|", "\t", "~", "\\",
    ];

    /// None where this leaves the text to the general parser.
    fn same(text: &str) -> Option<()> {
        let sources = SourceSet::new([("a.yaml".to_owned(), text.to_owned())]);
        let (id, file) = sources.iter().next().unwrap();
        let plain = parse(id, file)?;
        let sink = Sink::default();
        let whole = yaml::general(id, file, &sink);
        assert!(sink.is_empty(), "the general parser objects to\n{text}");
        assert_eq!(format!("{plain:#?}"), format!("{:#?}", whole.unwrap()), "{text}");
        Some(())
    }

    #[test]
    fn contracts_are_plain() {
        let read = TEXTS.iter().filter(|text| same(text).is_some()).count();
        assert!(read >= 2, "{read}");
    }

    #[test]
    fn what_is_read_here_is_what_the_general_parser_reads() {
        let mut read = 0;
        for text in TEXTS {
            let text: String = text.lines().take(30).map(|line| format!("{line}\n")).collect();
            for at in (0..text.len()).step_by(3) {
                for odd in ODD {
                    let (before, after) = text.split_at(at);
                    read += usize::from(same(&format!("{before}{odd}{after}")).is_some());
                }
                let (before, after) = text.split_at(at);
                read += usize::from(same(&format!("{before}{}", &after[1..])).is_some());
                same(before);
            }
        }
        assert!(read > 200, "{read}");
    }
}
