//! What somebody did to the Salesforce org behind our back: named record by record, sent again as our rows say, and left alone
//! where nobody here ever knew the record.

use reqwest::Method;
use serde_json::{Value, json};

use super::stage::{Stage, said};

/// The orders that the contract delivers.
const DELIVERED: &str = "updated_at > now() - interval '548 days'";
/// An order that only Salesforce has.
const STRANGER: &str = "0f0f0f0f-0000-4000-8000-0000000000aa";
/// What somebody wrote into a field that is ours, and personal.
const WRONG_EMAIL: &str = "wrong.person@example.com";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_did_to_the_org_is_named_mended_and_left_alone() {
    let stage = Stage::start().await;
    let sql = format!("SELECT order_id::text FROM orders WHERE {DELIVERED} ORDER BY 1");
    let ids = stage.client.query(&sql, &[]).await;
    let ids: Vec<String> = ids.unwrap().iter().map(|row| row.get(0)).collect();
    let [removed, edited, renamed] = [&ids[0], &ids[1], &ids[2]];
    let customer: String = stage
        .client
        .query_one("SELECT min(customer_id)::text FROM customers", &[])
        .await
        .unwrap()
        .get(0);
    let clean = report(&stage, &["reconcile", "--json"], 0).await;
    assert_eq!(in_org(&clean, "sales.order")["target_rows"], ids.len(), "{clean}");

    let order = |id: &str| format!("Order__c/{id}?by=Order_Id__c");
    human(&stage, Method::DELETE, &order(removed), json!(null)).await;
    let wrong = json!({ "Line_Count__c": 999, "Contact_Email__c": WRONG_EMAIL });
    human(&stage, Method::POST, &order(edited), wrong).await;
    human(&stage, Method::POST, &order(renamed), json!({ "Order_Id__c": STRANGER })).await;
    let account = format!("Account/{customer}?by=Customer_Id__c");
    human(&stage, Method::POST, &account, json!({ "Name": "Somebody else" })).await;
    // Theirs: nobody is to touch it.
    human(&stage, Method::POST, &account, json!({ "Tier__c": "gold" })).await;

    let found = report(&stage, &["reconcile", "--json"], 1).await;
    assert!(!found.to_string().contains(WRONG_EMAIL), "a report quotes no value");
    let orders = in_org(&found, "sales.order");
    let mut missing = vec![removed.clone(), renamed.clone()];
    missing.sort();
    assert_eq!(orders["missing"]["keys"], json!(missing), "{found}");
    assert_eq!(orders["diverged"]["keys"], json!([edited]), "{found}");
    assert_eq!(orders["edited"], 1, "{found}");
    assert_eq!(orders["extra"]["keys"], json!([STRANGER]), "{found}");
    let customers = in_org(&found, "sales.customer");
    assert_eq!(customers["diverged"]["keys"], json!([customer]), "{found}");

    let mended = report(&stage, &["reconcile", "--repair", "--json"], 1).await;
    assert_eq!(in_org(&mended, "sales.order")["repaired"], 3, "{mended}");
    assert_eq!(in_org(&mended, "sales.customer")["repaired"], 1, "{mended}");
    let shown = stage.command(&["reconcile", "sales.order"]).await;
    assert_eq!(shown.status.code(), Some(1), "the stranger is left: {}", said(&shown));
    assert!(said(&shown).contains(&format!("1 extra: {STRANGER}")), "{}", said(&shown));

    human(&stage, Method::DELETE, &order(STRANGER), json!(null)).await;
    let clean = report(&stage, &["reconcile", "--json"], 0).await;
    assert_eq!(in_org(&clean, "sales.order")["target_rows"], ids.len(), "{clean}");
    let tier = records(&stage, "Account", "Customer_Id__c,Tier__c").await;
    let tier = tier.iter().find(|record| record["Customer_Id__c"] == customer.as_str());
    assert_eq!(tier.unwrap()["Tier__c"], "gold");
    told(&stage).await;
}

/// Metrics, status page and audit tell of it.
async fn told(stage: &Stage) {
    let read = async |path: &str| {
        let url = format!("http://{}{path}", stage.http());
        reqwest::get(url).await.unwrap().text().await.unwrap()
    };
    let metrics = read("/metrics").await;
    let series = r#"covenant_reconcile_differences{entity="sales.order",target="salesforce"} 0"#;
    assert!(metrics.contains(series), "{metrics}");
    let edited = r#"covenant_reconcile_edited_total{entity="sales.order"} 2"#;
    assert!(metrics.contains(edited), "{metrics}");
    let status: Value = serde_json::from_str(&read("/api/status").await).unwrap();
    assert_eq!(status["reconciliation"]["clean"], true, "{status}");
    let audit = std::fs::read_to_string(stage.data().join("audit.jsonl")).unwrap();
    let compared = audit.lines().filter(|line| line.contains("reconcile.salesforce"));
    assert!(compared.count() > 0, "plaintext was compared and nobody wrote it down");
}

/// What a person does in Salesforce.
async fn human(stage: &Stage, method: Method, path: &str, body: Value) {
    let url = format!("{}/records/{path}", stage.crm.admin_url());
    let request = reqwest::Client::new().request(method, url).json(&body);
    let answer = request.send().await.unwrap();
    let status = answer.status();
    assert!(status.is_success(), "{path}: {status} {}", answer.text().await.unwrap());
}

async fn records(stage: &Stage, object: &str, fields: &str) -> Vec<Value> {
    let url = format!("{}/records/{object}?fields={fields}", stage.crm.admin_url());
    reqwest::get(url).await.unwrap().json().await.unwrap()
}

async fn report(stage: &Stage, arguments: &[&str], code: i32) -> Value {
    let output = stage.command(arguments).await;
    assert_eq!(output.status.code(), Some(code), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What a run found in the org of one entity.
fn in_org<'a>(run: &'a Value, entity: &str) -> &'a Value {
    let mut reports = run["reports"].as_array().unwrap().iter();
    let found = reports.find(|it| it["target"] == "salesforce" && it["entity"] == entity);
    found.unwrap_or_else(|| panic!("{entity}: {run}"))
}
