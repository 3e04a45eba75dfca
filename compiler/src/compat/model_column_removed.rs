//! A model lost a column, or is gone.

use covenant_model::spec::ModelSpec;

use super::field_retyped::{Relation, relation};
use super::lifecycle;
use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM223",
    slug: "model-column-removed",
    direction: Direction::Loosens,
    mirror: Mirror::Uneven("DCM228", "readers lose what goes; nobody reads what is new"),
    modes: Modes::BOTH,
    consumers: &[SnowflakeTable, Model],
    migration: Migration::Rebuild,
    witness: WitnessKind::Statement,
    what: "A model lost or renamed a column or changed its type, or is gone.",
    why: "Models and reports that read it fail.",
    how: "Move them away first. After the `sunset` of what goes, and when no model reads it any \
          more, its removal is a warning.",
    cases: cases!("DCM223-model-column-removed"),
    check: Check::Sides(check),
};

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for old in &sides.old.plan.models {
        match sides.new.model(&old.name) {
            None => findings.push(gone(sides, old)),
            Some(new) if new != old => columns(ModelPair { sides, old, new }, findings),
            Some(_) => {}
        }
    }
}

fn gone(sides: Sides<'_>, old: &ModelSpec) -> Finding {
    let how = "is no longer computed";
    let mut broken = vec![consumers::model_table(sides.old, old, None, how)];
    broken.extend(consumers::readers(sides.old, &old.name, "reads it"));
    let terms = (old.terms.status, old.terms.sunset.as_deref());
    let announced = lifecycle::announced(terms.0, terms.1, sides.today, &broken);
    let broken = if announced.is_some() { mildly(broken) } else { broken };
    let headline = format!("model {} was removed{}", old.name, announced.unwrap_or_default());
    let queries = sides.old.readers(&old.name).iter().map(|model| format!("{}/query", model.name));
    let queries: Vec<String> = queries.collect();
    Finding::new(&RULE, old.compatibility, old.name.clone(), headline, broken, RULE.how)
        .new_at(None)
        .claiming([old.name.clone()])
        .cascading(queries)
}

fn columns(pair: ModelPair<'_>, findings: &mut Vec<Finding>) {
    for old in &pair.old.fields {
        let kept = pair.new.fields.iter().find(|other| other.id == old.id);
        let (what, leaves): (String, &[&str]) = match kept {
            Some(kept) if kept.name != old.name => {
                (format!("was renamed to {}", kept.name), &["name", "type"])
            }
            Some(kept) if kept.ty == old.ty => continue,
            Some(kept) => (format!("changed from {} to {}", old.ty, kept.ty), &["type"]),
            None => ("was removed".to_owned(), &[""]),
        };
        let terms = (old.terms.status, old.terms.sunset.as_deref());
        let wider = kept.is_some_and(|kept| {
            kept.name == old.name && relation(&old.ty, &kept.ty) == Relation::Wider
        });
        let table = consumers::model_table(pair.sides.old, pair.old, Some(&old.name), "changes");
        let readers = consumers::models(pair.sides.new, &pair.old.name, &old.name, "reads it");
        let mut broken = vec![table];
        broken.extend(readers);
        // A wider column holds all that the old one held: its readers wait, as they do for fields.
        let announced = lifecycle::announced(terms.0, terms.1, pair.sides.today, &broken)
            .filter(|_| kept.is_none());
        let milder = wider || announced.is_some();
        let broken = if milder { mildly(broken) } else { broken };
        let announced = announced.unwrap_or_default();
        let headline = format!("column {} of {} {what}{announced}", old.name, pair.old.name);
        let below = format!("fields/{}", old.name);
        let path = kept.map_or_else(
            || pair.new.name.clone(),
            |kept| pair.leaf(&format!("fields/{}", kept.name)),
        );
        let claims = leaves.iter().map(|leaf| leaf_of_field(&pair.new.name, old.id, leaf));
        let claims: Vec<String> = claims.collect();
        findings.push(
            pair.finding(&RULE, &below, headline, broken, RULE.how)
                .new_at(Some(path))
                .claiming(claims)
                .cascading([pair.leaf("query")])
                .cascading(pair.old.key.contains(&old.name).then(|| pair.leaf("key")))
                .via(consumers::lineage(pair.sides.old, &pair.old.name, &old.name)),
        );
    }
}
