//! A field that was stored in the open is personal data now, or another class of it.

use covenant_model::spec::PiiSpec;

use super::pii_lowered::strength;
use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCP303",
    slug: "pii-raised",
    direction: Direction::Tightens,
    mirror: Mirror::Uneven(
        "DCP301",
        "what was hidden is seen at once; what was open stays where it is",
    ),
    modes: Modes::BOTH,
    consumers: &[SnowflakeTable, SalesforceMapping, Model],
    migration: Migration::Backfill,
    witness: WitnessKind::Record,
    what: "A field is personal data from now on, or of another class, and rows stored before \
          are not protected like it.",
    why: "Old rows, landed files and Salesforce hold it as it was; tokens of another class do \
          not join.",
    how: "Protect it now, then purge or rewrite what is stored: replay landing under a higher \
          revision, and drop old files.",
    cases: cases!("DCP303-pii-raised"),
    check: Check::Sides(check),
};

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for pair in sides.entities().flat_map(EntityPair::fields) {
        let Some(class) = raised(pair.old.pii.as_ref(), pair.new.pii.as_ref()) else { continue };
        let after = pair.entity.after();
        let mut broken: Vec<Consumer> =
            after.column(pair.old, "holds unprotected rows").into_iter().collect();
        broken.extend(after.mappings(pair.new, "holds it as it was"));
        broken.extend(after.models(&pair.new.name, "reads what is protected now"));
        let headline = format!("{} is personal data now: {class}", pair.shown());
        let help = "protect it, then rewrite or purge what is stored";
        // A class asks for columns of its own in the models that show the field.
        let hops = after.lineage(&pair.new.name);
        let models = hops.iter().filter_map(|hop| {
            let (model, column) = hop.path.split_once("/fields/")?;
            let column = sides.new.model(model)?.fields.iter().find(|one| one.name == column)?;
            Some(leaf_of_field(model, column.id, "pii"))
        });
        let models: Vec<String> = models.collect();
        // What was dropped and is dropped stands nowhere.
        let nowhere = broken.is_empty();
        let mut finding = pair.finding(&RULE, "pii", headline, broken, help).untouched(nowhere);
        if nowhere {
            finding = finding.always(Grade::Info);
        }
        // In place of the value stands a text: what the value was to be there is gone.
        let finding = finding.cascading([pair.leaf("terms/types")]);
        findings.push(finding.cascading(models).via(hops));
    }
    for pair in sides.models() {
        for (old, new) in pair.columns() {
            let Some(class) = raised(old.pii.as_ref(), new.pii.as_ref()) else { continue };
            let headline = format!("{}.{} is personal data now: {class}", pair.new.name, new.name);
            let how = "holds unprotected rows";
            let broken = vec![consumers::model_table(sides.new, pair.new, Some(&new.name), how)];
            let leaf = leaf_of_field(&pair.new.name, new.id, "pii");
            let below = format!("fields/{}/pii", new.name);
            findings.push(pair.finding(&RULE, &below, headline, broken, RULE.how).claiming([leaf]));
        }
    }
}

/// The new class, where it is another one and hides no less.
fn raised<'a>(old: Option<&PiiSpec>, new: Option<&'a PiiSpec>) -> Option<&'a str> {
    let new_class = new?;
    let lowered = strength(new) < strength(old);
    (!lowered && old != new).then_some(new_class.class.as_str())
}
