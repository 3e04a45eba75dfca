//! Comparing with something odd, and contracts that are odd as a whole: one clear finding each with a
//! place, exit code 1 or 2, nothing written.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

mod common;

use std::time::{Duration, Instant};

use common::{Project, Ran};
use covenant_compiler::compile;
use covenant_compiler::source::SourceSet;

const ORDER: &str = "contracts/sales/order.yaml";

fn committed() -> Project {
    let project = Project::new();
    project.git(&["init", "-q"]);
    project.git(&["add", "-A"]);
    project.git(&["commit", "-q", "-m", "one"]);
    project
}

fn diff(project: &Project, against: &str) -> Ran {
    project.run(&["diff", "--against", against, "--format", "json"])
}

#[test]
fn every_kind_of_base_can_be_named() {
    let project = committed();
    project.git(&["tag", "v1.0"]);
    project.edit(ORDER, "unit: EUR, min: 0}\n  tax", "unit: USD, min: 0}\n  tax");
    for base in ["git:v1.0", "git:HEAD", "HEAD", "released", "released/"] {
        let ran = diff(&project, base);
        assert_eq!(ran.code(), 1, "{base}: {}", ran.out());
        assert!(ran.codes().contains(&"DCW054".to_owned()), "{base}: {}", ran.out());
        assert_eq!(ran.json()["against"], base);
    }
    let ran = diff(&project, "git:v1.0");
    let found = ran.findings().into_iter().find(|one| one["code"] == "DCW054").unwrap();
    assert_eq!(found["labels"][0]["place"]["file"], "v1.0:contracts/sales/order.yaml");
    assert_eq!(found["labels"][0]["place"]["side"], "old");
}

#[test]
fn a_base_that_is_not_there_is_a_finding() {
    let project = committed();
    project.git(&["tag", "release-1"]);
    let before = project.snapshot();
    let cases =
        [("git:relase-1", "git:release-1"), ("git:--help", "`-`"), ("nowhere", "no such folder")];
    for (base, said) in cases {
        let ran = diff(&project, base);
        assert_eq!(ran.code(), 2, "{base}");
        assert_eq!(ran.codes(), ["CV0004"], "{base}: {}", ran.out());
        assert!(ran.out().contains(said), "{base}: {}", ran.out());
    }
    std::fs::remove_dir_all(project.path("released")).unwrap();
    assert_eq!(diff(&project, "released").codes(), ["CV0004"]);
    assert_eq!(Project::new().run(&["diff", "--against", "git:HEAD"]).code(), 2, "no repository");
    project.write("released/x", "");
    std::fs::remove_dir_all(project.path("released")).unwrap();
    let after = project.snapshot();
    assert!(after.iter().all(|(path, bytes)| before.get(path) == Some(bytes)));
}

#[test]
fn contracts_that_only_moved_are_no_change() {
    let project = committed();
    let text = project.read(ORDER);
    std::fs::remove_file(project.path(ORDER)).unwrap();
    project.write("contracts/new/place/orders.yml", text);
    for base in ["git:HEAD", "released"] {
        let ran = diff(&project, base);
        assert_eq!((ran.code(), ran.codes()), (0, Vec::new()), "{}", ran.out());
    }
}

#[test]
fn what_can_still_be_compared_is_compared() {
    let project = Project::new();
    project.edit("released/sales/customer.yaml", "type: string(80)", "type: strng(80)");
    project.edit(ORDER, "unit: EUR, min: 0}\n  tax", "unit: USD, min: 0}\n  tax");
    project.edit("contracts/sales/customer.yaml", "type: string(80)", "type: string(20)");
    let ran = diff(&project, "released");
    assert_eq!(ran.code(), 1);
    let codes = ran.codes();
    assert_eq!(codes.iter().filter(|code| *code == "CV4010").count(), 1, "{codes:?}");
    assert!(codes.contains(&"DCW054".to_owned()), "the order is compared: {codes:?}");
    let about_customers = |one: &serde_json::Value| {
        one["subject"].as_str().is_some_and(|subject| subject.starts_with("sales.customer"))
    };
    assert!(!ran.findings().iter().any(about_customers), "{}", ran.out());
    let lost = ran.findings().into_iter().find(|one| one["code"] == "CV4010").unwrap();
    assert_eq!(lost["place"]["file"], "released/sales/customer.yaml");
    assert_eq!(lost["place"]["side"], "old");
    assert!(lost["headline"].as_str().unwrap().contains("sales.customer"), "{lost}");
}

#[test]
fn an_old_version_without_a_project_is_one_finding() {
    let project = Project::new();
    project.write("released/project.yaml", "project: [\n");
    project.edit(ORDER, "unit: EUR, min: 0}\n  tax", "unit: USD, min: 0}\n  tax");
    let ran = diff(&project, "released");
    assert_eq!(ran.code(), 1);
    assert!(ran.codes().contains(&"CV4010".to_owned()), "{}", ran.out());
    assert!(ran.codes().contains(&"DCW054".to_owned()), "{}", ran.out());
}

#[test]
fn an_old_version_of_nothing_but_noise_is_reported() {
    let project = Project::new();
    for file in ["project.yaml", "sales/customer.yaml", "sales/order.yaml", "marts/daily.yaml"] {
        project.write(&format!("released/{file}"), "}{");
    }
    let ran = diff(&project, "released");
    assert_eq!(ran.code(), 1);
    assert!(ran.codes().iter().all(|code| code == "CV4010"), "{}", ran.out());
}

/// `sales.customer`, saved as Latin-1: others refer to it.
const LATIN: &[u8] = b"entity: sales.customer\npurpose: One row per caf\xE9.\n";

#[test]
fn bytes_that_are_no_text_have_a_place() {
    let project = committed();
    let (path, order) = ("contracts/sales/customer.yaml", project.read(ORDER));
    let before = project.read(path);
    project.write(path, LATIN);
    // What is wrong elsewhere is said, too; that the customers are missing is not.
    project.edit(ORDER, "type: string(2)", "type: strng(2)");
    let ran = project.run(&["check", "--format", "json"]);
    let expected = ["CV0005", "CV1008"].map(str::to_owned);
    assert_eq!((ran.code(), ran.codes()), (2, expected.to_vec()), "{}", ran.out());
    let found = &ran.findings()[0];
    assert_eq!(found["place"]["file"], path);
    assert_eq!((&found["place"]["line"], &found["place"]["column"]), (&2.into(), &25.into()));
    assert_eq!(found["at"], "byte 47 of the file is 0xE9");
    assert_eq!(found["help"][0], "in Latin-1 the byte is `é`: save it as UTF-8");
    // `fix` mends the others and leaves the bytes alone.
    let ran = project.run(&["fix", "--unsafe", "--format", "json"]);
    assert_eq!((ran.code(), ran.codes()), (2, vec!["CV0005".to_owned()]), "{}", ran.out());
    assert_eq!(project.read(ORDER), order);
    assert_eq!(std::fs::read(project.path(path)).unwrap(), LATIN);

    // On the old side: what can still be compared is.
    project.git(&["add", "-A"]);
    project.git(&["commit", "-q", "-m", "two"]);
    project.write(path, before);
    project.write("released/sales/customer.yaml", LATIN);
    project.edit(ORDER, "unit: EUR, min: 0}\n  tax", "unit: USD, min: 0}\n  tax");
    for (base, file) in [
        ("git:HEAD", "HEAD:contracts/sales/customer.yaml"),
        ("released", "released/sales/customer.yaml"),
    ] {
        let ran = diff(&project, base);
        assert_eq!(ran.code(), 1, "{base}: {}", ran.out());
        let found = ran.findings();
        let about = |one: &serde_json::Value| one["subject"].as_str().unwrap_or("").to_owned();
        assert!(found.iter().any(|one| one["code"] == "DCW054"), "{base}: {}", ran.out());
        assert!(!found.iter().any(|one| about(one).starts_with("sales.customer")), "{base}");
        let lost: Vec<_> = found.iter().filter(|one| one["code"] == "CV4010").collect();
        assert_eq!(lost.len(), 1, "{base}: {}", ran.out());
        assert!(lost[0]["why"][0].as_str().unwrap().starts_with("CV0005"), "{}", lost[0]);
        let place = &lost[0]["place"];
        assert_eq!((&place["file"], &place["side"]), (&file.into(), &"old".into()));
        assert_eq!((&place["line"], &place["column"]), (&2.into(), &25.into()));
    }
}

#[test]
fn fifty_megabytes_are_refused_at_once() {
    /// Ten times what it takes on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(20);
    let project = Project::new();
    project.git(&["init", "-q"]);
    let huge = format!("entity: sales.huge\n# {}\n", "x".repeat(50 << 20));
    project.write("contracts/huge.yaml", &huge);
    let before = project.snapshot().len();
    let started = Instant::now();
    let ran = project.run(&["build", "--format", "json"]);
    assert_eq!((ran.code(), ran.codes()), (1, vec!["CV1014".to_owned()]));
    assert_eq!(project.snapshot().len(), before, "nothing is written");
    project.git(&["add", "-A"]);
    project.git(&["commit", "-q", "-m", "huge"]);
    std::fs::remove_file(project.path("contracts/huge.yaml")).unwrap();
    let started_again = started.elapsed();
    let ran = diff(&project, "git:HEAD");
    assert_eq!(ran.code(), 1, "{}", ran.out());
    assert_eq!(ran.codes(), ["CV4010"]);
    assert!(started_again < PATIENCE && started.elapsed() < 2 * PATIENCE);
}

#[test]
fn aliases_are_refused_before_they_multiply() {
    let mut bomb = String::from("project: x\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    let compiled = compile(SourceSet::new([("project.yaml".to_owned(), bomb)]));
    let codes: Vec<String> = compiled.diagnostics.iter().map(|one| one.code.to_string()).collect();
    assert!(codes.contains(&"CV1002".to_owned()), "{codes:?}");
}

/// A broken file neither hides what is wrong elsewhere, nor makes others say that it is missing.
#[test]
fn a_broken_file_is_one_finding() {
    for (path, text) in common::base() {
        let first = text.lines().next().unwrap().to_owned();
        for broken in [format!("{first}\nowner: [\n"), format!("{first}\nowner: \"\n")] {
            let mut files = common::base();
            files.insert(path.clone(), broken);
            // And a typo elsewhere.
            let elsewhere =
                if path == "marts/daily.yaml" { "sales/order.yaml" } else { "marts/daily.yaml" };
            let other = files.get_mut(elsewhere).unwrap();
            *other = other.replace("compatibility:", "compatiblity:");
            let compiled = compile(SourceSet::new(files));
            let found: Vec<String> = compiled
                .diagnostics
                .iter()
                .map(|one| {
                    let file = compiled.sources.get(one.span.file).unwrap();
                    format!("{} {} {}", one.code, file.path, one.headline)
                })
                .collect();
            let (own, others): (Vec<_>, Vec<_>) =
                found.iter().partition(|one| one.contains(&format!(" {path} ")));
            assert_eq!(own.len(), 1, "{path}: {found:#?}");
            assert!(others.iter().all(|one| one.contains(elsewhere)), "{path}: {found:#?}");
            assert_eq!(others.len(), 1, "the typo, and nothing that follows from it: {found:#?}");
        }
    }
}

/// A contract without its fields says so once, and nobody else says anything.
#[test]
fn missing_and_misspelled_fields_are_one_finding() {
    for path in ["sales/customer.yaml", "sales/order.yaml", "marts/daily.yaml"] {
        let cases: [(&str, &str); 3] =
            [("feilds:\n", "CV1003"), ("fields: 7\nx_rest:\n", "CV1006"), ("x_rest:\n", "CV1005")];
        for (to, code) in cases {
            let mut files = common::base();
            let text = files.get_mut(path).unwrap();
            *text = text.replacen("\nfields:\n", &format!("\n{to}"), 1);
            let compiled = compile(SourceSet::new(files));
            let mut found: Vec<String> =
                compiled.diagnostics.iter().map(|one| one.code.to_string()).collect();
            // The key that holds the fields now is unknown.
            found.retain(|one| code == "CV1003" || one != "CV1003");
            assert_eq!(found, [code], "{path} {to:?}");
        }
    }
}

/// The query of the base, and one whose columns fit but for where they come from.
const QUERY: &str = "\
  SELECT CAST(o.placed_at AS DATE) AS day, o.country AS country, SUM(o.total) AS total
  FROM sales.order AS o
  JOIN sales.customer AS c ON c.customer_id = o.customer_id
  GROUP BY CAST(o.placed_at AS DATE), o.country
";
const ITSELF: &str = "\
  SELECT o.day AS day, o.country AS country, SUM(o.total) AS total
  FROM marts.daily AS o GROUP BY o.day, o.country
";

/// What the whole set of contracts gets wrong: one finding with both places.
#[test]
fn claims_on_one_thing_are_one_finding_with_two_places() {
    let cases: [(&str, &str, &str, &str); 4] = [
        // Two files, one entity.
        ("CV1018", "marts/daily.yaml", "model: marts.daily", "model: sales.order"),
        // An id used twice.
        ("CV3012", "sales/order.yaml", "revision: {id: 8,", "revision: {id: 7,"),
        // Names that only case tells apart.
        ("CV3022", "marts/daily.yaml", "ANALYTICS.MARTS.DAILY", "analytics.Sales.Orders"),
        // A model that reads itself.
        ("CV5001", "marts/daily.yaml", QUERY, ITSELF),
    ];
    for (code, file, from, to) in cases {
        let mut files = common::base();
        let text = files.get_mut(file).unwrap();
        assert_eq!(text.matches(from).count(), 1);
        *text = text.replace(from, to);
        let compiled = compile(SourceSet::new(files));
        let of_code: Vec<_> =
            compiled.diagnostics.iter().filter(|one| one.code.to_string() == code).collect();
        let all: Vec<String> = compiled
            .diagnostics
            .iter()
            .map(|one| format!("{} {}", one.code, one.headline))
            .collect();
        assert_eq!((of_code.len(), all.len()), (1, 1), "{code}: {all:?}");
        assert!(!of_code[0].labels.is_empty(), "{code}: {all:?}");
    }
}

/// Landing is read back for its whole retention: a promise that is transitive counts against every
/// version that is still alive, one that is not only against the latest.
#[test]
fn older_versions_that_are_alive_count_for_transitive_promises() {
    let project = Project::new();
    for (path, text) in common::base() {
        project.write(&format!("older/{path}"), text);
    }
    let currency = "unit: EUR, min: 0}\n  tax";
    project.edit("older/sales/order.yaml", currency, "unit: USD, min: 0}\n  tax");
    let told = ["diff", "--against", "released", "--alive", "older", "--format", "json"];
    assert_eq!(project.run(&told).codes(), [""; 0], "the promise is not transitive");
    for version in ["older", "released", "contracts"] {
        let path = format!("{version}/sales/order.yaml");
        project.edit(&path, "compatibility: full\n", "compatibility: full_transitive\n");
    }
    let ran = project.run(&told);
    assert_eq!(ran.code(), 1, "{}", ran.out());
    let found = ran.findings().into_iter().find(|one| one["code"] == "DCW054").unwrap();
    assert!(found["why"][0].as_str().unwrap().contains("version older"), "{found}");
    assert_eq!(found["labels"][0]["place"]["file"], "older/sales/order.yaml");
    assert_eq!(diff(&project, "released").code(), 0, "the latest version alone has no break");
}
