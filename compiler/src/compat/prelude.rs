//! What every rule needs.

pub(super) use super::consumers::ConsumerKind::{
    Model, People, Reference, RustValidator, SalesforceMapping, SnowflakeTable,
};
pub(super) use covenant_model::spec::FieldSpec;

pub(super) use super::consumers::{self, Consumer, Promised, mildly, people, under};
pub(super) use super::finding::{Finding, Mend, MendEdit};
pub(super) use super::rule::{
    Check, Direction, Grade, Migration, Mirror, Modes, Rule, WitnessKind,
};
pub(super) use super::sides::{
    DatasetPair, EntityPair, FieldPair, ModelPair, Side, Sides, field_of_id, id_of, leaf_of_field,
};
