//! Witnesses as people read them. Their values are made up, so they may be shown, whatever the field's class.

use std::collections::BTreeMap;

use covenant_model::spec::EntitySpec;
use covenant_model::value::Value;

use super::fold::{ColumnId, Difference, Folded, Outcome, Part, Typed};
use super::told::{Act, Form, Token, Told, spellings};
use super::{Differing, Direction, Row, Verdicts};

/// Longest text of a value that is shown whole, in characters.
const SHOWN_CHARS_MAX: usize = 60;

/// What each side makes of the same records, where they differ.
pub(super) fn differing(
    difference: &Difference,
    (old_spec, old): (&EntitySpec, &Outcome),
    (new_spec, new): (&EntitySpec, &Outcome),
) -> Verdicts {
    let found = match difference {
        Difference::Keys => vec![Differing {
            what: "rows".to_owned(),
            old: keys(old_spec, old),
            new: keys(new_spec, new),
        }],
        Difference::Alive => {
            vec![Differing { what: "the row".to_owned(), old: alive(old), new: alive(new) }]
        }
        Difference::Fields(ids) => {
            ids.iter().flat_map(|id| fields(*id, (old_spec, old), (new_spec, new))).collect()
        }
    };
    Verdicts::Differ(found)
}

fn keys(spec: &EntitySpec, outcome: &Outcome) -> String {
    let one = |key: &Vec<(u32, Value)>| {
        let parts = key.iter().filter_map(|(id, value)| {
            let field = spec.fields.iter().find(|field| field.id == *id)?;
            let (unit, masked) = (None, None);
            let typed = Typed { value: value.clone(), ty: field.ty.clone(), unit, masked };
            Some(format!("{} = {}", field.name, text(&typed)))
        });
        parts.collect::<Vec<_>>().join(", ")
    };
    let all: Vec<String> = outcome.rows.keys().map(one).collect();
    format!("{} row(s): {}", all.len(), all.join("; "))
}

fn alive(outcome: &Outcome) -> String {
    let one = |row: &Folded| match row.alive {
        Some(true) => "there",
        Some(false) => "deleted",
        None => "not there yet",
    };
    outcome.rows.values().map(one).collect::<Vec<_>>().join(", ")
}

fn fields(
    id: u32,
    (old_spec, old): (&EntitySpec, &Outcome),
    (new_spec, new): (&EntitySpec, &Outcome),
) -> Vec<Differing> {
    let name = [new_spec, old_spec]
        .iter()
        .find_map(|spec| spec.fields.iter().find(|field| field.id == id))
        .map(|field| field.name.clone())
        .unwrap_or_default();
    let mut found = Vec::new();
    for (mine, theirs) in old.rows.values().zip(new.rows.values()) {
        for part in [Part::Plain, Part::Cipher, Part::Token] {
            let column = ColumnId { field: id, part };
            let (mine, theirs) = (mine.columns.get(&column), theirs.columns.get(&column));
            let null = |typed: Option<&Typed>| typed.is_none_or(|typed| typed.value.is_null());
            let equal = match (mine, theirs) {
                (Some(mine), Some(theirs)) => mine.same(theirs),
                (Some(_) | None, _) => null(mine) && null(theirs),
            };
            if !equal {
                let what = match part {
                    Part::Plain => name.clone(),
                    Part::Cipher => format!("{name} (ciphertext)"),
                    Part::Token => format!("{name} (token)"),
                };
                let shown = |typed: Option<&Typed>| typed.map_or("nothing".to_owned(), text);
                found.push(Differing { what, old: shown(mine), new: shown(theirs) });
            }
        }
    }
    found
}

/// A value that the old contract holds and for which the new one has no field.
pub(super) fn lost(id: u32, (spec, outcome): (&EntitySpec, &Outcome)) -> Option<Verdicts> {
    let name = spec.fields.iter().find(|field| field.id == id)?.name.clone();
    let columns = outcome.rows.values().flat_map(|row| &row.columns);
    let (_, held) = columns.into_iter().find(|(at, one)| at.field == id && !one.value.is_null())?;
    let (old, new) = (text(held), "no such field".to_owned());
    Some(Verdicts::Differ(vec![Differing { what: name, old, new }]))
}

/// One value of one field, read in two ways.
pub(super) fn apart(spec: &EntitySpec, id: u32, old: &Typed, new: &Typed) -> Verdicts {
    let field = spec.fields.iter().find(|field| field.id == id);
    let what = field.map(|field| field.name.clone()).unwrap_or_default();
    Verdicts::Differ(vec![Differing { what, old: text(old), new: text(new) }])
}

/// The value of one field, as a row would hold it.
pub(super) fn alone(spec: &EntitySpec, id: u32, value: &Typed) -> serde_json::Value {
    let field = spec.fields.iter().find(|field| field.id == id);
    let name = field.map(|field| field.name.clone()).unwrap_or_default();
    serde_json::json!({ name: text(value) })
}

/// The folded rows: one object for one row, else a list.
pub(super) fn state(spec: &EntitySpec, outcome: &Outcome) -> serde_json::Value {
    let mut rows: Vec<serde_json::Value> = outcome
        .rows
        .iter()
        .map(|(key, row)| {
            let keys = key.iter().map(|(id, value)| (*id, value.clone(), None));
            let columns = row.columns.iter().filter(|(id, _)| id.part != Part::Cipher);
            let columns = columns.map(|(id, one)| (id.field, one.value.clone(), Some(&one.ty)));
            let members = keys.chain(columns).filter_map(|(id, value, ty)| {
                let field = spec.fields.iter().find(|field| field.id == id)?;
                let ty = ty.unwrap_or(&field.ty);
                let token = spellings(Form::Event, ty, &value).into_iter().next()?;
                let shown = serde_json::from_str::<serde_json::Value>(&token.to_string());
                Some((field.name.clone(), shown.unwrap_or_default()))
            });
            serde_json::Value::Object(members.collect())
        })
        .collect();
    if rows.len() == 1 { rows.swap_remove(0) } else { serde_json::Value::Array(rows) }
}

/// A value with its type: `7` of `int32` and `7.00` of `decimal(12,2)` are not the same.
fn text(typed: &Typed) -> String {
    let spelled = spellings(Form::Event, &typed.ty, &typed.value);
    let value = spelled
        .last()
        .map_or_else(|| typed.value.kind().to_owned(), |token| short(&token.to_string()));
    let unit = typed.unit.iter().map(|unit| format!(" {unit}")).collect::<String>();
    let masked = typed.masked.iter().map(|class| format!(", masked as {class}"));
    format!("{value}{unit} ({}{})", typed.ty, masked.collect::<String>())
}

/// A long text by its beginning and its length.
pub fn short(text: &str) -> String {
    let count = text.chars().count();
    if count <= SHOWN_CHARS_MAX {
        return text.to_owned();
    }
    let start: String = text.chars().take(SHOWN_CHARS_MAX / 2).collect();
    format!("{start}… ({count} characters)")
}

/// Members with long texts cut: `{order_id: "…"}`.
fn object(members: &BTreeMap<String, Token>) -> String {
    let one = |(name, token): (&String, &Token)| format!("{name}: {}", short(&token.to_string()));
    format!("{{{}}}", members.iter().map(one).collect::<Vec<_>>().join(", "))
}

impl Told {
    /// `store tells {"order_id": "…"}`
    pub fn line(&self) -> String {
        let act = match (self.act, self.before.is_empty()) {
            (Act::Upsert, true) => "tells".to_owned(),
            (Act::Upsert, false) => format!("moves {} to", object(&self.before)),
            (Act::Delete, _) => "deletes".to_owned(),
        };
        let again = if self.revision > 0 { " again" } else { "" };
        format!("{} {act} {}{again}", self.source, object(&self.members))
    }
}

impl Row {
    /// One line a record, then what each side makes of them.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.told.iter().map(Told::line).collect();
        match &self.verdicts {
            Verdicts::Refused { reasons, .. } => {
                let (accepts, refuses) = match self.direction {
                    Direction::Backward => ("old", "new"),
                    Direction::Forward => ("new", "old"),
                };
                lines.push(format!("the {accepts} contract accepts it"));
                let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
                lines.push(format!("the {refuses} contract refuses it: {}", reasons.join("; ")));
            }
            Verdicts::Differ(all) => lines.extend(all.iter().map(|one| {
                format!("{}: the old contract holds {}, the new one {}", one.what, one.old, one.new)
            })),
        }
        lines
    }
}
