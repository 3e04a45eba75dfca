//! A warehouse that somebody broke: every kind of difference is found and named, mended through the join, and gone at the next
//! look, while the shop goes on selling.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::stage::{Stage, said};

/// An order that the source never had.
const GHOST: &str = "0f0f0f0f-0000-4000-8000-00000000feed";
/// Between two changes of the live traffic.
const PACE: Duration = Duration::from_millis(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_warehouse_is_found_mended_and_clean_beside_live_traffic() {
    let stage = Stage::start().await;
    stage.stop().await;
    let ids = stage.client.query("SELECT order_id::text FROM orders ORDER BY 1 LIMIT 2", &[]).await;
    let ids: Vec<String> = ids.unwrap().iter().map(|row| row.get(0)).collect();
    let (lost, altered) = (ids[0].clone(), ids[1].clone());
    {
        let warehouse = stage.warehouse();
        let run = |sql: &str| warehouse.execute(sql, []).unwrap();
        assert_eq!(run(&format!("DELETE FROM SALES.ORDERS_STATE WHERE order_id = '{lost}'")), 1);
        let change = "UPDATE SALES.ORDERS_STATE SET shipping = shipping + 1 WHERE order_id =";
        assert_eq!(run(&format!("{change} '{altered}'")), 1);
        let copy = format!("SELECT * REPLACE ('{GHOST}' AS order_id) FROM SALES.ORDERS_STATE");
        let added = format!("INSERT INTO SALES.ORDERS_STATE {copy} WHERE order_id = '{altered}'");
        assert_eq!(run(&added), 1);
    }
    stage.runtime.revive().unwrap();
    stage.loaded().await;
    let open = Arc::new(AtomicBool::new(true));
    let traffic = traffic(&stage, &open, vec![lost.clone(), altered.clone()]);
    let looking = async {
        let found = report(&stage, &["reconcile", "sales.order", "--json"], 1).await;
        let warehouse = &found["reports"][0];
        assert_eq!(warehouse["target"], "warehouse", "{found}");
        for (kind, key) in [("missing", &lost), ("diverged", &altered), ("extra", &GHOST.into())] {
            assert_eq!(warehouse[kind]["count"], 1, "{kind}: {found}");
            assert_eq!(warehouse[kind]["keys"][0], **key, "{kind}: {found}");
        }
        let ledger = &found["reports"][1];
        assert_eq!(differences(ledger), 0, "{found}");

        let mended = report(&stage, &["reconcile", "sales.order", "--repair", "--json"], 0).await;
        assert_eq!(differences(&mended["reports"][0]), 3, "{mended}");
        assert_eq!(mended["reports"][0]["repaired"], 3, "{mended}");

        let clean = report(&stage, &["reconcile", "--json"], 0).await;
        let all = clean["reports"].as_array().unwrap();
        assert_eq!(
            all.len(),
            8,
            "four tables in the warehouse, two in the ledger, two in Salesforce: {clean}"
        );
        assert!(all.iter().all(|report| differences(report) == 0), "{clean}");
        let shown = stage.command(&["reconcile", "sales.order"]).await;
        assert!(said(&shown).contains("sales.order -> warehouse"), "{}", said(&shown));
        open.store(false, Ordering::Relaxed);
    };
    let (changes, ()) = tokio::join!(traffic, looking);
    assert!(changes > 50, "there was no live traffic: {changes} changes");
    assert_eq!(stage.runtime.unasked_ends(), 0);
    let unknown = stage.command(&["reconcile", "sales.ordr"]).await;
    assert!(said(&unknown).contains("there is no entity `sales.ordr`"), "{}", said(&unknown));
}

/// The shop goes on, on other rows than the broken ones.
async fn traffic(stage: &Stage, open: &AtomicBool, spared: Vec<String>) -> u64 {
    let mut changes = 0;
    while open.load(Ordering::Relaxed) {
        let sql = "UPDATE orders SET gift_message = $1, updated_at = now() WHERE order_id = \
                   (SELECT order_id FROM orders WHERE NOT order_id::text = ANY($2) \
                   ORDER BY random() LIMIT 1)";
        let note = format!("hello {changes}");
        changes += stage.client.execute(sql, &[&note, &spared]).await.unwrap();
        tokio::time::sleep(PACE).await;
    }
    changes
}

async fn report(stage: &Stage, arguments: &[&str], code: i32) -> Value {
    let output = stage.command(arguments).await;
    assert_eq!(output.status.code(), Some(code), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn differences(report: &Value) -> u64 {
    let count = |kind: &str| report[kind]["count"].as_u64().unwrap();
    count("missing") + count("extra") + count("diverged")
}
