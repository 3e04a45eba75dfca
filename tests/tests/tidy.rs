//! Rules about the repository itself, as ordinary tests.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// House number: a hand-written source file beyond this is split by concept.
const LINES_MAX: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Files under version control, and new ones that git does not ignore.
fn tracked() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root())
        .output()
        .expect("git lists the files");
    assert!(listed.status.success(), "git ls-files failed: this test needs a checkout");
    let files: Vec<PathBuf> = String::from_utf8(listed.stdout)
        .unwrap()
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(|path| root().join(path))
        .filter(|path| path.is_file())
        .collect();
    assert!(files.len() > 50, "only {} files found: the listing is wrong", files.len());
    files
}

fn text(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().into_owned()
}

#[test]
fn no_hand_written_file_is_too_long() {
    let source = |path: &&PathBuf| {
        path.extension().is_some_and(|end| end == "rs" || end == "py" || end == "sh")
            && !relative(path).starts_with("generated/")
    };
    let long: Vec<String> = tracked()
        .iter()
        .filter(source)
        .filter_map(|path| {
            let lines = text(path)?.lines().count();
            (lines > LINES_MAX).then(|| format!("{} has {lines} lines", relative(path)))
        })
        .collect();
    assert!(long.is_empty(), "split by concept: {long:#?}");
}

#[test]
fn nothing_names_a_machine_or_is_left_unfinished() {
    // Assembled, so that this file does not find itself.
    let marks = [
        format!("/{}/main", "work"),
        format!("/{}/wt", "tmp"),
        format!("to{}!(", "do"),
        format!("unimple{}!(", "mented"),
        format!("TO{}", "DO"),
        format!("FIX{}", "ME"),
        // With a reason it is a figure to print on demand, without one a test that was given up.
        format!("#[ig{}]", "nore"),
    ];
    let mut found = Vec::new();
    for path in tracked() {
        let name = relative(&path);
        if name == "Cargo.lock" || name.ends_with(".snap") {
            continue;
        }
        let Some(text) = text(&path) else { continue };
        for (at, line) in text.lines().enumerate() {
            if let Some(mark) = marks.iter().find(|mark| line.contains(mark.as_str())) {
                found.push(format!("{name}:{}: `{mark}`", at + 1));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_dependency_has_its_reason() {
    let reasons = text(&root().join("docs/dependencies.md")).expect("docs/dependencies.md");
    let manifest = text(&root().join("Cargo.toml")).unwrap();
    let section = manifest.split("[workspace.dependencies]").nth(1).unwrap();
    let section = section.split("\n[").next().unwrap();
    let used: BTreeSet<&str> = section
        .lines()
        .filter_map(|line| line.split_once('=').map(|(name, _)| name.trim()))
        .filter(|name| !name.is_empty() && !name.starts_with("covenant-"))
        .filter(|name| !name.starts_with('#') && *name != "acme-pipeline")
        .collect();
    assert!(used.len() > 20, "the section was not found");
    let missing: Vec<_> =
        used.iter().filter(|name| !reasons.contains(&format!("| `{name}` |"))).collect();
    assert!(missing.is_empty(), "no line in docs/dependencies.md: {missing:?}");
}

#[test]
fn the_runtime_never_sees_the_compiler_and_the_compiler_never_the_runtime() {
    let manifest = |folder: &str| text(&root().join(folder).join("Cargo.toml")).unwrap();
    let shipped = |folder: &str| {
        manifest(folder).split("[dev-dependencies]").next().unwrap_or_default().to_owned()
    };
    assert!(!manifest("runtime").contains("covenant-compiler"), "runtime -> compiler");
    assert!(!shipped("compiler").contains("covenant-runtime"), "compiler -> runtime");
    for outer in ["covenant-runtime", "covenant-compiler", "covenant-sandbox"] {
        assert!(!manifest("runtime/model").contains(outer), "model -> {outer}");
    }
    for yaml in ["saphyr", "minijinja", "yaml"] {
        assert!(!shipped("runtime").contains(yaml), "the runtime reads manifests, not {yaml}");
    }
}

/// Nobody builds the image in a test; what it copies and how it runs can be looked at.
#[test]
fn the_image_has_what_the_runtime_reads_and_runs_as_nobody_special() {
    let file = text(&root().join("Dockerfile")).unwrap();
    let copied: Vec<&str> = file
        .lines()
        .filter_map(|line| line.strip_prefix("COPY --from=build /src/")?.split(' ').next())
        .collect();
    let (built, generated): (Vec<&str>, Vec<&str>) =
        copied.into_iter().partition(|path| path.starts_with("target/"));
    assert_eq!(built, ["target/release/covenant-runtime"]);
    assert_eq!(generated, ["generated/manifest.json", "generated/duckdb"]);
    assert!(generated.iter().all(|path| root().join(path).exists()));
    let toolchain = text(&root().join("rust-toolchain.toml")).unwrap();
    let version = toolchain.split("channel = \"").nth(1).unwrap().split(".0\"").next().unwrap();
    assert!(file.contains(&format!("FROM rust:{version}-")), "another Rust than {version}");
    let last = file.rsplit("\nFROM ").next().unwrap();
    assert!(last.contains("\nUSER ") && !last.contains("\nUSER 0"), "it would run as root");
    assert!(last.contains("\nCMD [\"run\"]"));
}

/// A heading as a link names it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    text.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}

#[test]
fn every_link_of_the_pages_leads_somewhere() {
    let mut dead = Vec::new();
    let mut links = 0;
    for page in tracked().iter().filter(|path| path.extension().is_some_and(|end| end == "md")) {
        let written = text(page).unwrap();
        let targets = written.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://") && !target.contains(' ')) {
            links += 1;
            let (path, part) = target.split_once('#').unwrap_or((target, ""));
            let leads_to = match path {
                "" => page.clone(),
                path => page.parent().unwrap().join(path),
            };
            let known = leads_to.exists()
                && (part.is_empty()
                    || text(&leads_to).is_some_and(|it| {
                        it.lines().any(|line| line.starts_with('#') && anchor(line) == part)
                    }));
            if !known {
                dead.push(format!("{}: {target}", relative(page)));
            }
        }
    }
    assert!(links > 30, "only {links} links were found");
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn every_decision_is_numbered_once() {
    let mut numbers: Vec<String> = std::fs::read_dir(root().join("docs/decisions"))
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name != "README.md")
        .map(|name| name.chars().take(4).collect())
        .collect();
    let all = numbers.len();
    assert!(all > 0);
    numbers.sort();
    numbers.dedup();
    assert_eq!(all, numbers.len(), "two decisions share a number: {numbers:?}");
}
