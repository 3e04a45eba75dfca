//! Competing values are settled by another rule, or a ranked order changed.

use covenant_model::spec::MergeRule;
use covenant_model::value::LogicalType;

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{FieldPair, consumers};

pub(super) static RULE: Rule = Rule {
    code: "DCM260",
    slug: "merge-rule-changed",
    modes: Modes { backward: Grade::Error, forward: Grade::Error },
    migration: Migration::Backfill,
    explain: "A field's competing values are settled by another rule, or the states of a ranked field have another order.\n\nStored \
              guards were computed under the old rule: compared with new ones they pick wrong winners.\n\nRaise the contract's \
              revision and replay landing, so that every guard is computed anew. (Our code; the catalogue has no row for it.)",
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let what = if pair.old.merge != pair.new.merge {
        format!("is merged by {:?} instead of {:?}", pair.new.merge, pair.old.merge).to_lowercase()
    } else if pair.new.merge == MergeRule::Ranked && reordered(&pair.old.ty, &pair.new.ty) {
        "ranks its states in another order".to_owned()
    } else {
        return;
    };
    let entity = pair.entity.new;
    let how = "holds guards of the old rule";
    let mut broken: Vec<_> = consumers::column(entity, pair.new, how).into_iter().collect();
    broken.extend(consumers::mappings(entity, pair.new, "gets other winners"));
    findings.push(Finding::new(
        &RULE,
        pair.entity.old.compatibility,
        format!("{}/fields/{}/merge", entity.name, pair.new.name),
        format!("{}.{} {what}", entity.name, pair.new.name),
        broken,
        "raise the revision and replay landing".into(),
    ));
}

/// Whether the place of any old symbol changed: an added symbol in the middle moves those behind it.
fn reordered(old: &LogicalType, new: &LogicalType) -> bool {
    let (LogicalType::Enum { symbols: old }, LogicalType::Enum { symbols: new }) = (old, new)
    else {
        return false;
    };
    old.iter().enumerate().any(|(rank, symbol)| {
        new.iter().position(|other| other == symbol).is_some_and(|at| at != rank)
    })
}
