//! Which rows FROM and WHERE give: what joins and conditions say of nulls, and what determines what.
//!
//! The reasoning is that of functional dependencies: the key of a table determines its row, and an equality determines
//! one side from the other.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the grammar of SQL is large and grows; of what is not listed nothing is concluded"
)]

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, CastKind, Expr, Ident, JoinOperator, Select, Visit, Visitor,
    visit_expressions_mut,
};

use super::facts::{column_name, find, surely};
use super::functions::{self, Sort};
use super::{Scope, constraint};

/// Something that a row of the join has one of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Attr {
    /// The row of a table.
    Row(usize),
    /// A column of a table, by their places.
    Column(usize, usize),
    /// A computed value, as it is written.
    Made(String),
}

pub(super) type Attrs = BTreeSet<Attr>;
/// Columns of a result, by their places.
pub(super) type Key = BTreeSet<usize>;

/// What determines what in the rows of a FROM.
#[derive(Clone, Default)]
pub(super) struct Rows {
    pub(super) laws: Vec<(Attrs, Attrs)>,
    /// What holds where rows meet, though an outer join gives others as well.
    meets: Vec<(Attrs, Attrs)>,
    tables: usize,
}

/// What an expression is made of.
pub(super) struct Parts {
    pub(super) columns: BTreeSet<(usize, usize)>,
    /// It asks for nothing but these columns and gives the same for the same.
    pub(super) plain: bool,
}

struct Taking<'s> {
    scope: &'s Scope,
    parts: Parts,
}

impl Visitor for Taking<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &sqlparser::ast::Query) -> ControlFlow<()> {
        self.parts.plain = false;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                match column_name(expr).and_then(|name| place(self.scope, &name)) {
                    Some(at) => drop(self.parts.columns.insert(at)),
                    None => self.parts.plain = false,
                }
            }
            Expr::Function(call) => {
                let scalar = functions::find(call).is_some_and(|one| one.sort == Sort::Scalar);
                self.parts.plain &= scalar && call.over.is_none();
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

pub(super) fn place(scope: &Scope, name: &(Option<String>, String)) -> Option<(usize, usize)> {
    let (table, _) = find(scope, name)?;
    let columns = scope.get(table)?.columns.as_ref()?;
    Some((table, columns.iter().position(|known| known.name == name.1)?))
}

/// What an expression is made of, in the scope.
pub(super) fn parts(expr: &Expr, scope: &Scope) -> Parts {
    let mut taking = Taking { scope, parts: Parts { columns: BTreeSet::new(), plain: true } };
    // The walk never breaks off.
    let _: ControlFlow<()> = expr.visit(&mut taking);
    taking.parts
}

/// The same for the same; a column in parentheses is the column.
pub(super) fn attr(expr: &Expr, scope: &Scope) -> Attr {
    match column_name(expr).and_then(|name| place(scope, &name)) {
        Some((table, column)) => Attr::Column(table, column),
        None => Attr::Made(folded(&normal(expr, scope).to_string())),
    }
}

/// One writing for what is the same: columns by their places, CAST for `::`, no parentheses.
fn normal(expr: &Expr, scope: &Scope) -> Expr {
    let mut all = expr.clone();
    // The walk never breaks off.
    let _: ControlFlow<()> = visit_expressions_mut(&mut all, |one| {
        match one {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                if let Some(at) = column_name(one).and_then(|name| place(scope, &name)) {
                    *one = Expr::Identifier(Ident::new(format!("#{}.{}", at.0, at.1)));
                }
            }
            Expr::Cast { kind: kind @ CastKind::DoubleColon, .. } => *kind = CastKind::Cast,
            Expr::Nested(inner) => {
                let inner = (**inner).clone();
                *one = inner;
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    all
}

/// In lower case, but for what stands in quotes.
fn folded(text: &str) -> String {
    let mut quote = None;
    let fold = |found: char| {
        match quote {
            None if matches!(found, '\'' | '"') => quote = Some(found),
            Some(open) if open == found => quote = None,
            None | Some(_) => {}
        }
        if quote.is_some() { found } else { found.to_ascii_lowercase() }
    };
    text.chars().map(fold).collect()
}

pub(super) fn columns_of(parts: &Parts) -> Attrs {
    parts.columns.iter().map(|(table, column)| Attr::Column(*table, *column)).collect()
}

pub(super) fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Nested(inner) => conjuncts(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            conjuncts(left).into_iter().chain(conjuncts(right)).collect()
        }
        other => vec![other],
    }
}

fn closure(start: Attrs, laws: &[(Attrs, Attrs)]) -> Attrs {
    let mut all = start;
    loop {
        let before = all.len();
        for (from, to) in laws {
            if from.is_subset(&all) {
                all.extend(to.iter().cloned());
            }
        }
        if all.len() == before {
            return all;
        }
    }
}

impl Rows {
    /// Reads FROM and WHERE, and writes into the scope which columns may be null there.
    pub(super) fn of(select: &Select, scope: &mut Scope) -> Self {
        let mut rows = Self::default();
        for table in &select.from {
            let first = rows.tables;
            rows.enter(scope);
            for join in &table.joins {
                let at = rows.tables;
                rows.enter(scope);
                let on = match constraint(&join.join_operator) {
                    Some(sqlparser::ast::JoinConstraint::On(on)) => Some(on),
                    _ => None,
                };
                rows.join(&join.join_operator, on, first, at, scope);
            }
        }
        if let Some(condition) = &select.selection {
            rows.holds(condition, scope);
        }
        rows
    }

    fn enter(&mut self, scope: &Scope) {
        let at = self.tables;
        self.tables += 1;
        let Some(relation) = scope.get(at) else { return };
        let parents: Attrs = relation.parents.iter().flatten().map(|at| Attr::Row(*at)).collect();
        for key in &relation.keys {
            let own = key.iter().map(|column| Attr::Column(at, *column));
            let key = own.chain(parents.iter().cloned()).collect();
            self.laws.push((key, Attrs::from([Attr::Row(at)])));
        }
        // A row of what is lateral is a row of what it belongs to, and one of its own.
        self.laws.push((Attrs::from([Attr::Row(at)]), parents));
        let columns = relation.columns.as_ref().map_or(0, Vec::len);
        let columns = (0..columns).map(|column| Attr::Column(at, column)).collect();
        self.laws.push((Attrs::from([Attr::Row(at)]), columns));
    }

    fn join(
        &mut self,
        operator: &JoinOperator,
        on: Option<&Expr>,
        first: usize,
        at: usize,
        scope: &mut Scope,
    ) {
        match operator {
            JoinOperator::Join(_) | JoinOperator::Inner(_) => {
                if let Some(on) = on {
                    self.holds(on, scope);
                }
            }
            JoinOperator::CrossJoin(_) => {}
            JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => {
                self.padded(at..at + 1, scope);
                if let Some(on) = on {
                    self.meet(on, scope);
                    self.one_at_most(on, at, scope);
                }
            }
            JoinOperator::Right(_) | JoinOperator::RightOuter(_) => {
                self.padded(first..at, scope);
                on.into_iter().for_each(|on| self.meet(on, scope));
            }
            // FULL, and what is refused elsewhere.
            _ => {
                self.padded(first..at + 1, scope);
                on.into_iter().for_each(|on| self.meet(on, scope));
            }
        }
    }

    /// Tables that an outer join pads with nulls: a row of nulls must not be taken for one of theirs.
    fn padded(&mut self, tables: std::ops::Range<usize>, scope: &mut Scope) {
        let of = |attr: &Attr| match attr {
            Attr::Row(table) | Attr::Column(table, _) => Some(*table),
            Attr::Made(_) => None,
        };
        let never_null = |attr: &Attr| match attr {
            Attr::Column(table, column) => scope
                .get(*table)
                .and_then(|relation| relation.columns.as_ref()?.get(*column))
                .is_some_and(|column| !column.fact.nullable),
            Attr::Row(_) | Attr::Made(_) => true,
        };
        self.laws.retain(|(from, to)| {
            let touched = from.iter().chain(to).filter_map(of).any(|table| tables.contains(&table));
            let one = from.iter().chain(to).filter_map(of).collect::<BTreeSet<_>>().len() == 1;
            !touched || (one && !from.is_empty() && from.iter().all(never_null))
        });
        for relation in scope.iter_mut().take(tables.end).skip(tables.start) {
            for column in relation.columns.iter_mut().flatten() {
                column.fact.nullable = true;
            }
        }
    }

    /// A condition that every row passes.
    fn holds(&mut self, condition: &Expr, scope: &mut Scope) {
        for name in surely(condition) {
            if let Some((table, column)) = place(scope, &name)
                && let Some(columns) = scope.get_mut(table).and_then(|one| one.columns.as_mut())
                && let Some(column) = columns.get_mut(column)
            {
                column.fact.nullable = false;
            }
        }
        let equal = equalities(condition, scope, self.tables);
        self.laws.extend(equal.clone());
        self.meets.extend(equal);
    }

    fn meet(&mut self, on: &Expr, scope: &Scope) {
        self.meets.extend(equalities(on, scope, self.tables));
    }

    /// LEFT JOIN by a key: the row of the left decides which row it is, or that there is none.
    fn one_at_most(&mut self, on: &Expr, at: usize, scope: &Scope) {
        let Parts { columns, plain } = parts(on, scope);
        let left: Attrs = columns
            .iter()
            .filter(|(table, _)| *table != at)
            .map(|(table, column)| Attr::Column(*table, *column))
            .collect();
        let mut laws = equalities(on, scope, self.tables);
        laws.extend(self.laws.iter().filter(|(_, to)| to.contains(&Attr::Row(at))).cloned());
        if plain && closure(left.clone(), &laws).contains(&Attr::Row(at)) {
            self.laws.push((left, Attrs::from([Attr::Row(at)])));
        }
    }

    /// Whether rows with these values are one row.
    pub(super) fn determine(&self, start: &Attrs, target: &Attrs) -> bool {
        target.is_subset(&closure(start.clone(), &self.laws))
    }

    /// Whether a row of a table can only meet rows with one value of the column.
    pub(super) fn belongs(&self, table: usize, column: (usize, usize)) -> bool {
        let laws: Vec<_> = self.laws.iter().chain(&self.meets).cloned().collect();
        closure(Attrs::from([Attr::Row(table)]), &laws).contains(&Attr::Column(column.0, column.1))
    }

    /// Whether two columns are equal where their rows meet.
    pub(super) fn same(&self, one: (usize, usize), other: (usize, usize)) -> bool {
        one == other
            || closure(Attrs::from([Attr::Column(one.0, one.1)]), &self.meets)
                .contains(&Attr::Column(other.0, other.1))
    }

    pub(super) fn all(&self) -> Attrs {
        (0..self.tables).map(Attr::Row).collect()
    }
}

/// What the equalities of a condition determine. Between a number and a text nothing: `'01'` and `'1'` are both 1.
fn equalities(condition: &Expr, scope: &Scope, tables: usize) -> Vec<(Attrs, Attrs)> {
    let number = |attr: &Attr| match attr {
        Attr::Column(table, column) => scope
            .get(*table)
            .and_then(|one| one.columns.as_ref()?.get(*column))
            .is_some_and(|column| column.fact.given.scale().is_some()),
        Attr::Row(_) | Attr::Made(_) => false,
    };
    let column = |expr: &Expr| match attr(expr, scope) {
        Attr::Column(table, column) if table < tables => Some(Attr::Column(table, column)),
        _ => None,
    };
    let mut laws = Vec::new();
    for one in conjuncts(condition) {
        let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = one else { continue };
        match (column(left), column(right)) {
            (Some(a), Some(b)) if number(&a) == number(&b) => {
                laws.push((Attrs::from([a.clone()]), Attrs::from([b.clone()])));
                laws.push((Attrs::from([b]), Attrs::from([a])));
            }
            (Some(a), None) if matches!(**right, Expr::Value(_)) => {
                laws.push((Attrs::new(), Attrs::from([a])));
            }
            (None, Some(b)) if matches!(**left, Expr::Value(_)) => {
                laws.push((Attrs::new(), Attrs::from([b])));
            }
            _ => {}
        }
    }
    laws
}
