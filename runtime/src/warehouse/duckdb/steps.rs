//! Which steps of ranked states a loaded batch takes rows by: the same as [`covenant_model::steps::taken`], asked of the batch
//! table and the state before the batch is applied. Only the fields that declare transitions are asked for.

use std::collections::BTreeMap;

use ::duckdb::Connection;
use covenant_model::columns::{self, names};
use covenant_model::spec::{EntitySpec, KeyChange};
use covenant_model::steps::{self, Step};
use covenant_model::version::RANK_BITS;

use super::{failed, quoted, slug, table};
use crate::error::Result;

/// The question for one field.
pub(super) struct StepQuery {
    entity: String,
    field: String,
    sql: String,
}

/// The questions for an entity's fields; none where it declares no transitions.
pub(super) fn queries(entity: &EntitySpec) -> Result<Vec<StepQuery>> {
    let watched = steps::watched(entity);
    let ask = |watched: &steps::Watched<'_>| -> Result<StepQuery> {
        Ok(StepQuery {
            entity: entity.name.clone(),
            field: watched.field.name.clone(),
            sql: question(entity, watched)?,
        })
    };
    watched.iter().map(ask).collect()
}

/// Asks. Call between loading and applying.
pub(super) fn taken(db: &Connection, queries: &[StepQuery]) -> Result<BTreeMap<Step, u64>> {
    let mut taken = BTreeMap::new();
    for query in queries {
        let reading = |error| failed("looking at the steps of states", error);
        let mut statement = db.prepare(&query.sql).map_err(reading)?;
        let mut rows = statement.query([]).map_err(reading)?;
        while let Some(row) = rows.next().map_err(reading)? {
            let step = Step {
                entity: query.entity.clone(),
                field: query.field.clone(),
                before: row.get(0).map_err(reading)?,
                after: row.get(1).map_err(reading)?,
            };
            taken.insert(step, row.get(2).map_err(reading)?);
        }
    }
    Ok(taken)
}

fn question(entity: &EntitySpec, watched: &steps::Watched<'_>) -> Result<String> {
    let key: Vec<String> = columns::of_key(entity).into_iter().map(|column| column.name).collect();
    let of = |side: &str, prefix: &str| -> String {
        let name = |name: &String| format!("{side}.{}", quoted(&format!("{prefix}{name}")));
        key.iter().map(name).collect::<Vec<_>>().join(", ")
    };
    let same = |left: (&str, &str), right: (&str, &str)| {
        format!("({}) = ({})", of(left.0, left.1), of(right.0, right.1))
    };
    let (batch, state) =
        (format!("COVENANT.{}", quoted(&batch_name(entity))), table(entity, "_STATE")?);
    let (guard, value) =
        (quoted(&columns::guard_name(entity, watched.group)), quoted(&watched.field.name));
    // A row that moves brings the state that it had under its old key.
    let moved = match entity.key_change {
        KeyChange::Reject => String::new(),
        KeyChange::Rekey => format!(
            " UNION ALL SELECT DISTINCT {new}, s.{guard}, s.{value} FROM {batch} AS b JOIN {state} AS s ON {old} \
             WHERE s.{guard} IS NOT NULL",
            new = of("b", ""),
            old = same(("s", ""), ("b", names::MOVED_FROM_PREFIX)),
        ),
    };
    let columns =
        format!("{}, g, v", key.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", "));
    let generation = |guard: &str| format!("(TRY_CAST({guard} AS BIGINT) >> {RANK_BITS})");
    Ok(format!(
        "WITH told ({columns}) AS (\
           SELECT DISTINCT {b}, b.{guard}, b.{value} FROM {batch} AS b WHERE b.{guard} IS NOT NULL), \
         known ({columns}) AS (\
           SELECT {s}, s.{guard}, s.{value} FROM {state} AS s \
           SEMI JOIN {batch} AS b ON {here} WHERE s.{guard} IS NOT NULL{moved}), \
         stood AS (SELECT * FROM known AS k QUALIFY row_number() OVER (PARTITION BY {k} ORDER BY k.g DESC) = 1), \
         states AS (\
           SELECT * FROM stood UNION ALL \
           SELECT t.* FROM told AS t LEFT JOIN stood AS k ON {both} WHERE k.g IS NULL OR t.g > k.g), \
         steps AS (\
           SELECT lag(t.v) OVER w AS before, t.v AS after, lag(t.g) OVER w AS g_before, t.g AS g_after FROM states AS t \
           WINDOW w AS (PARTITION BY {t} ORDER BY t.g, t.v)) \
         SELECT before, after, count(*) FROM steps \
         WHERE before <> after AND {earlier} = {later} GROUP BY ALL",
        b = of("b", ""),
        s = of("s", ""),
        k = of("k", ""),
        t = of("t", ""),
        here = same(("s", ""), ("b", "")),
        both = same(("k", ""), ("t", "")),
        earlier = generation("g_before"),
        later = generation("g_after"),
    ))
}

/// As the generated SQL names it.
fn batch_name(entity: &EntitySpec) -> String {
    format!("BATCH_{}", slug(&entity.name).to_uppercase())
}
