//! The committed output of the fixture is what the compiler emits: it is compiled into this test.

use std::path::{Path, PathBuf};

use covenant_compiler::plan::Plan;
use covenant_compiler::tree::OutputTree;

/// Set to any value, this test writes the files instead of comparing them.
const UPDATE: &str = "COVENANT_UPDATE_GOLDEN";

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/kitchen")
}

/// The fixture's plan.
pub(crate) fn plan() -> Plan {
    let sources = covenant_compiler::driver::read_contracts(&fixture().join("contracts")).unwrap();
    let compiled = covenant_compiler::compile(sources);
    compiled.plan.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics))
}

/// Everything that is emitted from it.
pub(crate) fn tree() -> OutputTree {
    covenant_compiler::emit::emit_all(&plan()).unwrap()
}

#[test]
fn committed_output_is_what_the_compiler_emits() {
    let tree = tree();
    for file in ["pii.rs", "kitchen_event.rs", "kitchen_table.rs", "kitchen_word.rs"] {
        let path = fixture().join("generated").join(file);
        let emitted = tree.get(&format!("rust/src/{file}")).unwrap();
        if std::env::var_os(UPDATE).is_some() {
            std::fs::write(&path, emitted).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap();
        assert!(committed == emitted, "{file} is stale: run this test once with {UPDATE}=1");
    }
}

#[test]
fn emitting_twice_gives_the_same_bytes() {
    assert_eq!(tree(), tree());
}
