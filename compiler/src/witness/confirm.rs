//! Gives findings their witnesses: what a rule claims that records can show, records must show.

use std::collections::BTreeMap;

use covenant_model::spec::{Compatibility, EntitySpec, FieldSpec};
use serde_json::{Value, json};

use super::compose::{self, Sheet};
use super::search::{Focus, Pair, search, search_alone, search_on, sheets};
use super::sql::search::How;
use super::sql::value::Sql;
use super::sql::{self, Answer};
use super::told::{Act, Told};
use super::{Direction, Row, Verdicts, delivery, interpret, limits, reduced, statement};
use crate::compat::{ConsumerKind, Finding, Grade, Outcome, Rule, Witness, WitnessKind};
use crate::plan::{self, Plan};

/// Looks for a witness of every finding that somebody should look at and that records can show, effects too. An error that only a
/// validator would suffer, and of which no record can be found, becomes a warning and says so.
pub fn confirm<'f>(old: &Plan, new: &Plan, findings: impl IntoIterator<Item = &'f mut Finding>) {
    let mut findings: Vec<&mut Finding> = findings.into_iter().collect();
    for finding in &mut findings {
        other_kinds(old, new, finding);
    }
    // What a contract can tell is worked out once for all findings about it.
    let mut of_entity: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut rows: Vec<Option<Witness>> = Vec::new();
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

/// Looks for what is no record: values in columns, deliveries, queries, statements.
fn other_kinds(old: &Plan, new: &Plan, finding: &mut Finding) {
    for effect in &mut finding.effects {
        other_kinds(old, new, effect);
    }
    if finding.grade == Grade::Info || finding.witness.is_some() {
        return;
    }
    finding.witness = match finding.rule.witness {
        WitnessKind::Limit => limits::witness(old, new, finding),
        WitnessKind::Delivery => delivery_of(old, new, finding),
        WitnessKind::Query => query_of(old, new, finding),
        WitnessKind::Statement => statement::witness(old, new, finding)
            .or_else(|| delivery_of(old, new, finding))
            .or_else(|| limits::witness(old, new, finding)),
        WitnessKind::Record | WitnessKind::Sequence | WitnessKind::None(_) => None,
    };
}

fn delivery_of(old: &Plan, new: &Plan, finding: &Finding) -> Option<Witness> {
    let path = finding.new_path.as_deref().unwrap_or(&finding.subject);
    let after = new.entity(path.split('/').next()?)?;
    let before = old.predecessor(after)?;
    let mut below = finding.subject.split('/').skip(1);
    let target = (below.next() == Some("sinks")).then(|| below.nth(1)).flatten();
    let target = target.filter(|part| *part == "fields").and_then(|_| below.next());
    // A contract that cannot be expressed in Rust delivers nothing.
    let found = delivery::find(before, after, target).ok().flatten()?;
    let (decisive, personal) = (Vec::new(), personal(&found.told, before));
    Some(Witness {
        kind: delivery::Delivered::KIND,
        source: found.told.first().map(|told| told.source.clone()),
        changes: found.told.iter().map(|told| change(told, found.told.len() > 1)).collect(),
        part: false,
        decisive,
        personal,
        sql: None,
        old: found.old,
        new: found.new,
        confirmed: true,
    })
}

fn query_of(old: &Plan, new: &Plan, finding: &Finding) -> Option<Witness> {
    let name = finding.subject.split('/').next()?;
    let model = |plan: &'_ Plan| plan.models.iter().position(|model| model.name == name);
    let (before, after) = (old.models.get(model(old)?)?, new.models.get(model(new)?)?);
    let found = sql::search::search((old, new), (before, after))?;
    let rows = found.old_rows.iter().flat_map(|table| {
        let names = table.columns.clone();
        table.rows.iter().map(move |row| json!({ "table": table.name, "row": object(&names, row) }))
    });
    let shared = |key: &[String]| Some(format!("several rows have one ({})", key.join(", ")));
    let (was, is) = match found.how {
        How::Rows => (None, None),
        How::OldKeys => (shared(&before.key), None),
        How::NewKeys => (None, shared(&after.key)),
    };
    Some(Witness {
        kind: WitnessKind::Query,
        source: None,
        changes: rows.collect(),
        part: false,
        decisive: Vec::new(),
        personal: Vec::new(),
        sql: None,
        old: gives(&found.old, was),
        new: gives(&found.new, is),
        confirmed: true,
    })
}

fn gives(answer: &Answer, but: Option<String>) -> Outcome {
    let rows = answer.rows.iter().map(|row| object(&answer.columns, row));
    Outcome::Gives { rows: rows.collect(), but }
}

fn object(names: &[String], row: &[Sql]) -> Value {
    let members = names.iter().cloned().zip(row.iter().map(Sql::json));
    Value::Object(members.collect())
}

/// Whether records could show a finding that somebody should look at.
fn is_asked(finding: &Finding) -> bool {
    let records = match finding.rule.witness {
        WitnessKind::Record
        | WitnessKind::Sequence
        | WitnessKind::Limit
        | WitnessKind::Statement => true,
        WitnessKind::Delivery | WitnessKind::Query | WitnessKind::None(_) => false,
    };
    records && finding.grade != Grade::Info && finding.witness.is_none()
}

/// Effects first, then the finding itself.
fn asked(finding: &Finding) -> Vec<&Finding> {
    let effects = finding.effects.iter().flat_map(asked);
    effects.chain(is_asked(finding).then_some(finding)).collect()
}

/// Hands out the witnesses, in the order in which they were asked for.
fn settle(finding: &mut Finding, rows: &mut impl Iterator<Item = Option<Witness>>) {
    for effect in &mut finding.effects {
        settle(effect, rows);
    }
    if is_asked(finding) {
        match rows.next().flatten() {
            Some(witness) => finding.witness = Some(witness),
            None => doubt(finding),
        }
    }
}

/// What no record shows, and nobody but a validator would notice, is no error.
fn doubt(finding: &mut Finding) {
    if finding.grade == Grade::Error && rests_on_records(finding) {
        finding.grade = Grade::Warning;
        finding.help.push_str(" (no record was found that shows it)");
    }
}

/// Whether nobody but a validator would notice.
fn rests_on_records(finding: &Finding) -> bool {
    let others = finding
        .consumers
        .iter()
        .any(|one| one.suffers == Grade::Error && one.kind != ConsumerKind::RustValidator);
    !others && !finding.rule.is_personal()
}

/// One for each finding about an entity, where there is one.
fn witnesses(old: &EntitySpec, new: &EntitySpec, findings: &[&Finding]) -> Vec<Option<Witness>> {
    let all = |pair: Pair<'_>| -> Vec<Option<Witness>> {
        let mut known: BTreeMap<Direction, Vec<Sheet>> = BTreeMap::new();
        let mut one = |finding: &&Finding| {
            let focus = focus_of(old, new, finding);
            let tried = tried(old.compatibility, finding);
            let whole = tried.iter().find_map(|direction| {
                let mut of = known.remove(direction);
                if of.is_none() {
                    let other = known.values().next().map(Vec::as_slice).unwrap_or_default();
                    of = Some(sheets(pair, *direction, other));
                }
                let of = of.unwrap_or_default();
                let found = search_on(pair, *direction, &focus, &of);
                known.insert(*direction, of);
                Some(witness_of(found?, (old, new), &focus))
            });
            whole.or_else(|| part(old, new, &focus, &tried))
        };
        findings.iter().map(&mut one).collect()
    };
    // A contract that cannot be expressed in Rust has no validator that could part from another.
    let none = || findings.iter().map(|_| None).collect();
    let found = interpret::with(old, |old| interpret::with(new, |new| all(Pair { old, new })));
    found.and_then(|found| found).unwrap_or_else(|_| none())
}

/// Part of a record, where other changes let none pass whole: both contracts are cut down to what the finding is about.
fn part(old: &EntitySpec, new: &EntitySpec, focus: &Focus, tried: &[Direction]) -> Option<Witness> {
    let (before, after) = reduced::reduced(old, new, focus)?;
    let found = interpret::with(&before, |old| {
        interpret::with(&after, |new| {
            let pair = Pair { old, new };
            let rows = tried.iter().find_map(|direction| search(pair, *direction, focus));
            rows.or_else(|| {
                tried.iter().find_map(|direction| search_alone(pair, *direction, focus))
            })
        })
    });
    let row = found.ok()?.ok()??;
    Some(Witness { part: true, ..witness_of(row, (&before, &after), focus) })
}

/// In which directions a witness of a finding is looked for, in order.
fn tried(promise: Compatibility, finding: &Finding) -> Vec<Direction> {
    let mut tried = directions(promise, finding.rule);
    if !rests_on_records(finding) {
        // Tables hurt whichever way the two part; that they do is seen from the other side too.
        for direction in [Direction::Backward, Direction::Forward] {
            if !tried.contains(&direction) {
                tried.push(direction);
            }
        }
    }
    tried
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
                    let kept = new.fields.iter().any(|other| other.id == field.id);
                    return if kept { Focus::Field(field.id) } else { Focus::Lost(field.id) };
                }
            }
            (Some("quality"), Some(name)) => return Focus::Quality(name.to_owned()),
            (Some(_) | None, _) => {}
        }
    }
    Focus::Entity
}

fn witness_of(row: Row, (before, after): (&EntitySpec, &EntitySpec), focus: &Focus) -> Witness {
    let source = row.told.first().map(|told| told.source.clone());
    let several = row.told.len() > 1 || row.told.iter().any(|one| !one.before.is_empty());
    let changes = row.told.iter().map(|told| change(told, several)).collect();
    let writer = match row.direction {
        Direction::Backward => before,
        Direction::Forward => after,
    };
    let ids = decisive(&row, (before, after), focus);
    let (decisive, personal) = (members(&row.told, writer, &ids), personal(&row.told, writer));
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
    let kind = if several { WitnessKind::Sequence } else { WitnessKind::Record };
    let (sql, confirmed) = (None, true);
    Witness { kind, source, changes, part: false, decisive, personal, sql, old, new, confirmed }
}

/// Ids of the fields that make the difference.
fn decisive(row: &Row, (old, new): (&EntitySpec, &EntitySpec), focus: &Focus) -> Vec<u32> {
    let mut ids: Vec<u32> = focus.field().into_iter().collect();
    let id = |spec: &EntitySpec, name: &str| {
        let field = spec.fields.iter().find(|field| field.name == name);
        field.map(|field| field.id)
    };
    let by_name = |name: &str| id(new, name).or_else(|| id(old, name));
    match &row.verdicts {
        Verdicts::Refused { reasons, .. } => {
            for reason in reasons {
                ids.extend(reason.field.as_deref().and_then(by_name));
                for spec in [old, new] {
                    let broken = spec.quality.iter().find(|rule| compose::named(rule, reason));
                    let fields = broken.map(|rule| rule.expect.fields()).unwrap_or_default();
                    ids.extend(compose::ids(spec, &fields));
                }
            }
        }
        Verdicts::Differ(all) => {
            let name = |one: &super::Differing| one.what.split(' ').next().and_then(by_name);
            ids.extend(all.iter().filter_map(name));
        }
    }
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// What the sources call these fields, as far as the records tell them.
fn members(told: &[Told], spec: &EntitySpec, ids: &[u32]) -> Vec<String> {
    named(told, spec, |field| ids.contains(&field.id))
}

/// Members that hold personal data.
fn personal(told: &[Told], spec: &EntitySpec) -> Vec<String> {
    named(told, spec, |field| field.pii.is_some())
}

fn named(told: &[Told], spec: &EntitySpec, which: impl Fn(&FieldSpec) -> bool) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for one in told {
        let fields = spec.fields.iter().enumerate().filter(|(_, field)| which(field));
        for (ix, _) in fields {
            let name = plan::source_name(spec, &one.source, ix).map(str::to_owned);
            let name = name.filter(|name| one.members.contains_key(name) && !names.contains(name));
            names.extend(name);
        }
    }
    names
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
    if told.before.is_empty() {
        return json!({ "source": told.source, "at": told.at, act: members });
    }
    json!({ "source": told.source, "at": told.at, "moved_from": told.before, act: members })
}
