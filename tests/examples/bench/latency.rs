//! From the moment at which a change was due to be written to the moment at which it was seen in each target, with the real
//! process, under open load: the writer keeps to its timetable whatever the pipeline does, and what it writes late still
//! counts from the timetable (no coordinated omission).
//!
//! - Each change is a new order, so that every one of them can be found again.
//! - Warehouse: the row names the landing commit that wrote it; the process's status tells when that commit was applied.
//! - Salesforce: record ids count up, so the n-th new record was there when the simulator had counted n.

mod load;
mod seen;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use covenant_sandbox::demo::api::Api;
use covenant_sandbox::demo::proof::warehouse_file;
use covenant_sandbox::demo::runtime::{Launch, Runtime};
use covenant_sandbox::demo::systems::{CLIENT_ID, Crm};
use covenant_sandbox::postgres::free_port;
use covenant_sandbox::verify::warehouse::Warehouse;

use crate::Failure;
use crate::figure::Row;
use crate::part::block_on;
use crate::shop::{GENERATED, Shop};
use load::Written;
use seen::{Quantiles, Seen};

const SECONDS: u64 = 30;
const SECONDS_QUICK: u64 = 5;
/// Longest wait for the process to be ready, and for the last change to arrive.
const READY_BOUND: Duration = Duration::from_secs(60);
const ARRIVAL_BOUND: Duration = Duration::from_secs(180);
/// Orders before the load begins: connections, plans and lookups are there then.
const WARM_UP: u64 = 500;
/// Goals for the 99th percentile (seconds) at this rate, the shop's peak. The product's promises are ten minutes and two.
const GOAL_RATE: u64 = 250;
const GOAL_WAREHOUSE_S: f64 = 10.0;
const GOAL_CRM_S: f64 = 2.0;

/// Takes the figure at a rate of changes a second.
pub(crate) fn figure(rate: u64, quick: bool) -> Result<Vec<Row>, Failure> {
    let seconds = if quick { SECONDS_QUICK } else { SECONDS };
    let folder = tempfile::tempdir()?;
    block_on(async {
        let shop = Shop::start(folder.path()).await?;
        let crm = Crm::start(Path::new(GENERATED)).await?;
        let process = Process::start(&shop, &crm, folder.path()).await?;
        let seen = Seen::watch(process.api.clone(), crm);
        shop.sql.execute("SELECT bench_orders(1, $1)", &[&(WARM_UP as i64)]).await?;
        process.until(|| seen.crm_count() >= WARM_UP, "the first orders").await?;
        eprintln!("latency: {rate} changes a second for {seconds} s");
        let written = load::run(&shop, WARM_UP + 1, rate, seconds).await?;
        let all = WARM_UP + written.count();
        process.until(|| seen.crm_count() >= all, "the last order in Salesforce").await?;
        let landed = process.landing_commit().await?;
        process.until(|| seen.applied() >= landed, "the last order in the warehouse").await?;
        let memory = process.peak_rss_mib();
        let records = seen.crm_records().await?;
        process.drain().await?;
        let commits = Warehouse::open(&warehouse_file(&folder.path().join("runtime"))?)?
            .commits(&covenant_sandbox::verify::shape::ORDER)?;
        rows(rate, &written, &seen, &records, &commits, memory)
    })
}

fn rows(
    rate: u64,
    written: &Written,
    seen: &Seen,
    records: &[String],
    commits: &std::collections::BTreeMap<String, u64>,
    memory: f64,
) -> Result<Vec<Row>, Failure> {
    let load = Quantiles::of(written.own_delays_s())?;
    let warehouse = Quantiles::of(seen.warehouse_delays_s(written, commits)?)?;
    let crm = Quantiles::of(seen.crm_delays_s(written, records)?)?;
    let mut rows = Vec::new();
    for (target, found, goal_s) in
        [("warehouse", &warehouse, GOAL_WAREHOUSE_S), ("Salesforce", &crm, GOAL_CRM_S)]
    {
        if found.samples as u64 != written.count() {
            let what = format!("{} of {} changes in {target}", found.samples, written.count());
            return Err(what.into());
        }
        let name = |which: &str| format!("commit to {target} at {rate} changes/s, {which}");
        rows.push(Row::new(name("p50"), found.p50_s, "s").memory(memory));
        let p99 = Row::new(name("p99"), found.p99_s, "s").memory(memory);
        rows.push(if rate == GOAL_RATE { p99.beside("goal", goal_s) } else { p99 });
    }
    let name = format!("the writer's own delay at {rate} changes/s, p99 (part of the above)");
    rows.push(Row::new(name, load.p99_s, "s"));
    Ok(rows)
}

/// The pipeline's process.
struct Process {
    runtime: Runtime,
    api: Api,
}

impl Process {
    async fn start(shop: &Shop, crm: &Crm, folder: &Path) -> Result<Self, Failure> {
        let http = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let text = |path: &Path| path.display().to_string();
        let environment = [
            ("COVENANT_MANIFEST", text(&Path::new(GENERATED).join("manifest.json"))),
            ("COVENANT_DATA_DIR", text(&folder.join("runtime"))),
            ("COVENANT_STORE_URL", shop.source.pipeline_url()),
            ("COVENANT_SALESFORCE_URL", crm.url().to_owned()),
            ("COVENANT_SALESFORCE_CLIENT_ID", CLIENT_ID.to_owned()),
            ("COVENANT_SALESFORCE_CLIENT_SECRET", crm.secret().to_owned()),
            ("COVENANT_KEY_FILE", text(&folder.join("sandbox.key"))),
            ("COVENANT_HTTP_ADDR", http.to_string()),
        ];
        // Beside `examples/bench`.
        let own = std::env::current_exe()?;
        let folder_of_binaries = own.parent().and_then(Path::parent).ok_or("no folder above")?;
        let runtime = Runtime::start(Launch {
            program: folder_of_binaries.join("covenant-runtime"),
            environment: environment.map(|(name, value)| (name.to_owned(), value)).into(),
            log: folder.join("runtime.log"),
        })?;
        let process = Self { runtime, api: Api::new(format!("http://{http}"))? };
        let began = Instant::now();
        while !process.api.ready().await {
            process.alive(began, READY_BOUND, "ready")?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(process)
    }

    /// Waits until something holds.
    async fn until(&self, holds: impl Fn() -> bool, what: &str) -> Result<(), Failure> {
        let began = Instant::now();
        while !holds() {
            self.alive(began, ARRIVAL_BOUND, what)?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn alive(&self, began: Instant, bound: Duration, what: &str) -> Result<(), Failure> {
        if let Some(status) = self.runtime.supervise()? {
            return Err(self.runtime.failed(&format!("it ended with {status}")).into());
        }
        if began.elapsed() > bound {
            let what = format!("{what}: not there after {} s", bound.as_secs());
            return Err(self.runtime.failed(&what).into());
        }
        Ok(())
    }

    async fn landing_commit(&self) -> Result<u64, Failure> {
        let status = self.api.status().await.ok_or("the process does not answer")?;
        Ok(status.landing_commit)
    }

    fn peak_rss_mib(&self) -> f64 {
        let id = self.runtime.id().map(|id| id.to_string());
        id.and_then(|id| crate::part::peak_rss_mib(&id)).unwrap_or_default()
    }

    async fn drain(self) -> Result<(), Failure> {
        let runtime = self.runtime;
        Ok(tokio::task::spawn_blocking(move || runtime.drain()).await??)
    }
}
