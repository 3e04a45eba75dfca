//! A model's query: what it reads, what it gives, and which columns each output is computed from.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the grammar of SQL is large and grows; what a contract may use is listed, the rest is refused"
)]

mod columns;
mod expressions;
mod facts;
mod flatten;
mod from;
mod functions;
mod grain;
mod grouped;
mod rows;
mod said;
mod shape;
mod subset;

use std::collections::{BTreeMap, BTreeSet};

use covenant_model::spec::{RowUse, RowsBy};
use sqlparser::ast::{
    Expr, GroupByExpr, Ident, OrderByKind, Query, Select, SelectItem, SetExpr, Spanned, Statement,
    TableAlias,
};
use sqlparser::dialect::GenericDialect;

use self::facts::Facing;
use self::from::constraint;
use self::rows::{Key, Rows};
use super::Cx;
use crate::diagnostic::{Code, Diagnostic, codes};
use crate::ir::{Fact, Shape};
use crate::parse::position_in_text;
use crate::source::Span;

/// A column that can be read.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// Its class of personal data is never landed.
    pub(super) dropped: bool,
    /// What it holds.
    pub(super) fact: Fact,
}

/// An entity or a model that can be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    /// Names of the key's columns.
    pub(super) key: Vec<String>,
}

/// `(entity or model, field)`.
type Lineage = BTreeSet<(String, String)>;

/// A column that the query gives.
#[derive(Clone, Debug)]
pub(super) struct Output {
    /// Empty where the query gives none: only a subquery may do so.
    pub(super) name: String,
    pub(super) lineage: Lineage,
    /// Shown as it is: the one column of the lineage, not computed with.
    pub(super) direct: bool,
    /// What the expression makes of what it reads, where that is known.
    pub(super) shape: Option<Shape>,
    pub(super) span: Span,
    /// Type and nullability.
    pub(super) fact: Fact,
    /// The text that it is in every row.
    literal: Option<String>,
    /// Whether the rows with one value of it are computed from the rows of that value alone; else why not.
    pub(super) local: Result<(), String>,
}

/// What was read out of a query.
#[derive(Default)]
pub(super) struct Read {
    /// No errors.
    pub(super) sound: bool,
    pub(super) inputs: BTreeSet<String>,
    /// What decides which rows there are.
    pub(super) rows_by: BTreeSet<RowsBy>,
    pub(super) outputs: Vec<Output>,
    pub(super) canonical: String,
    /// Sets of columns, by place, each of which tells all rows apart.
    pub(super) keys: Vec<Key>,
}

/// What a query gives.
#[derive(Clone, Default)]
struct Rowset {
    outputs: Vec<Output>,
    keys: Vec<Key>,
}

/// Reads the query of a model; errors are reported where they stand in it.
pub(super) fn read(
    cx: &Cx<'_>,
    model: &str,
    text: &str,
    catalog: &BTreeMap<String, Table>,
    wanted: &[String],
) -> Read {
    let whole = cx.at(&format!("{model}/query"));
    let mut reading = Reading {
        cx,
        whole,
        catalog,
        wanted,
        ctes: Vec::new(),
        inputs: BTreeSet::new(),
        rows_by: BTreeSet::new(),
        sound: true,
    };
    let dialect = GenericDialect {};
    let parsed = super::sql::parser(&dialect, text).and_then(|mut one| one.parse_statements());
    let statements = match parsed {
        Ok(statements) => statements,
        Err(error) => {
            cx.sink.push(reading.refused(text, &super::sql_error(&error)));
            return Read::default();
        }
    };
    if text.contains(';') {
        let headline = "a query holds no semicolon, not even at its end".to_owned();
        reading.report(&codes::BAD_QUERY, whole, headline, |at| {
            at.why("it becomes part of statements, which semicolons end")
        });
        return Read::default();
    }
    let [Statement::Query(query)] = statements.as_slice() else {
        let headline = "a model is one SELECT".to_owned();
        reading.report(&codes::BAD_QUERY, whole, headline, |at| {
            at.help(
                "write it as `SELECT ... FROM ...`; parts that need steps are models of their own",
            )
        });
        return Read::default();
    };
    let Rowset { outputs, keys } = reading.query(query, &[]);
    for (at, output) in outputs.iter().enumerate().filter(|(_, output)| output.name.is_empty()) {
        let headline = format!("column {} of the query has no name", at + 1);
        let span = output.span;
        reading.report(&codes::OUTPUT_COLUMNS, span, headline, |at| at.help("add `AS <field>`"));
    }
    let canonical = query.to_string();
    let Reading { sound, inputs, rows_by, .. } = reading;
    Read { sound, inputs, rows_by, outputs, canonical, keys }
}

struct Reading<'a> {
    cx: &'a Cx<'a>,
    whole: Span,
    catalog: &'a BTreeMap<String, Table>,
    /// Columns of which it is asked whether they tell rows apart.
    wanted: &'a [String],
    /// Innermost last.
    ctes: Vec<(String, Rowset)>,
    inputs: BTreeSet<String>,
    rows_by: BTreeSet<RowsBy>,
    sound: bool,
}

/// A table in FROM. Without columns: it could not be read, and any column is taken for granted.
#[derive(Clone)]
struct Relation {
    alias: String,
    columns: Option<Vec<Visible>>,
    /// Each tells its rows apart.
    keys: Vec<Key>,
    /// An entity or a model, not a query.
    base: bool,
    /// LATERAL: the tables before it of whose row it is a part.
    parents: Option<Vec<usize>>,
}

/// A column of a table in FROM.
#[derive(Clone)]
struct Visible {
    name: String,
    lineage: Lineage,
    /// A column of an entity or model as it is.
    direct: bool,
    dropped: bool,
    fact: Fact,
    /// See [`Output::local`].
    local: Result<(), String>,
}

impl From<Output> for Visible {
    fn from(output: Output) -> Self {
        let Output { name, lineage, direct, fact, local, shape: _, span: _, literal: _ } = output;
        Self { name, lineage, direct, dropped: false, fact, local }
    }
}

type Scope = Vec<Relation>;

fn fold(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

impl Reading<'_> {
    fn span(&self, ident: &Ident) -> Span {
        let (start, end) = (ident.span.start, ident.span.end);
        self.place(start.line, start.column, end.line, end.column)
    }

    /// Where a part of the query stands, as far as the parser knows.
    fn of(&self, part: &impl Spanned) -> Span {
        let span = part.span();
        self.place(span.start.line, span.start.column, span.end.line, span.end.column)
    }

    fn place(&self, line: u64, column: u64, end_line: u64, end_column: u64) -> Span {
        let source = self.cx.sources.get(self.whole.file);
        let find = |line, column| {
            source.and_then(|source| position_in_text(source, self.whole, line, column))
        };
        match (find(line, column), find(end_line, end_column)) {
            (Some(start), Some(end)) if start < end => Span { file: self.whole.file, start, end },
            (Some(_) | None, _) => self.whole,
        }
    }

    /// The parser ends its messages with a place in the query: taken off, and turned into one in
    /// the file.
    fn placed(&self, message: &str) -> (String, Span) {
        let place = message.split_once(" at Line: ").and_then(|(text, place)| {
            let (line, column) = place.split_once(", Column: ")?;
            Some((text, line.parse::<u64>().ok()?, column.parse::<u64>().ok()?))
        });
        match place {
            Some((text, line, column)) => {
                (text.to_owned(), self.place(line, column, line, column + 1))
            }
            None => (message.to_owned(), self.whole),
        }
    }

    fn report(
        &mut self,
        code: &'static Code,
        span: Span,
        headline: String,
        more: impl FnOnce(Diagnostic) -> Diagnostic,
    ) {
        self.sound = false;
        self.cx.sink.push(more(Diagnostic::new(code, span, headline)));
    }

    /// Remembers columns that decide which rows there are.
    fn rows_by(&mut self, lineage: Lineage, how: RowUse) {
        let told = lineage.into_iter().map(|(dataset, column)| RowsBy { dataset, column, how });
        self.rows_by.extend(told);
    }

    fn query(&mut self, query: &Query, outer: &[Scope]) -> Rowset {
        self.query_in_subset(query);
        let known = self.ctes.len();
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let mut found = self.query(&cte.query, outer);
            self.rename(&mut found.outputs, &cte.alias);
            self.ctes.push((fold(&cte.alias.name), found));
        }
        let (mut found, scope) = self.set(&query.body, outer);
        if let Some(order) = &query.order_by
            && let OrderByKind::Expressions(all) = &order.kind
        {
            let scopes = with(outer, scope);
            for one in all {
                self.calls(&one.expr);
                self.expr(&one.expr, &scopes, &found.outputs);
            }
        }
        if query.limit_clause.is_some() || query.fetch.is_some() {
            for output in &mut found.outputs {
                output.local = Err("LIMIT counts the rows of all windows".to_owned());
            }
        }
        self.ctes.truncate(known);
        found
    }

    /// `AS x (a, b)`
    fn rename(&mut self, outputs: &mut [Output], alias: &TableAlias) {
        if alias.columns.len() > outputs.len() {
            let span = self.span(&alias.name);
            let headline = format!("`{}` names more columns than there are", alias.name);
            self.report(&codes::BAD_QUERY, span, headline, |at| at.help("name as many"));
        }
        for (output, column) in outputs.iter_mut().zip(&alias.columns) {
            output.name = fold(&column.name);
        }
    }

    fn set(&mut self, body: &SetExpr, outer: &[Scope]) -> (Rowset, Scope) {
        match body {
            SetExpr::Select(select) => self.select(select, outer),
            SetExpr::Query(query) => (self.query(query, outer), Scope::new()),
            SetExpr::SetOperation { left, right, op, set_quantifier } => {
                let (left_rows, _) = self.set(left, outer);
                let (right_rows, _) = self.set(right, outer);
                (self.united((*op, *set_quantifier), left_rows, right_rows, body), Scope::new())
            }
            SetExpr::Values(_)
            | SetExpr::Insert(_)
            | SetExpr::Update(_)
            | SetExpr::Delete(_)
            | SetExpr::Merge(_)
            | SetExpr::Table(_) => {
                let headline = "a model is one SELECT".to_owned();
                let span = self.of(body);
                self.report(&codes::BAD_QUERY, span, headline, |at| {
                    at.help("write SELECT ... FROM ...; rows that are spelled out are an entity")
                });
                (Rowset::default(), Scope::new())
            }
        }
    }

    fn select(&mut self, select: &Select, outer: &[Scope]) -> (Rowset, Scope) {
        self.select_in_subset(select);
        let mut scope = Scope::new();
        for table in &select.from {
            self.table(table, outer, &mut scope);
        }
        let rows = Rows::of(select, &mut scope);
        let scopes = with(outer, scope.clone());
        for table in &select.from {
            self.joins(table, &scopes);
        }
        let (outputs, exprs) = self.projection(select, &scopes, &rows);
        let clauses = [&select.selection, &select.having, &select.qualify];
        for clause in clauses.into_iter().flatten() {
            self.calls(clause);
            let (lineage, _) = self.expr(clause, &scopes, &outputs);
            self.rows_by(lineage, RowUse::Filter);
        }
        if let GroupByExpr::Expressions(all, _) = &select.group_by {
            for one in all {
                self.calls(one);
                let (lineage, _) = self.expr(one, &scopes, &outputs);
                self.rows_by(lineage, RowUse::Group);
            }
        }
        // Those that are named or numbered: what they stand for has been read as an output.
        for group in grain::groups(select, &scope) {
            let shown = exprs.iter().position(|expr| std::ptr::eq(*expr, group));
            let lineage = shown.and_then(|at| outputs.get(at)).map(|output| output.lineage.clone());
            self.rows_by(lineage.unwrap_or_default(), RowUse::Group);
        }
        self.grouped(select, &exprs, &scope);
        let place = |name: &String| outputs.iter().position(|output| output.name == *name);
        let wanted: Option<Key> = self.wanted.iter().map(place).collect();
        let keys = grain::keys(select, &exprs, &scope, &rows, &wanted.unwrap_or_default());
        (Rowset { outputs, keys }, scope)
    }

    fn projection<'s>(
        &mut self,
        select: &'s Select,
        scopes: &[Scope],
        rows: &Rows,
    ) -> (Vec<Output>, Vec<&'s Expr>) {
        let mut outputs = Vec::with_capacity(select.projection.len());
        let mut exprs = Vec::with_capacity(select.projection.len());
        let grouped =
            !matches!(&select.group_by, GroupByExpr::Expressions(all, _) if all.is_empty());
        let facing = Facing { scopes, grouped, told: Vec::new() };
        for item in &select.projection {
            let (expr, name) = match item {
                SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias.clone())),
                SelectItem::UnnamedExpr(expr) => (expr, last_name(expr)),
                SelectItem::Wildcard(_)
                | SelectItem::QualifiedWildcard(..)
                | SelectItem::ExprWithAliases { .. } => {
                    self.star(item, scopes);
                    continue;
                }
            };
            self.calls(expr);
            let (lineage, direct) = self.expr(expr, scopes, &[]);
            let span = name.as_ref().map(|name| self.span(name)).unwrap_or(self.of(expr));
            let name = name.as_ref().map(fold).unwrap_or_default();
            let shape = self.shape(expr, select, scopes);
            let fact = facing.of(expr);
            let local = match scopes.last() {
                Some(scope) => grain::crosses(select, expr, scope, rows),
                None => Ok(()),
            };
            let literal = subset::text_of(expr);
            outputs.push(Output { name, lineage, direct, shape, span, fact, literal, local });
            exprs.push(expr);
        }
        (outputs, exprs)
    }
}

fn with(outer: &[Scope], scope: Scope) -> Vec<Scope> {
    outer.iter().cloned().chain([scope]).collect()
}

fn last_name(expr: &Expr) -> Option<Ident> {
    match expr {
        Expr::Identifier(name) => Some(name.clone()),
        Expr::CompoundIdentifier(parts) => parts.last().cloned(),
        // Every other expression needs AS.
        _ => None,
    }
}
