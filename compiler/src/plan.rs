//! The plan: what checked contracts mean, with merge groups, lineage and order derived. Every
//! target is emitted from it.

mod grants;
mod groups;
mod hash;
mod jobs;
mod order;
pub mod show;

pub use grants::Grants;

use covenant_model::manifest::JobSpec;
use covenant_model::spec::{ApplyForm, EntitySpec, FieldIx, ModelSpec, ProjectSpec, SourceSpec};
use covenant_model::value::LogicalType;
use serde::{Deserialize, Serialize};

use crate::check::Checked;
use crate::diagnostic::Sink;
use crate::ir::{EntityIr, Ir, ModelIr};

/// Everything that emitters may look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Systems, classes, budget.
    pub project: ProjectSpec,
    /// Sorted by name.
    pub entities: Vec<EntitySpec>,
    /// In dependency order, ties by name.
    pub models: Vec<ModelSpec>,
    /// In dependency order.
    pub jobs: Vec<JobSpec>,
    /// Standard fields of Salesforce objects that permission sets grant.
    #[serde(default)]
    pub grants: Grants,
}

impl Plan {
    /// The entity of that name.
    pub fn entity(&self, name: &str) -> Option<&EntitySpec> {
        let at = self.entities.partition_point(|entity| entity.name.as_str() < name);
        self.entities.get(at).filter(|entity| entity.name == name)
    }

    /// What an entity of later contracts was here: the one of its name, else the one that it says it was called. `later`
    /// is no successor of an entity that is still called so.
    pub fn predecessor(&self, later: &EntitySpec) -> Option<&EntitySpec> {
        let formerly = || later.evolution.formerly.as_deref().and_then(|was| self.entity(was));
        self.entity(&later.name).or_else(formerly)
    }

    /// What an entity of earlier contracts is here.
    pub fn successor(&self, earlier: &EntitySpec) -> Option<&EntitySpec> {
        let renamed = |one: &&EntitySpec| one.evolution.formerly.as_ref() == Some(&earlier.name);
        self.entity(&earlier.name).or_else(|| self.entities.iter().find(renamed))
    }
}

/// What a source calls a field: by declaration, and for key fields, which every source must carry,
/// the Salesforce field of the source's `key` or else the field's own name. `None` where the source
/// does not tell the field.
pub fn source_name<'e>(entity: &'e EntitySpec, source: &str, ix: FieldIx) -> Option<&'e str> {
    let field = entity.fields.get(ix)?;
    if let Some(name) = field.from.get(source) {
        return Some(name);
    }
    if !entity.key.contains(&ix) {
        return None;
    }
    match entity.sources.get(source)? {
        SourceSpec::Salesforce { key, .. } => key.get(&field.name).map(String::as_str),
        SourceSpec::Postgres { .. } | SourceSpec::Stream { .. } => Some(&field.name),
    }
}

/// Whether entities get the hashes of their meaning: they take as long as the rest of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hashes {
    /// What is generated names them.
    All,
    /// Two plans are only compared: [`same_meaning`] asks for those that it needs.
    Left,
}

/// Whether two entities mean the same: only words, places or versions differ.
pub(crate) fn same_meaning(old: &EntitySpec, new: &EntitySpec) -> bool {
    old == new || hash::entity(&mut old.clone()) == hash::entity(&mut new.clone())
}

/// Derives the plan. Findings of this stage go to the sink; `None` where there is an error.
pub fn plan(checked: Checked<Ir>, hashes: Hashes, sink: &Sink) -> Option<Plan> {
    let ir = checked.into_inner();
    let mut sound = true;
    for entity in &ir.entities {
        sound &= groups::names_are_free(entity, &ir, sink);
    }
    let ordered = order::models(&ir, sink)?;
    sound.then_some(())?;
    let grants = grants::derive(&ir);
    let Ir { project, entities, models, orgs: _, spans: _ } = ir;
    let entities: Vec<EntitySpec> =
        entities.into_iter().map(|entity| entity_spec(entity, hashes)).collect();
    let mut open: Vec<Option<ModelIr>> = models.into_iter().map(Some).collect();
    let in_order = ordered.into_iter().filter_map(|at| open.get_mut(at)?.take());
    let models: Vec<ModelSpec> = in_order.map(model_spec).collect();
    let jobs = jobs::derive(&project, &entities, &models);
    Some(Plan { project, entities, models, jobs, grants })
}

fn entity_spec(entity: EntityIr, hashes: Hashes) -> EntitySpec {
    let mut spec = entity.spec;
    groups::derive(&mut spec);
    let key_types = spec.key.iter().filter_map(|ix| spec.fields.get(*ix)).map(|field| &field.ty);
    let apply = apply_form(entity.scattered, key_types);
    if let Some(warehouse) = &mut spec.warehouse {
        warehouse.apply = apply;
    }
    if hashes == Hashes::All {
        spec.contract_hash = hash::entity(&mut spec);
    }
    spec
}

/// Derives the merge groups of an entity anew.
pub(crate) fn group(spec: &mut EntitySpec) {
    groups::derive(spec);
}

fn model_spec(model: ModelIr) -> ModelSpec {
    let mut spec = model.spec;
    let key_fields = spec.fields.iter().filter(|field| spec.key.contains(&field.name));
    spec.warehouse.apply = apply_form(model.scattered, key_fields.map(|field| &field.ty));
    spec.contract_hash = hash::model(&mut spec, model.canonical_query);
    spec
}

/// New keys that fall anywhere among the old ones touch every part of a table: there DELETE and
/// INSERT of whole rows is four times as fast as MERGE. UUIDs do, unless the contract says
/// otherwise.
fn apply_form<'t>(
    scattered: Option<bool>,
    mut key: impl Iterator<Item = &'t LogicalType>,
) -> ApplyForm {
    let scattered = scattered.unwrap_or_else(|| key.any(|ty| matches!(ty, LogicalType::Uuid)));
    if scattered { ApplyForm::DeleteInsert } else { ApplyForm::Merge }
}

/// Name of the role that capture logs in as, in the database of a publication.
pub fn capture_role(publication: &str) -> String {
    format!("{publication}_capture")
}
