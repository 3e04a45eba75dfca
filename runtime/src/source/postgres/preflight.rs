//! Preflight of a database: everything that would break later, said before anything starts. `doctor` prints what it finds;
//! the runtime refuses to start on errors.

use covenant_model::spec::{EntitySpec, SourceSpec};
use covenant_postgres::catalogue::{facts, judge};

use super::connect::Endpoint;
use super::lineage::Start;
use super::stream::{StreamSettings, inspect};
use crate::error::Result;
use crate::finding::{Finding, Severity};
use crate::landing::SourcePosition;

/// Checks the database `system` against every entity that is read from it. `landed` is the source's position in the newest
/// landing commit.
///
/// # Errors
/// Where the server cannot be asked at all.
pub async fn check(
    endpoint: &Endpoint,
    system: &str,
    settings: &StreamSettings,
    entities: &[EntitySpec],
    landed: Option<&SourcePosition>,
) -> Result<Vec<Finding>> {
    let client = endpoint.connect().await?;
    let place = endpoint.place();
    let asked = |error: tokio_postgres::Error| endpoint.sql_error(&error);
    let server = facts::server(&client, &settings.publication, None).await.map_err(asked)?;
    let mut judged = judge::server(place, &server, &settings.publication, endpoint.user());
    let via_root = server.publication.is_some_and(|[.., via_root]| via_root);
    for entity in entities {
        for (source, spec) in &entity.sources {
            let SourceSpec::Postgres { system: of, schema, table } = spec else { continue };
            if of != system {
                continue;
            }
            let found = facts::table(&client, &settings.publication, (schema, table), None).await;
            let place = format!("{place}, table {schema}.{table}");
            judged.extend(judge::table(
                &place,
                &settings.publication,
                source,
                entity,
                found.map_err(asked)?.as_ref(),
                via_root,
            ));
        }
    }
    if server.may_replicate && server.wal_level == "logical" && !server.in_recovery {
        let (_, start) = inspect(endpoint, settings, landed).await?;
        judged.extend(slot_findings(place, &settings.slot, &start));
    }
    let mut findings: Vec<Finding> = judged.into_iter().map(|one| one.finding).collect();
    findings.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.place.cmp(&b.place)));
    Ok(findings)
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
