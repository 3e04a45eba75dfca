//! Witnesses of changes to Acme's own contracts: each is a record, or two, that both sides were told.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

use std::path::Path;

use covenant_compiler::plan::Plan;
use covenant_compiler::source::SourceSet;
use covenant_compiler::witness::search::Focus;
use covenant_compiler::witness::{self, Direction};
use covenant_compiler::{compile, driver};

/// `(file, from, to)`
type Patch = (&'static str, &'static str, &'static str);

fn plan(patch: Option<Patch>) -> Plan {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts");
    let sources = driver::read_contracts(&folder).unwrap();
    let files = sources.iter().map(|(_, file)| {
        let text = match patch {
            Some((name, from, to)) if file.path.ends_with(&format!("/{name}")) => {
                assert_eq!(file.text.matches(from).count(), 1, "`{from}` in {name}");
                file.text.replacen(from, to, 1)
            }
            Some(_) | None => file.text.clone(),
        };
        (file.path.clone(), text)
    });
    compile(SourceSet::new(files)).plan.unwrap()
}

/// The lines of a witness for a field of an entity.
fn lines(entity: &str, field: u32, direction: Direction, patch: Patch) -> Vec<String> {
    let (old, new) = (plan(None), plan(Some(patch)));
    let (old, new) = (old.entity(entity).unwrap(), new.entity(entity).unwrap());
    let row = witness::find(old, new, direction, &Focus::Field(field)).unwrap();
    row.map(|row| row.lines()).unwrap_or_default()
}

const CURRENCY: Patch = ("order.yaml", "pattern: \"^[A-Z]{3}$\"", "pattern: \"^[A-Y]{3}$\"");

#[test]
fn a_text_that_only_the_old_pattern_takes() {
    let said = lines("sales.order", 6, Direction::Backward, CURRENCY).join("\n");
    assert!(said.contains("currency: \"AAZ\""), "{said}");
    assert!(said.contains("refuses it: currency: expected text of the form ^[A-Y]{3}$"), "{said}");
    assert_eq!(lines("sales.order", 6, Direction::Forward, CURRENCY), Vec::<String>::new());
}

#[test]
fn a_symbol_that_is_gone() {
    let patch = ("order.yaml", "\"enum [web, app, store, phone]\"", "\"enum [web, app, store]\"");
    let said = lines("sales.order", 5, Direction::Backward, patch).join("\n");
    assert!(said.contains("channel: \"phone\""), "{said}");
    // The rule that the sum adds up holds: the record is refused for nothing but its channel.
    assert!(said.ends_with("channel: expected one of web, app, store, found another (symbol)"));
}

#[test]
fn a_sequence_where_the_rank_decides() {
    let patch = (
        "order.yaml",
        "enum [placed, paid, picked, shipped, delivered, cancelled, refunded]",
        "enum [placed, paid, picked, shipped, cancelled, delivered, refunded]",
    );
    let said = lines("sales.order", 4, Direction::Backward, patch);
    assert_eq!(said.len(), 3, "two records and what they come to: {said:?}");
    assert!(said[2].contains("status: the old contract holds"), "{said:?}");
}

#[test]
fn what_changes_nothing_has_no_witness() {
    let harmless = ("order.yaml", "about: ISO 4217 code.", "about: Currency.");
    for direction in [Direction::Backward, Direction::Forward] {
        assert_eq!(lines("sales.order", 6, direction, harmless), Vec::<String>::new());
    }
}

#[test]
fn the_same_pair_gives_the_same_witness() {
    let first = lines("sales.order", 6, Direction::Backward, CURRENCY);
    assert_eq!(first, lines("sales.order", 6, Direction::Backward, CURRENCY));
}
