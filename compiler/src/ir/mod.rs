//! Contracts with every name looked up. Merge groups, hashes, order and jobs are not there yet: the
//! plan derives them.

mod given;
mod terms;

pub use given::{Fact, Given};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use covenant_model::spec::{EntitySpec, FieldIx, ModelSpec, ProjectSpec, SystemSpec};

use crate::describe::{Described, SObject};
use crate::parse::SpanMap;
pub use terms::{Counted, Shape};

/// Everything that the checks look at.
#[derive(Clone, Debug)]
pub struct Ir {
    /// The project.
    pub project: ProjectSpec,
    /// Sorted by name.
    pub entities: Vec<EntityIr>,
    /// Sorted by name.
    pub models: Vec<ModelIr>,
    /// What is known of the orgs behind Salesforce systems, by the system's name.
    pub orgs: BTreeMap<String, Org>,
    /// Where everything stands.
    pub spans: SpanMap,
}

/// The describes of one Salesforce system.
#[derive(Clone, Debug, Default)]
pub struct Org {
    /// By the object's name in lower case.
    pub objects: BTreeMap<String, Arc<Described>>,
    /// Objects whose describe is there and cannot be used, in lower case: that has been reported.
    pub unusable: BTreeSet<String>,
}

impl Org {
    /// What the org says of an object.
    pub fn object(&self, name: &str) -> Option<&SObject> {
        self.objects.get(&name.to_lowercase()).and_then(|described| described.object.as_ref())
    }

    /// Whether nothing can be said of an object, and why has been said.
    pub fn is_unusable(&self, name: &str) -> bool {
        self.unusable.contains(&name.to_lowercase())
    }
}

/// An entity. Its `groups` and `contract_hash` are empty.
#[derive(Clone, Debug)]
pub struct EntityIr {
    /// What it means.
    pub spec: EntitySpec,
    /// Fields with errors already reported: what is said of them may be a stand-in, so that checks
    /// leave them alone.
    pub unsound: BTreeSet<FieldIx>,
    /// Whether the key could be read in full.
    pub key_sound: bool,
    /// Whether the key was declared to fall anywhere among the old ones.
    pub scattered: Option<bool>,
    /// Fields that say `pii: none`.
    pub impersonal: BTreeSet<FieldIx>,
}

/// A model. Its `contract_hash` is empty.
#[derive(Clone, Debug)]
pub struct ModelIr {
    /// What it means.
    pub spec: ModelSpec,
    /// The query in the parser's own formatting: the same for queries that differ in white space
    /// only.
    pub canonical_query: String,
    /// Whether the query could be read in full.
    pub query_sound: bool,
    /// Names of the fields that show a column as it is; their lineage is that column.
    pub direct: BTreeSet<String>,
    /// What the query's expressions make of what they read, by field; see [`Shape`].
    pub shapes: BTreeMap<String, Shape>,
    /// What the query gives, by column.
    pub facts: BTreeMap<String, Fact>,
    /// By column: whether the rows with one value of it are computed from the rows of that value alone; else why not.
    pub local: BTreeMap<String, Result<(), String>>,
    /// Names of the fields whose type could not be read.
    pub untyped: BTreeSet<String>,
    /// Whether it has a warehouse table.
    pub has_sink: bool,
    /// Ids and names of removed fields.
    pub reserved: Vec<covenant_model::spec::Reserved>,
    /// Whether the key was declared to fall anywhere among the old ones.
    pub scattered: Option<bool>,
}

impl Ir {
    /// The entity of that name.
    pub fn entity(&self, name: &str) -> Option<&EntityIr> {
        let at = self.entities.partition_point(|entity| entity.spec.name.as_str() < name);
        self.entities.get(at).filter(|entity| entity.spec.name == name)
    }

    /// The model of that name.
    pub fn model(&self, name: &str) -> Option<&ModelIr> {
        let at = self.models.partition_point(|model| model.spec.name.as_str() < name);
        self.models.get(at).filter(|model| model.spec.name == name)
    }

    /// The system of that name.
    pub fn system(&self, name: &str) -> Option<&SystemSpec> {
        self.project.systems.get(name)
    }
}

impl EntityIr {
    /// Name and index of the fields that checks may look at.
    pub fn sound_fields(
        &self,
    ) -> impl Iterator<Item = (FieldIx, &covenant_model::spec::FieldSpec)> {
        self.spec.fields.iter().enumerate().filter(|(ix, _)| !self.unsound.contains(ix))
    }
}
