//! What is asked of the new tables once the jobs have ended: that values which must stand in one row from now on do. The
//! queries are those of `unique.sql`. The questions of before cannot tell of fields that are new, nor of rows that came since.

use covenant_model::spec::EntitySpec;

use super::{Phase, Step, ask, target_of};
use crate::emit::sql::{Dialect, EntityTables, unique};

/// What is unique and was not, or was not stored; `old` is none where the entity is new.
pub(super) fn steps(old: Option<&EntitySpec>, new: &EntitySpec, dialect: Dialect) -> Vec<Step> {
    let Some(view) = EntityTables::view_of(new, dialect) else { return Vec::new() };
    let stored = old.filter(|old| old.warehouse.is_some());
    let asked = new.unique.iter().filter(|ids| stored.is_none_or(|old| !old.unique.contains(ids)));
    let steps = asked.map(|ids| {
        let (names, below) = ask::unique_fields(new, ids);
        let (code, subject) = match old {
            None => ("DCW003", new.name.clone()),
            Some(old) if old.unique.contains(ids) => ("DCS110", format!("{}/sinks", new.name)),
            Some(_) => ("DCM204", format!("{}/{below}", new.name)),
        };
        let what = format!(
            "count the values of {} that stand in several rows of {view}, once the jobs have ended",
            names.join(" and ")
        );
        let query = unique::one(new, &view, ids, dialect);
        let query: Vec<&str> = query.lines().map(str::trim).collect();
        let query = format!("SELECT count(*) FROM ({}) AS found", query.join(" "));
        let step = Step::new(target_of(dialect), Phase::Check, code, &subject, what);
        Step { precheck: Some(query), ..step }.undo("nothing to take back: it only asks")
    });
    steps.collect()
}
