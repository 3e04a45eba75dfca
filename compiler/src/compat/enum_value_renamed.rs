//! A symbol of an enum is called by another name, and the contract says so.

use std::collections::BTreeMap;

use covenant_model::value::LogicalType;

use super::enum_value_removed::{listing, reordered};
use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCW043",
    slug: "enum-value-renamed",
    direction: Direction::Changes,
    mirror: Mirror::Uneven("DCW041", "the old contract does not say what its symbol was called"),
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable, SalesforceMapping, Model],
    migration: Migration::Inplace,
    witness: WitnessKind::Record,
    what: "A symbol of an enum is called by another name, or its former name is read no longer.",
    why: "The new validator reads the old name as the new one; the old one refuses the new. Stored \
          rows and Salesforce records hold the old name until they are updated, and models that \
          compare with it find nothing any more.",
    how: "Deploy validators before producers use the new name, run the UPDATE of `covenant migrate`, \
          and change the models that are named in the same change.",
    cases: cases!("DCW043-enum-value-renamed"),
    check: Check::Field(check),
};

/// Old symbols -> what they are called now, of those that this change renames.
pub(super) fn renamed(pair: FieldPair<'_>) -> BTreeMap<&str, &str> {
    let (LogicalType::Enum { symbols: old }, LogicalType::Enum { symbols: new }) =
        (&pair.old.ty, &pair.new.ty)
    else {
        return BTreeMap::new();
    };
    let all = pair.new.evolution.renamed.iter();
    all.filter(|(was, is)| old.contains(was) && !old.contains(is) && new.contains(is))
        .map(|(was, is)| (was.as_str(), is.as_str()))
        .collect()
}

/// The symbols of both sides, the old ones by their new names. None: not both are enums.
pub(super) fn symbols<'a>(pair: FieldPair<'a>) -> Option<(Vec<String>, &'a [String])> {
    let (LogicalType::Enum { symbols: old }, LogicalType::Enum { symbols: new }) =
        (&pair.old.ty, &pair.new.ty)
    else {
        return None;
    };
    let names = renamed(pair);
    let now =
        |symbol: &String| names.get(symbol.as_str()).map_or(symbol.clone(), |is| (*is).to_owned());
    Some((old.iter().map(now).collect(), new))
}

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let Some((old, new)) = symbols(pair) else { return };
    let promise = pair.entity.old.compatibility;
    let (before, after) = (pair.entity.before(), pair.entity.after());
    let names = renamed(pair);
    for (was, is) in &names {
        let stale = vec![before.validator("does not know the new name")];
        let mut broken = under(promise, Promised::Forward, stale);
        broken.extend(after.column(pair.new, "holds the old name until it is updated"));
        broken.extend(after.mappings(pair.new, "shows the old name until it is delivered anew"));
        let listed = [(*was).to_owned()];
        broken.extend(listing(pair, &listed, "compares with the old name"));
        let headline = format!("the value {was} of {} is called {is}", pair.shown());
        let mut finding = pair.finding(&RULE, "type", headline, broken, RULE.how);
        let mut claims = vec![
            format!("type/symbols/{was}"),
            format!("type/symbols/{is}"),
            format!("evolution/renamed/{was}"),
        ];
        if !reordered(&old, new) {
            claims.push("type/order".to_owned());
        }
        if transitions(pair, &names) {
            claims.push("transitions".to_owned());
        }
        if default(pair, &names) {
            claims.push("evolution/default".to_owned());
        }
        finding.claims = claims.iter().map(|claim| pair.leaf(claim)).collect();
        findings.push(finding.cascading(followers(pair)));
    }
    forgotten(pair, findings, &names);
}

/// Whether the transitions are the same, but for names.
fn transitions(pair: FieldPair<'_>, names: &BTreeMap<&str, &str>) -> bool {
    let now =
        |state: &String| names.get(state.as_str()).map_or(state.clone(), |is| (*is).to_owned());
    let old = pair.old.transitions.iter();
    let old: BTreeMap<String, Vec<String>> =
        old.map(|(state, next)| (now(state), next.iter().map(now).collect())).collect();
    old == pair.new.transitions
}

/// Whether the default is the same, but for its name.
pub(super) fn default(pair: FieldPair<'_>, names: &BTreeMap<&str, &str>) -> bool {
    let now = |text: &String| names.get(text.as_str()).map_or(text.clone(), |is| (*is).to_owned());
    pair.old.evolution.default.as_ref().map(now) == pair.new.evolution.default
}

/// Rules and queries that name the symbol follow it.
fn followers(pair: FieldPair<'_>) -> Vec<String> {
    let entity = pair.entity.new;
    let reads = |ix: usize| id_of(entity, ix) == Some(pair.new.id);
    let rules = entity.quality.iter().filter(|rule| rule.expect.fields().into_iter().any(reads));
    let mut leaves: Vec<String> =
        rules.map(|rule| format!("{}/quality/{}/expect", entity.name, rule.name)).collect();
    let models = pair.entity.after().models(&pair.new.name, "");
    leaves.extend(models.into_iter().map(|one| format!("{}/query", one.name)));
    leaves
}

/// Entries of `renamed` that came or went without a symbol being renamed.
fn forgotten(pair: FieldPair<'_>, findings: &mut Vec<Finding>, names: &BTreeMap<&str, &str>) {
    let (old, new) = (&pair.old.evolution.renamed, &pair.new.evolution.renamed);
    let all: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for was in all.into_iter().filter(|was| old.get(*was) != new.get(*was)) {
        if names.contains_key(was.as_str()) {
            continue;
        }
        let promise = pair.entity.old.compatibility;
        let (what, broken) = if new.contains_key(was) {
            let stale = pair.entity.before().validator("refuses records that use it").mildly();
            ("is read from now on", under(promise, Promised::Forward, vec![stale]))
        } else {
            let blind = pair.entity.after().validator("refuses records that use it");
            ("is no longer read", under(promise, Promised::Backward, vec![blind]))
        };
        let headline = format!("the former value {was} of {} {what}", pair.shown());
        let leaf = pair.leaf(&format!("evolution/renamed/{was}"));
        let finding = pair.finding(&RULE, "renamed", headline, broken, RULE.how);
        findings.push(finding.explaining(leaf));
    }
}
