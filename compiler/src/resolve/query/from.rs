//! FROM: what a query reads, and how it is joined.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the grammar of SQL is large and grows; what a contract may use is listed, the rest is refused"
)]

use covenant_model::spec::RowUse;
use sqlparser::ast::{
    Ident, JoinConstraint, JoinOperator, ObjectName, TableFactor, TableWithJoins,
};

use super::rows::Key;
use super::{Column, Lineage, Reading, Relation, Rowset, Scope, Visible, flatten, fold, with};
use crate::diagnostic::codes;
use crate::source::Span;

impl Reading<'_> {
    pub(super) fn table(&mut self, table: &TableWithJoins, outer: &[Scope], scope: &mut Scope) {
        self.factor(&table.relation, outer, scope);
        for join in &table.joins {
            self.factor(&join.relation, outer, scope);
        }
    }

    fn factor(&mut self, factor: &TableFactor, outer: &[Scope], scope: &mut Scope) {
        self.table_in_subset(factor);
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let (columns, keys, base) = self
                    .named(name)
                    .map_or((None, Vec::new(), true), |one| (Some(one.0), one.1, one.2));
                let last = name.0.last().and_then(|part| part.as_ident()).map(fold);
                let alias = alias.as_ref().map(|alias| fold(&alias.name)).or(last);
                let alias = alias.unwrap_or_default();
                scope.push(Relation { alias, columns, keys, base, parents: None });
            }
            TableFactor::Derived { lateral, subquery, alias, .. } => {
                let parents = lateral.then(|| (0..scope.len()).collect());
                let around: Vec<Scope> = match lateral {
                    true => with(outer, scope.clone()),
                    false => outer.to_vec(),
                };
                let Rowset { mut outputs, keys } = self.query(subquery, &around);
                if let Some(alias) = alias {
                    self.rename(&mut outputs, alias);
                }
                let columns = outputs.into_iter().map(Visible::from).collect();
                let alias = alias.as_ref().map(|alias| fold(&alias.name)).unwrap_or_default();
                let columns = Some(columns);
                scope.push(Relation { alias, columns, keys, base: false, parents });
            }
            TableFactor::Function { lateral: true, name, args, with_ordinality: false, alias }
                if flatten::is_flatten(name) =>
            {
                self.flatten(args, alias.as_ref(), outer, scope);
            }
            // Table functions, PIVOT, joins in parentheses: dialects differ, and most have no readable lineage.
            other => {
                let headline = format!("`{other}` cannot be read by a model");
                let span = self.of(other);
                self.report(&codes::BAD_QUERY, span, headline, |at| {
                    at.help(
                        "read entities, models, subqueries and LATERAL FLATTEN, and join them without \
                         parentheses",
                    )
                });
                let alias = String::new();
                let (keys, base, parents) = (Vec::new(), true, None);
                scope.push(Relation { alias, columns: None, keys, base, parents });
            }
        }
    }

    /// Columns, keys, and whether it is no query.
    fn named(&mut self, name: &ObjectName) -> Option<(Vec<Visible>, Vec<Key>, bool)> {
        let idents: Vec<&Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
        let full = idents.iter().map(|part| fold(part)).collect::<Vec<_>>().join(".");
        if let Some((_, found)) = self.ctes.iter().rev().find(|(cte, _)| *cte == full) {
            let columns = found.outputs.iter().cloned().map(Visible::from).collect();
            return Some((columns, found.keys.clone(), false));
        }
        let Some(table) = self.catalog.get(&full) else {
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
            fact: column.fact.clone(),
            local: Ok(()),
        };
        let place = |name: &String| table.columns.iter().position(|one| one.name == *name);
        let key: Option<Key> = table.key.iter().map(place).collect();
        let keys = key.filter(|key| !key.is_empty()).into_iter().collect();
        Some((table.columns.iter().map(column).collect(), keys, true))
    }

    pub(super) fn joins(&mut self, table: &TableWithJoins, scopes: &[Scope]) {
        for join in &table.joins {
            match constraint(&join.join_operator) {
                Some(JoinConstraint::On(expr)) => {
                    self.calls(expr);
                    let (lineage, _) = self.expr(expr, scopes, &[]);
                    self.rows_by(lineage, RowUse::Join);
                }
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

/// The condition of a join.
pub(super) fn constraint(join: &JoinOperator) -> Option<&JoinConstraint> {
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
