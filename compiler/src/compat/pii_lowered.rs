//! A field's personal data is protected less than before.

use covenant_model::spec::{FieldSpec, Protection};

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{FieldPair, consumers};

pub(super) static RULE: Rule = Rule {
    code: "DCP301",
    slug: "pii-lowered",
    modes: Modes { backward: Grade::Error, forward: Grade::Error },
    migration: Migration::Inplace,
    explain: "A field of personal data lost its class, or is protected less than before.\n\nWhoever reads the table, the files or the \
              logs sees more than was agreed. Graded an error in every mode, whoever is bound.\n\nIf the field really holds no \
              personal data, let the owner of the data agree in the review, and say so in the change.",
    check: Check::Field(check),
};

/// How much a protection hides; more is better.
pub(super) fn strength(field: &FieldSpec) -> u8 {
    match field.pii.as_ref().map(|pii| pii.protect) {
        None => 0,
        Some(Protection::Mask) => 1,
        Some(Protection::Encrypt) => 2,
        Some(Protection::Tokenize) => 3,
        Some(Protection::Drop) => 4,
    }
}

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    if strength(pair.new) >= strength(pair.old) {
        return;
    }
    let class =
        |field: &FieldSpec| field.pii.as_ref().map_or("none".to_owned(), |pii| pii.class.clone());
    let entity = pair.entity.new;
    let how = "shows more than was agreed";
    let mut broken: Vec<_> = consumers::column(entity, pair.new, how).into_iter().collect();
    broken.extend(consumers::mappings(entity, pair.new, how));
    broken.extend(consumers::models(pair.entity.sides.new, &entity.name, &pair.new.name, how));
    findings.push(
        Finding::new(
            &RULE,
            pair.entity.old.compatibility,
            format!("{}/fields/{}/pii", entity.name, pair.new.name),
            format!(
                "{}.{} is protected less: class {} became {}",
                entity.name,
                pair.new.name,
                class(pair.old),
                class(pair.new)
            ),
            broken,
            "keep the class; lowering it needs the agreement of the data's owner".into(),
        )
        .always(Grade::Error),
    );
}
