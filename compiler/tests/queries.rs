//! Queries that models may use, and the lineage that is read out of them.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

use std::path::Path;

use covenant_compiler::source::SourceSet;
use covenant_compiler::{compile, diagnostic};

/// The lineage of every column of a query over `ui/base`, as `column <- table.column ...`.
fn lineage(columns: &[(&str, &str)], query: &str) -> Vec<String> {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui/base");
    let read = |path: &str| std::fs::read_to_string(base.join(path)).unwrap();
    let mut model = String::from(
        "model: marts.tried\nversion: 1.0.0\nowner: o@shop.example\npurpose: Tried.\ncompatibility: full\n",
    );
    model.push_str(&format!("key: [{}]\nquery: |\n", columns[0].0));
    for line in query.lines() {
        model.push_str(&format!("  {line}\n"));
    }
    model.push_str("fields:\n");
    for (at, (name, ty)) in columns.iter().enumerate() {
        model.push_str(&format!("  {name}: {{id: {}, type: \"{ty}\"}}\n", at + 1));
    }
    model.push_str("refresh: {every: 5m}\nsinks:\n  lake: {table: ANALYTICS.MARTS.TRIED}\n");
    let files = ["project.yaml", "sales/customer.yaml", "sales/order.yaml", "marts/daily.yaml"];
    let files = files.map(|path| (path.to_owned(), read(path)));
    let tried = ("marts/tried.yaml".to_owned(), model);
    let compiled = compile(SourceSet::new(files.into_iter().chain([tried])));
    let text = diagnostic::human::render(&compiled.diagnostics, &compiled.sources);
    let plan = compiled.plan.unwrap_or_else(|| panic!("{text}"));
    let model = plan.models.iter().find(|model| model.name == "marts.tried").unwrap();
    let shown = |(table, column): &(String, String)| format!("{table}.{column}");
    model
        .fields
        .iter()
        .map(|field| {
            let from: Vec<String> = field.lineage.iter().map(shown).collect();
            format!("{} <- {}", field.name, from.join(" "))
        })
        .collect()
}

#[test]
fn counts_cases_and_functions() {
    let found = lineage(
        &[("country", "string(2)"), ("orders", "int64"), ("paid", "int64"), ("year", "int64")],
        "SELECT o.country, COUNT(*) AS orders,\n  SUM(CASE WHEN o.status = 'paid' THEN 1 ELSE 0 END) AS paid,\n  \
         EXTRACT(YEAR FROM MAX(o.placed_at)) AS year\nFROM sales.order o GROUP BY 1 HAVING COUNT(*) > 1 ORDER BY orders",
    );
    assert_eq!(
        found,
        [
            "country <- sales.order.country",
            "orders <- ",
            "paid <- sales.order.status",
            "year <- sales.order.placed_at"
        ]
    );
}

#[test]
fn through_ctes_subqueries_and_unions() {
    let found = lineage(
        &[("id", "uuid"), ("amount", "decimal(12,2)"), ("share", "decimal(18,4)")],
        "WITH a AS (SELECT o.order_id AS id, o.total AS t FROM sales.order AS o),\n     \
         b (id, t) AS (SELECT order_id, tax FROM sales.order)\n\
         SELECT x.id, x.t AS amount, x.t / SUM(x.t) OVER (PARTITION BY x.id) AS share\n\
         FROM (SELECT a.id, a.t FROM a UNION ALL SELECT b.id, b.t FROM b) AS x\n\
         WHERE x.t > (SELECT AVG(d.total) FROM marts.daily AS d)\n  \
         AND EXISTS (SELECT 1 AS one FROM sales.customer AS c, sales.order AS o2\n    \
         WHERE o2.order_id = x.id AND c.customer_id = o2.customer_id)",
    );
    assert_eq!(
        found,
        [
            "id <- sales.order.order_id",
            "amount <- sales.order.tax sales.order.total",
            "share <- sales.order.order_id sales.order.tax sales.order.total"
        ]
    );
}

#[test]
fn names_are_folded_as_sql_folds_them() {
    let found = lineage(
        &[("day", "date"), ("total", "decimal(18,2)")],
        "select D.DAY, D.Total from MARTS.daily D left join sales.order o on o.country = d.country\n  \
         join sales.customer c on c.customer_id = o.customer_id",
    );
    assert_eq!(found, ["day <- marts.daily.day", "total <- marts.daily.total"]);
}
