//! Opens the parts of the application: each lane over its systems, ready to be driven.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use covenant_model::manifest::Manifest;
use covenant_model::spec::SystemSpec;
use tokio::sync::{mpsc, watch};

use super::config::Config;
use super::drive::{Lane, Phase};
use super::http::Control;
use super::lanes::{Apply, Deliver};
use super::once::Wanted;
use super::owed::Owed;
use super::poll_task::PollTask;
use super::reconcile_task::{Inbox, ReconcileTask};
use super::start::Started;
use crate::apply::ApplyLane;
use crate::capture::CaptureLane;
use crate::capture::derive::Deriver;
use crate::crm::salesforce::Salesforce;
use crate::deliver::{CALL_LIFE, DeliverLane, Parts};
use crate::env::Env;
use crate::error::Result;
use crate::keys::seams::DeliveryReveal;
use crate::landing::{Epoch, SourcePosition};
use crate::ledger::Ledger;
use crate::ledger::sqlite::SqliteLedger;
use crate::quarantine::Quarantine;
use crate::reconcile::org::{OrgParts, OrgSide};
use crate::reconcile::run::Reconciler;
use crate::source::poll::{PollLane, Polled};
use crate::source::postgres::reader::PostgresReader;
use crate::telemetry::status::Board;
use crate::warehouse::duckdb::{DuckOptions, DuckWarehouse};

/// The embedded warehouse, in the data folder.
pub(super) const WAREHOUSE_FILE: &str = "warehouse.duckdb";
/// The embedded delivery ledger, in the data folder.
const LEDGER_FILE: &str = "ledger.sqlite";
/// Lane of the delivery, as the audit names it.
const DELIVERY: &str = "deliver.salesforce";
/// The same, of a comparison with the org.
const COMPARISON: &str = "reconcile.salesforce";

/// Tells the board what is known before anything runs.
pub(super) fn introduce(board: &Board, manifest: &Manifest, epoch: Epoch, env: &Env) {
    let started_at_us = env.clock.now_us();
    board.update(|status| {
        status.project.clone_from(&manifest.project.name);
        status.version = env!("CARGO_PKG_VERSION").to_owned();
        status.epoch = epoch.0;
        status.started_at_us = started_at_us;
        for entity in &manifest.entities {
            let sinks = [
                ("warehouse", entity.warehouse.as_ref().map(|sink| &sink.system)),
                ("salesforce", entity.salesforce.as_ref().map(|sink| &sink.system)),
            ];
            for (kind, system) in sinks {
                let Some(system) = system else { continue };
                let entry = status.freshness.entry(format!("{kind} {}", entity.name)).or_default();
                entry.slo_s = entity.expect.freshness_s.get(system).copied();
            }
        }
    });
}

/// The warehouse's file, which one process can have. So a start beside a running one ends here, before it takes anything away from
/// the other; and so does a start over tables that are not what the contracts say.
pub(super) async fn warehouse(config: &Config, started: &Started) -> Result<DuckWarehouse> {
    let options = DuckOptions::file(&config.data_dir.join(WAREHOUSE_FILE));
    let warehouse =
        DuckWarehouse::new(options, started.sql.clone(), &started.manifest.entities).await?;
    warehouse.stands().await?;
    Ok(warehouse)
}

/// The warehouse's lane, and a second hand on the warehouse for reconciliation.
pub(super) async fn apply(
    warehouse: DuckWarehouse,
    started: &Started,
    epoch: Epoch,
    applied: Arc<AtomicU64>,
    models_due: Arc<AtomicBool>,
    wanted: &Wanted,
) -> Result<(Box<dyn Lane>, DuckWarehouse)> {
    let entities = &started.manifest.entities;
    let beside = warehouse.beside().await?;
    let mut lane = ApplyLane::open(
        started.landing.clone(),
        Box::new(warehouse),
        wanted.models(&started.manifest),
        started.env.clone(),
        epoch,
    )
    .await?;
    lane.watch(entities);
    let kept = entities.iter().filter(|entity| entity.warehouse.is_some());
    let entities = kept.map(|entity| entity.name.clone()).collect();
    let clock = started.env.clock.clone();
    Ok((Box::new(Apply { lane, applied, models_due, entities, clock }), beside))
}

/// The delivery's lane, and a second hand on what it fills for reconciliation.
pub(super) fn delivery(
    config: &Config,
    started: &Started,
    org: Arc<Salesforce>,
    epoch: Epoch,
    at_once: bool,
) -> Result<(Box<dyn Lane>, OrgSide)> {
    let path = config.data_dir.join(LEDGER_FILE);
    let ledger = SqliteLedger::open(&path, started.protector.clone())?;
    let reveal = DeliveryReveal::new(started.protector.clone(), started.audit.clone(), DELIVERY);
    let entities = &started.manifest.entities;
    let parts = Parts {
        landing: started.landing.clone(),
        ledger: Box::new(ledger),
        crm: org.clone(),
        reveal: Arc::new(reveal),
        sealer: started.protector.clone(),
        env: started.env.clone(),
        epoch,
        daily_share: daily_share(&started.manifest),
        releases: started.releases.clone(),
        call_life: config.call_life.unwrap_or(CALL_LIFE),
    };
    let mut lane = DeliverLane::new(parts, entities)?;
    lane.attend(started.adoptions.clone())?;
    if at_once {
        lane.drain();
    }
    let reveal = DeliveryReveal::new(started.protector.clone(), started.audit.clone(), COMPARISON);
    let beside = OrgParts {
        crm: org,
        ledger: Box::new(SqliteLedger::open(&path, started.protector.clone())?),
        reveal: Arc::new(reveal),
        calls: lane.budget(),
        daily_share: daily_share(&started.manifest),
        env: started.env.clone(),
    };
    let clock = started.env.clock.clone();
    let compared = OrgSide::new(beside, entities)?;
    Ok((Box::new(Deliver { lane, folded: 0, counted_at_us: 0, clock }), compared))
}

/// A reconciliation, which reads through connections of its own. None without a database: there is nothing to compare with.
pub(super) fn reconcile(
    config: &Config,
    started: &Started,
    (warehouse, org): (DuckWarehouse, Option<OrgSide>),
    control: mpsc::Sender<Control>,
    board: &Board,
    (phase, wanted): (&watch::Receiver<Phase>, &Wanted),
) -> Result<Option<impl FnOnce(Inbox) -> ReconcileTask>> {
    let Some(store) = &started.store else { return Ok(None) };
    let ledger: Option<Box<dyn Ledger>> = match &config.salesforce {
        Some(_) => {
            let path = config.data_dir.join(LEDGER_FILE);
            Some(Box::new(SqliteLedger::open(&path, started.protector.clone())?))
        }
        None => None,
    };
    let reconciler = Reconciler::new(
        Box::new(PostgresReader::new(store.endpoint.clone())),
        Deriver::new(started.registry.clone(), started.protector.clone()),
        started.protector.clone(),
        Box::new(warehouse),
        ledger,
        started.env.clock.clone(),
    );
    let nudger = PostgresReader::new(store.endpoint.clone());
    let quarantine = Quarantine::new(started.landing.clone());
    let (manifest, system) = (Arc::new(started.manifest.clone()), store.system.clone());
    let (env, phase, board) = (started.env.clone(), phase.clone(), board.clone());
    let owed = Owed::new(wanted.apply && wanted.deliver);
    Ok(Some(move |inbox| ReconcileTask {
        reconciler,
        org,
        board,
        nudger,
        manifest,
        system,
        control,
        quarantine,
        inbox,
        env,
        phase,
        owed,
    }))
}

/// API calls a day that the project may use.
fn daily_share(manifest: &Manifest) -> u64 {
    let shares = manifest.project.systems.values().filter_map(|system| match system {
        SystemSpec::Salesforce { daily_calls, share_percent, .. } => {
            Some(u64::from(*daily_calls) * u64::from(*share_percent) / 100)
        }
        SystemSpec::Postgres { .. } | SystemSpec::Stream { .. } | SystemSpec::Snowflake { .. } => {
            None
        }
    });
    shares.max().unwrap_or(0)
}

/// The polls of what Salesforce owns.
pub(super) fn poll(
    lane: &CaptureLane,
    org: Arc<Salesforce>,
    env: &Env,
    polled: mpsc::Sender<Polled>,
    board: &Board,
    phase: watch::Receiver<Phase>,
) -> PollTask {
    let objects = lane.registry().objects();
    let mut polled_to_us: BTreeMap<String, i64> = BTreeMap::new();
    for position in lane.positions().values() {
        if let SourcePosition::Salesforce { polled_to_us: known, .. } = position {
            polled_to_us.extend(known.clone());
        }
    }
    let lane = PollLane::new(org, env.clone(), objects, polled_to_us);
    PollTask { lane, polled, board: board.clone(), env: env.clone(), phase }
}
