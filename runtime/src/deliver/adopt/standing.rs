//! What is remembered of an adoption: kept in the ledger as notes, so that a restart goes on where the last one was.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::plan::{Pick, Plan};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::ledger::Ledger;

/// Most refusals that are shown.
pub(super) const REFUSED_MAX: usize = 100;

/// Where an entity stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Rows flow: what was there before us has its external id, or a person has seen why not.
    pub adopted: bool,
    /// A plan that is being carried out.
    pub applying: Option<Approval>,
    /// What people have decided, by external id.
    pub picks: BTreeMap<String, Pick>,
    /// Rows that match nothing may make records, whatever the contract says.
    pub may_create: bool,
    /// What was applied last.
    pub applied: Option<Applied>,
}

/// Who lets a plan be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// A person's name, or the contract.
    pub by: String,
    /// Digest of the plan.
    pub plan: String,
}

/// A plan that was carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Who let it be.
    pub by: String,
    /// Digest of the plan.
    pub plan: String,
    /// When it was done, microseconds since 1970.
    pub at_us: i64,
    /// Records that have their external id by it.
    pub stamped: u64,
    /// Pairs that no longer held.
    pub refused: u64,
    /// Some of them.
    pub refusals: Vec<Refusal>,
    /// Rows that wait for a person since.
    pub held: u64,
}

/// A pair that no longer held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// External id of the row.
    pub row: String,
    /// Id of the record.
    pub record: String,
    /// Why, without values.
    pub why: String,
}

/// Name of the note with where an entity stands.
pub(super) fn note(entity: &str) -> String {
    format!("adoption {entity}")
}

fn plan_note(entity: &str) -> String {
    format!("adoption plan {entity}")
}

pub(super) fn text<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        let what = format!("it does not serialize ({:?})", error.classify());
        RuntimeError::new(ErrorKind::Bug, "adoption", what, "Please report it.")
    })
}

fn read<T: serde::de::DeserializeOwned>(text: Option<String>) -> Result<Option<T>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|error| {
        let what = format!("a note of the ledger does not read ({:?})", error.classify());
        let advice = "Start the version of the runtime that wrote it.";
        RuntimeError::new(ErrorKind::Corrupt, "adoption", what, advice)
    })
}

/// What the ledger remembers of an entity.
pub(super) fn load(ledger: &mut dyn Ledger, entity: &str) -> Result<(Remembered, Option<Plan>)> {
    let remembered = read(ledger.note(&note(entity))?)?.unwrap_or_default();
    Ok((remembered, read(ledger.note(&plan_note(entity))?)?))
}

/// Keeps where an entity stands.
pub(super) fn keep(ledger: &mut dyn Ledger, entity: &str, remembered: &Remembered) -> Result<()> {
    ledger.set_note(&note(entity), &text(remembered)?)
}

/// Keeps the newest plan.
pub(super) fn keep_plan(ledger: &mut dyn Ledger, entity: &str, plan: &Plan) -> Result<()> {
    ledger.set_note(&plan_note(entity), &text(plan)?)
}
