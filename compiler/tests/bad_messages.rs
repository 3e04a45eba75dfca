//! The ledger of messages that are still bad: what is said, and what should be. A message that became
//! better fails here, and its row is taken out.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

mod common;

use covenant_compiler::compile;
use covenant_compiler::source::SourceSet;

/// A mistake, what is said of it, and what would help more.
struct Bad {
    file: &'static str,
    from: &'static str,
    to: &'static str,
    says: &'static str,
    should: &'static str,
}

const LEDGER: &[Bad] = &[];

#[test]
fn the_ledger_is_true() {
    for bad in LEDGER {
        let mut files = common::base();
        let text = files.get_mut(bad.file).unwrap();
        assert_eq!(text.matches(bad.from).count(), 1, "{}", bad.from);
        *text = text.replace(bad.from, bad.to);
        let compiled = compile(SourceSet::new(files));
        let said: Vec<&str> =
            compiled.diagnostics.iter().map(|one| one.headline.as_str()).collect();
        assert!(
            said.iter().any(|one| one.contains(bad.says)),
            "{:?} now says {said:#?}: take it out of the ledger where that is better (it should {})",
            bad.to,
            bad.should
        );
    }
}

/// Rows that were taken out, and what is said now.
#[test]
fn what_became_better_stays_so() {
    for (from, to, says) in [
        ("expect: tax <= total", "expect: tax =< total", "there is no comparison `=<`"),
        ("from: [shop, events]\n    merge", "from: [shop events]\n    merge", "a comma is missing"),
    ] {
        let mut files = common::base();
        let text = files.get_mut("sales/order.yaml").unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from}");
        *text = text.replace(from, to);
        let compiled = compile(SourceSet::new(files));
        let said: Vec<&str> =
            compiled.diagnostics.iter().map(|one| one.headline.as_str()).collect();
        assert!(said.len() == 1 && said[0].contains(says), "{said:?}");
    }
}
