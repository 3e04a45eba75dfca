//! The describes that are committed beside Acme's contracts are what its org answers once the generated metadata is deployed.
//! The org is the simulator. `COVENANT_BLESS=1` asks it again and writes the answers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::path::{Path, PathBuf};

use covenant_sandbox::salesforce::org::Org;
use covenant_sandbox::salesforce::{SimConfig, Simulator};

const TOKEN: &str = "describes";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

async fn answer(object: &str) -> String {
    let mut org = Org::standard();
    org.merge_sfdx(&root().join("generated/salesforce")).unwrap();
    let config = SimConfig { org, tokens: vec![TOKEN.to_owned()], ..SimConfig::default() };
    let running = Simulator::start(config).await.unwrap();
    let address = format!("{}/services/data/v60.0/sobjects/{object}/describe", running.base_url);
    let asked = reqwest::Client::new().get(address).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(asked.status(), 200, "{object}");
    let answer: serde_json::Value = serde_json::from_str(&asked.text().await.unwrap()).unwrap();
    format!("{}\n", serde_json::to_string_pretty(&answer).unwrap())
}

#[tokio::test]
async fn the_committed_describes_are_the_orgs_answers() {
    for object in ["Account", "Order__c"] {
        let path = root().join(format!("contracts/salesforce/{object}.describe.json"));
        let answer = answer(object).await;
        if std::env::var_os("COVENANT_BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &answer).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            there == answer,
            "{} is not what the org answers: run this test once with COVENANT_BLESS=1 and commit it",
            path.display()
        );
    }
}
