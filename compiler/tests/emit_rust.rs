//! The `rust` target on small contracts: what a module looks like, and what cannot be expressed.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test fails where it unwraps, and reads files

use covenant_compiler::emit::{EmitError, emit_all};
use covenant_compiler::plan::Plan;
use covenant_compiler::source::SourceSet;

const PROJECT: &str = "
project: small
version: 1.0.0
owner: tests@acme.example
purpose: One entity.
systems:
  store: {kind: postgres, purpose: A table., publication: p, slot: s}
pii:
  classes:
    contact: {protect: encrypt, about: E-mail and telephone.}
";

const ENTITY: &str = "
entity: shop.ticket
version: 1.0.0
owner: tests@acme.example
purpose: One row per ticket.
compatibility: full
key: [ticket_id]
key_reuse: never
sources:
  store: {table: public.tickets}
fields:
  ticket_id: {id: 1, type: string(6), from: store, pattern: \"^T[0-9]{5}$\"}
  state:     {id: 2, type: \"enum [open, done]\", from: store}
  fee:       {id: 3, type: \"decimal(8,2)\", from: store, min: 0}
  paid:      {id: 4, type: \"decimal(8,2)\", from: store, nullable: true}
  email:     {id: 5, type: string(254), from: store, format: email, pii: contact}
quality:
  - {name: not_overpaid, expect: paid <= fee, on_fail: quarantine}
";

fn plan(entity: &str) -> Plan {
    let files = [("project.yaml", PROJECT), ("ticket.yaml", entity)];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    let compiled = covenant_compiler::compile(SourceSet::new(files.to_vec()));
    compiled.plan.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics))
}

#[test]
fn a_small_module() {
    let tree = emit_all(&plan(ENTITY)).unwrap();
    insta::assert_snapshot!(tree.get("rust/src/shop_ticket.rs").unwrap());
}

#[test]
fn one_more_field_is_a_few_more_lines() {
    let lines = |entity: &str| {
        let tree = emit_all(&plan(entity)).unwrap();
        tree.get("rust/src/shop_ticket.rs").unwrap().lines().count()
    };
    let wider =
        ENTITY.replace("quality:", "  note: {id: 6, type: string(100), from: store}\nquality:");
    assert_eq!(lines(&wider) - lines(ENTITY), 6);
}

fn refused(change: impl FnOnce(&mut Plan)) -> EmitError {
    let mut plan = plan(ENTITY);
    change(&mut plan);
    let error = emit_all(&plan).unwrap_err();
    // `check` says the same, and renders nothing.
    let known = covenant_compiler::emit::refused(&plan);
    assert!(known.contains(&error), "{error}: {known:?}");
    error
}

#[test]
fn two_entities_never_share_their_files() {
    let mut plan = plan(ENTITY);
    assert_eq!(covenant_compiler::emit::refused(&plan), []);
    let mut other = plan.entities[0].clone();
    other.name = "shop_ticket".to_owned();
    plan.entities.push(other);
    let said = covenant_compiler::emit::refused(&plan).first().unwrap().to_string();
    assert!(said.contains("its files would be those of shop.ticket"), "{said}");
    assert!(emit_all(&plan).is_err());
}

#[test]
fn what_cannot_be_expressed_is_named() {
    let cases = [
        refused(|plan| plan.entities[0].fields[2].min = Some("cheap".into())),
        refused(|plan| plan.entities[0].fields[4].min = Some("a".into())),
        refused(|plan| plan.entities[0].fields[0].pattern = Some("[".into())),
        refused(|plan| plan.entities[0].fields[4].format = Some("phone".into())),
        refused(|plan| plan.entities[0].fields[3].name = "fee".into()),
    ];
    let fields = ["fee", "email", "ticket_id", "email", "fee"];
    for (error, field) in cases.iter().zip(fields) {
        let EmitError::Inexpressible { what, why, .. } = error else { panic!("{error}") };
        assert_eq!(what, &format!("shop.ticket.{field}"));
        assert!(!why.is_empty());
    }
}
