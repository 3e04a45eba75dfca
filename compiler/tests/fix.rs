//! `covenant fix`: what is mended, what is left, and what is never touched.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

mod common;

use common::Project;

/// Mistakes with one meaning each, and a typo that could mean something else.
fn sloppy() -> Project {
    let project = Project::new();
    let order = "contracts/sales/order.yaml";
    project.edit(order, "tax: {id: 5, type: \"decimal(12,2)\"", "tax: {id: 5, type: decimal(12,2)");
    project.edit(order, "revision: {id: 8, type: int32", "revision: {id: \"8\", type: integer");
    project.edit(order, "version: 1.0.0", "version: \"1.0\"");
    let carrier = "from: events, nullable: true, optional: true}";
    project.edit(order, carrier, "from: events, optional: yes}");
    project.edit("contracts/marts/daily.yaml", "{every: 5m}", "{every: 5 minutes}");
    project.edit("contracts/sales/customer.yaml", "pii: address}", "pi: address}");
    project
}

#[test]
fn safe_fixes_are_made_and_the_rest_is_said() {
    let project = sloppy();
    let ran = project.run(&["fix"]);
    assert_eq!(ran.code(), 1, "the typo is left");
    let order = project.read("contracts/sales/order.yaml");
    for mended in [
        "tax: {id: 5, type: \"decimal(12,2)\", from: shop",
        "revision: {id: 8, type: int32, from: shop}",
        "version: 1.0.0\n",
        "from: events, optional: true, nullable: true}",
    ] {
        assert!(order.contains(mended), "{mended}\n{order}\n{}", ran.said());
    }
    assert!(project.read("contracts/marts/daily.yaml").contains("{every: 5m}"));
    assert!(project.read("contracts/sales/customer.yaml").contains("pi: address"));
    assert!(ran.said().contains("did you mean `pii`?"), "{}", ran.said());
}

#[test]
fn unsafe_fixes_are_made_on_demand_and_a_second_run_changes_nothing() {
    let project = sloppy();
    let ran = project.run(&["fix", "--unsafe"]);
    assert_eq!(ran.code(), 0, "{}", ran.said());
    assert!(project.read("contracts/sales/customer.yaml").contains("pii: address"));
    let before = project.snapshot();
    let again = project.run(&["fix", "--unsafe"]);
    assert_eq!(again.code(), 0);
    assert!(again.said().contains("0 fixes in 0 files"), "{}", again.said());
    assert_eq!(project.snapshot(), before);
    assert_eq!(project.run(&["diff", "--against", "released"]).code(), 0, "it means the same");
}

#[test]
fn the_difference_is_shown_and_nothing_is_written() {
    let project = sloppy();
    let before = project.snapshot();
    for word in ["--diff", "--dry-run"] {
        let ran = project.run(&["fix", word]);
        assert_eq!(ran.code(), 1);
        let shown = ran.out();
        assert!(shown.contains("--- contracts/sales/order.yaml"), "{shown}");
        assert!(shown.contains("-version: \"1.0\"\n+version: 1.0.0\n"), "{shown}");
    }
    assert_eq!(project.snapshot(), before);
    let clean = Project::new().run(&["fix", "--diff"]);
    assert_eq!((clean.code(), clean.out().as_str()), (0, ""));
}

#[test]
fn gaps_are_shown_and_never_filled() {
    let project = Project::new();
    let order = "contracts/sales/order.yaml";
    project.edit(order, "revision: {id: 8, type: int32, from", "revision: {id: 8, from");
    let before = project.snapshot();
    let ran = project.run(&["fix", "--unsafe"]);
    assert_eq!(ran.code(), 1);
    assert!(ran.said().contains("type: <type>"), "{}", ran.said());
    assert_eq!(project.snapshot(), before);
}

#[test]
fn files_that_cannot_be_read_are_left_alone() {
    let project = sloppy();
    project.write("contracts/broken.yaml", "entity: [\n");
    project.run(&["fix"]);
    assert_eq!(project.read("contracts/broken.yaml"), "entity: [\n");
    assert!(project.read("contracts/sales/order.yaml").contains("version: 1.0.0\n"));
}

/// A field that is removed keeps its id under `reserved`, and its contract gets a new major version.
#[test]
fn what_a_change_needs_is_added() {
    let project = Project::new();
    let order = "contracts/sales/order.yaml";
    let carrier =
        "  carrier: {id: 7, type: string(40), from: events, nullable: true, optional: true}\n";
    project.edit(order, carrier, "");
    let told = ["diff", "--against", "released", "--format", "json"];
    let before = project.run(&told);
    let fixed = project.run(&["fix", "--unsafe", "--against", "released"]);
    assert!(fixed.code() < 2, "{}", fixed.said());
    let text = project.read(order);
    assert!(text.contains("reserved:\n  - {id: 7, name: carrier}"), "{text}\n{}", before.out());
    assert_eq!(project.run(&["check"]).code(), 0);
    let snapshot = project.snapshot();
    project.run(&["fix", "--unsafe", "--against", "released"]);
    assert_eq!(project.snapshot(), snapshot, "a second run changes nothing");
}
