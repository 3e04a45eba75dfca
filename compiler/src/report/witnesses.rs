//! Witnesses as people read them: what makes the difference first, the rest of the record after it, personal data marked as made up, and
//! what each side says.

use serde_json::{Map, Value};

use super::{Witness, WitnessRow};
use crate::compat::{self, Outcome, WitnessKind};
use crate::witness::shown::short;

/// Looks nothing up: a witness knows all that is said of it.
pub(super) fn witness(found: &compat::Witness) -> Witness {
    let rows: Vec<WitnessRow> =
        found.changes.iter().enumerate().map(|(at, change)| row(found, at, change)).collect();
    let whole = |row: &WitnessRow| match row.beside.is_empty() {
        true => row.lead.clone(),
        false => format!("{}\n  beside it {}", row.lead, row.beside),
    };
    let shown: Vec<String> = rows.iter().map(whole).chain(found.sql.iter().cloned()).collect();
    let mut notes = Vec::new();
    if found.part {
        notes.push("part of a record: other changes refuse the whole".to_owned());
    }
    if !found.personal.is_empty() {
        let names = found.personal.join(", ");
        notes.push(format!("personal data, made up by type and nobody's: {names}"));
    }
    Witness {
        kind: kind(found.kind).to_owned(),
        shown: shown.join("\n"),
        rows,
        before: outcome(found, &found.old, &found.new),
        after: outcome(found, &found.new, &found.old),
        confirmed: found.confirmed,
        notes,
    }
}

fn kind(kind: WitnessKind) -> &'static str {
    match kind {
        WitnessKind::Record => "a record",
        WitnessKind::Sequence => "records in this order",
        WitnessKind::Limit => "a value",
        WitnessKind::Delivery => "a row for Salesforce",
        WitnessKind::Query => "rows that the query reads",
        WitnessKind::Statement => "a statement",
        WitnessKind::None(_) => "nothing",
    }
}

fn row(found: &compat::Witness, at: usize, change: &Value) -> WitnessRow {
    let empty = Map::new();
    let object = |value: Option<&'_ Value>| value.and_then(Value::as_object).cloned();
    let all = change.as_object().unwrap_or(&empty);
    let text = |name: &str| all.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = if found.changes.len() > 1 { format!("{}. ", at + 1) } else { String::new() };
    match found.kind {
        WitnessKind::Query => {
            let members = members(found, &object(all.get("row")).unwrap_or_default(), |_| true);
            WitnessRow {
                lead: format!("{number}{}: {members}", text("table")),
                beside: String::new(),
            }
        }
        WitnessKind::Limit | WitnessKind::Statement | WitnessKind::None(_) => {
            WitnessRow { lead: members(found, all, |_| true), beside: String::new() }
        }
        WitnessKind::Record | WitnessKind::Sequence | WitnessKind::Delivery => {
            let (deleted, told) = (object(all.get("delete")), object(all.get("upsert")));
            let several = all.contains_key("source") && (deleted.is_some() || told.is_some());
            let source = match several {
                true => text("source"),
                false => found.source.as_deref().unwrap_or_default(),
            };
            let moved = object(all.get("moved_from")).filter(|_| several);
            let act = match (&deleted, &moved) {
                (Some(_), _) if several => "deletes",
                (_, Some(_)) => "moves the row to",
                (_, _) => "tells",
            };
            let record = if several { deleted.or(told).unwrap_or_default() } else { all.clone() };
            let (lead, beside) = split(found, &record, moved.as_ref());
            WitnessRow { lead: format!("{number}{source} {act} {lead}"), beside }
        }
    }
}

/// What makes the difference, and the rest. Of a row that moves: what is new, and what it was.
fn split(
    found: &compat::Witness,
    record: &Map<String, Value>,
    moved: Option<&Map<String, Value>>,
) -> (String, String) {
    let differs = |name: &str| {
        let was = moved.map(|before| before.get(name));
        match was {
            Some(was) => was != record.get(name),
            None => found.decisive.iter().any(|one| one == name),
        }
    };
    let mut lead = members(found, record, differs);
    if lead.is_empty() {
        return (members(found, record, |_| true), String::new());
    }
    if let Some(before) = moved {
        lead = format!("{lead} from {}", members(found, before, differs));
    }
    (lead, members(found, record, |name| !differs(name)))
}

/// `status: "phone", lines: 1`
fn members(
    found: &compat::Witness,
    record: &Map<String, Value>,
    which: impl Fn(&str) -> bool,
) -> String {
    let one = |(name, value): (&String, &Value)| {
        let made_up = if found.personal.contains(name) { " (made up)" } else { "" };
        format!("{name}: {}{made_up}", short(&value.to_string()))
    };
    let all = record.iter().filter(|(name, _)| which(name)).map(one);
    all.collect::<Vec<_>>().join(", ")
}

/// What a side makes of it. Where the other one refuses, that this one accepts says enough.
fn outcome(found: &compat::Witness, side: &Outcome, other: &Outcome) -> String {
    match side {
        Outcome::Accepted { state } => {
            let held = held(state);
            match (found.kind, other) {
                (WitnessKind::Limit, _) => format!("fits: {held}"),
                (WitnessKind::Delivery, _) if held.is_empty() => {
                    "delivers nothing of it".to_owned()
                }
                (WitnessKind::Delivery, _) => format!("delivers {held}"),
                (_, Outcome::Rejected { .. }) => "accepts it".to_owned(),
                (_, _) if held.is_empty() => "accepts it, and holds nothing of it".to_owned(),
                (_, _) => format!("accepts it, and holds {held}"),
            }
        }
        Outcome::Rejected { reasons } => format!("refuses it: {}", reasons.join("; ")),
        Outcome::Gives { rows, but } => {
            let but = but.iter().map(|but| format!(", but {but}")).collect::<String>();
            let shown: Vec<String> = rows.iter().map(|row| format!("({})", held(row))).collect();
            match shown.as_slice() {
                [] => format!("gives no row{but}"),
                shown => format!("gives {}{but}", shown.join(", ")),
            }
        }
        Outcome::Runs => "it runs".to_owned(),
        Outcome::Fails { message } => format!("it fails: {message}"),
    }
}

/// `status: paid (enum [...])`
fn held(state: &Value) -> String {
    let Some(members) = state.as_object() else { return state.to_string() };
    let one = |(name, value): (&String, &Value)| match value.as_str() {
        Some(text) => format!("{name}: {text}"),
        None => format!("{name}: {value}"),
    };
    members.iter().map(one).collect::<Vec<_>>().join(", ")
}
