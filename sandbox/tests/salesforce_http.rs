//! The simulator over HTTP, where a client library would hide what matters: partial failures, refusals, faults, jobs.

use std::time::Duration;

use covenant_sandbox::salesforce::faults::{Effect, FaultRule, Match};
use covenant_sandbox::salesforce::org::{FieldDef, FieldKind, ObjectDef, OnDelete, Org, RuleDef};
use covenant_sandbox::salesforce::{Running, SimConfig, Simulator};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

const TOKEN: &str = "a-token";
const DATA: &str = "/services/data/v60.0";

/// An org like the generated one: orders below accounts, a delivery revision that never goes down.
fn org() -> Org {
    let mut org = Org::standard();
    let account = org.object_mut("Account").expect("Account");
    let text = |name: &str, length| FieldDef::new(name, name, FieldKind::text(length));
    account.put_field(text("Customer_Id__c", 12).external(true));
    let mut order = ObjectDef::new("Order__c", "Order", "Orders");
    let customer = FieldKind::Reference {
        to: "Account".to_owned(),
        relationship: "Customer__r".to_owned(),
        on_delete: OnDelete::SetNull,
    };
    let number = FieldKind::Number { precision: 18, scale: 0 };
    let status =
        FieldKind::Picklist { values: vec!["paid".into(), "sent".into()], restricted: true };
    order.fields = vec![
        text("Order_Id__c", 20).external(true),
        FieldDef::new("Customer__c", "Customer", customer),
        FieldDef::new("Status__c", "Status", status),
        FieldDef::new("Total__c", "Total", FieldKind::Currency { precision: 14, scale: 2 }),
        FieldDef::new("Covenant_Revision__c", "Covenant Revision", number),
    ];
    order.validation_rules = vec![RuleDef {
        name: "Covenant_Revision".to_owned(),
        active: true,
        formula: "AND(NOT(ISNEW()), Covenant_Revision__c < PRIORVALUE(Covenant_Revision__c))"
            .into(),
        message: "A newer delivery is already here.".to_owned(),
        field: None,
    }];
    org.objects.push(order);
    org
}

struct Sim {
    running: Running,
    client: Client,
}

impl Sim {
    async fn start(change: impl FnOnce(&mut SimConfig)) -> Self {
        let mut config =
            SimConfig { org: org(), tokens: vec![TOKEN.to_owned()], ..SimConfig::default() };
        change(&mut config);
        let running = Simulator::start(config).await.expect("the simulator starts");
        let client = Client::builder().no_proxy().build().expect("a client");
        Self { running, client }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Response, reqwest::Error> {
        let url = format!("{}{DATA}/{path}", self.running.base_url);
        let mut request = self.client.request(method, url).bearer_auth(TOKEN);
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let response = self.send(method, path, body).await.expect("an answer");
        let status = response.status().as_u16();
        let text = response.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn upsert(&self, object: &str, key: &str, rows: Value, all_or_none: bool) -> Value {
        let rows: Vec<Value> = rows
            .as_array()
            .expect("rows")
            .iter()
            .cloned()
            .map(|mut row| {
                row["attributes"] = json!({"type": object});
                row
            })
            .collect();
        let body = json!({"allOrNone": all_or_none, "records": rows});
        let path = format!("composite/sobjects/{object}/{key}");
        let (status, answer) = self.call(Method::PATCH, &path, Some(body)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    async fn query(&self, soql: &str) -> Vec<Value> {
        let path = format!("query?q={}", soql.replace(' ', "+"));
        let (status, answer) = self.call(Method::GET, &path, None).await;
        assert_eq!(status, 200, "{answer}");
        answer["records"].as_array().expect("records").clone()
    }

    async fn admin(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.running.admin_url);
        let response =
            self.client.request(method, url).json(&body).send().await.expect("an answer");
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or(Value::Null))
    }
}

fn fault(matches: Match, effect: Effect) -> FaultRule {
    FaultRule { matches, effect }
}

fn once(method: &str) -> Match {
    Match { method: Some(method.to_owned()), times: Some(1), ..Match::default() }
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["statusCode"].as_str().unwrap_or("none")
}

#[tokio::test]
async fn rows_of_one_call_fail_one_by_one_or_all_together() {
    let sim = Sim::start(|_| {}).await;
    let rows = json!([
        {"Customer_Id__c": "C1", "Name": "One"},
        {"Customer_Id__c": "C2"},
        {"Customer_Id__c": "C3", "Name": "Three", "Nope__c": 1},
        {"Customer_Id__c": "C1234567890123", "Name": "Long key"},
    ]);
    let answer = sim.upsert("Account", "Customer_Id__c", rows.clone(), false).await;
    assert_eq!(answer[0]["created"], true);
    assert_eq!(code(&answer[1]), "REQUIRED_FIELD_MISSING");
    assert_eq!(answer[1]["errors"][0]["message"], "Required fields are missing: [Name]");
    assert_eq!(code(&answer[2]), "INVALID_FIELD");
    assert_eq!(code(&answer[3]), "STRING_TOO_LONG");
    let rows = json!([{"Customer_Id__c": "C8", "Name": "Eight"}, {"Customer_Id__c": "C9"}]);
    let answer = sim.upsert("Account", "Customer_Id__c", rows, true).await;
    assert_eq!(code(&answer[0]), "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert_eq!(sim.query("SELECT Id FROM Account").await.len(), 1);
    // What was rolled back can be written again under the same key.
    let rows = json!([{"Customer_Id__c": "C8", "Name": "Eight"}]);
    assert_eq!(sim.upsert("Account", "Customer_Id__c", rows, true).await[0]["created"], true);
    sim.running.stop().await;
}

#[tokio::test]
async fn a_key_that_several_records_carry_is_answered_with_their_urls() {
    let sim = Sim::start(|_| {}).await;
    for name in ["a", "b"] {
        let body = json!({"Name": name, "Legacy_Key__c": "K"});
        assert_eq!(sim.call(Method::POST, "sobjects/Account", Some(body)).await.0, 201);
    }
    let path = "sobjects/Account/Legacy_Key__c/k";
    let (status, urls) = sim.call(Method::PATCH, path, Some(json!({"Name": "c"}))).await;
    assert_eq!(status, 300);
    assert!(
        urls[0].as_str().is_some_and(|u| u.starts_with(&format!("{DATA}/sobjects/Account/001")))
    );
    assert_eq!(urls.as_array().map(Vec::len), Some(2));
    assert!(sim.query("SELECT Id FROM Account WHERE Name = 'c'").await.is_empty());
    sim.running.stop().await;
}

#[tokio::test]
async fn parents_are_found_by_their_key_or_missed_in_the_documented_words() {
    let sim = Sim::start(|_| {}).await;
    let parent = json!([{"Customer_Id__c": "C1", "Name": "One"}]);
    sim.upsert("Account", "Customer_Id__c", parent, false).await;
    let rows = json!([
        {"Order_Id__c": "O1", "Customer__r": {"Customer_Id__c": "C1"}, "Total__c": 12.345},
        {"Order_Id__c": "O2", "Customer__r": {"Customer_Id__c": "0116"}},
        {"Order_Id__c": "O3", "Customer__c": "001000000000000AAA"},
        {"Order_Id__c": "O4", "Status__c": "lost"},
        {"Order_Id__c": "O5", "Total__c": 1_000_000_000_000_i64},
    ]);
    let answer = sim.upsert("Order__c", "Order_Id__c", rows, false).await;
    assert_eq!(answer[0]["success"], true, "{answer}");
    assert_eq!(code(&answer[1]), "INVALID_FIELD");
    assert_eq!(
        answer[1]["errors"][0]["message"],
        "Foreign key external ID: 0116 not found for field Customer_Id__c in entity Account"
    );
    assert_eq!(code(&answer[2]), "INVALID_CROSS_REFERENCE_KEY");
    assert_eq!(code(&answer[3]), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST");
    assert_eq!(code(&answer[4]), "NUMBER_OUTSIDE_VALID_RANGE");
    let found = sim.query("SELECT Customer__r.Customer_Id__c, Total__c FROM Order__c").await;
    assert_eq!(found[0]["Customer__r"]["Customer_Id__c"], "C1");
    assert_eq!(found[0]["Total__c"], 12.35);
    sim.running.stop().await;
}

#[tokio::test]
async fn a_lower_delivery_revision_is_refused() {
    let sim = Sim::start(|_| {}).await;
    let path = "sobjects/Order__c/Order_Id__c/O1";
    let send = async |revision: i64| {
        sim.call(Method::PATCH, path, Some(json!({"Covenant_Revision__c": revision}))).await
    };
    let high = 900_000_000_000_000_001;
    assert_eq!(send(high).await.0, 201);
    assert_eq!(send(high).await.0, 200, "the same revision again is harmless");
    let (status, refused) = send(high - 1).await;
    assert_eq!(status, 400);
    assert_eq!(
        refused,
        json!([{
            "message": "A newer delivery is already here.",
            "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "fields": [],
        }])
    );
    assert_eq!(send(high + 1).await.0, 200);
    sim.running.stop().await;
}

#[tokio::test]
async fn a_lost_reply_was_applied_and_a_late_call_does_no_harm() {
    let sim = Sim::start(|_| {}).await;
    let path = "sobjects/Order__c/Order_Id__c/O1";
    let lost = Effect { lost_reply: true, ..Effect::default() };
    sim.running.add_fault(fault(once("PATCH"), lost));
    let body =
        |revision: u32| Some(json!({"Covenant_Revision__c": revision, "Total__c": revision}));
    assert!(sim.send(Method::PATCH, path, body(1)).await.is_err(), "no answer comes back");
    assert_eq!(sim.query("SELECT Id FROM Order__c").await.len(), 1, "and yet it was applied");

    let late = Effect { late_apply_ms: Some(100), ..Effect::default() };
    sim.running.add_fault(fault(once("PATCH"), late));
    assert!(sim.send(Method::PATCH, path, body(2)).await.is_err());
    assert_eq!(sim.call(Method::PATCH, path, body(3)).await.0, 200, "the retry overtakes it");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let stats = sim.running.stats();
    assert_eq!(stats["row_errors"]["FIELD_CUSTOM_VALIDATION_EXCEPTION"], 1, "{stats}");
    assert_eq!(sim.query("SELECT Total__c FROM Order__c").await[0]["Total__c"], 3.0);

    let gone = Effect { lost_request: true, ..Effect::default() };
    sim.running.add_fault(fault(once("DELETE"), gone));
    assert!(sim.send(Method::DELETE, path, None).await.is_err());
    assert_eq!(sim.query("SELECT Id FROM Order__c").await.len(), 1, "never arrived");
    sim.running.stop().await;
}

#[tokio::test]
async fn tokens_expire_and_are_issued_again() {
    let sim = Sim::start(|_| {}).await;
    let expire = Effect { expire_token: true, ..Effect::default() };
    sim.running.add_fault(fault(once("GET"), expire));
    let (status, refused) = sim.call(Method::GET, "limits", None).await;
    let wanted =
        json!([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]);
    assert_eq!((status, refused), (401, wanted));
    assert_eq!(sim.call(Method::GET, "limits", None).await.0, 401, "until a new one is fetched");
    let url = format!("{}/services/oauth2/token", sim.running.base_url);
    let login = |secret: &'static str| {
        let form =
            [("grant_type", "client_credentials"), ("client_id", "key"), ("client_secret", secret)];
        sim.client.post(&url).form(&form).send()
    };
    let refused = login("wrong").await.expect("an answer");
    assert_eq!(refused.status(), 400);
    let refused: Value = refused.json().await.expect("an object");
    assert_eq!(refused["error"], "invalid_client");
    let granted: Value = login("secret").await.expect("an answer").json().await.expect("JSON");
    let token = granted["access_token"].as_str().expect("a token");
    let limits = format!("{}{DATA}/limits", sim.running.base_url);
    let answer = sim.client.get(limits).bearer_auth(token).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json;charset=UTF-8");
    sim.running.stop().await;
}

#[tokio::test]
async fn the_daily_maximum_counts_and_refuses() {
    let sim = Sim::start(|config| config.daily_requests = 3).await;
    for used in 1..=3 {
        let answer = sim.send(Method::GET, "sobjects", None).await.expect("an answer");
        let info = answer.headers()["sforce-limit-info"].to_str().expect("text").to_owned();
        assert_eq!(info, format!("api-usage={used}/3"));
    }
    let (status, refused) = sim.call(Method::GET, "sobjects", None).await;
    assert_eq!(status, 403);
    assert_eq!(refused[0]["errorCode"], "REQUEST_LIMIT_EXCEEDED");
    assert_eq!(refused[0]["message"], "TotalRequests Limit exceeded.");
    sim.admin(Method::POST, "/limits", json!({"max": 10})).await;
    let (_, limits) = sim.call(Method::GET, "limits", None).await;
    assert_eq!(limits["DailyApiRequests"], json!({"Max": 10, "Remaining": 6}));
    sim.running.stop().await;
}

#[tokio::test]
async fn scripted_answers_and_row_errors() {
    let sim = Sim::start(|_| {}).await;
    let edge = Effect { status: Some(503), html: true, ..Effect::default() };
    sim.running.add_fault(fault(once("GET"), edge));
    let answer = sim.send(Method::GET, "limits", None).await.expect("an answer");
    assert_eq!(answer.status(), 503);
    assert!(answer.text().await.expect("a page").starts_with("<html>"));
    let rule = json!([
        {"match": {"times": 1}, "effect": {"status": 500, "code": "UNKNOWN_EXCEPTION"}},
        {"match": {"sobject": "Account"},
         "effect": {"row_error": {"code": "UNABLE_TO_LOCK_ROW", "every_nth": 2}}},
    ]);
    assert_eq!(sim.admin(Method::POST, "/faults", rule).await.0, 201);
    let (status, body) = sim.call(Method::GET, "limits", None).await;
    assert_eq!((status, &body[0]["errorCode"]), (500, &json!("UNKNOWN_EXCEPTION")));
    let rows = json!([
        {"Customer_Id__c": "C1", "Name": "1"},
        {"Customer_Id__c": "C2", "Name": "2"},
        {"Customer_Id__c": "C3", "Name": "3"},
    ]);
    let answer = sim.upsert("Account", "Customer_Id__c", rows, false).await;
    assert_eq!(code(&answer[1]), "UNABLE_TO_LOCK_ROW");
    assert_eq!((&answer[0]["success"], &answer[2]["success"]), (&json!(true), &json!(true)));
    let (status, why) = sim.admin(Method::POST, "/faults", json!({"effect": {"oops": 1}})).await;
    assert_eq!(status, 400);
    assert!(why["error"].as_str().is_some_and(|w| w.contains("oops")), "{why}");
    assert_eq!(sim.admin(Method::DELETE, "/faults", json!({})).await.0, 204);
    sim.running.stop().await;
}

#[tokio::test]
async fn humans_edit_and_the_dump_shows_everything() {
    let sim = Sim::start(|_| {}).await;
    let rows =
        json!([{"Customer_Id__c": "C1", "Name": "1"}, {"Customer_Id__c": "C2", "Name": "2"}]);
    sim.upsert("Account", "Customer_Id__c", rows, false).await;
    let edit = json!({"Rating": "Hot"});
    let path = "/records/Account/C1?by=Customer_Id__c";
    assert_eq!(sim.admin(Method::POST, path, edit).await.0, 200);
    let path = "/records/Account/C2?by=Customer_Id__c";
    assert_eq!(sim.admin(Method::DELETE, path, json!({})).await.0, 204);
    let (_, dump) = sim.admin(Method::GET, "/records/Account", json!({})).await;
    assert_eq!((&dump[0]["Rating"], &dump[0]["deleted"]), (&json!("Hot"), &json!(false)));
    assert_ne!(dump[0]["LastModifiedById"], dump[0]["CreatedById"]);
    assert_eq!((&dump[1]["Customer_Id__c"], &dump[1]["deleted"]), (&json!("C2"), &json!(true)));
    assert_eq!(sim.admin(Method::GET, "/records/Nope", json!({})).await.0, 404);
    sim.running.stop().await;
}

#[tokio::test]
async fn records_survive_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("state.sqlite");
    let start = || Sim::start(|config| config.state_file = Some(file.clone()));
    let sim = start().await;
    let rows = json!([{"Order_Id__c": "O1", "Covenant_Revision__c": 900_000_000_000_000_001_i64}]);
    let first = sim.upsert("Order__c", "Order_Id__c", rows, false).await;
    sim.running.stop().await;
    let sim = start().await;
    let rows = json!([
        {"Order_Id__c": "O1", "Covenant_Revision__c": 900_000_000_000_000_000_i64},
        {"Order_Id__c": "O2"},
    ]);
    let again = sim.upsert("Order__c", "Order_Id__c", rows, false).await;
    assert_eq!(code(&again[0]), "FIELD_CUSTOM_VALIDATION_EXCEPTION", "every digit survived");
    assert_eq!(again[1]["created"], true);
    assert_ne!(first[0]["id"], again[1]["id"]);
    sim.running.stop().await;
}

#[tokio::test]
async fn a_simulator_listens_on_this_machine_only() {
    let config = SimConfig { api: ([0, 0, 0, 0], 0).into(), ..SimConfig::default() };
    let error = Simulator::start(config).await.expect_err("refused");
    assert!(error.to_string().contains("not a loopback address"));
}

async fn ingest(sim: &Sim, job: Value, csv: &str) -> (String, Value) {
    let (status, job) = sim.call(Method::POST, "jobs/ingest", Some(job)).await;
    assert_eq!(status, 200, "{job}");
    let id = job["id"].as_str().expect("an id").to_owned();
    let url = format!("{}/{}", sim.running.base_url, job["contentUrl"].as_str().expect("a URL"));
    let put = sim
        .client
        .put(url)
        .bearer_auth(TOKEN)
        .header("content-type", "text/csv")
        .body(csv.to_owned())
        .send();
    assert_eq!(put.await.expect("an answer").status(), 201);
    let close = Some(json!({"state": "UploadComplete"}));
    sim.call(Method::PATCH, &format!("jobs/ingest/{id}"), close).await;
    for _ in 0..200 {
        let (_, job) = sim.call(Method::GET, &format!("jobs/ingest/{id}"), None).await;
        if ["JobComplete", "Failed"].contains(&job["state"].as_str().unwrap_or("")) {
            return (id, job);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the job did not end");
}

#[tokio::test]
async fn bulk_jobs_run_through_the_same_write_path() {
    let sim = Sim::start(|_| {}).await;
    let parent = json!([{"Customer_Id__c": "C1", "Name": "One"}]);
    sim.upsert("Account", "Customer_Id__c", parent, false).await;
    let job =
        json!({"object": "Order__c", "operation": "upsert", "externalIdFieldName": "Order_Id__c"});
    let mut csv = String::from("Order_Id__c,Customer__r.Customer_Id__c,Status__c,Total__c\n");
    for i in 0..450 {
        csv.push_str(&format!("O{i},C1,paid,{i}.5\n"));
    }
    csv.push_str("X1,C9,paid,1\nX2,C1,lost,1\nX3,C1,#N/A,abc\nX4,C1,,\nX4,C1,,\n");
    let (id, done) = ingest(&sim, job.clone(), &csv).await;
    assert_eq!(done["state"], "JobComplete", "{done}");
    assert_eq!(
        (&done["numberRecordsProcessed"], &done["numberRecordsFailed"]),
        (&json!(455), &json!(5))
    );
    let (_, failed) = sim.call(Method::GET, &format!("jobs/ingest/{id}/failedResults"), None).await;
    let failed = failed.as_str().expect("CSV");
    for part in [
        "\"sf__Id\",\"sf__Error\",\"Order_Id__c\"",
        "INVALID_FIELD:Foreign key external ID: C9 not found for field Customer_Id__c in entity Account:--",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:Status: bad value for restricted picklist field: lost:Status__c --",
        "INVALID_TYPE_ON_FIELD_IN_RECORD:",
        "DUPLICATE_VALUE:Duplicate external id specified: X4:Order_Id__c --",
    ] {
        assert!(failed.contains(part), "{part} in {failed}");
    }
    assert_eq!(sim.query("SELECT Id FROM Order__c").await.len(), 450);
    let (_, bad) = ingest(&sim, job, "Order_Id__c,Nope__c\nO1,x\n").await;
    assert_eq!(bad["errorMessage"], "InvalidBatch : Field name not found : Nope__c");
    sim.running.stop().await;
}

#[tokio::test]
async fn a_job_that_fails_half_way_says_what_it_never_reached() {
    let sim = Sim::start(|_| {}).await;
    let half = Effect { fail_job_after: Some(2), ..Effect::default() };
    let matches =
        Match { sobject: Some("Order__c".to_owned()), times: Some(1), ..Match::default() };
    sim.running.add_fault(fault(matches, half));
    let job =
        json!({"object": "Order__c", "operation": "upsert", "externalIdFieldName": "Order_Id__c"});
    let (id, failed) = ingest(&sim, job.clone(), "Order_Id__c\nO1\nO2\nO3\n").await;
    assert_eq!(
        (&failed["state"], &failed["numberRecordsProcessed"]),
        (&json!("Failed"), &json!(2))
    );
    let path = format!("jobs/ingest/{id}/unprocessedRecords/");
    let (_, rest) = sim.call(Method::GET, &path, None).await;
    assert_eq!(rest, json!("\"Order_Id__c\"\n\"O3\"\n"));
    let (_, done) = ingest(&sim, job, "Order_Id__c\nO3\n").await;
    assert_eq!(done["state"], "JobComplete");
    sim.running.stop().await;
}

#[tokio::test]
async fn overlapping_requests_are_seen() {
    let sim = Sim::start(|_| {}).await;
    let slow = Effect { latency_ms: Some(150), ..Effect::default() };
    sim.running.add_fault(fault(Match::default(), slow));
    let row = |key: &str| json!([{"Order_Id__c": key, "Customer__r": {"Customer_Id__c": "C1"}}]);
    let (_a, _b) = tokio::join!(
        sim.upsert("Order__c", "Order_Id__c", row("O1"), false),
        sim.upsert("Order__c", "Order_Id__c", row("O2"), false)
    );
    let seen = &sim.running.stats()["max_concurrent"];
    assert_eq!((&seen["per_parent"], &seen["per_key"]), (&json!(2), &json!(1)), "{seen}");
    sim.running.stop().await;
}
