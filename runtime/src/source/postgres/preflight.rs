//! Preflight of a database: everything that would break later, said before anything starts. `doctor` prints what it finds;
//! the runtime refuses to start on errors.

use std::collections::BTreeMap;

use covenant_model::manifest::Manifest;
use covenant_model::spec::{EntitySpec, OutboxSpec, SourceSpec, SystemSpec};
use covenant_postgres::catalogue::{facts, judge, published};
use covenant_postgres::row_filter;

use super::connect::Endpoint;
use super::lineage::Start;
use super::stream::{StreamSettings, inspect};
use crate::error::Result;
use crate::finding::{Finding, Severity};
use crate::landing::SourcePosition;

/// Checks the database `system` against every entity that is read from it, and every outbox that is in it. `landed` is the source's position in the newest
/// landing commit.
///
/// # Errors
/// Where the server cannot be asked at all.
pub async fn check(
    endpoint: &Endpoint,
    system: &str,
    settings: &StreamSettings,
    manifest: &Manifest,
    landed: Option<&SourcePosition>,
) -> Result<Vec<Finding>> {
    let client = endpoint.connect().await?;
    let place = endpoint.place();
    let asked = |error: tokio_postgres::Error| endpoint.sql_error(&error);
    let server = facts::server(&client, &settings.publication, None).await.map_err(asked)?;
    let mut judged = judge::server(place, &server, &settings.publication, endpoint.user());
    let via_root = server.publication.is_some_and(|[.., via_root]| via_root);
    let publication = &settings.publication;
    for ((schema, table), readers) in tables(manifest, system) {
        let found = facts::table(&client, publication, (schema, table), None).await;
        let found = found.map_err(asked)?;
        let place = format!("{place}, table {schema}.{table}");
        for (entity, source) in &readers {
            let facts = found.as_ref();
            judged.extend(judge::table(&place, publication, source, entity, facts, via_root));
        }
        let agreed = row_filter::agreed(readers);
        if let Some(facts) = &found {
            judged.extend(published::rows(&place, publication, facts, agreed.as_deref()));
        }
    }
    for (stream, outbox) in outboxes(manifest, system) {
        let OutboxSpec { schema, table, .. } = outbox;
        let found = facts::table(&client, publication, (schema, table), None).await;
        let place = format!("{place}, table {schema}.{table}");
        let facts = found.map_err(asked)?;
        judged.extend(published::outbox(&place, publication, stream, facts.as_ref()));
    }
    if server.may_replicate && server.wal_level == "logical" && !server.in_recovery {
        let (_, start) = inspect(endpoint, settings, landed).await?;
        judged.extend(slot_findings(place, &settings.slot, &start));
    }
    let mut findings: Vec<Finding> = judged.into_iter().map(|one| one.finding).collect();
    findings.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.place.cmp(&b.place)));
    Ok(findings)
}

/// Every table of the system that a contract reads, with who reads it.
fn tables<'m>(
    manifest: &'m Manifest,
    wanted: &str,
) -> BTreeMap<(&'m str, &'m str), Vec<(&'m EntitySpec, &'m str)>> {
    let mut tables: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for entity in &manifest.entities {
        for (source, spec) in &entity.sources {
            let SourceSpec::Postgres { system, schema, table, .. } = spec else { continue };
            if system == wanted {
                let of_table = tables.entry((schema.as_str(), table.as_str())).or_default();
                of_table.push((entity, source.as_str()));
            }
        }
    }
    tables
}

/// The tables of the system that producers write events to, with their streams.
fn outboxes<'m>(
    manifest: &'m Manifest,
    wanted: &'m str,
) -> impl Iterator<Item = (&'m str, &'m OutboxSpec)> {
    manifest.project.systems.iter().filter_map(move |(name, system)| match system {
        SystemSpec::Stream { outbox: Some(outbox), .. } if outbox.system == wanted => {
            Some((name.as_str(), outbox))
        }
        SystemSpec::Stream { .. }
        | SystemSpec::Postgres { .. }
        | SystemSpec::Salesforce { .. }
        | SystemSpec::Snowflake { .. } => None,
    })
}

fn slot_findings(place: &str, slot: &str, start: &Start) -> Vec<judge::Judged> {
    let mut report = judge::Report::new(format!("{place}, slot {slot}"));
    match start {
        Start::Create => report.add(
            Severity::Note,
            "there is no slot yet, and nothing was landed",
            "This is the first start",
            "Nothing to do: the start creates it, and loads every table",
        ),
        Start::Fresh(_) | Start::Resume(_) => {}
        Start::Gap(gap) => {
            let why = "Changes may be missing";
            report.add(Severity::Error, gap.to_string(), why, super::connect::ADVICE_GAP);
        }
        Start::Fenced { pid } => report.add(
            Severity::Warning,
            format!("it is being read (server process {pid})"),
            "Only one reader can hold it",
            "Nothing to do if that is this runtime",
        ),
        Start::Misfit { why } => report.add(
            Severity::Error,
            format!("its name is used for {why}"),
            "We cannot stream from it",
            "Name a slot of its own in the contracts",
        ),
    }
    report.done()
}

/// Whether the runtime must not start.
pub fn refuses(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}
