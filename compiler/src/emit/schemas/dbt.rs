//! dbt sources: the presented tables of every entity and model, so that dbt projects can build on them.

use std::collections::BTreeMap;

use covenant_model::columns::{self, ColumnPart};
use covenant_model::spec::{EntitySpec, FieldSpec, ModelSpec, WarehouseSink};
use covenant_model::value::LogicalType;

use super::doc::Doc;
use crate::emit::words;
use crate::plan::Plan;

const SECONDS_PER_MINUTE: u64 = 60;

/// `sources.yml`: one source per schema of the warehouse.
pub(super) fn sources(plan: &Plan) -> Doc {
    let mut schemas: BTreeMap<(&str, &str), Vec<Doc>> = BTreeMap::new();
    for entity in &plan.entities {
        if let Some(sink) = &entity.warehouse {
            let place = (sink.database.as_str(), sink.schema.as_str());
            schemas.entry(place).or_default().push(of_entity(plan, entity, sink));
        }
    }
    for model in &plan.models {
        let place = (model.warehouse.database.as_str(), model.warehouse.schema.as_str());
        schemas.entry(place).or_default().push(of_model(model));
    }
    let sources = schemas.into_iter().map(|((database, schema), tables)| {
        Doc::map()
            .with("name", schema.to_ascii_lowercase())
            .with("database", database)
            .with("schema", schema)
            .with("tables", tables)
    });
    Doc::map().with("version", 2i64).with("sources", Doc::list(sources))
}

fn table(sink: &WarehouseSink, name: &str, version: &str, owner: &str, purpose: &str) -> Doc {
    let meta =
        Doc::map().with("contract", name).with("contract_version", version).with("owner", owner);
    Doc::map()
        .with("name", &sink.table)
        .with("description", purpose.trim())
        .with("config", Doc::map().with("meta", meta))
}

fn of_entity(plan: &Plan, entity: &EntitySpec, sink: &WarehouseSink) -> Doc {
    let mut listed = Vec::new();
    for (ix, field) in entity.fields.iter().enumerate() {
        for stored in columns::of_field(field, ix) {
            let tests = match stored.part {
                ColumnPart::Plain => tests(plan, entity, ix, field),
                // Tokens are equal for equal values.
                ColumnPart::Token => unique_test(entity, field).into_iter().collect(),
                ColumnPart::Cipher => Vec::new(),
            };
            listed.push(
                Doc::map()
                    .with("name", &stored.name)
                    .with("description", describe(field, stored.part))
                    .with("data_type", stored.ty.to_string())
                    .with_some("data_tests", Doc::from(tests).filled()),
            );
        }
    }
    let freshness = entity.expect.freshness_s.get(&sink.system).map(|seconds| {
        let count = i64::try_from(seconds.div_ceil(SECONDS_PER_MINUTE)).unwrap_or(i64::MAX);
        Doc::map().with("warn_after", Doc::map().with("count", count).with("period", "minute"))
    });
    table(sink, &entity.name, &entity.version, &entity.owner, &entity.purpose)
        .with_some("freshness", freshness)
        .with("columns", listed)
}

fn of_model(model: &ModelSpec) -> Doc {
    let columns = model.fields.iter().map(|field| {
        let mut tests = Vec::new();
        if model.key.contains(&field.name) {
            tests.push("not_null");
        }
        // Several together: `unique.sql`.
        if model.key_tested && model.key == [field.name.clone()] {
            tests.push("unique");
        }
        Doc::map()
            .with("name", &field.name)
            .with_some("description", field.about.as_deref().map(str::trim))
            .with("data_type", field.ty.to_string())
            .with_some("data_tests", Doc::list(tests).filled())
    });
    table(&model.warehouse, &model.name, &model.version, &model.owner, &model.purpose)
        .with("columns", Doc::list(columns))
}

fn describe(field: &FieldSpec, part: ColumnPart) -> String {
    let about = field.about.as_deref().map(str::trim).unwrap_or_default();
    let class = field.pii.as_ref().map(|pii| pii.class.as_str()).unwrap_or_default();
    let part = match part {
        ColumnPart::Plain if class.is_empty() => String::new(),
        ColumnPart::Plain => format!("Personal data of class {class}, under a masking policy."),
        ColumnPart::Cipher => format!("Personal data of class {class}, encrypted."),
        ColumnPart::Token => {
            format!("Token of personal data of class {class}: equal for equal values.")
        }
    };
    let going = words::field_going(&field.terms).map(|going| format!("Is {going}."));
    let going = going.unwrap_or_default();
    let parts = [about, &part, &going].into_iter().filter(|text| !text.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

/// What holds of every presented row: other owners' fields can be missing until they have spoken.
fn tests(plan: &Plan, entity: &EntitySpec, ix: usize, field: &FieldSpec) -> Vec<Doc> {
    let key = entity.key.contains(&ix);
    let owned = field.from.len() == 1 && field.from.contains_key(&entity.existence_owner);
    let mut tests = Vec::new();
    if key || (owned && !field.nullable && !field.optional && !field.large) {
        tests.push(Doc::from("not_null"));
    }
    if key && entity.key.len() == 1 {
        tests.push(Doc::from("unique"));
    }
    tests.extend(unique_test(entity, field));
    if let LogicalType::Enum { symbols } = &field.ty {
        let values = Doc::map().with("values", Doc::list(symbols));
        let accepted = Doc::map().with("arguments", values);
        // Other symbols may come, and somebody should hear of them.
        let warn = Doc::map().with("severity", "warn");
        let accepted = accepted.with_some("config", field.evolution.open.then_some(warn));
        tests.push(Doc::map().with("accepted_values", accepted));
    }
    tests.extend(reference(plan, field));
    tests
}

/// Where the field alone is unique, besides the key. (Several together: `unique.sql`.) Two rows are compared when both are
/// there already: it warns, and refuses nothing.
fn unique_test(entity: &EntitySpec, field: &FieldSpec) -> Option<Doc> {
    let warn = Doc::map().with("config", Doc::map().with("severity", "warn"));
    entity.unique.contains(&vec![field.id]).then(|| Doc::map().with("unique", warn))
}

fn reference(plan: &Plan, field: &FieldSpec) -> Option<Doc> {
    let target = plan.entity(field.references.as_deref()?)?;
    let sink = target.warehouse.as_ref()?;
    let key = target.fields.get(*target.key.first()?)?;
    let to = format!("source('{}', '{}')", sink.schema.to_ascii_lowercase(), sink.table);
    let arguments = Doc::map().with("to", to).with("field", &key.name);
    // A child can be applied before its parent: the test warns, it does not fail.
    Some(Doc::map().with(
        "relationships",
        Doc::map().with("arguments", arguments).with("config", Doc::map().with("severity", "warn")),
    ))
}
