//! YAML text -> a tree in which every node and key knows its place. Strict: one document, no
//! duplicate keys, no anchors, aliases or tags, bounded size and depth. A tree of our own (over the
//! events of serde-saphyr's parser), because serde stops at the first error and contracts want all
//! of them at once.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's events are a non-exhaustive enum of another crate"
)]

use std::collections::BTreeMap;

use serde_saphyr::granit_parser::{self, Event, Parser, ScalarStyle};

use crate::diagnostic::{Applicability, Diagnostic, Fix, Sink, codes};
use crate::parse::{broken, plain};
use crate::source::{FileId, SourceFile, Span};

/// A contract is a page of text; more is a mistake (a data file, a bundle) and not worth parsing.
/// In bytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// The language itself nests 6 deep.
pub const DEPTH_MAX: usize = 16;
/// Nodes in one file.
pub const NODES_MAX: usize = 100_000;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value's text.
    pub span: Span,
    /// The value.
    pub kind: Kind,
}

/// A value.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Text as it is after escapes; `plain` without quotes.
    Scalar {
        /// The text.
        text: String,
        /// Written without quotes, so that `true` and `3` are a flag and a number.
        plain: bool,
    },
    /// A list.
    Seq(Vec<Node>),
    /// A map, in the order written.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Node {
    /// What it is, for messages.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar { text, plain: true } if text.is_empty() || text == "~" => "nothing",
            Kind::Scalar { plain: true, text } if text == "null" => "nothing",
            Kind::Scalar { .. } => "a text",
            Kind::Seq(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// Whether two values mean the same, wherever they stand.
    fn says_the_same(&self, other: &Node) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Scalar { text: a, plain: p }, Kind::Scalar { text: b, plain: q }) => {
                (a, p) == (b, q)
            }
            (Kind::Seq(a), Kind::Seq(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.says_the_same(b))
            }
            (Kind::Map(a), Kind::Map(b)) => {
                let same =
                    |(a, b): (&Entry, &Entry)| a.key == b.key && a.value.says_the_same(&b.value);
                a.len() == b.len() && a.iter().zip(b).all(same)
            }
            (Kind::Scalar { .. } | Kind::Seq(_) | Kind::Map(_), _) => false,
        }
    }

    /// Whether there is no value behind the key.
    pub fn is_nothing(&self) -> bool {
        self.describe() == "nothing"
    }
}

/// Parses one file; findings go to the sink, `None` where there is no tree.
pub(super) fn parse(file: FileId, source: &SourceFile, sink: &Sink) -> Option<Node> {
    plain::parse(file, source).or_else(|| general(file, source, sink))
}

/// The same, whatever stands in the file.
pub(super) fn general(file: FileId, source: &SourceFile, sink: &Sink) -> Option<Node> {
    if source.text.len() > FILE_BYTES_MAX {
        sink.push(
            Diagnostic::new(
                &codes::FILE_TOO_LARGE,
                Span::file_start(file),
                format!("{} is too large", source.path),
            )
            .why(format!("a contract file has at most {FILE_BYTES_MAX} bytes"))
            .help("one entity or model per file; data does not belong into contracts"),
        );
        return None;
    }
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        disallow_directives: true,
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    let mut builder = Builder {
        file,
        source,
        sink,
        nodes: 0,
        depth: 0,
        failed: false,
        repeats: false,
        deep: false,
    };
    let mut events = Parser::new_from_str_with_options(&source.text, options);
    let tree = builder.document(&mut events);
    if builder.failed { None } else { tree }
}

struct Builder<'a> {
    file: FileId,
    source: &'a SourceFile,
    sink: &'a Sink,
    nodes: usize,
    depth: usize,
    failed: bool,
    /// An anchor, alias or merge key was refused.
    repeats: bool,
    /// Values nest too deep.
    deep: bool,
}

type Events<'a> = Parser<'a, granit_parser::StrInput<'a>>;

impl<'a> Builder<'a> {
    fn next(&mut self, events: &mut Events<'a>) -> Option<(Event<'a>, Span)> {
        match events.next()? {
            Ok((event, span)) => Some((event, self.span(span))),
            Err(error) => {
                self.broken(&error);
                None
            }
        }
    }

    fn span(&self, span: granit_parser::Span) -> Span {
        let range = span.byte_range().unwrap_or(0..0);
        let end = self.trimmed(range.start, range.end);
        Span { file: self.file, start: range.start, end }
    }

    /// Block nodes end where the next one begins; white space and line ends are not part of what is
    /// shown.
    fn trimmed(&self, start: usize, end: usize) -> usize {
        match self.source.text.get(start..end) {
            Some(text) => start + text.trim_end().len(),
            None => end,
        }
    }

    fn broken(&mut self, error: &granit_parser::ScanError) {
        self.failed = true;
        if self.deep {
            // What is nested deeper still is the same mistake.
            return;
        }
        let at = error.marker().byte_offset().unwrap_or(0).min(self.source.text.len());
        self.sink.push(broken::finding(self.file, self.source, at, &error.info()));
    }

    /// Anchors, aliases and merge keys are one habit: only the first is said.
    fn refuse_repeating(&mut self, span: Span, what: &str) {
        if !std::mem::replace(&mut self.repeats, true) {
            self.refuse(span, what);
        }
        self.failed = true;
    }

    fn refuse(&mut self, span: Span, what: &str) {
        self.failed = true;
        self.sink.push(
            Diagnostic::new(&codes::YAML_FEATURE, span, format!("{what} is not part of the language"))
                .why("a contract is read top to bottom by people: what applies to a field stands at the field")
                .help("write the value out"),
        );
    }

    fn document(&mut self, events: &mut Events<'a>) -> Option<Node> {
        let mut tree = None;
        let mut documents = 0;
        while let Some((event, span)) = self.next(events) {
            match event {
                Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
                Event::DocumentStart(..) => {
                    documents += 1;
                    if documents > 1 {
                        self.refuse(span, "a second document (`---`) in one file");
                        return None;
                    }
                }
                other => tree = self.node(other, span, events),
            }
        }
        if tree.is_none() && !self.failed {
            self.failed = true;
            self.sink.push(
                Diagnostic::new(
                    &codes::EMPTY_FILE,
                    Span::file_start(self.file),
                    format!("{} is empty", self.source.path),
                )
                .help("begin it with `entity:`, `model:` or `project:`, or remove it"),
            );
        }
        tree
    }

    fn node(&mut self, event: Event<'a>, span: Span, events: &mut Events<'a>) -> Option<Node> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            if !self.failed {
                self.failed = true;
                self.sink.push(
                    Diagnostic::new(&codes::FILE_TOO_LARGE, span, "too many values in one file")
                        .why(format!("a contract file has at most {NODES_MAX} values")),
                );
            }
            return None;
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.no_extras(span, anchor, tag.is_some());
                let plain = style == ScalarStyle::Plain;
                Some(Node { span, kind: Kind::Scalar { text: text.into_owned(), plain } })
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.no_extras(span, anchor, tag.is_some());
                self.deeper(span, events, Self::sequence)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.no_extras(span, anchor, tag.is_some());
                self.deeper(span, events, Self::mapping)
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.refuse_repeating(span, "an alias (`*name`)");
                Some(Node { span, kind: Kind::Scalar { text: String::new(), plain: true } })
            }
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            | Event::Anchor(..)
            | Event::Comment(..)
            | Event::SequenceEnd
            | Event::MappingEnd => None,
            // The parser's events may grow; what is unknown is no value.
            _ => None,
        }
    }

    fn no_extras(&mut self, span: Span, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.refuse_repeating(span, "an anchor (`&name`)");
        }
        if tagged {
            self.refuse(span, "a tag (`!name`)");
        }
    }

    fn deeper(
        &mut self,
        span: Span,
        events: &mut Events<'a>,
        inside: fn(&mut Self, Span, &mut Events<'a>) -> Option<Node>,
    ) -> Option<Node> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            self.failed = true;
            self.deep = true;
            self.sink.push(
                Diagnostic::new(&codes::TOO_DEEP, span, "values nest too deep")
                    .help(format!("values nest at most {DEPTH_MAX} deep")),
            );
            return None;
        }
        let node = inside(self, span, events);
        self.depth -= 1;
        node
    }

    fn sequence(&mut self, start: Span, events: &mut Events<'a>) -> Option<Node> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next(events)?;
            if matches!(event, Event::SequenceEnd) {
                return Some(Node { span: joined(start, span, &items), kind: Kind::Seq(items) });
            }
            items.push(self.node(event, span, events)?);
        }
    }

    fn mapping(&mut self, start: Span, events: &mut Events<'a>) -> Option<Node> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut places = Places::default();
        loop {
            let (event, key_span) = self.next(events)?;
            if matches!(event, Event::MappingEnd) {
                let last = entries.last().map(|entry| entry.value.span.end).unwrap_or(start.end);
                let span =
                    Span { file: start.file, start: start.start, end: last.max(key_span.end) };
                return Some(Node { span, kind: Kind::Map(entries) });
            }
            let key = self.node(event, key_span, events)?;
            let (event, span) = self.next(events)?;
            let value = self.node(event, span, events)?;
            let Kind::Scalar { text, .. } = key.kind else {
                self.refuse(key_span, "a key that is no text");
                continue;
            };
            if text == "<<" {
                self.refuse_repeating(key_span, "a merge key (`<<`)");
                continue;
            }
            match places.first(&text, &entries) {
                Some(first) => self.twice(first, &Entry { key: text, key_span, value }),
                None => entries.push(Entry { key: text, key_span, value }),
            }
        }
    }

    fn twice(&self, first: &Entry, again: &Entry) {
        let headline = format!("`{}` is there twice", again.key);
        let same = first.value.says_the_same(&again.value);
        let fix = if same { self.without(again) } else { None };
        self.sink.push(
            Diagnostic::new(&codes::DUPLICATE_KEY, again.key_span, headline)
                .at("again here")
                .label(first.key_span, "first here")
                .why("only one of the two could count")
                .help("remove one of them")
                .fix(fix),
        );
    }

    /// Takes an entry away that has lines of its own.
    fn without(&self, entry: &Entry) -> Option<Fix> {
        let text = &self.source.text;
        let start = text.get(..entry.key_span.start)?.rfind('\n').map_or(0, |at| at + 1);
        let behind = text.get(entry.value.span.end..)?;
        let rest = behind.find('\n').map_or(behind.len(), |at| at + 1);
        let alone = text.get(start..entry.key_span.start)?.trim().is_empty()
            && behind.get(..rest)?.trim().is_empty();
        let span = Span { file: self.file, start, end: entry.value.span.end + rest };
        let title = format!("remove the second `{}`, which says the same", entry.key);
        alone.then(|| Fix::replace(Applicability::Safe, title, span, ""))
    }
}

/// Where the keys of a map were first. Small maps are looked through; large ones get an index, so that a hostile one costs
/// no more than it should.
#[derive(Default)]
struct Places {
    index: BTreeMap<String, usize>,
    /// Entries that are in the index.
    known: usize,
}

/// Entries of a map that are looked through without an index.
const LOOKED_THROUGH_MAX: usize = 64;

impl Places {
    fn first<'e>(&mut self, key: &str, entries: &'e [Entry]) -> Option<&'e Entry> {
        if entries.len() <= LOOKED_THROUGH_MAX {
            return entries.iter().find(|entry| entry.key == key);
        }
        for (at, entry) in entries.iter().enumerate().skip(self.known) {
            self.index.insert(entry.key.clone(), at);
        }
        self.known = entries.len();
        self.index.get(key).and_then(|at| entries.get(*at))
    }
}

/// A list's span reaches from its start to its last item, or to its closing bracket.
fn joined(start: Span, end: Span, items: &[Node]) -> Span {
    let last = items.last().map(|item| item.span.end).unwrap_or(start.end);
    Span { file: start.file, start: start.start, end: last.max(end.end) }
}
