//! A model's query: what it reads, what it gives, and which columns each output is computed from.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the grammar of SQL is large and grows; what a contract may use is listed, the rest is refused"
)]

mod columns;
mod said;
mod shape;

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::ast::{
    Expr, GroupByExpr, Ident, JoinConstraint, JoinOperator, ObjectName, OrderByKind, Query, Select,
    SelectItem, SetExpr, Spanned, Statement, TableFactor, TableWithJoins,
};
use sqlparser::dialect::GenericDialect;

use super::Cx;
use crate::diagnostic::{Code, Diagnostic, codes};
use crate::ir::Shape;
use crate::parse::position_in_text;
use crate::source::Span;

/// A column that can be read.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// Its class of personal data is never landed.
    pub(super) dropped: bool,
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
}

/// What was read out of a query.
#[derive(Default)]
pub(super) struct Read {
    /// No errors.
    pub(super) sound: bool,
    pub(super) inputs: BTreeSet<String>,
    pub(super) outputs: Vec<Output>,
    pub(super) canonical: String,
}

/// Reads the query of a model; errors are reported where they stand in it.
pub(super) fn read(
    cx: &Cx<'_>,
    model: &str,
    text: &str,
    catalog: &BTreeMap<String, Vec<Column>>,
) -> Read {
    let whole = cx.at(&format!("{model}/query"));
    let mut reading =
        Reading { cx, whole, catalog, ctes: Vec::new(), inputs: BTreeSet::new(), sound: true };
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
    let outputs = reading.query(query, &[]);
    for (at, output) in outputs.iter().enumerate().filter(|(_, output)| output.name.is_empty()) {
        let headline = format!("column {} of the query has no name", at + 1);
        let span = output.span;
        reading.report(&codes::OUTPUT_COLUMNS, span, headline, |at| at.help("add `AS <field>`"));
    }
    Read { sound: reading.sound, inputs: reading.inputs, outputs, canonical: query.to_string() }
}

struct Reading<'a> {
    cx: &'a Cx<'a>,
    whole: Span,
    catalog: &'a BTreeMap<String, Vec<Column>>,
    /// Innermost last.
    ctes: Vec<(String, Vec<Output>)>,
    inputs: BTreeSet<String>,
    sound: bool,
}

/// A table in FROM. Without columns: it could not be read, and any column is taken for granted.
#[derive(Clone)]
struct Relation {
    alias: String,
    columns: Option<Vec<Visible>>,
}

/// A column of a table in FROM.
#[derive(Clone)]
struct Visible {
    name: String,
    lineage: Lineage,
    /// A column of an entity or model as it is.
    direct: bool,
    dropped: bool,
}

impl From<Output> for Visible {
    fn from(output: Output) -> Self {
        let Output { name, lineage, direct, shape: _, span: _ } = output;
        Self { name, lineage, direct, dropped: false }
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

    fn query(&mut self, query: &Query, outer: &[Scope]) -> Vec<Output> {
        let known = self.ctes.len();
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let mut outputs = self.query(&cte.query, outer);
            for (output, column) in outputs.iter_mut().zip(&cte.alias.columns) {
                output.name = fold(&column.name);
            }
            self.ctes.push((fold(&cte.alias.name), outputs));
        }
        let (outputs, scope) = self.set(&query.body, outer);
        if let Some(order) = &query.order_by
            && let OrderByKind::Expressions(all) = &order.kind
        {
            let scopes = with(outer, scope);
            all.iter().for_each(|one| drop(self.expr(&one.expr, &scopes, &outputs)));
        }
        self.ctes.truncate(known);
        outputs
    }

    fn set(&mut self, body: &SetExpr, outer: &[Scope]) -> (Vec<Output>, Scope) {
        match body {
            SetExpr::Select(select) => self.select(select, outer),
            SetExpr::Query(query) => (self.query(query, outer), Scope::new()),
            SetExpr::SetOperation { left, right, .. } => {
                let (mut outputs, _) = self.set(left, outer);
                let (others, _) = self.set(right, outer);
                for (output, other) in outputs.iter_mut().zip(others) {
                    output.lineage.extend(other.lineage);
                    output.direct = false;
                    output.shape = None;
                }
                (outputs, Scope::new())
            }
            SetExpr::Values(_)
            | SetExpr::Insert(_)
            | SetExpr::Update(_)
            | SetExpr::Delete(_)
            | SetExpr::Merge(_)
            | SetExpr::Table(_) => {
                let headline = "a model is one SELECT".to_owned();
                self.report(&codes::BAD_QUERY, self.whole, headline, |at| at);
                (Vec::new(), Scope::new())
            }
        }
    }

    fn select(&mut self, select: &Select, outer: &[Scope]) -> (Vec<Output>, Scope) {
        let mut scope = Scope::new();
        for table in &select.from {
            self.table(table, outer, &mut scope);
        }
        let scopes = with(outer, scope.clone());
        for table in &select.from {
            self.joins(table, &scopes);
        }
        let outputs = self.projection(select, &scopes);
        let clauses = [&select.selection, &select.having, &select.qualify];
        for clause in clauses.into_iter().flatten() {
            self.expr(clause, &scopes, &outputs);
        }
        if let GroupByExpr::Expressions(all, _) = &select.group_by {
            for one in all {
                self.expr(one, &scopes, &outputs);
            }
        }
        (outputs, scope)
    }

    fn projection(&mut self, select: &Select, scopes: &[Scope]) -> Vec<Output> {
        let mut outputs = Vec::with_capacity(select.projection.len());
        for item in &select.projection {
            let (expr, name) = match item {
                SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias.clone())),
                SelectItem::UnnamedExpr(expr) => (expr, last_name(expr)),
                SelectItem::Wildcard(_)
                | SelectItem::QualifiedWildcard(..)
                | SelectItem::ExprWithAliases { .. } => {
                    let headline = format!("`{item}` does not name its columns");
                    let span = self.of(item);
                    self.report(&codes::SELECT_STAR, span, headline, |at| {
                        at.help("write the columns out, each with its name")
                    });
                    continue;
                }
            };
            let (lineage, direct) = self.expr(expr, scopes, &[]);
            let span = name.as_ref().map(|name| self.span(name)).unwrap_or(self.of(expr));
            let name = name.as_ref().map(fold).unwrap_or_default();
            let shape = self.shape(expr, select, scopes);
            outputs.push(Output { name, lineage, direct, shape, span });
        }
        outputs
    }

    fn table(&mut self, table: &TableWithJoins, outer: &[Scope], scope: &mut Scope) {
        self.factor(&table.relation, outer, scope);
        for join in &table.joins {
            self.factor(&join.relation, outer, scope);
        }
    }

    fn factor(&mut self, factor: &TableFactor, outer: &[Scope], scope: &mut Scope) {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let columns = self.named(name);
                let last = name.0.last().and_then(|part| part.as_ident()).map(fold);
                let alias = alias.as_ref().map(|alias| fold(&alias.name)).or(last);
                scope.push(Relation { alias: alias.unwrap_or_default(), columns });
            }
            TableFactor::Derived { subquery, alias, .. } => {
                let outputs = self.query(subquery, outer);
                let columns = outputs.into_iter().map(Visible::from).collect();
                let alias = alias.as_ref().map(|alias| fold(&alias.name)).unwrap_or_default();
                scope.push(Relation { alias, columns: Some(columns) });
            }
            // Table functions, PIVOT, joins in parentheses: dialects differ, and most have no readable lineage.
            other => {
                let headline = format!("`{other}` cannot be read by a model");
                self.report(&codes::BAD_QUERY, self.whole, headline, |at| {
                    at.help(
                        "read entities, models and subqueries, and join them without parentheses",
                    )
                });
                scope.push(Relation { alias: String::new(), columns: None });
            }
        }
    }

    fn named(&mut self, name: &ObjectName) -> Option<Vec<Visible>> {
        let idents: Vec<&Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
        let full = idents.iter().map(|part| fold(part)).collect::<Vec<_>>().join(".");
        if let Some((_, outputs)) = self.ctes.iter().rev().find(|(cte, _)| *cte == full) {
            return Some(outputs.iter().cloned().map(Visible::from).collect());
        }
        let Some(columns) = self.catalog.get(&full) else {
            if self.cx.ast.may_declare(&full) {
                self.sound = false;
                return None;
            }
            let span = idents.first().map(|first| self.span(first)).unwrap_or(self.whole);
            let end = idents.last().map(|last| self.span(last).end).unwrap_or(span.end);
            let known: Vec<&str> = self.catalog.keys().map(String::as_str).collect();
            let headline = format!("there is no entity or model `{full}`");
            self.report(&codes::UNKNOWN_TABLE, Span { end, ..span }, headline, |at| {
                at.suggest(&full, known).why("a model reads entities, models and its own CTEs only")
            });
            return None;
        };
        self.inputs.insert(full.clone());
        let column = |column: &Column| Visible {
            name: column.name.clone(),
            lineage: Lineage::from([(full.clone(), column.name.clone())]),
            direct: true,
            dropped: column.dropped,
        };
        Some(columns.iter().map(column).collect())
    }

    fn joins(&mut self, table: &TableWithJoins, scopes: &[Scope]) {
        for join in &table.joins {
            match constraint(&join.join_operator) {
                Some(JoinConstraint::On(expr)) => drop(self.expr(expr, scopes, &[])),
                Some(JoinConstraint::Using(_) | JoinConstraint::Natural) => {
                    let headline = "USING and NATURAL joins hide which column is meant".to_owned();
                    let span = self.of(&join.relation);
                    self.report(&codes::BAD_QUERY, span, headline, |at| {
                        at.help("write the condition out: `ON a.id = b.id`")
                    });
                }
                Some(JoinConstraint::None) | None => {}
            }
        }
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

fn constraint(join: &JoinOperator) -> Option<&JoinConstraint> {
    match join {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)
        | JoinOperator::CrossJoin(constraint) => Some(constraint),
        // Semi, anti, apply and as-of joins are dialect matters; their conditions hold no output
        // columns.
        _ => None,
    }
}
