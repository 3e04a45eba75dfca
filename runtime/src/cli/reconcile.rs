//! `reconcile`: starts a run in the running runtime, shows its progress, prints its report.

use std::time::Duration;

use super::client;
use crate::app::config::Config;
use crate::app::reconcile_task::{ReconcileRequest, Run};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::reconcile::{Found, HEAD, Report};

/// Between two looks at a run.
const LOOK_EVERY: Duration = Duration::from_millis(300);
const PATH: &str = "/api/reconcile";
/// The target whose report tells what is not delivered yet.
const LEDGER: &str = "ledger";

/// Runs to the end; gives whether nothing is left wrong.
///
/// # Errors
/// Where the runtime cannot be asked, or the run has ended early.
pub(super) async fn run(config: &Config, request: &ReconcileRequest, json: bool) -> Result<bool> {
    let mut run = read(client::post(config, PATH, request).await?)?;
    let mut told = String::new();
    while run.running {
        if run.doing != told {
            told.clone_from(&run.doing);
            eprintln!("{told}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
        run = read(client::get(config, PATH).await?)?;
    }
    if json {
        client::print(&serde_json::json!(run))?;
    } else {
        print!("{}", table(&run));
    }
    if let Some(error) = run.error {
        let advice = "What is in the report above was compared; run it again for the rest.";
        return Err(RuntimeError::new(ErrorKind::Unavailable, "reconcile", error, advice));
    }
    Ok(run.clean == Some(true))
}

fn read(value: serde_json::Value) -> Result<Run> {
    serde_json::from_value(value).map_err(|error| {
        RuntimeError::new(ErrorKind::Bug, "answer", error, "Do both have the same version?")
    })
}

fn table(run: &Run) -> String {
    let mut text = format!("{HEAD}\n");
    for report in &run.reports {
        text += &format!("{report}\n");
    }
    for report in &run.reports {
        for (kind, found) in kinds(report) {
            if found.count > 0 {
                let more = if found.count > found.keys.len() as u64 { ", ..." } else { "" };
                let keys = found.keys.join(", ");
                text += &format!(
                    "{} -> {}: {} {kind}: {keys}{more}\n",
                    report.entity, report.target, found.count
                );
            }
        }
        if report.edited > 0 {
            text += &format!(
                "{} -> {}: {} of the diverged were edited there; Salesforce does not own these fields\n",
                report.entity, report.target, report.edited
            );
        }
        if report.undelivered > 0 && report.target == LEDGER {
            text += &format!(
                "{}: {} rows of the ledger are not delivered yet; see `covenant-runtime status`\n",
                report.entity, report.undelivered
            );
        }
    }
    text += match run.clean {
        Some(true) => "clean: every fence was reached, nothing is left wrong\n",
        Some(false) | None => {
            "differences are left; `--repair` reads the rows again, restores what the source tells, and sends again what \
             Salesforce shows otherwise; records that nobody here knows are left to you\n"
        }
    };
    text
}

fn kinds(report: &Report) -> [(&'static str, &Found); 6] {
    [
        ("missing", &report.missing),
        ("extra", &report.extra),
        ("diverged", &report.diverged),
        ("duplicated", &report.duplicated),
        ("quarantined", &report.quarantined),
        ("unsettled", &report.unsettled),
    ]
}
