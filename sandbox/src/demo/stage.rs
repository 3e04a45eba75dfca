//! All of it, in order.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;

use super::accidents;
use super::api::{Api, Quarantined};
use super::options::Options;
use super::people::{self, People};
use super::proof::{Evidence, report, warehouse_file};
use super::runtime::{Launch, Runtime};
use super::screen::Screen;
use super::systems::{CALL_LIFE_S, CLIENT_ID, Crm, Source};
use super::watch::{self, LISTEN_AT_LEAST, Watched};
use crate::error::{At, Result, SandboxError};
use crate::postgres::free_port;
use crate::shop::events::Sender;
use crate::shop::history::{self, Loaded};
use crate::shop::live::Shop;
use crate::shop::log::{self, ShopLog};
use crate::shop::plan::plan;
use crate::shop::rows::{Maker, Size};
use crate::shop::world::World;
use crate::verify::report::Report;
use crate::verify::sealed::KeyFile;
use crate::verify::told::Told;

/// Longest wait for the runtime's first sign of readiness.
const READY_BOUND: Duration = Duration::from_secs(60);
/// Longest wait for everything to arrive at the end.
const QUIET_BOUND: Duration = Duration::from_secs(600);
/// Longest wait for the last event to be answered.
const EVENTS_BOUND: Duration = Duration::from_secs(120);
/// The backfill reads orders placed this many days ago.
const BACKFILL_DAYS: std::ops::Range<i64> = 90..400;
/// Attempts to read the quarantine before the runtime is drained.
const QUARANTINE_TRIES: u32 = 5;

/// Everything that runs.
struct Stage {
    options: Options,
    screen: Screen,
    source: Source,
    crm: Crm,
    runtime: Runtime,
    api: Api,
    watched: Watched,
    follower: JoinHandle<Result<()>>,
    data: PathBuf,
    key_file: PathBuf,
}

/// Runs the demo; true: proved.
///
/// # Errors
/// Where it could not run to its end.
pub async fn run(options: Options) -> Result<bool> {
    let screen = Screen::default();
    let dir = fresh_folder(&options.dir)?;
    screen.say("starting PostgreSQL and the Salesforce simulator");
    let source = Source::start(&dir, &options.generated).await?;
    let crm = Crm::start(&options.generated).await?;
    let size = Size::of_orders(options.orders);
    let mut maker = Maker::new(options.seed, size);
    let loaded = load_history(&source, &mut maker, &screen).await?;
    let people = people::before_us(&source.connect().await?, &crm).await?;
    screen.say(&format!("people have made {} accounts by hand before", people.made.len()));
    let stage = open_stage(options, screen, source, crm, &dir).await?;
    let finished = tokio::select! {
        finished = play(&stage, maker, &loaded, &people, &dir) => finished,
        ended = supervised(&stage) => Err(ended),
    };
    stage.follower.abort();
    let report = finished?;
    stage.screen.clear();
    println!("{}", report.render());
    let proved = report.proved();
    println!(
        "{}",
        if proved {
            "PROVED: nothing lost, doubled, diverged or resurrected."
        } else {
            "NOT PROVED: see above."
        }
    );
    if stage.options.keep {
        keep(&stage, &dir).await?;
    }
    Ok(proved)
}

/// Empty but for what belongs to another user, such as a cluster's old data, which the cluster deletes itself.
fn fresh_folder(dir: &Path) -> Result<PathBuf> {
    let told = format!("{} cannot be prepared", dir.display());
    if dir.exists() {
        std::fs::remove_dir_all(dir).at("demo", &told, "Is another demo running in it?")?;
    }
    std::fs::create_dir_all(dir).at("demo", &told, "")?;
    dir.canonicalize().at("demo", &told, "")
}

async fn load_history(source: &Source, maker: &mut Maker, screen: &Screen) -> Result<Loaded> {
    let size = maker.size();
    let rough = u64::from(size.orders) * 32 / 10 + u64::from(size.customers);
    let bar = screen.bar("history", rough);
    let client = source.connect().await?;
    let loaded = history::load(&client, maker, Timestamp::now(), |rows| bar.add(rows)).await?;
    let rows: Vec<String> =
        loaded.rows.iter().map(|(table, rows)| format!("{rows} {table}")).collect();
    bar.done(&rows.join(", "));
    Ok(loaded)
}

async fn open_stage(
    options: Options,
    screen: Screen,
    source: Source,
    crm: Crm,
    dir: &Path,
) -> Result<Stage> {
    let http = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
    let api = Api::new(format!("http://{http}"))?;
    let data = dir.join("runtime");
    let key_file = dir.join("sandbox.key");
    let text = |path: &Path| path.display().to_string();
    let environment = [
        ("COVENANT_MANIFEST", text(&options.generated.join("manifest.json"))),
        ("COVENANT_DATA_DIR", text(&data)),
        ("COVENANT_STORE_URL", source.pipeline_url()),
        ("COVENANT_SALESFORCE_URL", crm.url().to_owned()),
        ("COVENANT_SALESFORCE_CLIENT_ID", CLIENT_ID.to_owned()),
        ("COVENANT_SALESFORCE_CLIENT_SECRET", crm.secret().to_owned()),
        ("COVENANT_KEY_FILE", text(&key_file)),
        ("COVENANT_HTTP_ADDR", http.to_string()),
        ("COVENANT_SALESFORCE_CALL_LIFE_S", CALL_LIFE_S.to_string()),
    ];
    let launch = Launch {
        program: program(&options)?,
        environment: environment.map(|(name, value)| (name.to_owned(), value)).into(),
        log: dir.join("runtime.log"),
    };
    let runtime = Runtime::start(launch)?;
    screen.say(&format!("the runtime is up: {}", api.base()));
    let watched = Watched::default();
    let follower =
        tokio::spawn(watch::follow(api.clone(), runtime.clone(), watched.clone(), screen.clone()));
    Ok(Stage { options, screen, source, crm, runtime, api, watched, follower, data, key_file })
}

fn program(options: &Options) -> Result<PathBuf> {
    if let Some(program) = &options.runtime {
        return Ok(program.clone());
    }
    let own = std::env::current_exe().at("demo", "its own program cannot be found", "")?;
    Ok(own.with_file_name("covenant-runtime"))
}

/// Resolves only where the follower ends: it follows until it is aborted, so its end is a failure.
async fn supervised(stage: &Stage) -> SandboxError {
    while !stage.follower.is_finished() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    stage.runtime.failed("it keeps ending by itself")
}

async fn play(
    stage: &Stage,
    maker: Maker,
    loaded: &Loaded,
    people: &People,
    dir: &Path,
) -> Result<Report> {
    watch::ready(&stage.api, &stage.runtime, READY_BOUND).await?;
    let client = stage.source.connect().await?;
    let times = first_kill(stage).await?;
    // As in life: the shop does not wait until its history has been copied. What it does now must not wait either.
    stage.screen.say("the history is on its way to the warehouse and to Salesforce, and the shop opens beside it");
    let path = dir.join("shop-log.ndjson");
    tokio::try_join!(
        business(stage, maker, loaded, people, &path, times),
        people::settle(&stage.api, &stage.crm, &stage.screen),
    )?;
    stage.screen.say("the shop is closed; waiting until everything has arrived");
    let open = stage.screen.bar("still open", 0);
    watch::quiet(&client, &stage.watched, LISTEN_AT_LEAST, QUIET_BOUND, &open).await?;
    open.done("nothing");
    let quarantine = read_quarantine(&stage.api).await?;
    stage.screen.say("draining the runtime (SIGTERM)");
    let drained = blocking(&stage.runtime, Runtime::drain).await;
    stage.screen.say("comparing both targets with the source and with the shop's log");
    let told = Told::fold(&log::read(&path)?)?;
    let unseal = KeyFile::open(&stage.key_file)?;
    let evidence = Evidence {
        source: &client,
        told: &told,
        warehouse: warehouse_file(&stage.data)?,
        crm: &stage.crm,
        unseal: Arc::new(unseal),
        quarantine: &quarantine,
        people,
        seen: &stage.watched.seen(),
    };
    let mut report = report(&evidence).await?;
    report.findings.extend(drained.err().map(|error| error.to_string()));
    report.notes.extend(accident_notes(stage));
    Ok(report)
}

/// One of the kills falls into the initial load; the others are planned for the shop's hours.
async fn first_kill(stage: &Stage) -> Result<Vec<(Duration, Duration)>> {
    let length = Duration::from_secs(stage.options.seconds);
    let mut times = accidents::kill_times(stage.options.seed, stage.options.kills, length);
    if times.len() > 3 {
        let (at, dead) = times.remove(0);
        // Somewhere in the first seconds of the load.
        let at = Duration::from_millis(1_000 + at.as_millis() as u64 % 4_000);
        let (runtime, screen) = (stage.runtime.clone(), stage.screen.clone());
        accidents::kill(runtime, vec![(at, dead)], screen).await?;
        watch::ready(&stage.api, &stage.runtime, READY_BOUND).await?;
    }
    Ok(times)
}

/// The shop's hours, with everything that goes wrong in them.
async fn business(
    stage: &Stage,
    maker: Maker,
    loaded: &Loaded,
    people: &People,
    path: &Path,
    kills: Vec<(Duration, Duration)>,
) -> Result<()> {
    let options = &stage.options;
    let length = Duration::from_secs(options.seconds);
    let log = Arc::new(ShopLog::create(path)?);
    let sender = Sender::start(stage.api.events_url(), Arc::clone(&log))?;
    let mut world = World::after(loaded, maker.size());
    world.untouchable.extend(people.customers().map(str::to_owned));
    let client = stage.source.connect().await?;
    let mut shop = Shop::new(client, maker, world, log, sender, stage.crm.managers());
    let acts = plan(options.seed, length, options.rate);
    stage.screen.say(&format!("the shop is open for {} s", options.seconds));
    let bar = stage.screen.bar("shop", acts.len() as u64);
    let now = Timestamp::now();
    let day = |back: i64| {
        let at = now.saturating_sub(SignedDuration::from_hours(24 * back)).unwrap_or(now);
        at.to_string()[..10].to_owned()
    };
    let range = (day(BACKFILL_DAYS.end), day(BACKFILL_DAYS.start));
    let selling = shop.run(&acts, |tally| {
        bar.set(tally.acts, acts.len() as u64);
        bar.tell(&format!("{} changes and events", tally.changes));
    });
    let (sold, killed, _, _) = tokio::try_join!(
        selling,
        accidents::kill(stage.runtime.clone(), kills, stage.screen.clone()),
        accidents::trouble(&stage.crm, length, &stage.screen),
        accidents::backfill(&stage.api, length, range, &stage.screen),
    )?;
    let ((), ()) = (sold, killed);
    let tally = shop.close(EVENTS_BOUND).await?;
    bar.done(&format!("{} changes and events", tally.changes));
    Ok(())
}

async fn read_quarantine(api: &Api) -> Result<Vec<Quarantined>> {
    let mut tries = 1;
    loop {
        match api.quarantine().await {
            Err(_) if tries < QUARANTINE_TRIES => tries += 1,
            answer => return answer,
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn accident_notes(stage: &Stage) -> Vec<String> {
    let unasked = match stage.runtime.unasked_ends() {
        0 => String::new(),
        n => format!(", and ended by itself {n} times"),
    };
    let mut notes =
        vec![format!("the runtime was killed {} times{unasked}", stage.runtime.kills())];
    let stats = stage.crm.stats();
    let fired = stats["faults"]
        .as_array()
        .map_or(0, |rules| rules.iter().filter_map(|rule| rule["fired"].as_u64()).sum::<u64>());
    notes.push(format!("Salesforce misbehaved {fired} times"));
    notes
}

/// Runs what waits for a process outside of the event loop.
async fn blocking<T: Send + 'static>(
    runtime: &Runtime,
    work: fn(&Runtime) -> Result<T>,
) -> Result<T> {
    let runtime = runtime.clone();
    let ended = tokio::task::spawn_blocking(move || work(&runtime)).await;
    ended.at("demo", "a task crashed", "")?
}

async fn keep(stage: &Stage, dir: &Path) -> Result<()> {
    stage.runtime.revive()?;
    println!("Everything is up:");
    println!("  runtime     {}  (status page, /metrics, /api/status)", stage.api.base());
    println!("  PostgreSQL  {}", stage.source.shell_command());
    println!("  Salesforce  {}  (admin: {})", stage.crm.url(), stage.crm.admin_url());
    println!("  files       {}", dir.display());
    println!("Ctrl-C ends it.");
    tokio::signal::ctrl_c().await.at("demo", "Ctrl-C cannot be waited for", "")?;
    blocking(&stage.runtime, Runtime::drain).await
}
