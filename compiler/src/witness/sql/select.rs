//! Queries over tables of a few rows: FROM, WHERE, GROUP BY, HAVING, DISTINCT and unions.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the grammar of SQL is large and grows; what is known is listed, the rest gives no answer"
)]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::rc::Rc;

use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, JoinConstraint, JoinOperator, ObjectName, Query, Select,
    SelectItem, SetExpr, SetOperator, SetQuantifier, TableFactor, TableWithJoins, Value as Literal,
    visit_expressions,
};

use super::expr::Env;
use super::value::Sql;
use super::{Stop, call, fold};

/// Rows by column.
type Columns = BTreeMap<String, Sql>;

/// A relation of FROM at one of its rows.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) alias: String,
    pub(super) columns: Rc<Columns>,
}

/// A row of FROM: one of each relation.
pub(super) type Row = Vec<Bound>;

/// What a query gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) names: Vec<String>,
    pub(super) rows: Vec<Vec<Sql>>,
}

/// What can be read: the inputs, and the queries that WITH names.
#[derive(Clone, Default)]
pub(super) struct Tables<'t> {
    pub(super) known: BTreeMap<String, Relation>,
    /// What stands around.
    pub(super) around: Option<&'t Tables<'t>>,
}

/// A table that can be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Relation {
    /// In order.
    pub(super) names: Vec<String>,
    pub(super) rows: Vec<Rc<Columns>>,
}

impl Tables<'_> {
    fn get(&self, name: &str) -> Option<&Relation> {
        self.known.get(name).or_else(|| self.around.and_then(|around| around.get(name)))
    }
}

impl From<Given> for Relation {
    fn from(given: Given) -> Self {
        let row = |values: Vec<Sql>| Rc::new(given.names.iter().cloned().zip(values).collect());
        Self { rows: given.rows.into_iter().map(row).collect(), names: given.names }
    }
}

pub(super) fn query(
    tables: &Tables<'_>,
    query: &Query,
    outer: Option<&Env<'_>>,
) -> Result<Given, Stop> {
    if query.limit_clause.is_some() || query.fetch.is_some() || !query.pipe_operators.is_empty() {
        return Err(Stop::unknown("LIMIT".to_owned()));
    }
    let mut inner = Tables { known: BTreeMap::new(), around: Some(tables) };
    for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
        if query.with.as_ref().is_some_and(|with| with.recursive) {
            return Err(Stop::unknown("WITH RECURSIVE".to_owned()));
        }
        let mut given = self::query(&inner, &cte.query, outer)?;
        for (name, column) in given.names.iter_mut().zip(&cte.alias.columns) {
            *name = fold(&column.name);
        }
        inner.known.insert(fold(&cte.alias.name), given.into());
    }
    body(&inner, &query.body, outer)
}

fn body(tables: &Tables<'_>, of: &SetExpr, outer: Option<&Env<'_>>) -> Result<Given, Stop> {
    match of {
        SetExpr::Select(select) => selected(tables, select, outer),
        SetExpr::Query(inner) => query(tables, inner, outer),
        SetExpr::SetOperation { left, op: SetOperator::Union, set_quantifier, right } => {
            let mut given = body(tables, left, outer)?;
            given.rows.extend(body(tables, right, outer)?.rows);
            match set_quantifier {
                SetQuantifier::All => {}
                SetQuantifier::Distinct | SetQuantifier::None => unique(&mut given.rows),
                other => return Err(Stop::unknown(format!("UNION {other}"))),
            }
            Ok(given)
        }
        other => Err(Stop::unknown(other.to_string())),
    }
}

fn unique(rows: &mut Vec<Vec<Sql>>) {
    rows.sort();
    rows.dedup();
}

fn selected(tables: &Tables<'_>, select: &Select, outer: Option<&Env<'_>>) -> Result<Given, Stop> {
    if select.qualify.is_some() || select.top.is_some() {
        return Err(Stop::unknown("QUALIFY".to_owned()));
    }
    let mut rows: Vec<Row> = vec![Vec::new()];
    for table in &select.from {
        rows = joined(tables, table, rows, outer)?;
    }
    if let Some(condition) = &select.selection {
        let mut kept = Vec::new();
        for row in rows {
            let env = Env { tables, row: &row, group: None, outer };
            if env.holds(condition)? {
                kept.push(row);
            }
        }
        rows = kept;
    }
    let items = items(select)?;
    let mut given = Given {
        names: items.iter().map(|(_, name)| name.clone()).collect(),
        rows: Vec::with_capacity(rows.len()),
    };
    for group in groups(tables, select, &items, rows, outer)? {
        let (first, over) = match &group {
            Group::Row(row) => (row.as_slice(), None),
            Group::Rows(rows) => {
                (rows.first().map(Vec::as_slice).unwrap_or_default(), Some(rows.as_slice()))
            }
        };
        let env = Env { tables, row: first, group: over, outer };
        if select.having.as_ref().map_or(Ok(true), |having| env.holds(having))? {
            let values = items.iter().map(|(expr, _)| env.eval(expr));
            given.rows.push(values.collect::<Result<_, _>>()?);
        }
    }
    match &select.distinct {
        None | Some(Distinct::All) => {}
        Some(Distinct::Distinct) => unique(&mut given.rows),
        Some(Distinct::On(_)) => return Err(Stop::unknown("DISTINCT ON".to_owned())),
    }
    Ok(given)
}

/// What the projection is computed over.
enum Group {
    Row(Row),
    Rows(Vec<Row>),
}

fn groups(
    tables: &Tables<'_>,
    select: &Select,
    items: &[(&Expr, String)],
    rows: Vec<Row>,
    outer: Option<&Env<'_>>,
) -> Result<Vec<Group>, Stop> {
    let GroupByExpr::Expressions(by, modifiers) = &select.group_by else {
        return Err(Stop::unknown("GROUP BY ALL".to_owned()));
    };
    if !modifiers.is_empty() {
        return Err(Stop::unknown("GROUP BY with a modifier".to_owned()));
    }
    if by.is_empty() {
        let aggregated = items.iter().any(|(expr, _)| aggregates(expr))
            || select.having.as_ref().is_some_and(aggregates);
        return Ok(match aggregated {
            true => vec![Group::Rows(rows)],
            false => rows.into_iter().map(Group::Row).collect(),
        });
    }
    let mut found: BTreeMap<Vec<Sql>, Vec<Row>> = BTreeMap::new();
    for row in rows {
        let env = Env { tables, row: &row, group: None, outer };
        let key = by.iter().map(|expr| env.eval(named(expr, items, &env)));
        let key: Vec<Sql> = key.collect::<Result<_, _>>()?;
        found.entry(key).or_default().push(row);
    }
    Ok(found.into_values().map(Group::Rows).collect())
}

/// What GROUP BY means: `1` is the first column of the projection, and a name that is no column one of its names.
fn named<'e>(expr: &'e Expr, items: &[(&'e Expr, String)], env: &Env<'_>) -> &'e Expr {
    let item = match expr {
        Expr::Value(value) => match &value.value {
            Literal::Number(digits, _) => {
                digits.parse::<usize>().ok().and_then(|at| items.get(at.checked_sub(1)?))
            }
            _ => None,
        },
        Expr::Identifier(name) if env.eval(expr).is_err() => {
            items.iter().find(|(_, item)| *item == fold(name))
        }
        _ => None,
    };
    item.map_or(expr, |(expr, _)| *expr)
}

/// Whether an expression is over a group. (A subquery's aggregates are its own.)
fn aggregates(expr: &Expr) -> bool {
    if matches!(expr, Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. }) {
        return false;
    }
    let found = visit_expressions(expr, |one: &Expr| match one {
        Expr::Function(function) if call::aggregates(function) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

fn items(select: &Select) -> Result<Vec<(&Expr, String)>, Stop> {
    select.projection.iter().map(item).collect()
}

fn item(item: &SelectItem) -> Result<(&Expr, String), Stop> {
    match item {
        SelectItem::ExprWithAlias { expr, alias } => Ok((expr, fold(alias))),
        SelectItem::UnnamedExpr(expr) => Ok((expr, name_of(expr))),
        other => Err(Stop::unknown(other.to_string())),
    }
}

fn name_of(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(name) => fold(name),
        Expr::CompoundIdentifier(parts) => parts.last().map(fold).unwrap_or_default(),
        _ => String::new(),
    }
}

/// Every row so far with every row of a table, as its joins say.
fn joined(
    tables: &Tables<'_>,
    table: &TableWithJoins,
    rows: Vec<Row>,
    outer: Option<&Env<'_>>,
) -> Result<Vec<Row>, Stop> {
    let (alias, relation) = factor(tables, &table.relation, outer)?;
    let mut rows = product(&rows, &alias, &relation);
    for join in &table.joins {
        let (alias, right) = factor(tables, &join.relation, outer)?;
        let (kind, on) = match &join.join_operator {
            JoinOperator::Join(on) | JoinOperator::Inner(on) => (Join::Inner, on),
            JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => (Join::Left, on),
            JoinOperator::CrossJoin(on) => (Join::Inner, on),
            _ => return Err(Stop::unknown("this kind of join".to_owned())),
        };
        let on = match on {
            JoinConstraint::On(on) => Some(on),
            JoinConstraint::None => None,
            JoinConstraint::Using(_) | JoinConstraint::Natural => {
                return Err(Stop::unknown("a join without ON".to_owned()));
            }
        };
        let mut found = Vec::new();
        for row in rows {
            let before = found.len();
            for candidate in product(std::slice::from_ref(&row), &alias, &right) {
                let env = Env { tables, row: &candidate, group: None, outer };
                if on.map_or(Ok(true), |on| env.holds(on))? {
                    found.push(candidate);
                }
            }
            if kind == Join::Left && found.len() == before {
                let nothing = right.names.iter().map(|name| (name.clone(), Sql::Null)).collect();
                let mut alone = row;
                alone.push(Bound { alias: alias.clone(), columns: Rc::new(nothing) });
                found.push(alone);
            }
        }
        rows = found;
    }
    Ok(rows)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Join {
    Inner,
    Left,
}

fn product(rows: &[Row], alias: &str, relation: &Relation) -> Vec<Row> {
    let all = rows.iter().flat_map(|row| relation.rows.iter().map(move |right| (row, right)));
    all.map(|(row, right)| {
        let mut whole = row.clone();
        whole.push(Bound { alias: alias.to_owned(), columns: Rc::clone(right) });
        whole
    })
    .collect()
}

fn factor(
    tables: &Tables<'_>,
    of: &TableFactor,
    outer: Option<&Env<'_>>,
) -> Result<(String, Relation), Stop> {
    match of {
        TableFactor::Table { name, alias, args: None, .. } => {
            let (full, last) = names(name);
            let relation = tables.get(&full).cloned();
            let relation = relation.ok_or_else(|| Stop::unknown(format!("table {full}")))?;
            Ok((alias.as_ref().map_or(last, |alias| fold(&alias.name)), relation))
        }
        TableFactor::Derived { subquery, alias, lateral: false, .. } => {
            let relation = query(tables, subquery, outer)?.into();
            Ok((alias.as_ref().map(|alias| fold(&alias.name)).unwrap_or_default(), relation))
        }
        other => Err(Stop::unknown(other.to_string())),
    }
}

fn names(name: &ObjectName) -> (String, String) {
    let parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(fold).collect();
    (parts.join("."), parts.last().cloned().unwrap_or_default())
}
