//! Input that nobody should write: it gets an error with a place, never a panic, never a plan.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

use covenant_compiler::compile;
use covenant_compiler::parse::{DEPTH_MAX, FILE_BYTES_MAX, NODES_MAX};
use covenant_compiler::source::SourceSet;

fn codes_of(text: &str) -> Vec<String> {
    let sources = SourceSet::new([("project.yaml".to_owned(), text.to_owned())]);
    let compiled = compile(sources);
    assert!(compiled.plan.is_none());
    let length = text.len();
    for diagnostic in compiled.diagnostics.iter() {
        assert!(diagnostic.span.start <= diagnostic.span.end && diagnostic.span.end <= length);
    }
    compiled.diagnostics.iter().map(|diagnostic| diagnostic.code.to_string()).collect()
}

#[test]
fn a_huge_file_is_not_parsed() {
    let huge = format!("project: x\n# {}\n", "x".repeat(FILE_BYTES_MAX));
    assert_eq!(codes_of(&huge), ["CV1014"]);
}

#[test]
fn a_file_of_countless_values_is_given_up() {
    let many = format!("project: x\nowner: [{}]\n", "1,".repeat(NODES_MAX + 1));
    assert_eq!(codes_of(&many), ["CV1014"]);
}

#[test]
fn deep_nesting_is_refused_whatever_its_style() {
    let flow = format!("project: {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(codes_of(&flow), ["CV1015"]);
    let mut block = String::from("project:\n");
    for depth in 1..=DEPTH_MAX + 4 {
        block.push_str(&format!("{}a:\n", " ".repeat(depth)));
    }
    assert_eq!(codes_of(&block), ["CV1015"]);
    let dashes = format!("project:\n  {}x\n", "- ".repeat(5000));
    assert_eq!(codes_of(&dashes), ["CV1015"]);
}

#[test]
fn garbage_gets_an_error_with_a_place() {
    for text in [
        "\u{0}",
        "{",
        "}",
        "]",
        "'",
        "\"",
        "%",
        "@",
        "`",
        "- - -",
        "? a",
        "? [a]: b",
        ": b",
        "a: b: c",
        "a:\n\t- b",
        "!!binary aGVsbG8=",
        "&a [*a]",
        "--- a\n--- b",
        "[]",
        "{}",
        "null",
        "project",
        "project:",
        "project: {}",
        "entity: {a: b}",
        "model: [a]",
        "\u{feff}project: x",
        "project: \u{1f600}\nsystems: {\u{1f600}: {}}",
    ] {
        assert!(!codes_of(text).is_empty(), "{text:?}");
    }
}

/// A contract with one byte changed or cut off is another contract, or an error with a place; never a panic.
#[test]
fn damaged_contracts_never_panic() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui/base");
    let read = |path: &str| std::fs::read_to_string(folder.join(path)).unwrap();
    let files = ["project.yaml", "sales/customer.yaml", "sales/order.yaml", "marts/daily.yaml"];
    let whole: Vec<(String, String)> =
        files.iter().map(|path| ((*path).to_owned(), read(path))).collect();
    // A step that is prime to most structure: about 120 damaged sets in a second.
    const STEP: usize = 101;
    for (at, (path, text)) in whole.iter().enumerate() {
        for cut in (0..text.len()).step_by(STEP).filter(|cut| text.is_char_boundary(*cut)) {
            for damage in ["", "{", "\"", "\n"] {
                let tail = if damage.is_empty() { "" } else { &text[cut..] };
                let mut set = whole.clone();
                set[at] = (path.clone(), format!("{}{damage}{tail}", &text[..cut]));
                let compiled = compile(SourceSet::new(set));
                assert_eq!(compiled.plan.is_none(), compiled.diagnostics.has_errors());
            }
        }
    }
}
