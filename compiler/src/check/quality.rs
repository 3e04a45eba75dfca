//! Quality rules are checked where their fields are.

use covenant_model::spec::{OnFail, Protection};

use super::{Cx, finding};
use crate::diagnostic::codes;

pub(super) fn check(cx: &Cx<'_>) {
    for entity in &cx.ir.entities {
        let spec = &entity.spec;
        for rule in spec.quality.iter().filter(|rule| !rule.at_capture) {
            let path = format!("{}/quality/{}", spec.name, rule.name);
            let fields: Vec<_> =
                rule.expect.fields().into_iter().filter_map(|ix| spec.fields.get(ix)).collect();
            let told: Vec<String> = fields
                .iter()
                .map(|field| format!("`{}` by {}", field.name, super::owners(field).join(" and ")))
                .collect();
            if rule.on_fail == OnFail::Quarantine {
                cx.report(
                    finding(
                        &codes::CROSS_OWNER_QUARANTINE,
                        cx.value(&format!("{path}/on_fail")),
                        format!("rule `{}` cannot quarantine", rule.name),
                    )
                    .label(
                        cx.value(&format!("{path}/expect")),
                        "reads fields of more than one source",
                    )
                    .why(format!("told: {}", told.join(", ")))
                    .why("when both have been joined, the row is already there")
                    .help("say `on_fail: alarm`"),
                );
            }
            for field in fields {
                let unreadable =
                    field.pii.as_ref().is_some_and(|pii| pii.protect != Protection::Mask);
                if unreadable {
                    cx.report(
                        finding(
                            &codes::RULE_UNREADABLE,
                            cx.value(&format!("{path}/expect")),
                            format!("rule `{}` cannot read `{}`", rule.name, field.name),
                        )
                        .label(cx.attribute(&spec.name, &field.name, "pii"), "protected at capture")
                        .why("a rule over fields of two sources is checked in the warehouse, where it is unreadable")
                        .help("leave the field out of the rule"),
                    );
                }
            }
        }
    }
}
