//! Breaking rules on Acme's own contracts: one change each, as a patch, and what must be said of it.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

use std::collections::BTreeSet;
use std::path::Path;

use covenant_compiler::compat::{self, Finding, Grade};
use covenant_compiler::diagnostic::Severity;
use covenant_compiler::report;
use covenant_compiler::source::SourceSet;
use covenant_compiler::{Compiled, compile, driver};

/// `(file, from, to)`: every patch must apply exactly once.
type Patch = (&'static str, &'static str, &'static str);

fn patched(patches: &[Patch]) -> Compiled {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts");
    let mut left: Vec<_> = patches.to_vec();
    let files: Vec<(String, String)> = driver::read_contracts(&folder)
        .expect("Acme's contracts")
        .iter()
        .map(|(_, file)| {
            let mut text = file.text.clone();
            left.retain(|(name, from, to)| {
                if !file.path.ends_with(&format!("/{name}")) {
                    return true;
                }
                assert_eq!(text.matches(from).count(), 1, "`{from}` in {name}");
                text = text.replacen(from, to, 1);
                false
            });
            (file.path.clone(), text)
        })
        .collect();
    assert!(left.is_empty(), "no such file: {left:?}");
    let compiled = compile(SourceSet::new(files));
    let said =
        covenant_compiler::diagnostic::human::render(&compiled.diagnostics, &compiled.sources);
    assert!(compiled.plan.is_some(), "{patches:?}: {said}");
    compiled
}

fn change(after: &[Patch]) -> (Vec<Finding>, Compiled, Compiled) {
    let (old, new) = (patched(&[]), patched(after));
    let findings = compat::diff(old.plan.as_ref().unwrap(), new.plan.as_ref().unwrap());
    (findings, old, new)
}

fn named(finding: &Finding) -> Vec<&str> {
    finding.consumers.iter().map(|consumer| consumer.name.as_str()).collect()
}

/// A change that breaks somebody.
struct Breaking {
    code: &'static str,
    patches: &'static [Patch],
    /// Consumers that must be named.
    names: &'static [&'static str],
}

const BREAKING: &[Breaking] = &[
    Breaking {
        code: "DCW010",
        patches: &[
            (
                "order.yaml",
                "  carrier:         {id: 21, type: string(40), from: events, nullable: true, optional: true}\n",
                "",
            ),
            ("order.yaml", "      Carrier__c: carrier\n", ""),
        ],
        names: &["Order__c.Carrier__c", "ANALYTICS.SALES.ORDERS.carrier"],
    },
    Breaking {
        code: "DCW015",
        patches: &[(
            "inventory_level.yaml",
            "  updated_at:      {id: 13, type: timestamp, from: store}\n",
            "  updated_at:      {id: 13, type: timestamp, from: store}\n  zone: {id: 14, type: string(8), from: store}\n",
        )],
        names: &["acme_pipeline::stock_inventory_level"],
    },
    Breaking {
        code: "DCW018",
        patches: &[
            ("order.yaml", "  channel:         {id: 5", "  sold_by:         {id: 5"),
            ("order.yaml", "Channel__c: channel", "Channel__c: sold_by"),
        ],
        names: &["ANALYTICS.SALES.ORDERS.channel"],
    },
    Breaking {
        code: "DCW020",
        patches: &[(
            "inventory_level.yaml",
            "{id: 8, type: int64, from: store, min: 0}",
            "{id: 8, type: int64, from: store, nullable: true, min: 0}",
        )],
        names: &["analytics.inventory_position"],
    },
    Breaking {
        code: "DCW021",
        patches: &[(
            "order.yaml",
            "{id: 18, type: date, from: store, nullable: true}",
            "{id: 18, type: date, from: store}",
        )],
        names: &["acme_pipeline::sales_order"],
    },
    Breaking {
        code: "DCW030",
        patches: &[(
            "order_line.yaml",
            "{id: 12, type: timestamp, from: store}",
            "{id: 12, type: date, from: store}",
        )],
        names: &["ANALYTICS.SALES.ORDER_LINES.created_at"],
    },
    Breaking {
        code: "DCW032",
        patches: &[(
            "order_line.yaml",
            "{id: 4, type: string(120), from: store}",
            "{id: 4, type: string(60), from: store}",
        )],
        names: &["ANALYTICS.SALES.ORDER_LINES.product_name"],
    },
    Breaking {
        code: "DCW033",
        patches: &[(
            "order.yaml",
            "{id: 9, type: \"decimal(12,2)\"",
            "{id: 9, type: \"decimal(12,3)\"",
        )],
        names: &["ANALYTICS.SALES.ORDERS.shipping"],
    },
    Breaking {
        code: "DCW040",
        patches: &[("order.yaml", "enum [web, app, store, phone]", "enum [web, app, store]")],
        names: &["acme_pipeline::sales_order", "Order__c.Channel__c"],
    },
    Breaking {
        code: "DCW041",
        patches: &[(
            "order.yaml",
            "enum [web, app, store, phone]",
            "enum [web, app, store, phone, agent]",
        )],
        names: &["Order__c.Channel__c"],
    },
    Breaking {
        code: "DCW050",
        patches: &[("order.yaml", "min: 1, max: 500}", "min: 1, max: 200}")],
        names: &["acme_pipeline::sales_order"],
    },
    Breaking {
        code: "DCW054",
        patches: &[(
            "order_line.yaml",
            "{id: 8, type: \"decimal(12,2)\", from: store, unit: EUR",
            "{id: 8, type: \"decimal(12,2)\", from: store, unit: USD",
        )],
        names: &["analytics.daily_sales"],
    },
    Breaking {
        code: "DCS101",
        patches: &[("order_line.yaml", "public.order_lines", "public.lines")],
        names: &["ANALYTICS.SALES.ORDER_LINES"],
    },
    Breaking {
        code: "DCS110",
        patches: &[("order_line.yaml", "ANALYTICS.SALES.ORDER_LINES", "ANALYTICS.SALES.LINES")],
        names: &["ANALYTICS.SALES.ORDER_LINES"],
    },
    Breaking {
        code: "DCS116",
        patches: &[("inventory_level.yaml", ", history: scd2", "")],
        names: &["ANALYTICS.STOCK.INVENTORY_LEVELS"],
    },
    Breaking {
        code: "DCS130",
        patches: &[("order.yaml", "      Line_Count__c: line_count\n", "")],
        names: &["Order__c.Line_Count__c"],
    },
    Breaking {
        code: "DCS136",
        patches: &[
            (
                "customer.yaml",
                "{id: 9, type: string(80), from: store, nullable: true}",
                "{id: 9, type: string(80), from: salesforce, nullable: true}",
            ),
            (
                "customer.yaml",
                "      City__c: city              # BillingCity holds 40 characters\n",
                "",
            ),
            ("customer.yaml", "fields: {tier: Tier__c,", "fields: {city: City__c, tier: Tier__c,"),
        ],
        names: &["ANALYTICS.SALES.CUSTOMERS.city"],
    },
    Breaking {
        code: "DCM201",
        patches: &[("inventory_level.yaml", "key: [sku, location]", "key: [sku]")],
        names: &["analytics.inventory_position"],
    },
    Breaking {
        code: "DCM260",
        patches: &[(
            "order.yaml",
            "enum [placed, paid, picked, shipped, delivered, cancelled, refunded]",
            "enum [placed, paid, picked, shipped, cancelled, delivered, refunded]",
        )],
        names: &["Order__c.Status__c", "ANALYTICS.SALES.ORDERS.status"],
    },
    Breaking {
        code: "DCM230",
        patches: &[("order.yaml", "expect: tax <= total", "expect: tax < total")],
        names: &["acme_pipeline::sales_order"],
    },
    Breaking {
        code: "DCP301",
        patches: &[(
            "customer.yaml",
            "{id: 6, type: string(32), from: store, nullable: true, pii: contact}",
            "{id: 6, type: string(32), from: store, nullable: true}",
        )],
        names: &["Account.Phone"],
    },
    Breaking {
        code: "DCP303",
        patches: &[(
            "customer.yaml",
            "{id: 9, type: string(80), from: store, nullable: true}",
            "{id: 9, type: string(80), from: store, nullable: true, pii: address}",
        )],
        names: &["Account.City__c"],
    },
];

#[test]
fn every_breaking_change_is_found_and_names_who_breaks() {
    for case in BREAKING {
        let (findings, _, _) = change(case.patches);
        let all: Vec<_> = findings.iter().map(|f| (f.rule.code, f.grade, named(f))).collect();
        let found = findings.iter().find(|finding| finding.rule.code == case.code);
        let found = found.unwrap_or_else(|| panic!("{} not found: {all:?}", case.code));
        assert_eq!(found.grade, Grade::Error, "{}: {all:?}", case.code);
        for name in case.names {
            assert!(named(found).contains(name), "{} does not name {name}: {all:?}", case.code);
        }
        // The version stays, so that is said, too.
        assert!(findings.iter().any(|f| f.rule.code == "DCM253"), "{}: {all:?}", case.code);
    }
}

#[test]
fn one_change_is_one_finding() {
    for case in BREAKING {
        // Giving a field to Salesforce is two changes: another owner, and a mapping that goes.
        if case.code == "DCS136" {
            continue;
        }
        let (findings, _, _) = change(case.patches);
        let others: Vec<_> = findings
            .iter()
            .filter(|finding| finding.grade == Grade::Error)
            .map(|finding| finding.rule.code)
            .filter(|other| *other != case.code && *other != "DCM253")
            .collect();
        assert!(others.is_empty(), "{} also raised {others:?}", case.code);
    }
}

/// Changes that hurt nobody must not stop a build.
const HARMLESS: &[Patch] = &[
    ("order.yaml", "about: What customers quote on the phone.", "about: What customers read out."),
    (
        "order_line.yaml",
        "{id: 4, type: string(120), from: store}",
        "{id: 4, type: string(200), from: store}",
    ),
    (
        "order_line.yaml",
        "  updated_at:      {id: 13, type: timestamp, from: store}\n",
        "  updated_at:      {id: 13, type: timestamp, from: store}\n  batch: {id: 14, type: string(8), from: store, nullable: true}\n",
    ),
    ("order.yaml", "min: 1, max: 500}", "min: 1, max: 900}"),
    ("daily_sales.yaml", "  GROUP BY CAST", "  GROUP  BY CAST"),
    ("inventory_level.yaml", "about: Last physical count.", "about: The last count."),
    (
        "order_line.yaml",
        "{table: ANALYTICS.SALES.ORDER_LINES}",
        "{table: ANALYTICS.SALES.ORDER_LINES, history: scd2}",
    ),
];

#[test]
fn harmless_changes_raise_no_error() {
    for patch in HARMLESS {
        let (findings, _, _) = change(&[*patch]);
        let errors: Vec<_> = findings
            .iter()
            .filter(|finding| finding.grade == Grade::Error)
            .map(|finding| (finding.rule.code, finding.headline.clone()))
            .collect();
        assert!(errors.is_empty(), "{patch:?}: {errors:?}");
    }
}

#[test]
fn no_change_is_no_finding() {
    let (findings, _, _) = change(&[]);
    assert!(findings.is_empty(), "{:?}", findings.iter().map(|f| &f.headline).collect::<Vec<_>>());
}

#[test]
fn a_new_major_version_takes_the_blame_off_the_version_only() {
    let tighter = ("order.yaml", "min: 1, max: 500}", "min: 1, max: 200}");
    let major = ("order.yaml", "version: 1.0.0", "version: 2.0.0");
    let (findings, _, _) = change(&[tighter, major]);
    let codes: Vec<_> = findings.iter().map(|finding| finding.rule.code).collect();
    assert_eq!(codes, ["DCW050", "DCM259"]);
}

#[test]
fn every_rule_is_complete() {
    let mut seen = BTreeSet::new();
    for rule in compat::RULES {
        assert!(seen.insert(rule.code), "{} twice", rule.code);
        let page = rule.explain();
        assert!(!page.what.is_empty() && !page.why.is_empty() && !page.how.is_empty());
        assert!(compat::rule(rule.code).is_some());
    }
}

#[test]
fn a_whole_entity_or_model_that_goes_names_its_readers() {
    let (old, mut new) = (patched(&[]).plan.unwrap(), patched(&[]).plan.unwrap());
    new.entities.retain(|entity| entity.name != "sales.customer");
    new.models.retain(|model| model.name != "analytics.daily_sales");
    let findings = compat::diff(&old, &new);
    let of = |code| findings.iter().find(|finding| finding.rule.code == code).unwrap();
    assert!(named(of("DCW001")).contains(&"analytics.daily_sales"));
    assert!(named(of("DCW001")).contains(&"sales.order.customer_id"));
    assert!(named(of("DCM223")).contains(&"analytics.inventory_position"));
    let back = compat::diff(&new, &old);
    assert!(back.iter().all(|finding| finding.grade != Grade::Error), "adding is no break");
    assert!(back.iter().any(|finding| finding.rule.code == "DCW003"));
}

#[test]
fn a_finding_reads_well() {
    let patch = (
        "inventory_level.yaml",
        "{id: 8, type: int64, from: store, min: 0}",
        "{id: 8, type: int64, from: store, nullable: true, min: 0}",
    );
    let (findings, old, new) = change(&[patch]);
    let report = report::changes::report(&findings, &old, &new, "released");
    let text = report::human::render(&report, Severity::Info, false);
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../");
    insta::assert_snapshot!(text.replace(root, ""));
}
