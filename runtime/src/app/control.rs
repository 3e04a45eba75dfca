//! What operators' commands do, inside the task that owns capture.

use serde_json::{Value, json};

use super::http::{Answer, QuarantineCommand};
use crate::capture::CaptureLane;
use crate::error::Result;
use crate::quarantine::{Entry, Filter, Quarantine, Retried};

/// Who is named in resolutions: the API has one operator, whoever may reach loopback.
const OPERATOR: &str = "operator";

/// Answers. Somebody who went away is no error.
pub(super) fn answer(to: Answer, outcome: std::result::Result<Value, String>) {
    if to.send(outcome).is_err() {
        tracing::info!("a command's caller went away before its answer");
    }
}

/// As [`answer`], to a task of this process.
pub(super) fn told<T>(to: tokio::sync::oneshot::Sender<T>, what: T) {
    if to.send(what).is_err() {
        tracing::info!("a task went away before its answer");
    }
}

/// Lists, shows, retries or discards.
///
/// # Errors
/// `Rejected` with what is wrong with the command; those of landing and keys.
pub(super) async fn quarantine(
    quarantine: &mut Quarantine,
    lane: &mut CaptureLane,
    command: &QuarantineCommand,
) -> Result<Value> {
    quarantine.refresh().await?;
    match command {
        QuarantineCommand::List { entity } => {
            let filter = Filter { entity: entity.clone(), ..Filter::default() };
            let records: Vec<Value> = quarantine.list(&filter).into_iter().map(shown).collect();
            Ok(json!({ "waiting": quarantine.waiting(), "records": records }))
        }
        QuarantineCommand::Show { id } => Ok(shown(quarantine.show(id)?)),
        QuarantineCommand::Retry { id } => {
            let why = "asked for on the command line";
            Ok(match quarantine.retry(id, lane, OPERATOR, why).await? {
                Retried::Accepted(_) => json!({ "id": id, "outcome": "landed" }),
                Retried::StillRefused(reasons) => {
                    json!({ "id": id, "outcome": "still refused", "reasons": reasons })
                }
            })
        }
        QuarantineCommand::Discard { id, reason } => {
            quarantine.discard(id, lane, OPERATOR, reason).await?;
            Ok(json!({ "id": id, "outcome": "discarded" }))
        }
    }
}

fn shown(entry: &Entry) -> Value {
    json!({
        "id": entry.id,
        "entity": entry.entity,
        "source": entry.source,
        "key": entry.key,
        "position": entry.position,
        "reasons": entry.reasons,
        "commit": entry.commit,
        "resolution": entry.resolution,
    })
}
