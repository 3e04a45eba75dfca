//! Typed reading of YAML nodes: what is missing, of another kind, or unknown is reported, and
//! reading goes on.

use std::cell::RefCell;

use crate::diagnostic::{Applicability, Diagnostic, Fix, Sink, codes};
use crate::parse::yaml::{Entry, Kind, Node};
use crate::source::Span;

/// Edits between a key and what was written for it.
const EDITS_MAX: usize = 2;
/// Shorter keys are near each other.
const MISSPELLED_CHARS_MIN: usize = 5;

/// A map being read. Keys that nobody asked for are reported by [`Reader::finish`].
pub(super) struct Reader<'a> {
    sink: &'a Sink,
    what: &'a str,
    at: Span,
    /// The whole map.
    map: Span,
    entries: &'a [Entry],
    asked: RefCell<Vec<&'static str>>,
    /// Keys whose report would repeat another one.
    excused: RefCell<Vec<String>>,
}

impl<'a> Reader<'a> {
    /// `what` names the thing in messages: "a field"; `at` is where it is named.
    pub(super) fn open(sink: &'a Sink, node: &'a Node, at: Span, what: &'a str) -> Option<Self> {
        let entries = entries(sink, node, what)?;
        let (asked, excused) = (RefCell::default(), RefCell::default());
        Some(Self { sink, what, at, map: node.span, entries, asked, excused })
    }

    /// The sink.
    pub(super) fn sink(&self) -> &'a Sink {
        self.sink
    }

    /// The value of a key, where there is one.
    pub(super) fn get(&self, key: &'static str) -> Option<&'a Node> {
        self.asked.borrow_mut().push(key);
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        if entry.value.is_nothing() {
            self.sink.push(
                Diagnostic::new(
                    &codes::WRONG_KIND,
                    entry.key_span,
                    format!("`{key}` of {} has no value", self.what),
                )
                .help("give it one, or remove the key"),
            );
            return None;
        }
        Some(&entry.value)
    }

    /// The value of a key that must be there.
    pub(super) fn need(&self, key: &'static str) -> Option<&'a Node> {
        let found = self.get(key);
        let there = self.entries.iter().any(|entry| entry.key == key);
        if found.is_none() && !there && self.misspelled(key).is_none() {
            self.sink.push(
                Diagnostic::new(
                    &codes::MISSING_KEY,
                    self.at,
                    format!("{} needs `{key}`", self.what),
                )
                .help(format!("add `{key}:`"))
                .fix(self.placeholder(key)),
            );
        }
        found
    }

    /// A gap for a key, where the map is written in braces: behind the brace.
    fn placeholder(&self, key: &str) -> Option<Fix> {
        let first = self.entries.first()?;
        let at = Span { end: first.key_span.start, ..first.key_span };
        (self.map.start < at.start).then(|| {
            let title = format!("add `{key}`");
            Fix::replace(Applicability::Placeholder, title, at, format!("{key}: <{key}>, "))
        })
    }

    /// Says nothing about a key: what is wrong with it has been reported.
    pub(super) fn excuse(&self, key: &str) {
        self.excused.borrow_mut().push(key.to_owned());
    }

    /// The entries as written.
    pub(super) fn entries(&self) -> &'a [Entry] {
        self.entries
    }

    /// A text, where there is one.
    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        self.get(key).and_then(|node| text(self.sink, node, key))
    }

    /// A text that must be there.
    pub(super) fn need_text(&self, key: &'static str) -> Option<String> {
        self.need(key).and_then(|node| text(self.sink, node, key))
    }

    /// A flag; false where there is none.
    pub(super) fn flag(&self, key: &'static str) -> bool {
        let told = self.get(key).and_then(|node| flag(self.sink, node, key));
        // A misspelled one is reported, and counts, so that nothing follows from it.
        told.or_else(|| flag(&Sink::default(), self.misspelled(key)?, key)).unwrap_or(false)
    }

    /// The value of a key that is hardly another one than this, which is not there.
    fn misspelled(&self, key: &str) -> Option<&'a Node> {
        if key.len() < MISSPELLED_CHARS_MIN || self.entries.iter().any(|entry| entry.key == key) {
            return None;
        }
        // Most keys are longer or shorter by more than that, or have other letters: an edit takes one and brings one.
        let near = |entry: &&Entry| {
            entry.key.chars().count().abs_diff(key.chars().count()) <= EDITS_MAX
                && (letters(&entry.key) ^ letters(key)).count_ones() as usize <= 2 * EDITS_MAX
                && !self.asked.borrow().contains(&entry.key.as_str())
                && strsim::damerau_levenshtein(&entry.key, key) <= EDITS_MAX
        };
        self.entries.iter().find(near).map(|entry| &entry.value)
    }

    /// One of a few words, where there is one.
    pub(super) fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        self.get(key).and_then(|node| word(self.sink, node, key, words))
    }

    /// A list of texts; empty where there is none.
    pub(super) fn texts(&self, key: &'static str) -> Vec<String> {
        self.get(key).map(|node| texts(self.sink, node, key)).unwrap_or_default()
    }

    /// A map of texts; empty where there is none.
    pub(super) fn text_map(&self, key: &'static str) -> Vec<(String, String)> {
        self.get(key).map(|node| text_map(self.sink, node, key)).unwrap_or_default()
    }

    /// Reports the keys that are not part of the language here.
    pub(super) fn finish(self) {
        let asked = self.asked.into_inner();
        let excused = self.excused.into_inner();
        let odd =
            |entry: &&Entry| !asked.contains(&entry.key.as_str()) && !excused.contains(&entry.key);
        for entry in self.entries.iter().filter(odd) {
            let mut known = asked.clone();
            known.sort_unstable();
            known.dedup();
            // What is there already was not meant.
            let there = |key: &&str| !self.entries.iter().any(|entry| entry.key == *key);
            let missing = known.iter().copied().filter(there);
            self.sink.push(
                Diagnostic::new(
                    &codes::UNKNOWN_KEY,
                    entry.key_span,
                    format!("{} has no `{}`", self.what, entry.key),
                )
                .suggest_at(entry.key_span, &entry.key, missing)
                .why(format!("known here: {}", known.join(", "))),
            );
        }
    }
}

/// The entries of a map.
pub(super) fn entries<'a>(sink: &Sink, node: &'a Node, what: &str) -> Option<&'a [Entry]> {
    match &node.kind {
        Kind::Map(entries) => Some(entries),
        Kind::Scalar { .. } | Kind::Seq(_) => {
            wrong(sink, node, what, "a map");
            None
        }
    }
}

/// The items of a list.
pub(super) fn items<'a>(sink: &Sink, node: &'a Node, what: &str) -> Option<&'a [Node]> {
    match &node.kind {
        Kind::Seq(items) => Some(items),
        Kind::Scalar { .. } | Kind::Map(_) => {
            wrong(sink, node, what, "a list");
            None
        }
    }
}

/// A text.
pub(super) fn text(sink: &Sink, node: &Node, what: &str) -> Option<String> {
    match &node.kind {
        Kind::Scalar { text, .. } if !node.is_nothing() => Some(text.trim_end().to_owned()),
        Kind::Scalar { .. } | Kind::Seq(_) | Kind::Map(_) => {
            wrong(sink, node, what, "a text");
            None
        }
    }
}

/// `true` or `false`.
pub(super) fn flag(sink: &Sink, node: &Node, what: &str) -> Option<bool> {
    match &node.kind {
        Kind::Scalar { text, plain: true } if text == "true" => Some(true),
        Kind::Scalar { text, plain: true } if text == "false" => Some(false),
        Kind::Scalar { text, .. } => {
            let meant = match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "y" => Some("true"),
                "false" | "no" | "off" | "n" => Some("false"),
                _ => None,
            };
            sink.push(mismatch(node, what, "`true` or `false`").fix(meant.map(|meant| {
                let title = format!("write it as `{meant}`");
                Fix::replace(Applicability::Safe, title, node.span, meant)
            })));
            None
        }
        Kind::Seq(_) | Kind::Map(_) => {
            wrong(sink, node, what, "`true` or `false`");
            None
        }
    }
}

/// Which bytes a text has, a bit each, several bytes to one bit.
fn letters(text: &str) -> u64 {
    text.bytes().fold(0, |seen, byte| seen | 1 << (byte % 64))
}

/// A whole number of the type's range.
pub(super) fn number<T: std::str::FromStr>(sink: &Sink, node: &Node, what: &str) -> Option<T> {
    let (written, plain) = match &node.kind {
        Kind::Scalar { text, plain } => (text.as_str(), *plain),
        Kind::Seq(_) | Kind::Map(_) => ("", true),
    };
    let parsed = written.parse().ok();
    if parsed.is_some() && plain {
        return parsed;
    }
    let unquoted = parsed.map(|_: T| {
        Fix::replace(Applicability::Safe, "write it without quotes", node.span, written)
    });
    sink.push(mismatch(node, what, "a whole number that fits").fix(unquoted));
    None
}

/// One of a few words.
pub(super) fn word<T: Copy>(
    sink: &Sink,
    node: &Node,
    what: &str,
    words: &[(&str, T)],
) -> Option<T> {
    let found = text(sink, node, what)?;
    let value = words.iter().find(|(word, _)| *word == found).map(|(_, value)| *value);
    if value.is_none() {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        // Read as what was meant, so that nothing follows from it.
        let meant = crate::diagnostic::nearest(&found, known.iter().copied());
        let meant = words.iter().find(|(word, _)| Some(*word) == meant);
        sink.push(
            Diagnostic::new(
                &codes::UNKNOWN_WORD,
                node.span,
                format!("`{what}` cannot be `{found}`"),
            )
            .suggest_at(node.span, &found, known.iter().copied())
            .why(format!("it is one of: {}", known.join(", "))),
        );
        return meant.map(|(_, value)| *value);
    }
    value
}

/// A list of texts.
pub(super) fn texts(sink: &Sink, node: &Node, what: &str) -> Vec<String> {
    let items = items(sink, node, what).unwrap_or(&[]);
    items.iter().filter_map(|item| text(sink, item, what)).collect()
}

/// A map of texts, in the order written.
pub(super) fn text_map(sink: &Sink, node: &Node, what: &str) -> Vec<(String, String)> {
    let entries = entries(sink, node, what).unwrap_or(&[]);
    entries
        .iter()
        .filter_map(|entry| Some((entry.key.clone(), text(sink, &entry.value, &entry.key)?)))
        .collect()
}

/// Reports a value of another kind.
pub(super) fn wrong(sink: &Sink, node: &Node, what: &str, expected: &str) {
    sink.push(mismatch(node, what, expected));
}

fn mismatch(node: &Node, what: &str, expected: &str) -> Diagnostic {
    let what = if what.contains([' ', '`']) { what.to_owned() } else { format!("`{what}`") };
    let headline = format!("{what} must be {expected}, not {}", node.describe());
    Diagnostic::new(&codes::WRONG_KIND, node.span, headline).at(format!("expected {expected}"))
}
