//! Every output format of one report: a snapshot each, and what reads the format accepts it.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

mod common;

use std::path::{Path, PathBuf};

use covenant_compiler::compat;
use covenant_compiler::compile;
use covenant_compiler::diagnostic::{Applicability, Severity};
use covenant_compiler::report::{
    Command, Consumer, Edit, Effect, Entry, Fix, Label, Migration, Place, Report, Side, Sources,
    Step, Waived, Witness, WitnessRow, changes, concise, fingerprint, github, gitlab, human, json,
    junit, markdown, sarif,
};
use covenant_compiler::source::{SourceSet, Span};

const OLD: &str = "entity: sales.order\nfields:\n  status:\n    type: string(40)\n";
const NEW: &str = "entity: sales.order\nfields:\n  status:\n    type: string(20)\n";
const MODEL: &str = "model: marts.daily\nquery: SELECT o.status FROM sales.order AS o\n";

/// Two versions, and the place of a text in one of their files.
struct Files {
    kept: Sources,
}

impl Files {
    fn at(&mut self, side: Side, path: &str, text: &str, marked: &str) -> Place {
        let set = SourceSet::new([(path.to_owned(), text.to_owned())]);
        let start = text.find(marked).unwrap();
        let (file, _) = set.iter().next().unwrap();
        self.kept.place(side, &set, Span { file, start, end: start + marked.len() })
    }
}

/// A finding with everything that a finding can have.
fn whole(files: &mut Files) -> Entry {
    let now = files.at(Side::New, "contracts/order.yaml", NEW, "string(20)");
    let before = files.at(Side::Old, "HEAD~1:contracts/order.yaml", OLD, "string(40)");
    let query = files.at(Side::New, "contracts/daily.yaml", MODEL, "SELECT");
    let column = files.at(Side::New, "contracts/daily.yaml", MODEL, "o.status");
    let headline = "field `status` of sales.order was shortened from 40 to 20 characters";
    let (code, title) = ("DCW032".to_owned(), "type narrowed".to_owned());
    let mut entry = Entry::new(code, title, Severity::Error, headline.to_owned(), now.clone());
    entry.at = "now".to_owned();
    entry.ceiling = Some(Severity::Error);
    entry.subject = Some("sales.order/fields/status".to_owned());
    entry.labels = vec![Label { text: "before".into(), place: Some(before) }];
    entry.consumers = vec![
        Consumer {
            kind: "model".into(),
            words: "the model".into(),
            name: "marts.daily".into(),
            how: "reads it".into(),
            place: Some(query),
        },
        Consumer {
            kind: "snowflake_table".into(),
            words: "the Snowflake table".into(),
            name: "ANALYTICS.SALES.ORDERS.STATUS".into(),
            how: "holds longer values".into(),
            place: None,
        },
    ];
    entry.hops = vec![Label { text: "shown as `status` <raw>".into(), place: Some(column) }];
    entry.migration = Some(Migration {
        class: "precheck".into(),
        words: "in place only if a query proves that all values fit".into(),
        steps: vec![Step {
            platform: "snowflake".into(),
            what: "shorten the column".into(),
            difference: None,
            statement: Some(
                "ALTER TABLE ORDERS ALTER COLUMN STATUS SET DATA TYPE VARCHAR(20)".into(),
            ),
            destructive: true,
        }],
    });
    entry.witness = Some(Witness {
        kind: "a record".into(),
        shown: "store tells status: \"aaaaaaaaaaaaaaaaaaaaa\"\n  beside it mail: \"w@x.invalid\" (made up)".into(),
        rows: vec![WitnessRow {
            lead: "store tells status: \"aaaaaaaaaaaaaaaaaaaaa\"".into(),
            beside: "mail: \"w@x.invalid\" (made up)".into(),
        }],
        before: "accepts it".into(),
        after: "refuses it: status: expected at most 20 characters".into(),
        confirmed: true,
        notes: vec!["personal data, made up by type and nobody's: mail".into()],
    });
    entry.effects = vec![Effect {
        code: "DCM253".into(),
        severity: Severity::Error,
        breaks: vec!["marts.daily".into()],
        subject: Some("sales.order/version".into()),
        headline: "sales.order breaks its consumers and stays at version 1.0.0".into(),
        place: None,
    }];
    entry.help = vec!["narrow when nothing breaks the new limit any more".into()];
    entry.fixes = vec![Fix {
        title: "keep 40 characters".into(),
        applicability: Applicability::Unsafe,
        edits: vec![Edit { place: now, text: "string(40)".into() }],
    }];
    entry.fingerprint = fingerprint(&["DCW032", "sales.order/fields/status"]);
    entry
}

fn report() -> Report {
    let mut files = Files { kept: Sources::default() };
    let whole = whole(&mut files);
    let name = files.at(Side::New, "contracts/order.yaml", NEW, "sales.order");
    let gone = files.at(Side::Old, "HEAD~1:contracts/order.yaml", OLD, "status");
    let entry = |code: &str, severity, headline: &str, place: &Place| {
        let title = "a title, with: signs".to_owned();
        let mut entry = Entry::new(code.into(), title, severity, headline.into(), place.clone());
        entry.fingerprint = fingerprint(&[code, headline]);
        entry
    };
    let mut waived =
        entry("DCW010", Severity::Error, "field `channel` of sales.order was removed", &gone);
    waived.ceiling = Some(Severity::Error);
    waived.waived = Some(Waived {
        reason: "nobody reads it any more".into(),
        owner: "orders@shop.example".into(),
        expires: "2027-03-31".into(),
    });
    let mut warning =
        entry("CV3035", Severity::Warning, "sales.order goes nowhere | at \"all\"", &name);
    warning.why = vec!["it would be captured & landed <for nobody>".into()];
    let info = entry("DCW003", Severity::Info, "field `tax` of sales.order is new", &name);
    let entries = vec![info, waived, warning, whole];
    Report::new(Command::Diff, Some("git:HEAD~1".to_owned()), entries, files.kept)
}

#[test]
fn every_format_reads_well() {
    let report = report();
    insta::assert_snapshot!("human", human::render(&report, Severity::Info, false));
    insta::assert_snapshot!("concise", concise::render(&report, Severity::Info));
    insta::assert_snapshot!("json", json::render(&report).unwrap());
    insta::assert_snapshot!("sarif", sarif::render(&report).unwrap());
    insta::assert_snapshot!("github", github::render(&report, Severity::Info));
    insta::assert_snapshot!("gitlab", gitlab::render(&report).unwrap());
    insta::assert_snapshot!("junit", junit::render(&report, Some(Severity::Error)));
    insta::assert_snapshot!("markdown", markdown::render(&report, Severity::Info));
}

#[test]
fn what_counts_comes_first_and_waived_findings_last() {
    let report = report();
    let codes: Vec<&str> = report.findings.iter().map(|entry| entry.code.as_str()).collect();
    assert_eq!(codes, ["DCW032", "CV3035", "DCW003", "DCW010"]);
    assert_eq!(report.summary.words(), "1 error, 1 warning, 1 note, 1 waived");
    assert!(report.fails(Severity::Error));
    let mut mended = report;
    mended.findings.retain(|entry| entry.code != "DCW032");
    assert!(!mended.fails(Severity::Error) && mended.fails(Severity::Warning));
}

#[test]
fn people_are_shown_the_milder_findings_on_demand() {
    let report = report();
    for text in [
        human::render(&report, Severity::Warning, false),
        concise::render(&report, Severity::Warning),
        github::render(&report, Severity::Warning),
        markdown::render(&report, Severity::Warning),
    ] {
        assert!(text.contains("CV3035") && !text.contains("DCW003"), "{text}");
    }
}

#[test]
fn the_order_of_finding_does_not_matter() {
    let first = report();
    let mut entries = first.findings.clone();
    entries.reverse();
    let second = Report::new(Command::Diff, first.against.clone(), entries, first.sources.clone());
    assert_eq!(json::render(&first).unwrap(), json::render(&second).unwrap());
    assert_eq!(sarif::render(&first).unwrap(), sarif::render(&second).unwrap());
}

fn errors(schema: &serde_json::Value, document: &str) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).unwrap();
    let document: serde_json::Value = serde_json::from_str(document).unwrap();
    validator.iter_errors(&document).map(|error| error.to_string()).collect()
}

#[test]
fn json_is_what_its_published_schema_says() {
    let schema = json::schema();
    common::fresh("docs/report.schema.json", &format!("{schema:#}\n"));
    let text = json::render(&report()).unwrap();
    assert_eq!(errors(&schema, &text), [""; 0]);
    let empty = Report::new(Command::Check, None, Vec::new(), Sources::default());
    assert_eq!(errors(&schema, &json::render(&empty).unwrap()), [""; 0]);
    // The schema says something: a document without its findings is none.
    assert!(!errors(&schema, &text.replace("\"findings\"", "\"funde\"")).is_empty());
}

/// `make setup` fetches it from a package; it is not ours to commit.
fn sarif_schema() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let shared = std::env::var_os("COVENANT_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| root.join("../shared"));
    let places = [root.join(".deps/sarif/sarif-2.1.0.json"), shared.join("sarif/sarif-2.1.0.json")];
    places.into_iter().find(|path| path.is_file())
}

#[test]
fn sarif_is_what_its_official_schema_says() {
    let Some(path) = sarif_schema() else {
        eprintln!("skipped: no .deps/sarif/sarif-2.1.0.json; `make setup` fetches it");
        return;
    };
    // One pattern of it has a bracket too many, which only lenient readers of patterns take.
    let schema = std::fs::read_to_string(path).unwrap().replace("{2}]?$", "{2}\\\\]?$");
    let schema = serde_json::from_str(&schema).unwrap();
    let text = sarif::render(&report()).unwrap();
    assert_eq!(errors(&schema, &text), [""; 0]);
    let empty = Report::new(Command::Check, None, Vec::new(), Sources::default());
    assert_eq!(errors(&schema, &sarif::render(&empty).unwrap()), [""; 0]);
    assert!(!errors(&schema, &text.replace("\"results\"", "\"funde\"")).is_empty());
}

#[test]
fn junit_is_xml_whatever_the_texts_hold() {
    let mut report = report();
    report.findings[0].headline = "a < b && \"c\" \u{1} > d\n'e'".to_owned();
    let text = junit::render(&report, Some(Severity::Error));
    let document = roxmltree::Document::parse(&text).unwrap();
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase")).count();
    let failures = document.descendants().filter(|node| node.has_tag_name("failure")).count();
    assert_eq!((cases, failures), (4, 1));
    let empty = Report::new(Command::Check, None, Vec::new(), Sources::default());
    let text = junit::render(&empty, None);
    assert!(roxmltree::Document::parse(&text).is_ok() && text.contains("tests=\"1\""));
}

#[test]
fn a_comment_is_never_too_long() {
    let one = report();
    let many: Vec<Entry> = (0..2000).map(|_| one.findings[0].clone()).collect();
    let many = Report::new(Command::Diff, None, many, one.sources.clone());
    let text = markdown::render(&many, Severity::Info);
    assert!(text.len() < 65_536 && text.contains("more"), "{}", text.len());
}

/// The subject of a changed type is the field; what was edited is a line inside it.
#[test]
fn the_primary_place_is_the_edited_line() {
    let old = common::base();
    let mut new = old.clone();
    let order = new.get_mut("sales/order.yaml").unwrap();
    // A line more in front, so that a finding by line number would be wrong.
    *order = order
        .replace("entity: sales.order", "# A comment.\nentity: sales.order")
        .replace(
            "placed, paid, shipped, cancelled]\n    from",
            "placed, paid, cancelled]\n    from",
        )
        .replace("paid: [shipped, cancelled]", "paid: [cancelled]");
    let (old, new) = (compile(SourceSet::new(old)), compile(SourceSet::new(new)));
    let found = compat::diff(old.plan.as_ref().unwrap(), new.plan.as_ref().unwrap());
    let report = changes::report(&found, &old, &new, "released");
    let removed = report.findings.iter().find(|entry| entry.code == "DCW040").unwrap();
    let line = report.sources.line(&removed.place);
    assert!(line.contains("type: enum [placed, paid, cancelled]"), "{line}");
    assert_eq!(removed.place.side, Side::New);
}

#[test]
fn comparing_a_version_with_itself_says_nothing() {
    let same = compile(SourceSet::new(common::base()));
    let plan = same.plan.as_ref().unwrap();
    let report = changes::report(&compat::diff(plan, plan), &same, &same, "released");
    assert!(report.findings.is_empty());
    assert_eq!(report.summary.words(), "no findings");
}
