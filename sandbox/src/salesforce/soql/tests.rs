//! Queries over a small org, and the texts of refusals.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Matches, compile, render, run};
use crate::salesforce::ids::RecordId;
use crate::salesforce::org::Org;
use crate::salesforce::schema::Schema;
use crate::salesforce::store::Store;
use crate::salesforce::write::Actor;

/// 2024-01-01T00:00:00Z.
const NOW: i64 = 1_704_067_200;

fn org() -> Store {
    let schema = Arc::new(Schema::compile(&Org::standard()).expect("the standard org"));
    let mut store = Store::new(Arc::clone(&schema));
    let actor = |now| Actor { user: RecordId::new("005", 1), now };
    let account = schema.object("Account").expect("Account").ix;
    let contact = schema.object("Contact").expect("Contact").ix;
    let mut add = |object, value: Value, at| {
        let map = value.as_object().expect("a record").clone();
        store.create(object, &map, &actor(NOW + at)).expect("created")
    };
    add(account, json!({"Name": "Acme", "External_Id__c": "A1", "NumberOfEmployees": 5}), 0);
    add(account, json!({"Name": "beta", "External_Id__c": "A2", "NumberOfEmployees": 50}), 60);
    add(account, json!({"Name": "Gamma's", "External_Id__c": "A3"}), 120);
    add(contact, json!({"LastName": "Kay", "Account": {"External_Id__c": "A2"}}), 180);
    add(contact, json!({"LastName": "Low"}), 240);
    let last = schema.object("Account").expect("Account");
    let gone = add(account, json!({"Name": "Gone", "External_Id__c": "A4"}), 300);
    let at = store.find_id(last, &gone).expect("found");
    store.delete(account, at, &actor(NOW + 360)).expect("deleted");
    store
}

fn ask(store: &Store, text: &str, all: bool) -> Vec<Value> {
    let query = compile(store.schema(), text, NOW).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    match run(store, &query, all) {
        Matches::Rows(rows) => rows.iter().map(|r| render(store, &query, *r, "60.0")).collect(),
        Matches::Count(n) => vec![json!(n)],
        Matches::Aggregates(map) => vec![Value::Object(map)],
    }
}

fn names(store: &Store, condition: &str) -> Vec<String> {
    ask(store, &format!("SELECT Name FROM Account {condition}"), false)
        .iter()
        .map(|r| r["Name"].as_str().unwrap_or("").to_owned())
        .collect()
}

#[test]
fn conditions() {
    let store = org();
    for (condition, wanted) in [
        ("WHERE Name = 'ACME'", vec!["Acme"]),
        ("WHERE External_Id__c IN ('a1','A3')", vec!["Acme", "Gamma's"]),
        ("WHERE External_Id__c NOT IN ('A1')", vec!["beta", "Gamma's"]),
        ("WHERE NumberOfEmployees >= 5 AND NOT Name LIKE 'b%'", vec!["Acme"]),
        ("WHERE NumberOfEmployees = null", vec!["Gamma's"]),
        (
            "WHERE (NumberOfEmployees < 6 OR NumberOfEmployees > 49) AND Name != 'x'",
            vec!["Acme", "beta"],
        ),
        ("WHERE Name = 'Gamma\\'s'", vec!["Gamma's"]),
        (
            "WHERE SystemModstamp >= 2024-01-01T00:01:00.000Z AND SystemModstamp < 2024-01-01T00:02:00Z",
            vec!["beta"],
        ),
        ("WHERE CreatedDate >= TODAY", vec!["Acme", "beta", "Gamma's"]),
        ("WHERE IsDeleted = true", vec![]),
        ("ORDER BY NumberOfEmployees DESC, Name", vec!["beta", "Acme", "Gamma's"]),
        ("ORDER BY NumberOfEmployees, Name", vec!["Gamma's", "Acme", "beta"]),
        ("ORDER BY NumberOfEmployees NULLS LAST LIMIT 1 OFFSET 1", vec!["beta"]),
        ("ORDER BY Name DESC", vec!["Gamma's", "beta", "Acme"]),
    ] {
        assert_eq!(names(&store, condition), wanted, "{condition}");
    }
}

#[test]
fn parents_deleted_rows_and_aggregates() {
    let store = org();
    let rows = ask(
        &store,
        "SELECT LastName, Account.Name, Account.Owner.Id FROM Contact ORDER BY LastName",
        false,
    );
    assert_eq!(rows[0]["Account"]["Name"], "beta");
    assert_eq!(rows[0]["Account"]["attributes"]["type"], "Account");
    assert_eq!(rows[1]["Account"], Value::Null);
    assert_eq!(
        ask(&store, "SELECT Id FROM Contact WHERE Account.External_Id__c = 'A2'", false).len(),
        1
    );
    assert_eq!(ask(&store, "select count() from Account", false), [json!(3)]);
    assert_eq!(
        ask(&store, "select count() from Account where External_Id__c = 'A4'", true),
        [json!(1)]
    );
    let all = ask(
        &store,
        "SELECT COUNT(Id) n, MAX(NumberOfEmployees), SUM(NumberOfEmployees) FROM Account",
        false,
    );
    assert_eq!(all[0]["n"], 3);
    assert_eq!(all[0]["expr0"], 50);
    assert_eq!(all[0]["expr1"], 55.0);
    assert_eq!(ask(&store, "SELECT FIELDS(ALL) FROM Account LIMIT 1", false)[0]["Name"], "Acme");
}

#[test]
fn refusals_are_worded_as_recorded() {
    let store = org();
    let refuse = |text: &str| {
        let error = compile(store.schema(), text, NOW).expect_err(text).into_api_error(text);
        (error.errors[0].code.as_str().to_owned(), error.errors[0].message.clone())
    };
    let (code, message) = refuse("select count() from XYZZY");
    assert_eq!(code, "INVALID_TYPE");
    assert_eq!(
        message,
        "\nselect count() from XYZZY\n                    ^\nERROR at Row:1:Column:21\nsObject type 'XYZZY' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names."
    );
    let (code, message) = refuse("SELECT Nope__c FROM Account");
    assert_eq!(code, "INVALID_FIELD");
    assert!(message.starts_with("\nSELECT Nope__c FROM Account\n       ^\nERROR at Row:1:Column:8\nNo such column 'Nope__c' on entity 'Account'."), "{message}");
    for text in [
        "SELEKT Id",
        "SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'",
        "SELECT Id FROM Account WHERE",
        "SELECT Id FROM Account LIMIT x",
        "SELECT Id FROM Account WHERE Name = 'open",
        "SELECT Id, COUNT(Id) FROM Account",
        "SELECT Id FROM Account;",
        &format!("SELECT Id FROM Account WHERE {}Name = 'a'", "(".repeat(300)),
        &format!("SELECT Id FROM Account WHERE {}Name = 'a'", "NOT ".repeat(300)),
    ] {
        assert_eq!(refuse(text).0, "MALFORMED_QUERY", "{text}");
    }
    for text in [
        "SELECT Id FROM Account WHERE Name = 5",
        "SELECT Id FROM Account WHERE NumberOfEmployees = '5'",
        "SELECT Id FROM Account WHERE SystemModstamp > '2024-01-01T00:00:00Z'",
        "SELECT Id FROM Account WHERE Description = 'x'",
        "SELECT Nope__r.Name FROM Account",
    ] {
        assert_eq!(refuse(text).0, "INVALID_FIELD", "{text}");
    }
}

#[test]
fn paging_by_id_meets_every_record_once() {
    let mut store = org();
    let account = store.schema().object("Account").expect("Account").ix;
    let actor = Actor { user: RecordId::new("005", 1), now: NOW };
    for i in 0..150 {
        let fields = json!({"Name": format!("P{i}"), "Site": "paged"});
        store.create(account, fields.as_object().expect("a record"), &actor).expect("created");
    }
    // Ids that differ in case only are among them: the counter runs through A-Z and a-z.
    let (mut seen, mut after) =
        (Vec::new(), "SystemModstamp >= 2024-01-01T00:00:00.000Z".to_owned());
    loop {
        let soql = format!(
            "SELECT Id FROM Account WHERE ({after}) AND Site = 'paged' ORDER BY SystemModstamp ASC, Id ASC LIMIT 7"
        );
        let page = ask(&store, &soql, true);
        let Some(last) = page.last().and_then(|r| r["Id"].as_str()) else { break };
        after = format!(
            "SystemModstamp > 2024-01-01T00:00:00Z OR (SystemModstamp = 2024-01-01T00:00:00Z AND Id > '{last}')"
        );
        seen.extend(page.iter().filter_map(|r| r["Id"].as_str()).map(str::to_owned));
    }
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!((seen.len(), &seen), (150, &sorted));
}
