//! What a rule is, and what it finds.

use covenant_model::spec::Compatibility;
use serde::Serialize;

use super::consumers::Consumer;
use super::{EntityPair, FieldPair, ModelPair, Sides};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Good to know.
    Info,
    /// Look at it.
    Warning,
    /// Somebody breaks: exit 1.
    Error,
}

/// The most that a rule can mean in each direction (reference: the catalogue of breaking rules).
#[derive(Clone, Copy, Debug)]
pub struct Modes {
    /// Can the new artefacts handle old data?
    pub backward: Grade,
    /// Can the old artefacts handle new data?
    pub forward: Grade,
}

impl Modes {
    /// The ceiling under a contract's promise.
    pub fn under(self, promise: Compatibility) -> Grade {
        match promise {
            Compatibility::Backward | Compatibility::BackwardTransitive => self.backward,
            Compatibility::Forward | Compatibility::ForwardTransitive => self.forward,
            Compatibility::Full | Compatibility::FullTransitive => self.backward.max(self.forward),
        }
    }
}

/// What it takes to bring the stored table along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Migration {
    /// Stored data is untouched.
    None,
    /// One ALTER on the live table.
    Inplace,
    /// The table changes in place; old rows must be computed or loaded again.
    Backfill,
    /// In place only if a query proves that all stored values fit.
    Precheck,
    /// New table, copy, swap.
    Rebuild,
    /// Nothing restores what was lost.
    Impossible,
}

/// What a rule looks at.
pub(super) enum Check {
    /// Both sides whole.
    Sides(fn(Sides<'_>, &mut Vec<Finding>)),
    /// Entities of one name.
    Entity(fn(EntityPair<'_>, &mut Vec<Finding>)),
    /// Fields of one id.
    Field(fn(FieldPair<'_>, &mut Vec<Finding>)),
    /// Models of one name.
    Model(fn(ModelPair<'_>, &mut Vec<Finding>)),
    /// What the other rules found.
    Findings(fn(Sides<'_>, &[Finding]) -> Vec<Finding>),
}

/// A rule.
pub struct Rule {
    /// Stable, never reused.
    pub code: &'static str,
    /// `field-removed`
    pub slug: &'static str,
    /// The most it can mean.
    pub modes: Modes,
    /// What it takes to bring stored data along.
    pub migration: Migration,
    /// What `covenant explain` prints: what, why it breaks, how to move.
    pub explain: &'static str,
    pub(super) check: Check,
}

/// What a change means.
#[derive(Clone, Serialize)]
pub struct Finding {
    /// The rule.
    #[serde(serialize_with = "code_of")]
    pub rule: &'static Rule,
    /// How bad.
    pub grade: Grade,
    /// `sales.order/fields/status`: what changed.
    pub subject: String,
    /// Path in the old contracts, where it is there.
    pub old_path: Option<String>,
    /// Path in the new contracts, where it is there.
    pub new_path: Option<String>,
    /// One line.
    pub headline: String,
    /// Who breaks, where.
    pub consumers: Vec<Consumer>,
    /// What to do.
    pub help: String,
}

fn code_of<S: serde::Serializer>(rule: &&'static Rule, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(rule.code)
}

impl Finding {
    /// A finding about something of an entity or a model with this promise. Graded: without a consumer that breaks it is
    /// information.
    pub(super) fn new(
        rule: &'static Rule,
        promise: Compatibility,
        subject: String,
        headline: String,
        consumers: Vec<Consumer>,
        help: String,
    ) -> Self {
        let ceiling = rule.modes.under(promise);
        let grade = if consumers.is_empty() { Grade::Info } else { ceiling };
        Self {
            rule,
            grade,
            old_path: Some(subject.clone()),
            new_path: Some(subject.clone()),
            subject,
            headline,
            consumers,
            help,
        }
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

    /// Stands whoever is bound: personal data, and promises about promises.
    pub(super) fn always(mut self, grade: Grade) -> Self {
        self.grade = grade;
        self
    }
}
