//! `*.tests.yaml` files: the grammar of contract tests.

use super::reader::{self, Reader};
use super::yaml;
use super::yaml::{Entry, Node};
use crate::cases::{Base, Case, Expected, ExpectedRow, Given, Named, RECORDS_MAX, Suite, What};
use crate::diagnostic::{Diagnostic, Sink, codes};
use crate::source::{FileId, SourceFile};

/// Reads one file. `None`: it declares no tests; what is wrong has been reported.
pub fn suite(id: FileId, source: &SourceFile, sink: &Sink) -> Option<Suite> {
    if let Some(flaw) = &source.flaw {
        sink.push(super::unread::finding(id, source, flaw));
        return None;
    }
    let node = yaml::parse(id, source, sink)?;
    super::secrets::check(sink, &node);
    let map = Reader::open(sink, &node, node.span, "a file of contract tests")?;
    let named = map.need("tests");
    let entity = named.and_then(|node| reader::text(sink, node, "tests"));
    let base = map.get("base").map(|node| bases(sink, node)).unwrap_or_default();
    let listed = map.need("cases").and_then(|node| reader::items(sink, node, "cases"));
    let cases = listed.unwrap_or(&[]).iter().filter_map(|node| case(sink, node)).collect();
    map.finish();
    Some(Suite { entity: entity?, at: named?.span, base, cases })
}

fn bases(sink: &Sink, node: &Node) -> Vec<Base> {
    let sources = reader::entries(sink, node, "`base`").unwrap_or(&[]);
    sources
        .iter()
        .filter_map(|entry| {
            let what = "what every record of a source says";
            let members = reader::entries(sink, &entry.value, what)?.to_vec();
            Some(Base { source: entry.key.clone(), at: entry.key_span, members })
        })
        .collect()
}

fn case(sink: &Sink, node: &Node) -> Option<Case> {
    let map = Reader::open(sink, node, node.span, "a test")?;
    let named = map.need("name");
    let name = named.and_then(|node| reader::text(sink, node, "name"));
    let listed = map.need("given").and_then(|node| reader::items(sink, node, "given"));
    let listed = listed.unwrap_or(&[]);
    if let Some(beyond) = listed.get(RECORDS_MAX) {
        let text = format!("a test with more than {RECORDS_MAX} records");
        sink.push(
            Diagnostic::new(&codes::CASE_UNREADABLE, beyond.span, text)
                .help("split it: one sequence, one thing that must hold"),
        );
    }
    let given: Vec<Option<Given>> = (1..)
        .zip(listed.iter().take(RECORDS_MAX))
        .map(|(place, node)| given(sink, node, place))
        .collect();
    let expected = map.get("expect");
    let expect = expected.and_then(|node| expect(sink, node));
    map.finish();
    // A test is run whole or not at all: with a record less it would fail for another reason.
    if expected.is_some() && expect.is_none() {
        return None;
    }
    let given = given.into_iter().collect::<Option<Vec<Given>>>()?;
    Some(Case { name: name?, at: named?.span, given, expect })
}

fn expect(sink: &Sink, node: &Node) -> Option<Expected> {
    let rows = reader::items(sink, node, "expect")?;
    let rows = rows
        .iter()
        .map(|row| {
            let fields = reader::entries(sink, row, "a row that is expected")?.to_vec();
            Some(ExpectedRow { at: row.span, fields })
        })
        .collect::<Option<Vec<_>>>()?;
    Some(Expected { at: node.span, rows })
}

fn given(sink: &Sink, node: &Node, place: u32) -> Option<Given> {
    let map = Reader::open(sink, node, node.span, "a record that is told")?;
    let named = map.need("from");
    let source = named.and_then(|node| reader::text(sink, node, "from"));
    let order = map.get("at").map(|node| reader::number::<u32>(sink, node, "at"));
    let record = map.get("record").map(|node| members(sink, node, "record"));
    let delete = map.get("delete").map(|node| members(sink, node, "delete"));
    let moved = map.get("moved_from").map(|node| members(sink, node, "moved_from"));
    let without = names(sink, &map, "without");
    let unchanged = names(sink, &map, "unchanged");
    let refused = names(sink, &map, "refused");
    map.finish();
    let what = match (record, delete) {
        (Some(record), None) => {
            What::Record { members: record?, moved_from: moved.unwrap_or(Some(Vec::new()))? }
        }
        (None, Some(delete)) if moved.is_none() => What::Delete { key: delete? },
        (Some(_), Some(_)) | (None, Some(_) | None) => {
            let text = "a record that is told has either `record` or `delete`";
            sink.push(
                Diagnostic::new(&codes::CASE_UNREADABLE, node.span, text)
                    .why("`record` is an insert or an update, with `moved_from` where its key changes; `delete` names the key of a row that is gone"),
            );
            return None;
        }
    };
    let order = order.unwrap_or(Some(place))?;
    let (source, source_at) = (source?, named?.span);
    Some(Given { at: node.span, source, source_at, order, what, without, unchanged, refused })
}

fn members(sink: &Sink, node: &Node, what: &str) -> Option<Vec<Entry>> {
    reader::entries(sink, node, &format!("`{what}`")).map(<[Entry]>::to_vec)
}

fn names(sink: &Sink, map: &Reader<'_>, key: &'static str) -> Vec<Named> {
    let items = map.get(key).and_then(|node| reader::items(sink, node, key)).unwrap_or(&[]);
    let named = |item| reader::text(sink, item, key).map(|name| Named { name, at: item.span });
    items.iter().filter_map(named).collect()
}
