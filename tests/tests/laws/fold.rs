//! What the tables must hold, by the Rust fold: state, presented rows, history, and the history's intervals.

use std::collections::{BTreeMap, BTreeSet};

use covenant_model::change::{Change, Key};
use covenant_model::columns::{self, LandingRole, LandingType, landing_columns};
use covenant_model::floor::Floor;
use covenant_model::join::{Existence, RowState, Table};
use covenant_model::spec::EntitySpec;
use covenant_model::value::{Value, decimal_to_text};

use crate::tell::Told;

/// A row as text; none is NULL. Instants are microseconds and days are days, since 1970; bytes are hexadecimal.
pub(crate) type Row = Vec<Option<String>>;
/// Sorted.
pub(crate) type Rows = Vec<Row>;

/// A relation to be compared, and its columns in order.
pub(crate) struct Relation {
    /// What is put behind the name of the view: `_STATE`.
    pub(crate) suffix: &'static str,
    pub(crate) columns: Vec<(String, LandingType)>,
}

/// The relations of an entity: state and view, and the history with its intervals where it is kept.
pub(crate) fn relations(entity: &EntitySpec) -> Vec<Relation> {
    let landed = landing_columns(entity);
    let of = |keep: fn(&LandingRole) -> bool| {
        let kept = landed.iter().filter(|column| keep(&column.role));
        kept.map(|column| (column.name.clone(), column.ty)).collect::<Vec<_>>()
    };
    let presented: Vec<_> =
        fields(entity).map(|column| (column.name, LandingType::of(&column.ty))).collect();
    let mut all = vec![
        Relation { suffix: "_STATE", columns: of(in_state) },
        Relation { suffix: "", columns: presented.clone() },
    ];
    if entity.warehouse.as_ref().is_some_and(|sink| sink.history) {
        let until = ["_valid_from", "_valid_to"]
            .map(|name| (name.to_owned(), LandingType::TimestampMicros));
        all.push(Relation { suffix: "_HISTORY", columns: of(in_history) });
        all.push(Relation { suffix: "_INTERVALS", columns: [presented, until.to_vec()].concat() });
    }
    all
}

fn fields(entity: &EntitySpec) -> impl Iterator<Item = columns::StoredColumn> {
    let fields = entity.fields.iter().enumerate();
    fields.flat_map(|(ix, field)| columns::of_field(field, ix))
}

fn in_state(role: &LandingRole) -> bool {
    match role {
        LandingRole::Key(_)
        | LandingRole::Exists
        | LandingRole::Alive
        | LandingRole::Guard(_)
        | LandingRole::Stored(..) => true,
        LandingRole::Version
        | LandingRole::Source
        | LandingRole::CommittedAt
        | LandingRole::MovedFrom(_) => false,
    }
}

fn in_history(role: &LandingRole) -> bool {
    !matches!(role, LandingRole::MovedFrom(_))
}

/// The relations' rows, in the order of [`relations`].
pub(crate) fn expected(entity: &EntitySpec, set: &[Told]) -> Vec<Rows> {
    let mut table = Table::default();
    for told in set {
        match told {
            Told::Row(change) => table.fold(change),
            Told::Truncate(floor) => table.raise(floor.guard()),
        };
    }
    let state = table.rows().iter().map(|(key, state)| row(entity, key, state, None, in_state));
    let presented = table.presented().map(|(key, state)| shown_row(entity, key, state));
    let mut all = vec![sorted(state), sorted(presented)];
    if entity.warehouse.as_ref().is_some_and(|sink| sink.history) {
        let rows: Vec<&Change> = set.iter().filter_map(Told::row).collect();
        let floors: BTreeSet<&Floor> = set.iter().filter_map(Told::truncate).collect();
        let told = rows
            .iter()
            .map(|change| row(entity, &change.key, &change.state, Some(change), in_history));
        let once: BTreeSet<Row> = told.collect();
        all.push(once.into_iter().collect());
        all.push(sorted(intervals(entity, &rows, &floors).into_iter()));
    }
    all
}

fn sorted(rows: impl Iterator<Item = Row>) -> Rows {
    let mut rows: Rows = rows.collect();
    rows.sort_unstable();
    rows
}

/// When, by whom, under which version: the order of a row's past.
type Moment = (i64, String, u128);

/// What each key was from when to when: everything told of it up to a moment, joined. Moves are no part of it.
fn intervals(entity: &EntitySpec, rows: &[&Change], floors: &BTreeSet<&Floor>) -> Rows {
    let mut past: BTreeMap<&Key, BTreeMap<Moment, RowState>> = BTreeMap::new();
    for change in rows {
        let moment = (change.committed_at_us, change.source.clone(), change.version.packed());
        let told = past.entry(&change.key).or_default();
        told.insert(moment, change.state.clone());
        for floor in floors {
            if change.state.existence.is_some_and(|it| it.guard < floor.guard()) {
                let moment = (floor.committed_at_us, floor.source.clone(), floor.version.packed());
                let existence = Some(Existence { guard: floor.guard(), alive: false });
                let gone = RowState { existence, ..RowState::empty(entity.groups.len()) };
                told.insert(moment, gone);
            }
        }
    }
    let mut found = Vec::new();
    for (key, told) in past {
        let mut known = RowState::empty(entity.groups.len());
        let mut moments = told.iter().peekable();
        while let Some(((from, _, _), state)) = moments.next() {
            known.join(state);
            let to = moments.peek().map(|((to, _, _), _)| *to);
            if known.alive() && to.is_none_or(|to| to > *from) {
                let mut row = shown_row(entity, key, &known);
                row.extend([Some(from.to_string()), to.map(|to| to.to_string())]);
                found.push(row);
            }
        }
    }
    found
}

/// The columns whose role is kept; `change` says what only a change has.
fn row(
    entity: &EntitySpec,
    key: &Key,
    state: &RowState,
    change: Option<&Change>,
    keep: fn(&LandingRole) -> bool,
) -> Row {
    let landed = landing_columns(entity);
    let kept = landed.iter().filter(|column| keep(&column.role));
    kept.map(|column| cell(&column.role, column.ty, key, state, change)).collect()
}

/// One column of a landing file, of what a change or a state says.
pub(crate) fn cell(
    role: &LandingRole,
    ty: LandingType,
    key: &Key,
    state: &RowState,
    change: Option<&Change>,
) -> Option<String> {
    match role {
        LandingRole::Key(at) => text(&key.0[*at], ty),
        LandingRole::Version => change.map(|change| change.version.packed().to_string()),
        LandingRole::Source => change.map(|change| change.source.clone()),
        LandingRole::CommittedAt => change.map(|change| change.committed_at_us.to_string()),
        LandingRole::Exists => state.existence.map(|it| it.guard.packed().to_string()),
        LandingRole::Alive => state.existence.map(|it| it.alive.to_string()),
        LandingRole::MovedFrom(at) => {
            let old = change.and_then(|change| change.moved_from.as_ref())?;
            text(&old.0[*at], ty)
        }
        LandingRole::Guard(ix) => {
            state.groups[*ix].as_ref().map(|it| it.guard.packed().to_string())
        }
        LandingRole::Stored(ix, at) => {
            state.groups[*ix].as_ref().and_then(|it| text(&it.values[*at], ty))
        }
    }
}

/// The row as the view shows it: the contract's order of fields.
fn shown_row(entity: &EntitySpec, key: &Key, state: &RowState) -> Row {
    let known: BTreeMap<String, Option<String>> = landing_columns(entity)
        .into_iter()
        .map(|column| (column.name, cell(&column.role, column.ty, key, state, None)))
        .collect();
    fields(entity).map(|column| known.get(&column.name).cloned().flatten()).collect()
}

fn text(value: &Value, ty: LandingType) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) | Value::Timestamp(number) => number.to_string(),
        Value::Decimal(unscaled) => match ty {
            LandingType::Decimal { scale, .. } => decimal_to_text(*unscaled, scale),
            LandingType::Bool
            | LandingType::Int32
            | LandingType::Int64
            | LandingType::Text
            | LandingType::Date
            | LandingType::TimestampMicros
            | LandingType::Bytes => panic!("a decimal in {ty:?}"),
        },
        Value::Text(text) => text.clone(),
        Value::Uuid(number) => {
            let digits = format!("{number:032x}");
            let parts =
                [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
            parts.join("-")
        }
        Value::Date(days) => days.to_string(),
        Value::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    })
}
