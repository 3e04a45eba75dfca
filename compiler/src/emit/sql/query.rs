//! Models: their tables, and their queries with the names of entities and models resolved to tables.

use std::collections::{BTreeMap, BTreeSet};

use covenant_model::columns::LandingType;
use covenant_model::spec::ModelSpec;
use serde::Serialize;
use sqlparser::dialect::{DuckDbDialect, SnowflakeDialect};
use sqlparser::tokenizer::{Token, Tokenizer, Whitespace};

use super::entity::TableColumn;
use super::ident::{Dialect, single_line, slug};
use crate::emit::{EmitError, words};
use crate::plan::Plan;

/// The table of one model.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ModelTable {
    /// `analytics.daily_sales`
    pub(crate) name: String,
    /// `analytics_daily_sales`
    pub(crate) slug: String,
    /// Version of the contract.
    pub(crate) version: String,
    /// What a row is, in one line.
    pub(crate) purpose: String,
    /// `MARTS`
    pub(crate) schema: String,
    /// With its schema.
    pub(crate) table: String,
    /// Declared columns.
    pub(crate) columns: Vec<TableColumn>,
    /// Key columns, for comments.
    pub(crate) key: Vec<String>,
    /// Entities and models that it reads.
    pub(crate) inputs: Vec<String>,
    /// The query, every table name resolved.
    pub(crate) query: String,
    /// Seconds between runs.
    pub(crate) refresh_s: u64,
    /// Computed window by window.
    pub(crate) window: Option<TableWindow>,
}

/// The windows of a model's table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TableWindow {
    /// Whose values are the windows.
    pub(crate) column: String,
    /// Seconds: how long before the newest window one must have begun to be closed.
    pub(crate) late_s: u64,
}

/// Every model of the plan, in dependency order.
///
/// # Errors
/// [`EmitError::Inexpressible`] where a query cannot be read or holds more than one statement.
pub(crate) fn model_tables(
    plan: &Plan,
    dialect: Dialect,
    target: &'static str,
) -> Result<Vec<ModelTable>, EmitError> {
    let tables = presented_tables(plan, dialect);
    let resolve = |model: &ModelSpec| -> Result<ModelTable, EmitError> {
        let query = resolve_names(&model.query, &tables, dialect)
            .map_err(|why| inexpressible(model, target, why))?;
        let sink = &model.warehouse;
        Ok(ModelTable {
            name: model.name.clone(),
            slug: slug(&model.name),
            version: model.version.clone(),
            purpose: single_line(&model.purpose),
            schema: dialect.ident(&sink.schema),
            table: format!("{}.{}", dialect.ident(&sink.schema), dialect.ident(&sink.table)),
            columns: model.fields.iter().map(|field| column(field, dialect)).collect(),
            key: model.key.iter().map(|name| dialect.ident(name)).collect(),
            inputs: model.inputs.clone(),
            query,
            refresh_s: model.refresh_s,
            window: model.window.as_ref().map(|window| TableWindow {
                column: dialect.ident(&window.by),
                late_s: window.late_s,
            }),
        })
    };
    plan.models.iter().map(resolve).collect()
}

/// Queries that the dialect cannot read. Which table a name stands for makes no difference.
pub(crate) fn refused(plan: &Plan, dialect: Dialect, target: &'static str) -> Vec<EmitError> {
    let unread = |model: &ModelSpec| {
        let why = resolve_names(&model.query, &BTreeMap::new(), dialect).err()?;
        Some(inexpressible(model, target, why))
    };
    plan.models.iter().filter_map(unread).collect()
}

fn inexpressible(model: &ModelSpec, target: &'static str, why: String) -> EmitError {
    EmitError::Inexpressible { target, what: format!("{}.query", model.name), why }
}

/// A column of a model's table.
pub(crate) fn column(field: &covenant_model::spec::ModelField, dialect: Dialect) -> TableColumn {
    let id = i32::try_from(field.id).unwrap_or(i32::MAX);
    let ty = LandingType::of(&field.ty);
    let column =
        TableColumn::new(&field.name, ty, id, dialect).declared(&field.terms.types, dialect);
    let about = field.about.clone().unwrap_or_default();
    let about = match words::field_going(&field.terms) {
        Some(going) if about.is_empty() => going,
        Some(going) => format!("{}, {going}", about.trim().trim_end_matches('.')),
        None => about,
    };
    TableColumn { nullable: field.nullable, ..column }.governed_by(field.pii.as_ref(), ty, &about)
}

/// Name in contracts -> table that a query may read: the presented view of an entity, the table of a model.
fn presented_tables(plan: &Plan, dialect: Dialect) -> BTreeMap<String, String> {
    let entities = plan
        .entities
        .iter()
        .filter_map(|entity| entity.warehouse.as_ref().map(|sink| (&entity.name, sink)));
    let models = plan.models.iter().map(|model| (&model.name, &model.warehouse));
    entities
        .chain(models)
        .map(|(name, sink)| {
            let table = format!("{}.{}", dialect.ident(&sink.schema), dialect.ident(&sink.table));
            (name.to_ascii_lowercase(), table)
        })
        .collect()
}

/// Replaces `schema.name` by its table wherever a table can stand (after FROM, JOIN or a comma), and keeps the layout.
fn resolve_names(
    query: &str,
    tables: &BTreeMap<String, String>,
    dialect: Dialect,
) -> Result<String, String> {
    let query = &super::json::in_dialect(query, dialect);
    let tokens = match dialect {
        Dialect::DuckDb => Tokenizer::new(&DuckDbDialect {}, query).with_unescape(false).tokenize(),
        Dialect::Snowflake => {
            Tokenizer::new(&SnowflakeDialect {}, query).with_unescape(false).tokenize()
        }
    }
    .map_err(|error| format!("the query cannot be read: {error}"))?;
    if tokens.contains(&Token::SemiColon) {
        return Err("a model is one query: remove the semicolon".to_owned());
    }
    let mut out = String::with_capacity(query.len());
    let mut table_may_follow = false;
    let mut left_out: BTreeSet<usize> = BTreeSet::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if table_may_follow && let Some(table) = table_at(&tokens, at, tables) {
            out.push_str(table);
            at += NAME_TOKENS;
            table_may_follow = false;
            continue;
        }
        if !matches!(token, Token::Whitespace(_)) {
            table_may_follow = opens_table(token);
        }
        match renamed(&tokens, at, dialect) {
            Some(name) => {
                out.push_str(name);
                left_out.extend(digest_length(&tokens, at).into_iter().flatten());
            }
            None if left_out.contains(&at) => {}
            None => out.push_str(&text_of(token)),
        }
        at += 1;
    }
    let text = out.trim_end().to_owned();
    if text.contains(";\n") {
        return Err("a text in the query holds a semicolon before a line feed: write it otherwise"
            .to_owned());
    }
    Ok(text)
}

/// `schema`, `.`, `name`.
const NAME_TOKENS: usize = 3;

fn table_at<'a>(
    tokens: &[Token],
    at: usize,
    tables: &'a BTreeMap<String, String>,
) -> Option<&'a String> {
    match (tokens.get(at)?, tokens.get(at + 1)?, tokens.get(at + 2)?) {
        (Token::Word(schema), Token::Period, Token::Word(name)) => {
            tables.get(&format!("{}.{}", schema.value, name.value).to_ascii_lowercase())
        }
        _ => None,
    }
}

/// What a function is called in the dialect, where it has another name.
fn renamed(tokens: &[Token], at: usize, dialect: Dialect) -> Option<&'static str> {
    let Token::Word(word) = tokens.get(at)? else { return None };
    if word.quote_style.is_some() || tokens.get(at + 1) != Some(&Token::LParen) {
        return None;
    }
    match dialect {
        Dialect::Snowflake => word.value.eq_ignore_ascii_case("sha256").then_some("SHA2"),
        Dialect::DuckDb => word.value.eq_ignore_ascii_case("sha2").then_some("SHA256"),
    }
}

/// The length of a digest, `, 256`: DuckDB's function has no second argument. `at`: the name.
fn digest_length(tokens: &[Token], at: usize) -> Option<std::ops::Range<usize>> {
    let mut depth = 0_usize;
    let mut comma = None;
    for (place, token) in tokens.iter().enumerate().skip(at + 1) {
        if *token == Token::LParen {
            depth += 1;
        } else if *token == Token::RParen {
            if depth == 1 {
                return comma.map(|comma| comma..place);
            }
            depth = depth.saturating_sub(1);
        } else if *token == Token::Comma && depth == 1 {
            comma = Some(place);
        }
    }
    None
}

/// As written. The crate prints a line comment's own line feed a second time.
pub(super) fn text_of(token: &Token) -> String {
    if let Token::Whitespace(Whitespace::SingleLineComment { prefix, comment }) = token {
        return format!("{prefix}{comment}");
    }
    token.to_string()
}

fn opens_table(token: &Token) -> bool {
    if let Token::Word(word) = token {
        let opens = ["from", "join"].iter().any(|open| word.value.eq_ignore_ascii_case(open));
        return word.quote_style.is_none() && opens;
    }
    *token == Token::Comma
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_resolved_where_tables_stand_and_nowhere_else() {
        let tables = BTreeMap::from([("sales.order".to_owned(), "SALES.ORDERS".to_owned())]);
        let query = "SELECT 'from sales.order', o.x -- from sales.order\n  FROM sales.order AS o\n\
                     JOIN Sales.Order AS p ON p.x = o.x\n";
        let resolved = resolve_names(query, &tables, Dialect::DuckDb).unwrap();
        assert_eq!(
            resolved,
            "SELECT 'from sales.order', o.x -- from sales.order\n  FROM SALES.ORDERS AS o\n\
             JOIN SALES.ORDERS AS p ON p.x = o.x"
        );
    }

    #[test]
    fn a_digest_has_the_name_of_the_dialect() {
        let resolve = |query, dialect| resolve_names(query, &BTreeMap::new(), dialect).unwrap();
        let one = "SELECT SHA256(c.x), c.sha256 FROM c";
        assert_eq!(resolve(one, Dialect::Snowflake), "SELECT SHA2(c.x), c.sha256 FROM c");
        assert_eq!(resolve(one, Dialect::DuckDb), one);
        let other = "SELECT SHA2(LEFT(c.x, 3), 256), SHA2(c.y) FROM c";
        assert_eq!(resolve(other, Dialect::Snowflake), other);
        let duckdb = "SELECT SHA256(LEFT(c.x, 3)), SHA256(c.y) FROM c";
        assert_eq!(resolve(other, Dialect::DuckDb), duckdb);
    }

    #[test]
    fn a_second_statement_is_refused() {
        assert!(
            resolve_names("SELECT 1; DROP TABLE x", &BTreeMap::new(), Dialect::DuckDb).is_err()
        );
    }
}
