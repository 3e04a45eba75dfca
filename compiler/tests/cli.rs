//! The program itself: exit codes, formats, what is written and what is not.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

use std::path::Path;
use std::process::{Command, Output};

fn covenant(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_covenant"))
        .current_dir(folder)
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .args(arguments)
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder with the contracts of `ui/base`.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui/base");
    for path in ["project.yaml", "sales/customer.yaml", "sales/order.yaml", "marts/daily.yaml"] {
        let target = folder.path().join("contracts").join(path);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(base.join(path), target).unwrap();
    }
    folder
}

fn break_it(folder: &Path) {
    let path = folder.join("contracts/sales/order.yaml");
    let broken = std::fs::read_to_string(&path).unwrap().replace("unit: EUR", "unti: EUR");
    std::fs::write(path, broken).unwrap();
}

#[test]
fn check_of_good_contracts() {
    let folder = project();
    let output = covenant(folder.path(), &["check"]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(!folder.path().join("generated").exists());
}

#[test]
fn errors_end_with_1_and_write_nothing() {
    let folder = project();
    break_it(folder.path());
    for command in ["check", "build"] {
        let output = covenant(folder.path(), &[command]);
        assert_eq!(code(&output), 1);
        let said = text(&output.stderr);
        assert!(said.contains("error[CV1003]") && said.contains("did you mean `unit`?"), "{said}");
        assert!(said.contains("contracts/sales/order.yaml:25:"), "{said}");
    }
    assert!(!folder.path().join("generated").exists());
}

#[test]
fn usage_and_unreadable_input_end_with_2() {
    let folder = project();
    let output = covenant(folder.path(), &["check", "--contracts", "nowhere"]);
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("error[CV0001]"));
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let output = covenant(folder.path(), &["check", "--contracts", "empty"]);
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("error[CV0002]"));
    std::fs::write(folder.path().join("contracts/latin.yaml"), [0x65, 0xE9]).unwrap();
    let output = covenant(folder.path(), &["check"]);
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("not UTF-8"));
    assert_eq!(code(&covenant(folder.path(), &["chek"])), 2);
    assert_eq!(code(&covenant(folder.path(), &["explain", "CV9999"])), 2);
}

#[test]
fn build_then_check_then_stale() {
    let folder = project();
    let check = ["build", "--check"];
    let output = covenant(folder.path(), &check);
    assert_eq!(code(&output), 1);
    assert!(!folder.path().join("generated").exists(), "`build --check` writes nothing");
    let output = covenant(folder.path(), &["build"]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert_eq!(code(&covenant(folder.path(), &check)), 0);
    // Somebody edits a generated file.
    let list = std::fs::read_to_string(folder.path().join("generated/.manifest-of-files")).unwrap();
    let first = list.lines().find(|line| !line.starts_with('#')).unwrap();
    std::fs::write(folder.path().join("generated").join(first), "edited").unwrap();
    let output = covenant(folder.path(), &check);
    assert_eq!(code(&output), 1);
    let said = text(&output.stderr);
    assert!(
        said.contains("CV0003") && said.contains(first) && said.contains("covenant build"),
        "{said}"
    );
}

/// Only a build of the same contracts over the same files has nothing to do.
#[test]
fn a_build_of_nothing_new_is_told_so() {
    let folder = project();
    let build = || {
        let output = covenant(folder.path(), &["build"]);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        text(&output.stderr).contains("nothing has changed")
    };
    let generated = |path: &str| folder.path().join("generated").join(path);
    assert!(!build());
    assert!(build(), "the same again");
    let schema = generated("duckdb/schema.sql");
    let was = std::fs::read_to_string(&schema).unwrap();
    std::fs::write(&schema, "-- by hand\n").unwrap();
    assert!(!build(), "a file was edited");
    assert_eq!(std::fs::read_to_string(&schema).unwrap(), was);
    std::fs::remove_file(&schema).unwrap();
    assert!(!build(), "a file was removed");
    assert!(build());
    let contract = folder.path().join("contracts/sales/order.yaml");
    let words = std::fs::read_to_string(&contract).unwrap();
    std::fs::write(&contract, words.replace("EUR", "USD")).unwrap();
    assert!(!build(), "a contract was edited");
    let output = covenant(folder.path(), &["--today", "2031-01-01", "build"]);
    assert!(!text(&output.stderr).contains("nothing has changed"), "another day");
    assert!(!build());
    std::fs::remove_file(generated(".manifest-of-files")).unwrap();
    assert!(!build(), "the list of files was removed");
}

#[test]
fn what_a_target_cannot_express_is_a_finding() {
    let folder = project();
    let path = folder.path().join("contracts/sales/order.yaml");
    let wide = std::fs::read_to_string(&path).unwrap();
    let wide = wide.replace(
        "total: {id: 4, type: \"decimal(12,2)\"",
        "total: {id: 4, type: \"decimal(30,2)\"",
    );
    std::fs::write(path, wide).unwrap();
    for command in ["check", "build"] {
        let output = covenant(folder.path(), &[command]);
        assert_eq!(code(&output), 1);
        let said = text(&output.stderr);
        assert!(said.contains("error[CV6001]") && said.contains("sales/order.yaml:25:"), "{said}");
    }
    assert!(!folder.path().join("generated").exists());
}

#[test]
fn explain_says_why() {
    let folder = project();
    let output = covenant(folder.path(), &["explain", "cv3005"]);
    assert_eq!(code(&output), 0);
    assert!(text(&output.stdout).contains("no common order"));
    let list = text(&covenant(folder.path(), &["explain"]).stdout);
    assert_eq!(
        list.lines().count(),
        covenant_compiler::diagnostic::codes::all().count()
            + covenant_compiler::compat::RULES.len()
    );
}

#[test]
fn dump_shows_every_stage() {
    let folder = project();
    let shown = |arguments: &[&str]| {
        let output = covenant(folder.path(), arguments);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert!(shown(&["dump", "--stage", "ast"]).contains("EntityDecl"));
    assert!(shown(&["dump", "--stage", "ir"]).contains("EntityIr"));
    assert!(shown(&["dump", "--stage", "plan"]).contains("group status"));
    let plan: serde_json::Value = serde_json::from_str(&shown(&["dump", "--json"])).unwrap();
    assert_eq!(plan["entities"][0]["name"], "sales.customer");
}

#[test]
fn formats_for_programs() {
    let folder = project();
    break_it(folder.path());
    let shown = |format: &str| {
        let output = covenant(folder.path(), &["check", "--format", format]);
        assert_eq!(code(&output), 1);
        text(&output.stdout)
    };
    insta::assert_snapshot!("format_json", shown("json"));
    insta::assert_snapshot!("format_github", shown("github"));
    let mut sarif: serde_json::Value = serde_json::from_str(&shown("sarif")).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    insta::assert_snapshot!("format_sarif", format!("{:#}", sarif["runs"][0]["results"].take()));
}
