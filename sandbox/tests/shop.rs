//! The shop for real, on a private cluster, with an event endpoint that often loses its answer.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use covenant_sandbox::ACME_SCHEMA;
use covenant_sandbox::postgres::{ADMIN, Cluster, connect};
use covenant_sandbox::shop::events::Sender;
use covenant_sandbox::shop::history;
use covenant_sandbox::shop::live::{AccountManagers, Shop};
use covenant_sandbox::shop::log::{self, Entry, ShopLog, Why};
use covenant_sandbox::shop::plan::plan;
use covenant_sandbox::shop::rows::{Maker, Size};
use covenant_sandbox::shop::world::World;

struct Nobody;

impl AccountManagers for Nobody {
    async fn edit(
        &self,
        _: &str,
        _: serde_json::Map<String, serde_json::Value>,
    ) -> covenant_sandbox::error::Result<bool> {
        Ok(true)
    }
}

/// Loses every third attempt.
async fn endpoint() -> String {
    let calls = Arc::new(AtomicU64::new(0));
    let answer = move || {
        let nth = calls.fetch_add(1, Ordering::Relaxed);
        async move {
            if nth.is_multiple_of(3) {
                StatusCode::ACCEPTED
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    };
    let routes = axum::Router::new().route("/events", axum::routing::post(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

#[tokio::test]
async fn history_and_a_few_seconds_of_business() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(&dir.path().join("pg")).unwrap();
    let url = cluster.url(ADMIN, "postgres");
    let client = connect(&url).await.unwrap();
    client.batch_execute(ACME_SCHEMA).await.unwrap();
    let size = Size::of_orders(3_000);
    let mut maker = Maker::new(7, size);
    let mut counted = 0;
    let loaded = history::load(&client, &mut maker, jiff::Timestamp::now(), |rows| counted += rows)
        .await
        .unwrap();
    assert_eq!(counted, loaded.rows.iter().map(|(_, rows)| rows).sum::<u64>());
    let toasted = "SELECT count(*) FROM pg_class c JOIN pg_class t ON t.oid = c.reltoastrelid
                   WHERE c.relname = 'orders' AND pg_relation_size(t.oid) > 0";
    assert_eq!(client.query_one(toasted, &[]).await.unwrap().get::<_, i64>(0), 1);

    let path = dir.path().join("log.ndjson");
    let log = Arc::new(ShopLog::create(&path).unwrap());
    let sender = Sender::start(endpoint().await, Arc::clone(&log)).unwrap();
    let world = World::after(&loaded, size);
    let mut shop = Shop::new(client, maker, world, log, sender, Nobody);
    shop.run(&plan(7, Duration::from_secs(4), 40.0), |_| {}).await.unwrap();
    let tally = shop.close(Duration::from_secs(60)).await.unwrap();
    assert!(tally.changes > 100, "{tally:?}");

    let entries = log::read(&path).unwrap();
    let why = |wanted: Why| {
        entries.iter().any(|entry| matches!(entry, Entry::Sent { why, .. } if *why == wanted))
    };
    for wanted in [Why::News, Why::Duplicate, Why::Late, Why::Stale, Why::Stray, Why::Malformed] {
        assert!(why(wanted), "{wanted:?}");
    }
    let has = |test: fn(&Entry) -> bool| entries.iter().any(test);
    assert!(has(|entry| matches!(entry, Entry::Poisoned { last_valid: Some(_), .. })));
    assert!(has(|entry| matches!(entry, Entry::Poisoned { last_valid: None, .. })));
    assert!(has(|entry| matches!(entry, Entry::Healed { .. })));
    assert!(has(|entry| matches!(entry, Entry::Deleted { .. })));
    assert!(has(|entry| matches!(entry, Entry::Rekeyed { .. })));
    assert!(has(|entry| matches!(entry, Entry::EditedInCrm { .. })));
}
