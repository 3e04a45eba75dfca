//! Describe: what objects and fields there are, in the attributes that a real org lists.

use serde_json::{Map, Value, json};

use crate::salesforce::http::{Answer, ApiVersion};
use crate::salesforce::org::{FieldDef, FieldKind};
use crate::salesforce::schema::{ObjectIx, ObjectSchema, system};
use crate::salesforce::state::State;
use crate::salesforce::validate::text_length;

/// Where people would see the org's records: part of every describe, and how files of different orgs are told apart. Nothing
/// is served there.
const MY_DOMAIN: &str = "acme--sim.sandbox.my.salesforce.com";
/// Length of an id field.
const ID_LENGTH: u32 = 18;

/// GET sobjects
pub(super) fn global(state: &State, version: ApiVersion) -> Answer {
    let sobjects: Vec<Value> = state
        .store
        .schema()
        .objects()
        .iter()
        .map(|object| Value::Object(object_attributes(object, version)))
        .collect();
    Answer::json(200, json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": sobjects}))
}

/// GET sobjects/{object}
pub(super) fn basic(state: &State, ix: ObjectIx, version: ApiVersion) -> Answer {
    let object = state.store.schema().at(ix);
    let body = json!({"objectDescribe": object_attributes(object, version), "recentItems": []});
    Answer::json(200, body)
}

/// GET sobjects/{object}/describe
pub(super) fn full(state: &State, ix: ObjectIx, version: ApiVersion) -> Answer {
    let schema = state.store.schema();
    let object = schema.at(ix);
    let mut out = object_attributes(object, version);
    let fields: Vec<Value> = object
        .field_ixs()
        .map(|f| field(object.field(f), object.writable, f == system::ID))
        .collect();
    let children: Vec<Value> = object
        .children
        .iter()
        .map(|child| {
            let from = schema.at(child.object);
            json!({
                "cascadeDelete": child.on_delete == crate::salesforce::org::OnDelete::Cascade,
                "childSObject": from.name,
                "deprecatedAndHidden": false,
                "field": from.field(child.field).name,
                "junctionIdListNames": [],
                "junctionReferenceTo": [],
                "relationshipName": null,
                "restrictedDelete": child.on_delete == crate::salesforce::org::OnDelete::Restrict,
            })
        })
        .collect();
    out.insert("fields".to_owned(), Value::Array(fields));
    out.insert("childRelationships".to_owned(), Value::Array(children));
    for name in ["actionOverrides", "namedLayoutInfos", "recordTypeInfos", "supportedScopes"] {
        out.insert(name.to_owned(), json!([]));
    }
    Answer::json(200, Value::Object(out))
}

fn object_attributes(object: &ObjectSchema, version: ApiVersion) -> Map<String, Value> {
    let base = format!("/services/data/v{version}/sobjects/{}", object.name);
    let mut out = Map::new();
    let yes = ["queryable", "replicateable", "retrieveable", "searchable", "layoutable"];
    let no = [
        "activateable",
        "customSetting",
        "deepCloneable",
        "deprecatedAndHidden",
        "feedEnabled",
        "hasSubtypes",
        "isInterface",
        "isSubtype",
        "mergeable",
        "mruEnabled",
        "triggerable",
    ];
    for name in yes {
        out.insert(name.to_owned(), Value::Bool(true));
    }
    for name in no {
        out.insert(name.to_owned(), Value::Bool(false));
    }
    for name in ["createable", "updateable", "deletable", "undeletable"] {
        out.insert(name.to_owned(), Value::Bool(object.writable));
    }
    out.insert("associateEntityType".to_owned(), Value::Null);
    out.insert("associateParentEntity".to_owned(), Value::Null);
    out.insert("custom".to_owned(), Value::Bool(object.custom()));
    out.insert("keyPrefix".to_owned(), json!(object.key_prefix));
    out.insert("label".to_owned(), json!(object.label));
    out.insert("labelPlural".to_owned(), json!(object.label_plural));
    out.insert("name".to_owned(), json!(object.name));
    out.insert(
        "urls".to_owned(),
        json!({
            "sobject": base,
            "describe": format!("{base}/describe"),
            "rowTemplate": format!("{base}/{{ID}}"),
            "uiDetailTemplate": format!("https://{MY_DOMAIN}/{{ID}}"),
            "uiEditTemplate": format!("https://{MY_DOMAIN}/{{ID}}/e"),
            "uiNewRecord": format!("https://{MY_DOMAIN}/{}/e", object.key_prefix),
        }),
    );
    out
}

/// Type name, SOAP type, precision, scale, digits of a field.
fn type_of(kind: &FieldKind) -> (&'static str, &'static str, u8, u8, u8) {
    match kind {
        FieldKind::Id => ("id", "tns:ID", 0, 0, 0),
        FieldKind::Text { .. } | FieldKind::AutoNumber { .. } => ("string", "xsd:string", 0, 0, 0),
        FieldKind::TextArea { .. } | FieldKind::LongText { .. } => {
            ("textarea", "xsd:string", 0, 0, 0)
        }
        FieldKind::Email { .. } => ("email", "xsd:string", 0, 0, 0),
        FieldKind::Phone { .. } => ("phone", "xsd:string", 0, 0, 0),
        FieldKind::Url { .. } => ("url", "xsd:string", 0, 0, 0),
        FieldKind::Number { precision, scale } => ("double", "xsd:double", *precision, *scale, 0),
        FieldKind::Currency { precision, scale } => {
            ("currency", "xsd:double", *precision, *scale, 0)
        }
        FieldKind::Percent { precision, scale } => ("percent", "xsd:double", *precision, *scale, 0),
        FieldKind::Int { digits } => ("int", "xsd:int", 0, 0, *digits),
        FieldKind::Checkbox => ("boolean", "xsd:boolean", 0, 0, 0),
        FieldKind::Date => ("date", "xsd:date", 0, 0, 0),
        FieldKind::DateTime => ("datetime", "xsd:dateTime", 0, 0, 0),
        FieldKind::Picklist { .. } => ("picklist", "xsd:string", 0, 0, 0),
        FieldKind::MultiPicklist { .. } => ("multipicklist", "xsd:string", 0, 0, 0),
        FieldKind::Reference { .. } => ("reference", "tns:ID", 0, 0, 0),
    }
}

/// Attributes of a field that no field of the simulator sets.
const FALSE_ATTRIBUTES: [&str; 17] = [
    "aiPredictionField",
    "calculated",
    "cascadeDelete",
    "dependentPicklist",
    "deprecatedAndHidden",
    "displayLocationInDecimal",
    "encrypted",
    "formulaTreatNullNumberAsZero",
    "highScaleNumber",
    "htmlFormatted",
    "namePointing",
    "polymorphicForeignKey",
    "queryByDistance",
    "searchPrefilterable",
    "writeRequiresMasterRead",
    "restrictedDelete",
    "defaultedOnCreate",
];
const NULL_ATTRIBUTES: [&str; 11] = [
    "calculatedFormula",
    "controllerName",
    "defaultValue",
    "defaultValueFormula",
    "extraTypeInfo",
    "filteredLookupInfo",
    "inlineHelpText",
    "mask",
    "maskType",
    "referenceTargetField",
    "relationshipOrder",
];

/// Parts of an address are shown, and granted, as one.
fn compound(name: &str) -> Option<String> {
    let parts = ["Street", "City", "State", "PostalCode", "Country"];
    let stem = parts.iter().find_map(|part| name.strip_suffix(part))?;
    matches!(stem, "Billing" | "Shipping" | "Mailing" | "Other").then(|| format!("{stem}Address"))
}

fn field(def: &FieldDef, object_writable: bool, is_id: bool) -> Value {
    let (kind, soap, precision, scale, digits) = type_of(&def.kind);
    let mut out = Map::new();
    for name in FALSE_ATTRIBUTES {
        out.insert(name.to_owned(), Value::Bool(false));
    }
    for name in NULL_ATTRIBUTES {
        out.insert(name.to_owned(), Value::Null);
    }
    let is_reference = matches!(def.kind, FieldKind::Reference { .. });
    let length =
        if is_id || is_reference { ID_LENGTH } else { text_length(&def.kind).unwrap_or(0) };
    let (values, restricted) = if let FieldKind::Picklist { values, restricted }
    | FieldKind::MultiPicklist { values, restricted } = &def.kind
    {
        (values.as_slice(), *restricted)
    } else {
        ([].as_slice(), false)
    };
    let (parents, relationship) = if let FieldKind::Reference { to, relationship, .. } = &def.kind {
        (vec![to.as_str()], json!(relationship))
    } else {
        (Vec::new(), Value::Null)
    };
    let writable = def.writable && object_writable;
    let filterable = !matches!(def.kind, FieldKind::LongText { .. });
    let picklist: Vec<Value> = values
        .iter()
        .map(|v| json!({"active": true, "defaultValue": false, "label": v, "validFor": null, "value": v}))
        .collect();
    let entries = [
        ("aggregatable", json!(filterable)),
        ("autoNumber", json!(matches!(def.kind, FieldKind::AutoNumber { .. }))),
        ("byteLength", json!(length.saturating_mul(3))),
        ("caseSensitive", json!(def.case_sensitive)),
        ("compoundFieldName", json!(compound(&def.name))),
        ("createable", json!(writable)),
        ("custom", json!(def.name.ends_with("__c"))),
        ("digits", json!(digits)),
        ("externalId", json!(def.external_id)),
        ("filterable", json!(filterable)),
        ("groupable", json!(filterable)),
        ("idLookup", json!(def.id_lookup || def.external_id || is_id)),
        ("label", json!(def.label)),
        ("length", json!(length)),
        ("name", json!(def.name)),
        ("nameField", json!(def.name == "Name")),
        ("nillable", json!(!def.required && !is_id && !matches!(def.kind, FieldKind::Checkbox))),
        ("permissionable", json!(!def.required && !is_id)),
        ("picklistValues", Value::Array(picklist)),
        ("precision", json!(precision)),
        ("referenceTo", json!(parents)),
        ("relationshipName", relationship),
        ("restrictedPicklist", json!(restricted)),
        ("scale", json!(scale)),
        ("soapType", json!(soap)),
        ("sortable", json!(filterable)),
        ("type", json!(kind)),
        ("unique", json!(def.unique)),
        ("updateable", json!(writable)),
    ];
    out.extend(entries.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Value::Object(out)
}
