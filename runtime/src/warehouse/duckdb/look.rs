//! A look at the warehouse from outside, for `doctor`: it changes nothing, and does not need the file for itself.

use std::path::Path;

use ::duckdb::{AccessMode, Config, Connection};
use covenant_model::spec::EntitySpec;

use super::check::{ADVICE_MISMATCH, mismatch, nothing_dropped};
use super::hold::Hold;
use super::{PLACE, failed};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::finding::{Finding, Severity};

/// Holds the tables of `path` against the contracts.
///
/// # Errors
/// Where the file cannot be read, but for one reason: that another process has it, which is a finding.
pub async fn look(path: &Path, entities: &[EntitySpec]) -> Result<Vec<Finding>> {
    let (path, entities) = (path.to_owned(), entities.to_vec());
    let looked = tokio::task::spawn_blocking(move || look_blocking(&path, &entities));
    looked.await.map_err(|error| {
        RuntimeError::new(ErrorKind::Bug, PLACE, error, "Report this as a bug of covenant")
    })?
}

fn look_blocking(path: &Path, entities: &[EntitySpec]) -> Result<Vec<Finding>> {
    if !path.exists() {
        return Ok(vec![finding(
            Severity::Note,
            PLACE.to_owned(),
            "there is no file yet".to_owned(),
            "This is the first start, or it was moved away",
            "Nothing to do: the start creates it, and fills it from landing",
        )]);
    }
    let opened = Hold::take(Some(path)).and_then(|hold| Ok((open(path)?, hold)));
    // named so that the file is closed before it is let go
    let (_hold, db) = match opened {
        Ok((db, hold)) => (hold, db),
        Err(error) if error.kind == ErrorKind::Unavailable => {
            return Ok(vec![finding(
                Severity::Warning,
                PLACE.to_owned(),
                "another process has the file open, so that its tables were not looked at"
                    .to_owned(),
                "Only one process can have it",
                "Nothing to do if that is this runtime: it has looked itself",
            )]);
        }
        Err(error) => return Err(error),
    };
    let mut findings = Vec::new();
    let kept = entities.iter().filter(|entity| entity.warehouse.is_some());
    let by_name = kept.clone().map(|entity| (entity.name.clone(), entity.clone())).collect();
    if let Err(error) = nothing_dropped(&db, &by_name) {
        let why = "An empty table would look like a loss at the source";
        let RuntimeError { what, advice, .. } = error;
        findings.push(finding(Severity::Error, PLACE.to_owned(), what, why, &advice));
    }
    for entity in kept {
        findings.extend(of_table(&db, entity)?);
    }
    Ok(findings)
}

fn of_table(db: &Connection, entity: &EntitySpec) -> Result<Vec<Finding>> {
    let Some(found) = mismatch(db, entity)? else { return Ok(Vec::new()) };
    let place = format!("{PLACE}, table {} of {}", found.table, entity.name);
    let findings = found.differences.into_iter().map(|difference| {
        if difference.is_added {
            let why = "The contract has it since a later version";
            let advice = "Nothing to do: the start adds it";
            return finding(Severity::Note, place.clone(), difference.what, why, advice);
        }
        let why = "Rows could not be merged, or their values would be changed";
        finding(Severity::Error, place.clone(), difference.what, why, ADVICE_MISMATCH)
    });
    Ok(findings.collect())
}

fn open(path: &Path) -> Result<Connection> {
    let opening = |error| failed("opening the database", error);
    let config = Config::default()
        .access_mode(AccessMode::ReadOnly)
        .and_then(|config| config.threads(1))
        .map_err(opening)?;
    Connection::open_with_flags(path, config).map_err(opening)
}

fn finding(severity: Severity, place: String, what: String, why: &str, advice: &str) -> Finding {
    Finding { severity, place, what, why: why.to_owned(), advice: advice.to_owned() }
}
