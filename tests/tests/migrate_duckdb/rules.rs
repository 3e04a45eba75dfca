//! Every rule whose migration is `inplace` or `backfill`, by its own cases: old tables with data, the plan's steps and jobs,
//! and then what a fresh build of the new contracts makes of the same changes: shape, rows, views.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ::duckdb::Connection;
use covenant_compiler::compat::cases::{self, Case};
use covenant_compiler::compat::{self, RULES};
use covenant_compiler::migrate::{self, Phase, Step, Target};
use covenant_compiler::plan::Plan;
use covenant_compiler::source::SourceSet;
use covenant_compiler::tree::OutputTree;
use covenant_compiler::{compile, driver};
use covenant_model::change::Change;
use covenant_model::spec::{EntitySpec, SourceSpec};
use covenant_runtime::landing::objects::ObjectLanding;
use covenant_runtime::landing::{Epoch, Landing};
use covenant_runtime::warehouse::duckdb::DuckWarehouse;
use covenant_runtime::warehouse::{ModelRun, Warehouse};

use crate::compare::{count, differing, kept, shape};
use crate::tell::{Speaker, Telling};
use crate::world::{closed, duck, land, open, run};

/// Rules whose cases ask nothing of DuckDB and of no job that could be seen there, and why.
const NOTHING_ON_DUCKDB: &[(&str, &str)] = &[
    (
        "DCW031",
        "its case is a longer text, and DuckDB keeps no lengths; numbers are in `more.case`",
    ),
    ("DCW053", "the language has one format only: no case can raise it"),
    ("DCS105", "publications are PostgreSQL's; the warehouse has what was landed"),
    ("DCS113", "a length: DuckDB keeps none"),
    ("DCS119", "words: DuckDB's tables carry no comments"),
    ("DCM257", "words: DuckDB's tables carry no comments"),
    (
        "DCP303",
        "its case masks, which is Snowflake's work; a class that encrypts is in `more.case`",
    ),
];

pub(crate) fn base() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compiler/tests/breaking/base");
    let prefix = format!("{}/", folder.display());
    let read = driver::read_contracts(&folder).unwrap();
    let name = |path: &str| path.strip_prefix(&prefix).unwrap_or(path).to_owned();
    read.iter().map(|(_, file)| (name(&file.path), file.text.clone())).collect()
}

fn plan(base: &[(String, String)], case: &Case<'_>, new: bool) -> Plan {
    let files = cases::apply(base, case, new).unwrap();
    compile(SourceSet::new(files)).plan.unwrap_or_else(|| panic!("{}", case.title))
}

/// A case, and both sides of it.
pub(crate) struct Trial {
    pub(crate) name: String,
    pub(crate) old: Plan,
    pub(crate) new: Plan,
    steps: Vec<Step>,
    pub(crate) tree: OutputTree,
}

/// Of a rule those cases that raise it, of none all.
pub(crate) fn trials(code: &str, text: &'static str, base: &[(String, String)]) -> Vec<Trial> {
    let mut found = Vec::new();
    for case in cases::parse(text).unwrap() {
        let (old, new) = (plan(base, &case, false), plan(base, &case, true));
        let findings = compat::diff(&old, &new);
        let raised = findings.iter().flat_map(|one| one.all()).any(|one| one.rule.code == code);
        if !raised && !code.is_empty() {
            continue;
        }
        let migration = migrate::migrate(&old, &new, &Target::ALL).unwrap();
        let tree = migrate::tree(&migration, true).unwrap();
        let name = format!("{code} {}", case.title);
        found.push(Trial { name, old, new, steps: migration.steps, tree });
    }
    found
}

#[tokio::test]
async fn every_rule_that_migrates_loses_nothing_and_ends_as_a_fresh_build() {
    let base = base();
    let only = std::env::var("COVENANT_RULE").ok();
    let mut wrong = Vec::new();
    let mut idle = BTreeSet::new();
    let mut ran = 0;
    for rule in RULES {
        let moves =
            matches!(rule.migration, compat::Migration::Inplace | compat::Migration::Backfill);
        if !moves || only.as_deref().is_some_and(|only| only != rule.code) {
            continue;
        }
        let trials = trials(rule.code, rule.cases, &base);
        let seen = |step: &Step| matches!(step.target, Target::Duckdb | Target::Jobs);
        if !trials.iter().any(|trial| trial.steps.iter().any(seen)) {
            idle.insert(rule.code);
        }
        for trial in &trials {
            ran += 1;
            let said = trial.run().await;
            wrong.extend(said.into_iter().map(|what| format!("{}: {what}", trial.name)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    if only.is_none() {
        let listed: BTreeSet<&str> = NOTHING_ON_DUCKDB.iter().map(|(code, _)| *code).collect();
        assert_eq!(idle, listed, "the list is stale");
        assert!(ran > 60, "{ran} cases");
    }
}

#[tokio::test]
async fn what_a_rule_can_mean_besides_loses_nothing_either() {
    let mut wrong = Vec::new();
    for trial in trials("", include_str!("more.case"), &base()) {
        let said = trial.run().await;
        wrong.extend(said.into_iter().map(|what| format!("{}: {what}", trial.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

impl Trial {
    /// What is wrong with it.
    pub(crate) async fn run(&self) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (was, at, fresh) = (path("was.duckdb"), path("migrated.duckdb"), path("fresh.duckdb"));
        let mut wrong = Vec::new();

        let before = self.happened(&self.old, &self.new);
        fill(&self.old, &at, &[before]).await;
        std::fs::copy(&at, &was).unwrap();
        let db = open(&at).await;
        self.asked(&db, &mut wrong);
        let attached = format!("ATTACH '{}' AS was (READ_ONLY)", was.display());
        for phase in ["1-change", "2-schema", "3-after"] {
            if let Err(why) = self.phase(&db, phase) {
                return vec![why];
            }
        }
        db.execute_batch(&attached).unwrap();
        for entity in &self.old.entities {
            if let Some(after) = self.new.successor(entity) {
                kept(&db, entity, after, &mut wrong);
            }
        }
        drop(db);
        closed(&at).await;

        let jobs = self.jobs();
        let mut after = duck(&self.new, &at).await;
        if let Err(why) = after.open(Epoch(2)).await {
            return vec![format!("the runtime refuses the tables: {why}")];
        }
        apply(&mut after, &self.new, &path("jobs"), &jobs).await;
        models(&mut after, &self.new).await;
        drop(after);
        if let Err(why) = self.phase(&open(&at).await, "4-check") {
            wrong.push(why);
        }

        let known = self.happened(&self.new, &self.old);
        fill(&self.new, &fresh, &[known, jobs]).await;
        let db = open(&at).await;
        db.execute_batch(&format!("ATTACH '{}' AS fresh (READ_ONLY)", fresh.display())).unwrap();
        differing(&db, &mut wrong);
        if let Err(why) = self.phase(&db, "5-destructive") {
            wrong.push(why);
        }
        shape(&db, &mut wrong);
        differing(&db, &mut wrong);
        wrong
    }

    pub(crate) fn phase(&self, db: &Connection, phase: &str) -> Result<(), String> {
        let file = format!("duckdb/{phase}.sql");
        if phase != "2-schema" {
            run(db, &self.tree, &file);
            return Ok(());
        }
        // What the new runtime makes when it starts, whether the plan has steps or not.
        let mut tree = OutputTree::default();
        covenant_compiler::emit::duckdb::emit(&self.new, &mut tree).unwrap();
        run(db, &tree, "duckdb/schema.sql");
        Ok(())
    }

    /// Questions that must give 0: the data is valid under both contracts.
    fn asked(&self, db: &Connection, wrong: &mut Vec<String>) {
        let asks = |step: &&Step| step.phase == Phase::Ask && step.target == Target::Duckdb;
        for step in self.steps.iter().filter(asks) {
            let Some(query) = &step.precheck else { continue };
            let found = count(db, query);
            if found != Ok(0) {
                wrong.push(format!("{}: {found:?} by {query}", step.what));
            }
        }
        run(db, &self.tree, "duckdb/0-ask.sql");
    }

    /// What the sources of the old contracts have said, as one side derives it.
    fn happened(&self, side: &Plan, other: &Plan) -> Vec<(String, Vec<Change>)> {
        let pair = |entity: &EntitySpec| {
            let other = other.predecessor(entity).or_else(|| other.successor(entity));
            let known =
                |source: &&String| other.is_some_and(|other| other.sources.contains_key(*source));
            let is_new = std::ptr::eq(side, &self.new);
            let speaker = Speaker { entity, other };
            let sources = entity.sources.keys().filter(|source| !is_new || known(source));
            let changes = sources.flat_map(|source| speaker.told(source, Telling::Happened));
            (entity.name.clone(), changes.collect())
        };
        side.entities.iter().map(pair).collect()
    }

    /// What the jobs of the plan bring, as the runtime derives it by the new contracts.
    fn jobs(&self) -> Vec<(String, Vec<Change>)> {
        let mut found = Vec::new();
        for entity in &self.new.entities {
            let other = self.old.predecessor(entity);
            let speaker = Speaker { entity, other };
            let mut wanted: BTreeMap<(&String, bool), Telling> = BTreeMap::new();
            for step in self.steps.iter().filter(|step| step.target == Target::Jobs) {
                if step.subject.split('/').next() != Some(entity.name.as_str()) {
                    continue;
                }
                for (source, spec) in &entity.sources {
                    if let Some(telling) = telling(step, spec) {
                        wanted.insert((source, telling == Telling::Again), telling);
                    }
                }
            }
            let changes: Vec<Change> = wanted
                .into_iter()
                .flat_map(|((source, _), telling)| speaker.told(source, telling))
                .collect();
            if !changes.is_empty() {
                found.push((entity.name.clone(), changes));
            }
        }
        found
    }
}

/// How a job brings what a source says; none: it does not.
fn telling(step: &Step, source: &SourceSpec) -> Option<Telling> {
    if step.statements.iter().any(|command| command.contains("--rederive")) {
        return Some(Telling::Again);
    }
    let (word, telling) = match source {
        SourceSpec::Postgres { system, .. } => (format!("backfill.{system} "), Telling::Read),
        SourceSpec::Stream { stream, .. } => (format!("events of {stream} "), Telling::Again),
        SourceSpec::Salesforce { object, .. } => (format!("poll {object} "), Telling::Read),
    };
    let table = matches!(source, SourceSpec::Postgres { .. });
    let compared = table && step.what.starts_with("compare with the sources");
    (step.what.contains(&word) || compared).then_some(telling)
}

/// One commit for each set of changes of each entity.
pub(crate) async fn fill(plan: &Plan, path: &Path, sets: &[Vec<(String, Vec<Change>)>]) {
    let mut warehouse = duck(plan, path).await;
    warehouse.open(Epoch(1)).await.unwrap();
    let landing = path.with_extension("landing");
    for set in sets {
        apply(&mut warehouse, plan, &landing, set).await;
    }
    models(&mut warehouse, plan).await;
    drop(warehouse);
    closed(path).await;
}

async fn apply(
    warehouse: &mut DuckWarehouse,
    plan: &Plan,
    landing: &Path,
    changes: &[(String, Vec<Change>)],
) {
    let landing = ObjectLanding::local(landing).unwrap();
    for (name, changes) in changes {
        let entity = plan.entity(name).unwrap();
        if entity.warehouse.is_none() {
            continue;
        }
        // A migrated warehouse has applied commits of an earlier landing.
        let applied = warehouse.applied().await.unwrap();
        while landing.newest().await.unwrap().map_or(0, |commit| commit.number.0) < applied.0 {
            land(&landing, entity, &[]).await;
        }
        let commit = land(&landing, entity, changes).await;
        warehouse.apply(&landing, &[commit]).await.unwrap();
    }
}

/// As the runtime does: a model runs when its last run has not seen what is applied.
async fn models(warehouse: &mut DuckWarehouse, plan: &Plan) {
    let applied = warehouse.applied().await.unwrap();
    let cycles = warehouse.cycles().await.unwrap();
    let number = cycles.values().map(|cycle| cycle.number).max().unwrap_or(0) + 1;
    for model in &plan.models {
        if cycles.get(&model.name).is_none_or(|cycle| cycle.commit < applied) {
            warehouse.run_model(model, ModelRun::whole(number, 0)).await.unwrap();
        }
    }
}
