//! Another key: the same rows are other rows.

use covenant_model::spec::EntitySpec;

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM201",
    slug: "key-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable, SalesforceMapping, Model, Reference],
    migration: Migration::Rebuild,
    witness: WitnessKind::Record,
    what: "The key has other fields.",
    why: "The merge matches other rows: old rows are found no more and stay as duplicates, \
          joins multiply, Salesforce records are made a second time under another external id.",
    how: "Make a new entity with the new key, load it beside the old one, move the consumers.",
    cases: cases!("DCM201-key-changed"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let (old, new) = (ids(pair.old), ids(pair.new));
    let sorted = |ids: &[u32]| {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids
    };
    if sorted(&old) == sorted(&new) {
        return;
    }
    let mut broken = vec![pair.after().validator("reads another key")];
    broken.extend(pair.before().table("is merged by another key"));
    broken.extend(pair.before().external_id("identifies other records"));
    broken.extend(pair.after().readers("joins by the old key"));
    broken.extend(pair.after().references("refers by the old key"));
    let headline = format!(
        "the key of {} changed from {} to {}",
        pair.new.name,
        names(pair.old),
        names(pair.new)
    );
    let help = "make a new entity with the new key, load it beside the old one, move the consumers";
    let swapped = old.iter().chain(&new).filter(|id| !(old.contains(id) && new.contains(id)));
    let fields = swapped.map(|id| leaf_of_field(&pair.new.name, *id, ""));
    let fields: Vec<String> = fields.collect();
    findings.push(
        pair.finding(&RULE, "key", headline, broken, help)
            .claiming([pair.leaf("key")])
            .cascading(fields),
    );
}

/// Ids of the key's fields, in order.
pub(super) fn ids(entity: &EntitySpec) -> Vec<u32> {
    entity.key.iter().filter_map(|ix| id_of(entity, *ix)).collect()
}

/// Names of the key's fields.
pub(super) fn names(entity: &EntitySpec) -> String {
    let of = |ix: &usize| entity.fields.get(*ix).map(|field| field.name.clone());
    entity.key.iter().filter_map(of).collect::<Vec<_>>().join(", ")
}
