//! Columns in a query: each is looked up in the scopes around it, innermost first.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the grammar of SQL is large and grows; the walk comes to what is inside the rest"
)]

use std::ops::ControlFlow;

use sqlparser::ast::{self, Expr, Ident, Query, Visit, Visitor};

use super::{Lineage, Output, Reading, Relation, Scope, Visible, fold};
use crate::diagnostic::{codes, nearest};

impl Reading<'_> {
    /// Reports what the expression reads and does not find; gives what it is computed from, and
    /// whether it is a column as it is. Names of `outputs` may be used too (ORDER BY, GROUP BY).
    pub(super) fn expr(
        &mut self,
        expr: &Expr,
        scopes: &[Scope],
        outputs: &[Output],
    ) -> (Lineage, bool) {
        let mut visit = Walk {
            reading: self,
            scopes,
            outputs,
            lineage: Lineage::new(),
            direct: true,
            inside: 0,
        };
        // The walk never breaks off.
        let _: ControlFlow<()> = expr.visit(&mut visit);
        let bare = matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        (visit.lineage, bare && visit.direct)
    }

    fn column(&mut self, parts: &[Ident], scopes: &[Scope], outputs: &[Output]) -> Option<Visible> {
        let (qualifier, name) = match parts {
            [name] => (None, name),
            [qualifier, name] => {
                self.like_a_table(qualifier, name);
                (Some(fold(qualifier)), name)
            }
            [.., last] => {
                let span = self.span(last);
                let headline = format!("`{}` has too many parts", joined(parts));
                self.report(&codes::UNKNOWN_COLUMN, span, headline, |at| {
                    at.help("give the table an alias and write `alias.column`")
                });
                return None;
            }
            [] => return None,
        };
        let column = fold(name);
        for scope in scopes.iter().rev() {
            let fits = |relation: &&Relation| {
                qualifier.as_ref().is_none_or(|alias| relation.alias == *alias)
            };
            let relations: Vec<&Relation> = scope.iter().filter(fits).collect();
            let found: Vec<Visible> = relations
                .iter()
                .filter_map(|relation| relation.columns.as_ref())
                .filter_map(|columns| columns.iter().find(|known| known.name == column))
                .cloned()
                .collect();
            if let Some(first) = self.found(name, found) {
                return Some(first);
            }
            if relations.iter().any(|relation| relation.columns.is_none()) {
                return None;
            }
        }
        if qualifier.is_none() && outputs.iter().any(|output| output.name == column) {
            return None;
        }
        self.missing(qualifier.as_deref(), name, scopes);
        None
    }

    /// Targets find tables by their names; a column that is written like one would be taken for it.
    fn like_a_table(&mut self, qualifier: &Ident, name: &Ident) {
        let full = format!("{}.{}", fold(qualifier), fold(name));
        if self.catalog.contains_key(&full) {
            let span = self.span(name);
            let headline =
                format!("the column `{full}` reads like the entity or model of that name");
            self.report(&codes::BAD_QUERY, span, headline, |at| at.help("choose another alias"));
        }
    }

    fn found(&mut self, name: &Ident, found: Vec<Visible>) -> Option<Visible> {
        let candidates = found.len();
        let first = found.into_iter().next()?;
        let span = self.span(name);
        if candidates > 1 {
            let headline = format!("`{}` could be a column of more than one table", name.value);
            self.report(&codes::AMBIGUOUS_COLUMN, span, headline, |at| {
                at.help("qualify it with the table's alias")
            });
        }
        if first.dropped {
            let headline = format!("`{}` is never landed", name.value);
            self.report(&codes::DROPPED_COLUMN, span, headline, |at| {
                at.why("its class of personal data is `drop`")
            });
        }
        Some(first)
    }

    fn missing(&mut self, qualifier: Option<&str>, name: &Ident, scopes: &[Scope]) {
        let span = self.span(name);
        let relations: Vec<&Relation> = scopes.iter().flatten().collect();
        if let Some(alias) = qualifier
            && !relations.iter().any(|relation| relation.alias == alias)
        {
            let near = nearest(alias, relations.iter().map(|relation| relation.alias.as_str()));
            let near = near.map(|near| format!("did you mean `{near}`?"));
            let headline = format!("no table here is called `{alias}`");
            self.report(&codes::UNKNOWN_COLUMN, span, headline, |at| match near {
                Some(near) => at.help(near),
                None => at.help("give the table that alias in FROM, or use one that is there"),
            });
            return;
        }
        let names: Vec<String> = relations
            .iter()
            .filter(|relation| qualifier.is_none_or(|alias| relation.alias == alias))
            .filter_map(|relation| relation.columns.as_ref())
            .flatten()
            .map(|known| known.name.clone())
            .collect();
        let headline = match qualifier {
            Some(alias) => format!("`{alias}` has no column `{}`", name.value),
            None => format!("no table here has a column `{}`", name.value),
        };
        self.report(&codes::UNKNOWN_COLUMN, span, headline, |at| {
            at.suggest(&name.value, names.iter().map(String::as_str))
        });
    }
}

fn joined(parts: &[Ident]) -> String {
    parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".")
}

/// Walks an expression. A subquery is read on its own, with the scopes around it, and not walked
/// into.
struct Walk<'r, 'a, 'b> {
    reading: &'r mut Reading<'a>,
    scopes: &'b [Scope],
    outputs: &'b [Output],
    lineage: Lineage,
    direct: bool,
    inside: usize,
}

impl Visitor for Walk<'_, '_, '_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.inside += 1;
        if self.inside == 1 {
            let found = self.reading.query(query, self.scopes);
            self.lineage.extend(found.outputs.into_iter().flat_map(|output| output.lineage));
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.inside -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if self.inside > 0 {
            return ControlFlow::Continue(());
        }
        let parts: &[ast::Ident] = match expr {
            Expr::Identifier(name) => std::slice::from_ref(name),
            Expr::CompoundIdentifier(parts) => parts,
            // The walk comes to what is inside the others.
            _ => return ControlFlow::Continue(()),
        };
        let column = self.reading.column(parts, self.scopes, self.outputs);
        self.direct &= column.as_ref().is_some_and(|column| column.direct);
        self.lineage.extend(column.into_iter().flat_map(|column| column.lineage));
        ControlFlow::Continue(())
    }
}
