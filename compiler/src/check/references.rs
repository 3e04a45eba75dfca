//! A reference has the type of the key that it refers to.

use super::{Cx, finding};
use crate::diagnostic::codes;

pub(super) fn check(cx: &Cx<'_>) {
    for entity in &cx.ir.entities {
        for (_, field) in entity.sound_fields() {
            let Some(target) = field.references.as_ref().and_then(|name| cx.ir.entity(name)) else {
                continue;
            };
            let at = cx.attribute(&entity.spec.name, &field.name, "references");
            let headline = match target.spec.key.as_slice() {
                [ix] if target.unsound.contains(ix) => continue,
                [ix] => match target.spec.fields.get(*ix) {
                    Some(key) if key.ty != field.ty => {
                        format!(
                            "`{}` is {}, the key of {} is {}",
                            field.name, field.ty, target.spec.name, key.ty
                        )
                    }
                    Some(_) | None => continue,
                },
                [] => continue,
                _ => format!(
                    "{} has a key of several fields, which one field cannot refer to",
                    target.spec.name
                ),
            };
            cx.report(
                finding(&codes::REFERENCE_TYPE, at, headline)
                    .label(cx.value(&format!("{}/key", target.spec.name)), "the key")
                    .why("joins and lookups would compare unlike things"),
            );
        }
    }
}
