//! A symbol is new.

use covenant_model::value::LogicalType;

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{FieldPair, consumers};

pub(super) static RULE: Rule = Rule {
    code: "DCW041",
    slug: "enum-value-added",
    modes: Modes { backward: Grade::Info, forward: Grade::Error },
    migration: Migration::None,
    explain: "An enum got a symbol.\n\nOld validators reject records that hold it, a restricted Salesforce picklist refuses it \
              until its metadata is deployed, and models that list the symbols miss it.\n\nDeploy validators and picklists \
              first, let the producer use it afterwards, and look at the models that are named.",
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let (LogicalType::Enum { symbols: old }, LogicalType::Enum { symbols: new }) =
        (&pair.old.ty, &pair.new.ty)
    else {
        return;
    };
    let entity = pair.entity.new;
    for symbol in new.iter().filter(|symbol| !old.contains(symbol)) {
        let mut broken =
            vec![consumers::validator(pair.entity.old, "rejects records that hold it")];
        broken.extend(consumers::mappings(entity, pair.new, "refuses it until deployed"));
        let how = "lists symbols and misses it";
        broken.extend(
            consumers::models(pair.entity.sides.new, &entity.name, &pair.new.name, how)
                .into_iter()
                .filter(|consumer| {
                    pair.entity.sides.new.models.iter().any(|model| {
                        let listed = |known: &String| model.query.contains(&format!("'{known}'"));
                        model.name == consumer.name && old.iter().any(listed)
                    })
                }),
        );
        findings.push(Finding::new(
            &RULE,
            pair.entity.old.compatibility,
            format!("{}/fields/{}/type", entity.name, pair.new.name),
            format!("{}.{} got the value {symbol}", entity.name, pair.new.name),
            broken,
            "deploy validators and picklists first, then let the producer use it".into(),
        ));
    }
}
