//! A field's id is gone.

use covenant_model::spec::FieldSpec;

use super::prelude::*;
use super::{field_added, lifecycle, query, unknown_members};

pub(super) static RULE: Rule = Rule {
    code: "DCW010",
    slug: "field-removed",
    direction: Direction::Loosens,
    mirror: Mirror::Uneven("DCW014", "a reader loses what an addition gives"),
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable, SalesforceMapping, Model],
    migration: Migration::Inplace,
    witness: WitnessKind::Record,
    what: "A field that was there is gone: its stable id is not used any more.",
    why: "The warehouse column is no longer written, models that read it fail, Salesforce \
          fields that it fed stand still, and old validators that ask for it reject every \
          record. Where a source is closed, the new validator refuses events that still carry it.",
    how: "Move the consumers that are named away first. Keep its id and name under `reserved`, \
          so that neither can come back with another meaning. After its `sunset`, and when neither \
          a model nor Salesforce uses it any more, its removal is a warning.",
    cases: cases!("DCW010-field-removed"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for field in &pair.old.fields {
        if field_of_id(pair.new, field.id).is_some() {
            continue;
        }
        let before = pair.before();
        let mut broken: Vec<Consumer> =
            before.column(field, "is no longer written").into_iter().collect();
        if field_added::is_carried(pair.old, field) {
            broken.push(before.validator("rejects records without it"));
        }
        broken.extend(before.mappings(field, "is no longer fed"));
        broken.extend(before.models(&field.name, "reads it"));
        let promise = pair.old.compatibility;
        let terms = (field.terms.status, field.terms.sunset.as_deref());
        let announced = lifecycle::announced(terms.0, terms.1, pair.sides.today, &broken);
        let broken = if announced.is_some() { mildly(broken) } else { broken };
        let mut broken = under(promise, Promised::Forward, broken);
        if unknown_members::strangers(pair.new, pair.old, field).is_some() {
            let closed = pair.after().validator("rejects events that still carry it");
            broken.extend(under(promise, Promised::Backward, vec![closed]));
        }
        let leaf = leaf_of_field(&pair.new.name, field.id, "");
        let tombstone = pair.leaf(&format!("reserved/#{}", field.id));
        let stone = format!("{{id: {}, name: {}}}", field.id, field.name);
        let kept = pair.new.reserved.iter().any(|reserved| reserved.id == field.id);
        let help = if kept {
            "move the consumers away first".to_owned()
        } else {
            format!("move the consumers away first, and add `{stone}` to `reserved`")
        };
        let below = format!("fields/{}", field.name);
        let headline = format!(
            "field {} of {} was removed{}",
            field.name,
            pair.old.name,
            announced.unwrap_or_default()
        );
        let mut finding = pair
            .finding(&RULE, &below, headline, broken, help)
            .new_at(Some(pair.new.name.clone()))
            .claiming([leaf, tombstone])
            .cascading(followers(pair, field))
            .via(before.lineage(&field.name));
        if !kept {
            finding = finding.mend(Mend {
                title: "keep its id and name under `reserved`".to_owned(),
                path: pair.leaf("reserved"),
                edit: MendEdit::AddItem(stone),
                safe: true,
            });
        }
        findings.push(finding);
    }
}

/// Leaves elsewhere that cannot stay as they are without the field.
pub(super) fn followers(pair: EntityPair<'_>, field: &FieldSpec) -> Vec<String> {
    let entity = pair.old;
    let is_it = |ix: usize| id_of(entity, ix) == Some(field.id);
    let mut leaves = Vec::new();
    if let Some(sink) = &entity.salesforce {
        let fed = sink.fields.iter().filter(|mapped| is_it(mapped.source));
        leaves.extend(fed.map(|mapped| pair.leaf(&format!("salesforce/fields/{}", mapped.target))));
        if sink.filter.as_ref().is_some_and(|filter| is_it(filter.field)) {
            leaves.push(pair.leaf("salesforce/filter"));
        }
    }
    let rules = entity.quality.iter().filter(|rule| rule.expect.fields().into_iter().any(is_it));
    leaves.extend(rules.map(|rule| pair.leaf(&format!("quality/{}", rule.name))));
    let counted = entity.fields.iter().filter(|other| other.generation.is_some_and(is_it));
    leaves.extend(counted.map(|other| leaf_of_field(&entity.name, other.id, "generation")));
    for model in pair.sides.old.readers(&entity.name) {
        let shows = |(from, name): &(String, String)| *from == entity.name && *name == field.name;
        let columns: Vec<_> =
            model.fields.iter().filter(|column| column.lineage.iter().any(shows)).collect();
        if !columns.is_empty() || query::mentions(&model.query, &field.name) {
            leaves.push(format!("{}/query", model.name));
        }
        leaves.extend(columns.iter().map(|one| leaf_of_field(&model.name, one.id, "")));
    }
    leaves
}
