//! An entity is called by another name, and the contract says by which it was called before.
//!
//! The old side is read as if it had had the new name all along: then everything else is compared as usual, and what is
//! shown of the old side gets its old name back in the end.

use super::finding::Hop;
use super::prelude::*;
use crate::plan::Plan;

pub(super) static RULE: Rule = Rule {
    code: "DCW002",
    slug: "entity-renamed",
    direction: Direction::Changes,
    mirror: Mirror::Uneven("DCW001", "without the word a rename is a removal and an addition"),
    modes: Modes { backward: Grade::Warning, forward: Grade::Error },
    consumers: &[RustValidator, SnowflakeTable, SalesforceMapping, Model, Reference],
    migration: Migration::Inplace,
    witness: WitnessKind::None("the records are the same; they come from or go elsewhere"),
    what: "An entity is called by another name, and `formerly` says what it was called.",
    why: "Fields keep their ids and rows stay. Landed files, ledgers and generated modules go by the \
          name: what was landed under the old one must be applied before the change, and whoever \
          still runs the old contracts knows the old name only.",
    how: "Let everything that was landed be applied, stop, run `covenant migrate` (tables are renamed, \
          a view keeps the old name), start the new runtime. Keep `formerly` for as long as old \
          versions are compared.",
    cases: cases!("DCW002-entity-renamed"),
    check: Check::Entity(check),
};

/// Former and present name of every entity that the change renames.
pub(super) fn renames(old: &Plan, new: &Plan) -> Vec<(String, String)> {
    let renamed = new.entities.iter().filter_map(|entity| {
        let was = old.predecessor(entity)?;
        (was.name != entity.name).then(|| (was.name.clone(), entity.name.clone()))
    });
    renamed.collect()
}

/// The old side by the new names. An entity that was renamed says that it was called as it is now: no checked contract
/// does, so that the rule finds it.
pub(super) fn aligned(old: &Plan, renames: &[(String, String)]) -> Plan {
    let mut plan = old.clone();
    for (was, is) in renames {
        for entity in &mut plan.entities {
            if entity.name == *was {
                entity.name.clone_from(is);
                entity.evolution.formerly = Some(is.clone());
            }
            for field in &mut entity.fields {
                rename(&mut field.references, was, is);
            }
            let parents = entity.salesforce.iter_mut().flat_map(|sink| &mut sink.parents);
            parents.filter(|parent| *parent == was).for_each(|parent| parent.clone_from(is));
        }
        for model in &mut plan.models {
            model.query = in_text(&model.query, was, is);
            model.inputs.iter_mut().filter(|one| *one == was).for_each(|one| one.clone_from(is));
            model.inputs.sort();
            for (from, _) in model.fields.iter_mut().flat_map(|field| &mut field.lineage) {
                if from == was {
                    from.clone_from(is);
                }
            }
        }
    }
    plan.entities.sort_by(|a, b| a.name.cmp(&b.name));
    plan
}

fn rename(name: &mut Option<String>, was: &str, is: &str) {
    if name.as_deref() == Some(was) {
        *name = Some(is.to_owned());
    }
}

/// A name in a query, where it stands as a word.
fn in_text(text: &str, was: &str, is: &str) -> String {
    let inside = |at: Option<char>| at.is_some_and(|at| at.is_alphanumeric() || at == '_');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(was) {
        let (before, found) = rest.split_at(at);
        let after = found.get(was.len()..).unwrap_or("");
        let last = before.chars().next_back().or_else(|| out.chars().next_back());
        let word = !inside(last) && last != Some('.') && !inside(after.chars().next());
        out.push_str(before);
        out.push_str(if word { is } else { was });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// What is shown of the old side gets its old name back.
pub(super) fn restore(findings: &mut [Finding], renames: &[(String, String)]) {
    let old = |path: &mut String| {
        for (was, is) in renames {
            let below = path
                .strip_prefix(is.as_str())
                .filter(|rest| rest.is_empty() || rest.starts_with('/'));
            if let Some(below) = below {
                *path = format!("{was}{below}");
                return;
            }
        }
    };
    for finding in findings {
        finding.old_path.iter_mut().for_each(old);
        let hops = finding.why.iter_mut().filter(|hop: &&mut Hop| hop.side == Side::Old);
        hops.for_each(|hop| old(&mut hop.path));
        let consumers = finding.consumers.iter_mut().filter(|one| one.side == Side::Old);
        consumers.for_each(|one| old(&mut one.path));
        restore(&mut finding.effects, renames);
    }
}

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let (was, is) = (&pair.old.evolution.formerly, &pair.new.evolution.formerly);
    if was == is {
        return;
    }
    let leaf = pair.leaf("evolution/formerly");
    let renamed = was.as_ref() == Some(&pair.new.name);
    let (headline, broken) = match is {
        Some(is) if renamed => {
            let stale = vec![pair.before().validator("knows the old name only")];
            let stale = under(pair.old.compatibility, Promised::Forward, stale);
            let landed =
                pair.after().validator("finds what was landed under the old name nowhere").mildly();
            let broken = [stale, vec![landed]].concat();
            (format!("entity {is} is called {} from now on", pair.new.name), broken)
        }
        Some(_) | None => {
            (format!("the former name of {} is told otherwise", pair.new.name), Vec::new())
        }
    };
    let mut finding = pair.finding(&RULE, "formerly", headline, broken, RULE.how).claiming([leaf]);
    if renamed {
        // Whoever is renamed moves its table along.
        let place = ["warehouse/database", "warehouse/schema", "warehouse/table"];
        finding =
            finding.old_at(Some(pair.new.name.clone())).cascading(place.map(|one| pair.leaf(one)));
    }
    findings.push(finding);
}

#[cfg(test)]
mod tests {
    use super::in_text;

    #[test]
    fn names_are_words() {
        let text = "SELECT sales.orders.x FROM sales.orders AS o JOIN sales.orders_old JOIN presales.orders";
        let renamed = in_text(text, "sales.orders", "shop.order");
        assert_eq!(
            renamed,
            "SELECT shop.order.x FROM shop.order AS o JOIN sales.orders_old JOIN presales.orders"
        );
    }
}
