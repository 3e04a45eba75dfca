//! A field got a default, lost it, or has another one.

use covenant_model::spec::{EntitySpec, SourceSpec};

use super::enum_value_renamed;
use super::field_added::patches_only;
use super::prelude::*;
use super::{field_became_nullable, field_became_required};

pub(super) static RULE: Rule = Rule {
    code: "DCW022",
    slug: "default-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::LOOK,
    consumers: &[RustValidator, SnowflakeTable, Model],
    migration: Migration::Backfill,
    witness: WitnessKind::Record,
    what: "A field got a default, lost it, or has another one.",
    why: "Records that leave the field out get another value than before: stored rows keep the \
          old default, so the column means two things. Where a field that must be there \
          loses its default it is DCW021, where it gets one DCW020: such records are refused \
          by the side without it. Salesforce leaves out what did not change: with a default that \
          means the default, without one nothing.",
    how: "Keep a default for as long as landed records may lack the field. Where the value changes, \
          backfill the rows that hold the old one.",
    cases: cases!("DCW022-default-changed"),
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let promise = pair.entity.old.compatibility;
    let (before, after) = (pair.entity.before(), pair.entity.after());
    let required = |entity, field: &FieldSpec| !field.optional && !patches_only(entity, field);
    let names = enum_value_renamed::renamed(pair);
    if !names.is_empty() && enum_value_renamed::default(pair, &names) {
        return;
    }
    let (rule, what, broken) = match (&pair.old.evolution.default, &pair.new.evolution.default) {
        (old, new) if old == new => return,
        (Some(old), Some(new)) => {
            let mut broken = vec![after.validator("fills in another value")];
            broken.extend(pair.stored("holds both defaults"));
            (&RULE, format!("has the default {new}, which was {old}"), mildly(broken))
        }
        (None, Some(new)) => {
            let broken = vec![before.validator("rejects records without the field")];
            let what = format!("got the default {new}");
            if required(pair.entity.old, pair.old) {
                (&field_became_nullable::RULE, what, broken)
            } else {
                (&RULE, what, under(promise, Promised::Forward, mildly(broken)))
            }
        }
        (Some(old), None) => {
            let broken = vec![after.validator("rejects records without the field")];
            let what = format!("lost its default {old}");
            if required(pair.entity.new, pair.new) {
                (&field_became_required::RULE, what, broken)
            } else {
                (&RULE, what, under(promise, Promised::Backward, mildly(broken)))
            }
        }
        (None, None) => return,
    };
    let headline = format!("{} {what}", pair.shown());
    let leaf = pair.leaf("evolution/default");
    let finding = pair.finding(rule, "default", headline, broken, RULE.how);
    findings.push(finding.explaining(leaf.clone()));
    if rule.code != RULE.code {
        findings.extend(filled(pair).map(|effect| effect.because_of(leaf)));
    }
}

/// A record that leaves out what did not change says nothing of a field, unless there is a default to fill in. None: no source
/// of the field leaves anything out.
fn filled(pair: FieldPair<'_>) -> Option<Finding> {
    let patched = |entity: &EntitySpec, field: &FieldSpec| {
        let patches = |source: &String| {
            matches!(entity.sources.get(source), Some(SourceSpec::Salesforce { .. }))
        };
        field.from.keys().any(patches)
    };
    if !patched(pair.entity.old, pair.old) || !patched(pair.entity.new, pair.new) {
        return None;
    }
    let how = "fills in a value where a record says nothing";
    let promise = pair.entity.old.compatibility;
    let broken = if pair.new.evolution.default.is_some() {
        under(promise, Promised::Backward, vec![pair.entity.after().validator(how)])
    } else {
        under(promise, Promised::Forward, vec![pair.entity.before().validator(how)])
    };
    let headline = format!("{} is filled in where Salesforce leaves it out", pair.shown());
    Some(pair.finding(&RULE, "default", headline, mildly(broken), RULE.how))
}
