//! A document without a class, beside personal data.

use covenant_model::spec::Protection;
use covenant_model::value::LogicalType;

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCP317",
    slug: "free-inflow-beside-personal-data",
    direction: Direction::Loosens,
    mirror: Mirror::None("a document that goes lets nothing in"),
    modes: Modes::LOOK,
    consumers: &[People],
    migration: Migration::None,
    witness: WitnessKind::None("what writers will put into documents is not in the contracts"),
    what: "A `json` field without a class is told by a source that tells personal data, too.",
    why: "A document holds whatever its writers put in: what is protected in the fields beside it \
          may come in by it, unprotected.",
    how: "Give it a class, or take only the members that are needed, as fields of their own.",
    cases: cases!("DCP317-free-inflow-beside-personal-data"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let is_free = |field: &FieldSpec| field.ty == LogicalType::Json && field.pii.is_none();
    for field in pair.new.fields.iter().filter(|field| is_free(field)) {
        if field_of_id(pair.old, field.id).is_some_and(is_free) {
            continue;
        }
        let personal = pair.new.fields.iter().find(|other| {
            let protect = other.pii.as_ref().map(|pii| pii.protect);
            protect.is_some_and(|protect| protect != Protection::Drop)
                && other.from.keys().any(|source| field.from.contains_key(source))
        });
        let Some(personal) = personal else { continue };
        let path = format!("{}/fields/{}/type", pair.new.name, field.name);
        let who = people(Side::New, path, &pair.new.owner, "must say what may be in it");
        let headline = format!(
            "{}.{} takes any document, from a source that tells {}",
            pair.new.name, field.name, personal.name
        );
        let added = field_of_id(pair.old, field.id).is_none();
        let below = if added { "" } else { "type" };
        let cause = leaf_of_field(&pair.new.name, field.id, below);
        let attribute = format!("fields/{}", field.name);
        findings
            .push(pair.finding(&RULE, &attribute, headline, vec![who], RULE.how).because_of(cause));
    }
}
