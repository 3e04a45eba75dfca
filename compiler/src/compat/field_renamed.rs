//! A field keeps its id and gets another name.

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{FieldPair, consumers};

pub(super) static RULE: Rule = Rule {
    code: "DCW018",
    slug: "field-renamed",
    modes: Modes { backward: Grade::Error, forward: Grade::Error },
    migration: Migration::Inplace,
    explain: "A field keeps its stable id and gets another name: one rename, not a removal and an addition.\n\nThe warehouse \
              column is renamed, models that use the old name fail, and sources that still use it must be mapped \
              (`from: {store: old_name}`).\n\nRename in the models in the same change, and keep the old name as a column of a \
              view for readers outside.",
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    if pair.old.name == pair.new.name {
        return;
    }
    let (old, new) = (pair.entity.old, pair.entity.new);
    let mut broken: Vec<_> = consumers::column(old, pair.old, "is renamed").into_iter().collect();
    let how = "uses the old name";
    broken.extend(consumers::models(pair.entity.sides.new, &new.name, &pair.old.name, how));
    let same_wire = pair.old.from == pair.new.from;
    if !same_wire {
        broken.push(consumers::validator(new, "looks for the new name in the source"));
    }
    let sink = new.warehouse.as_ref();
    let statement = sink.map_or_else(String::new, |sink| {
        format!(
            "; ALTER TABLE {}.{}.{}_STATE RENAME COLUMN {} TO {}",
            sink.database, sink.schema, sink.table, pair.old.name, pair.new.name
        )
    });
    findings.push(
        Finding::new(
            &RULE,
            old.compatibility,
            format!("{}/fields/{}", new.name, pair.new.name),
            format!("field {} of {} was renamed to {}", pair.old.name, old.name, pair.new.name),
            broken,
            format!("rename in the consumers that are named{statement}"),
        )
        .old_at(Some(format!("{}/fields/{}", old.name, pair.old.name))),
    );
}
