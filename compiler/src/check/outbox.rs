//! The table that a stream's producers write to is one that is streamed, and nothing else's.

use covenant_model::spec::{OutboxSpec, SourceSpec, SystemSpec};

use super::{Cx, finding};
use crate::diagnostic::codes;
use crate::parse::PROJECT;

pub(super) fn check(cx: &Cx<'_>) {
    for (stream, spec) in &cx.ir.project.systems {
        let SystemSpec::Stream { outbox: Some(outbox), .. } = spec else { continue };
        let path = format!("{PROJECT}/systems/{stream}/outbox");
        known(cx, stream, outbox, &path);
        if outbox.schema.is_empty() {
            let span = cx.value(&format!("{path}/table"));
            let headline = format!("outbox `{}` has no schema", outbox.table);
            let help = format!("`public.{}`?", outbox.table);
            cx.report(finding(&codes::OUTBOX, span, headline).help(help));
        }
        for reader in readers(cx, outbox) {
            let span = cx.value(&format!("{path}/table"));
            let headline =
                format!("the outbox of `{stream}` is a table that {reader} is read from");
            cx.report(
                finding(&codes::OUTBOX, span, headline)
                    .why("what is inserted into an outbox is an event, and its deletion says nothing: rows of an entity mean more")
                    .help("give the events a table of their own"),
            );
        }
    }
}

fn known(cx: &Cx<'_>, stream: &str, outbox: &OutboxSpec, path: &str) {
    let span = cx.value(&format!("{path}/system"));
    let systems = &cx.ir.project.systems;
    match systems.get(&outbox.system) {
        Some(SystemSpec::Postgres { .. }) => {}
        Some(
            SystemSpec::Stream { .. }
            | SystemSpec::Salesforce { .. }
            | SystemSpec::Snowflake { .. },
        ) => {
            let headline =
                format!("the outbox of `{stream}` is in `{}`, which is no database", outbox.system);
            let why = "only a PostgreSQL database is read by its log, where rows stand with the rest of their transaction";
            cx.report(finding(&codes::OUTBOX, span, headline).why(why));
        }
        None => {
            let headline =
                format!("the outbox of `{stream}` is in `{}`, which is no system", outbox.system);
            let known = systems.keys().map(String::as_str);
            cx.report(
                finding(&codes::UNKNOWN_SYSTEM, span, headline).suggest(&outbox.system, known),
            );
        }
    }
}

/// Entities that read the table.
fn readers<'a>(cx: &'a Cx<'_>, outbox: &OutboxSpec) -> Vec<&'a str> {
    let reads = |source: &SourceSpec| match source {
        SourceSpec::Postgres { system, schema, table, .. } => {
            (system, schema, table) == (&outbox.system, &outbox.schema, &outbox.table)
        }
        SourceSpec::Stream { .. } | SourceSpec::Salesforce { .. } => false,
    };
    let entities = cx.ir.entities.iter().map(|entity| &entity.spec);
    let reading = entities.filter(|spec| spec.sources.values().any(reads));
    reading.map(|spec| spec.name.as_str()).collect()
}
