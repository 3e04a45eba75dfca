//! A field got a default, lost it, or has another one.

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
          by the side without it.",
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
    findings.push(
        pair.finding(rule, "default", headline, broken, RULE.how)
            .explaining(pair.leaf("evolution/default")),
    );
}
