//! `key_change: rekey` makes moves, and moves must form a forest.

use covenant_model::spec::{KeyChange, KeyReuse};

use super::{Cx, finding};
use crate::diagnostic::codes;

pub(super) fn check(cx: &Cx<'_>) {
    for entity in &cx.ir.entities {
        let spec = &entity.spec;
        if spec.key_change == KeyChange::Rekey && spec.key_reuse == KeyReuse::Allowed {
            cx.report(
                finding(
                    &codes::REKEY_REUSE,
                    cx.value(&format!("{}/key_change", spec.name)),
                    "`key_change: rekey` needs `key_reuse: never`".to_owned(),
                )
                .label(cx.value(&format!("{}/key_reuse", spec.name)), "keys may be used again")
                .why("what other owners know of the old row moves along; a key used again would mix two rows")
                .help("add `key_reuse: never`, or `key_change: reject`"),
            );
        }
    }
}
