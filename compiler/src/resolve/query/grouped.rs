//! What a SELECT that groups or aggregates may show: what it groups by, and aggregates.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the grammar of SQL is large and grows; the walk comes to what is inside the rest"
)]

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Query, Select, Visit, Visitor};

use super::facts::column_name;
use super::functions::{self, Sort};
use super::rows::{Attr, attr, place};
use super::{Reading, Scope, grain};
use crate::diagnostic::codes;

/// Walks an expression until it meets a column that is neither grouped by nor inside of an aggregate.
struct Loose<'s> {
    scope: &'s Scope,
    groups: &'s [Attr],
    /// Inside of what is grouped by, of an aggregate, or of a subquery, so deep.
    covered: usize,
    queries: usize,
    found: Option<Expr>,
}

impl Loose<'_> {
    fn covers(&self, expr: &Expr) -> bool {
        let aggregates = match expr {
            Expr::Function(call) => {
                let known = functions::find(call);
                // Of several values it takes any: it aggregates, too.
                let aggregate = known
                    .is_some_and(|one| one.sort == Sort::Aggregate || one.name() == "any_value");
                aggregate && call.over.is_none()
            }
            _ => false,
        };
        aggregates || self.groups.contains(&attr(expr, self.scope))
    }
}

impl Visitor for Loose<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if self.queries > 0 {
            return ControlFlow::Continue(());
        }
        if self.covered > 0 || self.covers(expr) {
            self.covered += 1;
            return ControlFlow::Continue(());
        }
        let column = column_name(expr).filter(|_| !matches!(expr, Expr::Nested(_)));
        if column.is_some_and(|name| place(self.scope, &name).is_some()) {
            self.found = Some(expr.clone());
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        if self.queries == 0 {
            self.covered = self.covered.saturating_sub(1);
        }
        ControlFlow::Continue(())
    }
}

impl Reading<'_> {
    /// Reports the first column of every expression that has no one value in a group.
    pub(super) fn grouped(&mut self, select: &Select, exprs: &[&Expr], scope: &Scope) {
        let groups = grain::groups(select, scope);
        if groups.is_empty() && !grain::calls(select).aggregates {
            return;
        }
        let groups: Vec<Attr> = groups.iter().map(|one| attr(one, scope)).collect();
        let clauses = [&select.having, &select.qualify];
        for expr in exprs.iter().copied().chain(clauses.into_iter().flatten()) {
            let mut loose = Loose { scope, groups: &groups, covered: 0, queries: 0, found: None };
            let _: ControlFlow<()> = expr.visit(&mut loose);
            let Some(found) = loose.found else { continue };
            let span = self.of(&found);
            let headline = format!("`{found}` is neither grouped by nor aggregated");
            self.report(&codes::BAD_QUERY, span, headline, |at| {
                at.help(format!("add it to GROUP BY, or aggregate it: `MAX({found})`"))
            });
        }
    }
}
