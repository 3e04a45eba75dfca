//! Personal data that is marked, in every field whose contract names a class, in valid records and in such that break their
//! contract; then everything that the process wrote or said is searched for the marks. What is compressed is read through
//! DuckDB, or a search of its bytes would find nothing whatever they hold.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::duckdb::{AccessMode, Config, Connection};
use covenant_sandbox::shop::events::{OrderEvent, Outgoing, Sender};
use covenant_sandbox::shop::log::{Entry, ShopLog, Why};
use covenant_sandbox::shop::rows::Maker;
use covenant_sandbox::shop::tables::{CUSTOMERS, ORDERS, Row, key_is};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_postgres::Client;

use super::world::told;

/// A class of personal data, its mark, and whether its contract keeps it readable in landing and warehouse (`mask`).
struct Class {
    name: &'static str,
    mark: &'static str,
    masked: bool,
}

const IDENTITY: &str = "Kanari-identity-7f3a9c";
const CONTACT: &str = "kanari-contact-7f3a9c";
const ADDRESS: &str = "Kanari-address-7f3a9c";
const POSTAL: &str = "KANARI-7F3A9C";
const FREETEXT: &str = "Kanari-freetext-7f3a9c";
const DEVICE: &str = "kanari-device-7f3a9c";
const BIRTH: &str = "1911-11-11";

const CLASSES: [Class; 7] = [
    Class { name: "identity", mark: IDENTITY, masked: false },
    Class { name: "contact", mark: CONTACT, masked: false },
    Class { name: "address", mark: ADDRESS, masked: true },
    Class { name: "address", mark: POSTAL, masked: true },
    Class { name: "freetext", mark: FREETEXT, masked: false },
    Class { name: "device", mark: DEVICE, masked: false },
    Class { name: "birth", mark: BIRTH, masked: false },
];

/// Numbers of the marked customers: a valid one, one whose e-mail address is none, one that breaks a rule over fields.
const CUSTOMERS_MARKED: [u64; 3] = [999_999_991, 999_999_992, 999_999_993];
/// Numbers of the marked orders: a valid one and one that does not add up.
const ORDERS_MARKED: [u64; 2] = [900_000_001, 900_000_002];

/// What the process said somewhere.
pub(crate) struct Said {
    place: String,
    text: String,
    /// Masked personal data may stand here.
    may_hold_masked: bool,
}

/// The marked rows.
pub(crate) struct Canary {
    customer: String,
    order: String,
}

impl Canary {
    /// Before the process starts: marked rows, the broken ones told to the shop's log.
    pub(crate) async fn put(
        client: &Client,
        maker: &mut Maker,
        log: &Arc<ShopLog>,
    ) -> Result<Self, String> {
        let now = Timestamp::now();
        let mut rows = Vec::new();
        for (at, number) in CUSTOMERS_MARKED.into_iter().enumerate() {
            let mut row = maker.customer(number, now);
            mark_customer(&mut row);
            match at {
                0 => {}
                1 => set(&mut row, "email", &format!("{CONTACT} is no address")),
                _ => {
                    set(&mut row, "segment", "wholesale");
                    set(&mut row, "credit_limit", "0.00");
                }
            }
            rows.push((row, at > 0));
        }
        let customer = rows[0].0.get("customer_id").to_owned();
        for (at, number) in ORDERS_MARKED.into_iter().enumerate() {
            let mut row = maker.order(&customer, number, now, "placed").order;
            mark_order(&mut row);
            if at > 0 {
                set(&mut row, "total", "1.23");
            }
            rows.push((row, at > 0));
        }
        let order = rows[CUSTOMERS_MARKED.len()].0.get("order_id").to_owned();
        for (row, broken) in rows {
            client.batch_execute(&row.insert()).await.map_err(told)?;
            if broken {
                let key = row.values.iter().take(row.table.key_columns).flatten();
                log.put(&Entry::Poisoned {
                    table: row.table.name.to_owned(),
                    key: key.cloned().collect(),
                    last_valid: None,
                    rule: "marked".to_owned(),
                })
                .map_err(told)?;
            }
        }
        Ok(Self { customer, order })
    }

    /// Marked events: a valid one, one with a wrong status, one that is cut off.
    pub(crate) async fn send(&self, sender: &Sender) -> Result<(), String> {
        let mut valid = OrderEvent {
            event_id: "7f3a9c00-0000-4000-8000-000000000001".to_owned(),
            order_id: self.order.clone(),
            sequence: 1,
            status: "paid",
            occurred_at: Timestamp::now(),
            producer: "checkout",
            carrier: None,
        }
        .json();
        valid["scanner_id"] = json!(DEVICE);
        valid["remark"] = json!(FREETEXT);
        let mut broken = valid.clone();
        broken["event_id"] = json!("7f3a9c00-0000-4000-8000-000000000002");
        broken["status"] = json!(FREETEXT);
        broken["sequence"] = json!(IDENTITY);
        let cut = valid.to_string();
        let cut = Value::String(cut[..cut.len() - 1].to_owned());
        for (body, valid) in [(valid, true), (broken, false), (cut, false)] {
            let why = if valid { Why::News } else { Why::Malformed };
            sender.send(Outgoing { body, valid, why }).await.map_err(told)?;
        }
        Ok(())
    }

    /// While the process is killed: marked values change too; what is stored out of line stays.
    pub(crate) async fn change(&self, client: &Client) -> Result<(), String> {
        let sql = format!(
            "UPDATE public.customers SET phone = phone || ' 2', updated_at = now() WHERE {}; \
             UPDATE public.orders SET ship_street = ship_street || ' 2', updated_at = now() WHERE {}",
            key_is(CUSTOMERS, &[&self.customer]),
            key_is(ORDERS, &[&self.order]),
        );
        client.batch_execute(&sql).await.map_err(told)
    }

    /// What the process says of itself and of its quarantine.
    pub(crate) async fn ask(&self, base: &str) -> Result<Vec<Said>, String> {
        let http = reqwest::Client::new();
        let mut said = Vec::new();
        for path in ["/", "/metrics", "/api/status", "/healthz", "/readyz"] {
            let answer = http.get(format!("{base}{path}")).send().await.map_err(told)?;
            said.push(Said::new(path, answer.text().await.map_err(told)?));
        }
        let url = format!("{base}/api/quarantine");
        let list = http.post(&url).json(&json!({"command": "list", "entity": null}));
        let list = list.send().await.map_err(told)?.text().await.map_err(told)?;
        let parsed: Value = serde_json::from_str(&list).map_err(told)?;
        said.push(Said::new("quarantine list", list));
        let mut ids = Vec::new();
        collect_ids(&parsed, &mut ids);
        if ids.len() < CUSTOMERS_MARKED.len() {
            return Err(format!("only {} records in quarantine", ids.len()));
        }
        for id in ids {
            let show = http.post(&url).json(&json!({"command": "show", "id": id}));
            let text = show.send().await.map_err(told)?.text().await.map_err(told)?;
            said.push(Said::new(&format!("quarantine show {id}"), text));
        }
        Ok(said)
    }
}

impl Said {
    fn new(place: &str, text: String) -> Self {
        Self { place: place.to_owned(), text, may_hold_masked: false }
    }
}

fn mark_customer(row: &mut Row) {
    let name = format!("{IDENTITY} Muster");
    for column in ["display_name", "first_name", "last_name"] {
        set(row, column, &name);
    }
    set(row, "email", &format!("{CONTACT}@mail.example"));
    set(row, "phone", &format!("+49 {CONTACT}"));
    set(row, "date_of_birth", BIRTH);
    set(row, "street", &format!("{ADDRESS} 1"));
    set(row, "postal_code", POSTAL);
    // Long enough for PostgreSQL to store it out of line, and hard to compress below that.
    let lines = (0..400).map(|line| format!("{FREETEXT} {:x}\n", line * 2_654_435_761_u64));
    set(row, "notes", &lines.collect::<String>());
}

fn mark_order(row: &mut Row) {
    set(row, "contact_email", &format!("{CONTACT}@mail.example"));
    set(row, "ship_street", &format!("{ADDRESS} 1"));
    set(row, "session_id", DEVICE);
    set(row, "gift_message", FREETEXT);
}

fn set(row: &mut Row, column: &str, value: &str) {
    let at = row.table.column(column).unwrap();
    row.values[at] = Some(value.to_owned());
}

fn collect_ids(value: &Value, ids: &mut Vec<String>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| collect_ids(value, ids)),
        Value::Object(fields) => {
            ids.extend(fields.get("id").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect_ids(value, ids));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Names and bytes of files, and the rows of those that are compressed.
pub(crate) fn told_by_files(roots: &[PathBuf]) -> Result<Vec<Said>, String> {
    let mut said = Vec::new();
    for root in roots {
        walk(root, &mut said)?;
    }
    Ok(said)
}

fn walk(path: &Path, said: &mut Vec<Said>) -> Result<(), String> {
    let place = path.display().to_string();
    if path.is_dir() {
        for entry in fs::read_dir(path).map_err(told)? {
            walk(&entry.map_err(told)?.path(), said)?;
        }
        return Ok(());
    }
    said.push(Said::new(&format!("the name {place}"), place.clone()));
    let bytes = fs::read(path).map_err(told)?;
    let holds = |ending: &str| place.ends_with(ending) || place.ends_with(&format!("{ending}.wal"));
    let may_hold_masked = holds(".parquet") || holds(".duckdb");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    said.push(Said { place: place.clone(), text, may_hold_masked });
    let rows = if place.ends_with(".parquet") {
        let memory = Connection::open_in_memory().map_err(told)?;
        rows_of(&memory, &format!("read_parquet('{place}')"))?
    } else if place.ends_with(".duckdb") {
        warehouse(path)?
    } else {
        return Ok(());
    };
    said.push(Said { place: format!("rows of {place}"), text: rows, may_hold_masked });
    Ok(())
}

fn warehouse(path: &Path) -> Result<String, String> {
    let config = Config::default().access_mode(AccessMode::ReadOnly).map_err(told)?;
    let connection = Connection::open_with_flags(path, config).map_err(told)?;
    let names = "SELECT format('\"{}\".\"{}\"', table_schema, table_name) \
                 FROM information_schema.tables WHERE table_catalog = current_database()";
    let mut text = String::new();
    for table in texts(&connection, names)? {
        text += &rows_of(&connection, &table)?;
    }
    Ok(text)
}

fn rows_of(connection: &Connection, from: &str) -> Result<String, String> {
    Ok(texts(connection, &format!("SELECT t::VARCHAR FROM {from} AS t"))?.join("\n"))
}

fn texts(connection: &Connection, query: &str) -> Result<Vec<String>, String> {
    let mut statement = connection.prepare(query).map_err(told)?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).map_err(told)?;
    rows.collect::<Result<_, _>>().map_err(told)
}

/// Every mark that stands where it must not; and marks that must be found, or the search itself proves nothing.
pub(crate) fn judge(said: &[Said]) -> Vec<String> {
    let mut wrong = Vec::new();
    for said in said {
        for class in &CLASSES {
            let allowed = class.masked && said.may_hold_masked;
            if !allowed && said.text.contains(class.mark) {
                wrong.push(format!("{} data in plain text in {}", class.name, said.place));
            }
        }
    }
    for kind in [".parquet", ".duckdb"] {
        let seen = said.iter().any(|said| {
            said.place.starts_with("rows of")
                && said.place.ends_with(kind)
                && said.text.contains(ADDRESS)
        });
        if !seen {
            wrong.push(format!("no masked address in any {kind}: the search does not see"));
        }
    }
    wrong
}

#[test]
fn the_search_finds_a_mark_and_knows_where_masked_data_may_stand() {
    let masked = |text: &str, may_hold_masked| Said {
        place: "rows of a.parquet".to_owned(),
        text: text.to_owned(),
        may_hold_masked,
    };
    let warehouse = Said { place: "rows of w.duckdb".into(), ..masked(ADDRESS, true) };
    assert_eq!(judge(&[masked(ADDRESS, true), warehouse]), Vec::<String>::new());
    let log = Said::new("runtime.log", format!("cannot write {CONTACT}@mail.example"));
    let found = judge(&[log, masked(ADDRESS, false)]);
    assert!(found.iter().any(|what| what.contains("contact")), "{found:?}");
    assert!(found.iter().any(|what| what.contains("address")), "{found:?}");
}
