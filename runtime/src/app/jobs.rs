//! Backfill jobs: the initial load of every table, and what operators ask for. A job's name says all about it, so that a restart
//! needs nothing but the positions in landing.

use std::collections::BTreeMap;

use covenant_model::manifest::Manifest;
use covenant_model::spec::{EntitySpec, SourceSpec};

use super::http::BackfillRequest;
use crate::backfill::lane::Job;
use crate::landing::SourcePosition;
use crate::source::{ChunkRequest, TablePart};

/// First part of the name of an initial load.
const INITIAL: &str = "initial";
/// First part of the name of a backfill that was asked for.
const ASKED: &str = "backfill";
/// First part of the name of a repair.
const REPAIR: &str = "repair";
/// Between the number of a chunk and how many there are, in a job's name.
const PART: char = '-';
/// Most chunks of one table.
const PARTS_MAX: u32 = 10_000;
/// Between the parts of a name; none of them holds it.
const SEPARATOR: char = '/';

/// The initial loads of everything that is read from `system`, parents first: what refers to another entity comes after it.
pub fn initial(manifest: &Manifest, system: &str) -> Vec<Job> {
    let mut entities: Vec<&EntitySpec> =
        manifest.entities.iter().filter(|entity| table(entity, system).is_some()).collect();
    entities.sort_by_key(|entity| (depth(manifest, entity, 0), entity.name.clone()));
    let job = |entity: &&EntitySpec| {
        let request = request(entity, system, None, None)?;
        let id = format!("{INITIAL}{SEPARATOR}{}", entity.name);
        Some(Job { id, entity: entity.name.clone(), request })
    };
    entities.iter().filter_map(job).collect()
}

/// Longest chain of references; a cycle of references ends here.
const DEPTH_MAX: usize = 16;

fn depth(manifest: &Manifest, entity: &EntitySpec, so_far: usize) -> usize {
    if so_far >= DEPTH_MAX {
        return so_far;
    }
    let parents = entity.fields.iter().filter_map(|field| field.references.as_deref());
    parents
        .filter(|parent| *parent != entity.name)
        .filter_map(|parent| manifest.entity(parent))
        .map(|parent| depth(manifest, parent, so_far + 1))
        .max()
        .unwrap_or(so_far)
}

/// The job that an operator asks for. The same request names the same job while that one is under way, and the next one after it.
///
/// # Errors
/// What is wrong with the request, for the operator.
pub fn asked(
    manifest: &Manifest,
    system: &str,
    wanted: &BackfillRequest,
    known: &BTreeMap<String, SourcePosition>,
) -> Result<Job, String> {
    let names = || {
        let names: Vec<&str> =
            manifest.entities.iter().map(|entity| entity.name.as_str()).collect();
        names.join(", ")
    };
    let entity = manifest
        .entity(&wanted.entity)
        .ok_or_else(|| format!("there is no entity `{}`; there are {}", wanted.entity, names()))?;
    if table(entity, system).is_none() {
        return Err(format!("{} is not read from a table of {system}", entity.name));
    }
    let range = match (&wanted.column, &wanted.from, &wanted.to) {
        (None, None, None) => None,
        (Some(column), Some(from), Some(to)) => {
            Some(checked_range(entity, system, column, from, to)?)
        }
        _ => return Err("a range needs all three: column, from and to".into()),
    };
    let part = wanted.chunk.as_deref().map(part_of).transpose()?;
    if part.is_some() && range.is_some() {
        return Err("a chunk and a range exclude each other".into());
    }
    let (column, mut from, to) = range.clone().unwrap_or_default();
    if let Some(TablePart { number, of }) = part {
        from = format!("{number}{PART}{of}");
    }
    let stem = [ASKED, &entity.name, &column, &from, &to].join(&SEPARATOR.to_string());
    let mut number = 1;
    loop {
        let id = format!("{stem}{SEPARATOR}{number}");
        let done = matches!(known.get(&id), Some(SourcePosition::Backfill { done: true, .. }));
        if !done {
            let request = request(entity, system, range, part).ok_or("the entity has no table")?;
            return Ok(Job { id, entity: entity.name.clone(), request });
        }
        number += 1;
    }
}

fn checked_range(
    entity: &EntitySpec,
    system: &str,
    column: &str,
    from: &str,
    to: &str,
) -> Result<(String, String, String), String> {
    let known = column_of(entity, system, column);
    let known =
        known.ok_or_else(|| format!("{} has no field `{column}` of {system}", entity.name))?;
    for bound in [from, to] {
        if bound.contains(SEPARATOR) || bound.chars().any(char::is_control) || bound.len() > 64 {
            return Err(format!("`{SEPARATOR}` and control characters cannot stand in a bound"));
        }
    }
    Ok((known, from.to_owned(), to.to_owned()))
}

/// The jobs that landing says are not done.
pub fn unfinished(
    manifest: &Manifest,
    system: &str,
    positions: &BTreeMap<String, SourcePosition>,
) -> Vec<Job> {
    let open = |position: &SourcePosition| {
        matches!(position, SourcePosition::Backfill { done: false, .. })
    };
    let mut jobs: Vec<Job> = initial(manifest, system)
        .into_iter()
        .filter(|job| positions.get(&job.id).is_some_and(open))
        .collect();
    let named = positions.iter().filter(|(_, position)| open(position));
    jobs.extend(named.filter_map(|(id, _)| parse(manifest, system, id)));
    jobs
}

/// Whether an initial load, or one behind a gap, is still under way.
pub fn loading(positions: &BTreeMap<String, SourcePosition>) -> bool {
    positions.iter().any(|(id, position)| {
        id.split(SEPARATOR).next() == Some(INITIAL)
            && matches!(position, SourcePosition::Backfill { done: false, .. })
    })
}

fn parse(manifest: &Manifest, system: &str, id: &str) -> Option<Job> {
    let parts: Vec<&str> = id.split(SEPARATOR).collect();
    let [ASKED, entity, column, from, to, _number] = parts.as_slice() else { return None };
    let entity = manifest.entity(entity)?;
    let range =
        (!column.is_empty()).then(|| ((*column).to_owned(), (*from).to_owned(), (*to).to_owned()));
    let part = match (column.is_empty(), from.is_empty()) {
        (true, false) => Some(part_of(from).ok()?),
        (true, true) | (false, _) => None,
    };
    let request = request(entity, system, range, part)?;
    Some(Job { id: id.to_owned(), entity: entity.name.clone(), request })
}

fn table<'e>(entity: &'e EntitySpec, system: &str) -> Option<(&'e str, &'e str, &'e str)> {
    entity.sources.iter().find_map(|(source, spec)| match spec {
        SourceSpec::Postgres { system: of, schema, table, .. } if of == system => {
            Some((source.as_str(), schema.as_str(), table.as_str()))
        }
        SourceSpec::Postgres { .. } | SourceSpec::Stream { .. } | SourceSpec::Salesforce { .. } => {
            None
        }
    })
}

/// The column of a field of that name, or the column itself.
fn column_of(entity: &EntitySpec, system: &str, field: &str) -> Option<String> {
    let (source, _, _) = table(entity, system)?;
    let columns = entity.fields.iter().filter_map(|spec| Some((spec, spec.from.get(source)?)));
    let mut found = columns.filter(|(spec, column)| spec.name == field || column.as_str() == field);
    found.next().map(|(_, column)| column.clone())
}

fn request(
    entity: &EntitySpec,
    system: &str,
    range: Option<(String, String, String)>,
    part: Option<TablePart>,
) -> Option<ChunkRequest> {
    let (source, schema, table) = table(entity, system)?;
    let column = |ix: usize| {
        let field = entity.fields.get(ix)?;
        Some(field.from.get(source).unwrap_or(&field.name).clone())
    };
    let is_told = |ix: &usize| {
        let told = entity.fields.get(*ix).is_some_and(|field| field.from.contains_key(source));
        told || entity.key.contains(ix)
    };
    Some(ChunkRequest {
        schema: schema.to_owned(),
        table: table.to_owned(),
        columns: (0..entity.fields.len()).filter(is_told).filter_map(column).collect(),
        key: entity.key.iter().filter_map(|ix| column(*ix)).collect(),
        range,
        keys: Vec::new(),
        part,
        rows: covenant_postgres::row_filter::of(entity, source),
    })
}

/// The part that a request names, and its text in a job's name.
fn part_of(text: &str) -> Result<TablePart, String> {
    let wrong = || format!("`{text}` is no chunk: write `2/8` for the second of eight");
    let (number, of) = text.split_once(['/', PART]).ok_or_else(wrong)?;
    let number = number.parse().map_err(|_| wrong())?;
    let of = of.parse().map_err(|_| wrong())?;
    if number == 0 || number > of || of > PARTS_MAX {
        return Err(wrong());
    }
    Ok(TablePart { number, of })
}

/// Repairs that a process left behind: nothing resumes them, and whoever waits for the end of every table read must not wait for
/// them. The differences they were for are found again by the next reconciliation.
pub fn given_up(positions: &BTreeMap<String, SourcePosition>) -> Vec<(String, SourcePosition)> {
    let ended = |(id, position): (&String, &SourcePosition)| match position {
        SourcePosition::Backfill { entity, after, rows, done: false } => {
            let (entity, after) = (entity.clone(), after.clone());
            let ended = SourcePosition::Backfill { entity, after, rows: *rows, done: true };
            Some((id.clone(), ended))
        }
        SourcePosition::Backfill { .. }
        | SourcePosition::Postgres { .. }
        | SourcePosition::Stream { .. }
        | SourcePosition::Salesforce { .. } => None,
    };
    let repairs = positions.iter().filter(|(id, _)| id.split(SEPARATOR).next() == Some(REPAIR));
    repairs.filter_map(ended).collect()
}

/// Everything of the entity's table in `system`, as reconciliation reads it, and the source that it is. None: it has no table.
pub fn whole(entity: &EntitySpec, system: &str) -> Option<(String, ChunkRequest)> {
    let (source, _, _) = table(entity, system)?;
    Some((source.to_owned(), request(entity, system, None, None)?))
}

/// The repair of rows that reconciliation found: one at a time for each entity, and not resumed by a restart.
pub fn repair(entity: &str, request: ChunkRequest) -> Job {
    Job { id: format!("{REPAIR}{SEPARATOR}{entity}"), entity: entity.to_owned(), request }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repair_that_a_process_left_behind_is_over() {
        let open = |done| {
            let (entity, after) = ("sales.order".to_owned(), None);
            SourcePosition::Backfill { entity, after, rows: 3, done }
        };
        let mut positions = BTreeMap::from([
            ("repair/sales.order".to_owned(), open(false)),
            ("repair/sales.customer".to_owned(), open(true)),
            ("initial/sales.order".to_owned(), open(false)),
        ]);
        let ended = given_up(&positions);
        assert_eq!(ended, [("repair/sales.order".to_owned(), open(true))]);
        positions.extend(ended);
        assert!(given_up(&positions).is_empty());
    }
}
