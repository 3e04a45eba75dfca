//! A field that was stored in the open is personal data now, or another class of it.

use super::pii_lowered::strength;
use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{FieldPair, consumers};

pub(super) static RULE: Rule = Rule {
    code: "DCP303",
    slug: "pii-raised",
    modes: Modes { backward: Grade::Error, forward: Grade::Error },
    migration: Migration::Backfill,
    explain: "A field is personal data from now on, or of another class, and rows stored before are not protected like it.\n\nOld rows, \
              landed files and Salesforce hold it as it was; tokens of another class do not join.\n\nProtect it now, then purge \
              or rewrite what is stored: replay landing under a higher revision, and drop old files.",
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let Some(new_class) = &pair.new.pii else { return };
    if strength(pair.new) < strength(pair.old) {
        return; // lowered: one change, one finding
    }
    let raised = match &pair.old.pii {
        None => true,
        Some(old) => old.class != new_class.class,
    };
    if !raised {
        return;
    }
    let entity = pair.entity.new;
    let mut broken: Vec<_> =
        consumers::column(entity, pair.new, "holds unprotected rows").into_iter().collect();
    broken.extend(consumers::mappings(entity, pair.new, "holds it as it was"));
    let how = "reads what is protected now";
    broken.extend(consumers::models(pair.entity.sides.new, &entity.name, &pair.new.name, how));
    findings.push(
        Finding::new(
            &RULE,
            pair.entity.old.compatibility,
            format!("{}/fields/{}/pii", entity.name, pair.new.name),
            format!("{}.{} is personal data now: {}", entity.name, pair.new.name, new_class.class),
            broken,
            "protect it, then rewrite or purge what is stored".into(),
        )
        .always(Grade::Error),
    );
}
