//! What a rule is: a row of the table.

use covenant_model::spec::Compatibility;
use serde::Serialize;

use super::cases;
use super::consumers::ConsumerKind;
use super::finding::Finding;
use super::sides::{DatasetPair, EntityPair, FieldPair, ModelPair, Sides};
use crate::diagnostic::Explain;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Modes {
    /// Can the new artefacts handle old data?
    pub backward: Grade,
    /// Can the old artefacts handle new data?
    pub forward: Grade,
}

impl Modes {
    /// Good to know in both directions.
    pub const INFO: Self = Self { backward: Grade::Info, forward: Grade::Info };
    /// Worth a look in both directions.
    pub const LOOK: Self = Self { backward: Grade::Warning, forward: Grade::Warning };
    /// An error in both directions.
    pub const BOTH: Self = Self { backward: Grade::Error, forward: Grade::Error };
    /// The new side cannot handle what the old one left behind.
    pub const BACKWARD: Self = Self { backward: Grade::Error, forward: Grade::Info };
    /// The old side cannot handle what the new one makes.
    pub const FORWARD: Self = Self { backward: Grade::Info, forward: Grade::Error };

    /// Worth a look for whoever still has the old side.
    pub const FORWARD_LOOK: Self = Self { backward: Grade::Info, forward: Grade::Warning };

    /// The ceiling under a contract's promise.
    pub fn under(self, promise: Compatibility) -> Grade {
        match promise {
            Compatibility::Backward | Compatibility::BackwardTransitive => self.backward,
            Compatibility::Forward | Compatibility::ForwardTransitive => self.forward,
            Compatibility::Full | Compatibility::FullTransitive => self.backward.max(self.forward),
        }
    }

    /// The same with the sides swapped.
    pub fn mirrored(self) -> Self {
        Self { backward: self.forward, forward: self.backward }
    }
}

/// What it takes to bring the stored table along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Migration {
    /// Stored data is untouched.
    None,
    /// One ALTER on the live table.
    Inplace,
    /// In place only if a query proves that all stored values fit.
    Precheck,
    /// The table changes in place; old rows must be computed or loaded again.
    Backfill,
    /// New table, copy, swap.
    Rebuild,
    /// Nothing restores what was lost.
    Impossible,
}

/// What a change of this kind does to the set of things that are accepted or promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Less is accepted, or more is promised.
    Tightens,
    /// More is accepted, or less is promised.
    Loosens,
    /// Something else is meant.
    Changes,
    /// Nothing that data could show.
    Neutral,
}

/// The rule that the same change backwards raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mirror {
    /// Itself.
    Own,
    /// Another one, with the modes swapped.
    Rule(&'static str),
    /// Another one, whose modes are not the swapped ones, and why.
    Uneven(&'static str, &'static str),
    /// None, and why.
    None(&'static str),
}

/// What can show that a finding is real.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WitnessKind {
    /// A record that one side accepts and the other rejects, or reads differently.
    Record,
    /// A sequence of changes that the two sides fold to different rows.
    Sequence,
    /// A value that a column of one side holds and the same column of the other side does not.
    Limit,
    /// Rows of which one side delivers to Salesforce what the other does not.
    Delivery,
    /// Rows for which two queries give different answers.
    Query,
    /// A statement that runs on the tables of one side only.
    Statement,
    /// Nothing that runs, and why.
    None(&'static str),
}

/// What a rule looks at.
pub(super) enum Check {
    /// Both sides whole.
    Sides(fn(Sides<'_>, &mut Vec<Finding>)),
    /// What entities and models have in common, for those of one name.
    Dataset(fn(DatasetPair<'_>, &mut Vec<Finding>)),
    /// Entities of one name.
    Entity(fn(EntityPair<'_>, &mut Vec<Finding>)),
    /// Fields of one id.
    Field(fn(FieldPair<'_>, &mut Vec<Finding>)),
    /// Models of one name.
    Model(fn(ModelPair<'_>, &mut Vec<Finding>)),
    /// What the other rules found.
    Findings(fn(Sides<'_>, &[Finding]) -> Vec<Finding>),
    /// Raised elsewhere: by the comparison itself, or by what waives findings.
    Engine,
}

/// A rule.
pub struct Rule {
    /// Stable, never reused.
    pub code: &'static str,
    /// `field-removed`
    pub slug: &'static str,
    /// What a change of this kind does.
    pub direction: Direction,
    /// What the same change backwards raises.
    pub mirror: Mirror,
    /// The most it can mean.
    pub modes: Modes,
    /// Kinds of consumers that it can break.
    pub consumers: &'static [ConsumerKind],
    /// What it takes to bring stored data along.
    pub migration: Migration,
    /// What can prove it.
    pub witness: WitnessKind,
    /// What raises it, in a sentence.
    pub what: &'static str,
    /// Who is hurt, and how.
    pub why: &'static str,
    /// What to do about it.
    pub how: &'static str,
    /// Changes that raise it and changes that do not: see [`cases`].
    pub cases: &'static str,
    pub(super) check: Check,
}

impl Rule {
    /// What `covenant explain` shows: the examples are the first breaking and the first harmless
    /// case that the tests run.
    pub fn explain(&self) -> Explain {
        let (broken, mended) = cases::examples(self.cases);
        Explain { what: self.what, why: self.why, how: self.how, broken, mended }
    }

    /// Personal data: in every mode, whoever is bound.
    pub fn is_personal(&self) -> bool {
        self.code.starts_with("DCP")
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.code, self.slug)
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl Eq for Rule {}
