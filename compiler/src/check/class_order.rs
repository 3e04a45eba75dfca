//! The order of classes holds together: no ring, and who stands above is protected at least as well.

use covenant_model::spec::Protection;

use super::{Cx, finding};
use crate::diagnostic::codes;
use crate::parse::PROJECT;

pub(super) fn check(cx: &Cx<'_>) {
    let project = &cx.ir.project;
    for (name, class) in &project.pii_classes {
        for (at, below) in class.terms.above.iter().enumerate() {
            let Some(lower) = project.pii_classes.get(below) else { continue };
            let span = cx.value(&format!("{PROJECT}/pii/classes/{name}/above/{at}"));
            if project.class_covers(below, name) {
                cx.report(
                    finding(
                        &codes::CLASS_ORDER,
                        span,
                        format!("class `{name}` stands above `{below}`, and below it, too"),
                    )
                    .why("the more sensitive of two classes is not known where each stands above the other")
                    .help("take one of the two out of `above`; what is the same is one class"),
                );
            } else if strength(class.protect) < strength(lower.protect) {
                cx.report(
                    finding(
                        &codes::CLASS_ORDER,
                        span,
                        format!("class `{name}` stands above `{below}` and is protected less"),
                    )
                    .label(
                        cx.value(&format!("{PROJECT}/pii/classes/{below}/protect")),
                        "protected like this",
                    )
                    .why("what is made of a class may be of one above it: that would show what was hidden")
                    .help(format!(
                        "protect `{name}` like `{below}` (`mask` is the weakest, then `encrypt`, `tokenize`, `drop`), or do not put it above"
                    )),
                );
            }
        }
    }
}

/// Weakest first.
fn strength(protect: Protection) -> u8 {
    match protect {
        Protection::Mask => 1,
        Protection::Encrypt => 2,
        Protection::Tokenize => 3,
        Protection::Drop => 4,
    }
}
