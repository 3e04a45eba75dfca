//! A field got a default, lost it, or has another one.

use super::enum_value_renamed;
use super::field_added::patches_only;
use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCW022",
    slug: "default-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable, Model],
    migration: Migration::Backfill,
    witness: WitnessKind::Record,
    what: "A field got a default, lost it, or has another one.",
    why: "Records that leave the field out get another value than before: stored rows keep the \
          old default, so the column means two things. Without a default such records are \
          refused: a loss is an error for whoever replays old records, a gain for whoever still \
          runs the old validator.",
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
    let (what, broken) = match (&pair.old.evolution.default, &pair.new.evolution.default) {
        (old, new) if old == new => return,
        (Some(old), Some(new)) => {
            let mut broken = vec![after.validator("fills in another value")];
            broken.extend(pair.stored("holds both defaults"));
            (format!("has the default {new}, which was {old}"), mildly(broken))
        }
        (None, Some(new)) => {
            let broken = vec![before.validator("rejects records without the field")];
            let broken = if required(pair.entity.old, pair.old) { broken } else { mildly(broken) };
            (format!("got the default {new}"), under(promise, Promised::Forward, broken))
        }
        (Some(old), None) => {
            let broken = vec![after.validator("rejects records without the field")];
            let broken = if required(pair.entity.new, pair.new) { broken } else { mildly(broken) };
            (format!("lost its default {old}"), under(promise, Promised::Backward, broken))
        }
        (None, None) => return,
    };
    let headline = format!("{} {what}", pair.shown());
    findings.push(
        pair.finding(&RULE, "default", headline, broken, RULE.how)
            .explaining(pair.leaf("evolution/default")),
    );
}
