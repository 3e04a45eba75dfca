//! What a rule finds.

use covenant_model::spec::Compatibility;
use serde::Serialize;

use super::consumers::Consumer;
use super::rule::{Grade, Migration, Rule, WitnessKind};
use super::sides::Side;

/// A step of the way from the change to whom it hurts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Hop {
    /// In which contracts the path stands.
    pub side: Side,
    /// `analytics.daily_sales/fields/revenue`, to be looked up among the spans.
    pub path: String,
    /// What happens there.
    pub note: String,
}

/// A system that has to be brought along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Platform {
    Rust,
    Snowflake,
    Duckdb,
    Postgres,
    Salesforce,
    Stream,
    /// A job of the manifest.
    Manifest,
}

/// One step of bringing stored data along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MigrationStep {
    /// Where.
    pub platform: Platform,
    /// What it does, in words.
    pub what: String,
    /// The very statement, where there is one.
    pub sql: Option<String>,
    /// Of a whole file that is another one: the lines that go (`-`) and those that come (`+`).
    pub difference: Option<String>,
    /// Whether something is gone afterwards.
    pub destructive: bool,
}

/// What one side makes of a witness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// It is valid; `state` is what it folds to.
    Accepted {
        /// The row, by field name.
        state: serde_json::Value,
    },
    /// It is refused.
    Rejected {
        /// Every reason, field first.
        reasons: Vec<String>,
    },
    /// A query gives these rows.
    Gives {
        /// Each by column.
        rows: Vec<serde_json::Value>,
        /// What is wrong with them, where anything is.
        but: Option<String>,
    },
    /// A statement runs.
    Runs,
    /// A statement fails.
    Fails {
        /// What the platform says.
        message: String,
    },
}

/// Something concrete that shows the break. Made up from the contracts, never from anybody's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Witness {
    /// What it is.
    pub kind: WitnessKind,
    /// The source that tells it, for records and sequences.
    pub source: Option<String>,
    /// One record, or changes in the order in which they arrive; the rows that a query reads.
    pub changes: Vec<serde_json::Value>,
    /// Whether it is only the part of a record that the finding is about: other changes let no whole record pass on both sides.
    pub part: bool,
    /// Members of the records that make the difference; empty where all of it does.
    pub decisive: Vec<String>,
    /// Members of the records that hold personal data: their values are made up by type.
    pub personal: Vec<String>,
    /// The statement or query.
    pub sql: Option<String>,
    /// What the old side makes of it.
    pub old: Outcome,
    /// What the new side makes of it.
    pub new: Outcome,
    /// Whether both sides were run.
    pub confirmed: bool,
}

/// How a finding could be mended, by paths: whoever knows the files makes text edits of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mend {
    /// As an order: `keep the id under reserved`.
    pub title: String,
    /// A path of the new contracts.
    pub path: String,
    /// What happens there.
    pub edit: MendEdit,
    /// Whether the contract then certainly means what it was meant to mean.
    pub safe: bool,
}

/// What a mend does at its path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MendEdit {
    /// The value becomes this text.
    Replace(String),
    /// The map at the path gets this entry: `nullable: true`.
    AddEntry(String),
    /// The list at the path, which may not be there yet, gets this item.
    AddItem(String),
}

/// What a change means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule.
    #[serde(serialize_with = "code_of")]
    pub rule: &'static Rule,
    /// How bad, for those who are bound.
    pub grade: Grade,
    /// The most it could be under the contract's promise.
    pub ceiling: Grade,
    /// `sales.order/fields/status`: what changed.
    pub subject: String,
    /// Path in the old contracts, where it is there.
    pub old_path: Option<String>,
    /// Path in the new contracts, where it is there.
    pub new_path: Option<String>,
    /// The older version that it was found against; none: the latest.
    pub against: Option<String>,
    /// One line.
    pub headline: String,
    /// Who breaks, where.
    pub consumers: Vec<Consumer>,
    /// How the change reaches whom it hurts: lineage, or the way of personal data.
    pub why: Vec<Hop>,
    /// What it takes to bring stored data along.
    pub migration: Migration,
    /// How exactly, in order.
    pub steps: Vec<MigrationStep>,
    /// Proof.
    pub witness: Option<Witness>,
    /// Findings that exist only because of this one.
    pub effects: Vec<Finding>,
    /// The leaves of the contracts whose change this explains; a leaf stands for all below it.
    pub claims: Vec<String>,
    /// Leaves elsewhere that change because of it: findings about them hang under this one.
    pub(super) cascades: Vec<String>,
    /// A leaf whose finding caused this one.
    pub(super) cause: Option<String>,
    /// Stays when lines move and files are renamed: what waivers name.
    pub fingerprint: String,
    /// What to do.
    pub help: String,
    /// What a program could do.
    pub mends: Vec<Mend>,
}

fn code_of<S: serde::Serializer>(rule: &&'static Rule, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(rule.code)
}

impl Finding {
    /// A finding about something of a contract with this promise. Its grade is the worst that any
    /// of its consumers suffers, and no more than the rule's ceiling: without a consumer that
    /// breaks it is information.
    pub(super) fn new(
        rule: &'static Rule,
        promise: Compatibility,
        subject: String,
        headline: String,
        consumers: Vec<Consumer>,
        help: impl Into<String>,
    ) -> Self {
        let ceiling = rule.modes.under(promise);
        let suffered = consumers.iter().map(|one| one.suffers).max().unwrap_or(Grade::Info);
        let finding = Self {
            rule,
            grade: ceiling.min(suffered),
            ceiling,
            old_path: Some(subject.clone()),
            new_path: Some(subject.clone()),
            subject,
            against: None,
            headline,
            consumers: Vec::new(),
            why: Vec::new(),
            migration: rule.migration,
            steps: Vec::new(),
            witness: None,
            effects: Vec::new(),
            claims: Vec::new(),
            cascades: Vec::new(),
            cause: None,
            fingerprint: String::new(),
            help: help.into(),
            mends: Vec::new(),
        };
        let personal = rule.is_personal();
        let finding = Self { consumers, ..finding };
        if personal { finding.always(rule.modes.backward.max(rule.modes.forward)) } else { finding }
    }

    /// The old side has another path.
    pub(super) fn old_at(mut self, path: Option<String>) -> Self {
        self.old_path = path;
        self
    }

    /// The new side has another path.
    pub(super) fn new_at(mut self, path: Option<String>) -> Self {
        self.new_path = path;
        self
    }

    /// Explains these leaves.
    pub(super) fn claiming(mut self, leaves: impl IntoIterator<Item = String>) -> Self {
        self.claims.extend(leaves);
        self
    }

    /// Explains this leaf and nothing else.
    pub(super) fn explaining(mut self, leaf: String) -> Self {
        self.claims = vec![leaf];
        self
    }

    /// Findings about these leaves are effects of this one.
    pub(super) fn cascading(mut self, leaves: impl IntoIterator<Item = String>) -> Self {
        self.cascades.extend(leaves);
        self
    }

    /// Hangs under the finding that claims this leaf.
    pub(super) fn because_of(mut self, leaf: String) -> Self {
        self.cause = Some(leaf);
        self
    }

    /// The way to whom it hurts.
    pub(super) fn via(mut self, hops: Vec<Hop>) -> Self {
        self.why.extend(hops);
        self
    }

    /// What a program could do.
    pub(super) fn mend(mut self, mend: Mend) -> Self {
        self.mends.push(mend);
        self
    }

    /// Here nothing that is stored has to follow.
    pub(super) fn untouched(mut self, here: bool) -> Self {
        if here {
            self.migration = Migration::None;
        }
        self
    }

    /// Stands whoever is bound: personal data, and promises about promises.
    pub(super) fn always(mut self, grade: Grade) -> Self {
        self.grade = grade;
        self.ceiling = self.ceiling.max(grade);
        self
    }

    /// The worst of this finding and its effects.
    pub fn worst(&self) -> Grade {
        self.effects.iter().map(Self::worst).max().map_or(self.grade, |worst| worst.max(self.grade))
    }

    /// This finding and every effect below it.
    pub fn all(&self) -> Vec<&Finding> {
        let mut all = vec![self];
        all.extend(self.effects.iter().flat_map(Self::all));
        all
    }
}
