//! A symbol is gone, or the order of a ranked enum changed.

use covenant_model::value::LogicalType;

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{FieldPair, consumers};

pub(super) static RULE: Rule = Rule {
    code: "DCW040",
    slug: "enum-value-removed",
    modes: Modes { backward: Grade::Error, forward: Grade::Info },
    migration: Migration::Precheck,
    explain: "An enum lost a symbol.\n\nThe new validator rejects records that hold it: landed changes that are replayed, events \
              in flight. Stored rows keep it, models that compare with it find nothing new, a Salesforce picklist value stays \
              behind.\n\nStop producing it first, correct the rows that hold it, then remove it.",
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let (LogicalType::Enum { symbols: old }, LogicalType::Enum { symbols: new }) =
        (&pair.old.ty, &pair.new.ty)
    else {
        return;
    };
    let entity = pair.entity.new;
    for symbol in old.iter().filter(|symbol| !new.contains(symbol)) {
        let mut broken = vec![consumers::validator(entity, "rejects records that hold it")];
        broken.extend(consumers::column(entity, pair.new, "still holds it"));
        broken.extend(consumers::mappings(entity, pair.new, "keeps it as a picklist value"));
        let how = "may compare with it";
        broken.extend(
            consumers::models(pair.entity.sides.new, &entity.name, &pair.new.name, how)
                .into_iter()
                .filter(|consumer| {
                    pair.entity.sides.new.models.iter().any(|model| {
                        model.name == consumer.name && model.query.contains(&format!("'{symbol}'"))
                    })
                }),
        );
        findings.push(Finding::new(
            &RULE,
            pair.entity.old.compatibility,
            format!("{}/fields/{}/type", entity.name, pair.new.name),
            format!("{}.{} lost the value {symbol}", entity.name, pair.new.name),
            broken,
            "stop producing it, correct the rows that hold it, then remove it".into(),
        ));
    }
}
