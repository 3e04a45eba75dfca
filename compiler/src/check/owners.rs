//! Every field has a source, and exactly one where versions decide.

use covenant_model::spec::MergeRule;

use super::{Cx, finding, is_key, merge_rules, owners};
use crate::diagnostic::codes;

pub(super) fn check(cx: &Cx<'_>) {
    for entity in &cx.ir.entities {
        for (ix, field) in entity.sound_fields() {
            let owners = owners(field);
            if owners.is_empty() {
                cx.report(
                    finding(
                        &codes::NO_SOURCE,
                        cx.field(&entity.spec.name, &field.name),
                        format!("no source tells `{}`", field.name),
                    )
                    .why("it would always be null")
                    .help("add `from: <source>`"),
                );
            }
            // Two sources of a key field are a matter of existence, and reported as that.
            let by_version = matches!(field.merge, MergeRule::Latest | MergeRule::First);
            if owners.len() > 1 && by_version && !is_key(&entity.spec, ix) {
                cx.report(
                    finding(
                        &codes::TWO_OWNERS,
                        cx.attribute(&entity.spec.name, &field.name, "from"),
                        format!("`{}` has two owners under `{}`: {}", field.name, merge_rules::name_of(field.merge), owners.join(", ")),
                    )
                    .why("their versions have no common order, so the outcome would depend on which arrives last")
                    .help(
                        "let one source own it, or say how values compete: `merge: ranked`, `max` or `min`",
                    ),
                );
            }
        }
    }
}
