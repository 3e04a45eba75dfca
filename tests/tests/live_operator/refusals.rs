//! What a start refuses: `doctor` names it first, with both sides and what to do, the start says the same and changes nothing.

use std::path::Path;

use covenant_sandbox::demo::systems::CLIENT_ID;
use covenant_sandbox::postgres::free_port;
use covenant_sandbox::salesforce::{ConnectedApp, SimConfig, Simulator};

use super::stage::{Stage, said};

/// What is broken, what is said of it, and what mends it.
struct Case {
    breaks: &'static str,
    says: &'static [&'static str],
    mends: &'static str,
}

const SOURCE: &[Case] = &[
    Case {
        // PostgreSQL itself refuses to retype a column that is published by name.
        breaks: "ALTER TABLE orders RENAME line_count TO lines_before;
                 ALTER TABLE orders ADD line_count text",
        says: &[
            "table public.orders",
            "the column line_count is text, the contract's field line_count is int32",
        ],
        mends: "ALTER TABLE orders DROP line_count; ALTER TABLE orders RENAME lines_before TO line_count",
    },
    Case {
        breaks: "ALTER TABLE orders RENAME session_id TO visit_id",
        says: &["table public.orders", "there is no column session_id", "session_id"],
        mends: "ALTER TABLE orders RENAME visit_id TO session_id",
    },
];

const WAREHOUSE: &[Case] = &[
    Case {
        breaks: "ALTER TABLE SALES.ORDERS_STATE ALTER line_count TYPE VARCHAR",
        says: &[
            "SALES.ORDERS_STATE",
            "line_count is INTEGER in the contract and VARCHAR in the warehouse",
        ],
        mends: "ALTER TABLE SALES.ORDERS_STATE ALTER line_count TYPE INTEGER",
    },
    Case {
        breaks: "ALTER TABLE SALES.ORDERS_STATE RENAME TO ORDERS_GONE",
        says: &["SALES.ORDERS_STATE of sales.order is gone", "batches were applied to it"],
        mends: "ALTER TABLE SALES.ORDERS_GONE RENAME TO ORDERS_STATE",
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_run_on_is_refused_and_named() {
    let stage = Stage::start().await;
    a_second_one_is_refused_and_the_first_goes_on(&stage).await;
    // As a crash leaves everything, the warehouse's log of its last transactions among it.
    stage.runtime.kill().unwrap();
    let healthy = stage.command(&["doctor"]).await;
    assert_eq!(healthy.status.code(), Some(0), "{}", said(&healthy));
    let before = landed(&stage.data());

    for Case { breaks, says, mends } in SOURCE {
        stage.client.batch_execute(breaks).await.unwrap();
        refused(&stage, says, &[]).await;
        stage.client.batch_execute(mends).await.unwrap();
    }
    for Case { breaks, says, mends } in WAREHOUSE {
        stage.warehouse().execute_batch(breaks).unwrap();
        refused(&stage, says, &[]).await;
        stage.warehouse().execute_batch(mends).unwrap();
    }
    credentials(&stage).await;
    an_org_without_our_fields(&stage).await;
    a_forgotten_setting(&stage).await;
    landing_that_is_no_folder(&stage).await;
    assert_eq!(landed(&stage.data()), before, "a refused start has written");

    stage.runtime.revive().unwrap();
    stage.loaded().await;
}

/// `doctor` and the start say it, end as they should, and neither promises to try again.
async fn refused(stage: &Stage, says: &[&str], set: &[(&str, String)]) {
    for (command, code) in [("doctor", 1), ("run", 3)] {
        let ended = stage.command_with(&[command], set).await;
        let text = said(&ended);
        assert_eq!(ended.status.code(), Some(code), "{command}: {text}");
        for part in says {
            assert!(text.contains(part), "{command}: no `{part}` in {text}");
        }
        assert!(!text.contains("tried again"), "{command}: {text}");
    }
}

async fn credentials(stage: &Stage) {
    let url = stage.told("COVENANT_STORE_URL");
    let (login, place) = url.rsplit_once('@').unwrap();
    let (role, _) = login.rsplit_once(':').unwrap();
    let wrong = ("COVENANT_STORE_URL", format!("{role}:not-it@{place}"));
    let says = ["postgres store: the server says 28P01", "Check the role, its password"];
    refused(stage, &says, &[wrong]).await;
    let wrong = ("COVENANT_SALESFORCE_CLIENT_SECRET", "not-it".to_owned());
    refused(stage, &["salesforce: invalid_client", "Check the connected app"], &[wrong]).await;
}

/// Nobody has deployed the generated metadata to it.
async fn an_org_without_our_fields(stage: &Stage) {
    let app = ConnectedApp::open(CLIENT_ID, stage.crm.secret(), "covenant@acme.example");
    let config = SimConfig { apps: vec![app], ..SimConfig::default() };
    let bare = Simulator::start(config).await.unwrap();
    let elsewhere = ("COVENANT_SALESFORCE_URL", bare.base_url.clone());
    let says = [
        "salesforce Account: the contract of sales.customer uses Customer_Id__c, and the org does not have it",
        "salesforce Order__c",
        "Deploy generated/salesforce to the org",
    ];
    refused(stage, &says, &[elsewhere]).await;
    bare.stop().await;
}

/// A source that nobody named is no quiet source.
async fn a_forgotten_setting(stage: &Stage) {
    let ended = stage.command_without(&["doctor"], "COVENANT_STORE_URL").await;
    let text = said(&ended);
    assert_eq!(ended.status.code(), Some(0), "{text}");
    assert!(text.contains("warning: system store: COVENANT_STORE_URL is not set"), "{text}");
    assert!(!text.contains("COVENANT_SALESFORCE_URL"), "{text}");
}

/// What stands for a folder that cannot be read: also for somebody who may read everything.
async fn landing_that_is_no_folder(stage: &Stage) {
    let (landing, aside) = (stage.data().join("landing"), stage.data().join("aside"));
    std::fs::rename(&landing, &aside).unwrap();
    std::fs::write(&landing, "no folder").unwrap();
    for command in ["doctor", "run"] {
        let ended = stage.command(&[command]).await;
        let text = said(&ended);
        assert_eq!(ended.status.code(), Some(3), "{text}");
        assert!(text.contains("landing: the folder") && text.contains("is writable"), "{text}");
    }
    std::fs::remove_file(&landing).unwrap();
    std::fs::rename(&aside, &landing).unwrap();
}

/// Over the same data folder: it must not take the writer's place and then fail, or nobody would be left.
async fn a_second_one_is_refused_and_the_first_goes_on(stage: &Stage) {
    let epoch = stage.api.status().await.unwrap().epoch;
    let elsewhere = ("COVENANT_HTTP_ADDR", format!("127.0.0.1:{}", free_port().unwrap()));
    let second = stage.command_with(&["run"], &[elsewhere]).await;
    let text = said(&second);
    assert_eq!(second.status.code(), Some(3), "{text}");
    assert!(text.contains("Another process has the file open: stop it"), "{text}");
    let doctor = stage.command(&["doctor"]).await;
    let text = said(&doctor);
    assert_eq!(doctor.status.code(), Some(0), "beside a healthy runtime: {text}");
    assert!(text.contains("another process has the file open"), "{text}");
    let sql = "UPDATE orders SET session_id = 'after the second start'";
    stage.client.batch_execute(sql).await.unwrap();
    let landed = stage.api.status().await.unwrap().landing_commit;
    while stage.api.status().await.is_some_and(|status| status.landing_commit == landed) {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    stage.loaded().await;
    assert_eq!(stage.api.status().await.unwrap().epoch, epoch, "{}", stage.runtime.failed("it"));
}

/// The landing's commits, by name.
fn landed(data: &Path) -> Vec<String> {
    let commits = std::fs::read_dir(data.join("landing/commits")).unwrap();
    let mut names: Vec<String> =
        commits.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
