//! Whose data a field is: the path leads to a field that identifies somebody, and classes may demand one.

use covenant_model::spec::{EntitySpec, FieldSpec, Protection};

use super::{Cx, finding};
use crate::diagnostic::{Diagnostic, codes};
use crate::parse::PROJECT;

/// References that a path may follow; longer ones are mistakes.
const HOPS_MAX: usize = 8;

pub(super) fn check(cx: &Cx<'_>) {
    for entity in &cx.ir.entities {
        for (_, field) in entity.sound_fields() {
            match &field.subject {
                Some(path) => subject(cx, &entity.spec, field, path),
                None => missing(cx, &entity.spec, field),
            }
        }
    }
}

fn missing(cx: &Cx<'_>, spec: &EntitySpec, field: &FieldSpec) {
    let Some(pii) = field.pii.as_ref().filter(|pii| pii.protect != Protection::Drop) else {
        return;
    };
    let class = cx.ir.project.pii_classes.get(&pii.class);
    if !class.is_some_and(|class| class.terms.erasure_required) {
        return;
    }
    let headline = format!("`{}` does not say whose data it is", field.name);
    let demand = cx.value(&format!("{PROJECT}/pii/classes/{}/erasure", pii.class));
    cx.report(
        finding(&codes::NO_SUBJECT, cx.attribute(&spec.name, &field.name, "pii"), headline)
            .label(demand, "demanded here")
            .why("a person who asks to be forgotten is found by it")
            .help("add `subject: <field>`: a key field, or one that refers to an entity"),
    );
}

fn subject(cx: &Cx<'_>, spec: &EntitySpec, field: &FieldSpec, path: &str) {
    let at = cx.attribute(&spec.name, &field.name, "subject");
    let report = |diagnostic: Diagnostic| {
        cx.report(diagnostic.why("a person who asks to be forgotten is found by it"));
    };
    if field.pii.is_none() {
        let headline = format!("`{}` is no personal data", field.name);
        return report(
            finding(&codes::BAD_SUBJECT, at, headline).help("add `pii`, or remove the subject"),
        );
    }
    let parts: Vec<&str> = path.split('.').collect();
    if parts.len() > HOPS_MAX {
        let headline = format!("`{path}` has more than {HOPS_MAX} parts");
        return report(finding(&codes::BAD_SUBJECT, at, headline).help("name a nearer field"));
    }
    let mut stands = spec;
    for (nth, part) in parts.iter().enumerate() {
        let Some(found) = stands.fields.iter().find(|one| one.name == *part) else {
            let names = stands.fields.iter().map(|one| one.name.as_str());
            let headline = format!("{} has no field `{part}`", stands.name);
            return report(finding(&codes::BAD_SUBJECT, at, headline).suggest(part, names));
        };
        if nth + 1 < parts.len() {
            // An unknown entity has been reported at the reference.
            let Some(target) = &found.references else {
                let headline = format!("`{part}` refers to no entity");
                let help = "each part but the last is a field with `references`";
                return report(finding(&codes::BAD_SUBJECT, at, headline).help(help));
            };
            let Some(next) = cx.ir.entity(target) else { return };
            stands = &next.spec;
            continue;
        }
        if let Some(what) = no_person(stands, found) {
            report(
                finding(&codes::BAD_SUBJECT, at, format!("`{part}` {what}"))
                    .label(cx.field(&stands.name, &found.name), "declared here")
                    .help("name a key field, or one that refers to an entity"),
            );
        }
    }
}

/// Why a field identifies nobody.
fn no_person(spec: &EntitySpec, field: &FieldSpec) -> Option<&'static str> {
    let in_key =
        spec.key.iter().filter_map(|ix| spec.fields.get(*ix)).any(|key| key.id == field.id);
    if field.pii.is_some() {
        Some("is personal data itself, and protected")
    } else if in_key || field.references.is_some() {
        None
    } else {
        Some("is neither part of a key nor refers to an entity")
    }
}
