//! The fuzz targets without libFuzzer: seeded mutations of contracts. Bounded in `make test`;
//! `make fuzz` runs them for `COVENANT_FUZZ_SECONDS`, with a seed of its own that a failure names.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads the clock and may panic"
)]

mod common;
#[path = "../../fuzz/targets.rs"]
mod targets;

use std::time::{Duration, Instant};

/// Inputs of each target in `make test`: about two seconds.
const INPUTS: u64 = 150;
/// Edits of one input.
const EDITS_MAX: u64 = 4;

/// Pieces that the grammar and the targets are sensitive to.
const WORDS: [&str; 40] = [
    "entity: ",
    "model: ",
    "project: ",
    "waivers:\n",
    "fields:\n",
    "key: ",
    "from: ",
    "type: ",
    "enum [a, b]",
    "decimal(12,2)",
    "string(0)",
    "int64",
    "uuid",
    "true",
    "null",
    "~",
    "''",
    "\"",
    "{",
    "}",
    "[",
    "]",
    ": ",
    ", ",
    "\n",
    "\n  ",
    "\t",
    "# ",
    "- ",
    "&a ",
    "*a",
    "!x ",
    "|\n",
    ">\n",
    "---\n",
    "\u{feff}",
    "\u{0}",
    "ä\u{301}",
    "\u{202e}",
    "99999999999999999999",
];

/// Numbers that repeat with their seed (SplitMix64).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }

    fn up_to(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64 + 1)).unwrap()
    }
}

/// A contract with a few edits.
fn input(seed: u64) -> Vec<u8> {
    let mut seeded = Seeded(seed);
    let files: Vec<String> = common::base().into_values().collect();
    let bytes = files[seeded.up_to(files.len() - 1)].clone().into_bytes();
    edited(bytes, &WORDS, seeded)
}

/// Pieces that the reader of describes is sensitive to.
const ATTRIBUTES: [&str; 16] = [
    "null",
    "true",
    "false",
    "99999999999",
    "-1",
    "1.5",
    "\"\"",
    "[]",
    "{}",
    "\"\\ud800\"",
    "\\",
    "\"name\": \"Name\",",
    "\"type\": \"picklist\",",
    "__r",
    "Order__c",
    "\u{0}",
];

/// The describe of an object with a few edits.
fn describe_input(seed: u64) -> Vec<u8> {
    let bytes = include_bytes!("words/crm/Account.describe.json").to_vec();
    edited(bytes, &ATTRIBUTES, Seeded(seed))
}

/// Pieces that the importers are sensitive to.
const FOREIGN: [&str; 20] = [
    "primaryKey: true",
    "\"type\": \"string\",",
    "data_tests: [unique, not_null]",
    "logicalType: array",
    "physicalType: \"NUMERIC(99,5)\"",
    "name: ",
    "name: Order",
    "id: 7",
    "{property: fieldId, value: 1}",
    "relationships: [{to: Order.id}]",
    "\"$ref\": \"#\",",
    "\"enum\": [1, \"a b\"],",
    "classification: none",
    "null",
    "-1",
    "1e99",
    "[]",
    "{}",
    "ä",
    "\u{0}",
];

fn odcs_input(seed: u64) -> Vec<u8> {
    edited(include_bytes!("imports/orders.odcs.yaml").to_vec(), &FOREIGN, Seeded(seed))
}

fn dbt_input(seed: u64) -> Vec<u8> {
    edited(include_bytes!("imports/sources.yml").to_vec(), &FOREIGN, Seeded(seed))
}

fn json_schema_input(seed: u64) -> Vec<u8> {
    edited(include_bytes!("imports/order.schema.json").to_vec(), &FOREIGN, Seeded(seed))
}

/// Edits of bytes, of words, of lines.
fn edited(mut bytes: Vec<u8>, words: &[&str], mut seeded: Seeded) -> Vec<u8> {
    for _ in 0..=seeded.below(EDITS_MAX) {
        let at = seeded.up_to(bytes.len());
        let end = (at + seeded.up_to(12)).min(bytes.len());
        match seeded.below(6) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let word = words[seeded.up_to(words.len() - 1)];
                bytes.splice(at..at, word.bytes());
            }
            2 => {
                let word = words[seeded.up_to(words.len() - 1)];
                bytes.splice(at..end, word.bytes());
            }
            3 => {
                let other = seeded.up_to(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(other..other, piece);
            }
            4 => lines(&mut bytes, &mut seeded),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

/// Takes a line away, repeats it, or swaps it with another.
fn lines(bytes: &mut Vec<u8>, seeded: &mut Seeded) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut lines: Vec<&str> = text.split('\n').collect();
    let (one, other) = (seeded.up_to(lines.len() - 1), seeded.up_to(lines.len() - 1));
    match seeded.below(3) {
        0 => drop(lines.remove(one)),
        1 => lines.insert(other, lines[one]),
        _ => lines.swap(one, other),
    }
    *bytes = lines.join("\n").into_bytes();
}

fn run(target: fn(&[u8]), input: fn(u64) -> Vec<u8>, first: u64) {
    let seconds = std::env::var("COVENANT_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let Some(seconds) = seconds else {
        (first..first + INPUTS).for_each(|seed| one(target, input, seed));
        return;
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let replayed = std::env::var("COVENANT_FUZZ_SEED").ok().and_then(|text| text.parse().ok());
    let (started, mut seed) = (Instant::now(), replayed.unwrap_or(now.as_secs() << 20));
    let begun = seed;
    while started.elapsed() < Duration::from_secs(seconds) {
        one(target, input, seed);
        seed += 1;
    }
    println!("{} inputs from seed {begun}", seed - begun);
}

fn one(target: fn(&[u8]), input: fn(u64) -> Vec<u8>, seed: u64) {
    let bytes = input(seed);
    if let Err(panic) = std::panic::catch_unwind(|| target(&bytes)) {
        eprintln!("seed {seed}: {}", String::from_utf8_lossy(&bytes));
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn parser() {
    run(targets::parser, input, 1_000_000);
}

#[test]
fn resolver() {
    run(targets::resolver, input, 2_000_000);
}

#[test]
fn diff() {
    run(targets::diff, input, 3_000_000);
}

#[test]
fn describe() {
    run(targets::describe, describe_input, 4_000_000);
}

#[test]
fn import_odcs() {
    run(targets::import_odcs, odcs_input, 5_000_000);
}

#[test]
fn import_dbt() {
    run(targets::import_dbt, dbt_input, 6_000_000);
}

#[test]
fn import_json_schema() {
    run(targets::import_json_schema, json_schema_input, 7_000_000);
}

/// Most mutations must get behind the parser, or the other targets test nothing.
#[test]
fn mutations_reach_every_stage() {
    use covenant_compiler::compile;
    use covenant_compiler::source::SourceSet;
    let (mut fine, mut codes) = (0, std::collections::BTreeSet::new());
    for seed in 2_000_000..2_000_000 + INPUTS {
        let text = String::from_utf8_lossy(&input(seed)).into_owned();
        let mut files = common::base();
        let name = covenant_compiler::parse::declared_name(&text);
        let same = files.iter_mut().find(|(_, known)| {
            name.is_some() && covenant_compiler::parse::declared_name(known) == name
        });
        if let Some((_, known)) = same {
            *known = text;
        }
        let compiled = compile(SourceSet::new(files));
        fine += u64::from(compiled.plan.is_some());
        codes.extend(compiled.diagnostics.iter().map(|one| one.code.number / 1000));
    }
    assert!(fine > INPUTS / 20, "{fine} of {INPUTS} hold together");
    assert!([1, 2, 3].iter().all(|family| codes.contains(family)), "{codes:?}");
}
