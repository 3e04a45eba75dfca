//! What `build` makes of Acme's contracts, target by target: each has what the architecture promises of it.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

use std::path::Path;

use covenant_compiler::compile;
use covenant_compiler::driver::read_contracts;
use covenant_compiler::emit::emit_all;
use covenant_compiler::tree::OutputTree;

/// A file, by the start and the end of its path, and what must stand in it.
type Promise = (&'static str, &'static str, &'static [&'static str]);

const RUST: &[Promise] = &[
    (
        "rust/src/sales_order",
        ".rs",
        &[
            "pub struct SalesOrder<",
            "impl generated::Generated for Codec",
            "fn key(",
            "fn quality(",
            "pii::Address",
        ],
    ),
    ("rust/src/sales_customer", ".rs", &["salesforce"]),
    ("rust/src/pii", ".rs", &["Contact", "Address"]),
    ("rust/src/main", ".rs", &["fn main()"]),
];
const SNOWFLAKE: &[Promise] = &[
    ("snowflake/schema", ".sql", &["CREATE SCHEMA", "CREATE TAG", "CREATE MASKING POLICY"]),
    ("snowflake/account", ".sql", &["ROLE"]),
    (
        "snowflake/sales_order/tables",
        ".sql",
        &["COVENANT.BATCH_", "_STATE", "VIEW", "MASKING POLICY", "GRANT SELECT"],
    ),
    ("snowflake/README", ".md", &["ADD COLUMN"]),
    ("snowflake/sales_order/load", ".sql", &["COPY INTO"]),
    ("snowflake/sales_order/apply", ".sql", &["MERGE INTO"]),
    ("snowflake/sales_order/history", ".sql", &["INSERT INTO"]),
    ("snowflake/models/analytics_daily_sales", ".sql", &["DAILY_SALES"]),
];
const DUCKDB: &[Promise] = &[
    (
        "duckdb/schema",
        ".sql",
        &["COVENANT.FENCE", "COVENANT.BATCHES", "SALES.ORDERS_STATE", "ADD COLUMN IF NOT EXISTS"],
    ),
    ("duckdb/sales_order/load", ".sql", &["INSERT INTO"]),
    ("duckdb/sales_order/fold", ".sql", &["_exists"]),
    ("duckdb/sales_order/apply", ".sql", &["SALES.ORDERS_STATE"]),
    ("duckdb/sales_order/history", ".sql", &["INSERT INTO"]),
    ("duckdb/models/analytics_inventory_position", ".sql", &["INVENTORY_POSITION"]),
];
const POSTGRES: &[Promise] = &[
    (
        "postgres/store/publication",
        ".sql",
        &["ALTER PUBLICATION", "\"order_id\",", "REPLICA IDENTITY"],
    ),
    ("postgres/store/heartbeat", ".sql", &["covenant.heartbeat"]),
    ("postgres/store/role", ".sql", &["REPLICATION NOSUPERUSER", "GRANT SELECT (\"order_id\""]),
];
const SALESFORCE: &[Promise] = &[
    ("salesforce/mapping", ".json", &["Order__c", "Customer__r"]),
    (
        "salesforce/force-app/main/default/objects/Order__c/fields/Order_Id__c",
        ".xml",
        &["<externalId>true</externalId>"],
    ),
    (
        "salesforce/force-app/main/default/objects/Order__c/validationRules/",
        ".xml",
        &["<errorConditionFormula>"],
    ),
    ("salesforce/force-app/main/default/permissionsets/", ".xml", &["<fieldPermissions>"]),
    (
        "salesforce/force-app/main/default/platformEventChannelMembers/",
        ".xml",
        &["AccountChangeEvent"],
    ),
];
const ORCHESTRATION: &[Promise] = &[
    (
        "manifest",
        ".json",
        &[
            "\"jobs\"",
            "\"every_s\"",
            "\"attempts_max\"",
            "\"monthly_usd\"",
            "\"needs\"",
            "\"freshness_s\"",
            "\"contract_hash\"",
        ],
    ),
    (
        "aws/orchestration",
        ".json",
        &["AWS::StepFunctions::StateMachine", "AWS::Scheduler::Schedule", "\"Retry\""],
    ),
];
const SCHEMAS: &[Promise] = &[
    ("schemas/events/order-events", ".json", &["json-schema.org"]),
    ("schemas/contract.schema", ".json", &["json-schema.org", "key_reuse"]),
    ("schemas/odcs/sales.order", ".yaml", &["apiVersion", "DataContract"]),
    ("schemas/dbt/sources", ".yml", &["sources:", "ORDERS"]),
];
const DOCS: &[Promise] = &[
    ("docs/catalogue", ".html", &["sales.order", "analytics.daily_sales"]),
    ("docs/lineage", ".svg", &["<svg"]),
    ("docs/lineage", ".mmd", &["flowchart"]),
];

fn acme() -> OutputTree {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts");
    emit_all(&compile(read_contracts(&folder).unwrap()).plan.unwrap()).unwrap()
}

#[test]
fn every_target_has_what_is_promised_of_it() {
    let tree = acme();
    let mut missing = Vec::new();
    let all = [RUST, SNOWFLAKE, DUCKDB, POSTGRES, SALESFORCE, ORCHESTRATION, SCHEMAS, DOCS];
    for (start, end, parts) in all.concat() {
        let fits = |path: &str| path.starts_with(start) && path.ends_with(end);
        let texts: Vec<&str> =
            tree.iter().filter(|(path, _)| fits(path)).map(|(_, text)| text).collect();
        if texts.is_empty() {
            missing.push(format!("no file {start}…{end}"));
        }
        for part in parts.iter().filter(|part| !texts.iter().any(|text| text.contains(**part))) {
            missing.push(format!("{start}…{end}: no `{part}`"));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// `generated/` holds these targets and no other: a new one gets its promises above.
#[test]
fn there_is_no_target_without_a_promise() {
    let tree = acme();
    let mut folders: Vec<&str> =
        tree.iter().filter_map(|(path, _)| Some(path.split_once('/')?.0)).collect();
    folders.sort_unstable();
    folders.dedup();
    let known = ["aws", "docs", "duckdb", "postgres", "rust", "salesforce", "schemas", "snowflake"];
    assert_eq!(folders, known);
}

/// Every rule that a template follows is said beside it, by the name of the vendor's page.
#[test]
fn every_template_of_a_vendor_names_the_pages_that_it_follows() {
    for (target, page) in [
        ("snowflake", "{# Follows Snowflake's page"),
        ("salesforce", "{# Follows the Metadata API"),
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../templates").join(target);
        let mut read = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(
                text.starts_with(page),
                "{}: say in its first line which pages it follows",
                path.display()
            );
            read += 1;
        }
        assert!(read > 4, "{target}: {read} templates");
    }
}
