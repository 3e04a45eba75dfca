//! The order of classes of personal data: what may be made of what, and who sees it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use covenant_compiler::compile;
use covenant_compiler::diagnostic::human;
use covenant_compiler::emit;
use covenant_compiler::source::SourceSet;

const ENTITY: &str = r#"entity: crm.person
version: 1.0.0
owner: crm@shop.example
purpose: One row per person.
compatibility: full
key: [person_id]
key_reuse: never
sources:
  shop: {table: public.persons}
fields:
  person_id: {id: 1, type: int64, from: shop}
  street: {id: 2, type: string(200), from: shop, nullable: true, pii: address}
  device: {id: 3, type: string(80), from: shop, nullable: true, pii: device}
  wage: {id: 4, type: int64, from: shop, nullable: true, pii: pay}
sinks:
  lake: {table: ANALYTICS.CRM.PERSONS}
"#;

fn project(classes: &str) -> String {
    format!(
        "project: shop\nversion: 1.0.0\nowner: data@shop.example\npurpose: Classes.\nsystems:\n  \
         shop: {{kind: postgres, purpose: The shop., publication: p, slot: s}}\n  \
         lake: {{kind: snowflake, purpose: Reports., database: ANALYTICS}}\npii:\n  classes:\n{classes}"
    )
}

fn model(pii: &str) -> String {
    format!(
        "model: marts.persons\nversion: 1.0.0\nowner: crm@shop.example\npurpose: What is told of persons.\n\
         compatibility: full\nkey: [person_id]\nquery: |\n  SELECT p.person_id AS person_id, \
         COALESCE(p.street, p.device) AS told\n  FROM crm.person AS p\nfields:\n  \
         person_id: {{id: 1, type: int64}}\n  told: {{id: 2, type: string(200), nullable: true{pii}}}\n\
         refresh: {{every: 5m}}\nsinks:\n  lake: {{table: ANALYTICS.MARTS.PERSONS}}\n"
    )
}

const CLASSES: &str = "    address: {protect: mask, about: Where people live.}\n    \
                       device: {protect: mask, about: What they hold.}\n    \
                       pay: {protect: mask, about: What they earn., forbid_roles: [pii_reader, transformer]}\n";

fn compiled(classes: &str, pii: &str) -> covenant_compiler::Compiled {
    compile(SourceSet::new([
        ("project.yaml".to_owned(), project(classes)),
        ("crm/person.yaml".to_owned(), ENTITY.to_owned()),
        ("marts/persons.yaml".to_owned(), model(pii)),
    ]))
}

fn said(classes: &str, pii: &str) -> String {
    let compiled = compiled(classes, pii);
    human::render(&compiled.diagnostics, &compiled.sources)
}

#[test]
fn a_column_has_a_class_over_everything_that_it_is_made_of() {
    for pii in ["", ", pii: address", ", pii: device", ", pii: pay"] {
        let said = said(CLASSES, pii);
        assert!(said.contains("CV3019"), "{pii}: {said}");
        assert!(said.contains("no class covers all of address, device"), "{pii}: {said}");
    }
    let over = format!(
        "{CLASSES}    profile: {{protect: mask, about: Both., above: [address, device]}}\n"
    );
    assert!(said(&over, ", pii: device").contains("declare `pii: profile`"));
    assert_eq!(said(&over, ", pii: profile"), "");
    // Of two that will do the lower one is named, and the higher one is taken.
    let higher =
        format!("{over}    all: {{protect: encrypt, about: Everything., above: [profile, pay]}}\n");
    assert!(said(&higher, "").contains("declare `pii: profile`"));
    assert_eq!(said(&higher, ", pii: all"), "");
}

/// Who is kept from a class sees it under no policy; of other classes everything is as it was.
#[test]
fn a_policy_of_its_own_hides_a_class_from_its_roles() {
    let over = format!(
        "{CLASSES}    profile: {{protect: mask, about: Both., above: [address, device]}}\n"
    );
    let plan = compiled(&over, ", pii: profile").plan.unwrap();
    let tree = emit::emit_all(&plan).unwrap();
    let policies = tree.get("snowflake/schema.sql").unwrap();
    assert!(
        policies.contains("COVENANT.MASK_NUMBER_PAY AS (val NUMBER) RETURNS NUMBER ->\n  NULL\n"),
        "{policies}"
    );
    assert!(policies.contains("COVENANT.MASK_VARCHAR AS (val VARCHAR)"), "{policies}");
    assert!(!policies.contains("COVENANT.MASK_NUMBER AS"), "{policies}");
    let tables = tree.get("snowflake/crm_person/tables.sql").unwrap();
    assert!(tables.contains("MASKING POLICY COVENANT.MASK_NUMBER_PAY "), "{tables}");
    assert!(tables.contains("MASKING POLICY COVENANT.MASK_VARCHAR "), "{tables}");
    let one = over.replace("[pii_reader, transformer]", "[pii_reader]");
    let plan = compiled(&one, ", pii: profile").plan.unwrap();
    let tree = emit::emit_all(&plan).unwrap();
    let policies = tree.get("snowflake/schema.sql").unwrap();
    let policy = policies.split("MASK_NUMBER_PAY").nth(1).unwrap();
    let policy = policy.split(';').next().unwrap();
    assert!(policy.contains("COVENANT_TRANSFORMER") && !policy.contains("PII_READER"), "{policy}");
}

/// What the lower one is kept from, the upper one is, too.
#[test]
fn bans_climb() {
    let plan = |classes: &str| compiled(classes, ", pii: profile").plan.unwrap();
    let over = format!(
        "{CLASSES}    profile: {{protect: mask, about: All., above: [address, device, pay]}}\n"
    );
    let plan = plan(&over);
    assert_eq!(plan.project.bans("profile"), plan.project.bans("pay"));
    let tables = emit::emit_all(&plan).unwrap();
    let model = tables.get("snowflake/models/marts_persons/table.sql").unwrap();
    assert!(model.contains("MASKING POLICY COVENANT.MASK_VARCHAR_PROFILE "), "{model}");
}
