//! The commands that the documentation tells people to run are commands of this program.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

use std::path::Path;

use covenant_compiler::cli;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(path))
        .unwrap()
}

/// Lines that run the program, with or without `run:` in front.
fn commands(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.trim().trim_start_matches("run: "));
    lines.filter(|line| line.starts_with("covenant ")).map(str::to_owned).collect()
}

/// Words of a shell command; quotes hold words together, nothing is expanded.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for one in command.chars() {
        match one {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().unwrap().push(other),
        }
    }
    assert!(!quoted, "{command}");
    words
}

#[test]
fn every_command_is_understood() {
    for (page, least) in [("ci.md", 7), ("ci/contracts.yml", 6), ("ci/pre-commit", 4)] {
        let found = commands(&read(page));
        assert!(found.len() >= least, "{page}: {found:?}");
        for command in found {
            let parsed = cli::arguments().try_get_matches_from(words(&command));
            assert!(parsed.is_ok(), "{page}: {command}: {}", parsed.unwrap_err());
        }
    }
}

/// The workflow is YAML of the shape that the service reads.
#[test]
fn the_workflow_is_yaml() {
    let text = read("ci/contracts.yml");
    let workflow: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    let steps = workflow["jobs"]["contracts"]["steps"].as_array().unwrap();
    let good = |step: &serde_json::Value| step["run"].is_string() != step["uses"].is_string();
    assert!(steps.len() > 8 && steps.iter().all(good));
    assert_eq!(workflow["permissions"]["contents"], "read");
}

/// What the page says of formats and codes is what the program has.
#[test]
fn every_format_is_on_the_page() {
    let page = read("ci.md");
    let arguments = cli::arguments();
    let format = arguments.get_arguments().find(|one| one.get_id() == "format").unwrap();
    for value in format.get_possible_values() {
        assert!(page.contains(&format!("| `{}` |", value.get_name())), "{}", value.get_name());
    }
}
