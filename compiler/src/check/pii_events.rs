//! What tells events apart and puts them in order stands in versions, file statistics and answers to producers: in the open, so it is nobody's
//! data.

use covenant_model::spec::SourceSpec;

use super::{Cx, finding};
use crate::diagnostic::codes;

pub(super) fn check(cx: &Cx<'_>) {
    for entity in &cx.ir.entities {
        let spec = &entity.spec;
        for (source, of) in &spec.sources {
            let SourceSpec::Stream { event_id, order, occurred_at, .. } = of else { continue };
            let members = [
                ("event_id", Some(event_id)),
                ("order", order.as_ref()),
                ("occurred_at", Some(occurred_at)),
            ];
            for (word, member) in members {
                let Some(member) = member else { continue };
                let told = spec
                    .fields
                    .iter()
                    .find(|field| field.pii.is_some() && field.from.get(source) == Some(member));
                let Some((field, pii)) = told.and_then(|one| Some((one, one.pii.as_ref()?))) else {
                    continue;
                };
                cx.report(
                    finding(
                        &codes::PII_EVENT,
                        cx.value(&format!("{}/sources/{source}/{word}", spec.name)),
                        format!("`{member}` is personal data, and `{word}` of the events"),
                    )
                    .label(
                        cx.attribute(&spec.name, &field.name, "pii"),
                        format!("`{}` is told by it: class `{}`", field.name, pii.class),
                    )
                    .why("it stands in versions and in answers to producers, in the open, and cannot be erased there")
                    .help("let producers send an id, a sequence and a time of their own"),
                );
            }
        }
    }
}
