//! What is generated, judged by tools that this project did not write (`scripts/judges`): Snowflake statements by two grammars
//! (sqlfluff knew 74 of 79 valid statements, sqruff 72; both caught 11 of 11 invalid ones), the fold by execution on fakesnow,
//! Salesforce metadata by the platform's own packages, state machines by asl-validator and by two interpreters. No statement of ours was written
//! with an account at hand. Installed into `.venv`; a judge that cannot be installed is skipped with a line.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::path::Path;
use std::process::Command;

use covenant_compiler::diagnostic::human;
use covenant_compiler::emit::snowflake;
use covenant_compiler::migrate::{self, Target};
use covenant_compiler::source::SourceSet;
use covenant_compiler::tree::OutputTree;
use covenant_model::spec::{ApplyForm, FieldSpec, MergeRule};
use covenant_model::value::LogicalType;
use covenant_tests::small;

/// What `scripts/judges ARGS` says, and whether nothing was refused.
fn judges(args: &[&str]) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/judges");
    let output = Command::new(script).args(args).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// The files as a folder that a judge reads; lines are those of the generated files.
fn folder(files: &[(String, String)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        std::fs::write(folder.path().join(path.replace('/', "__")), text).unwrap();
    }
    folder
}

/// The judge of statements may not be had on this machine: then it says so and judges nothing.
fn skips(said: &str) -> bool {
    let skips = said.starts_with("SKIP") || said.contains("\nSKIP grammars");
    if skips {
        eprintln!("{said}");
    }
    skips
}

/// Renames, every kind of retype, a split group, an added and a removed field, another rule, another table.
fn migration() -> Vec<(String, String)> {
    let old = small::plan(ApplyForm::Merge);
    let mut new = old.clone();
    let entity = &mut new.entities[0];
    let added = FieldSpec { id: 20, name: "height".to_owned(), ..entity.fields[2].clone() };
    entity.fields[2].ty = LogicalType::Decimal { precision: 12, scale: 4 };
    entity.fields[3].name = "purchase".to_owned();
    entity.fields[5].ty = LogicalType::Int64;
    entity.fields[8].merge = MergeRule::Latest;
    entity.groups[4].rule = MergeRule::Latest;
    if let LogicalType::Enum { symbols } = &mut entity.fields[6].ty {
        symbols.insert(0, "lost".to_owned());
    }
    entity.fields.push(added);
    let last = entity.fields.len() - 1;
    entity.groups[0].fields.retain(|field| *field != small::field::EMAIL);
    entity.groups[0].fields.push(last);
    let mut moved = new.clone();
    if let Some(sink) = &mut moved.entities[0].warehouse {
        sink.schema = "HARBOUR".to_owned();
    }
    let mut files = Vec::new();
    for (name, plan) in [("a", &new), ("b", &moved)] {
        let migration = migrate::migrate(&old, plan, &[Target::Snowflake]).unwrap();
        let tree = migrate::tree(&migration, true).unwrap();
        let sql = tree.iter().filter(|(path, _)| path.ends_with(".sql"));
        files.extend(sql.map(|(path, text)| (format!("{name}/{path}"), text.to_owned())));
    }
    assert!(files.len() > 6, "the migrations have statements");
    files
}

#[test]
fn every_statement_parses() {
    let mut tree = OutputTree::default();
    snowflake::emit(&small::plan(ApplyForm::Merge), &mut tree).unwrap();
    let files: Vec<(String, String)> = tree
        .iter()
        .filter(|(path, _)| path.ends_with(".sql"))
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .collect();
    assert!(files.len() > 8, "the target was generated");
    let files = folder(&[files, migration()].concat());
    let (good, said) = judges(&["grammars", &files.path().to_string_lossy()]);
    assert!(good, "{said}");
    if skips(&said) {
        return;
    }
    // the judges themselves: both must refuse what Snowflake does not know, and name the line
    let broken = "SELECT 1;\n-- why\nDELETE FROM SALES.ORDERS LIMIT 5;\n".to_owned();
    let broken = folder(&[("broken.sql".to_owned(), broken)]);
    let (good, said) = judges(&["grammars", &broken.path().to_string_lossy()]);
    assert!(!good, "a statement that Snowflake has not was accepted");
    assert!(said.contains("broken.sql:3: sqlfluff:"), "{said}");
    assert!(said.contains("SKIP sqruff") || said.contains("broken.sql:3: sqruff:"), "{said}");
}

/// Every type that a Salesforce field can have, in both directions.
const EVERY_FIELD: [(&str, &str); 3] = [
    (
        "project.yaml",
        r#"
project: every
version: 1.0.0
owner: data@shop.example
purpose: Every kind of metadata.
systems:
  shop: {kind: postgres, purpose: The shop., publication: p, slot: s}
  crm: {kind: salesforce, purpose: Sales., api_version: "60.0", daily_calls: 100000, share: 25%}
  lake: {kind: snowflake, purpose: Reports., database: D}
"#,
    ),
    (
        "a/parent.yaml",
        r#"
entity: a.parent
version: 1.0.0
owner: data@shop.example
purpose: A parent.
compatibility: full
key: [id]
key_reuse: never
sources:
  shop: {table: public.parents}
  crm: {object: Account, key: {id: Id__c}, fields: {grade: Grade__c, seen_on: Seen__c}}
fields:
  id: {id: 1, type: string(12), from: shop}
  name: {id: 2, type: string(80), from: shop}
  grade: {id: 3, type: "enum [a, b]", from: crm, nullable: true}
  seen_on: {id: 4, type: date, from: crm, nullable: true}
sinks:
  lake: {table: D.A.PARENTS}
  crm: {object: Account, external_id: Id__c, fields: {Name: name}}
"#,
    ),
    (
        "a/child.yaml",
        r#"
entity: a.child
version: 1.0.0
owner: data@shop.example
purpose: "A child & <its> \"fields\"."
compatibility: full
key: [id, line]
key_reuse: never
sources:
  shop: {table: public.children}
fields:
  id: {id: 1, type: uuid, from: shop}
  line: {id: 2, type: int32, from: shop}
  parent: {id: 3, type: string(12), from: shop, references: a.parent}
  code: {id: 4, type: string(9), from: shop, about: "Less < more & so on."}
  story: {id: 5, type: string, from: shop, nullable: true, large: true}
  extra: {id: 6, type: json, from: shop, nullable: true, large: true}
  mail: {id: 7, type: string(60), from: shop, format: email}
  whole: {id: 8, type: int64, from: shop}
  sum: {id: 9, type: "decimal(12,2)", from: shop}
  yes: {id: 10, type: bool, from: shop}
  day: {id: 11, type: date, from: shop}
  at: {id: 12, type: timestamp, from: shop}
  kind: {id: 13, type: "enum [x, y]", from: shop, open: true}
  token: {id: 14, type: uuid, from: shop}
sinks:
  lake: {table: D.A.CHILDREN}
  crm:
    object: Child__c
    external_id: Child_Id__c
    where: at > now() - 30 days
    on_leave: delete
    fields:
      Parent__r.Id__c: parent
      Code__c: {from: code, required: true}
      Story__c: story
      Extra__c: extra
      Mail__c: mail
      Whole__c: whole
      Sum__c: sum
      Yes__c: yes
      Day__c: day
      At__c: at
      Kind__c: kind
      Token__c: token
"#,
    ),
];

#[test]
fn every_kind_of_metadata_is_valid() {
    let files = EVERY_FIELD.map(|(path, text)| (path.to_owned(), text.to_owned()));
    let (compiled, tree) = covenant_compiler::generate(SourceSet::new(files)).unwrap();
    let said = human::render(&compiled.diagnostics, &compiled.sources);
    let tree = tree.unwrap_or_else(|| panic!("{said}"));
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in tree.iter().filter(|(path, _)| path.starts_with("salesforce/")) {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let project = folder.path().join("salesforce");
    let (good, said) = judges(&["salesforce", &project.to_string_lossy()]);
    assert!(good, "{said}");
    if said.starts_with("SKIP") {
        eprintln!("{said}");
        return;
    }
    assert!(said.contains("PASS"), "{said}");
    let main = project.join("force-app/main/default");
    let granted =
        std::fs::read_to_string(main.join("permissionsets/Covenant.permissionset-meta.xml"));
    assert!(!granted.unwrap().contains("Child__c.Code__c"), "required fields cannot be granted");
    // the judge itself: an element that the Metadata API does not have
    let code = main.join("objects/Child__c/fields/Code__c.field-meta.xml");
    let text = std::fs::read_to_string(&code).unwrap();
    std::fs::write(&code, text.replace("length>", "lenght>")).unwrap();
    let (good, said) = judges(&["salesforce", &project.to_string_lossy()]);
    assert!(!good && said.contains("lenght"), "{said}");
}

#[test]
fn the_committed_artefacts_pass_every_judge() {
    let (good, said) = judges(&[]);
    assert!(good, "{said}");
    eprintln!("{said}");
}

/// The interpreters run what the template says; what should run is read out of the manifest.
#[test]
fn a_machine_in_another_order_is_refused() {
    let generated = Path::new(env!("CARGO_MANIFEST_DIR")).join("../generated");
    let text = std::fs::read_to_string(generated.join("aws/orchestration.json")).unwrap();
    let mut template: serde_json::Value = serde_json::from_str(&text).unwrap();
    let states =
        &mut template["Resources"]["TransformMachine"]["Properties"]["Definition"]["States"];
    let commands = ["Level1", "Level2"].map(|level| states[level]["Parameters"].clone());
    let [first, second] = commands;
    states["Level1"]["Parameters"] = second;
    states["Level2"]["Parameters"] = first;
    template["Resources"]["ReconcileSchedule"]["Properties"]["ScheduleExpression"] =
        "rate(0 days)".into();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orchestration.json");
    std::fs::write(&path, template.to_string()).unwrap();
    let manifest = generated.join("manifest.json");
    let (good, said) = judges(&["machines", &path.to_string_lossy(), &manifest.to_string_lossy()]);
    if said.starts_with("SKIP") || said.contains("\nSKIP machines") {
        eprintln!("{said}");
        return;
    }
    for interpreter in ["moto", "ministack"] {
        assert!(said.contains(&format!("{interpreter}: TransformMachine")), "{said}");
    }
    assert!(!good && said.contains("ran before") && said.contains("is no rate"), "{said}");
}
