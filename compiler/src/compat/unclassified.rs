//! A leaf changed and no rule says what that means: never silence.

use std::collections::BTreeSet;

use covenant_model::spec::Compatibility;

use super::leaves::{Leaf, unclaimed};
use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCX000",
    slug: "unclassified-change",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[],
    migration: Migration::None,
    witness: WitnessKind::None("no rule knows what it means, so nothing can be tried"),
    what: "Something in the contracts changed, and no rule knows what it means.",
    why: "A change that nobody judges is how personal data, retention or a schedule change unseen. It \
          is a gap of the compiler, not of the contract.",
    how: "Report it with both versions of the contract. Until it is mended, look at the change by hand \
          and waive the finding.",
    cases: "",
    check: Check::Engine,
};

/// A finding for every leaf that none of the findings explains.
pub(super) fn check(sides: Sides<'_>, leaves: &[Leaf], findings: &[Finding]) -> Vec<Finding> {
    let claims: BTreeSet<&str> =
        findings.iter().flat_map(|one| &one.claims).map(String::as_str).collect();
    unclaimed(leaves, &claims).into_iter().map(|leaf| finding(sides, leaf)).collect()
}

fn finding(sides: Sides<'_>, leaf: &Leaf) -> Finding {
    let dataset = leaf.path.split('/').next().unwrap_or_default();
    let promise = sides
        .old
        .entity(dataset)
        .map(|entity| entity.compatibility)
        .or_else(|| sides.old.model(dataset).map(|model| model.compatibility))
        .unwrap_or(Compatibility::Full);
    let path = named(sides, &leaf.path);
    let show = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
    let headline = format!(
        "{path} changed from `{}` to `{}`, and no rule knows what that means",
        show(&leaf.old),
        show(&leaf.new)
    );
    Finding::new(&RULE, promise, path, headline, Vec::new(), RULE.how)
        .claiming([leaf.path.clone()])
        .always(Grade::Error)
}

/// The path with the field's name instead of its id.
fn named(sides: Sides<'_>, path: &str) -> String {
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    let dataset = parts.first().cloned().unwrap_or_default();
    if let Some(id) = parts.get(2).and_then(|part| part.strip_prefix('#')?.parse::<u32>().ok()) {
        let side = [sides.new, sides.old];
        let name = side.iter().find_map(|view| {
            let entity = view.entity(&dataset)?;
            Some(super::sides::field_of_id(entity, id)?.name.clone())
        });
        let column = side.iter().find_map(|view| {
            let model = view.model(&dataset)?;
            Some(model.fields.iter().find(|field| field.id == id)?.name.clone())
        });
        if let (Some(name), Some(part)) = (name.or(column), parts.get_mut(2)) {
            *part = name;
        }
    }
    parts.join("/")
}
