//! Open Data Contract Standard 3.1 (Bitol): one document per entity and model. What the standard has no word for (merge
//! rules, owners, protection) travels in `customProperties`.

use covenant_model::spec::{
    EntitySpec, Expectations, FieldSpec, ModelField, ModelSpec, OnFail, QualityRule, WarehouseSink,
};
use covenant_model::terms::{DatasetTerms, Extensions, FieldTerms};
use covenant_model::value::LogicalType;

use super::doc::Doc;
use super::foreign;
use crate::emit::words;
use crate::plan::Plan;

const API_VERSION: &str = "v3.1.0";
/// Under which name contracts keep what this standard says.
pub(crate) const EXTENSION: &str = "odcs";

/// Every document with the name of its file: one of each entity and model, but for those that were imported, which stand in the
/// documents that they came from.
pub(super) fn documents(plan: &Plan) -> Vec<(String, Doc)> {
    let imported = kept(&plan.project.extensions);
    let imported = imported.as_ref().and_then(|kept| kept.get("documents"));
    let imported = imported.map(Doc::items).unwrap_or_default();
    let mut taken: Vec<&str> = Vec::new();
    let mut all = Vec::new();
    for document in imported {
        let parts = document.get("schema").map(Doc::items).unwrap_or_default();
        let named = parts.iter().filter_map(|part| part.get("entity")?.text());
        let entities: Vec<&EntitySpec> =
            named.filter_map(|name| plan.entity(name).filter(|_| !taken.contains(&name))).collect();
        taken.extend(entities.iter().map(|entity| entity.name.as_str()));
        if let Some(file) = document.get("file").and_then(Doc::text) {
            all.push((file.to_owned(), imported_document(plan, document, parts, &entities)));
        }
    }
    let own = |name: &str| !taken.contains(&name);
    for entity in plan.entities.iter().filter(|entity| own(&entity.name)) {
        all.push((entity.name.clone(), self::entity(plan, entity)));
    }
    for model in &plan.models {
        all.push((model.name.clone(), self::model(plan, model)));
    }
    all
}

/// What contracts keep of this standard.
fn kept(extensions: &Extensions) -> Option<Doc> {
    extensions.0.get(EXTENSION).map(Doc::of)
}

/// With what is kept of this standard.
fn with_kept(doc: Doc, extensions: &Extensions) -> Doc {
    match kept(extensions) {
        Some(kept) => foreign::restore(doc, &kept),
        None => doc,
    }
}

fn imported_document(plan: &Plan, document: &Doc, parts: &[Doc], entities: &[&EntitySpec]) -> Doc {
    let schema = parts.iter().filter_map(|part| {
        let named = part.get("entity").and_then(Doc::text);
        match named {
            Some(name) => {
                let entity = entities.iter().find(|entity| entity.name == name)?;
                Some(object(plan, entity))
            }
            None => part.get("object").cloned(),
        }
    });
    let schema = document.get("schema").map(|_| Doc::list(schema));
    foreign::restore(header(entities), document).with_some("schema", schema)
}

/// What the contracts say of an imported document: the rest of its head is kept as it was.
pub(crate) fn header(entities: &[&EntitySpec]) -> Doc {
    let of_all = |word: fn(&EntitySpec) -> &str| {
        let first = entities.first().map(|entity| word(entity))?;
        entities.iter().all(|entity| word(entity) == first).then(|| first.to_owned())
    };
    let sla = match entities {
        [one] => sla(&one.expect, &one.terms).filled(),
        _ => None,
    };
    Doc::map()
        .with("apiVersion", API_VERSION)
        .with("kind", "DataContract")
        .with_some("version", of_all(|entity| &entity.version))
        .with_some("status", of_all(|entity| entity.terms.status.word()))
        .with_some("slaProperties", sla)
}

/// An entity as a data contract.
fn entity(plan: &Plan, entity: &EntitySpec) -> Doc {
    contract(plan, &entity.name, &entity.version, &entity.owner, &entity.purpose)
        .with("status", entity.terms.status.word())
        .with("schema", vec![object(plan, entity)])
        .with_some("slaProperties", sla(&entity.expect, &entity.terms).filled())
        .with("customProperties", vec![custom("contractHash", &entity.contract_hash)])
}

/// An entity as an object of a contract's schema.
fn object(plan: &Plan, entity: &EntitySpec) -> Doc {
    let kept = kept(&entity.terms.extensions).unwrap_or(Doc::Null);
    let bare = foreign::restore(bare_object(entity), &kept);
    let mut properties: Vec<Doc> = properties(plan, entity)
        .zip(&entity.fields)
        .map(|(doc, field)| with_kept(doc, &field.terms.extensions))
        .collect();
    for left in kept.get("left").map(Doc::items).unwrap_or_default() {
        if let (Some(Doc::Int(at)), Some(property)) = (left.get("at"), left.get("property")) {
            let at = usize::try_from(*at).unwrap_or(usize::MAX).min(properties.len());
            properties.insert(at, property.clone());
        }
    }
    match Doc::from(properties).filled() {
        Some(properties) => bare.with("properties", properties),
        None => bare,
    }
}

/// The object without its properties, as the contract has it.
pub(crate) fn bare_object(entity: &EntitySpec) -> Doc {
    let quality = Doc::list(entity.quality.iter().map(quality));
    schema(&entity.name, entity.warehouse.as_ref(), &entity.purpose)
        .with_some("quality", quality.filled())
}

/// The fields in their order, as the contract has them.
pub(crate) fn properties<'p>(
    plan: &'p Plan,
    entity: &'p EntitySpec,
) -> impl Iterator<Item = Doc> + 'p {
    entity.fields.iter().enumerate().map(|(ix, field)| {
        let key = entity.key.iter().position(|key| *key == ix);
        let group = field.group.and_then(|ix| entity.groups.get(ix));
        property(&field.name, &field.ty, field.nullable || field.optional, key)
            .with_some("description", field.about.as_deref().map(str::trim))
            .with_some("classification", field.pii.as_ref().map(|pii| &pii.class))
            .with_some("relationships", relationship(plan, field))
            .with_some("unique", entity.unique.contains(&vec![field.id]).then_some(true))
            .with_some("criticalDataElement", field.terms.critical.then_some(true))
            .with_some("examples", Doc::list(&field.terms.examples).filled())
            .with_some("logicalTypeOptions", options(field).filled())
            .with(
                "customProperties",
                Doc::list(
                    [
                        Some(custom("fieldId", field.id)),
                        Some(custom("sources", Doc::list(field.from.keys()))),
                        group.map(|group| custom("mergeGroup", &group.name)),
                        field.unit.as_ref().map(|unit| custom("unit", unit)),
                        words::field_going(&field.terms).map(|going| custom("status", &going)),
                        field.subject.as_ref().map(|path| custom("subject", path)),
                    ]
                    .into_iter()
                    .flatten()
                    .chain(types(&field.terms)),
                ),
            )
    })
}

/// A model as a data contract.
fn model(plan: &Plan, model: &ModelSpec) -> Doc {
    let properties = model.fields.iter().map(|field| {
        let key = model.key.iter().position(|key| *key == field.name);
        let doc = property(&field.name, &field.ty, field.nullable, key)
            .with_some("description", field.about.as_deref().map(str::trim))
            .with_some("classification", field.pii.as_ref().map(|pii| &pii.class))
            .with_some("transformSourceObjects", lineage(field).filled())
            .with_some("criticalDataElement", field.terms.critical.then_some(true))
            .with_some("examples", Doc::list(&field.terms.examples).filled())
            .with(
                "customProperties",
                Doc::list(
                    [
                        Some(custom("fieldId", field.id)),
                        words::field_going(&field.terms).map(|going| custom("status", &going)),
                        field.declassify.map(|one| custom("declassifiedBy", one.by.word())),
                    ]
                    .into_iter()
                    .flatten()
                    .chain(types(&field.terms)),
                ),
            );
        with_kept(doc, &field.terms.extensions)
    });
    let bare = schema(&model.name, Some(&model.warehouse), &model.purpose);
    let schema = with_kept(bare, &model.terms.extensions).with("properties", Doc::list(properties));
    contract(plan, &model.name, &model.version, &model.owner, &model.purpose)
        .with("status", model.terms.status.word())
        .with("schema", vec![schema])
        .with_some("slaProperties", sla(&model.expect, &model.terms).filled())
        .with("customProperties", vec![custom("contractHash", &model.contract_hash)])
}

/// The standard has one physical type of a property, and this is one for each platform.
fn types(terms: &FieldTerms) -> Vec<Doc> {
    let named = words::types(terms).into_iter();
    named.map(|(platform, ty)| custom(&format!("{platform}Type"), ty)).collect()
}

fn contract(plan: &Plan, name: &str, version: &str, owner: &str, purpose: &str) -> Doc {
    let domain = name.split('.').next().unwrap_or(name);
    Doc::map()
        .with("apiVersion", API_VERSION)
        .with("kind", "DataContract")
        .with("id", format!("urn:covenant:{}:{name}", plan.project.name))
        .with("name", name)
        .with("version", version)
        .with("tenant", &plan.project.name)
        .with("domain", domain)
        .with("description", Doc::map().with("purpose", purpose.trim()))
        .with("team", Doc::map().with("name", owner))
}

fn schema(name: &str, sink: Option<&WarehouseSink>, purpose: &str) -> Doc {
    let physical = sink.map(|sink| format!("{}.{}.{}", sink.database, sink.schema, sink.table));
    Doc::map()
        .with("id", stable_id(name))
        .with("name", stable_id(name))
        .with("logicalType", "object")
        .with_some("physicalName", physical)
        .with("physicalType", "table")
        .with("description", purpose.trim())
}

/// A name as the standard's references take it.
fn stable_id(name: &str) -> String {
    name.replace('.', "_")
}

fn property(name: &str, ty: &LogicalType, nullable: bool, key: Option<usize>) -> Doc {
    let place = key.and_then(|place| i64::try_from(place + 1).ok());
    Doc::map()
        .with("id", name)
        .with("name", name)
        .with("logicalType", logical(ty))
        .with("physicalType", ty.to_string())
        .with("required", !nullable)
        .with_some("primaryKey", place.map(|_| true))
        .with_some("primaryKeyPosition", place)
}

fn logical(ty: &LogicalType) -> &'static str {
    match ty {
        LogicalType::Bool => "boolean",
        LogicalType::Int32 | LogicalType::Int64 => "integer",
        LogicalType::Decimal { .. } => "number",
        LogicalType::String { .. }
        | LogicalType::Uuid
        | LogicalType::Enum { .. }
        | LogicalType::Bytes => "string",
        LogicalType::Date => "date",
        LogicalType::Timestamp => "timestamp",
        LogicalType::Json => "object",
    }
}

fn options(field: &FieldSpec) -> Doc {
    let number = |text: &String| text.parse::<i64>().ok();
    match &*field.read_type() {
        LogicalType::String { max_chars } => Doc::map()
            .with_some("maxLength", *max_chars)
            .with_some("pattern", field.pattern.as_ref())
            .with_some("format", field.format.as_ref()),
        LogicalType::Uuid => Doc::map().with("format", "uuid"),
        LogicalType::Enum { symbols } => {
            Doc::map().with("pattern", format!("^({})$", symbols.join("|")))
        }
        LogicalType::Int32 | LogicalType::Int64 => {
            let format = if field.ty == LogicalType::Int32 { "i32" } else { "i64" };
            Doc::map()
                .with("format", format)
                .with_some("minimum", field.min.as_ref().and_then(number))
                .with_some("maximum", field.max.as_ref().and_then(number))
        }
        LogicalType::Decimal { .. } => Doc::map()
            .with_some("minimum", field.min.as_ref().and_then(number))
            .with_some("maximum", field.max.as_ref().and_then(number)),
        LogicalType::Timestamp => Doc::map().with("timezone", true),
        LogicalType::Bool | LogicalType::Date | LogicalType::Json | LogicalType::Bytes => {
            Doc::map()
        }
    }
}

/// The key field of the entity that the field refers to.
fn relationship(plan: &Plan, field: &FieldSpec) -> Option<Doc> {
    let target = plan.entity(field.references.as_deref()?)?;
    let key = target.fields.get(*target.key.first()?)?;
    let to = format!("{}.{}", stable_id(&target.name), key.name);
    Some(Doc::list([Doc::map().with("type", "foreignKey").with("to", to)]))
}

fn quality(rule: &QualityRule) -> Doc {
    let severity = match rule.on_fail {
        OnFail::Quarantine => "error",
        OnFail::Alarm => "warning",
    };
    Doc::map()
        .with("id", &rule.name)
        .with("name", &rule.name)
        .with("type", "custom")
        .with("engine", "covenant")
        .with("implementation", &rule.text)
        .with("severity", severity)
        .with_some("description", rule.about.as_deref().map(str::trim))
}

fn sla(expect: &Expectations, terms: &DatasetTerms) -> Doc {
    let mut properties = Vec::new();
    for (system, seconds) in &expect.freshness_s {
        properties.push(
            Doc::map()
                .with("property", "latency")
                .with("value", i64::try_from(*seconds).unwrap_or(i64::MAX))
                .with("unit", "s")
                .with("description", format!("From commit to visible in {system}.")),
        );
    }
    if let Some(days) = expect.retention_days {
        properties
            .push(Doc::map().with("property", "retention").with("value", days).with("unit", "d"));
    }
    if let Some(ppm) = expect.availability_ppm {
        let value = Doc::Float(words::percent(ppm));
        properties.push(
            Doc::map().with("property", "availability").with("value", value).with("unit", "%"),
        );
    }
    if let Some(day) = &terms.sunset {
        properties.push(Doc::map().with("property", "endOfLife").with("value", day));
    }
    Doc::List(properties)
}

fn lineage(field: &ModelField) -> Doc {
    Doc::list(field.lineage.iter().map(|(dataset, column)| format!("{dataset}.{column}")))
}

fn custom(name: &str, value: impl Into<Doc>) -> Doc {
    Doc::map().with("property", name).with("value", value)
}
