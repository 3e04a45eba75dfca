//! What the compiler reads out of queries, held against DuckDB: every shared function runs there, what is said never to be
//! null never is, and models give the rows that are written down here.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

use std::path::Path;

use ::duckdb::Connection;
use covenant_compiler::emit::duckdb;
use covenant_compiler::source::SourceSet;
use covenant_compiler::tree::OutputTree;
use covenant_compiler::{Compiled, compile, diagnostic};

/// Orders and customers, with what expressions stumble over: null, zero, the empty text, no customer.
const ROWS: &str = "
    CREATE SCHEMA IF NOT EXISTS SALES;
    DROP VIEW IF EXISTS SALES.ORDERS; DROP TABLE IF EXISTS SALES.ORDERS;
    DROP VIEW IF EXISTS SALES.CUSTOMERS; DROP TABLE IF EXISTS SALES.CUSTOMERS;
    CREATE TABLE SALES.ORDERS (order_id VARCHAR, customer_id VARCHAR, status VARCHAR, total DECIMAL(12,2),
        tax DECIMAL(12,2), country VARCHAR, carrier VARCHAR, revision INTEGER, placed_at TIMESTAMP);
    INSERT INTO SALES.ORDERS VALUES
        ('o1', 'c1', 'paid', 10.50, 2.00, 'DE', 'dhl', 1, TIMESTAMP '2026-11-20 10:00:00'),
        ('o2', 'c1', 'placed', 0.00, 0.00, 'AT', NULL, 0, TIMESTAMP '2026-11-20 23:59:59.5'),
        ('o3', 'c9', 'paid', 99.99, 19.00, 'DE', '', 7, TIMESTAMP '2026-11-21 00:00:00'),
        ('o4', 'c2', 'cancelled', 1.00, 0.19, '', 'ups', 2, TIMESTAMP '2026-11-22 12:00:00');
    ALTER TABLE SALES.ORDERS ADD COLUMN items VARCHAR;
    CREATE TABLE SALES.CUSTOMERS (customer_id VARCHAR, name VARCHAR, tier VARCHAR);
    INSERT INTO SALES.CUSTOMERS VALUES ('c1', 'Ann', 'gold'), ('c2', '', NULL);";

/// Expressions over an order and perhaps its customer, with the type that is declared for them.
const SCALARS: &[(&str, &str)] = &[
    ("ABS(o.total)", "decimal(12,2)"),
    ("CEIL(o.total)", "int64"),
    ("FLOOR(o.total)", "int64"),
    ("ROUND(o.total, 1)", "decimal(12,2)"),
    ("SIGN(o.total)", "int64"),
    ("SQRT(o.total)", "decimal(18,6)"),
    ("POWER(o.revision, 2)", "decimal(18,2)"),
    ("EXP(o.revision)", "decimal(18,2)"),
    ("LN(o.total + 1)", "decimal(18,6)"),
    ("MOD(o.revision, 3)", "int64"),
    ("UPPER(c.name)", "string"),
    ("LOWER(o.country)", "string"),
    ("TRIM(o.country)", "string"),
    ("LTRIM(o.country)", "string"),
    ("RTRIM(o.country)", "string"),
    ("LENGTH(o.country)", "int64"),
    ("LEFT(o.country, 1)", "string"),
    ("RIGHT(o.country, 1)", "string"),
    ("SUBSTR(o.country, 1, 1)", "string"),
    ("SUBSTRING(o.country, 2)", "string"),
    ("REPLACE(o.country, 'D', 'd')", "string"),
    ("REVERSE(o.country)", "string"),
    ("REPEAT(o.country, 2)", "string"),
    ("LPAD(o.country, 4, '-')", "string"),
    ("RPAD(o.country, 4, '-')", "string"),
    ("CONTAINS(o.country, 'E')", "bool"),
    ("SPLIT_PART(o.country, 'E', 1)", "string"),
    ("SHA256(o.country)", "string(64)"),
    ("SHA2(LEFT(o.country, 1), 256)", "string(64)"),
    ("MD5(o.country)", "string(32)"),
    ("DATE_TRUNC('month', o.placed_at)", "timestamp"),
    ("DATEDIFF('day', o.placed_at, CURRENT_TIMESTAMP)", "int64"),
    ("LAST_DAY(CAST(o.placed_at AS DATE))", "date"),
    ("YEAR(o.placed_at)", "int64"),
    ("QUARTER(o.placed_at)", "int64"),
    ("MONTH(o.placed_at)", "int64"),
    ("DAY(o.placed_at)", "int64"),
    ("HOUR(o.placed_at)", "int64"),
    ("MINUTE(o.placed_at)", "int64"),
    ("SECOND(o.placed_at)", "int64"),
    ("CURRENT_DATE", "date"),
    ("COALESCE(c.name, o.carrier, 'x')", "string(80)"),
    ("IFNULL(o.carrier, 'none')", "string(40)"),
    ("NULLIF(o.total, 0)", "decimal(12,2)"),
    ("o.total / NULLIF(o.tax, 0)", "decimal(18,4)"),
    ("o.total / 3", "decimal(18,4)"),
    ("o.revision % 2", "decimal(18,4)"),
    ("CASE WHEN o.total > 5 THEN 'a' ELSE 'b' END", "string(1)"),
    ("CASE WHEN c.name IS NULL THEN 'nobody' ELSE c.name END", "string(80)"),
    ("CASE WHEN o.carrier IS NULL OR o.total > 5 THEN 'x' ELSE o.carrier END", "string(40)"),
    ("CASE o.status WHEN 'paid' THEN 1 END", "int32"),
    ("c.tier = 'gold'", "bool"),
    ("c.tier IS DISTINCT FROM 'gold'", "bool"),
    ("o.carrier IN ('dhl', 'ups')", "bool"),
    ("o.carrier LIKE 'd%'", "bool"),
    ("NOT (o.total BETWEEN 1 AND 2)", "bool"),
    ("EXTRACT(DAY FROM o.placed_at)", "int32"),
    ("o.placed_at + INTERVAL '1 day'", "timestamp"),
    ("CAST(o.placed_at AS DATE) - 28", "date"),
    ("TRY_CAST(o.country AS INT)", "int32"),
    ("o.revision::BIGINT", "int64"),
    ("o.country || '-' || c.name", "string"),
    (
        "EXISTS (SELECT 1 AS one FROM sales.customer AS d WHERE d.customer_id = o.customer_id)",
        "bool",
    ),
    (
        "(SELECT MAX(d.name) FROM sales.customer AS d WHERE d.customer_id = o.customer_id)",
        "string(80)",
    ),
    ("ROW_NUMBER() OVER (ORDER BY o.order_id)", "int64"),
    ("RANK() OVER (ORDER BY o.total)", "int64"),
    ("DENSE_RANK() OVER (ORDER BY o.total)", "int64"),
    ("PERCENT_RANK() OVER (ORDER BY o.total)", "decimal(18,6)"),
    ("CUME_DIST() OVER (ORDER BY o.total)", "decimal(18,6)"),
    ("NTILE(2) OVER (ORDER BY o.total)", "int64"),
    ("LAG(o.total) OVER (ORDER BY o.order_id)", "decimal(12,2)"),
    ("LEAD(o.total, 1, 0) OVER (ORDER BY o.order_id)", "decimal(12,2)"),
    ("FIRST_VALUE(o.total) OVER (ORDER BY o.order_id)", "decimal(12,2)"),
    ("LAST_VALUE(o.total) OVER (ORDER BY o.order_id)", "decimal(12,2)"),
    ("SUM(o.total) OVER (PARTITION BY o.country)", "decimal(18,2)"),
    (
        "SUM(o.total) OVER (ORDER BY o.order_id ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING)",
        "decimal(18,2)",
    ),
    ("COUNT(c.name) OVER (PARTITION BY o.country)", "int64"),
];

/// Aggregates over the orders of a country.
const AGGREGATES: &[(&str, &str)] = &[
    ("COUNT(*)", "int64"),
    ("COUNT(DISTINCT c.name)", "int64"),
    ("COUNT_IF(o.total > 5)", "int64"),
    ("SUM(o.total)", "decimal(18,2)"),
    ("SUM(CASE WHEN c.name IS NOT NULL THEN o.total END)", "decimal(18,2)"),
    ("SUM(CASE WHEN o.status = 'paid' THEN 1 ELSE 0 END)", "int64"),
    ("AVG(o.total)", "decimal(18,6)"),
    ("MEDIAN(o.total)", "decimal(18,6)"),
    ("MIN(o.placed_at)", "timestamp"),
    ("MAX(o.carrier)", "string(40)"),
    ("COALESCE(MAX(o.carrier), 'none')", "string(40)"),
    ("ANY_VALUE(o.revision)", "int32"),
    ("STDDEV(o.total)", "decimal(18,6)"),
    ("VARIANCE(o.total)", "decimal(18,6)"),
    ("MAX(o.total) - MIN(o.total)", "decimal(12,2)"),
];

/// The base of the compiler's own tests, and a model. Columns: name, type, whether it may be null.
fn tried(columns: &[(String, String, bool)], key: &str, query: &str) -> Compiled {
    refreshed(columns, key, query, "every: 5m")
}

fn refreshed(
    columns: &[(String, String, bool)],
    key: &str,
    query: &str,
    refresh: &str,
) -> Compiled {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compiler/tests/ui/base");
    let read = |path: &str| std::fs::read_to_string(base.join(path)).unwrap();
    let mut model = format!(
        "model: marts.tried\nversion: 1.0.0\nowner: o@shop.example\npurpose: Tried.\ncompatibility: full\n\
         key: [{key}]\nquery: |\n"
    );
    query.lines().for_each(|line| model.push_str(&format!("  {line}\n")));
    model.push_str("fields:\n");
    for (at, (name, ty, nullable)) in columns.iter().enumerate() {
        let field = format!("{{id: {}, type: \"{ty}\", nullable: {nullable}}}", at + 1);
        model.push_str(&format!("  {name}: {field}\n"));
    }
    model.push_str(&format!("refresh: {{{refresh}}}\n"));
    model.push_str("sinks:\n  lake: {table: ANALYTICS.MARTS.TRIED}\n");
    let files = ["project.yaml", "sales/customer.yaml", "sales/order.yaml", "marts/daily.yaml"];
    // Orders with their items, as JSON.
    let items = "  placed_at: {id: 9, type: timestamp, from: shop}\n";
    let more = format!(
        "{items}  items: {{id: 10, type: json, from: shop, nullable: true, large: true}}\n"
    );
    let files = files.map(|path| (path.to_owned(), read(path).replace(items, &more)));
    compile(SourceSet::new(files.into_iter().chain([("marts/tried.yaml".to_owned(), model)])))
}

fn tree(compiled: &Compiled) -> OutputTree {
    let text = diagnostic::human::render(&compiled.diagnostics, &compiled.sources);
    let plan = compiled.plan.as_ref().unwrap_or_else(|| panic!("{text}"));
    let mut tree = OutputTree::default();
    duckdb::emit(plan, &mut tree).unwrap();
    tree
}

/// The model's table, filled once.
fn run(compiled: &Compiled) -> Connection {
    let tree = tree(compiled);
    let db = Connection::open_in_memory().unwrap();
    db.execute_batch(tree.get("duckdb/schema.sql").unwrap()).unwrap();
    db.execute_batch(ROWS).unwrap();
    refresh(&db, &tree);
    db
}

fn refresh(db: &Connection, tree: &OutputTree) {
    let sql = tree.get("duckdb/models/marts_tried.sql").unwrap();
    db.execute_batch("SET VARIABLE cycle = 1").unwrap();
    db.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}\n{error}"));
}

fn count(db: &Connection, sql: &str) -> i64 {
    db.query_row(sql, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Compiles a column per expression, never null; then again with those nullable that the compiler says may be null. What is
/// left never is.
fn nulls_are_told(key: (&str, &str, &str), from: &str, expressions: &[(&str, &str)]) {
    let (key, key_type, key_expr) = key;
    let mut columns = vec![(key.to_owned(), key_type.to_owned(), false)];
    let mut items = vec![format!("{key_expr} AS {key}")];
    for (at, (expr, ty)) in expressions.iter().enumerate() {
        columns.push((format!("x{at}"), (*ty).to_owned(), false));
        items.push(format!("{expr} AS x{at}"));
    }
    let query = format!("SELECT\n  {}\n{from}", items.join(",\n  "));
    let strict = tried(&columns, key, &query);
    for found in strict.diagnostics.iter() {
        assert_eq!(found.code.to_string(), "CV3043", "{}", found.headline);
        let name = found.headline.split('`').nth(1).unwrap();
        columns.iter_mut().find(|column| column.0 == name).unwrap().2 = true;
    }
    let sure: Vec<&String> = columns.iter().filter(|one| !one.2).map(|one| &one.0).collect();
    assert!(sure.len() * 2 > columns.len(), "only {sure:?} are said never to be null");
    let db = run(&tried(&columns, key, &query));
    assert!(count(&db, "SELECT count(*) FROM MARTS.TRIED") > 2);
    for name in sure {
        let nulls = format!("SELECT count(*) FROM MARTS.TRIED WHERE {name} IS NULL");
        let expr = items.iter().find(|item| item.ends_with(&format!(" AS {name}")));
        assert_eq!(
            count(&db, &nulls),
            0,
            "{expr:?} is null, and the compiler says that it never is"
        );
    }
}

#[test]
fn what_is_said_never_to_be_null_never_is() {
    let from =
        "FROM sales.order AS o LEFT JOIN sales.customer AS c ON c.customer_id = o.customer_id";
    nulls_are_told(("id", "uuid", "o.order_id"), from, SCALARS);
    let grouped = format!("{from}\nGROUP BY o.country");
    nulls_are_told(("id", "string(2)", "o.country"), &grouped, AGGREGATES);
}

/// Key, query over `id` and `n`, and whether the query alone excludes two rows of one key. Those that it does not exclude
/// really are there.
const GRAINS: &[(&str, &str, bool)] = &[
    ("id", "SELECT o.order_id AS id, 1 AS n FROM sales.order AS o", true),
    ("id", "SELECT o.customer_id AS id, 1 AS n FROM sales.order AS o", false),
    (
        "id",
        "SELECT o.customer_id AS id, COUNT(*) AS n FROM sales.order AS o GROUP BY o.customer_id",
        true,
    ),
    (
        "id",
        "SELECT o.country AS id, 1 AS n FROM sales.order AS o GROUP BY o.customer_id, o.country",
        false,
    ),
    ("id", "SELECT UPPER(o.country) AS id, 1 AS n FROM sales.order AS o GROUP BY o.country", false),
    (
        "id",
        "SELECT o.order_id AS id, 1 AS n FROM sales.order AS o JOIN sales.customer AS c ON c.customer_id = o.customer_id",
        true,
    ),
    (
        "id",
        "SELECT o.order_id AS id, 1 AS n FROM sales.order AS o LEFT JOIN sales.customer AS c ON c.customer_id = o.customer_id",
        true,
    ),
    (
        "id",
        "SELECT o.order_id AS id, 1 AS n FROM sales.order AS o LEFT JOIN sales.customer AS c ON c.customer_id <> o.customer_id",
        false,
    ),
    (
        "id",
        "SELECT c.customer_id AS id, 1 AS n FROM sales.customer AS c JOIN sales.order AS o ON c.customer_id = o.customer_id",
        false,
    ),
    (
        "id",
        "SELECT o.order_id AS id, 1 AS n FROM sales.order AS o CROSS JOIN sales.customer AS c",
        false,
    ),
    (
        "id",
        "SELECT o.order_id AS id, 1 AS n FROM sales.order AS o CROSS JOIN (SELECT MAX(c.name) AS top FROM sales.customer AS c) AS t",
        true,
    ),
    ("id", "SELECT DISTINCT o.country AS id, 1 AS n FROM sales.order AS o", true),
    ("id", "SELECT DISTINCT o.country AS id, o.revision AS n FROM sales.order AS o", false),
    ("id, n", "SELECT DISTINCT o.country AS id, o.revision AS n FROM sales.order AS o", true),
    (
        "id",
        "SELECT o.customer_id AS id, 1 AS n FROM sales.order AS o QUALIFY ROW_NUMBER() OVER (PARTITION BY o.customer_id ORDER BY o.order_id) = 1",
        true,
    ),
    (
        "id",
        "SELECT o.customer_id AS id, 1 AS n FROM sales.order AS o QUALIFY ROW_NUMBER() OVER (PARTITION BY o.customer_id ORDER BY o.order_id) <= 2",
        false,
    ),
    (
        "id, n",
        "SELECT o.customer_id AS id, ROW_NUMBER() OVER (PARTITION BY o.customer_id ORDER BY o.order_id) AS n FROM sales.order AS o",
        true,
    ),
    (
        "id, n",
        "SELECT o.customer_id AS id, RANK() OVER (PARTITION BY o.customer_id ORDER BY o.country IS NULL) AS n FROM sales.order AS o",
        false,
    ),
    (
        "id",
        "SELECT o.customer_id AS id, 1 AS n FROM sales.order AS o UNION SELECT o.customer_id AS id, 1 AS n FROM sales.order AS o",
        false,
    ),
    (
        "id, n",
        "SELECT o.customer_id AS id, 1 AS n FROM sales.order AS o UNION SELECT c.customer_id AS id, 1 AS n FROM sales.customer AS c",
        true,
    ),
    (
        "id",
        "SELECT o.order_id AS id, 1 AS n FROM sales.order AS o UNION ALL SELECT p.order_id AS id, 2 AS n FROM sales.order AS p",
        false,
    ),
    (
        "id",
        "SELECT o.order_id AS id, 1 AS n FROM sales.order AS o EXCEPT SELECT p.order_id AS id, 2 AS n FROM sales.order AS p",
        true,
    ),
    (
        "id",
        "WITH t AS (SELECT o.country AS c, MAX(o.revision) AS n FROM sales.order AS o GROUP BY 1) SELECT t.c AS id, t.n AS n FROM t",
        true,
    ),
    (
        "id",
        "SELECT o.order_id AS id, 1 AS n FROM sales.order AS o JOIN sales.order AS p ON p.country = o.country",
        false,
    ),
    (
        "id",
        "SELECT o.order_id AS id, 1 AS n FROM sales.order AS o JOIN sales.order AS p ON p.customer_id = o.customer_id AND p.order_id = 'o1'",
        true,
    ),
];

#[test]
fn a_key_that_follows_from_the_query_is_unique_and_the_others_are_asked() {
    let columns = |id: &str| {
        vec![("id".to_owned(), id.to_owned(), false), ("n".to_owned(), "int64".to_owned(), false)]
    };
    for (key, query, follows) in GRAINS {
        let id = if query.contains("order_id AS id") { "uuid" } else { "string" };
        let compiled = tried(&columns(id), key, query);
        let emitted = tree(&compiled);
        let asked = emitted.get("duckdb/models/marts_tried.unique.sql");
        assert_eq!(asked.is_none(), *follows, "{query}");
        let db = run(&compiled);
        let twice = format!("SELECT count(*) - count(DISTINCT ({key})) FROM MARTS.TRIED");
        if let Some(asked) = asked {
            // The data say that the compiler was right not to believe it, and the test finds them.
            let ask = asked.trim_end().trim_end_matches(';');
            let found = count(&db, &format!("SELECT count(*) FROM ({ask}) AS asked"));
            assert_eq!(found > 0, count(&db, &twice) > 0, "{query}\n{asked}");
        } else {
            assert_eq!(count(&db, &twice), 0, "{query}");
        }
    }
}

const BY_DAY: &str = "SELECT CAST(o.placed_at AS DATE) AS day, o.country AS country, SUM(o.total) AS total\n\
                      FROM sales.order AS o GROUP BY 1, 2";

fn by_day() -> Vec<(String, String, bool)> {
    [("day", "date"), ("country", "string(2)"), ("total", "decimal(18,2)")]
        .map(|(name, ty)| (name.to_owned(), ty.to_owned(), false))
        .to_vec()
}

#[test]
fn open_windows_are_computed_and_closed_ones_when_everything_is() {
    let windowed = "every: 5m, window: day, late: 2d, rebuild: 7d";
    let compiled = refreshed(&by_day(), "day, country", BY_DAY, windowed);
    let tree = tree(&compiled);
    let db = run(&compiled);
    let totals = "SELECT CAST(SUM(total) AS BIGINT) FROM MARTS.TRIED";
    assert_eq!(count(&db, totals), 111, "nothing was there: every window is open");
    let order = |id: &str, at: &str| {
        let values =
            format!("('{id}', 'c1', 'paid', 1000, 0, 'DE', NULL, 1, TIMESTAMP '{at}', NULL)");
        db.execute_batch(&format!("INSERT INTO SALES.ORDERS VALUES {values}")).unwrap();
    };
    let step = |rebuild: bool| {
        let set = format!(
            "SET VARIABLE now = TIMESTAMP '2026-11-23 08:00:00'; SET VARIABLE rebuild = {rebuild}"
        );
        db.execute_batch(&set).unwrap();
        refresh(&db, &tree);
        count(&db, totals)
    };
    // The newest window is the 22nd: the 20th is open, the 19th is not.
    order("late", "2026-11-20 01:00:00");
    order("too_late", "2026-11-19 23:59:59");
    assert_eq!(step(false), 1_111);
    assert_eq!(step(false), 1_111, "a run changes nothing that the last one has not left");
    // What lies in the future is computed and closes nothing.
    order("future", "2099-01-01 00:00:00");
    assert_eq!(step(false), 2_111);
    order("late_again", "2026-11-20 02:00:00");
    assert_eq!(step(false), 3_111);
    assert_eq!(step(true), 4_111, "everything is computed");
    // A row that is gone leaves its open window.
    db.execute_batch("DELETE FROM SALES.ORDERS WHERE order_id IN ('late', 'too_late')").unwrap();
    assert_eq!(step(false), 3_111);
}

#[test]
fn only_what_can_be_computed_alone_is_computed_window_by_window() {
    let windowed = "every: 5m, window: day, late: 2d, rebuild: 7d";
    let codes = |query: &str| {
        let found = refreshed(&by_day(), "day, country", query, windowed).diagnostics;
        found.iter().map(|one| one.code.to_string()).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(codes(BY_DAY), none);
    let day = "CAST(o.placed_at AS DATE)";
    let from = "FROM sales.order AS o";
    for query in [
        format!("SELECT {day} AS day, o.country, o.total {from} WHERE o.status = 'paid'"),
        format!("SELECT DISTINCT {day} AS day, o.country, o.total {from}"),
        format!(
            "SELECT {day} AS day, o.country, SUM(o.total) OVER (PARTITION BY {day}) AS total {from}"
        ),
        format!(
            "WITH t AS (SELECT {day} AS d, o.country AS c, o.total AS s {from}) SELECT t.d AS day, t.c AS country, SUM(t.s) AS total FROM t GROUP BY t.d, t.c"
        ),
        format!(
            "SELECT {day} AS day, o.country, o.total {from} UNION ALL SELECT d.day, d.country, d.total FROM marts.daily AS d"
        ),
    ] {
        assert_eq!(codes(&query), none, "{query}");
    }
    for query in [
        format!(
            "SELECT {day} AS day, o.country, o.total {from} JOIN sales.customer AS c ON c.customer_id = o.customer_id"
        ),
        format!(
            "SELECT {day} AS day, o.country, SUM(o.total) OVER (ORDER BY o.placed_at) AS total {from}"
        ),
        format!(
            "SELECT MAX({day}) AS day, o.country, SUM(o.total) AS total {from} GROUP BY o.country"
        ),
        format!("SELECT {day} AS day, o.country, o.total {from} ORDER BY 1 LIMIT 10"),
        format!(
            "SELECT {day} AS day, o.country, o.total {from} WHERE o.total > (SELECT AVG(p.total) FROM sales.order AS p)"
        ),
        format!(
            "SELECT {day} AS day, o.country, o.total {from} WHERE o.placed_at < CURRENT_TIMESTAMP"
        ),
        format!("SELECT CURRENT_DATE AS day, o.country, o.total {from}"),
    ] {
        assert_eq!(codes(&query), ["CV3151"], "{query}");
    }
}

#[test]
fn arrays_are_flattened() {
    let columns: Vec<(String, String, bool)> = [
        ("id", "uuid", false),
        ("line", "int64", false),
        ("sku", "string", true),
        ("price", "decimal(12,2)", true),
        ("tag", "string", true),
        ("whole", "string", true),
    ]
    .map(|(name, ty, nullable)| (name.to_owned(), ty.to_owned(), nullable))
    .to_vec();
    let compiled = tried(
        &columns,
        "id, line",
        "SELECT o.order_id AS id, f.index AS line, CAST(f.value:sku AS VARCHAR) AS sku,\n  \
         f.value:price.net::DECIMAL(12,2) AS price, MAX(CAST(t.value AS VARCHAR)) AS tag,\n  \
         MAX(CAST(PARSE_JSON(o.items):note AS VARCHAR)) AS whole\n\
         FROM sales.order AS o, LATERAL FLATTEN(INPUT => PARSE_JSON(o.items)) AS f,\n  \
         LATERAL FLATTEN(INPUT => f.value:tags) AS t\n\
         GROUP BY o.order_id, f.index, f.value:sku::VARCHAR, f.value:price.net::DECIMAL(12,2)",
    );
    let emitted = tree(&compiled);
    assert!(emitted.get("duckdb/models/marts_tried.unique.sql").is_none(), "the key follows");
    let plan = compiled.plan.as_ref().unwrap();
    let model = plan.models.iter().find(|model| model.name == "marts.tried").unwrap();
    for field in &model.fields[1..] {
        let items = ("sales.order".to_owned(), "items".to_owned());
        assert_eq!(field.lineage, [items], "{}", field.name);
    }
    let db = run(&compiled);
    db.execute_batch(
        "UPDATE SALES.ORDERS SET items = '[{\"sku\": \"A\", \"price\": {\"net\": 1.50}, \"tags\": [\"x\", \"y\"]},
             {\"sku\": \"B\", \"tags\": [\"z\"]}, {\"tags\": []}, 7]' WHERE order_id = 'o1';
         UPDATE SALES.ORDERS SET items = '{\"sku\": \"C\", \"tags\": [\"q\"]}' WHERE order_id = 'o2';",
    )
    .unwrap();
    refresh(&db, &emitted);
    let mut shown = db
        .prepare("SELECT concat_ws(' ', id, line, sku, price, tag) FROM MARTS.TRIED ORDER BY 1")
        .unwrap();
    let rows = shown.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let rows: Vec<String> = rows.map(Result::unwrap).collect();
    assert_eq!(rows, ["o1 0 A 1.50 y", "o1 1 B z"]);
}
