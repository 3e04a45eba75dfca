//! What a run has to say, as one value: findings about contracts and about changes alike, with their
//! places looked up. Every output format is a function of a [`Report`], and nothing else.
//!
//! ```text
//! Diagnostics + SourceSet ─┐
//! compat::Finding × sides ─┼─> Report ─> human | concise | json | sarif | github | gitlab | junit | markdown
//! Waivers                 ─┘
//! ```
//!
//! Deliberately absent: files, clocks, exit codes. The same run gives the same bytes.

pub mod changes;
pub mod concise;
pub mod contracts;
pub mod github;
pub mod gitlab;
pub mod human;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod mends;
pub mod place;
pub mod sarif;
mod witnesses;
mod words;

use schemars::JsonSchema;
use serde::Serialize;

use crate::diagnostic::{Applicability, Severity};
pub use place::{Place, Side, Sources};

/// Raised when the shape changes in a way that readers notice.
pub const FORMAT: u32 = 2;

/// What a run has to say.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Report {
    /// Version of this shape.
    pub format: u32,
    /// What made it.
    pub tool: Tool,
    /// What was asked.
    pub command: Command,
    /// What the contracts were compared with: `git:v1.2`, `released`, a folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
    /// How many of what.
    pub summary: Summary,
    /// Worst first, then by place.
    pub findings: Vec<Entry>,
    /// Texts of the files that places point into.
    #[serde(skip)]
    pub sources: Sources,
}

/// What made a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tool {
    /// `covenant`
    pub name: String,
    /// `1.2.3`
    pub version: String,
}

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    /// Do the contracts hold together?
    Check,
    /// And are the generated files fresh?
    Build,
    /// Whom does the change break?
    Diff,
    /// Mend what can be mended.
    Fix,
    /// Anything else that found something.
    Other,
}

/// How many findings there are. Waived ones are counted apart and nowhere else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Summary {
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
    /// For the record.
    pub infos: usize,
    /// Accepted under a waiver that is in force.
    pub waived: usize,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Entry {
    /// `CV3005`, `DCW031`: `covenant explain` knows it.
    pub code: String,
    /// The rule in a few words.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// The worst that the rule can mean; less where nobody bound is hurt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Severity>,
    /// `sales.order/fields/status`: what it is about, whatever line that stands on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// One line that makes sense alone.
    pub headline: String,
    /// Where to look first.
    pub place: Place,
    /// What is said beside the carets; may be empty.
    pub at: String,
    /// Other places, in files of both sides.
    pub labels: Vec<Label>,
    /// Who breaks, and where they are declared.
    pub consumers: Vec<Consumer>,
    /// How the change reaches whom it hurts, step by step.
    pub hops: Vec<Label>,
    /// What it takes to bring stored data along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration: Option<Migration>,
    /// A record or a statement that shows the break.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witness: Option<Witness>,
    /// Findings that exist only because of this one.
    pub effects: Vec<Effect>,
    /// Why it is a problem.
    pub why: Vec<String>,
    /// What to do.
    pub help: Vec<String>,
    /// Changes that a program can make.
    pub fixes: Vec<Fix>,
    /// Stays when lines move and files are renamed: what waivers name.
    pub fingerprint: String,
    /// The waiver that accepts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waived: Option<Waived>,
}

/// A second place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Label {
    /// What is there.
    pub text: String,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// Somebody who breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Consumer {
    /// `rust_validator`, `snowflake_table`, `salesforce_mapping`, `model`, `reference`, ...
    pub kind: String,
    /// The kind in words: `the Salesforce mapping`.
    pub words: String,
    /// `Order__c.Status__c`
    pub name: String,
    /// What happens to it.
    pub how: String,
    /// Where it is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// What it takes to bring stored data along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Migration {
    /// `none`, `inplace`, `backfill`, `precheck`, `rebuild` or `impossible`.
    pub class: String,
    /// In words.
    pub words: String,
    /// In order, where they are known.
    pub steps: Vec<Step>,
}

/// A step of a migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// `snowflake`, `duckdb`, `salesforce`, ...
    pub platform: String,
    /// What it does, in words.
    pub what: String,
    /// The very statement, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// Of a whole generated file that is another one: the lines that go (`-`) and those that come (`+`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<String>,
    /// Whether it destroys data.
    pub destructive: bool,
}

/// What shows the break.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Witness {
    /// `a record`, `records in this order`, `a value`, `a row for Salesforce`, `rows that the query reads`, `a statement`.
    pub kind: String,
    /// The record, change sequence or statement.
    pub shown: String,
    /// The records one by one; empty for statements.
    pub rows: Vec<WitnessRow>,
    /// What the old side makes of it.
    pub before: String,
    /// What the new side makes of it.
    pub after: String,
    /// Whether both sides were run.
    pub confirmed: bool,
    /// What must be known to read it: which values are made up in place of personal data.
    pub notes: Vec<String>,
}

/// A record of a witness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WitnessRow {
    /// Who tells what makes the difference.
    pub lead: String,
    /// The rest of the record; may be empty.
    pub beside: String,
}

/// A finding that exists only because of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Effect {
    /// Its code.
    pub code: String,
    /// How bad.
    pub severity: Severity,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// One line.
    pub headline: String,
    /// Names of those who break by it.
    pub breaks: Vec<String>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// A change that a program can make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fix {
    /// What it does.
    pub title: String,
    /// How far it can be trusted.
    pub applicability: Applicability,
    /// All or none.
    pub edits: Vec<Edit>,
}

/// Replaces a range of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Edit {
    /// What goes away; empty for an insertion.
    pub place: Place,
    /// What comes.
    pub text: String,
}

/// The waiver of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Waived {
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for that.
    pub owner: String,
    /// `2027-03-31`: the last day.
    pub expires: String,
}

impl Report {
    /// Sorts and counts.
    pub fn new(
        command: Command,
        against: Option<String>,
        entries: Vec<Entry>,
        sources: Sources,
    ) -> Self {
        let mut findings = entries;
        findings.sort_by(|left, right| order(left).cmp(&order(right)));
        let tool = Tool { name: "covenant".into(), version: env!("CARGO_PKG_VERSION").into() };
        let summary = Summary::of(&findings);
        Self { format: FORMAT, tool, command, against, summary, findings, sources }
    }

    /// Whether any finding that is not waived is at least that bad, or anything that follows from it.
    pub fn fails(&self, from: Severity) -> bool {
        let bad = |one: &&Entry| one.waived.is_none() && one.worst() <= from;
        self.findings.iter().any(|one| bad(&one))
    }

    /// Adds what another report says, its sources too.
    pub fn join(self, other: Report) -> Report {
        let mut sources = self.sources;
        let mut entries = self.findings;
        for mut entry in other.findings {
            entry.each_place(&mut |place| place.file = sources.adopt(&other.sources, place.file));
            entries.push(entry);
        }
        Report::new(self.command, self.against.or(other.against), entries, sources)
    }
}

/// What findings are sorted by: what counts first, then worst first, then by place.
fn order(entry: &Entry) -> (bool, Severity, &str, usize, usize, &str, &str) {
    let place = &entry.place;
    let waived = entry.waived.is_some();
    (
        waived,
        entry.worst(),
        place.path.as_str(),
        place.start,
        place.end,
        entry.code.as_str(),
        entry.headline.as_str(),
    )
}

impl Summary {
    fn of(findings: &[Entry]) -> Self {
        let mut summary = Self::default();
        for entry in findings {
            match (&entry.waived, entry.worst()) {
                (Some(_), _) => summary.waived += 1,
                (None, Severity::Error) => summary.errors += 1,
                (None, Severity::Warning) => summary.warnings += 1,
                (None, Severity::Info) => summary.infos += 1,
            }
        }
        summary
    }

    /// `2 errors, 1 warning, 1 waived`.
    pub fn words(self) -> String {
        let parts = [
            (self.errors, "error", "errors"),
            (self.warnings, "warning", "warnings"),
            (self.infos, "note", "notes"),
            (self.waived, "waived", "waived"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }))
            .collect();
        if parts.is_empty() { "no findings".to_owned() } else { parts.join(", ") }
    }
}

impl Entry {
    /// A finding with nothing but a headline and a place.
    pub fn new(
        code: String,
        title: String,
        severity: Severity,
        headline: String,
        place: Place,
    ) -> Self {
        Self {
            code,
            title,
            severity,
            ceiling: None,
            subject: None,
            headline,
            place,
            at: String::new(),
            labels: Vec::new(),
            consumers: Vec::new(),
            hops: Vec::new(),
            migration: None,
            witness: None,
            effects: Vec::new(),
            why: Vec::new(),
            help: Vec::new(),
            fixes: Vec::new(),
            fingerprint: String::new(),
            waived: None,
        }
    }

    /// The worst of it and what follows from it. (Worse severities sort first.)
    pub fn worst(&self) -> Severity {
        let effects = self.effects.iter().map(|effect| effect.severity);
        effects.fold(self.severity, Severity::min)
    }

    /// Every place in it.
    fn each_place(&mut self, act: &mut dyn FnMut(&mut Place)) {
        act(&mut self.place);
        let labels = self.labels.iter_mut().chain(&mut self.hops);
        labels.filter_map(|label| label.place.as_mut()).for_each(&mut *act);
        self.consumers.iter_mut().filter_map(|one| one.place.as_mut()).for_each(&mut *act);
        self.effects.iter_mut().filter_map(|one| one.place.as_mut()).for_each(&mut *act);
        self.fixes.iter_mut().flat_map(|fix| &mut fix.edits).for_each(|edit| act(&mut edit.place));
    }
}

/// Bytes of a digest that a fingerprint shows: 48 bits, so that ten thousand findings share none.
const FINGERPRINT_BYTES: usize = 6;

/// Twelve hexadecimal digits of what identifies a finding; no line, no path.
pub fn fingerprint(parts: &[&str]) -> String {
    use sha2::{Digest, Sha256};
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    hex::encode(digest.finalize().get(..FINGERPRINT_BYTES).unwrap_or_default())
}
