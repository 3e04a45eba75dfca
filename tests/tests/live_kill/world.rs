//! Source, Salesforce and process in a folder of their own, and a run from the first row to the comparison.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use covenant_sandbox::demo::accidents;
use covenant_sandbox::demo::api::Api;
use covenant_sandbox::demo::proof::{Evidence, report, warehouse_file};
use covenant_sandbox::demo::runtime::{Launch, Runtime};
use covenant_sandbox::demo::screen::Screen;
use covenant_sandbox::demo::systems::{CALL_LIFE_S, CLIENT_ID, Crm, Source};
use covenant_sandbox::demo::watch::{self, LISTEN_AT_LEAST, Watched};
use covenant_sandbox::postgres::free_port;
use covenant_sandbox::shop::events::Sender;
use covenant_sandbox::shop::history;
use covenant_sandbox::shop::live::Shop;
use covenant_sandbox::shop::log::{self, ShopLog};
use covenant_sandbox::shop::plan::plan;
use covenant_sandbox::shop::rows::{Maker, Size};
use covenant_sandbox::shop::world::World;
use covenant_sandbox::verify::sealed::KeyFile;
use covenant_sandbox::verify::told::Told;
use covenant_tests::runtime_binary::repository;
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Client;

use super::{canary, kills};

/// A small shop: the moments count, not the rows.
const SIZE: Size = Size { orders: 600, customers: 80, articles: 50 };
/// Changes a second.
const RATE: f64 = 40.0;
/// Between two looks whether anything was landed.
const BEGUN_LOOK: Duration = Duration::from_millis(50);
/// Longest wait for readiness behind the last kill.
const READY_BOUND: Duration = Duration::from_secs(60);
/// Longest wait for everything to arrive.
const QUIET_BOUND: Duration = Duration::from_secs(240);
/// Longest wait for the last event to be answered.
const EVENTS_BOUND: Duration = Duration::from_secs(60);
/// The backfill reads orders placed this many days ago.
const BACKFILL_DAYS: std::ops::Range<i64> = 10..700;

/// What a run is made of.
pub(crate) struct Options {
    pub(crate) program: PathBuf,
    pub(crate) seed: u64,
    pub(crate) open: Duration,
    pub(crate) kills_least: u32,
}

/// The folder is kept where the run fails, so that its log can be read.
struct Stage {
    dir: PathBuf,
    source: Source,
    crm: Crm,
    runtime: Runtime,
    api: Api,
    watched: Watched,
    screen: Screen,
}

pub(crate) async fn run(options: Options) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(told)?;
    let dir = folder.path().to_owned();
    let ended = Box::pin(play(&options, &dir)).await;
    if let Err(what) = ended {
        let kept = folder.keep();
        return Err(format!("{what}\nlogs: {}", kept.display()));
    }
    Ok(())
}

async fn play(options: &Options, dir: &Path) -> Result<(), String> {
    let generated = repository().join("generated");
    let source = Source::start(dir, &generated).await.map_err(told)?;
    let crm = Crm::start(&generated).await.map_err(told)?;
    let client = source.connect().await.map_err(told)?;
    let mut maker = Maker::new(options.seed, SIZE);
    let loaded =
        history::load(&client, &mut maker, Timestamp::now(), |_| ()).await.map_err(told)?;
    let log = Arc::new(ShopLog::create(&dir.join("shop-log.ndjson")).map_err(told)?);
    let canary = canary::Canary::put(&client, &mut maker, &log).await?;
    let stage = start(dir, source, crm, &generated, options.program.clone())?;
    let follower = tokio::spawn(watch::follow(
        stage.api.clone(),
        stage.runtime.clone(),
        stage.watched.clone(),
        stage.screen.clone(),
    ));
    let world = World::after(&loaded, SIZE);
    let shop_client = stage.source.connect().await.map_err(told)?;
    let sender = Sender::start(stage.api.events_url(), Arc::clone(&log)).map_err(told)?;
    canary.send(&sender).await?;
    let shop = Shop::new(shop_client, maker, world, log, sender, stage.crm.managers());
    let lived = business(&stage, options, shop, &client, &canary).await;
    let judged = match lived {
        Ok(()) => judge(&stage, &client, options, &canary).await,
        Err(what) => Err(what),
    };
    follower.abort();
    judged
}

fn start(
    dir: &Path,
    source: Source,
    crm: Crm,
    generated: &Path,
    program: PathBuf,
) -> Result<Stage, String> {
    let port = free_port().map_err(told)?;
    let http = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let api = Api::new(format!("http://{http}")).map_err(told)?;
    let text = |path: PathBuf| path.display().to_string();
    let environment = [
        ("COVENANT_MANIFEST", text(generated.join("manifest.json"))),
        ("COVENANT_DATA_DIR", text(dir.join("runtime"))),
        ("COVENANT_STORE_URL", source.pipeline_url()),
        ("COVENANT_SALESFORCE_URL", crm.url().to_owned()),
        ("COVENANT_SALESFORCE_CLIENT_ID", CLIENT_ID.to_owned()),
        ("COVENANT_SALESFORCE_CLIENT_SECRET", crm.secret().to_owned()),
        ("COVENANT_KEY_FILE", text(dir.join("sandbox.key"))),
        ("COVENANT_HTTP_ADDR", http.to_string()),
        ("COVENANT_SALESFORCE_CALL_LIFE_S", CALL_LIFE_S.to_string()),
    ];
    let launch = Launch {
        program,
        environment: environment.map(|(name, value)| (name.to_owned(), value)).into(),
        log: dir.join("runtime.log"),
    };
    let runtime = Runtime::start(launch).map_err(told)?;
    let watched = Watched::default();
    Ok(Stage { dir: dir.to_owned(), source, crm, runtime, api, watched, screen: Screen::default() })
}

/// The shop's hours, Salesforce's bad days, a backfill, and the kills, all side by side.
async fn business(
    stage: &Stage,
    options: &Options,
    mut shop: Shop<covenant_sandbox::demo::systems::Managers>,
    client: &Client,
    canary: &canary::Canary,
) -> Result<(), String> {
    let open = AtomicBool::new(true);
    let acts = plan(options.seed, options.open, RATE);
    let now = Timestamp::now();
    let day = |back: i64| {
        let at = now.saturating_sub(SignedDuration::from_hours(24 * back)).unwrap_or(now);
        at.to_string()[..10].to_owned()
    };
    let range = (day(BACKFILL_DAYS.end), day(BACKFILL_DAYS.start));
    let selling = async {
        // What was broken before the first slot was never seen valid by anybody. Kills do not wait.
        begun(stage).await?;
        shop.run(&acts, |_| ()).await.map_err(told)?;
        canary.change(client).await?;
        open.store(false, Ordering::Relaxed);
        Ok::<(), String>(())
    };
    let accidents = async {
        let trouble = accidents::trouble(&stage.crm, options.open, &stage.screen);
        let backfill = accidents::backfill(&stage.api, options.open, range, &stage.screen);
        tokio::try_join!(trouble, backfill).map_err(told).map(drop)
    };
    let killing = kills::kill(&stage.runtime, options.seed, options.kills_least, &open);
    tokio::try_join!(selling, accidents, killing)?;
    eprintln!("{} kills", stage.runtime.kills());
    shop.close(EVENTS_BOUND).await.map_err(told)?;
    Ok(())
}

/// Waits until landing holds a position of the source: from there on every change is told.
async fn begun(stage: &Stage) -> Result<(), String> {
    let deadline = tokio::time::Instant::now() + READY_BOUND;
    while stage.watched.status().is_none_or(|status| status.landing_commit == 0) {
        if tokio::time::Instant::now() > deadline {
            return Err(format!("nothing was landed within {} s", READY_BOUND.as_secs()));
        }
        tokio::time::sleep(BEGUN_LOOK).await;
    }
    Ok(())
}

async fn judge(
    stage: &Stage,
    client: &Client,
    options: &Options,
    canary: &canary::Canary,
) -> Result<(), String> {
    watch::ready(&stage.api, &stage.runtime, READY_BOUND).await.map_err(told)?;
    let open = stage.screen.bar("still open", 0);
    watch::quiet(client, &stage.watched, LISTEN_AT_LEAST, QUIET_BOUND, &open)
        .await
        .map_err(told)?;
    let quarantine = stage.api.quarantine().await.map_err(told)?;
    let mut said = canary.ask(stage.api.base()).await?;
    let runtime = stage.runtime.clone();
    let drained = tokio::task::spawn_blocking(move || runtime.drain()).await.map_err(told)?;
    drained.map_err(told)?;
    let log = log::read(&stage.dir.join("shop-log.ndjson")).map_err(told)?;
    let evidence = Evidence {
        source: client,
        told: &Told::fold(&log).map_err(told)?,
        warehouse: warehouse_file(&stage.dir.join("runtime")).map_err(told)?,
        crm: &stage.crm,
        unseal: Arc::new(KeyFile::open(&stage.dir.join("sandbox.key")).map_err(told)?),
        quarantine: &quarantine,
        people: &covenant_sandbox::demo::people::People::default(),
        seen: &stage.watched.seen(),
    };
    let report = report(&evidence).await.map_err(told)?;
    eprintln!("{}", report.render());
    let mut wrong = Vec::new();
    if !report.proved() {
        wrong.push(report.render());
    }
    if stage.runtime.kills() < options.kills_least {
        wrong.push(format!("only {} kills", stage.runtime.kills()));
    }
    if stage.runtime.unasked_ends() > 0 {
        wrong.push(format!("it ended by itself {} times", stage.runtime.unasked_ends()));
    }
    let files = [stage.dir.join("runtime"), stage.dir.join("runtime.log")];
    said.extend(canary::told_by_files(&files)?);
    wrong.extend(canary::judge(&said));
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

pub(crate) fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
