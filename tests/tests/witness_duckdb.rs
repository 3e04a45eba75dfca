//! What the compiler shows about queries and tables, held against a database: the rows on which two queries part are read by DuckDB
//! too and give the same answers there, queries over drawn rows as well, and a statement that is said to fail on the new tables fails.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::path::Path;

use ::duckdb::Connection;
use covenant_compiler::compat::{self, Finding, Outcome, RULES, cases};
use covenant_compiler::emit::duckdb;
use covenant_compiler::plan::Plan;
use covenant_compiler::source::SourceSet;
use covenant_compiler::tree::OutputTree;
use covenant_compiler::witness::sql::value::{Number, Sql};
use covenant_compiler::witness::sql::{Answer, Prepared, Table, search};
use covenant_compiler::{compile, driver, witness};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

/// Every case that changes contracts, both sides compiled.
fn pairs() -> Vec<(String, Plan, Plan)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compiler/tests/breaking/base");
    let prefix = format!("{}/", folder.display());
    let read = driver::read_contracts(&folder).unwrap();
    let name = |path: &str| path.strip_prefix(&prefix).unwrap_or(path).to_owned();
    let base: Vec<(String, String)> =
        read.iter().map(|(_, file)| (name(&file.path), file.text.clone())).collect();
    let mut found = Vec::new();
    for rule in RULES {
        for case in cases::parse(rule.cases).unwrap() {
            let side = |new| {
                let files = cases::apply(&base, &case, new).unwrap();
                compile(SourceSet::new(files)).plan.unwrap()
            };
            found.push((format!("{} {}", rule.code, case.title), side(false), side(true)));
        }
    }
    found
}

fn type_of(values: &[&Sql]) -> &'static str {
    let first = values.iter().find(|value| !matches!(value, Sql::Null));
    match first {
        None | Some(Sql::Null | Sql::Text(_)) => "VARCHAR",
        Some(Sql::Bool(_)) => "BOOLEAN",
        Some(Sql::Number(_)) => "DECIMAL(18,2)",
        Some(Sql::Day(_)) => "DATE",
        Some(Sql::Instant(_)) => "TIMESTAMP",
        Some(Sql::Uuid(_)) => "UUID",
        Some(Sql::Bytes(_)) => "BLOB",
    }
}

/// The rows of the tables, under their names in contracts.
fn load(db: &Connection, tables: &[Table]) {
    for table in tables {
        let columns: Vec<String> = table
            .columns
            .iter()
            .enumerate()
            .map(|(at, name)| {
                let values: Vec<&Sql> = table.rows.iter().map(|row| &row[at]).collect();
                format!("\"{name}\" {}", type_of(&values))
            })
            .collect();
        let named = table.name.replace('.', "__");
        db.execute_batch(&format!("CREATE OR REPLACE TABLE {named} ({})", columns.join(", ")))
            .unwrap();
        for row in &table.rows {
            let values: Vec<String> = row.iter().map(Sql::literal).collect();
            db.execute_batch(&format!("INSERT INTO {named} VALUES ({})", values.join(", ")))
                .unwrap();
        }
    }
}

/// What DuckDB answers, each value as text, sorted.
fn asked(db: &Connection, query: &str, tables: &[Table]) -> Vec<Vec<Option<String>>> {
    let mut query = query.to_owned();
    for table in tables {
        query = query.replace(&table.name, &table.name.replace('.', "__"));
    }
    let width = db
        .prepare(&format!("DESCRIBE {query}"))
        .unwrap()
        .query_map([], |_| Ok(()))
        .unwrap()
        .count();
    let columns: Vec<String> = (0..width).map(|at| format!("CAST(c{at} AS VARCHAR)")).collect();
    let names: Vec<String> = (0..width).map(|at| format!("c{at}")).collect();
    let text =
        format!("SELECT {} FROM ({query}) AS answer({})", columns.join(", "), names.join(", "));
    let mut statement = db.prepare(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let rows = statement
        .query_map([], |row| (0..width).map(|at| row.get::<_, Option<String>>(at)).collect())
        .unwrap();
    let mut rows: Vec<Vec<Option<String>>> = rows.map(Result::unwrap).collect();
    rows.sort();
    rows
}

/// Trailing zeros are a matter of the declared scale.
fn plain(text: String) -> String {
    let number =
        !text.is_empty() && text.chars().all(|at| at.is_ascii_digit() || ".-".contains(at));
    if number && text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

fn texts(answer: &Answer) -> Vec<Vec<Option<String>>> {
    let value = |value: &Sql| match value {
        Sql::Null => None,
        other @ (Sql::Bool(_)
        | Sql::Number(_)
        | Sql::Text(_)
        | Sql::Day(_)
        | Sql::Instant(_)
        | Sql::Uuid(_)
        | Sql::Bytes(_)) => Some(plain(other.to_string())),
    };
    let mut rows: Vec<Vec<Option<String>>> =
        answer.rows.iter().map(|row| row.iter().map(value).collect()).collect();
    rows.sort();
    rows
}

fn same(db: &Connection, what: &str, query: &str, tables: &[Table], answer: &Answer) {
    load(db, tables);
    let mut found = asked(db, query, tables);
    for value in found.iter_mut().flatten() {
        *value = value.take().map(plain);
    }
    found.sort();
    assert_eq!(found, texts(answer), "{what}:\n{query}\n{tables:?}");
}

#[test]
fn rows_that_two_queries_answer_differently_do_so_in_duckdb() {
    let db = Connection::open_in_memory().unwrap();
    let mut seen = 0;
    for (what, old, new) in pairs() {
        for before in &old.models {
            let Some(after) = new.models.iter().find(|model| model.name == before.name) else {
                continue;
            };
            if before.query == after.query && before.key == after.key {
                continue;
            }
            let Some(found) = search::search((&old, &new), (before, after)) else { continue };
            same(&db, &what, &before.query, &found.old_rows, &found.old);
            same(&db, &what, &after.query, &found.new_rows, &found.new);
            seen += 1;
        }
    }
    assert!(seen > 4, "only {seen} pairs of queries part");
}

/// Over a table `t.a (id, n, d, s, f)` and a table `t.b (id, s)`.
const QUERIES: &[&str] = &[
    "SELECT a.id, a.n + a.d AS x FROM t.a AS a WHERE a.n > 1 OR a.s = 'x'",
    "SELECT a.s AS s, COUNT(*) AS c, SUM(a.n) AS n, MIN(a.d) AS least, MAX(a.s) AS most FROM t.a AS a GROUP BY a.s",
    "SELECT COUNT(DISTINCT a.s) AS c, COUNT(a.s) AS d, SUM(a.d) AS e FROM t.a AS a",
    "SELECT a.id, b.s AS other FROM t.a AS a JOIN t.b AS b ON b.id = a.id",
    "SELECT a.id, b.s AS other FROM t.a AS a LEFT JOIN t.b AS b ON b.id = a.id AND b.s <> a.s",
    "SELECT a.id, CASE WHEN a.n < 2 THEN 'few' WHEN a.n IS NULL THEN 'none' ELSE 'many' END AS k FROM t.a AS a",
    "SELECT a.id, COALESCE(a.s, '-') AS s, NULLIF(a.n, 1) AS n FROM t.a AS a",
    "SELECT a.id FROM t.a AS a WHERE a.s NOT IN ('x', 'y')",
    "SELECT a.id FROM t.a AS a WHERE a.n BETWEEN 1 AND 2 AND NOT a.f",
    "SELECT a.id FROM t.a AS a WHERE a.s LIKE '%x_' OR a.s IS NULL",
    "SELECT a.s AS s, SUM(a.n) AS n FROM t.a AS a GROUP BY 1 HAVING COUNT(*) > 1",
    "SELECT DISTINCT a.s AS s FROM t.a AS a UNION ALL SELECT b.s AS s FROM t.b AS b",
    "SELECT a.s AS s FROM t.a AS a UNION SELECT b.s AS s FROM t.b AS b",
    "WITH few AS (SELECT b.id AS id, COUNT(*) AS c FROM t.b AS b GROUP BY b.id) \
     SELECT a.id, f.c AS c FROM t.a AS a JOIN few AS f ON f.id = a.id WHERE f.c = (SELECT MAX(g.c) FROM few AS g)",
    "SELECT a.id FROM t.a AS a WHERE EXISTS (SELECT b.id FROM t.b AS b WHERE b.id = a.id)",
    "SELECT a.id FROM t.a AS a WHERE a.id IN (SELECT b.id FROM t.b AS b WHERE b.s = 'x')",
    "SELECT UPPER(a.s) AS u, LENGTH(a.s) AS l, SUBSTRING(a.s, 1, 1) AS c FROM t.a AS a",
    "SELECT a.id, a.n * a.d AS p, -a.n AS m, CAST(a.n AS VARCHAR) AS v FROM t.a AS a",
    "SELECT x.s AS s, x.c AS c FROM (SELECT a.s AS s, COUNT(*) AS c FROM t.a AS a GROUP BY a.s) AS x WHERE x.c > 0",
    "SELECT SUM(CASE WHEN a.f THEN 1 ELSE 0 END) AS t, COUNT(*) FILTER (WHERE a.n > 0) AS p FROM t.a AS a",
];

fn drawn(dice: &mut StdRng) -> [Table; 2] {
    let texts = [Some("x"), Some("y"), Some("xx"), Some("ax1"), Some(""), None];
    let numbers = [Some((0, 0)), Some((1, 0)), Some((2, 0)), Some((-1, 0)), Some((150, 2)), None];
    let number = |dice: &mut StdRng, whole: bool| {
        let all = if whole { &numbers[..4] } else { &numbers[..] };
        all.choose(dice)
            .copied()
            .flatten()
            .map_or(Sql::Null, |(unscaled, scale)| Sql::Number(Number::new(unscaled, scale)))
    };
    let text = |dice: &mut StdRng| {
        let text = texts.choose(dice).copied().flatten();
        text.map_or(Sql::Null, |text| Sql::Text(text.to_owned()))
    };
    let flag = |dice: &mut StdRng| {
        [Sql::Bool(true), Sql::Bool(false), Sql::Null][dice.random_range(0..3)].clone()
    };
    let id = |dice: &mut StdRng| Sql::Number(Number::new(dice.random_range(1..4), 0));
    let a = (0..dice.random_range(0..5))
        .map(|_| vec![id(dice), number(dice, false), number(dice, true), text(dice), flag(dice)])
        .collect();
    let b = (0..dice.random_range(0..4)).map(|_| vec![id(dice), text(dice)]).collect();
    let names = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
    [
        Table { name: "t.a".to_owned(), columns: names(&["id", "n", "d", "s", "f"]), rows: a },
        Table { name: "t.b".to_owned(), columns: names(&["id", "s"]), rows: b },
    ]
}

#[test]
fn queries_over_drawn_rows_are_answered_as_by_duckdb() {
    let db = Connection::open_in_memory().unwrap();
    let mut answered = vec![0; QUERIES.len()];
    for seed in 0..40 {
        let mut tables = drawn(&mut StdRng::seed_from_u64(seed));
        // A column without a value has a type all the same.
        let whole = vec![
            Sql::Number(Number::new(9, 0)),
            Sql::Number(Number::new(9, 0)),
            Sql::Number(Number::new(9, 0)),
            Sql::Text("z".to_owned()),
            Sql::Bool(true),
        ];
        tables[0].rows.push(whole);
        tables[1].rows.push(vec![Sql::Number(Number::new(8, 0)), Sql::Text("z".to_owned())]);
        for (query, answered) in QUERIES.iter().zip(&mut answered) {
            let Ok(answer) = Prepared::new(query).unwrap().run(&tables) else { continue };
            same(&db, &format!("seed {seed}"), query, &tables, &answer);
            *answered += 1;
        }
    }
    let silent: Vec<_> = QUERIES.iter().zip(&answered).filter(|(_, count)| **count < 10).collect();
    assert!(silent.is_empty(), "hardly ever answered: {silent:?}");
}

/// The tables of a side, as they are generated.
fn tables(plan: &Plan) -> Connection {
    let db = Connection::open_in_memory().unwrap();
    let mut tree = OutputTree::default();
    duckdb::emit(plan, &mut tree).unwrap();
    db.execute_batch(tree.get("duckdb/schema.sql").unwrap()).unwrap();
    db
}

#[test]
fn statements_run_on_the_old_tables_and_fail_on_the_new_ones() {
    let mut seen = 0;
    for (what, old, new) in pairs() {
        let mut found = compat::diff(&old, &new);
        witness::confirm(&old, &new, &mut found);
        let all = found.iter().flat_map(Finding::all).filter_map(|one| one.witness.as_ref());
        for shown in all.filter(|shown| matches!(shown.new, Outcome::Fails { .. })) {
            // A database of DuckDB is a file: what is generated for it has no name of one.
            let sql = shown.sql.as_ref().unwrap().replace("ANALYTICS.", "");
            let run =
                |plan| tables(plan).prepare(&sql).map(|_| ()).map_err(|error| error.to_string());
            assert_eq!(run(&old), Ok(()), "{what}: {sql}");
            assert!(run(&new).is_err(), "{what}: {sql} runs on the new tables");
            seen += 1;
        }
    }
    assert!(seen > 4, "only {seen} statements");
}
