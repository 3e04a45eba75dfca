//! Another key: the same rows are other rows.

use covenant_model::spec::EntitySpec;

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{EntityPair, consumers};

pub(super) static RULE: Rule = Rule {
    code: "DCM201",
    slug: "key-changed",
    modes: Modes { backward: Grade::Error, forward: Grade::Error },
    migration: Migration::Rebuild,
    explain: "The key has other fields.\n\nThe merge matches other rows: old rows are found no more and stay as duplicates, joins \
              multiply, Salesforce records are made a second time under another external id.\n\nMake a new entity with the new \
              key, load it beside the old one, move the consumers.",
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let ids = |entity: &EntitySpec| -> Vec<u32> {
        let mut ids: Vec<u32> =
            entity.key.iter().filter_map(|ix| Some(entity.fields.get(*ix)?.id)).collect();
        ids.sort_unstable();
        ids
    };
    if ids(pair.old) == ids(pair.new) {
        return;
    }
    let names = |entity: &EntitySpec| {
        let of = |ix: &usize| entity.fields.get(*ix).map(|field| field.name.clone());
        entity.key.iter().filter_map(of).collect::<Vec<_>>().join(", ")
    };
    let mut broken = vec![consumers::validator(pair.new, "reads another key")];
    broken.extend(consumers::table(pair.old, "is merged by another key"));
    if let Some(sink) = &pair.old.salesforce {
        let of_key = pair
            .old
            .fields
            .iter()
            .flat_map(|field| consumers::mappings(pair.old, field, "identifies other records"));
        broken.extend(of_key.filter(|consumer| consumer.name.ends_with(&sink.external_id)));
    }
    broken.extend(consumers::readers(pair.sides.new, &pair.new.name, "joins by the old key"));
    broken.extend(consumers::references(pair.sides.new, &pair.new.name, "refers by the old key"));
    findings.push(Finding::new(
        &RULE,
        pair.old.compatibility,
        format!("{}/key", pair.new.name),
        format!(
            "the key of {} changed from {} to {}",
            pair.new.name,
            names(pair.old),
            names(pair.new)
        ),
        broken,
        "make a new entity with the new key, load it beside the old one, move the consumers".into(),
    ));
}
