use std::net::SocketAddr;

use bytes::Bytes;

use super::http::{Access, BODY_BYTES, router};
use super::pump::Pump;
use super::queue::{EventQueue, NotLanded, QUEUE_BYTES, event_queue};
use crate::capture::test_support::*;
use crate::capture::{CaptureLane, EventOutcome};
use crate::error::ErrorKind;
use crate::landing::memory::MemoryLanding;

fn event(id: u128, status: &str) -> String {
    let (event, order) = (uuid(id), uuid(7));
    format!(
        r#"{{"event_id":"{event}","order_id":"{order}","sequence":{id},"status":"{status}",
            "occurred_at":"2026-01-02T00:00:00Z"}}"#
    )
}

/// Serves on a free port of the loopback; the caller drives the lane.
async fn serve(requests: usize, token: Option<&str>) -> (String, EventQueue) {
    let (sender, queue) = event_queue(requests, QUEUE_BYTES);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let access = Access::of(address, token).unwrap();
    let app = router(sender, ["order-events".to_owned()], access);
    tokio::spawn(async move { axum::serve(listener, app).await });
    (format!("http://{address}/events/order-events"), queue)
}

/// One turn of the lane.
async fn turn(pump: &mut Pump, lane: &mut CaptureLane) {
    pump.ready().await;
    pump.fill(lane).unwrap();
    lane.commit().await.unwrap();
    pump.settle(lane);
}

fn post(url: &str, body: impl Into<reqwest::Body>) -> tokio::task::JoinHandle<reqwest::Response> {
    let request = reqwest::Client::new().post(url).body(body);
    tokio::spawn(async move { request.send().await.unwrap() })
}

#[tokio::test]
async fn a_producer_hears_202_only_once_its_events_are_durable() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    let (url, queue) = serve(4, None).await;
    let mut pump = Pump::new(queue);
    let lines = format!("{}\n", event(1, "paid").replace('\n', ""));
    let body = format!("{lines}{lines}{}", event(2, "lost").replace('\n', ""));
    let answer = post(&url, body);
    pump.ready().await;
    assert_eq!(pump.fill(&mut lane).unwrap(), 1);
    pump.settle(&lane);
    assert_eq!(pump.waiting(), 1, "accepted is not durable");
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    assert!(!answer.is_finished());
    lane.commit().await.unwrap();
    pump.settle(&lane);
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), 202);
    let told: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(told["outcomes"], serde_json::json!(["accepted", "duplicate", "quarantined"]));
    assert_eq!(landed(&landing).await.of("shop.order").len(), 1);
}

#[tokio::test]
async fn what_is_no_event_is_refused_and_says_why_without_quoting() {
    let (url, _queue) = serve(4, None).await;
    let refused = post(&url, "secret").await.unwrap();
    assert_eq!(refused.status(), 400);
    assert!(!refused.text().await.unwrap().contains("secret"));
    assert_eq!(post(&url, "").await.unwrap().status(), 400);
    assert_eq!(post(&url, vec![b' '; BODY_BYTES + 1]).await.unwrap().status(), 413);
    let other = url.replace("order-events", "other");
    assert_eq!(post(&other, event(1, "paid")).await.unwrap().status(), 404);
    assert_eq!(reqwest::get(&url).await.unwrap().status(), 405);
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_again() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    let (url, queue) = serve(1, None).await;
    let mut pump = Pump::new(queue);
    let first = post(&url, event(1, "paid"));
    while pump.queue_len() == 0 {
        tokio::task::yield_now().await;
    }
    let second = post(&url, event(2, "paid")).await.unwrap();
    assert_eq!(second.status(), 503);
    assert_eq!(second.headers()["retry-after"], "1");
    turn(&mut pump, &mut lane).await;
    assert_eq!(first.await.unwrap().status(), 202);
}

#[tokio::test]
async fn the_queue_is_bounded_in_bytes_and_gives_its_room_back() {
    let (sender, queue) = event_queue(8, 10);
    let event = || vec![Bytes::from_static(b"12345678")];
    let _first = sender.offer("order-events", event()).unwrap();
    assert!(sender.offer("order-events", event()).is_err());
    let mut pump = Pump::new(queue);
    pump.ready().await;
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    pump.fill(&mut lane).unwrap();
    assert!(sender.offer("order-events", event()).is_err(), "still on its way");
    lane.commit().await.unwrap();
    pump.settle(&lane);
    assert!(sender.offer("order-events", event()).is_ok());
}

#[tokio::test]
async fn a_lane_that_starts_over_tells_the_old_ones_producers_to_come_again() {
    let landing = MemoryLanding::new();
    let (sender, queue) = event_queue(8, QUEUE_BYTES);
    let mut pump = Pump::new(queue);
    let mut old = lane(&landing).await;
    let body = || vec![Bytes::from(event(1, "paid"))];
    let lost = sender.offer("order-events", body()).unwrap();
    pump.fill(&mut old).unwrap();
    drop(old);
    let mut new = lane(&landing).await;
    new.commit().await.unwrap();
    pump.settle(&new);
    assert_eq!(lost.await.unwrap(), Err(NotLanded));
    let again = sender.offer("order-events", body()).unwrap();
    turn(&mut pump, &mut new).await;
    assert_eq!(again.await.unwrap(), Ok(vec![EventOutcome::Accepted]));
}

#[tokio::test]
async fn a_token_is_asked_for_where_others_reach_us() {
    let open: SocketAddr = "0.0.0.0:80".parse().unwrap();
    assert_eq!(Access::of(open, None).err().unwrap().kind, ErrorKind::Config);
    assert_eq!(Access::of(open, Some("")).err().unwrap().kind, ErrorKind::Config);
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    let (url, queue) = serve(4, Some("right")).await;
    let mut pump = Pump::new(queue);
    assert_eq!(post(&url, event(1, "paid")).await.unwrap().status(), 401);
    let client = reqwest::Client::new();
    let wrong = client.post(&url).bearer_auth("wrong").body(event(1, "paid")).send().await.unwrap();
    assert_eq!(wrong.status(), 401);
    let right = client.post(&url).bearer_auth("right").body(event(1, "paid")).send();
    let right = tokio::spawn(right);
    turn(&mut pump, &mut lane).await;
    assert_eq!(right.await.unwrap().unwrap().status(), 202);
}
