//! The part of SELECT that all warehouses share. What is outside is refused where it stands.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the grammar of SQL is large and grows; what is not listed is no text"
)]

use std::collections::BTreeSet;

use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, JoinOperator, Query, Select, SelectItem, SetExpr, SetOperator,
    SetQuantifier, TableFactor, Value,
};

use super::grain::{discriminated, minimal};
use super::rows::Key;
use super::{Reading, Rowset, Scope, fold};
use crate::diagnostic::codes;
use crate::source::Span;

/// A text that is spelled out.
pub(super) fn text_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Nested(inner) => text_of(inner),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

impl Reading<'_> {
    fn outside(&mut self, span: Span, what: &str, instead: &str) {
        let headline = format!("{what} is outside of the SQL that all warehouses share");
        let instead = instead.to_owned();
        self.report(&codes::BAD_QUERY, span, headline, |at| at.help(instead));
    }

    pub(super) fn query_in_subset(&mut self, query: &Query) {
        let span = self.of(query);
        if query.with.as_ref().is_some_and(|with| with.recursive) {
            self.outside(span, "WITH RECURSIVE", "write the levels out as CTEs, one by one");
        }
        let more = query.for_clause.is_some()
            || query.settings.is_some()
            || query.format_clause.is_some()
            || !query.locks.is_empty()
            || !query.pipe_operators.is_empty();
        if more {
            self.outside(span, "what follows the query", "end it after ORDER BY or LIMIT");
        }
    }

    pub(super) fn select_in_subset(&mut self, select: &Select) {
        let span = self.of(select);
        let found = [
            (select.top.is_some(), "TOP", "write LIMIT at the end"),
            (matches!(select.distinct, Some(Distinct::On(_))), "DISTINCT ON", FIRST_ROW),
            (select.into.is_some(), "SELECT INTO", "a model's table is named under `sinks`"),
            (select.exclude.is_some(), "EXCLUDE", "write the columns out"),
            (!select.lateral_views.is_empty(), "LATERAL VIEW", "read a table of the parts"),
            (select.prewhere.is_some(), "PREWHERE", "write WHERE"),
            (!select.connect_by.is_empty(), "CONNECT BY", "write the levels out as CTEs"),
            (!select.named_window.is_empty(), "WINDOW", "write each window behind its OVER"),
            (
                !select.cluster_by.is_empty()
                    || !select.distribute_by.is_empty()
                    || !select.sort_by.is_empty(),
                "CLUSTER, DISTRIBUTE or SORT BY",
                "leave it out: a table has no order",
            ),
            (
                match &select.group_by {
                    GroupByExpr::All(_) => true,
                    GroupByExpr::Expressions(all, more) => {
                        !more.is_empty()
                            || all.iter().any(|one| {
                                matches!(
                                    one,
                                    Expr::Rollup(_) | Expr::Cube(_) | Expr::GroupingSets(_)
                                )
                            })
                    }
                },
                "GROUP BY ALL, ROLLUP, CUBE or GROUPING SETS",
                "write the columns out; levels are models of their own, joined by UNION ALL",
            ),
        ];
        for (_, what, instead) in found.into_iter().filter(|(there, _, _)| *there) {
            self.outside(span, what, instead);
        }
        for join in select.from.iter().flat_map(|table| &table.joins) {
            self.join_in_subset(&join.join_operator, &join.relation);
        }
    }

    /// A table is read as it is: not sampled, not as of another time.
    pub(super) fn table_in_subset(&mut self, factor: &TableFactor) {
        let plain = match factor {
            TableFactor::Table {
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
                ..
            } => {
                with_hints.is_empty()
                    && version.is_none()
                    && !with_ordinality
                    && partitions.is_empty()
                    && json_path.is_none()
                    && sample.is_none()
                    && index_hints.is_empty()
            }
            TableFactor::Derived { sample, .. } => sample.is_none(),
            _ => true,
        };
        if !plain {
            let span = self.of(factor);
            self.outside(span, "what follows the table's name", "read the table as it is");
        }
    }

    fn join_in_subset(&mut self, operator: &JoinOperator, relation: &TableFactor) {
        let shared = matches!(
            operator,
            JoinOperator::Join(_)
                | JoinOperator::Inner(_)
                | JoinOperator::Left(_)
                | JoinOperator::LeftOuter(_)
                | JoinOperator::Right(_)
                | JoinOperator::RightOuter(_)
                | JoinOperator::FullOuter(_)
                | JoinOperator::CrossJoin(_)
        );
        if !shared {
            let span = self.of(relation);
            let instead = "write JOIN, LEFT JOIN, RIGHT JOIN, FULL JOIN or CROSS JOIN; EXISTS for a semi join";
            self.outside(span, "this kind of join", instead);
        }
    }

    /// `*`: refused with the columns that it stands for.
    pub(super) fn star(&mut self, item: &SelectItem, scopes: &[Scope]) {
        let of = match item {
            SelectItem::QualifiedWildcard(
                sqlparser::ast::SelectItemQualifiedWildcardKind::ObjectName(name),
                _,
            ) => name.0.last().and_then(|part| part.as_ident()).map(fold),
            _ => None,
        };
        let relations = scopes.last().into_iter().flatten();
        let relations = relations.filter(|one| of.as_ref().is_none_or(|of| one.alias == *of));
        let columns: Vec<String> = relations
            .flat_map(|one| {
                let columns = one.columns.iter().flatten().filter(|column| !column.dropped);
                columns.map(|column| match one.alias.as_str() {
                    "" => column.name.clone(),
                    alias => format!("{alias}.{}", column.name),
                })
            })
            .collect();
        let headline = format!("`{item}` does not name its columns");
        let span = self.of(item);
        self.report(&codes::SELECT_STAR, span, headline, |at| match columns.as_slice() {
            [] => at.help("write the columns out, each with its name"),
            all => at.help(format!("write the columns out: {}", all.join(", "))),
        });
    }

    /// UNION, INTERSECT, EXCEPT.
    pub(super) fn united(
        &mut self,
        (operator, quantifier): (SetOperator, SetQuantifier),
        mut left: Rowset,
        right: Rowset,
        body: &SetExpr,
    ) -> Rowset {
        let span = self.of(body);
        let union = operator == SetOperator::Union;
        match quantifier {
            SetQuantifier::All if union => {}
            SetQuantifier::None | SetQuantifier::Distinct => {}
            SetQuantifier::All => {
                self.outside(span, &format!("{operator} ALL"), "leave ALL out, or join");
            }
            SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName => {
                self.outside(span, "BY NAME", "write the columns in the same order");
            }
        }
        let (one, other) = (left.outputs.len(), right.outputs.len());
        if one != other {
            let headline = format!("{operator} joins a query of {one} columns and one of {other}");
            self.report(&codes::BAD_QUERY, span, headline, |at| {
                at.help("give both the same columns, in the same order")
            });
        }
        let mut keys = match (operator, quantifier) {
            (SetOperator::Union, SetQuantifier::All) => {
                discriminated(&[(&left.outputs, &left.keys), (&right.outputs, &right.keys)])
            }
            // What is left of the rows of the left.
            (SetOperator::Intersect | SetOperator::Except | SetOperator::Minus, _) => left.keys,
            (SetOperator::Union, _) => {
                discriminated(&[(&left.outputs, &left.keys), (&right.outputs, &right.keys)])
            }
        };
        if quantifier != SetQuantifier::All {
            let all: Key = (0..one).collect();
            keys.extend(minimal(&all, &BTreeSet::new(), |key| key.len() == one));
        }
        for (output, other) in left.outputs.iter_mut().zip(right.outputs) {
            let (one, two) = (&output.fact.given, &other.fact.given);
            if !one.meets(two) {
                let headline = format!(
                    "`{}` is {} in one query and {} in the other",
                    output.name,
                    one.describe(),
                    two.describe()
                );
                self.report(&codes::BAD_QUERY, other.span, headline, |at| {
                    at.help("give both the same type, with CAST")
                });
            }
            output.lineage.extend(other.lineage);
            output.direct = false;
            output.shape = None;
            output.literal = None;
            let of_right = output.fact.nullable || other.fact.nullable;
            output.fact.given = output.fact.given.clone().join(other.fact.given);
            output.fact.nullable = if union { of_right } else { output.fact.nullable };
            if output.local.is_ok() {
                output.local = other.local;
            }
        }
        Rowset { outputs: left.outputs, keys }
    }
}

/// What DISTINCT ON says, everywhere.
const FIRST_ROW: &str = "write QUALIFY ROW_NUMBER() OVER (PARTITION BY ... ORDER BY ...) = 1";
