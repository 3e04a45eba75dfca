//! Reads both targets and compares them with the expectation.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_postgres::Client;

use super::api::Quarantined;
use super::people::People;
use super::systems::Crm;
use crate::error::{At, Result, SandboxError};
use crate::verify::adopted::{self, ByHand};
use crate::verify::compare::{Differences, Expected, FoundRow, compare};
use crate::verify::expect::{self, PlainRow};
use crate::verify::freshness::{Seen, in_crm, in_warehouse};
use crate::verify::report::{Line, Report};
use crate::verify::shape::{CRM_SINKS, CrmSink, ENTITIES, Entity};
use crate::verify::told::{KEY_SEPARATOR, Told, key_text};
use crate::verify::warehouse::Warehouse;
use crate::verify::{Unseal, crm};

/// Models: told, not judged, since they run every few minutes and follow from rows that are compared.
pub const MODELS: [&str; 2] = ["MARTS.DAILY_SALES", "MARTS.INVENTORY_POSITION"];
/// Findings of one kind that are told.
const FINDINGS_MAX: usize = 5;

/// What the proof is made of.
pub struct Evidence<'a> {
    /// The source.
    pub source: &'a Client,
    /// The shop's log, folded.
    pub told: &'a Told,
    /// The warehouse's file.
    pub warehouse: PathBuf,
    /// Salesforce.
    pub crm: &'a Crm,
    /// Opens personal data; the warehouse is read in a thread of its own.
    pub unseal: Arc<dyn Unseal + Send + Sync>,
    /// What stands in quarantine.
    pub quarantine: &'a [Quarantined],
    /// What people made in Salesforce before.
    pub people: &'a People,
    /// When landing commits became visible.
    pub seen: &'a Seen,
}

/// Compares everything.
///
/// # Errors
/// Where a system cannot be read.
pub async fn report(evidence: &Evidence<'_>) -> Result<Report> {
    let mut report = Report::default();
    let mut warehouse = read_warehouse(evidence)?;
    let accounts = evidence.crm.dump(&CRM_SINKS[0]).await?;
    let parents = BTreeMap::from([("Account", crm::ids(&accounts, CRM_SINKS[0].external_id))]);
    let now = jiff::Timestamp::now();
    for entity in ENTITIES {
        let sink = CRM_SINKS.iter().find(|sink| sink.entity.name == entity.name);
        let mut in_warehouse =
            Expected { columns: expect::warehouse_columns(&entity), ..Expected::default() };
        let mut in_salesforce = Expected::default();
        if let Some(sink) = sink {
            in_salesforce.columns = sink.fields.iter().map(|(field, _, _)| *field).collect();
        }
        let each = |row: PlainRow| {
            if let Some(sink) = sink {
                expect::add_for_crm(&mut in_salesforce, sink, &row, now);
            }
            expect::add_for_warehouse(&mut in_warehouse, &entity, &row, &*evidence.unseal)
        };
        expect::rows(evidence.source, &entity, evidence.told, each).await?;
        let found = warehouse.recv().await.ok_or_else(crashed)??;
        report.lines.push(warehouse_line(evidence, &entity, &in_warehouse, found));
        if let Some(sink) = sink {
            let dumped;
            let records = if sink.object == CRM_SINKS[0].object {
                &accounts
            } else {
                dumped = evidence.crm.dump(sink).await?;
                &dumped
            };
            let found = crm::rows(sink, records, &parents);
            let told = evidence.told;
            let mut differences = compare(&in_salesforce, found, |key| gone(told, &entity, key));
            if sink.object == CRM_SINKS[0].object {
                let made = doubles(evidence, records, &mut differences).await?;
                report.findings.extend(made);
            }
            let modified = crm::modified(records, sink.external_id);
            report.lines.push(crm_line(sink, told, differences, &modified));
        }
    }
    quarantine(evidence, &mut report);
    events(evidence.told, &mut report);
    while let Some(found) = warehouse.recv().await {
        report.notes.extend(found?.notes);
    }
    Ok(report)
}

/// Customers who are there twice, because an account that a person made was not adopted.
async fn doubles(
    evidence: &Evidence<'_>,
    accounts: &[crm::Record],
    differences: &mut Differences,
) -> Result<Vec<String>> {
    let known = adopted::Known::read(evidence.source).await?;
    let made = evidence.people.made.iter();
    let by_hand: Vec<ByHand<'_>> =
        made.map(|made| ByHand { id: &made.id, name: &made.name, of: &made.of }).collect();
    let external_id = CRM_SINKS[0].external_id;
    Ok(adopted::check(accounts, &known, &by_hand, external_id, differences))
}

/// What the warehouse holds of one entity; at last, notes.
#[derive(Default)]
struct InWarehouse {
    rows: Vec<FoundRow>,
    /// The landing commit that changed each row last.
    commits: BTreeMap<String, u64>,
    notes: Vec<String>,
}

/// Reads the warehouse in a thread of its own, one entity ahead of the comparison: both sides are read at once.
fn read_warehouse(evidence: &Evidence<'_>) -> Result<mpsc::Receiver<Result<InWarehouse>>> {
    let warehouse = Warehouse::open(&evidence.warehouse)?;
    let unseal = Arc::clone(&evidence.unseal);
    let (send, receive) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        let entities = ENTITIES.iter().map(|entity| {
            let rows = warehouse.rows(entity, &*unseal)?;
            let commits = warehouse.commits(entity)?;
            Ok(InWarehouse { rows, commits, ..InWarehouse::default() })
        });
        let notes = std::iter::once_with(|| {
            let told = |model| Ok(format!("{model} has {} rows", warehouse.count(model)?));
            let notes: Result<Vec<String>> = MODELS.into_iter().map(told).collect();
            Ok(InWarehouse { notes: notes?, ..InWarehouse::default() })
        });
        for found in entities.chain(notes) {
            let failed = found.is_err();
            // A comparison that has ended needs no more.
            if send.blocking_send(found).is_err() || failed {
                return;
            }
        }
    });
    Ok(receive)
}

fn crashed() -> SandboxError {
    SandboxError::new("demo", "the thread that reads the warehouse ended early", "")
}

fn warehouse_line(
    evidence: &Evidence<'_>,
    entity: &Entity,
    expected: &Expected,
    found: InWarehouse,
) -> Line {
    let told = evidence.told;
    let differences = compare(expected, found.rows, |key| gone(told, entity, key));
    let table = entity.table.map_or("order_events", |table| table.name);
    let quarantined =
        evidence.quarantine.iter().filter(|record| record.entity == entity.name).count();
    Line {
        entity: entity.name,
        target: "warehouse",
        differences,
        quarantined: Some(quarantined as u64),
        freshness: in_warehouse(told, table, &found.commits, evidence.seen),
    }
}

fn crm_line(
    sink: &CrmSink,
    told: &Told,
    differences: Differences,
    modified: &BTreeMap<String, i64>,
) -> Line {
    let table = sink.entity.table.map_or("", |table| table.name);
    Line {
        entity: sink.entity.name,
        target: "salesforce",
        differences,
        quarantined: None,
        freshness: in_crm(told, table, modified),
    }
}

/// Whether a key was deleted, moved away, or belonged to a deleted order.
fn gone(told: &Told, entity: &Entity, key: &str) -> bool {
    let Some(table) = entity.table else { return false };
    let order = key.split(KEY_SEPARATOR).next().unwrap_or(key);
    told.gone.contains(&(table.name.to_owned(), key.to_owned()))
        || (entity.key_columns > 1 && told.gone.contains(&("orders".to_owned(), order.to_owned())))
}

/// A poisoned row must stand in quarantine: a record that is neither shown nor there is lost.
fn quarantine(evidence: &Evidence<'_>, report: &mut Report) {
    for record in evidence.quarantine {
        for rule in &record.rules {
            *report.reasons.entry(format!("{}: {rule}", record.entity)).or_default() += 1;
        }
    }
    let mut missing = Vec::new();
    for (table, key) in evidence.told.poisoned.keys() {
        let entity = ENTITIES.iter().find(|e| e.table.is_some_and(|t| t.name == *table));
        let Some(entity) = entity else { continue };
        let names_key = |text: &str| key.split(KEY_SEPARATOR).all(|part| text.contains(part));
        let there = evidence.quarantine.iter().any(|record| {
            record.entity == entity.name && record.key.as_deref().is_some_and(names_key)
        });
        if !there {
            let shown = key_text([key.as_str()]).replace(KEY_SEPARATOR, "/");
            missing.push(format!(
                "{} {shown} breaks its contract and is in no quarantine",
                entity.name
            ));
        }
    }
    report.findings.extend(missing.into_iter().take(FINDINGS_MAX));
}

fn events(told: &Told, report: &mut Report) {
    if told.valid_refused > 0 {
        let what = format!("{} valid events were refused at the door", told.valid_refused);
        report.findings.push(what);
    }
    let malformed = told.malformed_taken + told.malformed_refused;
    report.notes.push(format!(
        "{malformed} malformed events: {} taken into quarantine, {} refused at the door",
        told.malformed_taken, told.malformed_refused
    ));
}

/// The one file of the warehouse below the runtime's data.
///
/// # Errors
/// Where there is none.
pub fn warehouse_file(data: &Path) -> Result<PathBuf> {
    let told = format!("{} cannot be listed", data.display());
    for entry in std::fs::read_dir(data).at("demo", &told, "")? {
        let path = entry.at("demo", &told, "")?.path();
        if path.extension().is_some_and(|ending| ending == "duckdb") {
            return Ok(path);
        }
    }
    let what = format!("there is no warehouse (*.duckdb) in {}", data.display());
    Err(SandboxError::new("demo", what, "Did the runtime ever start?"))
}
