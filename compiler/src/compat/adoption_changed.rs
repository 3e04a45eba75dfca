//! Records that people made are taken for ours in another way.

use covenant_model::spec::{Adoption, EntitySpec, Review, Unmatched};

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS123",
    slug: "adoption-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::LOOK,
    consumers: &[People],
    migration: Migration::None,
    witness: WitnessKind::None("it is about records in the org, and the rows are the same"),
    what: "Records that people made in Salesforce before the first delivery are matched, reviewed or left alone in another way.",
    why: "Where it is new, deliveries of the entity wait until a plan is applied. Where it is gone, a row whose record has no \
          external id yet makes a second one.",
    how: "Tell whoever reviews adoptions; look at `covenant-runtime adopt show` after the next start.",
    cases: cases!("DCS123-adoption-changed"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let (Some(old), Some(new)) = (&pair.old.salesforce, &pair.new.salesforce) else { return };
    let before = old.adopt.as_ref().map(|adopt| meaning(pair.old, adopt));
    let after = new.adopt.as_ref().map(|adopt| meaning(pair.new, adopt));
    if before == after {
        return;
    }
    let object = &new.object;
    let headline = match (&before, &after) {
        (None, _) => format!("{object} records of people are adopted before rows are delivered"),
        (Some(_), None) => format!("{object} records of people are no longer adopted"),
        (Some(before), Some(after)) if before.0 != after.0 => {
            format!(
                "{object} records of people are matched by {}, no longer by {}",
                after.0, before.0
            )
        }
        (Some(before), Some(after)) if before.1 != after.1 => match after.1 {
            Unmatched::Create => {
                format!("rows that match no {object} record make one, and no longer wait")
            }
            Unmatched::Wait => {
                format!("rows that match no {object} record wait, and no longer make one")
            }
        },
        (Some(_), Some(after)) => match after.2 {
            Review::Auto => format!("nobody reviews which {object} records are taken for ours"),
            Review::ByHand => format!("a person reviews which {object} records are taken for ours"),
        },
    };
    let path = pair.leaf(&format!("sinks/{}", new.system));
    let broken = vec![people(Side::New, path, &pair.new.owner, "reviews other adoptions")];
    let below = match new.adopt {
        Some(_) => format!("sinks/{}/adopt", new.system),
        None => format!("sinks/{}", new.system),
    };
    let leaf = pair.leaf("salesforce/adopt");
    findings.push(pair.finding(&RULE, &below, headline, broken, RULE.how).claiming([leaf]));
}

/// What it says, with fields by id.
fn meaning(entity: &EntitySpec, adopt: &Adoption) -> (String, Unmatched, Review) {
    (rules(entity, adopt).join(", then "), adopt.unmatched, adopt.review)
}

/// Each rule in words, with fields by id: a rename is none of its changes.
pub(super) fn rules(entity: &EntitySpec, adopt: &Adoption) -> Vec<String> {
    let rule = |rule: &Vec<covenant_model::spec::MatchPart>| {
        let parts = rule.iter().map(|part| {
            let id = super::sides::id_of(entity, part.field).unwrap_or_default();
            format!("{} = #{id} ({})", part.target, part.compare.word())
        });
        parts.collect::<Vec<_>>().join(" and ")
    };
    adopt.rules.iter().map(rule).collect()
}
