//! Adoption: every value that is compared must be one that a row has, and that tells somebody from others.

use std::collections::BTreeSet;

use covenant_model::spec::{
    Compare, EntitySpec, FieldSpec, MatchPart, Protection, SalesforceSink, SourceSpec,
};
use covenant_model::value::LogicalType;

use super::salesforce::is_api_name;
use super::{Cx, finding};
use crate::diagnostic::codes;
use crate::source::Span;

pub(super) fn check(cx: &Cx<'_>) {
    for entity in &cx.ir.entities {
        let spec = &entity.spec;
        let Some(sink) = &spec.salesforce else { continue };
        let Some(adopt) = &sink.adopt else { continue };
        let base = format!("{}/sinks/{}/adopt/match", spec.name, sink.system);
        for (at, rule) in adopt.rules.iter().enumerate() {
            let mut compared = BTreeSet::new();
            for (place, part) in rule.iter().enumerate() {
                let Some(field) = spec.fields.get(part.field) else { continue };
                let span = cx.value(&format!("{base}/{at}/{place}"));
                let about = About { cx, spec, sink, field, part, span };
                about.check();
                if !compared.insert(part.target.to_lowercase()) {
                    about.report(format!("`{}` is compared twice", part.target), "name it once");
                }
            }
        }
    }
}

/// One value that is compared.
struct About<'a> {
    cx: &'a Cx<'a>,
    spec: &'a EntitySpec,
    sink: &'a SalesforceSink,
    field: &'a FieldSpec,
    part: &'a MatchPart,
    span: Span,
}

impl About<'_> {
    fn check(&self) {
        let name = &self.field.name;
        if self.owned_there() {
            return self.report(
                format!(
                    "{} itself tells `{name}`: a row does not know it before it is adopted",
                    self.sink.system
                ),
                "match by a field that another source tells",
            );
        }
        if let Some(what) = tells_nobody_apart(&self.field.ty) {
            return self.report(
                format!("`{name}` is {what}, and tells nobody apart"),
                "match by a text, a number, a date or an id",
            );
        }
        let text = matches!(self.field.ty, LogicalType::String { .. });
        if self.part.compare != Compare::Exact && !text {
            let as_what = self.part.compare.word();
            self.report(
                format!("`as: {as_what}` compares texts, and `{name}` is {}", self.field.ty),
                "remove `as`",
            );
        }
        if self.part.target.is_empty() {
            return self.report(
                format!(
                    "`{name}` is not delivered to {}, so nobody knows where it stands there",
                    self.sink.system
                ),
                "name the Salesforce field: `{field: …, in: …}`",
            );
        }
        if self.part.target.eq_ignore_ascii_case(&self.sink.external_id) {
            return self.report(
                format!("records that are adopted have no `{}` yet", self.sink.external_id),
                "match by something that people have filled in",
            );
        }
        if !is_api_name(&self.part.target, &["__c"]) {
            let headline = format!("`{}` is no Salesforce name", self.part.target);
            self.cx.report(
                finding(&codes::BAD_SALESFORCE_NAME, self.span, headline)
                    .help("take the API name from Salesforce's set-up pages"),
            );
        }
        self.revealed();
    }

    /// Whether the object that is adopted tells the field.
    fn owned_there(&self) -> bool {
        let there = |source: &str| match self.spec.sources.get(source) {
            Some(SourceSpec::Salesforce { system, .. }) => *system == self.sink.system,
            Some(SourceSpec::Postgres { .. } | SourceSpec::Stream { .. }) | None => false,
        };
        !self.field.from.is_empty() && self.field.from.keys().all(|source| there(source))
    }

    /// What is delivered as well has been judged where it is mapped.
    fn revealed(&self) {
        let Some(pii) = &self.field.pii else { return };
        if self.sink.fields.iter().any(|mapped| mapped.source == self.part.field) {
            return;
        }
        let (code, what) = match pii.protect {
            Protection::Mask => return,
            Protection::Encrypt if self.sink.reveal.is_some() => return,
            Protection::Encrypt => {
                (&codes::PII_NOT_REVEALED, "is encrypted, and is compared in plaintext")
            }
            Protection::Tokenize => {
                (&codes::PII_NOT_REVEALED, "is tokenized, and a token cannot be turned back")
            }
            Protection::Drop => {
                (&codes::PII_DROPPED, "is never landed, so there is nothing to compare")
            }
        };
        let class = self.cx.attribute(&self.spec.name, &self.field.name, "pii");
        self.cx.report(
            finding(code, self.span, format!("`{}` {what}", self.field.name))
                .label(class, format!("class `{}`", pii.class))
                .help("add `reveal: <purpose>` to the sink where it is encrypted, or match by another field"),
        );
    }

    fn report(&self, headline: String, help: &str) {
        self.cx.report(
            finding(&codes::CANNOT_MATCH, self.span, headline)
                .label(self.cx.field(&self.spec.name, &self.field.name), "the field")
                .why("a record of a person's is found by values that it and our row have in common")
                .help(help),
        );
    }
}

fn tells_nobody_apart(ty: &LogicalType) -> Option<&'static str> {
    match ty {
        LogicalType::Bool => Some("a checkbox"),
        LogicalType::Json => Some("a document"),
        LogicalType::Bytes => Some("a file"),
        LogicalType::Int32
        | LogicalType::Int64
        | LogicalType::Decimal { .. }
        | LogicalType::String { .. }
        | LogicalType::Uuid
        | LogicalType::Date
        | LogicalType::Timestamp
        | LogicalType::Enum { .. } => None,
    }
}
