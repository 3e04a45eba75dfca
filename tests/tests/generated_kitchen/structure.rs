//! What the decoder accepts is what the emitted JSON Schema accepts, token by token.

use std::sync::LazyLock;

use covenant_model::codec::EntityCodec;
use jsonschema::Validator;
use proptest::prelude::*;

use crate::{golden, kitchen_event};

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let tree = golden::tree();
    let text = tree.get("schemas/events/everything.kitchen.event.schema.json").unwrap();
    let schema = serde_json::from_str(text).unwrap();
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap()
});

/// Valid members of an event.
const VALID: [(&str, &str); 18] = [
    ("event", "\"e-1\""),
    ("at", "\"2026-01-01T00:00:00Z\""),
    ("id", "1"),
    ("part", "\"b\""),
    ("flag", "true"),
    ("small", "5"),
    ("big", "-9223372036854775808"),
    ("price", "\"12.30\""),
    ("ratio", "-999.9999"),
    ("huge", "1e36"),
    ("type", "\"12345678\""),
    ("form", "\"aaa\""),
    ("mail", "\"ann.o'neil+x@mail.example.com\""),
    ("uid", "\"0189D5F2-0000-7000-8000-0000000000ff\""),
    ("day", "\"2024-02-29\""),
    ("state", "\"2nd\""),
    ("extra", "{\"a\": [1, {\"b\": null}]}"),
    ("blob", "\"AP8=\""),
];

/// Tokens that are valid for some member, or nearly. The validator reads numbers beyond 64 bits as doubles, so none stands
/// so close to a limit that a double would round it over.
const TOKENS: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "5",
    "6",
    "-5",
    "-6",
    "1.0",
    "1.50",
    "1.5",
    "1e2",
    "5e0",
    "50e-1",
    "1E+1",
    "-1",
    "1.005",
    "9223372036854775807",
    "9223372036854775808",
    "-1e19",
    "2147483648",
    "0.01",
    "0.07",
    "0.29",
    "1.001",
    "9999999999.99",
    "10000000000",
    "-0.01",
    "0.0001",
    "0.00001",
    "999.9999",
    "1000",
    "1e36",
    "1e37",
    "1e38",
    "1e400",
    "\"12.30\"",
    "\"12.300\"",
    "\"12.301\"",
    "\"-12.30\"",
    "\"-0.00\"",
    "\"+1\"",
    "\".5\"",
    "\"5.\"",
    "\".\"",
    "\"-\"",
    "\"1e3\"",
    "\"NaN\"",
    "\"Infinity\"",
    "\"00000000000012.30\"",
    "\"9999999999.99\"",
    "\"10000000000.00\"",
    "\"1,5\"",
    "\" 1\"",
    "\"\"",
    "\"a\"",
    "\"aaa\"",
    "\"b\"",
    "\"B\"",
    "\"ab\"",
    "\"12\"",
    "\"123\"",
    "\"1234\"",
    "\"new\"",
    "\"half-done\"",
    "\"2nd\"",
    "\"n\\u0065w\"",
    "\"12345678\"",
    "\"123456789\"",
    "\"😀😀😀😀😀😀😀😀\"",
    "\"\\ud83d\\ude00345678\"",
    "\"😀😀😀😀😀😀😀😀😀\"",
    "\"a@b.de\"",
    "\"a@b\"",
    "\"a@@b.de\"",
    "\"a.@b.de\"",
    "\"a@-b.de\"",
    "\"a@b-.de\"",
    "\"a@b..de\"",
    "\"a@b.d\"",
    "\"äb@c.de\"",
    "\"abcdefghijklmnopqrstuvwxyzabcdefgh@abc.de\"",
    "\"abcdefghijklmnopqrstuvwxyzabcdefgh@abcd.de\"",
    "\"0189d5f2-0000-7000-8000-0000000000ff\"",
    "\"0189d5f2000070008000000000000ff\"",
    "\"0189d5f2-0000-7000-8000-0000000000fg\"",
    "\"{0189d5f2-0000-7000-8000-0000000000ff}\"",
    "\"2026-02-29\"",
    "\"2024-02-29\"",
    "\"2024-13-01\"",
    "\"2024-1-1\"",
    "\"20240101\"",
    "\"infinity\"",
    "\"2026-01-01T00:00:00Z\"",
    "\"2026-01-01t00:00:00z\"",
    "\"2026-01-01 00:00:00Z\"",
    "\"2026-01-01T00:00:00\"",
    "\"2026-01-01T00:00:00+0000\"",
    "\"2026-01-01T00:00:00.Z\"",
    "\"2026-01-01T24:00:00Z\"",
    "\"2026-01-01T23:59:59.123456789+23:59\"",
    "\"2026-01-01T00:00:00+24:00\"",
    "\"2016-12-31T23:59:60Z\"",
    "\"2016-12-31T22:59:60Z\"",
    "\"2017-01-01T00:59:60+01:00\"",
    "{}",
    "[]",
    "{\"x\": 1}",
    "[null]",
    "\"AP8=\"",
    "\"AP9=\"",
    "\"AA==\"",
    "\"AB==\"",
    "\"A===\"",
    "\"AAAA\"",
    "\"AAA\"",
    "\"AA=A\"",
    "\"_-8=\"",
];

fn render(members: &[(&str, &str)]) -> String {
    let members: Vec<_> =
        members.iter().map(|(name, token)| format!("\"{name}\": {token}")).collect();
    format!("{{{}}}", members.join(", "))
}

/// Whether the decoder finds nothing but quality rules to complain about.
fn accepted(json: &str) -> bool {
    match kitchen_event::Codec.decode_event("events", json.as_bytes()) {
        Ok(_) => true,
        Err(found) => found.all.iter().all(|one| one.rule.starts_with("quality:")),
    }
}

/// What the two judges disagree about.
fn disagreement(json: &str) -> Option<String> {
    // A number that no double holds is malformed for the parser in front of the schema's validator.
    let value = serde_json::from_str(json).ok()?;
    let decoded = kitchen_event::Codec.decode_event("events", json.as_bytes());
    let found = decoded.err().map(|found| found.to_string()).unwrap_or_default();
    (accepted(json) != SCHEMA.is_valid(&value)).then(|| format!("{json}\ndecoder says: {found}"))
}

#[test]
fn every_token_for_every_member() {
    assert!(accepted(&render(&VALID)), "the starting point is valid");
    let (mut refused, mut disagreements) = (0, Vec::new());
    for place in 0..VALID.len() {
        for token in TOKENS {
            let mut members = VALID;
            members[place].1 = token;
            let json = render(&members);
            disagreements.extend(disagreement(&json));
            refused += usize::from(!accepted(&json));
        }
        let mut members = VALID.to_vec();
        members.remove(place);
        disagreements.extend(disagreement(&render(&members)));
    }
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
    assert!(refused > 1000, "both judges accept nearly everything: {refused} refused");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn several_members_at_once(
        changes in proptest::collection::vec((0..VALID.len(), proptest::sample::select(TOKENS)), 0..4),
    ) {
        let mut members = VALID;
        for (place, token) in changes {
            members[place].1 = token;
        }
        prop_assert_eq!(disagreement(&render(&members)), None);
    }
}

#[test]
fn a_member_twice_is_refused_though_the_schema_cannot_see_it() {
    let mut members = VALID.to_vec();
    members.push(("small", "5"));
    assert!(!accepted(&render(&members)));
}
