//! A column of a model that is less personal than what it is computed from says by what, and its expression really does
//! that. Only forms are accepted that can be told from the expression alone.

use covenant_model::spec::{ModelField, PiiSpec, Protection};
use covenant_model::terms::{Declassifier, Declassify};
use covenant_model::value::LogicalType;

use super::{Cx, finding};
use crate::diagnostic::{Diagnostic, codes};
use crate::ir::{Counted, ModelIr, Shape};

/// Smallest groups that hide anybody.
const GROUP_MIN: u32 = 3;

pub(super) fn check(cx: &Cx<'_>) {
    for model in cx.ir.models.iter().filter(|model| model.query_sound) {
        for field in &model.spec.fields {
            if let Some(declared) = field.declassify
                && let Err(Refused { headline, help }) = judge(cx, model, field, declared)
            {
                let at = cx.attribute(&model.spec.name, &field.name, "declassify");
                report(cx, finding(&codes::NOT_DECLASSIFIED, at, headline).help(help));
            }
        }
    }
}

fn report(cx: &Cx<'_>, diagnostic: Diagnostic) {
    cx.report(
        diagnostic
            .why("a column is only as impersonal as the query makes it, whatever is said of it"),
    );
}

/// The weakest protection that a column may have: `None` where it is declassified to nothing, `Some` where it stays
/// personal data of any class. Only of columns whose declaration holds.
pub(super) fn lowers(cx: &Cx<'_>, model: &ModelIr, field: &ModelField) -> Option<Declassifier> {
    let declared = field.declassify?;
    judge(cx, model, field, declared).ok().map(|()| declared.by)
}

struct Refused {
    headline: String,
    help: &'static str,
}

fn refused<T>(headline: String, help: &'static str) -> Result<T, Refused> {
    Err(Refused { headline, help })
}

fn judge(
    cx: &Cx<'_>,
    model: &ModelIr,
    field: &ModelField,
    declared: Declassify,
) -> Result<(), Refused> {
    let personal: Vec<(&(String, String), PiiSpec)> = field
        .lineage
        .iter()
        .filter_map(|source| Some((source, super::pii_models::class_of(cx, &source.0, &source.1)?)))
        .collect();
    if personal.is_empty() {
        let headline = format!("`{}` is computed from no personal data", field.name);
        return refused(headline, "remove `declassify`");
    }
    let by = declared.by;
    if (by == Declassifier::Count) != declared.min_group.is_some() {
        let headline = format!(
            "`by: {}` {} `min_group`",
            by.word(),
            match by {
                Declassifier::Count => "needs",
                Declassifier::Truncate | Declassifier::Bucket | Declassifier::Hash => "has no",
            }
        );
        return refused(headline, "a smallest group is for `by: count`, and needed there");
    }
    let shape = model.shapes.get(&field.name);
    match (by, shape) {
        (Declassifier::Count, Some(Shape::Count { group })) => {
            counted(cx, declared.min_group.unwrap_or(0), group.as_ref(), &personal)
        }
        (Declassifier::Hash, Some(Shape::Hash)) | (Declassifier::Bucket, Some(Shape::Bucket)) => {
            plaintext(field, by, &personal)
        }
        (Declassifier::Truncate, Some(Shape::Truncate { chars })) => {
            shorter(cx, field, *chars, &personal)?;
            plaintext(field, by, &personal)
        }
        (_, found) => {
            let found = found.map_or("nothing that is known to hide anybody", Shape::told);
            let headline =
                format!("`{}` says `by: {}`, and the query makes {found}", field.name, by.word());
            refused(headline, forms(by))
        }
    }
}

/// What an expression must look like.
fn forms(by: Declassifier) -> &'static str {
    match by {
        Declassifier::Truncate => {
            "write `LEFT(column, n)`, `SUBSTR(column, 1, n)`, `DATE_TRUNC('month', column)` or `EXTRACT(YEAR FROM column)`"
        }
        Declassifier::Bucket => {
            "write a CASE whose outcomes are literals, or `FLOOR(column / n) * n`"
        }
        Declassifier::Hash => "write `SHA256(column)` or `SHA2(column, 256)`, of one column",
        Declassifier::Count => {
            "write `COUNT(…)`, and `HAVING COUNT(DISTINCT <whose data it is>) >= min_group`"
        }
    }
}

/// Every group that is shown has enough different persons.
fn counted(
    cx: &Cx<'_>,
    min_group: u32,
    group: Option<&Counted>,
    personal: &[(&(String, String), PiiSpec)],
) -> Result<(), Refused> {
    if min_group < GROUP_MIN {
        let headline = format!("groups of {min_group} hide nobody");
        return refused(headline, "`min_group` is 3 or more; 10 is usual");
    }
    let Some(group) = group else {
        let headline = "no HAVING counts the persons of a group".to_owned();
        return refused(headline, forms(Declassifier::Count));
    };
    if group.at_least < min_group {
        let headline =
            format!("HAVING shows groups of {}, `min_group` promises {min_group}", group.at_least);
        return refused(headline, "raise the number in HAVING, or lower `min_group`");
    }
    for (source, _) in personal {
        if !person(cx, source).contains(&group.of) {
            let headline = format!(
                "HAVING counts {}.{}, which is not whose data {}.{} is",
                group.of.0, group.of.1, source.0, source.1
            );
            return refused(headline, "count the column that `subject` of the field names");
        }
    }
    Ok(())
}

/// Columns of which different values are different persons: the column itself, and its subject.
fn person(cx: &Cx<'_>, source: &(String, String)) -> Vec<(String, String)> {
    let mut found = vec![source.clone()];
    let (dataset, column) = source;
    let Some(entity) = cx.ir.entity(dataset) else { return found };
    let field = entity.spec.fields.iter().find(|field| field.name == *column);
    let Some(path) = field.and_then(|field| field.subject.as_ref()) else { return found };
    let mut stands = &entity.spec;
    let mut parts = path.split('.').peekable();
    while let Some(part) = parts.next() {
        let Some(field) = stands.fields.iter().find(|field| field.name == part) else { break };
        if parts.peek().is_none() {
            found.push((stands.name.clone(), part.to_owned()));
            break;
        }
        let Some(next) = field.references.as_ref().and_then(|name| cx.ir.entity(name)) else {
            break;
        };
        stands = &next.spec;
    }
    found
}

/// Fewer characters than there were.
fn shorter(
    cx: &Cx<'_>,
    field: &ModelField,
    chars: Option<u32>,
    personal: &[(&(String, String), PiiSpec)],
) -> Result<(), Refused> {
    let Some(chars) = chars else { return Ok(()) };
    for ((dataset, column), _) in personal {
        let most = cx.ir.entity(dataset).and_then(|entity| {
            let found = entity.spec.fields.iter().find(|field| field.name == *column)?;
            if let LogicalType::String { max_chars } = found.ty { max_chars } else { None }
        });
        if most.is_some_and(|most| chars >= most) {
            let headline = format!("`{}` cuts nothing off {dataset}.{column}", field.name);
            return refused(headline, "keep fewer characters than the column has");
        }
    }
    Ok(())
}

/// What was protected at capture is no plaintext in the warehouse.
fn plaintext(
    field: &ModelField,
    by: Declassifier,
    personal: &[(&(String, String), PiiSpec)],
) -> Result<(), Refused> {
    for ((dataset, column), pii) in personal {
        let what = match pii.protect {
            Protection::Mask => continue,
            Protection::Encrypt => "encrypted",
            Protection::Tokenize => "a token",
            Protection::Drop => "never landed",
        };
        let headline = format!(
            "`{}` would {} what is stored of {dataset}.{column}, and that is {what}",
            field.name,
            by.word()
        );
        return refused(
            headline,
            "keep the class; only masked columns hold what can be cut or hashed",
        );
    }
    Ok(())
}
