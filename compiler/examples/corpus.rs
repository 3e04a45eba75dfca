//! Contracts for measurements: `cargo run -p covenant-compiler --example corpus -- DIR ENTITIES [changed] [fields=N]`. Each has
//! 40 fields or N, a warehouse table, a reference to another one, every fourth a Salesforce object, every tenth a model beside it.
//! `changed` writes the same contracts with a change in every seventh. The same arguments give the same files.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a generator that cannot write says so"
)]

use std::fmt::Write;
use std::path::Path;

/// Fields of an entity, where nothing else is asked for. The models read the thirteenth.
const FIELDS: usize = 40;
/// Contracts of a folder.
const OF_A_FOLDER: usize = 100;

const PROJECT: &str = "\
project: corpus
version: 1.0.0
owner: data@corpus.example
purpose: Contracts for measurements.
systems:
  store: {kind: postgres, purpose: The database., publication: corpus, slot: corpus}
  crm: {kind: salesforce, purpose: Sales., api_version: \"60.0\", daily_calls: 100000, share: 25%}
  lake: {kind: snowflake, purpose: Reports., database: ANALYTICS}
pii:
  classes:
    contact: {protect: encrypt, about: E-mail and telephone.}
    address: {protect: mask, about: Postal addresses.}
  purposes: {service: The service desk calls.}
budget: {monthly_usd: 100}
";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(folder), Some(entities)) = (arguments.first(), arguments.get(1)) else {
        eprintln!("usage: corpus DIR ENTITIES [changed] [fields=N]");
        std::process::exit(2);
    };
    let entities: usize = entities.parse().unwrap();
    let changed = arguments.iter().any(|word| word == "changed");
    let fields = arguments.iter().find_map(|word| word.strip_prefix("fields="));
    let fields: usize = fields.map_or(FIELDS, |fields| fields.parse().unwrap());
    let folder = Path::new(folder);
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("project.yaml"), PROJECT).unwrap();
    for number in 0..entities {
        let area = folder.join(format!("area{}", number / OF_A_FOLDER));
        std::fs::create_dir_all(&area).unwrap();
        let file = area.join(format!("thing_{number}.yaml"));
        std::fs::write(file, entity(number, fields, changed && number % 7 == 0)).unwrap();
        if number % 10 == 0 {
            std::fs::write(area.join(format!("by_{number}.yaml")), model(number)).unwrap();
        }
    }
}

fn name(number: usize) -> String {
    format!("area{}.thing_{number}", number / OF_A_FOLDER)
}

fn entity(number: usize, fields: usize, changed: bool) -> String {
    let mut out = format!(
        "entity: {}\nversion: 1.0.0\nowner: team{}@corpus.example\npurpose: Things of kind {number}, one row each.\n\
         compatibility: full\nkey: [id]\nkey_reuse: never\nsources:\n  store: {{table: public.thing_{number}}}\nfields:\n\
         \x20 id: {{id: 1, type: uuid, from: store}}\n",
        name(number),
        number % 9
    );
    for field in 2..=fields {
        let told = match field % 9 {
            0 => "type: int64, min: 0".to_owned(),
            1 => "type: \"decimal(12,2)\", unit: EUR".to_owned(),
            2 => format!("type: string({})", 20 + field),
            3 => "type: timestamp".to_owned(),
            4 => "type: \"enum [open, held, closed]\", merge: ranked".to_owned(),
            5 => "type: bool".to_owned(),
            6 => "type: string(254), format: email, nullable: true, pii: contact".to_owned(),
            7 => "type: string(40), nullable: true, pattern: \"^[A-Z0-9-]+$\"".to_owned(),
            _ => "type: date, nullable: true, about: When it happened.".to_owned(),
        };
        let told = match (field, number) {
            (40, 1..) => format!("type: uuid, references: {}", name(number / 2)),
            (20, _) if changed => told.replace("string(40)", "string(80)"),
            _ => told,
        };
        let field_name =
            if changed && field == 12 { "renamed".to_owned() } else { format!("f{field}") };
        let _ = writeln!(out, "  {field_name}: {{id: {field}, {told}, from: {{store: c{field}}}}}");
    }
    if changed {
        out.push_str("  fresh: {id: 90, type: int32, nullable: true, from: store}\n");
    }
    let _ = writeln!(
        out,
        "quality:\n  - {{name: sane, expect: f9 >= 0, on_fail: quarantine}}\nsinks:\n  lake: {{table: ANALYTICS.AREA{}.THING_{number}, history: scd2}}",
        number / OF_A_FOLDER
    );
    if number.is_multiple_of(4) {
        let _ = writeln!(
            out,
            "  crm: {{object: Thing_{number}__c, external_id: Thing_Id__c, fields: {{Amount__c: f10, Name__c: f11, State__c: f13}}}}"
        );
    }
    out.push_str("expect: {freshness: {lake: 10m}, retention: 3y}\n");
    out
}

fn model(number: usize) -> String {
    format!(
        "model: area{}.by_{number}\nversion: 1.0.0\nowner: team@corpus.example\npurpose: Totals of things of kind {number}.\n\
         compatibility: backward\nkey: [state]\nquery: |\n  SELECT t.f13 AS state, COUNT(*) AS things, SUM(t.f10) AS amount\n  \
         FROM {} AS t\n  WHERE t.f9 > 3\n  GROUP BY t.f13\nfields:\n  state: {{id: 1, type: string(10)}}\n  things: {{id: 2, type: int64}}\n  \
         amount: {{id: 3, type: \"decimal(37,2)\", unit: EUR}}\nrefresh: {{every: 5m}}\nsinks:\n  lake: {{table: ANALYTICS.AREA{}.BY_{number}}}\n",
        number / OF_A_FOLDER,
        name(number),
        number / OF_A_FOLDER
    )
}
