//! Merge rules other than `latest`: each needs what makes it a join.

use covenant_model::spec::{FieldIx, FieldSpec, KeyReuse, MergeRule, Protection};
use covenant_model::value::LogicalType;

use super::{Cx, finding, is_key, owners};
use crate::diagnostic::codes;
use crate::ir::EntityIr;

pub(super) fn check(cx: &Cx<'_>) {
    for entity in &cx.ir.entities {
        for (ix, field) in entity.sound_fields() {
            rule(cx, entity, ix, field);
            generation(cx, entity, field);
            transitions(cx, entity, field);
        }
    }
}

/// As it is written.
pub(super) fn name_of(rule: MergeRule) -> &'static str {
    match rule {
        MergeRule::Latest => "latest",
        MergeRule::Ranked => "ranked",
        MergeRule::Max => "max",
        MergeRule::Min => "min",
        MergeRule::First => "first",
    }
}

fn rule(cx: &Cx<'_>, entity: &EntityIr, ix: FieldIx, field: &FieldSpec) {
    if field.merge == MergeRule::Latest {
        return;
    }
    let name = &entity.spec.name;
    let merge = name_of(field.merge);
    let at = cx.attribute(name, &field.name, "merge");
    if entity.spec.key_reuse == KeyReuse::Allowed {
        cx.report(
            finding(
                &codes::REUSE_NEEDS_LATEST,
                at,
                format!("`merge: {merge}` of `{}` needs `key_reuse: never`", field.name),
            )
            .label(cx.value(&format!("{name}/key_reuse")), "keys of this entity may be used again")
            .why("the value of a deleted row would compete with that of the row that has its key now")
            .help("add `key_reuse: never` to the entity, or use `merge: latest`"),
        );
    }
    let dropped = field.pii.as_ref().is_some_and(|pii| pii.protect == Protection::Drop);
    if is_key(&entity.spec, ix) || dropped {
        let what = if dropped { "is never landed" } else { "is part of the key" };
        cx.report(
            finding(
                &codes::NOTHING_TO_MERGE,
                at,
                format!("`{}` {what}, so there is nothing to merge", field.name),
            )
            .help("remove `merge`"),
        );
    }
    let is_enum = matches!(field.ty, LogicalType::Enum { .. });
    let ty = cx.attribute(name, &field.name, "type");
    if field.merge == MergeRule::Ranked && !is_enum {
        cx.report(
            finding(
                &codes::RANKED_TYPE,
                at,
                format!("`{}` is of type {}, which has no ranks", field.name, field.ty),
            )
            .label(ty, "only the symbols of an enum have a declared order")
            .help("declare `type: enum [first, ..., last]`"),
        );
    }
    let by_value = matches!(field.merge, MergeRule::Max | MergeRule::Min);
    if by_value && !orderable(&field.ty) {
        cx.report(
            finding(
                &codes::UNORDERABLE,
                at,
                format!("`{}` is of type {}, which has no {merge}", field.name, field.ty),
            )
            .label(ty, "systems order such values differently, or not at all")
            .help("`max` and `min` take whole numbers, decimals, dates, timestamps and flags"),
        );
    }
}

/// Types whose order is the same in every target, and fits a guard.
fn orderable(ty: &LogicalType) -> bool {
    match ty {
        LogicalType::Bool
        | LogicalType::Int32
        | LogicalType::Int64
        | LogicalType::Decimal { .. }
        | LogicalType::Date
        | LogicalType::Timestamp => true,
        LogicalType::String { .. }
        | LogicalType::Uuid
        | LogicalType::Enum { .. }
        | LogicalType::Json
        | LogicalType::Bytes => false,
    }
}

fn generation(cx: &Cx<'_>, entity: &EntityIr, field: &FieldSpec) {
    let Some(ix) = field.generation else { return };
    let Some(counter) = entity.spec.fields.get(ix) else { return };
    if entity.unsound.contains(&ix) {
        return;
    }
    let integer = matches!(counter.ty, LogicalType::Int32 | LogicalType::Int64);
    let carried = !counter.nullable && !counter.optional && !counter.large;
    let shared = owners(counter).iter().any(|owner| owners(field).contains(owner));
    let wrong = [
        (field.merge != MergeRule::Ranked, "only `merge: ranked` counts generations"),
        (!integer, "it is no whole number"),
        (!carried, "a change may come without it"),
        (!shared, "no source tells both"),
    ];
    for (_, why) in wrong.iter().filter(|(wrong, _)| *wrong) {
        cx.report(
            finding(
                &codes::BAD_GENERATION,
                cx.attribute(&entity.spec.name, &field.name, "generation"),
                format!("`{}` cannot count the generations of `{}`", counter.name, field.name),
            )
            .label(cx.field(&entity.spec.name, &counter.name), "declared here")
            .why(*why),
        );
    }
}

fn transitions(cx: &Cx<'_>, entity: &EntityIr, field: &FieldSpec) {
    if field.transitions.is_empty() {
        return;
    }
    let name = &entity.spec.name;
    let LogicalType::Enum { symbols } = &field.ty else {
        cx.report(
            finding(
                &codes::TRANSITIONS_TYPE,
                cx.key(&format!("{name}/fields/{}/transitions", field.name)),
                format!("`{}` is of type {}, which has no states", field.name, field.ty),
            )
            .help("declare `type: enum [...]`, or remove `transitions`"),
        );
        return;
    };
    if field.merge != MergeRule::Ranked || field.generation.is_some() {
        return;
    }
    let rank = |state: &String| symbols.iter().position(|symbol| symbol == state);
    for (state, successors) in &field.transitions {
        for (at, next) in successors.iter().enumerate() {
            let (Some(from), Some(to)) = (rank(state), rank(next)) else { continue };
            if to <= from {
                let path = format!("{name}/fields/{}/transitions/{state}/{at}", field.name);
                cx.report(
                    finding(
                        &codes::BAD_TRANSITION,
                        cx.value(&path),
                        format!("`{state}` outranks `{next}`, so the step would never be seen"),
                    )
                    .label(cx.attribute(name, &field.name, "type"), "the later state wins")
                    .help(
                        "reorder the enum, remove the step, or count corrections with `generation`",
                    ),
                );
            }
        }
    }
}
