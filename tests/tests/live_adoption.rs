//! Adoption as a person does it: the real program beside a real PostgreSQL and Salesforce's simulator, whose org has accounts that
//! people made before. Nothing is written before the plan is applied; the process is killed while it stamps, answers are lost; and
//! in the end no customer is there twice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use covenant_sandbox::demo::api::Api;
use covenant_sandbox::demo::people::{self, People};
use covenant_sandbox::demo::runtime::{Launch, Runtime};
use covenant_sandbox::demo::systems::{CALL_LIFE_S, CLIENT_ID, Crm, Source};
use covenant_sandbox::postgres::free_port;
use covenant_sandbox::salesforce::faults::{Effect, FaultRule, Match};
use covenant_sandbox::shop::history;
use covenant_sandbox::shop::rows::{Maker, Size};
use covenant_sandbox::verify::adopted::{ByHand, Known, check};
use covenant_sandbox::verify::compare::Differences;
use covenant_sandbox::verify::shape::CRM_SINKS;
use covenant_tests::runtime_binary::{repository, runtime_binary};
use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::Client;

const SIZE: Size = Size { orders: 300, customers: 200, articles: 30 };
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const ENTITY: &str = "sales.customer";
const CUSTOMER_ID: &str = "Customer_Id__c";

struct Stage {
    client: Client,
    runtime: Runtime,
    api: Api,
    crm: Crm,
    people: People,
    launch: Launch,
    dir: tempfile::TempDir,
    _source: Source,
}

/// What the compiler generated, with a person who reviews.
fn by_hand(dir: &Path) -> PathBuf {
    let (from, to) = (repository().join("generated"), dir.join("generated"));
    let copied = Command::new("cp").arg("-r").arg(&from).arg(&to).status().unwrap();
    assert!(copied.success());
    let path = to.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let entities = manifest["entities"].as_array_mut().unwrap();
    let customer = entities.iter_mut().find(|entity| entity["name"] == ENTITY).unwrap();
    assert_eq!(customer["salesforce"]["adopt"]["review"], "auto");
    customer["salesforce"]["adopt"]["review"] = "by_hand".into();
    std::fs::write(&path, manifest.to_string()).unwrap();
    path
}

impl Stage {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = tokio::task::spawn_blocking(runtime_binary).await.unwrap().unwrap();
        let generated = repository().join("generated");
        let source = Source::start(dir.path(), &generated).await.unwrap();
        let crm = Crm::start(&generated).await.unwrap();
        let client = source.connect().await.unwrap();
        let mut maker = Maker::new(7, SIZE);
        history::load(&client, &mut maker, Timestamp::now(), |_| ()).await.unwrap();
        let people = people::before_us(&client, &crm).await.unwrap();
        let http = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port().unwrap()));
        let text = |path: PathBuf| path.display().to_string();
        let environment = [
            ("COVENANT_MANIFEST", text(by_hand(dir.path()))),
            ("COVENANT_DATA_DIR", text(dir.path().join("runtime"))),
            ("COVENANT_STORE_URL", source.pipeline_url()),
            ("COVENANT_SALESFORCE_URL", crm.url().to_owned()),
            ("COVENANT_SALESFORCE_CLIENT_ID", CLIENT_ID.to_owned()),
            ("COVENANT_SALESFORCE_CLIENT_SECRET", crm.secret().to_owned()),
            ("COVENANT_KEY_FILE", text(dir.path().join("sandbox.key"))),
            ("COVENANT_HTTP_ADDR", http.to_string()),
            ("COVENANT_SALESFORCE_CALL_LIFE_S", CALL_LIFE_S.to_string()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).into();
        let launch = Launch { program, environment, log: dir.path().join("runtime.log") };
        let runtime = Runtime::start(launch.clone()).unwrap();
        let api = Api::new(format!("http://{http}")).unwrap();
        Self { client, runtime, api, crm, people, launch, dir, _source: source }
    }

    /// Waits until the adoption is as `wanted`.
    async fn adoption(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let all = self.api.get("/api/adopt").await.unwrap_or_default();
            let ours = all.as_array().into_iter().flatten().find(|it| it["entity"] == ENTITY);
            if let Some(standing) = ours.filter(|it| wanted(it)) {
                return standing.clone();
            }
            let stuck = tokio::time::Instant::now() > deadline;
            assert!(!stuck, "{}: {all}", self.runtime.failed(what));
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.launch.program);
        command.args(arguments);
        command.envs(self.launch.environment.iter().map(|(name, value)| (name, value)));
        let ran = tokio::task::spawn_blocking(move || command.output());
        tokio::time::timeout(PATIENCE, ran).await.expect("the command is stuck").unwrap().unwrap()
    }

    /// Runs a command that must end with `code`; gives what it printed.
    async fn says(&self, arguments: &[&str], code: i32) -> String {
        let output = self.command(arguments).await;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        said
    }

    async fn text_of(&self, path: &str) -> String {
        reqwest::get(format!("{}{path}", self.api.base())).await.unwrap().text().await.unwrap()
    }

    /// What a path says, once it says that: pages are told once a second.
    async fn eventually(&self, path: &str, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let text = self.text_of(path).await;
            if wanted(&text) {
                return text;
            }
            assert!(tokio::time::Instant::now() < deadline, "{path}: {text}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn accounts(&self) -> Vec<serde_json::Map<String, Value>> {
        self.crm.dump(&CRM_SINKS[0]).await.unwrap()
    }
}

fn digest(standing: &Value) -> String {
    standing["plan"]["plan"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_adopts_what_was_there_before_and_nobody_is_doubled() {
    let stage = Stage::start().await;
    let waits = |it: &Value| it["state"] == "waits_for_review";
    let standing = stage.adoption("no plan", waits).await;
    let plan = &standing["plan"];
    assert_eq!((&plan["matched"], &plan["ambiguous"]), (&50.into(), &7.into()), "{plan}");
    assert_eq!(plan["unmatched_in_org"]["count"], 20, "{plan}");
    // Told everywhere, and without a value of anybody.
    let shown = stage.says(&["adopt", "show", ENTITY], 1).await;
    assert!(
        shown.contains("waits for its review") && shown.contains(&digest(&standing)),
        "{shown}"
    );
    assert!(!shown.contains('@') && !shown.contains("+49"), "{shown}");
    let waiting = "adoption of sales.customer: waits for its review";
    stage.eventually("/readyz", |text| text.starts_with("ready") && text.contains(waiting)).await;
    for line in [
        "covenant_adoption_waits{entity=\"sales.customer\"} 1",
        "covenant_adoption_held_rows{entity=\"sales.customer\"} 200",
    ] {
        stage.eventually("/metrics", |text| text.contains(line)).await;
    }
    assert!(stage.says(&["status"], 0).await.contains("adopt show sales.customer"));
    let records = stage.accounts().await;
    assert!(records.iter().all(|it| it[CUSTOMER_ID].is_null()), "something was written");
    let wrong = stage.says(&["adopt", "apply", ENTITY, "--plan", "0"], 3).await;
    assert!(wrong.contains(&digest(&standing)), "{wrong}");

    // Answers are lost, then the process is killed while it applies; the next one goes on by itself.
    let lost = Effect { lost_reply: true, ..Effect::default() };
    let matches = Match {
        path_contains: Some("composite/sobjects".to_owned()),
        times: Some(2),
        ..Match::default()
    };
    assert!(stage.crm.fault(FaultRule { matches, effect: lost }));
    let apply = serde_json::json!({
        "command": "apply", "entity": ENTITY, "plan": digest(&standing), "by": "Ann"
    });
    stage.api.command("/api/adopt", &apply).await.unwrap().unwrap();
    stage.runtime.kill().unwrap();
    stage.runtime.revive().unwrap();
    let standing = stage.adoption("not applied", |it| it["open"] == true).await;
    let applied = &standing["applied"];
    assert_eq!((&applied["by"], &applied["stamped"]), (&"Ann".into(), &50.into()), "{applied}");
    let standing = stage.adoption("not held", |it| it["held"] == 10).await;

    // Two accounts of one customer: one is picked, the other one merged away. Two customers of one account: one has another.
    for group in standing["plan"]["ambiguous_groups"].as_array().unwrap() {
        let (row, record) = (group["rows"][0].as_str().unwrap(), &group["records"][0]);
        let record = record.as_str().unwrap();
        stage.says(&["adopt", "pick", ENTITY, row, record, "--by", "Ann"], 1).await;
        if let Some(double) = group["records"][1].as_str() {
            stage.crm.remove("Account", double).await.unwrap();
        }
    }
    stage.says(&["adopt", "plan", ENTITY], 1).await;
    let standing = stage.adoption("no second plan", |it| it["plan"]["matched"] == 7).await;
    stage.says(&["adopt", "apply", ENTITY, "--plan", &digest(&standing), "--by", "Ann"], 0).await;
    stage.adoption("rows are held", |it| it["held"] == 0 && it["state"] == "adopted").await;
    stage.says(&["adopt", "show", ENTITY], 0).await;
    stage.eventually("/readyz", |text| text == "ready\n").await;
    nobody_is_doubled(&stage).await;
    let audit = std::fs::read_to_string(stage.dir.path().join("runtime/audit.jsonl")).unwrap();
    let by_ann = audit.lines().filter(|line| line.contains("\"who\":\"Ann\"")).count();
    assert_eq!(by_ann, 2 + 7, "two plans and seven decisions");
}

/// Waits until every customer is in Salesforce, and counts.
async fn nobody_is_doubled(stage: &Stage) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let records = stage.accounts().await;
        let ours = records.iter().filter(|it| !it[CUSTOMER_ID].is_null()).count();
        if ours as u32 >= SIZE.customers {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{}", stage.runtime.failed("lost"));
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let records = stage.accounts().await;
    let ours: Vec<&str> = records.iter().filter_map(|it| it[CUSTOMER_ID].as_str()).collect();
    let distinct: std::collections::BTreeSet<&&str> = ours.iter().collect();
    assert_eq!((ours.len(), distinct.len()), (SIZE.customers as usize, SIZE.customers as usize));
    let known = Known::read(&stage.client).await.unwrap();
    let made = stage.people.made.iter();
    let made: Vec<ByHand<'_>> =
        made.map(|it| ByHand { id: &it.id, name: &it.name, of: &it.of }).collect();
    let mut differences = Differences::default();
    let findings = check(&records, &known, &made, CUSTOMER_ID, &mut differences);
    assert_eq!((differences.duplicated, findings), (0, Vec::<String>::new()));
    // Every account that was one customer's is that customer's now.
    for made in stage.people.made.iter().filter(|it| it.of.len() == 1) {
        let record = records.iter().find(|it| it["Id"] == *made.id).unwrap();
        let merged = record["deleted"] == true;
        assert!(merged || record[CUSTOMER_ID] == *made.of[0], "{}", made.id);
    }
}
