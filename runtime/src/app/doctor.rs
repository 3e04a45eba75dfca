//! Preflight of every system: everything that would break later, said before anything starts.

use std::fmt;
use std::sync::Arc;

use covenant_model::codec::EntityCodec;
use covenant_model::spec::SystemSpec;

use super::config::Config;
use super::open::WAREHOUSE_FILE;
use super::run::salesforce;
use super::start::{Started, Store, start};
use crate::env::Env;
use crate::error::{ErrorKind, Reaction, Result, RuntimeError};
use crate::finding::{Finding, Severity};
use crate::landing::Landing;
use crate::source::postgres::preflight;
use crate::warehouse::duckdb;

/// What was checked and found.
#[derive(Debug, Default)]
pub struct Report {
    checked: Vec<String>,
    findings: Vec<Finding>,
    /// Systems that do not answer now and may answer later: no reason to refuse, their lanes try again.
    waiting: Vec<Finding>,
}

impl Report {
    /// Whether the runtime would refuse to start.
    pub fn refuses(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// Whether a person has something to do or to wait for.
    pub fn has_errors(&self) -> bool {
        self.refuses() || !self.waiting.is_empty()
    }

    /// Whether the system there did not answer.
    pub fn waits_for(&self, place: &str) -> bool {
        self.waiting.iter().any(|finding| finding.place == place)
    }

    /// What was found, systems that do not answer first.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.waiting.iter().chain(&self.findings)
    }

    /// What a start that is refused ends with.
    pub fn refusal(&self) -> RuntimeError {
        let kind = if self.refuses() { ErrorKind::SchemaMismatch } else { ErrorKind::Unavailable };
        RuntimeError::new(
            kind,
            "preflight",
            format!("the start is refused\n{}", self.to_string().trim_end()),
            "Do what the findings say, and look again with `covenant-runtime doctor`.",
        )
    }

    fn sort(&mut self) {
        self.findings.sort_by(|a, b| b.severity.cmp(&a.severity).then(a.place.cmp(&b.place)));
    }

    fn unreachable(&mut self, place: &str, error: &RuntimeError) {
        let heals = match error.reaction() {
            Reaction::Retry | Reaction::RetryAfter(_) => true,
            Reaction::Park | Reaction::Stop => false,
        };
        let finding = Finding {
            severity: Severity::Error,
            place: place.to_owned(),
            what: error.what.clone(),
            why: "Nothing can be read or written there".into(),
            advice: error.advice.clone(),
        };
        if heals { self.waiting.push(finding) } else { self.findings.push(finding) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for checked in &self.checked {
            writeln!(f, "checked {checked}")?;
        }
        for finding in self.findings() {
            writeln!(f, "{finding}")?;
        }
        let is_error = |finding: &&Finding| finding.severity == Severity::Error;
        match (self.findings.iter().filter(is_error).count(), self.waiting.len()) {
            (0, 0) => writeln!(f, "ready to run"),
            (0, 1) => writeln!(f, "1 system does not answer: a start waits for it"),
            (0, some) => writeln!(f, "{some} systems do not answer: a start waits for them"),
            (1, _) => writeln!(f, "1 error: the runtime refuses to start"),
            (some, _) => writeln!(f, "{some} errors: the runtime refuses to start"),
        }
    }
}

/// `covenant-runtime doctor`.
///
/// # Errors
/// Where the configuration or the manifest cannot be read at all.
pub async fn doctor(config: &Config, codecs: Vec<Box<dyn EntityCodec>>) -> Result<Report> {
    let started = start(config, codecs, Env::system())?;
    let mut report = check(config, &started).await?;
    // A start looks itself, with the file in its hands.
    let path = config.data_dir.join(WAREHOUSE_FILE);
    match duckdb::look(&path, &started.manifest.entities).await {
        Ok(found) => report.findings.extend(found),
        Err(error) => report.unreachable("duckdb warehouse", &error),
    }
    report.checked.push(format!("warehouse {}", path.display()));
    report.sort();
    Ok(report)
}

/// All checks. Systems that cannot be reached are findings, so that one does not hide the others.
///
/// # Errors
/// Where landing cannot be read.
pub async fn check(config: &Config, started: &Started) -> Result<Report> {
    let mut report = Report::default();
    report.checked.push(format!("manifest {}", config.manifest.display()));
    let newest = started.landing.newest().await?;
    report.checked.push(format!("landing in {}", config.data_dir.display()));
    report.findings.extend(not_connected(config, started));
    if let Some(store) = &started.store {
        let landed = newest.as_ref().and_then(|commit| commit.positions.get(&store.system));
        let Store { system, endpoint, settings, .. } = store;
        let found = preflight::check(endpoint, system, settings, &started.manifest, landed).await;
        match found {
            Ok(found) => report.findings.extend(found),
            Err(error) => report.unreachable(store.endpoint.place(), &error),
        }
        report.checked.push(store.endpoint.place().to_owned());
    }
    check_salesforce(config, started, &mut report).await?;
    report.sort();
    Ok(report)
}

/// Systems of the contracts that no setting leads to: a forgotten setting must not look like a quiet source.
fn not_connected(config: &Config, started: &Started) -> Vec<Finding> {
    let unset = started.manifest.project.systems.iter().filter_map(|(name, system)| {
        let (setting, what) = match system {
            SystemSpec::Postgres { .. } if started.store.is_none() => {
                ("COVENANT_STORE_URL", "Nothing is read from its tables")
            }
            SystemSpec::Salesforce { .. } if config.salesforce.is_none() => {
                ("COVENANT_SALESFORCE_URL", "Nothing is delivered to it, and nothing polled")
            }
            SystemSpec::Postgres { .. }
            | SystemSpec::Salesforce { .. }
            | SystemSpec::Stream { .. }
            | SystemSpec::Snowflake { .. } => return None,
        };
        Some(Finding {
            severity: Severity::Warning,
            place: format!("system {name}"),
            what: format!("{setting} is not set"),
            why: what.into(),
            advice: "Set it, unless this runtime is to run without the system".into(),
        })
    });
    unset.collect()
}

async fn check_salesforce(config: &Config, started: &Started, report: &mut Report) -> Result<()> {
    let Some(org) = salesforce(config, started)? else { return Ok(()) };
    let org = Arc::new(org);
    if let Err(error) = org.ping().await {
        report.unreachable("salesforce", &error);
        return Ok(());
    }
    for entity in &started.manifest.entities {
        let Some(sink) = &entity.salesforce else { continue };
        let place = format!("salesforce {}", sink.object);
        let known = match org.describe(&sink.object).await {
            Ok(known) => known,
            Err(error) => {
                report.unreachable(&place, &error);
                continue;
            }
        };
        let lookups = |target: &str| target.strip_suffix("__r").map(|stem| format!("{stem}__c"));
        let mut wanted: Vec<String> = sink
            .fields
            .iter()
            .map(|field| lookups(&field.target).unwrap_or_else(|| field.target.clone()))
            .collect();
        // What is compared must be there, too.
        let compared = sink.adopt.iter().flat_map(|adopt| adopt.rules.iter().flatten());
        let compared = compared.map(|part| part.target.clone());
        wanted.extend(compared.filter(|target| !wanted.contains(target)).collect::<Vec<_>>());
        wanted.push(sink.external_id.clone());
        wanted.push(sink.revision_field.clone());
        for field in wanted.iter().filter(|field| !known.contains(*field)) {
            report.findings.push(Finding {
                severity: Severity::Error,
                place: place.clone(),
                what: format!(
                    "the contract of {} uses {field}, and the org does not have it",
                    entity.name
                ),
                why: "Every record would be refused".into(),
                advice: "Deploy generated/salesforce to the org, and assign its permission set."
                    .into(),
            });
        }
    }
    let kinds = started.manifest.project.systems.values();
    let declared = kinds.filter(|system| matches!(system, SystemSpec::Salesforce { .. })).count();
    report.checked.push(format!("salesforce ({declared} org)"));
    Ok(())
}
