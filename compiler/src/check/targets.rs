//! Every dataset has a place of its own.

use std::collections::BTreeMap;

use covenant_model::spec::{EntitySpec, Expectations, ModelSpec, SystemSpec, WarehouseSink};

use super::{Cx, finding};
use crate::diagnostic::codes;

/// A target in capitals -> the dataset and the path of what declares it.
type Taken = BTreeMap<String, (String, String)>;

/// Schemas that hold what is nobody's dataset.
const OWN_SCHEMAS: [&str; 2] = ["COVENANT", "INFORMATION_SCHEMA"];

pub(super) fn check(cx: &Cx<'_>) {
    let mut taken = Taken::new();
    generated_names(cx, cx.ir.entities.iter().map(|entity| entity.spec.name.as_str()));
    generated_names(cx, cx.ir.models.iter().map(|model| model.spec.name.as_str()));
    for entity in &cx.ir.entities {
        let spec = &entity.spec;
        if let Some(table) = &spec.warehouse {
            warehouse(cx, &spec.name, table, &mut taken, true);
        }
        if let Some(sink) = &spec.salesforce {
            let target = format!("{}:{}.{}", sink.system, sink.object, sink.external_id);
            let path = format!("{}/sinks/{}/object", spec.name, sink.system);
            take(cx, &spec.name, target, path, &mut taken);
        }
        goes_somewhere(cx, spec);
        let sinks = spec.warehouse.iter().map(|table| table.system.as_str());
        let sinks = sinks.chain(spec.salesforce.iter().map(|sink| sink.system.as_str()));
        freshness(cx, &spec.name, &spec.expect, sinks.collect());
    }
    for model in &cx.ir.models {
        let name = &model.spec.name;
        if model.has_sink {
            warehouse(cx, name, &model.spec.warehouse, &mut taken, false);
            freshness(cx, name, &model.spec.expect, vec![&model.spec.warehouse.system]);
            schedule(cx, &model.spec);
            inputs(cx, &model.spec);
        } else if !has_sinks(cx, name) {
            cx.report(
                finding(
                    &codes::MODEL_SINK,
                    cx.key(&format!("{name}/sinks")),
                    format!("{name} has no warehouse table"),
                )
                .help("add `sinks: {<warehouse>: {table: DATABASE.SCHEMA.NAME}}`"),
            );
        }
    }
}

fn warehouse(cx: &Cx<'_>, name: &str, table: &WarehouseSink, taken: &mut Taken, entity: bool) {
    let path = format!("{name}/sinks/{}/table", table.system);
    if let Some(SystemSpec::Snowflake { database, .. }) = cx.ir.system(&table.system)
        && !database.eq_ignore_ascii_case(&table.database)
    {
        cx.report(
            finding(
                &codes::WRONG_DATABASE,
                cx.value(&path),
                format!("`{}` is not the database of `{}`", table.database, table.system),
            )
            .label(cx.value(&format!("project/systems/{}/database", table.system)), "declared here")
            .why("the warehouse role may write that one only"),
        );
    }
    if let Some(own) = OWN_SCHEMAS.iter().find(|own| own.eq_ignore_ascii_case(&table.schema)) {
        cx.report(
            finding(
                &codes::SAME_TARGET,
                cx.value(&path),
                format!("{name} would stand in the schema {own}, which is not the contracts'"),
            )
            .why("the pipeline's ledger and batches are in COVENANT, the warehouse's own views in INFORMATION_SCHEMA")
            .help("take another schema"),
        );
        return;
    }
    // An entity's rows, history, intervals and moves stand beside its view, under names derived from it.
    let suffixes: &[&str] =
        if entity { &["", "_STATE", "_HISTORY", "_INTERVALS", "_MOVES"] } else { &[""] };
    for suffix in suffixes {
        let target =
            format!("{}:{}.{}.{}{suffix}", table.system, table.database, table.schema, table.table);
        // One finding is enough for a pair of tables.
        if !take(cx, name, target, path.clone(), taken) {
            return;
        }
    }
}

/// Batch tables, folders and files are named after the dataset, with `_` for its points: `a.b_c` and `a_b.c` are one there.
fn generated_names<'a>(cx: &Cx<'_>, names: impl Iterator<Item = &'a str>) {
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for name in names {
        let generated = name.replace('.', "_");
        let Some(first) = taken.get(&generated) else {
            taken.insert(generated, name);
            continue;
        };
        cx.report(
            finding(
                &codes::SAME_TARGET,
                cx.value(name),
                format!("{first} and {name} are both generated as `{generated}`"),
            )
            .label(cx.value(first), "first here")
            .why("batch tables and generated files carry the name with `_` for its points, and would be one")
            .help("rename one of them"),
        );
    }
}

/// Whether the target was free.
fn take(cx: &Cx<'_>, dataset: &str, target: String, path: String, taken: &mut Taken) -> bool {
    let target = target.to_uppercase();
    let Some((first, first_path)) = taken.get(&target) else {
        taken.insert(target, (dataset.to_owned(), path));
        return true;
    };
    let shown = target.split_once(':').map(|(_, name)| name).unwrap_or(&target);
    cx.report(
        finding(
            &codes::SAME_TARGET,
            cx.value(&path),
            format!("{first} and {dataset} both write {shown}"),
        )
        .label(cx.value(first_path), "first here")
        .why("each would take the other's rows for its own")
        .help("give one of them another target"),
    );
    false
}

/// Whether any sink is declared. One with errors is none yet; that has been reported.
fn has_sinks(cx: &Cx<'_>, dataset: &str) -> bool {
    cx.ir.spans.any_below(&format!("{dataset}/sinks"))
}

fn goes_somewhere(cx: &Cx<'_>, spec: &EntitySpec) {
    if !has_sinks(cx, &spec.name) {
        cx.report(
            finding(&codes::NO_SINK, cx.value(&spec.name), format!("{} goes nowhere", spec.name))
                .why("it is captured and landed, and nobody can read it")
                .help("add `sinks`"),
        );
    }
}

fn inputs(cx: &Cx<'_>, model: &ModelSpec) {
    for input in &model.inputs {
        let entity = cx.ir.entity(input).and_then(|entity| entity.spec.warehouse.as_ref());
        let other = cx.ir.model(input).filter(|other| other.has_sink);
        let table = entity.or(other.map(|other| &other.spec.warehouse));
        let stored = table.is_some_and(|table| table.system == model.warehouse.system);
        // A sink with errors is none yet; that has been reported.
        let declared = format!("{input}/sinks/{}", model.warehouse.system);
        if !stored && cx.ir.spans.get(&declared).is_none() {
            cx.report(
                finding(
                    &codes::INPUT_NOT_STORED,
                    cx.value(&format!("{}/query", model.name)),
                    format!(
                        "{} reads {input}, which `{}` does not hold",
                        model.name, model.warehouse.system
                    ),
                )
                .label(cx.value(input), "declared here")
                .help(format!("add `sinks: {{{}: {{table: ...}}}}` to it", model.warehouse.system)),
            );
        }
    }
}

fn schedule(cx: &Cx<'_>, model: &ModelSpec) {
    for (system, promised_s) in &model.expect.freshness_s {
        // 0 stands for a schedule that could not be read.
        if model.refresh_s > *promised_s {
            cx.report(
                finding(
                    &codes::STALE_PROMISE,
                    cx.value(&format!("{}/expect/freshness/{system}", model.name)),
                    format!("{} cannot be that fresh", model.name),
                )
                .label(cx.value(&format!("{}/refresh/every", model.name)), "it runs this often")
                .help("run it more often, or promise less"),
            );
        }
    }
}

fn freshness(cx: &Cx<'_>, name: &str, expect: &Expectations, sinks: Vec<&str>) {
    for system in expect.freshness_s.keys() {
        // An unknown system, or one whose sink has errors, has been reported.
        let declared = cx.ir.spans.get(&format!("{name}/sinks/{system}")).is_some();
        if cx.ir.system(system).is_some() && !declared && !sinks.contains(&system.as_str()) {
            cx.report(
                finding(
                    &codes::NO_FRESHNESS_SINK,
                    cx.key(&format!("{name}/expect/freshness/{system}")),
                    format!("{name} is not delivered to `{system}`"),
                )
                .why("a promise about a place where nothing arrives cannot be kept")
                .help("add the sink, or remove the promise"),
            );
        }
    }
}
