//! What the catalogue says of every dataset, in words.

use covenant_model::spec::{
    EntitySpec, Expectations, FieldSpec, MergeRule, ModelSpec, Protection, SourceSpec,
};
use covenant_model::terms::DatasetTerms;
use serde::Serialize;

use crate::emit::sql::slug;
use crate::emit::words;
use crate::plan::Plan;

/// A dataset's card.
#[derive(Debug, Serialize)]
pub(super) struct Card {
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) owner: String,
    pub(super) purpose: String,
    /// Label and text, in order.
    pub(super) facts: Vec<(String, String)>,
    pub(super) columns: Vec<Column>,
    pub(super) rules: Vec<(String, String, String)>,
    pub(super) consumers: Vec<String>,
    pub(super) query: Option<String>,
}

/// A field's line.
#[derive(Debug, Serialize)]
pub(super) struct Column {
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) key: bool,
    pub(super) ty: String,
    pub(super) nullable: bool,
    /// Class and what capture does with it.
    pub(super) pii: Option<(String, &'static str)>,
    /// Group and rule, or what a model's column is computed from.
    pub(super) origin: String,
    pub(super) about: String,
}

/// One card per dataset, entities first.
pub(super) fn cards(plan: &Plan) -> Vec<Card> {
    let mut cards: Vec<Card> = plan.entities.iter().map(|entity| card(plan, entity)).collect();
    for model in &plan.models {
        let columns = model.fields.iter().map(|field| Column {
            id: field.id,
            name: field.name.clone(),
            key: model.key.contains(&field.name),
            ty: typed(&field.ty.to_string(), field.unit.as_deref()),
            nullable: field.nullable,
            pii: field.pii.as_ref().map(|pii| (pii.class.clone(), protection(pii.protect))),
            origin: lineage(&field.lineage),
            about: about(
                field.about.clone(),
                words::sentences(&field.terms, None, field.declassify),
            ),
        });
        let sink = &model.warehouse;
        cards.push(Card {
            id: slug(&model.name),
            kind: "model",
            name: model.name.clone(),
            version: model.version.clone(),
            owner: model.owner.clone(),
            purpose: model.purpose.trim().to_owned(),
            facts: [
                fact("Reads", &model.inputs.join(", ")),
                fact("Table", &format!("{}.{}.{}", sink.database, sink.schema, sink.table)),
                fact("Refreshed", &refreshed(model)),
                fact("Grain", &grain(model)),
            ]
            .into_iter()
            .chain(promises(&model.expect, &model.terms))
            .collect(),
            columns: columns.collect(),
            rules: Vec::new(),
            consumers: consumers(plan, &model.name),
            query: Some(model.query.trim_end().to_owned()),
        });
    }
    cards
}

fn card(plan: &Plan, entity: &EntitySpec) -> Card {
    let mut facts: Vec<(String, String)> = entity
        .sources
        .iter()
        .map(|(name, source)| fact(&format!("From {name}"), &place_of(source)))
        .collect();
    facts.push(fact("Existence", &format!("told by {}", entity.existence_owner)));
    if let Some(sink) = &entity.warehouse {
        let history = if sink.history { ", with history" } else { "" };
        let table = format!("{}.{}.{}{history}", sink.database, sink.schema, sink.table);
        facts.push(fact("Warehouse", &table));
    }
    if let Some(sink) = &entity.salesforce {
        facts.push(fact("Salesforce", &format!("{} by {}", sink.object, sink.external_id)));
        if let Some(purpose) = &sink.reveal {
            facts.push(fact("Revealed for", purpose));
        }
    }
    for (sink, seconds) in &entity.expect.freshness_s {
        facts.push(fact(&format!("Fresh in {sink}"), &format!("within {}", duration(*seconds))));
    }
    for ids in &entity.unique {
        let named = entity.fields.iter().filter(|field| ids.contains(&field.id));
        let names: Vec<&str> = named.map(|field| field.name.as_str()).collect();
        facts.push(fact("Unique", &names.join(" and ")));
    }
    facts.extend(promises(&entity.expect, &entity.terms));
    let rules = entity
        .quality
        .iter()
        .map(|rule| (rule.name.clone(), rule.text.clone(), rule.about.clone().unwrap_or_default()));
    Card {
        id: slug(&entity.name),
        kind: "entity",
        name: entity.name.clone(),
        version: entity.version.clone(),
        owner: entity.owner.clone(),
        purpose: entity.purpose.trim().to_owned(),
        facts,
        columns: entity.fields.iter().enumerate().map(|(ix, f)| column(entity, ix, f)).collect(),
        rules: rules.collect(),
        consumers: consumers(plan, &entity.name),
        query: None,
    }
}

fn column(entity: &EntitySpec, ix: usize, field: &FieldSpec) -> Column {
    let group = field.group.and_then(|group| entity.groups.get(group));
    let origin = match (group, entity.key.contains(&ix)) {
        (_, true) => "key".to_owned(),
        (Some(group), false) => {
            format!("{} · {} of {}", group.name, rule(group.rule), group.owners.join(", "))
        }
        (None, false) => "never landed".to_owned(),
    };
    let reference = field.references.as_ref().map(|entity| format!("References {entity}."));
    let said = words::sentences(&field.terms, field.subject.as_deref(), None);
    let said = reference.into_iter().chain(said).collect();
    Column {
        id: field.id,
        name: field.name.clone(),
        key: entity.key.contains(&ix),
        ty: typed(&field.ty.to_string(), field.unit.as_deref()),
        nullable: field.nullable,
        pii: field.pii.as_ref().map(|pii| (pii.class.clone(), protection(pii.protect))),
        origin,
        about: about(field.about.clone(), said),
    }
}

/// Whoever would notice if the dataset changed.
fn consumers(plan: &Plan, name: &str) -> Vec<String> {
    let models = plan
        .models
        .iter()
        .filter(|model| model.inputs.iter().any(|input| input == name))
        .map(|model| format!("model {}", model.name));
    let references = plan
        .entities
        .iter()
        .filter(|entity| {
            entity.fields.iter().any(|field| field.references.as_deref() == Some(name))
        })
        .map(|entity| format!("entity {}, by reference", entity.name));
    let salesforce = plan
        .entity(name)
        .and_then(|entity| entity.salesforce.as_ref())
        .map(|sink| format!("Salesforce object {}", sink.object));
    models.chain(references).chain(salesforce).collect()
}

fn about(about: Option<String>, more: Vec<String>) -> String {
    about.into_iter().chain(more).collect::<Vec<_>>().join(" ")
}

/// Status and availability, where something is said.
fn promises(expect: &Expectations, terms: &DatasetTerms) -> impl Iterator<Item = (String, String)> {
    let going = words::going(terms.status, terms.sunset.as_deref());
    let there = expect.availability_ppm.map(|ppm| format!("{}% of the time", words::percent(ppm)));
    let going = going.map(|going| fact("Status", &going));
    going.into_iter().chain(there.map(|there| fact("Available", &there)))
}

fn fact(label: &str, text: &str) -> (String, String) {
    (label.to_owned(), text.to_owned())
}

fn typed(ty: &str, unit: Option<&str>) -> String {
    match unit {
        Some(unit) => format!("{ty} {unit}"),
        None => ty.to_owned(),
    }
}

fn lineage(from: &[(String, String)]) -> String {
    let names: Vec<String> = from.iter().map(|(set, field)| format!("{set}.{field}")).collect();
    names.join(", ")
}

fn place_of(source: &SourceSpec) -> String {
    match source {
        SourceSpec::Postgres { schema, table, .. } => format!("table {schema}.{table}"),
        SourceSpec::Stream { stream, .. } => format!("stream {stream}"),
        SourceSpec::Salesforce { object, .. } => format!("object {object}"),
    }
}

pub(super) fn protection(protect: Protection) -> &'static str {
    match protect {
        Protection::Encrypt => "encrypted",
        Protection::Tokenize => "token only",
        Protection::Mask => "masked",
        Protection::Drop => "never landed",
    }
}

fn rule(rule: MergeRule) -> &'static str {
    match rule {
        MergeRule::Latest => "latest",
        MergeRule::Ranked => "highest state",
        MergeRule::Max => "largest",
        MergeRule::Min => "smallest",
        MergeRule::First => "first",
    }
}

/// `300` is `5 min`.
fn refreshed(model: &ModelSpec) -> String {
    let every = format!("every {}", duration(model.refresh_s));
    match &model.window {
        None => every,
        Some(window) => format!(
            "{every}, by {}: late rows change windows up to {} before the newest, older ones every {}",
            window.by,
            duration(window.late_s),
            duration(window.rebuild_s)
        ),
    }
}

fn grain(model: &ModelSpec) -> String {
    let why = if model.key_tested { "unique.sql tests it" } else { "follows from the query" };
    format!("one row per {} ({why})", model.key.join(", "))
}

pub(super) fn duration(seconds: u64) -> String {
    match seconds {
        0 => "continuously".to_owned(),
        s if s % 86_400 == 0 => format!("{} d", s / 86_400),
        s if s % 3_600 == 0 => format!("{} h", s / 3_600),
        s if s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}
