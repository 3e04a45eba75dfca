//! `waivers:` files.

use jiff::civil::Date;

use crate::ast::WaiverDecl;
use crate::diagnostic::{Diagnostic, Sink, codes};
use crate::parse::reader::{self, Reader};
use crate::parse::yaml::Node;
use crate::source::Span;

/// Digits of a fingerprint; see `crate::report::fingerprint`.
const FINGERPRINT_DIGITS: usize = 12;

/// Reads a list of waivers. One that is not whole is reported and left out: it accepts nothing.
pub(super) fn read(sink: &Sink, node: &Node, at: Span) -> Vec<WaiverDecl> {
    let Some(map) = Reader::open(sink, node, at, "the waivers") else { return Vec::new() };
    let list = map.need("waivers");
    let items = list.and_then(|list| reader::items(sink, list, "waivers")).unwrap_or(&[]);
    let mut found: Vec<WaiverDecl> = Vec::new();
    for item in items {
        let Some(waiver) = one(sink, item) else {
            // Later ones keep their numbers: places are found by them.
            found.push(WaiverDecl::default());
            continue;
        };
        if found.iter().any(|first| first.fingerprint == waiver.fingerprint) {
            let text = format!("{} is waived twice", waiver.fingerprint);
            sink.push(
                Diagnostic::new(&codes::BAD_WAIVER, item.span, text).help("remove one of the two"),
            );
        }
        found.push(waiver);
    }
    map.finish();
    found
}

fn one(sink: &Sink, item: &Node) -> Option<WaiverDecl> {
    let map = Reader::open(sink, item, item.span, "a waiver")?;
    let fingerprint = map.need("fingerprint").and_then(|node| fingerprint(sink, node));
    let code = map.need("code").and_then(|node| code(sink, node));
    let reason = map.need_text("reason");
    let owner = map.need_text("owner");
    let expires = map.need("expires").and_then(|node| date(sink, node));
    map.finish();
    Some(WaiverDecl {
        fingerprint: fingerprint?,
        code: code?,
        reason: reason?,
        owner: owner?,
        expires: expires?,
    })
}

fn fingerprint(sink: &Sink, node: &Node) -> Option<String> {
    let text = reader::text(sink, node, "fingerprint")?;
    if text.len() == FINGERPRINT_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(text.to_lowercase());
    }
    sink.push(
        Diagnostic::new(&codes::BAD_WAIVER, node.span, format!("`{text}` is no fingerprint"))
            .why(format!("a fingerprint has {FINGERPRINT_DIGITS} hexadecimal digits"))
            .help("copy it from the finding; `covenant waive` writes the whole entry"),
    );
    None
}

fn code(sink: &Sink, node: &Node) -> Option<String> {
    let text = reader::text(sink, node, "code")?;
    match crate::compat::rule(&text) {
        Some(rule) => Some(rule.code.to_owned()),
        None => {
            sink.push(
                Diagnostic::new(
                    &codes::BAD_WAIVER,
                    node.span,
                    format!("`{text}` is no code of a finding about a change"),
                )
                .why("only findings about changes (`DC…`) can be waived; contracts that do not hold together cannot be built")
                .help("copy it from the finding; `covenant waive` writes the whole entry"),
            );
            None
        }
    }
}

fn date(sink: &Sink, node: &Node) -> Option<Date> {
    let text = reader::text(sink, node, "expires")?;
    match text.parse::<Date>() {
        Ok(date) => Some(date),
        Err(_) => {
            sink.push(
                Diagnostic::new(&codes::BAD_WAIVER, node.span, format!("`{text}` is no day"))
                    .help("write it as `2027-03-31`"),
            );
            None
        }
    }
}
