//! Entities.

use std::collections::{BTreeMap, BTreeSet};

use covenant_model::spec::{
    AgeFilter, Compatibility, EntitySpec, Expectations, FieldIx, FieldSpec, PiiSpec, QualityRule,
};
use covenant_model::value::LogicalType;

use super::{Cx, expr, row_filter, salesforce, sources};
use crate::ast::{EntityDecl, ExpectDecl, FieldDecl, FilterDecl, QualityDecl};
use crate::diagnostic::{Diagnostic, codes};
use crate::ir::EntityIr;
use crate::source::Span;

pub(super) fn resolve(cx: &Cx<'_>, decl: &EntityDecl) -> EntityIr {
    let head = &decl.head;
    let mut unsound = BTreeSet::new();
    let fields = fields(cx, decl, &mut unsound);
    let key: Vec<FieldIx> = head
        .key
        .iter()
        .enumerate()
        .filter_map(|(at, name)| field_ix(cx, decl, name, &format!("{}/key/{at}", head.name)))
        .collect();
    let key_sound = key.len() == head.key.len();
    let mut spec = EntitySpec {
        name: head.name.clone(),
        version: head.version.clone(),
        contract_hash: String::new(),
        owner: head.owner.clone(),
        purpose: head.purpose.clone(),
        compatibility: head.compatibility.unwrap_or(Compatibility::Full),
        existence_owner: existence_owner(&key, &fields).unwrap_or_default(),
        key,
        key_reuse: decl.key_reuse,
        key_change: decl.key_change,
        fields,
        groups: Vec::new(),
        sources: sources::resolve(cx, decl),
        warehouse: None,
        salesforce: None,
        quality: Vec::new(),
        expect: expectations(cx, &head.name, &head.expect),
        reserved: head.reserved.clone(),
        terms: head.terms.clone(),
        unique: unique(cx, decl),
        evolution: decl.evolution.clone(),
    };
    row_filter::resolve(cx, decl, &mut spec, &unsound);
    spec.quality = quality(cx, &spec, &unsound, &decl.quality);
    sources::sinks(cx, &head.name, &head.sinks, |sink, system| match system {
        sources::SinkKind::Warehouse(table) => spec.warehouse = Some(table),
        sources::SinkKind::Salesforce => spec.salesforce = salesforce::resolve(cx, decl, sink),
    });
    let says_none = decl.fields.iter().enumerate().filter(|(_, field)| field.impersonal);
    let impersonal = says_none.map(|(ix, _)| ix).collect();
    EntityIr { spec, unsound, key_sound, scattered: head.scattered, impersonal }
}

/// Ids of the fields that are unique, alone or together.
fn unique(cx: &Cx<'_>, decl: &EntityDecl) -> Vec<Vec<u32>> {
    let mut all: Vec<Vec<u32>> = decl
        .fields
        .iter()
        .filter(|field| field.unique)
        .filter_map(|field| Some(vec![field.id?]))
        .collect();
    for (at, names) in decl.unique.iter().enumerate() {
        let path = |part: usize| format!("{}/unique/{at}/{part}", decl.head.name);
        let known = names.iter().enumerate().map(|(part, name)| {
            let ix = field_ix(cx, decl, name, &path(part))?;
            decl.fields.get(ix)?.id
        });
        // A name that is unknown has been reported.
        if let Some(mut ids) = known.collect::<Option<Vec<u32>>>() {
            ids.sort_unstable();
            all.push(ids);
        }
    }
    all.sort();
    all.dedup();
    all
}

/// The one source that every key field comes from.
fn existence_owner(key: &[FieldIx], fields: &[FieldSpec]) -> Option<String> {
    let mut owners: BTreeSet<&str> = BTreeSet::new();
    for ix in key {
        owners.extend(fields.get(*ix)?.from.keys().map(String::as_str));
    }
    let mut owners = owners.into_iter();
    match (owners.next(), owners.next()) {
        (Some(owner), None) => Some(owner.to_owned()),
        (Some(_), Some(_)) | (None, _) => None,
    }
}

fn fields(cx: &Cx<'_>, decl: &EntityDecl, unsound: &mut BTreeSet<FieldIx>) -> Vec<FieldSpec> {
    let mut all = Vec::with_capacity(decl.fields.len());
    for (ix, field) in decl.fields.iter().enumerate() {
        let (spec, sound) = resolve_field(cx, decl, field);
        if !sound {
            unsound.insert(ix);
        }
        all.push(spec);
    }
    all
}

fn resolve_field(cx: &Cx<'_>, decl: &EntityDecl, field: &FieldDecl) -> (FieldSpec, bool) {
    let path = format!("{}/fields/{}", decl.head.name, field.name);
    let mut sound = field.sound && field.id.is_some() && field.ty.is_some();
    let (from, from_sound) = from(cx, decl, field, &path);
    let pii = pii(cx, field.pii.as_deref(), &path);
    sound &= from_sound && pii.is_some() == field.pii.is_some();
    let generation = field
        .generation
        .as_ref()
        .and_then(|name| field_ix(cx, decl, name, &format!("{path}/generation")));
    if let Some(entity) = &field.references {
        sound &= reference(cx, entity, &path);
    }
    let spec = FieldSpec {
        id: field.id.unwrap_or(0),
        name: field.name.clone(),
        ty: field.ty.clone().unwrap_or(LogicalType::String { max_chars: None }),
        nullable: field.nullable,
        optional: field.optional,
        large: field.large,
        from,
        merge: field.merge,
        generation,
        transitions: transitions(cx, field, &path),
        pii,
        references: field.references.clone(),
        unit: field.unit.clone(),
        min: field.min.clone(),
        max: field.max.clone(),
        pattern: field.pattern.clone(),
        format: field.format.clone(),
        about: field.about.clone(),
        group: None,
        terms: field.terms.clone(),
        subject: field.subject.clone(),
        evolution: field.evolution.clone(),
    };
    (spec, sound)
}

/// Source -> name there; false where a source is unknown.
fn from(
    cx: &Cx<'_>,
    decl: &EntityDecl,
    field: &FieldDecl,
    path: &str,
) -> (BTreeMap<String, String>, bool) {
    let mut found = BTreeMap::new();
    let mut sound = true;
    for (name, column) in &field.from {
        let Some(source) = decl.sources.iter().find(|source| source.name == *name) else {
            sound = false;
            let known = decl.sources.iter().map(|source| source.name.as_str());
            if name.split_whitespace().all(|part| known.clone().any(|known| known == part)) {
                let all: Vec<&str> = name.split_whitespace().collect();
                let headline = format!("a comma is missing in `{name}`");
                cx.sink.push(
                    Diagnostic::new(
                        &codes::UNKNOWN_SOURCE,
                        cx.at(&format!("{path}/from")),
                        headline,
                    )
                    .why(format!("each of them is a source of {}", decl.head.name))
                    .help(format!("write `[{}]`", all.join(", "))),
                );
                continue;
            }
            cx.sink.push(
                Diagnostic::new(
                    &codes::UNKNOWN_SOURCE,
                    cx.at(&format!("{path}/from")),
                    format!("field `{}` comes from `{name}`, which is no source", field.name),
                )
                .suggest(name, known.clone())
                .why(format!("sources of {}: {}", decl.head.name, listed(known))),
            );
            continue;
        };
        let mapped = source.fields.iter().find(|(mapped, _)| *mapped == field.name);
        let column = column
            .clone()
            .or_else(|| mapped.map(|(_, column)| column.clone()))
            .unwrap_or_else(|| field.name.clone());
        found.insert(name.clone(), column);
    }
    (found, sound)
}

/// Names for a message.
pub(super) fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The class of a field and what follows from it.
pub(super) fn pii(cx: &Cx<'_>, class: Option<&str>, path: &str) -> Option<PiiSpec> {
    let class = class?;
    // Without a project every class is unknown; that is reported once, as what it is.
    cx.ast.project.as_ref()?;
    match cx.project.pii_classes.get(class) {
        Some(spec) => Some(PiiSpec { class: class.to_owned(), protect: spec.protect }),
        None => {
            let known = cx.project.pii_classes.keys().map(String::as_str);
            cx.sink.push(
                Diagnostic::new(
                    &codes::UNKNOWN_CLASS,
                    cx.at(&format!("{path}/pii")),
                    format!("there is no class of personal data `{class}`"),
                )
                .suggest(class, known.clone())
                .why(format!("classes in project.yaml: {}", listed(known))),
            );
            None
        }
    }
}

fn reference(cx: &Cx<'_>, entity: &str, path: &str) -> bool {
    if cx.entities.contains_key(entity) {
        return true;
    }
    if cx.ast.may_declare(entity) {
        return false;
    }
    cx.sink.push(
        Diagnostic::new(
            &codes::UNKNOWN_ENTITY,
            cx.at(&format!("{path}/references")),
            format!("there is no entity `{entity}`"),
        )
        .suggest(entity, cx.entities.keys().copied())
        .why("lookups and joins through this field would lead nowhere"),
    );
    false
}

fn transitions(cx: &Cx<'_>, field: &FieldDecl, path: &str) -> BTreeMap<String, Vec<String>> {
    if let Some(LogicalType::Enum { symbols }) = &field.ty {
        let unknown = |state: &String| !symbols.contains(state);
        let report = |state: &str, at: Span| {
            cx.sink.push(
                Diagnostic::new(
                    &codes::UNKNOWN_STATE,
                    at,
                    format!("`{}` has no state `{state}`", field.name),
                )
                .suggest(state, symbols.iter().map(String::as_str))
                .why(format!("states: {}", symbols.join(", "))),
            );
        };
        for (state, successors) in &field.transitions {
            if unknown(state) {
                report(state, cx.key(&format!("{path}/transitions/{state}")));
            }
            for (at, next) in successors.iter().enumerate().filter(|(_, next)| unknown(next)) {
                report(next, cx.at(&format!("{path}/transitions/{state}/{at}")));
            }
        }
    }
    field.transitions.iter().cloned().collect()
}

/// A field by name; unknown ones are reported at the path.
pub(super) fn field_ix(cx: &Cx<'_>, decl: &EntityDecl, name: &str, path: &str) -> Option<FieldIx> {
    let found = decl.fields.iter().position(|field| field.name == name);
    if found.is_none() {
        cx.sink.push(
            Diagnostic::new(
                &codes::UNKNOWN_FIELD,
                cx.at(path),
                format!("{} has no field `{name}`", decl.head.name),
            )
            .suggest(name, decl.fields.iter().map(|field| field.name.as_str())),
        );
    }
    found
}

/// The age filter of a sink.
pub(super) fn filter(
    cx: &Cx<'_>,
    decl: &EntityDecl,
    filter: &FilterDecl,
    path: &str,
) -> Option<AgeFilter> {
    Some(AgeFilter {
        field: field_ix(cx, decl, &filter.field, &format!("{path}/where"))?,
        keep_days: filter.keep_days,
        text: filter.text.clone(),
    })
}

fn quality(
    cx: &Cx<'_>,
    spec: &EntitySpec,
    unsound: &BTreeSet<FieldIx>,
    rules: &[QualityDecl],
) -> Vec<QualityRule> {
    let mut found = Vec::new();
    for rule in rules {
        let path = format!("{}/quality/{}/expect", spec.name, rule.name);
        let Some(expect) = expr::resolve(cx, spec, unsound, &rule.expect, &path) else { continue };
        let owners: BTreeSet<&str> = expect
            .fields()
            .iter()
            .filter_map(|ix| spec.fields.get(*ix))
            .flat_map(|field| field.from.keys().map(String::as_str))
            .collect();
        found.push(QualityRule {
            name: rule.name.clone(),
            text: rule.expect.clone(),
            expect,
            on_fail: rule.on_fail,
            at_capture: owners.len() <= 1,
            about: rule.about.clone(),
        });
    }
    found
}

/// Freshness, volume, retention.
pub(super) fn expectations(cx: &Cx<'_>, name: &str, decl: &ExpectDecl) -> Expectations {
    for (system, _) in &decl.freshness_s {
        if !cx.project.systems.contains_key(system) {
            let path = format!("{name}/expect/freshness/{system}");
            sources::unknown_system(cx, system, cx.key(&path), "freshness is promised for");
        }
    }
    Expectations {
        freshness_s: decl.freshness_s.iter().cloned().collect(),
        rows: decl.rows,
        rows_per_day: decl.rows_per_day,
        band: decl.band.clone(),
        retention_days: decl.retention_days,
        availability_ppm: decl.availability_ppm,
    }
}
