//! `covenant check --live` and `import postgres` where no database answers. Where one does: tests/tests/live_check.rs.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

mod common;

use common::Project;

#[test]
fn a_database_that_cannot_be_asked_is_no_finding_and_its_password_is_not_shown() {
    let project = Project::new();
    for (url, said) in [
        ("postgres://u:s3cret@127.0.0.1:1/d", "127.0.0.1:1: "),
        ("postgres://u:s3cret@", "its address"),
        ("s3cret", "its address"),
        ("postgres://u:s3cret@db.example/d?sslmode=disable", "would trust any server"),
    ] {
        for command in [
            vec!["check", "--live", url],
            vec!["import", "postgres", "--url", url, "--out", "made"],
        ] {
            let ran = project.run(&command);
            assert_eq!(ran.code(), 2, "{command:?}: {}", ran.said());
            assert!(ran.said().contains(said), "{command:?}: {}", ran.said());
            assert!(!ran.said().contains("s3cret"), "{command:?}: {}", ran.said());
        }
    }
    let ran = project.run(&["check", "--live", "postgres://u@127.0.0.1:1/d", "--system", "till"]);
    assert!(
        ran.code() == 2 && ran.said().contains("`till` is no PostgreSQL system"),
        "{}",
        ran.said()
    );
    assert!(!project.path("made").exists());
}
