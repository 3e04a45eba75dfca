//! The commands that the documentation tells people to run are commands of this program.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::Project;
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

/// A repository whose contracts are built and committed.
fn repository() -> Project {
    let project = Project::new();
    assert_eq!(project.run(&["build"]).code(), 0);
    project.git(&["init", "--quiet"]);
    project.git(&["add", "."]);
    project.git(&["commit", "--quiet", "-m", "first"]);
    project
}

/// Runs something in the repository with `covenant` on the path.
fn shell(project: &Project, program: &str, arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let bin = Path::new(env!("CARGO_BIN_EXE_covenant")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    Command::new(program)
        .current_dir(project.folder.path())
        .args(arguments)
        .env("PATH", path)
        .envs(env.iter().copied())
        .output()
        .unwrap()
}

fn commit(project: &Project) -> Output {
    let who =
        ["-c", "user.name=t", "-c", "user.email=t@shop.example", "-c", "commit.gpgsign=false"];
    let arguments: Vec<&str> =
        who.into_iter().chain(["commit", "--quiet", "-a", "-m", "next"]).collect();
    shell(project, "git", &arguments, &[])
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

const ORDER: &str = "contracts/sales/order.yaml";

#[test]
fn the_hook_runs_before_a_commit() {
    let project = repository();
    let hook = ".git/hooks/pre-commit";
    project.write(hook, read("ci/pre-commit"));
    assert!(shell(&project, "chmod", &["+x", hook], &[]).status.success());

    // Nothing about contracts: nothing is run.
    project.write("README.md", "words\n");
    project.git(&["add", "README.md"]);
    assert!(commit(&project).status.success());

    // A break that is built is shown, and committed: the pull request decides.
    project.edit(
        ORDER,
        "  carrier: {id: 7, type: string(40)",
        "  carrier: {id: 7, type: string(20)",
    );
    let stale = commit(&project);
    assert!(!stale.status.success() && said(&stale).contains("CV0003"), "{}", said(&stale));
    assert_eq!(project.run(&["build"]).code(), 0);
    project.git(&["add", "."]);
    let breaking = commit(&project);
    assert!(breaking.status.success(), "{}", said(&breaking));
    assert!(said(&breaking).contains("DCW032"), "{}", said(&breaking));

    // What does not hold together is not committed.
    project.edit(
        ORDER,
        "  carrier: {id: 7, type: string(20)",
        "  carrier: {id: 7, type: strong(20)",
    );
    let broken = commit(&project);
    assert!(!broken.status.success() && said(&broken).contains("CV1008"), "{}", said(&broken));
}

/// The steps of the workflow that run `covenant`, in order, as the service's shell runs them.
#[test]
fn the_steps_of_the_workflow_run() {
    let project = repository();
    project.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    project.edit(
        ORDER,
        "  carrier: {id: 7, type: string(40)",
        "  carrier: {id: 7, type: string(20)",
    );
    assert_eq!(project.run(&["build"]).code(), 0);
    let env = [("BASE", "git:origin/main"), ("GITHUB_STEP_SUMMARY", "summary.md")];
    let steps = commands(&read("ci/contracts.yml"));
    let (last, reports) = steps.split_last().unwrap();
    for step in reports {
        let ran = shell(&project, "bash", &["-e", "-c", step], &env);
        assert!(ran.status.success(), "{step}: {}", said(&ran));
    }
    let verdict = shell(&project, "bash", &["-e", "-c", last], &env);
    assert_eq!(verdict.status.code(), Some(1), "{}", said(&verdict));
    for (file, holds) in [
        ("covenant.sarif", "DCW032"),
        ("covenant.md", "<!-- covenant -->"),
        ("summary.md", "DCW032"),
    ] {
        assert!(project.read(file).contains(holds), "{file}");
    }
}
