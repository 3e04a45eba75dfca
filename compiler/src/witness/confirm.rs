//! Gives findings their witnesses: what a rule claims that records can show, records must show.

use std::collections::BTreeMap;

use covenant_model::spec::{Compatibility, EntitySpec};
use serde_json::{Value, json};

use super::compose::Sheet;
use super::search::{Focus, Pair, search_on, sheets};
use super::told::{Act, Told};
use super::{Direction, Row, Verdicts, interpret};
use crate::compat::{ConsumerKind, Finding, Grade, Outcome, Rule, Witness, WitnessKind};
use crate::plan::Plan;

/// Looks for a witness of every finding that somebody should look at and that records can show, effects too. An error that only a
/// validator would suffer, and of which no record can be found, becomes a warning and says so.
pub fn confirm<'f>(old: &Plan, new: &Plan, findings: impl IntoIterator<Item = &'f mut Finding>) {
    let mut findings: Vec<&mut Finding> = findings.into_iter().collect();
    // What a contract can tell is worked out once for all findings about it.
    let mut of_entity: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut rows: Vec<Option<Row>> = Vec::new();
    {
        let all: Vec<&Finding> = findings.iter().flat_map(|finding| asked(finding)).collect();
        for (at, finding) in all.iter().enumerate() {
            let name = finding.subject.split('/').next().unwrap_or_default();
            of_entity.entry(name.to_owned()).or_default().push(at);
        }
        rows.resize_with(all.len(), || None);
        for (name, places) in of_entity {
            let Some(new) = new.entity(&name) else { continue };
            let Some(old) = old.predecessor(new) else { continue };
            let about: Vec<&Finding> =
                places.iter().filter_map(|at| all.get(*at).copied()).collect();
            for (at, row) in places.iter().zip(witnesses(old, new, &about)) {
                if let Some(slot) = rows.get_mut(*at) {
                    *slot = row;
                }
            }
        }
    }
    let mut rows = rows.into_iter();
    for finding in &mut findings {
        settle(finding, &mut rows);
    }
}

/// Whether records could show a finding that somebody should look at.
fn is_asked(finding: &Finding) -> bool {
    let records = match finding.rule.witness {
        WitnessKind::Record | WitnessKind::Sequence => true,
        WitnessKind::Sql | WitnessKind::None => false,
    };
    records && finding.grade != Grade::Info && finding.witness.is_none()
}

/// Effects first, then the finding itself.
fn asked(finding: &Finding) -> Vec<&Finding> {
    let effects = finding.effects.iter().flat_map(asked);
    effects.chain(is_asked(finding).then_some(finding)).collect()
}

/// Hands out the witnesses, in the order in which they were asked for.
fn settle(finding: &mut Finding, rows: &mut impl Iterator<Item = Option<Row>>) {
    for effect in &mut finding.effects {
        settle(effect, rows);
    }
    if is_asked(finding) {
        match rows.next().flatten() {
            Some(row) => finding.witness = Some(witness_of(row)),
            None => doubt(finding),
        }
    }
}

/// What no record shows, and nobody but a validator would notice, is no error.
fn doubt(finding: &mut Finding) {
    let others = finding
        .consumers
        .iter()
        .any(|one| one.suffers == Grade::Error && one.kind != ConsumerKind::RustValidator);
    if finding.grade == Grade::Error && !others && !finding.rule.is_personal() {
        finding.grade = Grade::Warning;
        finding.help.push_str(" (no record was found that shows it)");
    }
}

/// One for each finding about an entity, where there is one.
fn witnesses(old: &EntitySpec, new: &EntitySpec, findings: &[&Finding]) -> Vec<Option<Row>> {
    let all = |pair: Pair<'_>| -> Vec<Option<Row>> {
        let mut known: BTreeMap<Direction, Vec<Sheet>> = BTreeMap::new();
        let mut one = |finding: &&Finding| {
            let focus = focus_of(old, new, finding);
            directions(old.compatibility, finding.rule).into_iter().find_map(|direction| {
                let mut of = known.remove(&direction);
                if of.is_none() {
                    let other = known.values().next().map(Vec::as_slice).unwrap_or_default();
                    of = Some(sheets(pair, direction, other));
                }
                let of = of.unwrap_or_default();
                let found = search_on(pair, direction, &focus, &of);
                known.insert(direction, of);
                found
            })
        };
        findings.iter().map(&mut one).collect()
    };
    // A contract that cannot be expressed in Rust has no validator that could part from another.
    let none = || findings.iter().map(|_| None).collect();
    let found = interpret::with(old, |old| interpret::with(new, |new| all(Pair { old, new })));
    found.and_then(|found| found).unwrap_or_else(|_| none())
}

/// The directions in which the rule can be an error under the promise, then the other.
fn directions(promise: Compatibility, rule: &Rule) -> Vec<Direction> {
    let (backward, forward) = match promise {
        Compatibility::Backward | Compatibility::BackwardTransitive => (true, false),
        Compatibility::Forward | Compatibility::ForwardTransitive => (false, true),
        Compatibility::Full | Compatibility::FullTransitive => (true, true),
    };
    let weigh = |promised: bool, grade: Grade| if promised { Some(grade) } else { None };
    let mut both = [
        (weigh(backward, rule.modes.backward), Direction::Backward),
        (weigh(forward, rule.modes.forward), Direction::Forward),
    ];
    both.sort_by_key(|(grade, direction)| (std::cmp::Reverse(*grade), *direction));
    both.into_iter().filter(|(grade, _)| grade.is_some()).map(|(_, direction)| direction).collect()
}

/// What a finding is about, by its paths.
fn focus_of(old: &EntitySpec, new: &EntitySpec, finding: &Finding) -> Focus {
    let sides = [(finding.new_path.as_deref(), new), (finding.old_path.as_deref(), old)];
    let subject = [(Some(finding.subject.as_str()), new), (Some(finding.subject.as_str()), old)];
    for (path, spec) in sides.into_iter().chain(subject) {
        let mut parts = path.unwrap_or_default().split('/').skip(1);
        match (parts.next(), parts.next()) {
            (Some("fields"), Some(name)) => {
                if let Some(field) = spec.fields.iter().find(|field| field.name == name) {
                    return Focus::Field(field.id);
                }
            }
            (Some("quality"), Some(name)) => return Focus::Quality(name.to_owned()),
            (Some(_) | None, _) => {}
        }
    }
    Focus::Entity
}

fn witness_of(row: Row) -> Witness {
    let source = row.told.first().map(|told| told.source.clone());
    let changes = row.told.iter().map(|told| change(told, row.told.len() > 1)).collect();
    let (old, new) = match row.verdicts {
        Verdicts::Refused { reasons, state } => {
            let accepted = Outcome::Accepted { state };
            let reasons = reasons.iter().map(ToString::to_string).collect();
            match row.direction {
                Direction::Backward => (accepted, Outcome::Rejected { reasons }),
                Direction::Forward => (Outcome::Rejected { reasons }, accepted),
            }
        }
        Verdicts::Differ(all) => {
            let side = |old: bool| {
                let of = all.iter().map(|one| {
                    let value = if old { &one.old } else { &one.new };
                    (one.what.clone(), Value::from(value.as_str()))
                });
                Outcome::Accepted { state: Value::Object(of.collect()) }
            };
            (side(true), side(false))
        }
    };
    Witness { source, changes, sql: None, old, new, confirmed: true }
}

/// A record alone by its members; one of several with its source, its place in the order, and whether it deletes.
fn change(told: &Told, several: bool) -> Value {
    let members = serde_json::to_value(&told.members).unwrap_or_default();
    if !several {
        return members;
    }
    let act = match told.act {
        Act::Upsert => "upsert",
        Act::Delete => "delete",
    };
    json!({ "source": told.source, "at": told.at, act: members })
}
