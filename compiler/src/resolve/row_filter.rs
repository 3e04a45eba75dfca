//! `where` of a PostgreSQL source: comparisons of key fields with literals, joined by AND.

use std::collections::BTreeSet;

use covenant_model::expr::{Comparison, Expr};
use covenant_model::spec::{EntitySpec, FieldIx, RowCondition, RowFilter, RowLiteral, SourceSpec};
use covenant_model::value::LogicalType;

use super::{Cx, expr};
use crate::ast::EntityDecl;
use crate::diagnostic::{Diagnostic, codes};

/// Reads the filter of every source that has one.
pub(super) fn resolve(
    cx: &Cx<'_>,
    decl: &EntityDecl,
    spec: &mut EntitySpec,
    unsound: &BTreeSet<FieldIx>,
) {
    let mut found = Vec::new();
    for source in &decl.sources {
        let Some(text) = &source.filter else { continue };
        if !matches!(spec.sources.get(&source.name), Some(SourceSpec::Postgres { .. })) {
            continue;
        }
        let path = format!("{}/sources/{}/where", decl.head.name, source.name);
        let Some(rule) = expr::resolve(cx, spec, unsound, text, &path) else { continue };
        let mut all = Vec::new();
        match flatten(spec, &rule, &mut all) {
            Ok(()) => found.push((source.name.clone(), RowFilter { text: text.clone(), all })),
            Err(wrong) => cx.sink.push(
                Diagnostic::new(&codes::ROW_FILTER, cx.at(&path), format!("`{text}` {wrong}"))
                    .why(
                        "rows enter and leave a table's filter only where their key changes: over another column they would \
                         leave without a word, and stay in every target",
                    )
                    .help("compare key fields with literals: `region = 'eu'`, `region IN ('eu', 'us')`, `shop_id >= 100`, joined by AND"),
            ),
        }
    }
    for (name, rows) in found {
        if let Some(SourceSpec::Postgres { filter, .. }) = spec.sources.get_mut(&name) {
            *filter = Some(rows);
        }
    }
}

/// Conditions of a conjunction, or why it is none.
fn flatten(spec: &EntitySpec, rule: &Expr, all: &mut Vec<RowCondition>) -> Result<(), String> {
    match rule {
        Expr::And(left, right) => {
            flatten(spec, left, all)?;
            flatten(spec, right, all)
        }
        Expr::Compare(is, left, right) => {
            let (field, is, literal) = match (&**left, &**right) {
                (Expr::Field(field), other) => (*field, *is, other),
                (other, Expr::Field(field)) => (*field, turned(*is), other),
                _ => return Err("compares no field with a literal".to_owned()),
            };
            all.push(condition(spec, field, is, std::slice::from_ref(literal))?);
            Ok(())
        }
        Expr::In(inner, options) => listed(spec, inner, Comparison::Equal, options, all),
        Expr::Not(inner) => match &**inner {
            Expr::In(inner, options) => listed(spec, inner, Comparison::NotEqual, options, all),
            Expr::Field(_)
            | Expr::Number { .. }
            | Expr::Text(_)
            | Expr::Bool(_)
            | Expr::Arithmetic(..)
            | Expr::Compare(..)
            | Expr::And(..)
            | Expr::Or(..)
            | Expr::Not(_)
            | Expr::IsNull(_) => Err("negates something else than IN".to_owned()),
        },
        Expr::Or(..) => Err("has an OR; several values of one field are `IN (...)`".to_owned()),
        Expr::IsNull(_) => Err("asks for NULL, which no key is".to_owned()),
        Expr::Field(_)
        | Expr::Number { .. }
        | Expr::Text(_)
        | Expr::Bool(_)
        | Expr::Arithmetic(..) => Err("is no comparison of a field with a literal".to_owned()),
    }
}

fn listed(
    spec: &EntitySpec,
    inner: &Expr,
    is: Comparison,
    options: &[Expr],
    all: &mut Vec<RowCondition>,
) -> Result<(), String> {
    let Expr::Field(field) = inner else {
        return Err("asks for a value of something else than a field".to_owned());
    };
    all.push(condition(spec, *field, is, options)?);
    Ok(())
}

fn condition(
    spec: &EntitySpec,
    field: FieldIx,
    is: Comparison,
    literals: &[Expr],
) -> Result<RowCondition, String> {
    let Some(of) = spec.fields.get(field) else {
        return Err("names no field".to_owned());
    };
    if !spec.key.contains(&field) {
        return Err(format!("reads `{}`, which is no part of the key", of.name));
    }
    match (&of.ty, is) {
        (LogicalType::Int32 | LogicalType::Int64, _)
        | (LogicalType::String { .. }, Comparison::Equal | Comparison::NotEqual) => {}
        (
            // Texts are not ordered by any rule; that was refused before.
            LogicalType::String { .. }
            | LogicalType::Bool
            | LogicalType::Decimal { .. }
            | LogicalType::Uuid
            | LogicalType::Date
            | LogicalType::Timestamp
            | LogicalType::Enum { .. }
            | LogicalType::Json
            | LogicalType::Bytes,
            _,
        ) => {
            return Err(format!(
                "compares `{}`, which is {}: only whole numbers and texts mean the same on both sides",
                of.name, of.ty
            ));
        }
    }
    let to = literals.iter().map(literal).collect::<Result<Vec<_>, _>>()?;
    Ok(RowCondition { field, is, to })
}

fn literal(expr: &Expr) -> Result<RowLiteral, String> {
    match expr {
        Expr::Number { unscaled, scale: 0 } => Ok(RowLiteral::Int(*unscaled)),
        Expr::Text(text) if text.contains('\\') => Err(
            "compares with a text that has a backslash, which servers show in more than one way"
                .to_owned(),
        ),
        Expr::Text(text) => Ok(RowLiteral::Text(text.clone())),
        Expr::Number { .. } => Err("compares with a number that is not whole".to_owned()),
        Expr::Field(_)
        | Expr::Bool(_)
        | Expr::Arithmetic(..)
        | Expr::Compare(..)
        | Expr::And(..)
        | Expr::Or(..)
        | Expr::Not(_)
        | Expr::IsNull(_)
        | Expr::In(..) => Err("compares with something else than a literal".to_owned()),
    }
}

/// The comparison with its sides exchanged.
fn turned(is: Comparison) -> Comparison {
    match is {
        Comparison::Equal => Comparison::Equal,
        Comparison::NotEqual => Comparison::NotEqual,
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
    }
}
