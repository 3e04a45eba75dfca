//! Queries that models may use, and the lineage that is read out of them.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

use std::path::Path;

use covenant_compiler::source::SourceSet;
use covenant_compiler::{compile, diagnostic};
use covenant_model::spec::RowsBy;

/// `ui/base` with a model of that query. `decimal(9,2)?` is a type that may be null.
fn tried(columns: &[(&str, &str)], query: &str) -> covenant_compiler::Compiled {
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
        let (ty, nullable) = ty.strip_suffix('?').map_or((*ty, false), |ty| (ty, true));
        let field = format!("{{id: {}, type: \"{ty}\", nullable: {nullable}}}", at + 1);
        model.push_str(&format!("  {name}: {field}\n"));
    }
    model.push_str("refresh: {every: 5m}\nsinks:\n  lake: {table: ANALYTICS.MARTS.TRIED}\n");
    let files = ["project.yaml", "sales/customer.yaml", "sales/order.yaml", "marts/daily.yaml"];
    let files = files.map(|path| (path.to_owned(), read(path)));
    let tried = ("marts/tried.yaml".to_owned(), model);
    compile(SourceSet::new(files.into_iter().chain([tried])))
}

/// The lineage of every column of a query, as `column <- table.column ...`.
fn lineage(columns: &[(&str, &str)], query: &str) -> Vec<String> {
    let compiled = tried(columns, query);
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

/// The codes that a column `x` of that type gets: an expression over orders, each perhaps with its customer.
fn said_of(ty: &str, expr: &str) -> Vec<String> {
    said(&[("id", "uuid"), ("x", ty)], &over_orders(expr))
}

fn over_orders(expr: &str) -> String {
    format!(
        "SELECT o.order_id AS id, {expr} AS x FROM sales.order AS o\n\
         LEFT JOIN sales.customer AS c ON c.customer_id = o.customer_id"
    )
}

fn said(columns: &[(&str, &str)], query: &str) -> Vec<String> {
    let found = tried(columns, query).diagnostics;
    let mut codes: Vec<String> = found.iter().map(|one| one.code.to_string()).collect();
    codes.dedup();
    codes
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
        &[("id", "uuid"), ("amount", "decimal(12,2)"), ("share", "decimal(18,4)?")],
        "WITH a AS (SELECT o.order_id AS id, o.total AS t FROM sales.order AS o),\n     \
         b (id, t) AS (SELECT order_id, tax FROM sales.order)\n\
         SELECT x.id, x.t AS amount, x.t / NULLIF(SUM(x.t) OVER (PARTITION BY x.id), 0) AS share\n\
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

#[test]
fn what_may_be_null_is_no_field_that_never_is() {
    let none: [&str; 0] = [];
    for (expr, ty) in [
        ("c.name", "string(80)"),
        ("c.tier", "string(6)"),
        ("o.carrier", "string(40)"),
        ("o.total + c.customer_id", "decimal(12,2)"),
        ("CASE WHEN o.total > 1 THEN 'much' END", "string(4)"),
        ("NULLIF(o.total, 0)", "decimal(12,2)"),
        ("o.total / NULLIF(o.tax, 0)", "decimal(18,4)"),
        ("UPPER(o.carrier)", "string"),
        (
            "SUM(o.total) OVER (ORDER BY o.placed_at ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING)",
            "decimal(18,2)",
        ),
        ("LAG(o.total) OVER (ORDER BY o.placed_at)", "decimal(12,2)"),
        ("(SELECT MAX(d.total) FROM marts.daily AS d)", "decimal(18,2)"),
        ("TRY_CAST(o.country AS INT)", "int32"),
    ] {
        assert_eq!(said_of(ty, expr), ["CV3043"], "{expr}");
        assert_eq!(said_of(&format!("{ty}?"), expr), none, "{expr}");
    }
    for (expr, ty) in [
        ("COALESCE(c.name, 'nobody')", "string(80)"),
        ("CASE WHEN c.name IS NULL THEN 'nobody' ELSE c.name END", "string(80)"),
        ("o.total / 100", "decimal(18,4)"),
        ("COUNT(c.name) OVER (PARTITION BY o.country)", "int64"),
        ("LAG(o.total, 1, 0) OVER (ORDER BY o.placed_at)", "decimal(12,2)"),
        ("c.name IS NULL", "bool"),
    ] {
        assert_eq!(said_of(ty, expr), none, "{expr}");
    }
    // What a condition excludes is not null behind it.
    let columns = [("id", "uuid"), ("x", "string(40)")];
    let carried = "SELECT o.order_id AS id, o.carrier AS x FROM sales.order AS o WHERE";
    assert_eq!(said(&columns, &format!("{carried} o.carrier IS NOT NULL")), none);
    assert_eq!(said(&columns, &format!("{carried} o.carrier <> 'none' AND o.total > 1")), none);
    assert_eq!(
        said(&columns, &format!("{carried} o.carrier <> 'none' OR o.total > 1")),
        ["CV3043"]
    );
    // A sum over no rows is null; over a group there is a row.
    let sums = [("x", "decimal(18,2)")];
    assert_eq!(said(&sums, "SELECT SUM(o.total) AS x FROM sales.order AS o"), ["CV3043"]);
    let grouped = [("country", "string(2)"), ("x", "decimal(18,2)")];
    let query = "SELECT o.country, SUM(o.total) AS x FROM sales.order AS o GROUP BY o.country";
    assert_eq!(said(&grouped, query), none);
}

#[test]
fn a_field_holds_what_the_query_computes() {
    let none: [&str; 0] = [];
    for (expr, fits, cuts) in [
        ("o.total * o.tax", "decimal(18,4)", "decimal(18,2)"),
        ("o.total + o.revision", "decimal(18,2)", "int64"),
        ("LENGTH(o.country)", "int64", "string(10)"),
        ("o.country || '-'", "string", "int64"),
        ("CAST(o.placed_at AS DATE)", "date", "timestamp"),
        ("DATE_TRUNC('month', o.placed_at)", "timestamp", "date"),
        ("EXTRACT(YEAR FROM o.placed_at)", "int32", "date"),
        ("o.total > 1", "bool", "int32"),
        ("CASE WHEN o.total > 1 THEN 1 ELSE 2.5 END", "decimal(4,1)", "decimal(4,0)"),
        ("'long text'", "string(9)", "string(8)"),
        ("CAST(o.total AS VARCHAR)", "string", "decimal(12,2)"),
        ("ROW_NUMBER() OVER (ORDER BY o.order_id)", "int64", "string(4)"),
    ] {
        assert_eq!(said_of(fits, expr), none, "{expr}");
        assert_eq!(said_of(cuts, expr), ["CV3041"], "{expr}");
    }
}

#[test]
fn what_only_one_warehouse_has_is_refused() {
    for expr in [
        "NVL(o.carrier, 'none')",
        "IFF(o.total > 1, 1, 2)",
        "DATEADD('day', 1, o.placed_at)",
        "STRFTIME(o.placed_at, '%Y')",
        "LIST_VALUE(1, 2)",
        "o.total // 2",
        "o.total / o.tax",
        "MOD(o.revision, o.revision)",
        "o.country ~ 'A'",
        "o.total & 1",
        "CAST(o.country AS UUID)",
        "CAST(o.total AS DECIMAL)",
        "CAST(o.placed_at AS TIMESTAMPTZ)",
        "$$text$$",
        "o.placed_at + INTERVAL '1' DAY",
        "SUM(o.total) FILTER (WHERE o.tax > 1) OVER ()",
        "SHA2(o.country, 512)",
        "ROW_NUMBER()",
        "UPPER(o.country) OVER ()",
        "[1, 2]",
        "{'a': 1}",
        "o.country SIMILAR TO 'A'",
        "o.placed_at AT TIME ZONE 'UTC'",
        "PARSE_JSON(o.carrier)",
        "PARSE_JSON(o.carrier):key",
        "CAST(PARSE_JSON(o.carrier):key[0] AS VARCHAR)",
        "CAST(UPPER(o.carrier):key AS VARCHAR)",
    ] {
        assert_eq!(said_of("string?", expr), ["CV2021"], "{expr}");
    }
}

#[test]
fn what_is_outside_of_the_shared_select_is_refused() {
    let columns = [("id", "uuid")];
    let from = "SELECT o.order_id AS id FROM sales.order AS o";
    for query in [
        "SELECT DISTINCT ON (o.country) o.order_id AS id FROM sales.order AS o".to_owned(),
        "SELECT TOP 3 o.order_id AS id FROM sales.order AS o".to_owned(),
        "WITH RECURSIVE r AS (SELECT o.order_id AS id FROM sales.order AS o) SELECT r.id FROM r"
            .to_owned(),
        format!("{from} GROUP BY ALL"),
        format!("{from} GROUP BY ROLLUP (o.order_id)"),
        format!("{from} TABLESAMPLE (10)"),
        format!("{from} FOR UPDATE"),
        format!("{from} NATURAL JOIN sales.customer AS c"),
        format!("{from} JOIN sales.customer AS c USING (customer_id)"),
        format!("{from} SEMI JOIN sales.customer AS c ON c.customer_id = o.customer_id"),
        format!("{from} UNION ALL BY NAME {from}"),
        format!("{from} INTERSECT ALL {from}"),
        format!("{from} WINDOW w AS (PARTITION BY o.country)"),
    ] {
        assert_eq!(said(&columns, &query), ["CV2013"], "{query}");
    }
}

#[test]
fn a_star_is_refused_with_the_columns_to_write() {
    let columns = [("day", "date")];
    let found = tried(&columns, "SELECT d.* FROM marts.daily AS d JOIN sales.order AS o ON true");
    let text = diagnostic::human::render(&found.diagnostics, &found.sources);
    assert!(text.contains("CV2014"), "{text}");
    assert!(text.contains("write the columns out: d.day, d.country, d.total\n"), "{text}");
}

#[test]
fn through_windows_and_set_operations() {
    let found = lineage(
        &[("id", "uuid"), ("rank", "int64"), ("running", "decimal(18,2)")],
        "SELECT o.order_id AS id, RANK() OVER (PARTITION BY o.country ORDER BY o.total) AS rank,\n  \
         SUM(o.tax) OVER (PARTITION BY o.customer_id) AS running FROM sales.order AS o",
    );
    assert_eq!(
        found,
        [
            "id <- sales.order.order_id",
            "rank <- sales.order.country sales.order.total",
            "running <- sales.order.customer_id sales.order.tax"
        ]
    );
    for operator in ["UNION", "INTERSECT", "EXCEPT"] {
        let found = lineage(
            &[("country", "string(12)")],
            &format!(
                "SELECT o.country FROM sales.order AS o {operator}\n\
                 SELECT c.customer_id FROM sales.customer AS c"
            ),
        );
        assert_eq!(found, ["country <- sales.customer.customer_id sales.order.country"]);
    }
}

#[test]
fn through_flatten_and_lateral() {
    let found = lineage(
        &[("id", "uuid"), ("place", "int64"), ("part", "string?"), ("top", "decimal(12,2)?")],
        "SELECT o.order_id AS id, f.index AS place, CAST(f.value:part AS VARCHAR) AS part, t.top\n\
         FROM sales.order AS o, LATERAL FLATTEN(INPUT => PARSE_JSON(o.carrier)) AS f,\n  \
         LATERAL (SELECT MAX(p.total) AS top FROM sales.order AS p WHERE p.customer_id = o.customer_id) AS t",
    );
    assert_eq!(
        found,
        [
            "id <- sales.order.order_id",
            "place <- sales.order.carrier",
            "part <- sales.order.carrier",
            "top <- sales.order.total"
        ]
    );
    let columns = [("id", "uuid")];
    let from = "SELECT o.order_id AS id FROM sales.order AS o, LATERAL";
    let none: [&str; 0] = [];
    let flatten = |args: &str| said(&columns, &format!("{from} FLATTEN({args}) AS f"));
    assert_eq!(flatten("INPUT => PARSE_JSON(o.carrier), MODE => 'ARRAY'"), none);
    for args in [
        "o.carrier",
        "INPUT => SPLIT(o.carrier, ',')",
        "INPUT => PARSE_JSON(o.carrier), OUTER => TRUE",
        "INPUT => PARSE_JSON(o.carrier), MODE => 'OBJECT'",
    ] {
        assert_eq!(flatten(args), ["CV2021"], "{args}");
    }
    let unknown = said(&columns, &format!("{from} FLATTEN(INPUT => PARSE_JSON(o.nothing)) AS f"));
    assert_eq!(unknown, ["CV2016"]);
}

#[test]
fn what_decides_which_rows_there_are_is_known_through_ctes() {
    let compiled = tried(
        &[("day", "date"), ("orders", "int64")],
        "WITH paid AS (SELECT o.placed_at AS at, o.customer_id AS who FROM sales.order AS o WHERE o.status = 'paid')\n\
         SELECT CAST(p.at AS DATE) AS day, COUNT(*) AS orders FROM paid AS p\n\
         JOIN sales.customer AS c ON c.customer_id = p.who GROUP BY 1 HAVING MAX(c.tier) = 'gold'",
    );
    let plan = compiled.plan.unwrap();
    let model = plan.models.iter().find(|model| model.name == "marts.tried").unwrap();
    let shown = |by: &RowsBy| format!("{:?} {}.{}", by.how, by.dataset, by.column);
    let found: Vec<String> = model.rows_by.iter().map(shown).collect();
    assert_eq!(
        found,
        [
            "Join sales.customer.customer_id",
            "Filter sales.customer.tier",
            "Join sales.order.customer_id",
            "Group sales.order.placed_at",
            "Filter sales.order.status",
        ]
    );
}

#[test]
fn a_group_shows_what_it_has_one_of() {
    let columns = [("day", "date?"), ("x", "decimal(18,2)?")];
    let from = "FROM sales.order AS o";
    for query in [
        format!(
            "SELECT CAST(placed_at AS DATE) AS day, SUM(o.total) AS x {from} GROUP BY o.placed_at::DATE"
        ),
        format!(
            "SELECT CAST(o.placed_at AS DATE) AS day, MAX(o.total) + MIN(o.tax) AS x {from} GROUP BY 1"
        ),
        format!(
            "SELECT (CAST(o.placed_at AS DATE)) AS day, ANY_VALUE(o.total) AS x {from} GROUP BY day"
        ),
        format!(
            "SELECT MAX(CAST(o.placed_at AS DATE)) AS day, (SELECT MAX(p.total) FROM sales.order AS p) AS x {from}"
        ),
        format!(
            "SELECT CAST(o.placed_at AS DATE) AS day, SUM(SUM(o.total)) OVER (ORDER BY o.placed_at) AS x {from} GROUP BY o.placed_at"
        ),
    ] {
        let found = said(&columns, &query);
        assert!(!found.contains(&"CV2013".to_owned()), "{query}: {found:?}");
    }
    for query in [
        format!("SELECT CAST(o.placed_at AS DATE) AS day, o.total AS x {from} GROUP BY 1"),
        format!("SELECT CAST(o.placed_at AS DATE) AS day, SUM(o.total) AS x {from}"),
        format!(
            "SELECT CAST(o.placed_at AS DATE) AS day, SUM(o.total) AS x {from} GROUP BY 1 HAVING o.tax > 1"
        ),
        format!(
            "SELECT CAST(o.placed_at AS DATE) AS day, SUM(o.total) OVER (PARTITION BY o.country) AS x {from} GROUP BY 1, o.total"
        ),
    ] {
        let found = said(&columns, &query);
        assert!(found.contains(&"CV2013".to_owned()), "{query}: {found:?}");
    }
    let columns = [("x", "decimal(18,2)?"), ("day", "date?")];
    let both = format!("SELECT o.total AS x, CAST(o.placed_at AS DATE) AS day {from} UNION ALL");
    let other = |x: &str| said(&columns, &format!("{both} SELECT {x} AS x, NULL AS day {from}"));
    let refused = |x: &str| other(x).contains(&"CV2013".to_owned());
    assert!(!refused("o.revision") && !refused("NULL"));
    assert!(refused("o.country") && refused("o.placed_at"));
}
