//! Two checked contract sets in, findings out: what a change breaks, who is hurt, and how to move.
//!
//! One rule, one row in [`RULES`]. A rule sees a pair (two entities, two fields with the same stable
//! id, two models), says what it found and which leaves of the contracts that explains; the grade
//! comes from the contract's promise and from the consumers that are really bound: a change that
//! hurts nobody is information, whatever the rule's ceiling. A leaf that changed and that nothing
//! explains is an error of its own.
//!
//! ```text
//! leaves (what differs) ─┐
//! rules (what it means) ─┼─> unclassified ─> nest effects under causes ─> grade ─> fingerprint
//! ```
//!
//! Deliberately absent: files, git, clocks, spans (a finding names paths such as
//! `sales.order/fields/status`; whoever renders looks the spans up).

/// Cases of a rule, by the name of their file.
macro_rules! cases {
    ($name:literal) => {
        include_str!(concat!("../../tests/breaking/", $name, ".case"))
    };
}

mod adoption_changed;
mod alarm_changed;
pub mod cases;
pub mod catalogue;
mod class_changed;
mod class_terms_changed;
mod consumers;
mod critical_changed;
mod declassifier_changed;
mod delete_changed;
mod entity_added;
mod entity_removed;
mod entity_renamed;
mod enum_opened;
mod enum_reordered;
mod enum_value_added;
mod enum_value_removed;
mod enum_value_renamed;
mod event_identity_changed;
mod external_id_changed;
mod field_added;
mod field_became_nullable;
mod field_became_required;
mod field_constraint_loosened;
mod field_constraint_tightened;
mod field_default_changed;
mod field_format_changed;
mod field_large_changed;
mod field_missing_changed;
mod field_order_changed;
mod field_owner_changed;
mod field_pattern_changed;
mod field_removed;
mod field_renamed;
mod field_retyped;
mod field_unit_changed;
mod field_untombstoned;
mod filter_changed;
mod finding;
mod fingerprint;
mod free_inflow;
mod freshness_loosened;
mod generation_changed;
mod history_changed;
mod key_changed;
mod key_order_changed;
mod key_reuse_changed;
mod leaves;
mod lifecycle;
pub(crate) mod limits;
mod locality_changed;
mod lookup_changed;
mod merge_rule_changed;
mod model_added;
mod model_column_added;
mod model_column_nullable;
mod model_column_removed;
mod model_key_changed;
mod model_query_changed;
mod model_unit_changed;
mod nest;
mod outbox_changed;
mod owner_changed;
mod physical_changed;
mod pii_lowered;
mod pii_raised;
mod prelude;
mod promise_weakened;
mod publication_changed;
mod quality_action_loosened;
mod quality_loosened;
mod quality_tightened;
mod query;
mod reference_changed;
mod reference_dropped;
mod retention_shortened;
mod row_filter_changed;
mod rule;
mod salesforce_mapped;
mod salesforce_refed;
mod salesforce_required;
mod salesforce_unmapped;
mod schedule_changed;
mod sides;
mod sink_added;
mod sink_moved;
mod source_added;
mod source_column_changed;
mod source_kind_changed;
mod source_moved;
mod source_order_changed;
mod subject_changed;
mod system_settings_changed;
mod text_changed;
mod tombstone_added;
mod tombstone_dropped;
mod transitive;
mod unclassified;
mod unique_changed;
mod unknown_members;
mod version_decreased;
mod version_not_bumped;
mod volume_changed;
mod wire_name_changed;
use jiff::civil::Date;

pub use cases::{Case, Expected, Hunk, Kind as HunkKind};
pub use consumers::{Consumer, ConsumerKind};
pub use finding::{Finding, Hop, Mend, MendEdit, MigrationStep, Outcome, Platform, Witness};
pub use leaves::{DERIVED, Leaf};
use rule::Check;
pub use rule::{Direction, Grade, Migration, Mirror, Modes, Rule, WitnessKind};
pub use sides::{Side, Sides, View};
pub use transitive::{Alive, diff_transitive, diff_transitive_on};

use crate::plan::Plan;

/// Every rule. The order decides only who is the cause where two findings could cause each other.
pub static RULES: &[&Rule] = &[
    &entity_renamed::RULE,
    &key_changed::RULE,
    &entity_removed::RULE,
    &field_removed::RULE,
    &class_changed::LOWERED,
    &class_changed::RAISED,
    &key_order_changed::RULE,
    &field_retyped::REKEYED,
    &reference_changed::RULE,
    &reference_dropped::RULE,
    &model_key_changed::RULE,
    &filter_changed::RULE,
    &row_filter_changed::RULE,
    &model_query_changed::LINEAGE,
    &model_query_changed::RULE,
    &model_query_changed::LAYOUT,
    &model_column_removed::RULE,
    &model_unit_changed::RULE,
    &model_column_nullable::RULE,
    &model_column_added::RULE,
    &model_added::RULE,
    &quality_tightened::RULE,
    &quality_loosened::RULE,
    &quality_action_loosened::RULE,
    &alarm_changed::RULE,
    &freshness_loosened::RULE,
    &freshness_loosened::TIGHTENED,
    &retention_shortened::RULE,
    &retention_shortened::LONGER,
    &schedule_changed::RULE,
    &volume_changed::RULE,
    &lifecycle::UNTIL_WHEN,
    &lifecycle::RETIRED,
    &lifecycle::SOONER,
    &lifecycle::STATUS,
    &lifecycle::LATER,
    &critical_changed::RULE,
    &critical_changed::MARK,
    &unique_changed::ADDED,
    &unique_changed::REMOVED,
    &version_not_bumped::RULE,
    &version_decreased::RULE,
    &promise_weakened::RULE,
    &owner_changed::RULE,
    &promise_weakened::CHANGED,
    &version_decreased::RAISED,
    &merge_rule_changed::RULE,
    &key_reuse_changed::RULE,
    &key_reuse_changed::CHANGE,
    &generation_changed::RULE,
    &generation_changed::TRANSITIONS,
    &pii_lowered::RULE,
    &class_changed::RULE,
    &pii_raised::RULE,
    &class_changed::BANS,
    &retention_shortened::PERSONAL,
    &class_changed::PURPOSES,
    &class_changed::ADDED,
    &class_terms_changed::POLICY,
    &free_inflow::RULE,
    &class_terms_changed::SHORTER,
    &declassifier_changed::WEAKER,
    &declassifier_changed::STRONGER,
    &subject_changed::RULE,
    &subject_changed::GAINED,
    &source_moved::RULE,
    &source_kind_changed::RULE,
    &source_column_changed::RULE,
    &source_order_changed::RULE,
    &publication_changed::RULE,
    &outbox_changed::RULE,
    &delete_changed::RULE,
    &delete_changed::LIMIT,
    &adoption_changed::RULE,
    &event_identity_changed::RULE,
    &source_added::RULE,
    &sink_moved::RULE,
    &locality_changed::RULE,
    &history_changed::RULE,
    &text_changed::RULE,
    &sink_added::RULE,
    &salesforce_mapped::RULE,
    &salesforce_unmapped::RULE,
    &salesforce_required::RULE,
    &salesforce_refed::RULE,
    &external_id_changed::RULE,
    &field_owner_changed::RULE,
    &lookup_changed::RULE,
    &system_settings_changed::RULE,
    &entity_added::RULE,
    &field_untombstoned::RULE,
    &tombstone_dropped::RULE,
    &field_added::OPTIONAL,
    &field_added::REQUIRED,
    &field_added::DEFAULTED,
    &field_added::CLOSED,
    &field_renamed::RULE,
    &field_renamed::ALIASED,
    &tombstone_added::RULE,
    &field_became_nullable::RULE,
    &field_became_required::RULE,
    &field_default_changed::RULE,
    &field_missing_changed::RULE,
    &field_large_changed::RULE,
    &field_retyped::UNRELATED,
    &field_retyped::WIDENED,
    &field_retyped::NARROWED,
    &field_retyped::RESCALED,
    &field_retyped::RENUMBERED,
    &physical_changed::SPELLED,
    &physical_changed::UNREACHABLE,
    &physical_changed::REACHED,
    &physical_changed::TOO_SMALL,
    &enum_value_renamed::RULE,
    &enum_value_removed::RULE,
    &enum_value_added::RULE,
    &enum_opened::KNOWN,
    &enum_opened::RULE,
    &enum_reordered::RULE,
    &field_constraint_tightened::RULE,
    &field_constraint_loosened::RULE,
    &field_pattern_changed::RULE,
    &field_format_changed::RULE,
    &field_unit_changed::RULE,
    &wire_name_changed::RULE,
    &unknown_members::CLOSED,
    &unknown_members::OPENED,
    &field_order_changed::RULE,
    &unclassified::RULE,
];

/// Everything that the change from `old` to `new` means, errors first, then by subject and code.
///
/// Without a day it is not judged whether a last day has come.
pub fn diff(old: &Plan, new: &Plan) -> Vec<Finding> {
    diff_on(old, new, None)
}

/// The same on a day.
pub fn diff_on(old: &Plan, new: &Plan, today: Option<Date>) -> Vec<Finding> {
    if old == new {
        return Vec::new();
    }
    let renames = entity_renamed::renames(old, new);
    if renames.is_empty() {
        return compared(old, new, today);
    }
    let mut found = compared(&entity_renamed::aligned(old, &renames), new, today);
    entity_renamed::restore(&mut found, &renames);
    found
}

fn compared(old: &Plan, new: &Plan, today: Option<Date>) -> Vec<Finding> {
    let (old, new) = (View::new(Side::Old, old), View::new(Side::New, new));
    let sides = Sides { old: &old, new: &new, today };
    let leaves = leaves::differences(sides);
    let mut found = run(sides);
    found.extend(unclassified::check(sides, &leaves, &found));
    let mut found = nest::nest(found);
    for rule in RULES {
        if let Check::Findings(check) = rule.check {
            let more = check(sides, &found);
            found.extend(more);
        }
    }
    fingerprint::fill(&mut found, &leaves);
    sorted(found)
}

/// The leaves that differ: what every finding is measured against.
pub fn differences(old: &Plan, new: &Plan) -> Vec<Leaf> {
    let old = &entity_renamed::aligned(old, &entity_renamed::renames(old, new));
    let (old, new) = (View::new(Side::Old, old), View::new(Side::New, new));
    leaves::differences(Sides { old: &old, new: &new, today: None })
}

fn run(sides: Sides<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    // Once for all rules: what differs is found by comparing everything.
    let datasets: Vec<_> = sides.datasets().collect();
    let entities: Vec<_> = sides.entities().collect();
    let fields: Vec<_> = entities.iter().copied().flat_map(sides::EntityPair::fields).collect();
    let models: Vec<_> = sides.models().collect();
    for rule in RULES {
        match rule.check {
            Check::Sides(check) => check(sides, &mut found),
            Check::Dataset(check) => datasets.iter().for_each(|pair| check(*pair, &mut found)),
            Check::Entity(check) => entities.iter().for_each(|pair| check(*pair, &mut found)),
            Check::Field(check) => fields.iter().for_each(|pair| check(*pair, &mut found)),
            Check::Model(check) => models.iter().for_each(|pair| check(*pair, &mut found)),
            // They judge the other findings, so they run behind them.
            Check::Findings(_) | Check::Engine => {}
        }
    }
    found
}

/// Errors first, then by subject and code; effects too.
fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| (finding.subject.clone(), finding.rule.code);
        b.worst().cmp(&a.worst()).then_with(|| key(a).cmp(&key(b)))
    });
    for finding in &mut findings {
        finding.effects = sorted(std::mem::take(&mut finding.effects));
        finding.consumers.sort();
        finding.consumers.dedup();
    }
    findings
}

/// Whether nobody breaks, and nothing was left undecided: no errors, and no warnings.
pub fn is_compatible(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.worst() == Grade::Info)
}

/// The rule of that code.
pub fn rule(code: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.code.eq_ignore_ascii_case(code))
}
