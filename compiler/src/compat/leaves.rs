//! Every leaf of the contracts that changed, by a path that stays when things are only moved:
//! datasets by name, fields by id, maps by key. What the rules explain is measured against it, so
//! that no change can pass in silence.

use std::collections::{BTreeMap, BTreeSet};

use covenant_model::expr::Expr;
use covenant_model::spec::{EntitySpec, FieldSpec, ModelField, ModelSpec, ProjectSpec};
use covenant_model::value::LogicalType;
use serde_json::{Map, Value};

use super::sides::{Sides, id_of, leaf_of_field};

/// Leaves that say nothing of their own, and what they follow from. `*` stands for one segment.
pub const DERIVED: &[(&str, &str)] = &[
    ("*/contract_hash", "a hash of all the others"),
    ("*/groups", "follow from `from`, `merge`, `optional` and `large` of the fields"),
    ("*/fields/*/group", "follows from the groups"),
    ("*/existence_owner", "the source that the key fields come from"),
    ("*/quality/*/text", "as written; its meaning is `expect`"),
    ("*/quality/*/at_capture", "follows from the fields that the rule reads"),
    ("*/salesforce/parents", "follow from the lookups"),
    ("*/salesforce/fields/*/parent_object", "the Salesforce object of the entity referred to"),
    ("*/salesforce/filter/text", "as written; its meaning is the field and the days"),
    ("*/sources/*/where/text", "as written; its meaning is the conditions"),
    ("*/salesforce/revision_field", "the same for every contract"),
    ("*/salesforce/deleted_field", "the same for every contract"),
    ("*/inputs", "follow from the query"),
    ("*/rows_by", "follow from the query"),
    ("*/key_tested", "follows from the query and the key"),
    ("*/fields/*/lineage", "follows from the query"),
    ("jobs", "follow from sources, sinks and queries"),
    (
        "grants",
        "follow from the fields that Salesforce gets and tells, and what the org says of them",
    ),
];

/// A leaf that changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leaf {
    /// `sales.order/fields/#4/merge`
    pub path: String,
    /// None: it was not there.
    pub old: Option<String>,
    /// None: it is no longer there.
    pub new: Option<String>,
}

type Flat = BTreeMap<String, String>;

/// Every leaf that differs, sorted by path.
pub(super) fn differences(sides: Sides<'_>) -> Vec<Leaf> {
    let mut found = Vec::new();
    let (old, new) = (sides.old.plan, sides.new.plan);
    if old.project != new.project {
        compare(project(&old.project), project(&new.project), &mut found);
    }
    for pair in sides.entities() {
        compare(entity(pair.old), entity(pair.new), &mut found);
        for field in pair.fields() {
            let old = one_field(pair.old, field.old);
            compare(old, one_field(pair.new, field.new), &mut found);
        }
        let ids = |spec: &EntitySpec| spec.fields.iter().map(|field| field.id).collect();
        order(&pair.new.name, ids(pair.old), ids(pair.new), &mut found);
    }
    for pair in sides.models() {
        compare(model(pair.old), model(pair.new), &mut found);
        for (old, new) in pair.columns() {
            compare(column(&pair.old.name, old), column(&pair.new.name, new), &mut found);
        }
        let ids = |spec: &ModelSpec| spec.fields.iter().map(|field| field.id).collect();
        order(&pair.new.name, ids(pair.old), ids(pair.new), &mut found);
    }
    let names = |entities: &[EntitySpec], models: &[ModelSpec]| {
        let entities = entities.iter().map(|one| (one.name.clone(), "entity".to_owned()));
        let models = models.iter().map(|one| (one.name.clone(), "model".to_owned()));
        entities.chain(models).collect::<Flat>()
    };
    compare(names(&old.entities, &old.models), names(&new.entities, &new.models), &mut found);
    found.sort();
    found
}

fn compare(old: Flat, mut new: Flat, found: &mut Vec<Leaf>) {
    for (path, old) in old {
        let now = new.remove(&path);
        if now.as_ref() != Some(&old) {
            found.push(Leaf { path, old: Some(old), new: now });
        }
    }
    found.extend(new.into_iter().map(|(path, new)| Leaf { path, old: None, new: Some(new) }));
}

/// Fields that came or went, and whether those that stayed stand in another order.
fn order(dataset: &str, old: Vec<u32>, new: Vec<u32>, found: &mut Vec<Leaf>) {
    let text = |id: &u32| Some(format!("#{id}"));
    for id in old.iter().filter(|id| !new.contains(id)) {
        found.push(Leaf { path: leaf_of_field(dataset, *id, ""), old: text(id), new: None });
    }
    for id in new.iter().filter(|id| !old.contains(id)) {
        found.push(Leaf { path: leaf_of_field(dataset, *id, ""), old: None, new: text(id) });
    }
    let kept = |all: &[u32], other: &[u32]| {
        let kept = all.iter().filter(|id| other.contains(id)).filter_map(text);
        kept.collect::<Vec<_>>().join(" ")
    };
    let (before, after) = (kept(&old, &new), kept(&new, &old));
    if before != after {
        let path = format!("{dataset}/fields/order");
        found.push(Leaf { path, old: Some(before), new: Some(after) });
    }
}

fn json<T: serde::Serialize>(spec: &T) -> Map<String, Value> {
    // Plain data with text keys always becomes an object.
    match serde_json::to_value(spec) {
        Ok(Value::Object(map)) => map,
        Ok(
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_),
        )
        | Err(_) => Map::new(),
    }
}

fn project(spec: &ProjectSpec) -> Flat {
    let mut out = Flat::new();
    flatten("project", &Value::Object(json(spec)), &mut out);
    out
}

fn entity(spec: &EntitySpec) -> Flat {
    let mut bare = spec.clone();
    bare.fields.clear();
    bare.groups.clear();
    let mut map = json(&bare);
    for derived in ["fields", "groups", "contract_hash", "existence_owner", "name"] {
        map.remove(derived);
    }
    let id = |ix: usize| id_of(spec, ix).map_or_else(|| "?".to_owned(), |id| format!("#{id}"));
    let key: Vec<String> = spec.key.iter().map(|ix| id(*ix)).collect();
    map.insert("key".to_owned(), key.join(" ").into());
    let rules = spec.quality.iter().map(|rule| {
        let mut one = json(rule);
        for derived in ["name", "text", "at_capture"] {
            one.remove(derived);
        }
        one.insert("expect".to_owned(), meaning(spec, &rule.expect).into());
        (rule.name.clone(), Value::Object(one))
    });
    map.insert("quality".to_owned(), Value::Object(rules.collect()));
    if let Some(Value::Object(sources)) = map.get_mut("sources") {
        for (name, rows) in super::row_filter_changed::of(spec) {
            if let Some(Value::Object(source)) = sources.get_mut(name) {
                source.insert("where".to_owned(), rows.into());
            }
        }
    }
    let unique =
        spec.unique.iter().map(|ids| (super::unique_changed::segment(ids), Value::Bool(true)));
    map.insert("unique".to_owned(), Value::Object(unique.collect()));
    if let (Some(sink), Some(Value::Object(one))) = (&spec.salesforce, map.get_mut("salesforce")) {
        for derived in ["parents", "revision_field", "deleted_field"] {
            one.remove(derived);
        }
        if let (Some(filter), Some(Value::Object(inner))) = (&sink.filter, one.get_mut("filter")) {
            inner.remove("text");
            inner.insert("field".to_owned(), id(filter.field).into());
        }
        if let (Some(adopt), Some(Value::Object(inner))) = (&sink.adopt, one.get_mut("adopt")) {
            let rules = super::adoption_changed::rules(spec, adopt);
            inner.insert("rules".to_owned(), rules.into());
        }
        let fields = sink.fields.iter().map(|mapped| {
            let mut one = json(mapped);
            for derived in ["target", "parent_object"] {
                one.remove(derived);
            }
            one.insert("source".to_owned(), id(mapped.source).into());
            (mapped.target.clone(), Value::Object(one))
        });
        one.insert("fields".to_owned(), Value::Object(fields.collect()));
    }
    let mut out = Flat::new();
    flatten(&spec.name, &Value::Object(map), &mut out);
    out
}

fn one_field(entity: &EntitySpec, spec: &FieldSpec) -> Flat {
    let mut map = json(spec);
    for derived in ["id", "group", "ty"] {
        map.remove(derived);
    }
    let generation = spec.generation.and_then(|ix| id_of(entity, ix));
    map.insert("generation".to_owned(), generation.map(|id| format!("#{id}")).into());
    map.insert("type".to_owned(), ty(&spec.ty));
    let mut out = Flat::new();
    flatten(&leaf_of_field(&entity.name, spec.id, ""), &Value::Object(map), &mut out);
    out
}

fn model(spec: &ModelSpec) -> Flat {
    let mut map = json(spec);
    for derived in ["fields", "contract_hash", "name", "inputs", "key_tested", "rows_by"] {
        map.remove(derived);
    }
    let mut out = Flat::new();
    flatten(&spec.name, &Value::Object(map), &mut out);
    out
}

fn column(model: &str, spec: &ModelField) -> Flat {
    let mut map = json(spec);
    for derived in ["id", "lineage", "ty"] {
        map.remove(derived);
    }
    map.insert("type".to_owned(), ty(&spec.ty));
    let mut out = Flat::new();
    flatten(&leaf_of_field(model, spec.id, ""), &Value::Object(map), &mut out);
    out
}

/// A type as leaves: symbols one by one, so that each can come and go, and their order.
fn ty(ty: &LogicalType) -> Value {
    match ty {
        LogicalType::Enum { symbols } => {
            let all = symbols.iter().map(|symbol| (symbol.clone(), Value::Bool(true)));
            serde_json::json!({
                "is": "enum",
                "symbols": all.collect::<Map<_, _>>(),
                "order": symbols.join(" < "),
            })
        }
        LogicalType::Bool
        | LogicalType::Int32
        | LogicalType::Int64
        | LogicalType::Decimal { .. }
        | LogicalType::String { .. }
        | LogicalType::Uuid
        | LogicalType::Date
        | LogicalType::Timestamp
        | LogicalType::Json
        | LogicalType::Bytes => serde_json::json!({ "is": ty.to_string() }),
    }
}

/// What a rule says, with fields by id.
pub(super) fn meaning(entity: &EntitySpec, expr: &Expr) -> String {
    let mut value = serde_json::to_value(expr).unwrap_or_default();
    by_id(entity, &mut value);
    value.to_string()
}

/// Replaces the numbers of fields by their ids.
fn by_id(entity: &EntitySpec, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map.iter_mut() {
                let field = matches!(key.as_str(), "field" | "is_null");
                let ix = field.then(|| inner.as_u64()).flatten();
                match ix.and_then(|ix| id_of(entity, usize::try_from(ix).ok()?)) {
                    Some(id) => *inner = format!("#{id}").into(),
                    None => by_id(entity, inner),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| by_id(entity, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn flatten(path: &str, value: &Value, out: &mut Flat) {
    match value {
        Value::Null => {}
        Value::Object(map) => {
            for (key, inner) in map {
                flatten(&format!("{path}/{key}"), inner, out);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for (at, item) in items.iter().enumerate() {
                flatten(&format!("{path}/{}", segment(item, at)), item, out);
            }
        }
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().map(text).collect();
            if !texts.is_empty() {
                out.insert(path.to_owned(), texts.join(", "));
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.insert(path.to_owned(), text(value));
        }
    }
}

/// What identifies an item of a list: its id, its name, else its place.
fn segment(item: &Value, at: usize) -> String {
    match (item.get("id").and_then(Value::as_u64), item.get("name").and_then(Value::as_str)) {
        (Some(id), _) => format!("#{id}"),
        (None, Some(name)) => name.to_owned(),
        (None, None) => at.to_string(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Leaves that no claim explains. A claim explains its leaf and all below it.
pub(super) fn unclaimed<'l>(leaves: &'l [Leaf], claims: &BTreeSet<&str>) -> Vec<&'l Leaf> {
    leaves.iter().filter(|leaf| !covered(&leaf.path, |path| claims.contains(path))).collect()
}

/// Whether a path or anything around it is known.
pub(super) fn covered(path: &str, known: impl Fn(&str) -> bool) -> bool {
    let mut rest = path;
    loop {
        if known(rest) {
            return true;
        }
        match rest.rsplit_once('/') {
            Some((around, _)) => rest = around,
            None => return false,
        }
    }
}
