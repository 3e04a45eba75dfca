//! Two checked contract sets in, findings out: what a change breaks, who is hurt, and how to move.
//!
//! One rule, one file, one row in [`RULES`]. A rule sees a pair (two entities, two fields with the same stable id, two
//! models) and says what it found; the grade comes from the contract's promised mode and from the consumers that are really
//! bound: a change that hurts nobody is information, whatever the rule's ceiling.
//!
//! Deliberately absent: files, git, spans (a finding names paths such as `sales.order/fields/status`; whoever renders looks the
//! spans up).

mod consumers;
mod entity_added;
mod entity_removed;
mod enum_value_added;
mod enum_value_removed;
mod field_added;
mod field_became_nullable;
mod field_became_required;
mod field_constraint_tightened;
mod field_owner_changed;
mod field_removed;
mod field_renamed;
mod field_retyped;
mod field_unit_changed;
mod history_changed;
mod key_changed;
mod merge_rule_changed;
mod model_column_removed;
mod model_query_changed;
mod pii_lowered;
mod pii_raised;
mod quality_changed;
pub mod render;
mod rule;
mod salesforce_unmapped;
mod sink_moved;
mod source_moved;
mod version_not_bumped;

use covenant_model::spec::{EntitySpec, FieldSpec, ModelSpec};

use crate::plan::Plan;
pub use consumers::{Consumer, ConsumerKind};
use rule::Check;
pub use rule::{Finding, Grade, Migration, Modes, Rule};

/// Every rule, by code.
pub static RULES: &[&Rule] = &[
    &entity_removed::RULE,
    &entity_added::RULE,
    &field_removed::RULE,
    &field_added::OPTIONAL,
    &field_added::REQUIRED,
    &field_renamed::RULE,
    &field_became_nullable::RULE,
    &field_became_required::RULE,
    &field_retyped::UNRELATED,
    &field_retyped::WIDENED,
    &field_retyped::NARROWED,
    &field_retyped::RESCALED,
    &enum_value_removed::RULE,
    &enum_value_added::RULE,
    &field_constraint_tightened::RULE,
    &field_unit_changed::RULE,
    &source_moved::RULE,
    &sink_moved::RULE,
    &history_changed::RULE,
    &salesforce_unmapped::RULE,
    &field_owner_changed::RULE,
    &key_changed::RULE,
    &merge_rule_changed::RULE,
    &model_query_changed::RULE,
    &model_column_removed::RULE,
    &quality_changed::RULE,
    &version_not_bumped::RULE,
    &pii_lowered::RULE,
    &pii_raised::RULE,
];

/// The two sides.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    /// What was promised.
    pub old: &'a Plan,
    /// What is proposed.
    pub new: &'a Plan,
}

/// An entity that both sides have.
#[derive(Clone, Copy)]
pub struct EntityPair<'a> {
    /// All of both sides.
    pub sides: Sides<'a>,
    /// Before.
    pub old: &'a EntitySpec,
    /// After.
    pub new: &'a EntitySpec,
}

/// A field that both sides have, by its stable id.
#[derive(Clone, Copy)]
pub struct FieldPair<'a> {
    /// The entity.
    pub entity: EntityPair<'a>,
    /// Before.
    pub old: &'a FieldSpec,
    /// After.
    pub new: &'a FieldSpec,
}

/// A model that both sides have.
#[derive(Clone, Copy)]
pub struct ModelPair<'a> {
    /// All of both sides.
    pub sides: Sides<'a>,
    /// Before.
    pub old: &'a ModelSpec,
    /// After.
    pub new: &'a ModelSpec,
}

/// Everything that the change from `old` to `new` means, errors first, then by subject and code.
pub fn diff(old: &Plan, new: &Plan) -> Vec<Finding> {
    let sides = Sides { old, new };
    let mut findings = Vec::new();
    for rule in RULES {
        match rule.check {
            Check::Sides(check) => check(sides, &mut findings),
            Check::Entity(check) => {
                entity_pairs(sides).for_each(|pair| check(pair, &mut findings));
            }
            Check::Field(check) => {
                entity_pairs(sides)
                    .flat_map(field_pairs)
                    .for_each(|pair| check(pair, &mut findings));
            }
            Check::Model(check) => {
                model_pairs(sides).for_each(|pair| check(pair, &mut findings));
            }
            // Judges the other findings, so it runs behind them.
            Check::Findings(_) => {}
        }
    }
    for rule in RULES {
        if let Check::Findings(check) = rule.check {
            let more = check(sides, &findings);
            findings.extend(more);
        }
    }
    findings.sort_by(|a, b| {
        (b.grade, &a.subject, a.rule.code).cmp(&(a.grade, &b.subject, b.rule.code))
    });
    findings
}

fn entity_pairs(sides: Sides<'_>) -> impl Iterator<Item = EntityPair<'_>> {
    sides
        .old
        .entities
        .iter()
        .filter_map(move |old| Some(EntityPair { sides, old, new: sides.new.entity(&old.name)? }))
}

fn field_pairs(entity: EntityPair<'_>) -> impl Iterator<Item = FieldPair<'_>> {
    entity.old.fields.iter().filter_map(move |old| {
        let new = entity.new.fields.iter().find(|new| new.id == old.id)?;
        Some(FieldPair { entity, old, new })
    })
}

fn model_pairs(sides: Sides<'_>) -> impl Iterator<Item = ModelPair<'_>> {
    sides.old.models.iter().filter_map(move |old| {
        let new = sides.new.models.iter().find(|new| new.name == old.name)?;
        Some(ModelPair { sides, old, new })
    })
}

/// The rule of that code.
pub fn rule(code: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.code.eq_ignore_ascii_case(code))
}
