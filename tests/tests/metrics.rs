//! What `docs/operations.md` says of metrics is what a running runtime tells: every name in it is a series from the first cycle on,
//! and every series is in it.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use covenant_runtime::app::config::Config;
use covenant_runtime::app::run::{Until, run};

/// How long a start over an empty data folder may take on a busy machine.
const START_MAX: Duration = Duration::from_secs(120);
const PREFIX: &str = "covenant_";
/// What begins like a metric and is none.
const NO_METRICS: [&str; 1] = ["covenant_runtime"];

/// Names of metrics in a text.
fn names(text: &str) -> BTreeSet<String> {
    let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c: char| !of_name(c)).filter(|word| word.starts_with(PREFIX));
    words.filter(|word| !NO_METRICS.contains(word)).map(str::to_owned).collect()
}

/// The first column of the table below `## Metrics`.
fn table(page: &str) -> BTreeSet<String> {
    let section = page.split("## Metrics").nth(1).unwrap().split("\n## ").next().unwrap();
    let firsts = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    firsts.map(str::to_owned).collect()
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    std::fs::read_to_string(path).unwrap()
}

/// Names of the alarms that are deployed with the jobs.
fn deployed_alarms() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../generated/aws/orchestration.json");
    let template: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let all = template["Resources"].as_object().unwrap().iter();
    let alarms = all.filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
    alarms.map(|(name, _)| name.clone()).collect()
}

#[test]
fn every_deployed_alarm_is_on_the_page() {
    let (page, alarms) = (page(), deployed_alarms());
    assert!(alarms.len() >= 3, "{alarms:?}");
    let section = page.split("## Alarms").nth(1).unwrap().split("\n## ").next().unwrap();
    for alarm in alarms {
        assert!(section.contains(&format!("`{alarm}`")), "no row for {alarm}");
    }
}

fn free_address() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

async fn scrape(config: Config) -> String {
    let url = format!("http://{}", config.http);
    let running = tokio::spawn(run(config, acme_pipeline::registry(), Until::Asked));
    let until = std::time::Instant::now() + START_MAX;
    loop {
        assert!(!running.is_finished(), "the runtime has ended: {:?}", running.await);
        assert!(std::time::Instant::now() < until, "no first cycle in time");
        tokio::time::sleep(Duration::from_millis(100)).await;
        let Ok(answer) = reqwest::get(format!("{url}/metrics")).await else { continue };
        let text = answer.text().await.unwrap();
        let applied = |line: &str| {
            line.strip_prefix("covenant_lane_commit{lane=\"apply.warehouse\"} ")
                .is_some_and(|commit| commit != "0")
        };
        let captures = text.contains("covenant_lane_up{lane=\"capture\"} 1");
        if captures && text.lines().any(applied) {
            return text;
        }
    }
}

#[test]
fn every_metric_is_on_the_page_and_every_one_on_the_page_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let set = |name: &str| match name {
        "COVENANT_MANIFEST" => {
            Some(repository.join("generated/manifest.json").display().to_string())
        }
        "COVENANT_DATA_DIR" => Some(folder.path().display().to_string()),
        "COVENANT_HTTP_ADDR" => Some(free_address().to_string()),
        _ => None,
    };
    let config = Config::from_env(set).unwrap();
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let text = tokio.block_on(scrape(config));
    // Its lanes go on until the process ends.
    tokio.shutdown_background();
    let told: BTreeSet<String> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .filter(|name| name.starts_with(PREFIX))
        .map(str::to_owned)
        .collect();
    let page = page();
    assert_eq!(table(&page), told, "the table of docs/operations.md, and /metrics");
    // Alarms speak of nothing else.
    let unknown: Vec<String> = names(&page).difference(&told).cloned().collect();
    assert_eq!(unknown, Vec::<String>::new());
    assert!(told.contains("covenant_oldest_waiting_seconds"));
    let oldest = "covenant_oldest_waiting_seconds{target=\"warehouse sales.order\"}";
    assert!(text.contains(oldest), "{text}");
}
