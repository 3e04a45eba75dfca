//! Words by which contracts change: defaults, aliases, open enums, closed sources. Each must be able to mean something.

use std::collections::BTreeMap;

use covenant_model::spec::{EntitySpec, FieldIx, FieldSpec, MergeRule, SourceSpec, UnknownMembers};
use covenant_model::value::LogicalType;

use super::bounds::bound;
use super::{Cx, finding, is_key};
use crate::diagnostic::{Diagnostic, codes};
use crate::ir::EntityIr;
use crate::plan::source_name;
use crate::witness::language::{self, Texts};

pub(super) fn check(cx: &Cx<'_>) {
    for entity in &cx.ir.entities {
        for (ix, field) in entity.sound_fields() {
            default(cx, entity, ix, field);
            aliases(cx, entity, ix, field);
            open(cx, entity, ix, field);
            renamed(cx, entity, field);
        }
    }
    closed(cx);
    formerly(cx);
}

fn renamed(cx: &Cx<'_>, entity: &EntityIr, field: &FieldSpec) {
    let LogicalType::Enum { symbols } = &field.ty else {
        if !field.evolution.renamed.is_empty() {
            let at = cx.key(&format!("{}/fields/{}/renamed", entity.spec.name, field.name));
            let headline =
                format!("`{}` is of type {}, which has no symbols", field.name, field.ty);
            cx.report(finding(&codes::BAD_RENAMED, at, headline).help("remove `renamed`"));
        }
        return;
    };
    let path = format!("{}/fields/{}/renamed", entity.spec.name, field.name);
    for (old, now) in &field.evolution.renamed {
        let (key, value) = (cx.key(&format!("{path}/{old}")), cx.value(&format!("{path}/{old}")));
        let report = |at, headline: String| finding(&codes::BAD_RENAMED, at, headline);
        if !symbols.contains(now) {
            let headline = format!("`{}` has no symbol `{now}`", field.name);
            cx.report(report(value, headline).suggest_at(
                value,
                now,
                symbols.iter().map(String::as_str),
            ));
        } else if symbols.contains(old) {
            let headline = format!("`{old}` is still a symbol of `{}`", field.name);
            cx.report(report(key, headline).why("a declared symbol means itself"));
        } else if field.evolution.open || field.pii.is_some() {
            let what = if field.evolution.open { "an open enum" } else { "personal data" };
            let headline = format!("symbols of `{}` cannot be renamed: it is {what}", field.name);
            let why = "an open enum keeps every symbol as it came, and what is protected cannot be rewritten";
            cx.report(report(key, headline).why(why));
        }
    }
}

fn formerly(cx: &Cx<'_>) {
    let mut claimed: BTreeMap<&str, &str> = BTreeMap::new();
    for entity in &cx.ir.entities {
        let Some(was) = &entity.spec.evolution.formerly else { continue };
        let at = cx.value(&format!("{}/formerly", entity.spec.name));
        let is_name = was.split_once('.').is_some_and(|(area, name)| {
            crate::parse::scalars::is_name(area) && crate::parse::scalars::is_name(name)
        });
        let there = cx.ir.entity(was).is_some() || cx.ir.model(was).is_some();
        let why = if !is_name {
            "a name has an area and a name in lower case: `sales.order`".to_owned()
        } else if there {
            format!("{was} is there: it was not renamed")
        } else if let Some(other) = claimed.insert(was, &entity.spec.name) {
            format!("{other} was called so, too: one entity cannot become two")
        } else {
            continue;
        };
        let headline =
            format!("`formerly: {was}` cannot be the former name of {}", entity.spec.name);
        cx.report(finding(&codes::BAD_FORMERLY, at, headline).why(why).help("remove `formerly`"));
    }
}

fn default(cx: &Cx<'_>, entity: &EntityIr, ix: FieldIx, field: &FieldSpec) {
    let Some(text) = &field.evolution.default else { return };
    let (spec, name) = (&entity.spec, &field.name);
    let at = cx.attribute(&spec.name, name, "default");
    if let Some(pii) = &field.pii {
        let headline = format!("`{name}` is personal data ({}) and has a default", pii.class);
        cx.report(
            finding(&codes::PERSONAL_DEFAULT, at, headline)
                .label(cx.attribute(&spec.name, name, "pii"), "its class")
                .why("a default stands in the contract, in generated code and in tables: what is somebody's is not")
                .help("remove `default`; declare `nullable: true, optional: true` where it may be missing"),
        );
        return;
    }
    let patches =
        |source: &String| matches!(spec.sources.get(source), Some(SourceSpec::Salesforce { .. }));
    let wrong = [
        (is_key(spec, ix), "it is part of the key: every record says which row it is about"),
        (field.optional, "it is optional: a change that leaves it out does not touch it"),
        (field.large, "it is large: a change that leaves it out does not touch it"),
        (
            !field.from.is_empty() && field.from.keys().all(patches),
            "it comes from Salesforce, which leaves out what did not change",
        ),
    ];
    if let Some((_, why)) = wrong.iter().find(|(wrong, _)| *wrong) {
        let headline = format!("a default of `{name}` would never be used");
        cx.report(
            finding(&codes::NEEDLESS_DEFAULT, at, headline).why(*why).help("remove `default`"),
        );
        return;
    }
    if let Err(why) = value(field, text) {
        let headline = format!("`default: {text}` is no value of `{name}`");
        let mut said = finding(&codes::BAD_DEFAULT, at, headline)
            .label(cx.attribute(&spec.name, name, "type"), "the type")
            .why(why);
        if let LogicalType::Enum { symbols } = &field.ty {
            said = said.suggest_at(at, text, symbols.iter().map(String::as_str));
        }
        cx.report(said);
    }
}

/// Whether a record could carry the text as a value of the field.
fn value(field: &FieldSpec, text: &str) -> Result<(), String> {
    let wrong = || Err(format!("expected a value of type {}", field.ty));
    match &field.ty {
        LogicalType::Bool if matches!(text, "true" | "false") => Ok(()),
        LogicalType::Int32 | LogicalType::Int64 | LogicalType::Decimal { .. } => {
            let Some(number) = bound(&field.ty, text) else { return wrong() };
            let bound = |text: &Option<String>| number_of(&field.ty, text);
            if bound(&field.min).is_some_and(|min| number < min) {
                return Err("it is below `min`".to_owned());
            }
            if bound(&field.max).is_some_and(|max| number > max) {
                return Err("it is above `max`".to_owned());
            }
            Ok(())
        }
        LogicalType::String { max_chars } => {
            if max_chars.is_some_and(|max| text.chars().count() as u64 > u64::from(max)) {
                return Err(format!("it is longer than {} allows", field.ty));
            }
            let matches = field.pattern.as_deref().is_none_or(|pattern| is_whole(pattern, text));
            if !matches {
                return Err("it does not match `pattern`".to_owned());
            }
            let email = field.format.is_some() && !covenant_model::support::email::is_email(text);
            if email { Err("it is no e-mail address".to_owned()) } else { Ok(()) }
        }
        LogicalType::Enum { symbols } if symbols.iter().any(|symbol| symbol == text) => Ok(()),
        LogicalType::Enum { .. } => Err("a default is one of the declared symbols".to_owned()),
        LogicalType::Date if covenant_model::support::time::date(text.as_bytes()).is_some() => {
            Ok(())
        }
        LogicalType::Bool | LogicalType::Date => wrong(),
        LogicalType::Uuid | LogicalType::Timestamp | LogicalType::Json | LogicalType::Bytes => {
            Err(format!(
                "fields of type {} have no default: no constant is right for records of every day",
                field.ty
            ))
        }
    }
}

fn number_of(ty: &LogicalType, text: &Option<String>) -> Option<i128> {
    bound(ty, text.as_deref()?)
}

/// Whether a pattern takes a whole text. One that cannot be read has been reported, one that is too large is left to the
/// validator.
fn is_whole(pattern: &str, text: &str) -> bool {
    let literal = regex_syntax::escape(text);
    let these = Texts { pattern: Some(&literal), max_chars: None };
    let those = Texts { pattern: Some(pattern), max_chars: None };
    language::outside(these, those).map_or(true, |outside| outside.is_none())
}

fn aliases(cx: &Cx<'_>, entity: &EntityIr, ix: FieldIx, field: &FieldSpec) {
    let spec = &entity.spec;
    for (place, alias) in field.evolution.aliases.iter().enumerate() {
        let at = cx.value(&format!("{}/fields/{}/aliases/{place}", spec.name, field.name));
        let report = |why: String| {
            let headline = format!("`{alias}` cannot be another name of `{}`", field.name);
            cx.report(finding(&codes::BAD_ALIAS, at, headline).why(why));
        };
        if !is_member(alias) {
            report(
                "a name has letters, digits, `_`, `-` and `.`, and begins with a letter or `_`"
                    .to_owned(),
            );
            continue;
        }
        let readers: Vec<&str> = spec
            .sources
            .iter()
            .filter(|(_, of)| !matches!(of, SourceSpec::Postgres { .. }))
            .map(|(source, _)| source.as_str())
            .filter(|source| source_name(spec, source, ix).is_some())
            .collect();
        if readers.is_empty() {
            report("no stream and no Salesforce object tells the field: a column of PostgreSQL has one name".to_owned());
            continue;
        }
        if let Some(stone) = spec.reserved.iter().find(|stone| stone.name == *alias) {
            report(format!(
                "it is the name of a removed field, id {}: its old values would become this field's",
                stone.id
            ));
            continue;
        }
        if let Some(taken) =
            readers.iter().find_map(|source| taken(spec, source, alias, (ix, place)))
        {
            report(taken);
        }
    }
}

fn is_member(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(|at| at.is_ascii_alphanumeric() || matches!(at, '_' | '-' | '.'))
}

/// Who has the name in a source already.
fn taken(spec: &EntitySpec, source: &str, alias: &str, own: (FieldIx, usize)) -> Option<String> {
    if let Some(SourceSpec::Stream { event_id, order, occurred_at, .. }) = spec.sources.get(source)
        && [Some(event_id), order.as_ref(), Some(occurred_at)]
            .into_iter()
            .flatten()
            .any(|name| name == alias)
    {
        return Some(format!("it is a member of the envelope of {source}"));
    }
    spec.fields.iter().enumerate().find_map(|(ix, field)| {
        let name = source_name(spec, source, ix)?;
        if name == alias {
            return Some(format!("{source} tells `{}` by that name", field.name));
        }
        let other = |place: usize| (ix, place) < own;
        let twice = field
            .evolution
            .aliases
            .iter()
            .enumerate()
            .any(|(place, one)| one == alias && other(place));
        twice.then(|| format!("it is an alias of `{}` already", field.name))
    })
}

fn open(cx: &Cx<'_>, entity: &EntityIr, ix: FieldIx, field: &FieldSpec) {
    if !field.evolution.open {
        return;
    }
    let spec = &entity.spec;
    let is_enum = matches!(field.ty, LogicalType::Enum { .. });
    let wrong = [
        (!is_enum, "only an enum has symbols that could be unknown"),
        (field.merge == MergeRule::Ranked, "a symbol that is not declared has no rank"),
        (is_key(spec, ix), "it is part of the key"),
        (!field.transitions.is_empty(), "no step leads to a state that is not declared"),
        (field.pii.is_some(), "it is personal data, which is a closed set or a text"),
    ];
    if let Some((_, why)) = wrong.iter().find(|(wrong, _)| *wrong) {
        let name = &field.name;
        let headline = format!("`{name}` cannot be an open enum");
        cx.report(
            finding(&codes::BAD_OPEN, cx.attribute(&spec.name, name, "open"), headline)
                .label(cx.attribute(&spec.name, name, "type"), "the type")
                .why(*why)
                .help("remove `open`"),
        );
    }
}

/// A stream that several entities read has members that each of them does not know.
fn closed(cx: &Cx<'_>) {
    let mut readers: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    let mut closed = Vec::new();
    for entity in &cx.ir.entities {
        for (name, source) in &entity.spec.sources {
            let SourceSpec::Stream { system, stream, unknown, .. } = source else { continue };
            readers.entry((system, stream)).or_default().push(&entity.spec.name);
            if *unknown == UnknownMembers::Closed {
                closed.push((&entity.spec.name, name, (system.as_str(), stream.as_str())));
            }
        }
    }
    for (entity, source, stream) in closed {
        let others: Vec<&str> = readers.get(&stream).into_iter().flatten().copied().collect();
        let Some(other) = others.iter().find(|other| **other != entity.as_str()) else { continue };
        let path = format!("{entity}/sources/{source}/unknown");
        let said: Diagnostic = finding(
            &codes::CLOSED_SHARED,
            cx.value(&path),
            format!("stream {} cannot be closed: {other} reads it too", stream.1),
        );
        cx.report(
            said.label(cx.key(&format!("{other}/sources")), "the other reader")
                .why("members of one entity are unknown to the other: every event would be quarantined")
                .help("remove `unknown: closed`, or give each entity a stream of its own"),
        );
    }
}
