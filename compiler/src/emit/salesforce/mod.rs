//! Salesforce: `salesforce/mapping.json` for people and tools, and an SFDX project with everything that the org must have
//! before the first delivery: objects, fields, the rule that refuses an older delivery, a permission set, change events.
//!
//! Standard fields and objects are used, never created. Formats: the offline validator that checks every element against
//! the Metadata API's own table. The remark that a file is generated stands at its end: the deploy library takes a file's first
//! node for its root, a comment too.

mod field;
mod mapping;

use std::collections::{BTreeMap, BTreeSet};

use covenant_model::spec::{EntitySpec, FieldSpec, OnDelete, SalesforceSink, SourceSpec};
use serde::Serialize;

use self::field::{CustomField, label};
pub(crate) use self::field::{FieldType, key_chars};
use super::template::Templates;
use super::{EmitError, add, json};
use crate::capacity::{self, Estimate};
use crate::plan::Plan;
use crate::tree::OutputTree;

pub(super) const TARGET: &str = "salesforce";
const SOURCE: &str = "salesforce/force-app/main/default";
/// What the names of custom objects and fields end with.
const CUSTOM: &str = "__c";
/// Where no system names a version.
const API_VERSION: &str = "60.0";

macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../templates/salesforce/", $name)))),+]
    };
}

const TEMPLATES: &[(&str, &str)] = templates![
    "object.xml.j2",
    "field.xml.j2",
    "revision_rule.xml.j2",
    "permission_set.xml.j2",
    "channel_member.xml.j2",
];

/// What one object of the org needs.
#[derive(Clone, Debug, Default, Serialize)]
struct Object {
    name: String,
    label: String,
    plural: String,
    description: String,
    /// Whether it is created.
    custom: bool,
    /// Whether the pipeline writes records.
    written: bool,
    /// Whether it deletes records.
    deletes: bool,
    /// Custom fields by name.
    fields: BTreeMap<String, CustomField>,
    /// What the permission set grants: fields by name, and whether they are written. Salesforce refuses required ones in
    /// there ("You cannot deploy to a required field"): they are open to whoever may create records.
    granted: BTreeMap<String, bool>,
    /// Name of the field with the delivery revision.
    revision: Option<String>,
    /// Whether its changes are read.
    read: bool,
    /// Fields that every change event carries, changed or not: those that say which row it is about.
    enriched: BTreeSet<String>,
    /// `AccountChangeEvent`, `Order__ChangeEvent`
    change_event: String,
}

#[derive(Serialize)]
struct One<'a> {
    project: &'a str,
    object: &'a Object,
    field: Option<&'a CustomField>,
}

#[derive(Serialize)]
struct All<'a> {
    project: &'a str,
    objects: Vec<&'a Object>,
}

/// Generates `salesforce/`; nothing where no entity meets Salesforce.
///
/// # Errors
/// Where a field has no counterpart in Salesforce.
pub fn emit(plan: &Plan, tree: &mut OutputTree) -> Result<(), EmitError> {
    let objects = objects(plan)?;
    if objects.is_empty() {
        return Ok(());
    }
    let templates = Templates::new(TARGET, TEMPLATES)?;
    let project = plan.project.name.as_str();
    for object in objects.values() {
        emit_object(project, object, &templates, tree)?;
    }
    let path = format!("{SOURCE}/permissionsets/Covenant.permissionset-meta.xml");
    let all = All { project, objects: objects.values().collect() };
    add(tree, &path, templates.render("permission_set.xml.j2", &path, all)?)?;

    let estimates = Estimate::of(&plan.project, &plan.entities);
    add(tree, "salesforce/budget.md", capacity::page(project, &estimates))?;
    let path = "salesforce/mapping.json";
    add(tree, path, json::pretty(&mapping::mapping(plan)))?;
    add(tree, "salesforce/sfdx-project.json", json::pretty(&project_file(plan)))
}

fn emit_object(
    project: &str,
    object: &Object,
    templates: &Templates,
    tree: &mut OutputTree,
) -> Result<(), EmitError> {
    let folder = format!("{SOURCE}/objects/{}", object.name);
    let mut put = |template: &str, path: String, field: Option<&CustomField>| {
        let text = templates.render(template, &path, One { project, object, field })?;
        add(tree, &path, text)
    };
    if object.custom {
        put("object.xml.j2", format!("{folder}/{}.object-meta.xml", object.name), None)?;
    }
    for field in object.fields.values() {
        let path = format!("{folder}/fields/{}.field-meta.xml", field.name);
        put("field.xml.j2", path, Some(field))?;
    }
    if object.revision.is_some() {
        let path = format!("{folder}/validationRules/Covenant_Revision.validationRule-meta.xml");
        put("revision_rule.xml.j2", path, None)?;
    }
    if object.read {
        // the member's name is channel and event, with every `__` as `_`
        let member = format!("ChangeEvents_{}", object.change_event.replace("__", "_"));
        let path = format!(
            "{SOURCE}/platformEventChannelMembers/{member}.platformEventChannelMember-meta.xml"
        );
        put("channel_member.xml.j2", path, None)?;
    }
    Ok(())
}

fn objects(plan: &Plan) -> Result<BTreeMap<String, Object>, EmitError> {
    let mut objects = BTreeMap::new();
    for entity in &plan.entities {
        if let Some(sink) = &entity.salesforce {
            delivered(entity, sink, object(&mut objects, &sink.object))?;
        }
        for (source, spec) in &entity.sources {
            if let SourceSpec::Salesforce { object: name, key, .. } = spec {
                let object = object(&mut objects, name);
                // a record's own id is in every event's header
                let keys = key.values().filter(|field| field.as_str() != "Id");
                object.enriched.extend(keys.cloned());
                told(entity, source, object)?;
            }
        }
    }
    for object in objects.values_mut() {
        let custom = object.fields.values().filter(|field| !field.required);
        object.granted = custom.map(|field| (field.name.clone(), field.delivered)).collect();
        object.granted.extend(plan.grants.get(&object.name).cloned().unwrap_or_default());
    }
    Ok(objects)
}

fn object<'a>(objects: &'a mut BTreeMap<String, Object>, name: &str) -> &'a mut Object {
    objects.entry(name.to_owned()).or_insert_with(|| {
        let label = label(name);
        let event = match name.strip_suffix(CUSTOM) {
            Some(stem) => format!("{stem}__ChangeEvent"),
            None => format!("{name}ChangeEvent"),
        };
        Object {
            name: name.to_owned(),
            plural: format!("{label}s"),
            label,
            custom: name.ends_with(CUSTOM),
            change_event: event,
            ..Object::default()
        }
    })
}

/// What delivery writes.
fn delivered(
    entity: &EntitySpec,
    sink: &SalesforceSink,
    object: &mut Object,
) -> Result<(), EmitError> {
    object.written = true;
    let leaving = sink.filter.as_ref().map(|_| sink.on_leave);
    let removes = |how| sink.on_delete == how || leaving == Some(how);
    object.deletes |= removes(OnDelete::Delete);
    object.description = entity.purpose.split_whitespace().collect::<Vec<_>>().join(" ");
    object.revision = Some(sink.revision_field.clone());
    let key: Vec<_> = entity.key.iter().filter_map(|ix| entity.fields.get(*ix)).collect();
    let mut put = |field: CustomField| object.fields.insert(field.name.clone(), field);
    put(CustomField::external_id(&sink.external_id, &key));
    put(CustomField::revision(&sink.revision_field));
    if removes(OnDelete::Flag) {
        put(CustomField::deleted(&sink.deleted_field));
    }
    let children = format!("{}s", label(&sink.object).replace(' ', "_"));
    for sent in &sink.fields {
        let Some(field) = entity.fields.get(sent.source) else { continue };
        if let Some(parent) = &sent.parent_object {
            if let Some(stem) = sent.target.strip_suffix("__r") {
                put(CustomField::lookup(&format!("{stem}{CUSTOM}"), parent, &children));
            }
        } else if sent.target.ends_with(CUSTOM) {
            let what = format!("{}.{}", entity.name, field.name);
            let of = CustomField::of(&sent.target, field, &what)?;
            put(CustomField { required: sent.required, ..of });
        }
    }
    Ok(())
}

/// What people in Salesforce write, and the pipeline reads.
fn told(entity: &EntitySpec, source: &str, object: &mut Object) -> Result<(), EmitError> {
    object.read = true;
    for field in &entity.fields {
        let Some(name) = field.from.get(source).filter(|name| name.ends_with(CUSTOM)) else {
            continue;
        };
        if !object.fields.contains_key(name) {
            let what = format!("{}.{}", entity.name, field.name);
            let field = CustomField { delivered: false, ..CustomField::of(name, field, &what)? };
            object.fields.insert(name.clone(), field);
        }
    }
    Ok(())
}

/// Custom fields that Salesforce has no type for.
pub(super) fn refused(plan: &Plan) -> Vec<EmitError> {
    let mut all = Vec::new();
    for entity in &plan.entities {
        let sent = entity.salesforce.iter().flat_map(|sink| &sink.fields);
        let sent = sent
            .filter(|sent| sent.parent_object.is_none() && sent.target.ends_with(CUSTOM))
            .filter_map(|sent| entity.fields.get(sent.source));
        let sources = entity.sources.iter();
        let people = sources.filter(|(_, spec)| matches!(spec, SourceSpec::Salesforce { .. }));
        let read = people.flat_map(|(source, _)| {
            let custom = |field: &&FieldSpec| {
                field.from.get(source).is_some_and(|name| name.ends_with(CUSTOM))
            };
            entity.fields.iter().filter(custom)
        });
        for field in sent.chain(read) {
            all.extend(field::typed(field, &format!("{}.{}", entity.name, field.name)).err());
        }
    }
    all
}

fn project_file(plan: &Plan) -> serde_json::Value {
    serde_json::json!({
        "packageDirectories": [{ "path": "force-app", "default": true }],
        "namespace": "",
        "sourceApiVersion": mapping::api_version(plan),
        // the format's own place for other tools' data
        "plugins": { "covenant": {
            "generated": format!(
                "by covenant from the contracts of {}; do not edit", plan.project.name
            ),
        } },
    })
}
