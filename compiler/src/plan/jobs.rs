//! Jobs: what runs, on what, after what, how often.

use std::collections::BTreeSet;

use covenant_model::manifest::{JobKind, JobSpec};
use covenant_model::spec::{EntitySpec, ModelSpec, ProjectSpec, SourceSpec, SystemSpec};

/// Continuous lanes retry for ever, with backoff: giving up would let a slot fill a disk.
const ATTEMPTS_FOR_EVER: u32 = 0;
/// Runs that come again anyway tell a human after this many attempts.
const ATTEMPTS_OF_A_RUN: u32 = 5;
/// Continuous.
const CONTINUOUS: u64 = 0;
/// Once a day, all keys. In seconds.
const RECONCILE_EVERY_S: u64 = 86_400;
/// The job that applies landing commits.
const APPLY: &str = "apply.warehouse";

/// All jobs, each after those it needs.
pub(super) fn derive(
    project: &ProjectSpec,
    entities: &[EntitySpec],
    models: &[ModelSpec],
) -> Vec<JobSpec> {
    let mut jobs = Vec::new();
    for system in project.systems.keys() {
        jobs.extend(capture(system, entities));
    }
    let captures: Vec<String> = jobs.iter().map(|job| job.name.clone()).collect();
    let warehouse = apply(&captures, entities, models);
    let warehouse_system = warehouse.as_ref().map(|job| job.system.clone());
    jobs.extend(warehouse);
    for system in project.systems.keys() {
        jobs.extend(deliver(system, &captures, entities));
    }
    jobs.extend(models.iter().map(|model| transform(model, models)));
    for (name, spec) in &project.systems {
        if matches!(spec, SystemSpec::Postgres { .. }) {
            jobs.extend(backfill(name, entities));
        }
    }
    let delivers = jobs.iter().filter(|job| job.kind == JobKind::Deliver);
    let mut needs: Vec<String> = delivers.map(|job| job.name.clone()).collect();
    if let Some(system) = warehouse_system {
        needs.insert(0, APPLY.to_owned());
        jobs.push(JobSpec {
            name: "reconcile".to_owned(),
            kind: JobKind::Reconcile,
            system,
            datasets: names(entities.iter().filter(|entity| entity.warehouse.is_some())),
            needs,
            every_s: RECONCILE_EVERY_S,
            freshness_slo_s: None,
            attempts_max: ATTEMPTS_OF_A_RUN,
        });
    }
    jobs
}

fn names<'e>(entities: impl Iterator<Item = &'e EntitySpec>) -> Vec<String> {
    entities.map(|entity| entity.name.clone()).collect()
}

fn system_of(source: &SourceSpec) -> &str {
    match source {
        SourceSpec::Postgres { system, .. }
        | SourceSpec::Stream { system, .. }
        | SourceSpec::Salesforce { system, .. } => system,
    }
}

fn reads(entity: &EntitySpec, system: &str) -> bool {
    entity.sources.values().any(|source| system_of(source) == system)
}

fn capture(system: &str, entities: &[EntitySpec]) -> Option<JobSpec> {
    let read: Vec<&EntitySpec> = entities.iter().filter(|one| reads(one, system)).collect();
    let promises = read.iter().flat_map(|entity| entity.expect.freshness_s.values());
    (!read.is_empty()).then(|| JobSpec {
        name: format!("capture.{system}"),
        kind: JobKind::Capture,
        system: system.to_owned(),
        datasets: names(read.iter().copied()),
        needs: Vec::new(),
        every_s: CONTINUOUS,
        freshness_slo_s: promises.min().copied(),
        attempts_max: ATTEMPTS_FOR_EVER,
    })
}

fn apply(captures: &[String], entities: &[EntitySpec], models: &[ModelSpec]) -> Option<JobSpec> {
    let stored: Vec<&EntitySpec> = entities.iter().filter(|one| one.warehouse.is_some()).collect();
    let tables = stored.iter().filter_map(|entity| entity.warehouse.as_ref());
    let systems: BTreeSet<&str> = tables
        .chain(models.iter().map(|model| &model.warehouse))
        .map(|table| table.system.as_str())
        .collect();
    let system = systems.first()?.to_string();
    let promises = stored.iter().filter_map(|entity| entity.expect.freshness_s.get(&system));
    Some(JobSpec {
        name: APPLY.to_owned(),
        kind: JobKind::Apply,
        datasets: names(stored.iter().copied()),
        needs: captures.to_vec(),
        every_s: CONTINUOUS,
        freshness_slo_s: promises.min().copied(),
        attempts_max: ATTEMPTS_FOR_EVER,
        system,
    })
}

fn deliver(system: &str, captures: &[String], entities: &[EntitySpec]) -> Option<JobSpec> {
    let sent =
        |entity: &&EntitySpec| entity.salesforce.as_ref().is_some_and(|sink| sink.system == system);
    let sent: Vec<&EntitySpec> = entities.iter().filter(sent).collect();
    let needs = captures.iter().filter(|job| {
        let from = job.trim_start_matches("capture.");
        sent.iter().any(|entity| reads(entity, from))
    });
    (!sent.is_empty()).then(|| JobSpec {
        name: format!("deliver.{system}"),
        kind: JobKind::Deliver,
        system: system.to_owned(),
        datasets: names(sent.iter().copied()),
        needs: needs.cloned().collect(),
        every_s: CONTINUOUS,
        freshness_slo_s: sent
            .iter()
            .filter_map(|one| one.expect.freshness_s.get(system))
            .min()
            .copied(),
        attempts_max: ATTEMPTS_FOR_EVER,
    })
}

fn transform(model: &ModelSpec, models: &[ModelSpec]) -> JobSpec {
    let upstream = models.iter().filter(|other| model.inputs.contains(&other.name));
    let mut needs = vec![APPLY.to_owned()];
    needs.extend(upstream.map(|other| format!("transform.{}", other.name)));
    JobSpec {
        name: format!("transform.{}", model.name),
        kind: JobKind::Transform,
        system: model.warehouse.system.clone(),
        datasets: vec![model.name.clone()],
        needs,
        every_s: model.refresh_s,
        freshness_slo_s: model.expect.freshness_s.get(&model.warehouse.system).copied(),
        attempts_max: ATTEMPTS_OF_A_RUN,
    }
}

fn backfill(system: &str, entities: &[EntitySpec]) -> Option<JobSpec> {
    let read: Vec<&EntitySpec> = entities.iter().filter(|one| reads(one, system)).collect();
    (!read.is_empty()).then(|| JobSpec {
        name: format!("backfill.{system}"),
        kind: JobKind::Backfill,
        system: system.to_owned(),
        datasets: names(read.iter().copied()),
        needs: vec![format!("capture.{system}")],
        every_s: CONTINUOUS,
        freshness_slo_s: None,
        attempts_max: ATTEMPTS_OF_A_RUN,
    })
}
