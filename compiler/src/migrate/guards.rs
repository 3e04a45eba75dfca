//! Guards of merge groups that split, joined or changed their rule: the number that stands for what is stored.

use covenant_model::columns::guard_name;
use covenant_model::spec::{EntitySpec, FieldSpec, GroupSpec, MergeRule};
use covenant_model::value::LogicalType;
use covenant_model::version::MAX_PACKED;

use crate::emit::sql::{Dialect, text_literal};

/// What `max` adds to a value, so that it is never negative.
const MAX_OFFSET: u128 = MAX_PACKED / 2 + 1;
/// Bits of a rank below a generation.
const RANK_STEPS: u32 = 1 << 16;

/// How a group's guard comes out of what is stored.
pub(super) enum Guard {
    /// It is the old one, perhaps under another name.
    Kept,
    /// An expression over the columns as they are after renames and changes of type.
    From(String),
    /// Which version wrote the value is not known: the next change wins, and a backfill settles the rest.
    Unknown,
}

/// The new group that keeps an old group's guard column: the one of its name, else the one whose first field it had.
pub(super) fn successors(old: &EntitySpec, new: &EntitySpec) -> Vec<Option<usize>> {
    let named = |group: &GroupSpec| new.groups.iter().position(|other| other.name == group.name);
    let first = |entity: &EntitySpec, group: &GroupSpec| {
        group.fields.iter().filter_map(|ix| entity.fields.get(*ix)).map(|field| field.id).min()
    };
    let free = |other: &GroupSpec| old.groups.iter().all(|group| group.name != other.name);
    old.groups
        .iter()
        .map(|group| {
            named(group).or_else(|| {
                let same = |other: &GroupSpec| first(new, other) == first(old, group);
                new.groups.iter().position(|other| free(other) && same(other))
            })
        })
        .collect()
}

/// How the guard of a group of the new entity comes out of the old columns, as they are called after the renames; none
/// where there was nothing to guard.
pub(super) fn guard(
    old: &EntitySpec,
    new: &EntitySpec,
    at: usize,
    successors: &[Option<usize>],
    dialect: Dialect,
) -> Option<Guard> {
    let group = new.groups.get(at)?;
    let fields: Vec<&FieldSpec> =
        group.fields.iter().filter_map(|ix| new.fields.get(*ix)).collect();
    let before = |field: &FieldSpec| {
        let found = old.fields.iter().find(|before| before.id == field.id)?;
        Some((found, found.group?))
    };
    let known: Vec<(&FieldSpec, usize)> = fields.iter().filter_map(|one| before(one)).collect();
    // A field that was here before says more than one that came from elsewhere.
    let stayed = known.iter().find(|(_, from)| successors.get(*from) == Some(&Some(at)));
    let (first, from) = *stayed.or(known.first())?;
    let was = old.groups.get(from)?;
    let name = |entity: &EntitySpec, at| dialect.ident(&guard_name(entity, at));
    let successor = successors.get(from).copied().flatten();
    let stored = successor.map_or_else(|| name(old, from), |at| name(new, at));
    let same_column = successor == Some(at);
    let now = fields.iter().find(|field| field.id == first.id)?;
    let recount =
        recounted(first, now, was.rule, group.rule, counts_otherwise(old, first, new, now));
    if was.rule == group.rule && !recount {
        return Some(if same_column { Guard::Kept } else { Guard::From(stored) });
    }
    let expression = match (was.rule, group.rule) {
        (MergeRule::Latest, MergeRule::First) | (MergeRule::First, MergeRule::Latest) => {
            Some(format!("{MAX_PACKED} - {stored}"))
        }
        (_, MergeRule::Max) => number(now, dialect).map(|value| format!("{value} + {MAX_OFFSET}")),
        (_, MergeRule::Min) => {
            number(now, dialect).map(|value| format!("{MAX_PACKED} - ({value} + {MAX_OFFSET})"))
        }
        (_, MergeRule::Ranked) => {
            let counted = Counted { old, first, new, now, stored: &stored };
            counted.generation(was, dialect).and_then(|counted| ranked(now, &counted, dialect))
        }
        (_, MergeRule::Latest | MergeRule::First) => None,
    };

    Some(match expression {
        Some(expression) => {
            Guard::From(format!("CASE WHEN {stored} IS NOT NULL THEN {expression} END"))
        }
        None => Guard::Unknown,
    })
}

/// Whether corrections of a field are counted by another field.
pub(super) fn counts_otherwise(
    old: &EntitySpec,
    before: &FieldSpec,
    new: &EntitySpec,
    after: &FieldSpec,
) -> bool {
    let counter = |entity: &EntitySpec, field: &FieldSpec| {
        field.generation.and_then(|ix| entity.fields.get(ix)).map(|field| field.id)
    };
    counter(old, before) != counter(new, after)
}

/// Whether the same value has another number now.
fn recounted(
    old: &FieldSpec,
    new: &FieldSpec,
    was: MergeRule,
    is: MergeRule,
    recorrected: bool,
) -> bool {
    match (was, is) {
        (MergeRule::Ranked, MergeRule::Ranked) => match (&old.ty, &new.ty) {
            (LogicalType::Enum { .. }, LogicalType::Enum { .. }) if recorrected => true,
            (LogicalType::Enum { symbols: old }, LogicalType::Enum { symbols }) => {
                let names = &new.evolution.renamed;
                let now = |symbol: &String| names.get(symbol).cloned().unwrap_or(symbol.clone());
                !symbols.starts_with(&old.iter().map(now).collect::<Vec<_>>())
            }
            (old, new) => old != new,
        },
        (MergeRule::Max, MergeRule::Max) | (MergeRule::Min, MergeRule::Min) => {
            let unit = |ty: &LogicalType| match ty {
                LogicalType::Decimal { scale, .. } => (0, *scale),
                LogicalType::Int32 | LogicalType::Int64 => (0, 0),
                LogicalType::Bool => (1, 0),
                LogicalType::Date => (2, 0),
                LogicalType::Timestamp => (3, 0),
                LogicalType::String { .. }
                | LogicalType::Uuid
                | LogicalType::Enum { .. }
                | LogicalType::Json
                | LogicalType::Bytes => (4, 0),
            };
            unit(&old.ty) != unit(&new.ty)
        }
        _ => false,
    }
}

/// The number that `max` compares: see `number_of` in the model. Exact: through the digits, not through a float.
fn number(field: &FieldSpec, dialect: Dialect) -> Option<String> {
    let name = dialect.ident(&field.name);
    let whole = dialect.type_name(covenant_model::columns::LandingType::GUARD);
    let value = match (&field.ty, dialect) {
        (LogicalType::Int32 | LogicalType::Int64 | LogicalType::Bool, _) => {
            return Some(format!("CAST(CAST({name} AS BIGINT) AS {whole})"));
        }
        (LogicalType::Decimal { .. }, Dialect::DuckDb) => {
            format!("replace(CAST({name} AS VARCHAR), '.', '')")
        }
        (LogicalType::Decimal { scale, .. }, Dialect::Snowflake) => {
            format!("{name} * 1{}", "0".repeat(usize::from(*scale)))
        }
        (LogicalType::Date, Dialect::DuckDb) => {
            format!("date_diff('day', DATE '1970-01-01', {name})")
        }
        (LogicalType::Date, Dialect::Snowflake) => {
            format!("DATEDIFF(DAY, TO_DATE('1970-01-01'), {name})")
        }
        (LogicalType::Timestamp, Dialect::DuckDb) => format!("epoch_us({name})"),
        (LogicalType::Timestamp, Dialect::Snowflake) => {
            format!("DATE_PART(EPOCH_MICROSECOND, {name})")
        }
        (
            LogicalType::String { .. }
            | LogicalType::Uuid
            | LogicalType::Enum { .. }
            | LogicalType::Json
            | LogicalType::Bytes,
            _,
        ) => return None,
    };
    Some(format!("CAST({value} AS {whole})"))
}

/// A stored value under `ranked`, whose corrections may be counted.
struct Counted<'a> {
    old: &'a EntitySpec,
    first: &'a FieldSpec,
    new: &'a EntitySpec,
    now: &'a FieldSpec,
    /// Column of the guard before.
    stored: &'a str,
}

impl Counted<'_> {
    /// The generation that came with the value, times the ranks below it; empty where nothing counts. None: what is stored
    /// does not say, because the counter's column holds what came last, and that may be another change than the one that won.
    fn generation(&self, was: &GroupSpec, dialect: Dialect) -> Option<String> {
        let Some(counter) = self.now.generation.and_then(|ix| self.new.fields.get(ix)) else {
            return Some(String::new());
        };
        if was.rule == MergeRule::Ranked {
            let same = !counts_otherwise(self.old, self.first, self.new, self.now);
            let guard = format!("CAST({} AS BIGINT)", self.stored);
            return same.then(|| format!("{guard} - {guard} % {RANK_STEPS} + "));
        }
        let told_together = was
            .fields
            .iter()
            .filter_map(|ix| self.old.fields.get(*ix))
            .any(|field| field.id == counter.id);
        let name = dialect.ident(&counter.name);
        told_together.then(|| format!("coalesce({name}, 0) * {RANK_STEPS} + "))
    }
}

/// Generation, then place in the declared order. A symbol that is no longer declared has no place.
fn ranked(field: &FieldSpec, generation: &str, dialect: Dialect) -> Option<String> {
    let LogicalType::Enum { symbols } = &field.ty else { return None };
    let name = dialect.ident(&field.name);
    let places: Vec<String> = symbols
        .iter()
        .enumerate()
        .map(|(rank, symbol)| format!("WHEN {} THEN {rank}", text_literal(symbol)))
        .collect();
    Some(format!("{generation}CASE {name} {} END", places.join(" ")))
}
