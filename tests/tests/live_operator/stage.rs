//! Source, Salesforce and process in a folder of their own, and commands beside them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use covenant_sandbox::demo::api::Api;
use covenant_sandbox::demo::runtime::{Launch, Runtime};
use covenant_sandbox::demo::systems::{CALL_LIFE_S, CLIENT_ID, Crm, Source};
use covenant_sandbox::postgres::free_port;
use covenant_sandbox::shop::history;
use covenant_sandbox::shop::rows::{Maker, Size};
use covenant_tests::runtime_binary::{repository, runtime_binary};
use jiff::Timestamp;
use tokio_postgres::Client;

/// A small shop: the commands count, not the rows.
const SIZE: Size = Size { orders: 300, customers: 40, articles: 30 };
/// Longest wait for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// Entities that are read from tables.
const TABLES: [&str; 4] =
    ["sales.customer", "sales.order", "sales.order_line", "stock.inventory_level"];
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A pipeline that has loaded its history.
pub(crate) struct Stage {
    pub(crate) client: Client,
    pub(crate) runtime: Runtime,
    pub(crate) api: Api,
    launch: Launch,
    dir: tempfile::TempDir,
    _source: Source,
    pub(crate) crm: Crm,
}

impl Stage {
    /// Starts everything, and waits until the history has arrived.
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = tokio::task::spawn_blocking(runtime_binary).await.unwrap().unwrap();
        let generated = repository().join("generated");
        let source = Source::start(dir.path(), &generated).await.unwrap();
        let crm = Crm::start(&generated).await.unwrap();
        let client = source.connect().await.unwrap();
        let mut maker = Maker::new(7, SIZE);
        history::load(&client, &mut maker, Timestamp::now(), |_| ()).await.unwrap();
        let http = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port().unwrap()));
        let launch = launch(dir.path(), program, &generated, &source, &crm, http);
        let runtime = Runtime::start(launch.clone()).unwrap();
        let api = Api::new(format!("http://{http}")).unwrap();
        let stage = Self { client, runtime, api, launch, dir, _source: source, crm };
        // Before the first reads have begun there is nothing to wait for, either.
        stage.read_again(&TABLES).await;
        stage
    }

    /// Where the process keeps its files.
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("runtime")
    }

    /// Where the process listens.
    pub(crate) fn http(&self) -> &str {
        self.told("COVENANT_HTTP_ADDR")
    }

    /// Waits until every backfill is done and all lanes have what is landed.
    pub(crate) async fn loaded(&self) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let status = if self.api.ready().await { self.api.status().await } else { None };
            let there = status.is_some_and(|status| {
                let landed = status.landing_commit;
                let behind = |lane: &str| status.lane_commit(lane).is_none_or(|at| at < landed);
                status.backfills_done() && !behind("apply") && !behind("deliver")
            });
            if there {
                return;
            }
            let stuck = tokio::time::Instant::now() > deadline;
            assert!(!stuck, "{}", self.runtime.failed("the history did not arrive"));
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until these tables have been read anew by the process that runs now.
    pub(crate) async fn read_again(&self, entities: &[&str]) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let read = async || {
            let status = self.api.status().await?;
            let read = |entity: &&str| status.backfills.contains_key(&format!("initial/{entity}"));
            Some(entities.iter().all(read))
        };
        while read().await != Some(true) {
            let stuck = tokio::time::Instant::now() > deadline;
            assert!(!stuck, "{}", self.runtime.failed("the tables were not read again"));
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.loaded().await;
    }

    /// Waits until the process has begun to read tables.
    pub(crate) async fn begun(&self) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.api.status().await.is_none_or(|status| status.backfills.is_empty()) {
            let stuck = tokio::time::Instant::now() > deadline;
            assert!(!stuck, "{}", self.runtime.failed("no table was read"));
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until a reconciliation that nobody asked for has ended and nothing is owed any more; what it found.
    pub(crate) async fn reconciled_by_itself(&self) -> serde_json::Value {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.api.get("/api/status").await
                && status["reconcile_owed"].is_null()
                && !status["reconciliation"].is_null()
            {
                return status["reconciliation"].clone();
            }
            let stuck = tokio::time::Instant::now() > deadline;
            assert!(!stuck, "{}", self.runtime.failed("what is owed was not reconciled"));
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// How the process is started, with a part of the environment set otherwise.
    pub(crate) fn launch_with(&self, set: &[(&str, String)]) -> Launch {
        let mut launch = self.launch.clone();
        launch.environment.extend(set.iter().map(|(name, to)| ((*name).to_owned(), to.clone())));
        launch
    }

    /// What the process has logged.
    pub(crate) fn log(&self) -> &Path {
        &self.launch.log
    }

    /// What the process is told of its surroundings.
    pub(crate) fn told(&self, name: &str) -> &str {
        let mut set = self.launch.environment.iter();
        set.find_map(|(known, value)| (known == name).then_some(value)).unwrap()
    }

    /// Stops the process in good order.
    pub(crate) async fn stop(&self) {
        let runtime = self.runtime.clone();
        tokio::task::spawn_blocking(move || runtime.drain()).await.unwrap().unwrap();
    }

    /// The warehouse's file, which only a stopped process leaves to others.
    pub(crate) fn warehouse(&self) -> duckdb::Connection {
        duckdb::Connection::open(self.data().join("warehouse.duckdb")).unwrap()
    }

    /// Runs a command of the program, with the environment that the process has.
    pub(crate) async fn command(&self, arguments: &[&str]) -> Output {
        self.command_with(arguments, &[]).await
    }

    /// The same, with a setting forgotten.
    pub(crate) async fn command_without(&self, arguments: &[&str], setting: &str) -> Output {
        let mut launch = self.launch.clone();
        launch.environment.retain(|(name, _)| name != setting);
        ran(launch, arguments).await
    }

    /// The same, with a part of the environment set otherwise.
    pub(crate) async fn command_with(&self, arguments: &[&str], set: &[(&str, String)]) -> Output {
        ran(self.launch_with(set), arguments).await
    }
}

async fn ran(launch: Launch, arguments: &[&str]) -> Output {
    let mut command = Command::new(launch.program);
    command.args(arguments).envs(launch.environment);
    let ran = tokio::task::spawn_blocking(move || command.output());
    tokio::time::timeout(PATIENCE, ran).await.expect("the command is stuck").unwrap().unwrap()
}

/// What a command printed, and how it ended.
pub(crate) fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr))
}

fn launch(
    dir: &Path,
    program: PathBuf,
    generated: &Path,
    source: &Source,
    crm: &Crm,
    http: SocketAddr,
) -> Launch {
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
    Launch {
        program,
        environment: environment.map(|(name, value)| (name.to_owned(), value)).into(),
        log: dir.join("runtime.log"),
    }
}
