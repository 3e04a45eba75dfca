//! From old contracts to new ones with data in the tables: numbered steps per system, in the order in which they run.
//!
//! Nothing is lost by a step that is not marked destructive: removed columns are copied aside, columns whose old values
//! mean nothing in the new type are renamed aside, tables whose key changed are renamed aside. What was set aside is
//! removed by destructive steps, which stand in files of their own and only when they were asked for.
//!
//! Columns are matched by their field ids, as landing files are: a rename is a rename. Merge groups that split or change
//! their rule get guards that stand for the version or the value that is stored, so that a late change is refused or
//! taken exactly as before.

mod ask;
mod attach;
mod check;
mod columns;
mod deliver;
mod entity;
mod governed;
mod guards;
mod jobs;
mod merges;
mod model;
mod pairs;
mod postgres;
mod render;
mod salesforce;
mod views;

use serde::Serialize;

use self::pairs::Pairs;
use crate::emit::EmitError;
use crate::emit::sql::Dialect;
use crate::plan::Plan;

pub use attach::attach;
pub use render::{json, markdown, tree};

/// A system whose data or metadata is brought along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Publications and roles of source databases.
    Postgres,
    /// Fields and objects of the org.
    Salesforce,
    /// The embedded warehouse.
    Duckdb,
    /// The warehouse.
    Snowflake,
    /// Backfills of the manifest.
    Jobs,
}

impl Target {
    /// Every target, in the order in which a release touches them.
    pub const ALL: [Self; 5] =
        [Self::Postgres, Self::Salesforce, Self::Duckdb, Self::Snowflake, Self::Jobs];

    /// Folder and word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Salesforce => "salesforce",
            Self::Duckdb => "duckdb",
            Self::Snowflake => "snowflake",
            Self::Jobs => "jobs",
        }
    }
}

/// When a step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before anything changes, on the old tables: questions, each of which must give 0.
    Ask,
    /// With the runtime stopped, before the new one starts.
    Change,
    /// Once the new tables and views are there.
    After,
    /// Once the jobs have ended, on the new tables: questions, each of which must give 0.
    Check,
    /// When nobody needs what was set aside any more.
    Destructive,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// From 1, over the whole migration.
    pub number: usize,
    /// Where.
    pub target: Target,
    /// When.
    pub phase: Phase,
    /// The breaking rule that says why.
    pub code: &'static str,
    /// `sales.order/fields/total`: what changed.
    pub subject: String,
    /// Other places of the contracts that it serves: findings about them show it.
    #[serde(skip)]
    pub because: Vec<String>,
    /// What the step does.
    pub what: String,
    /// A query that must give 0 before the step may run.
    pub precheck: Option<String>,
    /// What runs, without semicolons.
    pub statements: Vec<String>,
    /// How to take it back; none: it cannot be.
    pub undo: Option<String>,
    /// What of a whole file that runs again is new: what findings show in its stead. None: they show the statements.
    #[serde(skip)]
    pub difference: Option<Difference>,
}

/// What a file that runs again says otherwise than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What runs: `run postgres/store/role.sql`.
    pub what: String,
    /// Contract that it is about, empty where it is about none, and `+` or `-` before what comes or goes.
    pub lines: Vec<(String, String)>,
}

impl Step {
    fn new(target: Target, phase: Phase, code: &'static str, subject: &str, what: String) -> Self {
        let subject = subject.to_owned();
        Self {
            number: 0,
            target,
            phase,
            code,
            subject,
            because: Vec::new(),
            what,
            precheck: None,
            statements: Vec::new(),
            undo: None,
            difference: None,
        }
    }

    fn because(mut self, places: impl IntoIterator<Item = String>) -> Self {
        self.because.extend(places);
        self
    }

    fn sql(mut self, statement: impl Into<String>) -> Self {
        self.statements.push(statement.into());
        self
    }

    fn undo(mut self, how: impl Into<String>) -> Self {
        self.undo = Some(how.into());
        self
    }
}

/// The way from one set of contracts to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Migration {
    /// In order.
    pub steps: Vec<Step>,
    /// The new tables and views: what DuckDB and Snowflake run between the phases. Path in the output, text.
    #[serde(skip)]
    schemas: Vec<(Target, String, String)>,
}

/// Everything that the change from `old` to `new` asks of the chosen targets.
///
/// # Errors
/// Where a target cannot express the contracts.
pub fn migrate(old: &Plan, new: &Plan, targets: &[Target]) -> Result<Migration, EmitError> {
    let steps = steps(old, new, targets)?;
    let schemas = render::schemas(new, &steps)?;
    Ok(Migration { steps, schemas })
}

/// The numbered steps without the new tables, which take most of the time to write.
///
/// # Errors
/// Where a target cannot express the contracts.
pub fn steps(old: &Plan, new: &Plan, targets: &[Target]) -> Result<Vec<Step>, EmitError> {
    let mut steps = Vec::new();
    let pairs = Pairs::new(old, new);
    for target in Target::ALL.into_iter().filter(|target| targets.contains(target)) {
        let mut found = match target {
            Target::Postgres => postgres::steps(old, new, &pairs)?,
            Target::Salesforce => salesforce::steps(old, new)?,
            Target::Duckdb => warehouse(old, new, &pairs, Dialect::DuckDb),
            Target::Snowflake => warehouse(old, new, &pairs, Dialect::Snowflake),
            Target::Jobs => jobs::steps(&pairs),
        };
        found.sort_by_key(|step| step.phase);
        steps.extend(found);
    }
    for (number, step) in (1..).zip(&mut steps) {
        step.number = number;
    }
    Ok(steps)
}

fn warehouse(old: &Plan, new: &Plan, pairs: &Pairs<'_>, dialect: Dialect) -> Vec<Step> {
    let mut steps = Vec::new();
    for (before, after) in &pairs.changed {
        steps.extend(ask::steps(before, after, dialect));
        steps.extend(entity::changed(before, after, dialect));
        steps.extend(check::steps(Some(before), after, dialect));
    }
    for before in &pairs.removed {
        steps.extend(entity::removed(before, dialect));
    }
    for after in &pairs.added {
        steps.extend(entity::added(after, dialect));
        steps.extend(check::steps(None, after, dialect));
    }
    let models = model::steps(old, new, dialect, &steps);
    steps.extend(models);
    steps
}

fn target_of(dialect: Dialect) -> Target {
    match dialect {
        Dialect::DuckDb => Target::Duckdb,
        Dialect::Snowflake => Target::Snowflake,
    }
}

/// `1.2.0` as part of a name: `1_2_0`.
fn suffix(version: &str) -> String {
    crate::emit::sql::slug(version)
}
