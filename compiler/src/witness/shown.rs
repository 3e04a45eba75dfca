//! Witnesses as people read them. Their values are made up, so they may be shown, whatever the field's class.

use covenant_model::spec::EntitySpec;
use covenant_model::value::Value;

use super::fold::{ColumnId, Difference, Folded, Outcome, Part, Typed};
use super::told::{Act, Form, Told, spellings};
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
            let typed = Typed { value: value.clone(), ty: field.ty.clone() };
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
    match spelled.last() {
        Some(token) => format!("{} ({})", short(&token.to_string()), typed.ty),
        None => format!("{} ({})", typed.value.kind(), typed.ty),
    }
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

impl Told {
    /// `store tells {"order_id": "…"}`
    pub fn line(&self) -> String {
        let act = match self.act {
            Act::Upsert => "tells",
            Act::Delete => "deletes",
        };
        let members: Vec<String> = self
            .members
            .iter()
            .map(|(name, token)| format!("{name}: {}", short(&token.to_string())))
            .collect();
        format!("{} {act} {{{}}}", self.source, members.join(", "))
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
