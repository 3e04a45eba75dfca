//! The Snowflake text, run by fakesnow: `scripts/judge/laws_on_fakesnow.py` is told what to run, and says the rows.

use std::path::Path;
use std::process::Command;

use covenant_compiler::emit::snowflake;
use covenant_compiler::plan::Plan;
use covenant_compiler::tree::OutputTree;
use covenant_model::columns::{LandingType, landing_columns};
use covenant_model::spec::EntitySpec;
use serde_json::{Value, json};

use crate::fold::{Rows, cell, relations};
use crate::tell::Told;

/// What fakesnow is to run: the batches of each set, for each entity.
pub(crate) struct Play<'a> {
    pub(crate) entity: &'a EntitySpec,
    pub(crate) sets: Vec<Vec<Vec<Told>>>,
}

/// The rows of each relation, of each set, of each entity; none where fakesnow is not to be had.
pub(crate) fn rows(
    plan: &Plan,
    plays: &[Play<'_>],
    alter: impl Fn(&str, &str) -> String,
) -> Option<Vec<Vec<Vec<Rows>>>> {
    let mut tree = OutputTree::default();
    snowflake::emit(plan, &mut tree).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in tree.iter() {
        let file = folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, alter(path, text)).unwrap();
    }
    // two at a time: the emulator thinks on one core
    let half = plays.len().div_ceil(2);
    let parts: Vec<Option<Vec<Vec<Vec<Rows>>>>> = std::thread::scope(|scope| {
        let run = |(at, part)| {
            let folder = folder.path();
            scope.spawn(move || run_part(folder, at, part))
        };
        let running: Vec<_> = plays.chunks(half).enumerate().map(run).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    parts.into_iter().collect::<Option<Vec<_>>>().map(|parts| parts.into_iter().flatten().collect())
}

fn run_part(folder: &Path, at: usize, plays: &[Play<'_>]) -> Option<Vec<Vec<Vec<Rows>>>> {
    let told = folder.join(format!("told{at}.json"));
    let said = folder.join(format!("said{at}.json"));
    let entities: Vec<Value> = plays.iter().map(play).collect();
    let input = json!({ "generated": folder.join("snowflake"), "entities": entities });
    std::fs::write(&told, serde_json::to_vec(&input).unwrap()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/judges");
    let run = Command::new(script).arg("laws").args([&told, &said]).output().unwrap();
    let text = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
    assert!(run.status.success(), "{text}");
    if text.starts_with("SKIP") || text.contains("\nSKIP laws") {
        eprintln!("{text}");
        return None;
    }
    let said: Vec<Vec<Vec<Rows>>> = serde_json::from_slice(&std::fs::read(&said).unwrap()).unwrap();
    Some(said.into_iter().map(|sets| sets.into_iter().map(sorted).collect()).collect())
}

fn sorted(mut relations: Vec<Rows>) -> Vec<Rows> {
    relations.iter_mut().for_each(|rows| rows.sort_unstable());
    relations
}

fn play(play: &Play<'_>) -> Value {
    let entity = play.entity;
    let slug = entity.name.replace('.', "_");
    let sink = entity.warehouse.as_ref().unwrap();
    let name = |suffix: &str| format!("\"{}\".\"{}{suffix}\"", sink.schema, sink.table);
    let reads: Vec<Value> = relations(entity)
        .iter()
        .map(|relation| {
            let quoted = |(name, _): &(String, LandingType)| format!("\"{}\"", name.to_uppercase());
            let columns: Vec<String> = relation.columns.iter().map(quoted).collect();
            json!({
                "sql": format!("SELECT {} FROM {}", columns.join(", "), name(relation.suffix)),
                "scales": relation.columns.iter().map(|(_, ty)| scale(*ty)).collect::<Vec<_>>(),
            })
        })
        .collect();
    let columns: Vec<String> = landing_columns(entity)
        .iter()
        .map(|column| format!("\"{}\"", column.name.to_uppercase()))
        .collect();
    let batches = |set: &Vec<Vec<Told>>| set.iter().map(|batch| batch_of(entity, batch)).collect();
    json!({
        "entity": entity.name,
        "slug": slug,
        "batch": format!("COVENANT.BATCH_{}", slug.to_uppercase()),
        "columns": columns.join(", "),
        "tables": crate::tables(entity),
        "reads": reads,
        "sets": play.sets.iter().map(batches).collect::<Vec<Vec<Value>>>(),
    })
}

fn scale(ty: LandingType) -> u8 {
    match ty {
        LandingType::Decimal { scale, .. } => scale,
        LandingType::Bool
        | LandingType::Int32
        | LandingType::Int64
        | LandingType::Text
        | LandingType::Date
        | LandingType::TimestampMicros
        | LandingType::Bytes => 0,
    }
}

fn batch_of(entity: &EntitySpec, batch: &[Told]) -> Value {
    let rows: Vec<String> = batch.iter().filter_map(|told| landed(entity, told)).collect();
    let floors = batch.iter().filter_map(Told::truncate).map(|floor| {
        json!({
            "source": floor.source,
            "version": floor.version.packed().to_string(),
            "at": instant(floor.committed_at_us),
        })
    });
    json!({ "rows": rows, "floors": floors.collect::<Vec<_>>() })
}

fn landed(entity: &EntitySpec, told: &Told) -> Option<String> {
    let change = told.row()?;
    let values: Vec<String> = landing_columns(entity)
        .iter()
        .map(|column| {
            let value = cell(&column.role, column.ty, &change.key, &change.state, Some(change));
            value.map_or_else(|| "NULL".to_owned(), |value| literal(&value, column.ty))
        })
        .collect();
    Some(format!("({})", values.join(", ")))
}

fn literal(value: &str, ty: LandingType) -> String {
    match ty {
        LandingType::TimestampMicros => format!("'{}'", instant(value.parse().unwrap())),
        LandingType::Date => {
            let day = jiff::civil::date(1970, 1, 1);
            let days = value.parse::<i64>().unwrap();
            format!("'{}'", day.checked_add(jiff::Span::new().days(days)).unwrap())
        }
        LandingType::Bytes => format!("X'{value}'"),
        LandingType::Text => format!("'{}'", value.replace('\'', "''")),
        LandingType::Bool
        | LandingType::Int32
        | LandingType::Int64
        | LandingType::Decimal { .. } => value.to_owned(),
    }
}

/// In UTC, without a zone.
fn instant(us: i64) -> String {
    let at = jiff::Timestamp::from_microsecond(us).unwrap();
    at.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string()
}
