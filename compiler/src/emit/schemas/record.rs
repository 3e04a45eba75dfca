//! JSON Schema of records and events.

use std::collections::BTreeMap;

use covenant_model::spec::{EntitySpec, FieldSpec, SourceSpec, UnknownMembers};

use super::doc::Doc;
use super::property;
use crate::emit::EmitError;
use crate::emit::rust::source::{self, Member, Role};
use crate::plan::Plan;

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

fn head(id: &str, title: &str, description: &str) -> Doc {
    Doc::map()
        .with("$schema", DRAFT)
        .with("$id", format!("urn:covenant:{id}"))
        .with("title", title)
        .with("description", description)
}

/// A whole record, fields by their names in the contract. Unknown members are allowed: contracts are open.
///
/// # Errors
/// Where a bound is none.
pub(super) fn record(entity: &EntitySpec) -> Result<Doc, EmitError> {
    let mut properties = Doc::map();
    for field in &entity.fields {
        properties = properties.with(&field.name, property::schema(entity, field)?);
    }
    let required =
        entity.fields.iter().filter(|field| !can_lack(field)).map(|field| field.name.as_str());
    let quality = entity
        .quality
        .iter()
        .map(|rule| Doc::map().with("name", &rule.name).with("expect", &rule.text));
    let key = entity.key.iter().filter_map(|ix| entity.fields.get(*ix)).map(|field| &field.name);
    let purpose = entity.purpose.trim();
    Ok(head(&format!("record:{}:{}", entity.name, entity.version), &entity.name, purpose)
        .with("type", "object")
        .with("properties", properties)
        .with("required", Doc::list(required))
        .with("x-key", Doc::list(key))
        .with_some("x-quality", Doc::list(quality).filled()))
}

/// Streams by name, with the entities and sources that read them.
pub(super) fn streams(plan: &Plan) -> BTreeMap<&str, Vec<(&EntitySpec, &str)>> {
    let mut found: BTreeMap<&str, Vec<(&EntitySpec, &str)>> = BTreeMap::new();
    for entity in &plan.entities {
        for (name, spec) in &entity.sources {
            if let SourceSpec::Stream { stream, .. } = spec {
                found.entry(stream).or_default().push((entity, name));
            }
        }
    }
    found
}

/// What an event of a stream must be: what every entity that reads it asks for.
pub(super) fn stream(stream: &str, parts: &[(&EntitySpec, &str)]) -> Doc {
    let refs = parts.iter().map(|(entity, _)| {
        Doc::map().with("$ref", format!("urn:covenant:event:{stream}:{}", entity.name))
    });
    let about = format!("Events of {stream}: every entity that reads them must accept them.");
    head(&format!("event:{stream}"), stream, &about).with("allOf", Doc::list(refs))
}

/// What an entity asks of an event.
///
/// # Errors
/// Where a bound is none.
pub(super) fn event(entity: &EntitySpec, source: &str) -> Result<Doc, EmitError> {
    let stream = match entity.sources.get(source) {
        Some(SourceSpec::Stream { stream, .. }) => stream.as_str(),
        Some(SourceSpec::Postgres { .. } | SourceSpec::Salesforce { .. }) | None => source,
    };
    let members = source::members(entity, source)?;
    let mut properties = Doc::map();
    for member in &members {
        properties = properties.with(&member.name, of_member(entity, member)?);
    }
    let is_required = |member: &Member| {
        let fields = member.fields.iter().filter_map(|ix| entity.fields.get(*ix));
        member.role != Role::Plain || !fields.clone().all(can_lack)
    };
    let mut aliased = Vec::new();
    for member in members.iter().filter(|member| !member.aliases.is_empty()) {
        for alias in &member.aliases {
            properties = properties.with(alias, Doc::map());
        }
        aliased.extend(by_alias(member, is_required(member), of_member(entity, member)?));
    }
    let required = members.iter().filter(|member| is_required(member) && member.aliases.is_empty());
    let closed = matches!(
        entity.sources.get(source),
        Some(SourceSpec::Stream { unknown: UnknownMembers::Closed, .. })
    );
    let about = format!("What {} asks of an event of {stream}.", entity.name);
    let title = format!("{stream}: {}", entity.name);
    Ok(head(&format!("event:{stream}:{}", entity.name), &title, &about)
        .with("type", "object")
        .with("properties", properties)
        .with("required", Doc::list(required.map(|member| &member.name)))
        .with_some("allOf", Doc::from(aliased).filled())
        .with_some("additionalProperties", closed.then_some(false)))
}

/// Whether a record may leave the field out.
fn can_lack(field: &FieldSpec) -> bool {
    field.optional || field.evolution.default.is_some()
}

/// A member that older names may stand for: some name, where it is required; its own name counts before the others, and
/// of those the first that comes.
fn by_alias(member: &Member, required: bool, value: Doc) -> Vec<Doc> {
    let has = |name: &String| Doc::map().with("required", Doc::list([name]));
    let names = std::iter::once(&member.name).chain(&member.aliases);
    let any = Doc::map().with("anyOf", names.map(has).collect::<Vec<_>>());
    let mut parts: Vec<Doc> = required.then_some(any).into_iter().collect();
    // With several of them present a schema cannot tell which came first.
    if let [alias] = member.aliases.as_slice() {
        let alone = Doc::map().with("not", has(&member.name));
        let read = Doc::map().with("properties", Doc::map().with(alias, value));
        parts.push(Doc::map().with("if", alone).with("then", read));
    }
    parts
}

fn of_member(entity: &EntitySpec, member: &Member) -> Result<Doc, EmitError> {
    let mut parts = Vec::new();
    parts.extend(envelope(member.role));
    for field in member.fields.iter().filter_map(|ix| entity.fields.get(*ix)) {
        parts.push(property::schema(entity, field)?);
    }
    Ok(match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            parts.push(last);
            Doc::map().with("allOf", parts)
        }
        (None, _) => Doc::map(),
    })
}

fn envelope(role: Role) -> Option<Doc> {
    let id = || {
        let text =
            Doc::map().with("type", "string").with("minLength", 1i64).with("maxLength", 200i64);
        let number =
            Doc::map().with("type", "integer").with("minimum", i64::MIN).with("maximum", i64::MAX);
        Doc::map().with("anyOf", vec![text, number])
    };
    match role {
        Role::Plain => None,
        Role::EventId => Some(id().with("description", "Unique id: what makes a repeat a repeat.")),
        Role::Order => Some(
            Doc::map()
                .with("type", "integer")
                .with("minimum", 0i64)
                .with("maximum", i64::MAX)
                .with("description", "Counts per key at the producer."),
        ),
        Role::OccurredAt => Some(
            Doc::map()
                .with("type", "string")
                .with("format", "date-time")
                .with("pattern", property::TIMESTAMP_PATTERN),
        ),
    }
}
