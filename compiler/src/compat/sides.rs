//! The two sides of a comparison, indexed, and the pairs that rules look at.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use covenant_model::spec::{
    Compatibility, EntitySpec, Expectations, FieldIx, FieldSpec, ModelField, ModelSpec,
};
use serde::Serialize;

use super::consumers::{Bound, Consumer};
use super::finding::Finding;
use super::rule::Rule;
use crate::plan::{self, Plan};

/// Which contracts a path stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// What was promised.
    Old,
    /// What is proposed.
    New,
}

/// One side, indexed by name.
pub struct View<'a> {
    /// Which.
    pub side: Side,
    /// Everything.
    pub plan: &'a Plan,
    entities: BTreeMap<&'a str, &'a EntitySpec>,
    models: BTreeMap<&'a str, &'a ModelSpec>,
    readers: BTreeMap<&'a str, Vec<&'a ModelSpec>>,
    referring: BTreeMap<&'a str, Vec<(&'a EntitySpec, &'a FieldSpec)>>,
    /// Of the new side: places of the old entities that differ or are gone. A view belongs to one comparison.
    changed: OnceCell<Vec<usize>>,
}

impl<'a> View<'a> {
    /// Indexes a side.
    pub fn new(side: Side, plan: &'a Plan) -> Self {
        let entities = plan.entities.iter().map(|entity| (entity.name.as_str(), entity)).collect();
        let models = plan.models.iter().map(|model| (model.name.as_str(), model)).collect();
        let mut readers: BTreeMap<&str, Vec<&ModelSpec>> = BTreeMap::new();
        for model in &plan.models {
            for input in &model.inputs {
                readers.entry(input).or_default().push(model);
            }
        }
        let mut referring: BTreeMap<&str, Vec<(&EntitySpec, &FieldSpec)>> = BTreeMap::new();
        for entity in &plan.entities {
            for field in &entity.fields {
                if let Some(target) = &field.references {
                    referring.entry(target).or_default().push((entity, field));
                }
            }
        }
        Self { side, plan, entities, models, readers, referring, changed: OnceCell::new() }
    }

    /// The entity of that name.
    pub fn entity(&self, name: &str) -> Option<&'a EntitySpec> {
        self.entities.get(name).copied()
    }

    /// The model of that name.
    pub fn model(&self, name: &str) -> Option<&'a ModelSpec> {
        self.models.get(name).copied()
    }

    /// Models that read an entity or a model.
    pub fn readers(&self, dataset: &str) -> &[&'a ModelSpec] {
        self.readers.get(dataset).map_or(&[], Vec::as_slice)
    }

    /// Fields that hold the key of an entity.
    pub fn referring(&self, entity: &str) -> &[(&'a EntitySpec, &'a FieldSpec)] {
        self.referring.get(entity).map_or(&[], Vec::as_slice)
    }
}

/// The two sides.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    /// What was promised.
    pub old: &'a View<'a>,
    /// What is proposed.
    pub new: &'a View<'a>,
    /// The day on which they are compared; none: no day is judged.
    pub today: Option<jiff::civil::Date>,
}

/// An entity that both sides have, and that differs.
#[derive(Clone, Copy)]
pub(super) struct EntityPair<'a> {
    /// All of both sides.
    pub sides: Sides<'a>,
    /// Before.
    pub old: &'a EntitySpec,
    /// After.
    pub new: &'a EntitySpec,
}

/// A field that both sides have, by its stable id, and that differs.
#[derive(Clone, Copy)]
pub(super) struct FieldPair<'a> {
    /// The entity.
    pub entity: EntityPair<'a>,
    /// Before.
    pub old: &'a FieldSpec,
    /// After.
    pub new: &'a FieldSpec,
}

/// A model that both sides have, and that differs.
#[derive(Clone, Copy)]
pub(super) struct ModelPair<'a> {
    /// All of both sides.
    pub sides: Sides<'a>,
    /// Before.
    pub old: &'a ModelSpec,
    /// After.
    pub new: &'a ModelSpec,
}

/// What entities and models have in common.
#[derive(Clone, Copy)]
pub(super) struct Dataset<'a> {
    /// `sales.order`
    pub name: &'a str,
    /// Semantic version.
    pub version: &'a str,
    /// All of it.
    spec: Spec<'a>,
    /// Who answers for it.
    pub owner: &'a str,
    /// What a row is.
    pub purpose: &'a str,
    /// Its promise.
    pub compatibility: Compatibility,
    /// Freshness, volume, retention.
    pub expect: &'a Expectations,
    /// Whether any of its fields is personal data.
    pub personal: bool,
}

/// An entity or a model that both sides have, and that differs.
#[derive(Clone, Copy)]
pub(super) struct DatasetPair<'a> {
    /// All of both sides.
    pub sides: Sides<'a>,
    /// Before.
    pub old: Dataset<'a>,
    /// After.
    pub new: Dataset<'a>,
}

#[derive(Clone, Copy)]
enum Spec<'a> {
    Entity(&'a EntitySpec),
    Model(&'a ModelSpec),
}

impl Dataset<'_> {
    /// Whether both mean the same: only words, places or versions differ.
    pub(super) fn means(&self, other: &Self) -> bool {
        match (self.spec, other.spec) {
            (Spec::Entity(one), Spec::Entity(other)) => plan::same_meaning(one, other),
            (Spec::Model(one), Spec::Model(other)) => one.contract_hash == other.contract_hash,
            (Spec::Entity(_), Spec::Model(_)) | (Spec::Model(_), Spec::Entity(_)) => false,
        }
    }
}

impl<'a> From<&'a EntitySpec> for Dataset<'a> {
    fn from(spec: &'a EntitySpec) -> Self {
        Self {
            name: &spec.name,
            version: &spec.version,
            spec: Spec::Entity(spec),
            owner: &spec.owner,
            purpose: &spec.purpose,
            compatibility: spec.compatibility,
            expect: &spec.expect,
            personal: spec.fields.iter().any(|field| field.pii.is_some()),
        }
    }
}

impl<'a> From<&'a ModelSpec> for Dataset<'a> {
    fn from(spec: &'a ModelSpec) -> Self {
        Self {
            name: &spec.name,
            version: &spec.version,
            spec: Spec::Model(spec),
            owner: &spec.owner,
            purpose: &spec.purpose,
            compatibility: spec.compatibility,
            expect: &spec.expect,
            personal: spec.fields.iter().any(|field| field.pii.is_some()),
        }
    }
}

impl<'a> Sides<'a> {
    pub(super) fn entities(self) -> impl Iterator<Item = EntityPair<'a>> {
        // Compared once: what differs is asked for by every kind of rule.
        let changed = self.new.changed.get_or_init(|| {
            let pairs = self.old.plan.entities.iter().enumerate();
            let differ = pairs.filter(|(_, old)| self.new.entity(&old.name) != Some(old));
            differ.map(|(at, _)| at).collect()
        });
        changed.iter().filter_map(move |at| {
            let old = self.old.plan.entities.get(*at)?;
            let new = self.new.entity(&old.name)?;
            Some(EntityPair { sides: self, old, new })
        })
    }

    pub(super) fn models(self) -> impl Iterator<Item = ModelPair<'a>> {
        self.old.plan.models.iter().filter_map(move |old| {
            let new = self.new.model(&old.name)?;
            (old != new).then_some(ModelPair { sides: self, old, new })
        })
    }

    pub(super) fn datasets(self) -> impl Iterator<Item = DatasetPair<'a>> {
        let entities = self.entities().map(|pair| (pair.old.into(), pair.new.into()));
        let models = self.models().map(|pair| (pair.old.into(), pair.new.into()));
        entities.chain(models).map(move |(old, new)| DatasetPair { sides: self, old, new })
    }
}

impl<'a> EntityPair<'a> {
    pub(super) fn fields(self) -> impl Iterator<Item = FieldPair<'a>> {
        self.old.fields.iter().filter_map(move |old| {
            let new = field_of_id(self.new, old.id)?;
            (old != new || self.generation(self.old, old) != self.generation(self.new, new))
                .then_some(FieldPair { entity: self, old, new })
        })
    }

    /// The id of the field that counts a field's corrections.
    pub(super) fn generation(self, of: &EntitySpec, field: &FieldSpec) -> Option<u32> {
        field.generation.and_then(|ix| id_of(of, ix))
    }

    /// Consumers of the old side.
    pub(super) fn before(self) -> Bound<'a> {
        Bound { view: self.sides.old, entity: self.old }
    }

    /// Consumers of the new side.
    pub(super) fn after(self) -> Bound<'a> {
        Bound { view: self.sides.new, entity: self.new }
    }

    /// Leaf of the entity.
    pub(super) fn leaf(self, below: &str) -> String {
        format!("{}/{below}", self.new.name)
    }

    /// A finding at `below`, in both sides, about the leaf of the same name.
    pub(super) fn finding(
        self,
        rule: &'static Rule,
        below: &str,
        headline: String,
        broken: Vec<Consumer>,
        help: impl Into<String>,
    ) -> Finding {
        let path = self.leaf(below);
        Finding::new(rule, self.old.compatibility, path, headline, broken, help)
    }
}

impl<'a> FieldPair<'a> {
    /// Leaf of the field.
    pub(super) fn leaf(self, below: &str) -> String {
        leaf_of_field(&self.entity.new.name, self.new.id, below)
    }

    /// `sales.order.status`
    pub(super) fn shown(self) -> String {
        format!("{}.{}", self.entity.new.name, self.new.name)
    }

    /// A finding at an attribute of the field, claiming its leaf.
    pub(super) fn finding(
        self,
        rule: &'static Rule,
        attribute: &str,
        headline: String,
        broken: Vec<Consumer>,
        help: impl Into<String>,
    ) -> Finding {
        let path = |entity: &EntitySpec, field: &FieldSpec| {
            let field = format!("{}/fields/{}", entity.name, field.name);
            if attribute.is_empty() { field } else { format!("{field}/{attribute}") }
        };
        let subject = path(self.entity.new, self.new);
        let promise = self.entity.old.compatibility;
        Finding::new(rule, promise, subject, headline, broken, help)
            .old_at(Some(path(self.entity.old, self.old)))
            .claiming([self.leaf(attribute)])
    }

    /// Validator, column, mappings and models of the new side.
    pub(super) fn everyone(self, how: &str) -> Vec<Consumer> {
        let after = self.entity.after();
        let mut broken = vec![after.validator(how)];
        broken.extend(self.stored(how));
        broken
    }

    /// Column, mappings and models of the new side.
    pub(super) fn stored(self, how: &str) -> Vec<Consumer> {
        let after = self.entity.after();
        let mut broken: Vec<Consumer> = after.column(self.new, how).into_iter().collect();
        broken.extend(after.mappings(self.new, how));
        broken.extend(after.models(&self.new.name, how));
        broken
    }

    /// Whether the field is part of the key on either side.
    pub(super) fn in_key(self) -> bool {
        let has = |entity: &EntitySpec| {
            entity.key.iter().any(|ix| id_of(entity, *ix) == Some(self.new.id))
        };
        has(self.entity.old) || has(self.entity.new)
    }
}

impl<'a> ModelPair<'a> {
    /// Leaf of the model.
    pub(super) fn leaf(self, below: &str) -> String {
        format!("{}/{below}", self.new.name)
    }

    /// Columns of one id that differ.
    pub(super) fn columns(self) -> impl Iterator<Item = (&'a ModelField, &'a ModelField)> {
        self.old.fields.iter().filter_map(move |old| {
            let new = self.new.fields.iter().find(|new| new.id == old.id)?;
            (old != new).then_some((old, new))
        })
    }

    /// A finding at `below`, in both sides.
    pub(super) fn finding(
        self,
        rule: &'static Rule,
        below: &str,
        headline: String,
        broken: Vec<Consumer>,
        help: impl Into<String>,
    ) -> Finding {
        let path = self.leaf(below);
        Finding::new(rule, self.old.compatibility, path, headline, broken, help)
    }
}

impl DatasetPair<'_> {
    /// A finding at `below`, in both sides, claiming the leaf of the same name.
    pub(super) fn finding(
        self,
        rule: &'static Rule,
        below: &str,
        headline: String,
        broken: Vec<Consumer>,
        help: impl Into<String>,
    ) -> Finding {
        let path = format!("{}/{below}", self.new.name);
        Finding::new(rule, self.old.compatibility, path.clone(), headline, broken, help)
            .claiming([path])
    }
}

/// The leaf of a field, by its id; `below` may be empty.
pub(super) fn leaf_of_field(dataset: &str, id: u32, below: &str) -> String {
    if below.is_empty() {
        format!("{dataset}/fields/#{id}")
    } else {
        format!("{dataset}/fields/#{id}/{below}")
    }
}

/// The field of an id.
pub(super) fn field_of_id(entity: &EntitySpec, id: u32) -> Option<&FieldSpec> {
    entity.fields.iter().find(|field| field.id == id)
}

/// The id of a field.
pub(super) fn id_of(entity: &EntitySpec, ix: FieldIx) -> Option<u32> {
    entity.fields.get(ix).map(|field| field.id)
}
