//! Queries of models, run on a few rows: the subset that models are written in and that every dialect reads alike. Exact where it
//! answers; what it does not know, and what a database would round, has no answer ([`Stop`]). A test holds it against DuckDB.
//!
//! | module | what |
//! |---|---|
//! | [`value`] | numbers, texts, days, instants |
//! | `expr`, `call`, `select` | expressions, functions, queries |
//! | [`inputs`] | rows made from the contracts that a query reads |
//! | [`search`] | rows on which two queries give different answers |

mod call;
mod expr;
pub mod inputs;
pub mod search;
mod select;
pub mod value;

use std::collections::BTreeMap;
use std::rc::Rc;

use sqlparser::ast::{Ident, Query, Statement};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use select::{Relation, Tables};
use value::Sql;

/// Why a query has no answer here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not run here")]
pub struct Stop(String);

impl Stop {
    fn unknown(what: String) -> Self {
        Self(what)
    }
}

/// Rows of an entity or a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// `sales.order`
    pub name: String,
    /// In order.
    pub columns: Vec<String>,
    /// One value per column.
    pub rows: Vec<Vec<Sql>>,
}

/// What a query gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Lower case, in order.
    pub columns: Vec<String>,
    /// Sorted: a query has no order.
    pub rows: Vec<Vec<Sql>>,
}

/// A query that was read.
pub struct Prepared(Box<Query>);

impl Prepared {
    /// Reads a query.
    ///
    /// # Errors
    /// Where it is none.
    pub fn new(text: &str) -> Result<Self, Stop> {
        match Parser::parse_sql(&GenericDialect {}, text).as_deref() {
            Ok([Statement::Query(query)]) => Ok(Self(query.clone())),
            Ok(_) | Err(_) => Err(Stop::unknown("what is no query".to_owned())),
        }
    }

    /// Runs it.
    ///
    /// # Errors
    /// Where anything in it is not known here, or not exact.
    pub fn run(&self, tables: &[Table]) -> Result<Answer, Stop> {
        let known = tables.iter().map(|table| (table.name.to_lowercase(), relation(table)));
        let tables = Tables { known: known.collect(), around: None };
        let mut given = select::query(&tables, &self.0, None)?;
        given.rows.sort();
        Ok(Answer { columns: given.names, rows: given.rows })
    }
}

fn relation(table: &Table) -> Relation {
    let names: Vec<String> = table.columns.iter().map(|name| name.to_lowercase()).collect();
    let row = |values: &Vec<Sql>| {
        let columns: BTreeMap<String, Sql> =
            names.iter().cloned().zip(values.iter().cloned()).collect();
        Rc::new(columns)
    };
    Relation { rows: table.rows.iter().map(row).collect(), names: names.clone() }
}

fn fold(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let row = |a: i128, b: Option<&str>| {
            vec![Sql::whole(a), b.map_or(Sql::Null, |text| Sql::Text(text.to_owned()))]
        };
        Table {
            name: "s.t".to_owned(),
            columns: vec!["a".to_owned(), "b".to_owned()],
            rows: vec![row(1, Some("x")), row(2, Some("x")), row(3, None)],
        }
    }

    fn answer(query: &str) -> Vec<String> {
        let given = Prepared::new(query).unwrap().run(&[table()]).unwrap();
        let text = |row: &Vec<Sql>| row.iter().map(Sql::to_string).collect::<Vec<_>>().join(" ");
        given.rows.iter().map(text).collect()
    }

    #[test]
    fn groups_filters_and_null() {
        assert_eq!(answer("SELECT b, SUM(a) AS n FROM s.t GROUP BY b"), ["NULL 3", "x 3"]);
        assert_eq!(answer("SELECT COUNT(b) AS n, COUNT(*) AS m FROM s.t WHERE a > 9"), ["0 0"]);
        assert_eq!(answer("SELECT a FROM s.t WHERE b <> 'y'"), ["1", "2"]);
        assert_eq!(answer("SELECT a FROM s.t WHERE NOT b IN ('x', NULL)"), Vec::<String>::new());
        assert_eq!(
            answer("SELECT x.a FROM s.t x LEFT JOIN s.t y ON y.a = x.a + 2 WHERE y.a IS NULL"),
            ["2", "3"]
        );
    }

    #[test]
    fn what_would_be_rounded_has_no_answer() {
        let run = |query: &str| Prepared::new(query).unwrap().run(&[table()]);
        assert!(run("SELECT a / 3 AS n FROM s.t WHERE a = 1").is_err());
        assert!(run("SELECT a / 2 AS n FROM s.t WHERE a = 2").is_ok());
        assert!(run("SELECT AVG(a) AS n FROM s.t").is_err());
    }
}
