//! A start while the database or Salesforce does not answer: it does not end, it says what it waits for, and it looks at the
//! database when that is there, as a start does.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use covenant_sandbox::demo::api::Lane;
use covenant_sandbox::demo::runtime::Runtime;
use covenant_sandbox::postgres::free_port;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::stage::{PATIENCE, Stage};

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The lane that reads the database.
const CAPTURE: &str = "capture";

/// An address where nobody listens until it is opened; then it leads to a system.
struct Door {
    at: SocketAddr,
    to: String,
    open: Option<JoinHandle<()>>,
}

impl Door {
    /// Closed.
    fn before(to: &str) -> Self {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port().unwrap()));
        Self { at, to: to.to_owned(), open: None }
    }

    async fn open(&mut self) {
        let (listener, to) = (TcpListener::bind(self.at).await.unwrap(), self.to.clone());
        self.open = Some(tokio::spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                let to = to.clone();
                tokio::spawn(async move {
                    let Ok(mut there) = TcpStream::connect(to).await else { return };
                    // Either side may hang up as it likes.
                    let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
                });
            }
        }));
    }

    /// Nobody new gets in.
    async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.abort();
            let _ = open.await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn systems_that_do_not_answer_are_waited_for_and_looked_at_when_they_do() {
    let stage = Stage::start().await;
    stage.stop().await;
    let url = stage.told("COVENANT_STORE_URL").to_owned();
    let (login, rest) = url.rsplit_once('@').unwrap();
    let (host, database) = rest.split_once('/').unwrap();
    let mut store = Door::before(host);
    let mut org = Door::before(stage.crm.url().trim_start_matches("http://"));
    let launch = stage.launch_with(&[
        ("COVENANT_STORE_URL", format!("{login}@{}/{database}", store.at)),
        ("COVENANT_SALESFORCE_URL", format!("http://{}", org.at)),
    ]);

    // The database comes back with another column: refused then, with both sides.
    org.open().await;
    stage.client.batch_execute("ALTER TABLE orders RENAME session_id TO visit_id").await.unwrap();
    let runtime = Runtime::start(launch.clone()).unwrap();
    reaches(&stage, &runtime, CAPTURE, "retrying", "connection lost or not made").await;
    store.open().await;
    reaches(&stage, &runtime, CAPTURE, "parked", "there is no column session_id").await;
    assert!(!stage.api.ready().await, "it is ready with a parked lane");
    ended(runtime).await;
    store.close().await;
    org.close().await;

    // Both are away, and come back as they should be.
    let mend = "ALTER TABLE orders RENAME visit_id TO session_id;
                UPDATE orders SET promised_on = DATE '2031-05-06'";
    stage.client.batch_execute(mend).await.unwrap();
    let runtime = Runtime::start(launch).unwrap();
    reaches(&stage, &runtime, CAPTURE, "retrying", "connection lost or not made").await;
    reaches(&stage, &runtime, "poll.salesforce", "retrying", "could not be made").await;
    store.open().await;
    reaches(&stage, &runtime, CAPTURE, "running", "").await;
    reaches(&stage, &runtime, "deliver.salesforce", "retrying", "could not be made").await;
    org.open().await;
    reaches(&stage, &runtime, "deliver.salesforce", "running", "").await;
    stage.loaded().await;
    ended(runtime).await;
    let sql = "SELECT count(*) FROM SALES.ORDERS WHERE promised_on = '2031-05-06'";
    let shown: i64 = stage.warehouse().query_row(sql, [], |row| row.get(0)).unwrap();
    let orders = stage.client.query_one("SELECT count(*) FROM orders", &[]).await.unwrap();
    assert_eq!(shown, orders.get::<_, i64>(0));
    every_line_is_json(&std::fs::read_to_string(stage.log()).unwrap());
}

/// Whoever collects the logs of three lives with failures in them can read each line.
fn every_line_is_json(log: &str) {
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert!(lines.len() > 10, "only {} lines", lines.len());
    for line in lines {
        for part in ["timestamp", "level", "message"] {
            assert!(line[part].is_string(), "no {part}: {line}");
        }
    }
}

/// Waits until the lane is in this state and its last error says this.
async fn reaches(stage: &Stage, runtime: &Runtime, lane: &str, state: &str, error: &str) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let status = stage.api.status().await.unwrap_or_default();
        let Lane { state: now, last_error, .. } =
            status.lanes.get(lane).cloned().unwrap_or_default();
        if now == state && last_error.unwrap_or_default().contains(error) {
            return;
        }
        let stuck = tokio::time::Instant::now() > deadline;
        assert!(!stuck, "{}", runtime.failed(&format!("{lane} is {now}, not {state}: {error}")));
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn ended(runtime: Runtime) {
    tokio::task::spawn_blocking(move || runtime.drain()).await.unwrap().unwrap();
}
