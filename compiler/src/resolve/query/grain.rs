//! Grain: which columns tell the rows of a result apart, and which column the result can be cut by, window by window.
//!
//! Columns that determine the rows of every table in FROM are a key of the result; see `rows`.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the grammar of SQL is large and grows; of what is not listed nothing is concluded"
)]

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, GroupByExpr, Select, SelectItem, Value, Visit, Visitor,
    WindowType,
};

use super::facts::{column_name, find};
use super::functions::{self, Sort};
use super::rows::{Attr, Attrs, Key, Rows, attr, columns_of, conjuncts, parts};
use super::{Output, Relation, Scope, constraint};

/// The expressions that a SELECT groups by: places and names of its columns are those columns.
pub(super) fn groups<'s>(select: &'s Select, scope: &Scope) -> Vec<&'s Expr> {
    let GroupByExpr::Expressions(all, _) = &select.group_by else { return Vec::new() };
    let item = |item: &'s SelectItem| match item {
        SelectItem::ExprWithAlias { expr, .. } | SelectItem::UnnamedExpr(expr) => Some(expr),
        _ => None,
    };
    let named = |name: &str| {
        select.projection.iter().find_map(|one| match one {
            SelectItem::ExprWithAlias { expr, alias } => {
                (super::fold(alias) == name).then_some(expr)
            }
            _ => None,
        })
    };
    let resolved = |one: &'s Expr| {
        let at = match one {
            Expr::Value(value) => match &value.value {
                Value::Number(digits, _) => digits.parse::<usize>().ok(),
                _ => None,
            },
            _ => None,
        };
        if let Some(at) = at {
            return at.checked_sub(1).and_then(|at| select.projection.get(at)).and_then(item);
        }
        match column_name(one) {
            Some(name) if name.0.is_none() && find(scope, &name).is_none() => named(&name.1),
            _ => Some(one),
        }
    };
    all.iter().filter_map(resolved).collect()
}

/// The calls with OVER in an expression, and whether it aggregates.
#[derive(Default)]
pub(super) struct Calls {
    pub(super) windows: Vec<Function>,
    pub(super) aggregates: bool,
    pub(super) volatile: Option<String>,
    pub(super) subquery: bool,
    inside: usize,
}

impl Visitor for Calls {
    type Break = ();

    fn pre_visit_query(&mut self, _: &sqlparser::ast::Query) -> ControlFlow<()> {
        self.subquery = true;
        self.inside += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &sqlparser::ast::Query) -> ControlFlow<()> {
        self.inside -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if self.inside == 0
            && let Expr::Function(call) = expr
        {
            let sort = functions::find(call).map(|one| one.sort);
            if call.over.is_some() {
                self.windows.push(call.clone());
            } else if sort == Some(Sort::Aggregate) {
                self.aggregates = true;
            }
            if sort == Some(Sort::Volatile) {
                self.volatile = Some(call.name.to_string());
            }
        }
        ControlFlow::Continue(())
    }
}

/// The calls of all expressions of a SELECT.
pub(super) fn calls(select: &Select) -> Calls {
    let mut calls = Calls::default();
    let clauses = [&select.selection, &select.having, &select.qualify];
    for clause in clauses.into_iter().flatten() {
        let _: ControlFlow<()> = clause.visit(&mut calls);
    }
    let _: ControlFlow<()> = select.projection.visit(&mut calls);
    let _: ControlFlow<()> = select.group_by.visit(&mut calls);
    let ons = select.from.iter().flat_map(|table| &table.joins);
    for on in ons.filter_map(|join| constraint(&join.join_operator)) {
        let _: ControlFlow<()> = on.visit(&mut calls);
    }
    calls
}

/// What a call with OVER is partitioned by.
pub(super) fn partition(call: &Function, scope: &Scope) -> Option<Attrs> {
    match call.over.as_ref()? {
        WindowType::WindowSpec(spec) => {
            Some(spec.partition_by.iter().map(|one| attr(one, scope)).collect())
        }
        WindowType::NamedWindow(_) => None,
    }
}

fn is_row_number(call: &Function) -> bool {
    call.over.is_some() && call.name.to_string().eq_ignore_ascii_case("row_number")
}

/// `ROW_NUMBER() OVER (...) = 1` among what must hold.
fn first_only(select: &Select) -> Vec<&Function> {
    let Some(condition) = &select.qualify else { return Vec::new() };
    let one = |expr: &Expr| match expr {
        Expr::Value(value) => value.value.to_string() == "1",
        _ => false,
    };
    let picked = |one_of: &'_ Expr| matches!(one_of, Expr::Function(call) if is_row_number(call));
    conjuncts(condition)
        .into_iter()
        .filter_map(|part| match part {
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
                if picked(left) && one(right) { Some(&**left) } else { None }
            }
            Expr::BinaryOp { left, op: BinaryOperator::LtEq, right } => {
                if picked(left) && one(right) { Some(&**left) } else { None }
            }
            _ => None,
        })
        .filter_map(|expr| match expr {
            Expr::Function(call) => Some(call),
            _ => None,
        })
        .collect()
}

/// Which columns of the result tell its rows apart.
pub(super) fn keys(
    select: &Select,
    exprs: &[&Expr],
    scope: &Scope,
    rows: &Rows,
    wanted: &Key,
) -> Vec<Key> {
    let mut rows = rows.clone();
    let found = calls(select);
    let groups = groups(select, scope);
    let target = if !groups.is_empty() {
        groups.iter().map(|one| attr(one, scope)).collect()
    } else if found.aggregates {
        // One row, whatever it holds.
        return vec![Key::new()];
    } else {
        rows.all()
    };
    for expr in exprs.iter().copied().chain(groups.iter().copied()) {
        let made = parts(expr, scope);
        if made.plain {
            rows.laws.push((columns_of(&made), Attrs::from([attr(expr, scope)])));
        }
        if let Expr::Function(call) = expr
            && is_row_number(call)
            && let Some(mut part) = partition(call, scope)
        {
            part.insert(attr(expr, scope));
            rows.laws.push((part, target.clone()));
        }
    }
    for call in first_only(select) {
        if let Some(part) = partition(call, scope) {
            rows.laws.push((part, target.clone()));
        }
    }
    let shown: Vec<Attr> = exprs.iter().map(|one| attr(one, scope)).collect();
    let attrs = |key: &Key| key.iter().filter_map(|at| shown.get(*at)).cloned().collect::<Attrs>();
    let all: Key = (0..exprs.len()).collect();
    let whole = select.distinct.is_some().then(|| attrs(&all));
    let determined = |key: &Key| {
        let attrs = attrs(key);
        rows.determine(&attrs, &target)
            || whole.as_ref().is_some_and(|whole| rows.determine(&attrs, whole))
    };
    minimal(&all, wanted, determined)
}

/// Small sets of columns that determine the rest: as many as there are orders to leave columns out.
pub(super) fn minimal(all: &Key, wanted: &Key, determined: impl Fn(&Key) -> bool) -> Vec<Key> {
    /// Wider results are looked at in one order only.
    const ORDERS_MAX: usize = 16;
    if !determined(all) {
        return Vec::new();
    }
    let mut keys: BTreeSet<Key> = BTreeSet::new();
    if !wanted.is_empty() && determined(wanted) {
        keys.insert(wanted.clone());
    }
    for start in 0..all.len().clamp(1, ORDERS_MAX) {
        let mut key = all.clone();
        for at in all.iter().rev().cycle().skip(start).take(all.len()) {
            key.remove(at);
            if !determined(&key) {
                key.insert(*at);
            }
        }
        keys.insert(key);
    }
    keys.into_iter().collect()
}

/// Why the rows of one window cannot be computed from that window's rows alone; none: they can. `expr` is the window.
pub(super) fn crosses(
    select: &Select,
    expr: &Expr,
    scope: &Scope,
    rows: &Rows,
) -> Result<(), String> {
    let made = parts(expr, scope);
    let mut columns = made.columns.iter();
    let (Some(column), None, true) = (columns.next(), columns.next(), made.plain) else {
        return Err(format!("`{expr}` is not made of one column"));
    };
    let of = scope.get(column.0).and_then(|one| one.columns.as_ref()?.get(column.1));
    if let Some(Err(why)) = of.map(|column| &column.local) {
        return Err(why.clone());
    }
    let found = calls(select);
    if found.subquery {
        return Err("a subquery in an expression reads rows of every window".to_owned());
    }
    if let Some(call) = found.volatile {
        return Err(format!("`{call}` answers otherwise at another time"));
    }
    for (at, relation) in scope.iter().enumerate().filter(|(at, _)| *at != column.0) {
        if !follows(at, relation, *column, rows) {
            return Err(format!(
                "a row of `{}` belongs to more than one window: when it changes, windows would change that are closed",
                relation.alias
            ));
        }
    }
    let own = attr(expr, scope);
    let bare = Attr::Column(column.0, column.1);
    let groups = groups(select, scope);
    if (found.aggregates || !groups.is_empty())
        && !groups.iter().any(|one| attr(one, scope) == own || attr(one, scope) == bare)
    {
        return Err(format!("the query aggregates over more than one `{expr}`"));
    }
    for call in &found.windows {
        let part = partition(call, scope).unwrap_or_default();
        if !part.contains(&own) && !part.contains(&bare) {
            return Err(format!(
                "`{call}` looks across windows: it is not partitioned by `{expr}`"
            ));
        }
    }
    Ok(())
}

/// Whether the rows of a table stay within the window of the rows that they are joined to.
fn follows(at: usize, relation: &Relation, column: (usize, usize), rows: &Rows) -> bool {
    if !rows.belongs(at, column) {
        return false;
    }
    let mut own = relation.columns.iter().flatten().enumerate();
    relation.base || own.any(|(place, one)| one.local.is_ok() && rows.same((at, place), column))
}

/// Columns of UNION ALL: a key of every branch, and a literal that differs in each.
pub(super) fn discriminated(branches: &[(&[Output], &[Key])]) -> Vec<Key> {
    let Some((first, keys)) = branches.first() else { return Vec::new() };
    let differs = |at: &usize| {
        let literals: Option<BTreeSet<&String>> =
            branches.iter().map(|(outputs, _)| outputs.get(*at)?.literal.as_ref()).collect();
        literals.is_some_and(|literals| literals.len() == branches.len())
    };
    let Some(at) = (0..first.len()).find(differs) else { return Vec::new() };
    let mut all = Vec::new();
    // Keys of the first that, perhaps widened by a key of each other, hold everywhere.
    for key in *keys {
        let mut wide = key.clone();
        wide.insert(at);
        for (_, others) in branches.iter().skip(1) {
            if let Some(other) = others.iter().min_by_key(|other| other.difference(&wide).count()) {
                wide.extend(other);
            } else {
                return Vec::new();
            }
        }
        all.push(wide);
    }
    all
}
