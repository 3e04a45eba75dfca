//! An entity is gone: its table stands still, what refers to it dangles.

use covenant_model::spec::EntitySpec;

use super::lifecycle;
use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCW001",
    slug: "entity-removed",
    direction: Direction::Loosens,
    mirror: Mirror::Uneven("DCW003", "whoever is there loses; nobody depends on what is new"),
    modes: Modes::FORWARD,
    consumers: &[RustValidator, SnowflakeTable, SalesforceMapping, Model, Reference],
    migration: Migration::None,
    witness: WitnessKind::Statement,
    what: "An entity that was there is gone.",
    why: "Its table is no longer written, its Salesforce records are no longer kept up to \
          date, and what refers to it dangles.",
    how: "Move its consumers away first, in a change of their own; then remove it. After its \
          `sunset`, and when nobody is left, its removal is a warning.",
    cases: cases!("DCW001-entity-removed"),
    check: Check::Sides(check),
};

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for entity in &sides.old.plan.entities {
        if sides.new.entity(&entity.name).is_some() {
            continue;
        }
        let before = consumers::Bound { view: sides.old, entity };
        let mut broken = vec![before.validator("is no longer generated")];
        broken.extend(before.table("is no longer written"));
        broken.extend(before.object("is no longer kept up to date"));
        broken.extend(before.readers("reads it"));
        broken.extend(before.references("refers to it"));
        let name = entity.name.clone();
        let terms = (entity.terms.status, entity.terms.sunset.as_deref());
        let announced = lifecycle::announced(terms.0, terms.1, sides.today, &broken);
        let broken = if announced.is_some() { mildly(broken) } else { broken };
        let headline = format!("entity {name} was removed{}", announced.unwrap_or_default());
        let help = "move its consumers away first, then remove it";
        let followers = followers(sides, entity);
        findings.push(
            Finding::new(&RULE, entity.compatibility, name.clone(), headline, broken, help)
                .new_at(None)
                .claiming([name])
                .cascading(followers),
        );
    }
}

/// Leaves elsewhere that cannot stay as they are.
fn followers(sides: Sides<'_>, entity: &EntitySpec) -> Vec<String> {
    let references = sides.old.referring(&entity.name).iter();
    let mut leaves: Vec<String> = references
        .map(|(other, field)| leaf_of_field(&other.name, field.id, "references"))
        .collect();
    for (other, field) in sides.old.referring(&entity.name) {
        let Some(sink) = &other.salesforce else { continue };
        let lookups = sink.fields.iter().filter(|mapped| {
            mapped.parent_external_id.is_some() && id_of(other, mapped.source) == Some(field.id)
        });
        let leaf = |target: &str| format!("{}/salesforce/fields/{target}", other.name);
        leaves.extend(lookups.map(|mapped| leaf(&mapped.target)));
    }
    for model in sides.old.readers(&entity.name) {
        leaves.push(format!("{}/query", model.name));
        let shown = |(from, _): &(String, String)| *from == entity.name;
        let columns = model.fields.iter().filter(|column| column.lineage.iter().any(shown));
        leaves.extend(columns.map(|column| leaf_of_field(&model.name, column.id, "")));
    }
    leaves
}
