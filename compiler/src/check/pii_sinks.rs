//! Personal data goes only where its class lets it, and in plaintext only for a purpose.

use covenant_model::spec::{EntitySpec, FieldSpec, PiiSpec, Protection, SalesforceSink};

use super::{Cx, finding};
use crate::diagnostic::codes;
use crate::parse::PROJECT;
use crate::source::Span;

pub(super) fn check(cx: &Cx<'_>) {
    for entity in &cx.ir.entities {
        let spec = &entity.spec;
        if let Some(table) = &spec.warehouse {
            for field in &spec.fields {
                if let Some(pii) = field.pii.as_ref().filter(|pii| pii.protect != Protection::Drop)
                {
                    let at = cx.attribute(&spec.name, &field.name, "pii");
                    forbidden(cx, &field.name, pii, &table.system, at);
                }
            }
        }
        if let Some(sink) = &spec.salesforce {
            mapped(cx, spec, sink);
        }
    }
    for model in cx.ir.models.iter().filter(|model| model.has_sink) {
        for field in &model.spec.fields {
            if let Some(pii) = &field.pii {
                let at = cx.attribute(&model.spec.name, &field.name, "pii");
                forbidden(cx, &field.name, pii, &model.spec.warehouse.system, at);
            }
        }
    }
}

fn mapped(cx: &Cx<'_>, spec: &EntitySpec, sink: &SalesforceSink) {
    for mapping in &sink.fields {
        let Some(field) = spec.fields.get(mapping.source) else { continue };
        let Some(pii) = &field.pii else { continue };
        let path = super::salesforce::mapping_path(spec, sink, mapping);
        let at = cx.value(&path);
        forbidden(cx, &field.name, pii, &sink.system, at);
        match pii.protect {
            Protection::Mask => {}
            Protection::Encrypt if sink.reveal.is_some() => {}
            Protection::Encrypt => not_revealed(cx, spec, sink, field, at),
            Protection::Tokenize => cx.report(
                finding(
                    &codes::PII_NOT_REVEALED,
                    at,
                    format!("`{}` is tokenized, and a token cannot be turned back", field.name),
                )
                .label(
                    cx.attribute(&spec.name, &field.name, "pii"),
                    format!("class `{}`", pii.class),
                )
                .help("remove the mapping"),
            ),
            Protection::Drop => cx.report(
                finding(
                    &codes::PII_DROPPED,
                    at,
                    format!("`{}` is never landed, so it cannot be delivered", field.name),
                )
                .label(
                    cx.attribute(&spec.name, &field.name, "pii"),
                    format!("class `{}`", pii.class),
                )
                .help("remove the mapping"),
            ),
        }
    }
}

fn not_revealed(
    cx: &Cx<'_>,
    spec: &EntitySpec,
    sink: &SalesforceSink,
    field: &FieldSpec,
    at: Span,
) {
    cx.report(
        finding(
            &codes::PII_NOT_REVEALED,
            at,
            format!("`{}` is encrypted, and {} needs plaintext", field.name, sink.system),
        )
        .label(cx.attribute(&spec.name, &field.name, "pii"), "protected at capture")
        .why("plaintext leaves the pipeline only for a declared purpose, and every reveal is audited")
        .help(format!("add `reveal: <purpose>` to the sink; purposes: {}", {
            let names: Vec<&str> = cx.ir.project.purposes.keys().map(String::as_str).collect();
            names.join(", ")
        })),
    );
}

fn forbidden(cx: &Cx<'_>, field: &str, pii: &PiiSpec, system: &str, at: Span) {
    let project = &cx.ir.project;
    let bans = |class: &&str| {
        let class = project.pii_classes.get(*class);
        class.is_some_and(|class| class.forbid.iter().any(|forbidden| forbidden == system))
    };
    let own = Some(pii.class.as_str()).filter(|class| bans(class));
    let Some(class) = own.or_else(|| project.classes_below(&pii.class).into_iter().find(bans))
    else {
        return;
    };
    let ban = cx.value(&format!("{PROJECT}/pii/classes/{class}/forbid"));
    let about = project.pii_classes.get(class).map(|class| class.about.clone());
    let mut found = finding(
        &codes::PII_FORBIDDEN,
        at,
        format!("`{field}` must not go to {system}: class `{class}` forbids it"),
    )
    .label(ban, "forbidden here");
    if class != pii.class {
        found = found.why(format!("class `{}` stands above `{class}`: its bans hold", pii.class));
    }
    cx.report(
        found
            .why(about.unwrap_or_default())
            .help("remove the mapping; the ban holds whether the value is protected or not"),
    );
}
