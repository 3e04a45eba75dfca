//! The slot is dropped while the process is down and the shop goes on: the start refuses and says where both sides stand, an
//! operator accepts, everything is read again, and what was deleted meanwhile is found by a reconciliation.

use std::path::Path;

use super::stage::{Stage, said};

const REASON: &str = "the slot was dropped in a rehearsal";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_slot_is_refused_accepted_and_nothing_stays_lost() {
    let stage = Stage::start().await;
    let early = stage.command(&["gap", "accept", "--reason", REASON]).await;
    assert!(said(&early).contains("a runtime is running"), "{}", said(&early));
    stage.stop().await;
    let none = stage.command(&["gap", "show"]).await;
    assert_eq!(none.status.code(), Some(0), "{}", said(&none));
    lose(&stage).await;

    let refused = stage.command(&["run"]).await;
    let text = said(&refused);
    assert_eq!(refused.status.code(), Some(3), "{text}");
    for part in ["the slot is gone; landing ends at", "the server's log at", "gap accept --reason"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let shown = stage.command(&["gap", "show"]).await;
    assert_eq!(shown.status.code(), Some(1), "{}", said(&shown));

    let accepted = stage.command(&["gap", "accept", "--by", "ann", "--reason", REASON]).await;
    assert_eq!(accepted.status.code(), Some(0), "{}", said(&accepted));
    assert!(recorded(&stage.data().join("landing/commits")), "who and why are not in landing");
    let again = stage.command(&["gap", "accept", "--reason", REASON]).await;
    assert!(said(&again).contains("no gap to accept"), "{}", said(&again));

    // Nobody asks for the reconciliation: the raised incarnation owes it, also after a kill.
    stage.runtime.revive().unwrap();
    stage.begun().await;
    stage.runtime.kill().unwrap();
    stage.runtime.revive().unwrap();
    let report = stage.reconciled_by_itself().await;
    assert_eq!(report["clean"], true, "{report}");
    let mut reports = report["reports"].as_array().unwrap().iter();
    let order = reports.find(|r| r["entity"] == "sales.order" && r["target"] == "warehouse");
    let order = order.unwrap();
    assert_eq!(order["extra"]["count"], 1, "the deletion fell into the gap: {report}");
    assert_eq!(order["missing"]["count"], 0, "{report}");
    assert_eq!(order["diverged"]["count"], 0, "the update was read again: {report}");
    let clean = stage.command(&["reconcile"]).await;
    assert_eq!(clean.status.code(), Some(0), "{}", said(&clean));
}

/// Drops the slot, and lets the shop change one order and delete another.
async fn lose(stage: &Stage) {
    let sql = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots;
               UPDATE orders SET session_id = 'told into the gap' WHERE order_id =
                 (SELECT order_id FROM orders ORDER BY order_id LIMIT 1);
               DELETE FROM order_lines WHERE order_id =
                 (SELECT order_id FROM orders ORDER BY order_id DESC LIMIT 1);
               DELETE FROM orders WHERE order_id =
                 (SELECT order_id FROM orders ORDER BY order_id DESC LIMIT 1);";
    stage.client.batch_execute(sql).await.unwrap();
}

fn recorded(commits: &Path) -> bool {
    let texts = std::fs::read_dir(commits).unwrap();
    let mut texts = texts.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    texts.any(|text| text.contains(REASON) && text.contains("\"who\": \"ann\""))
}
