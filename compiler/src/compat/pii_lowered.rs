//! A field's personal data is protected less than before.

use covenant_model::spec::{PiiSpec, Protection};

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCP301",
    slug: "pii-lowered",
    direction: Direction::Loosens,
    mirror: Mirror::Uneven(
        "DCP303",
        "what was open stays where it is; what was hidden is seen at once",
    ),
    modes: Modes::BOTH,
    consumers: &[SnowflakeTable, SalesforceMapping, Model],
    migration: Migration::Inplace,
    witness: WitnessKind::Record,
    what: "A field of personal data lost its class, or is protected less than before.",
    why: "Whoever reads the table, the files or the logs sees more than was agreed. An error \
          in every mode, whoever is bound.",
    how: "If the field really holds no personal data, let the owner of the data agree in the \
          review, and say so in the change.",
    cases: cases!("DCP301-pii-lowered"),
    check: Check::Sides(check),
};

/// How much a protection hides; more is better.
pub(super) fn strength(pii: Option<&PiiSpec>) -> u8 {
    match pii.map(|pii| pii.protect) {
        None => 0,
        Some(Protection::Mask) => 1,
        Some(Protection::Encrypt) => 2,
        Some(Protection::Tokenize) => 3,
        Some(Protection::Drop) => 4,
    }
}

fn class(pii: Option<&PiiSpec>) -> String {
    pii.map_or_else(|| "none".to_owned(), |pii| pii.class.clone())
}

fn told(what: &str, old: Option<&PiiSpec>, new: Option<&PiiSpec>) -> String {
    format!("{what} is protected less: class {} became {}", class(old), class(new))
}

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for pair in sides.entities().flat_map(EntityPair::fields) {
        let (old, new) = (pair.old.pii.as_ref(), pair.new.pii.as_ref());
        if strength(new) >= strength(old) {
            continue;
        }
        let after = pair.entity.after();
        let headline = told(&pair.shown(), old, new);
        let broken = pair.stored("shows more than was agreed");
        let help = "keep the class; lowering it needs the agreement of the data's owner";
        let mut finding = pair
            .finding(&RULE, "pii", headline, broken, help)
            .cascading([pair.leaf("terms/types")]);
        if let Some(old) = old {
            let path = finding.subject.trim_end_matches("/pii").to_owned();
            finding = finding.mend(Mend {
                title: format!("keep the class `{}`", old.class),
                path,
                edit: MendEdit::AddEntry(format!("pii: {}", old.class)),
                safe: false,
            });
        }
        findings.push(finding.via(after.lineage(&pair.new.name)));
    }
    for pair in sides.models() {
        for (old, new) in pair.columns() {
            let (before, after) = (old.pii.as_ref(), new.pii.as_ref());
            if strength(after) >= strength(before) {
                continue;
            }
            let headline = told(&format!("{}.{}", pair.new.name, new.name), before, after);
            let how = "shows more than was agreed";
            let table = consumers::model_table(sides.new, pair.new, Some(&new.name), how);
            let mut broken = vec![table];
            broken.extend(consumers::models(sides.new, &pair.new.name, &new.name, how));
            let leaf = leaf_of_field(&pair.new.name, new.id, "pii");
            let below = format!("fields/{}/pii", new.name);
            findings.push(pair.finding(&RULE, &below, headline, broken, RULE.how).claiming([leaf]));
        }
    }
}
