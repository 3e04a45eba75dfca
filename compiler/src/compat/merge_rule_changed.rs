//! Competing values are settled by another rule, or a ranked order changed.

use covenant_model::spec::MergeRule;

use super::enum_value_renamed;
use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM260",
    slug: "merge-rule-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[SnowflakeTable, SalesforceMapping],
    migration: Migration::Backfill,
    witness: WitnessKind::Sequence,
    what: "A field's competing values are settled by another rule, or the states of a ranked \
          field have another order.",
    why: "Stored guards were computed under the old rule: compared with new ones they pick \
          wrong winners.",
    how: "Raise the contract's revision and replay landing, so that every guard is computed \
          anew.",
    cases: cases!("DCM260-merge-rule-changed"),
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let (what, claims) = if pair.old.merge != pair.new.merge {
        let (old, new) = (pair.old.merge, pair.new.merge);
        let what = format!("is merged by {new:?} instead of {old:?}").to_lowercase();
        (what, vec![pair.leaf("merge"), pair.leaf("type/order"), pair.leaf("generation")])
    } else if pair.new.merge == MergeRule::Ranked && reranked(pair) {
        ("ranks its states in another order".to_owned(), vec![pair.leaf("type/order")])
    } else {
        return;
    };
    let after = pair.entity.after();
    let mut broken: Vec<Consumer> =
        after.column(pair.new, "holds guards of the old rule").into_iter().collect();
    broken.extend(after.mappings(pair.new, "gets other winners"));
    let headline = format!("{} {what}", pair.shown());
    let help = "raise the revision and replay landing";
    let mut finding = pair.finding(&RULE, "merge", headline, broken, help);
    finding.claims = claims;
    findings.push(finding);
}

/// Whether the place of any old symbol changed: an added symbol in the middle moves those behind it.
fn reranked(pair: FieldPair<'_>) -> bool {
    let Some((old, new)) = enum_value_renamed::symbols(pair) else { return false };
    old.iter().enumerate().any(|(rank, symbol)| {
        new.iter().position(|other| other == symbol).is_some_and(|at| at != rank)
    })
}
