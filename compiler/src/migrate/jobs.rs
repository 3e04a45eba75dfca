//! What has to be read again: backfills of the manifest, and for what no table holds, a replay of landing.

use std::collections::BTreeSet;

use covenant_model::columns::of_field;
use covenant_model::spec::{EntitySpec, FieldSpec, SourceSpec, UnknownMembers};

use super::guards::{self, Guard};
use super::pairs::Pairs;
use super::{Phase, Step, Target, ask, deliver};
use crate::emit::sql::Dialect;
use crate::physical::{Alter, Column, Platform, alter, of_logical};

pub(super) fn steps(pairs: &Pairs<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for (before, after) in &pairs.changed {
        steps.extend(changed(before, after));
        steps.extend(renamed(before, after));
        steps.extend(rederived(before, after));
        steps.extend(deliver::again(before, after));
        steps.extend(ask::untold(before, after));
    }
    for after in &pairs.added {
        let why = "it is new: everything that its sources hold is read".to_owned();
        steps.extend(backfills(after, None, "DCW003", &after.name, &why));
    }
    steps
}

fn changed(old: &EntitySpec, new: &EntitySpec) -> Vec<Step> {
    let key = |entity: &EntitySpec| -> BTreeSet<u32> {
        entity.key.iter().filter_map(|ix| entity.fields.get(*ix)).map(|field| field.id).collect()
    };
    if key(old) != key(new) {
        let why = "its rows have another key: everything is read again".to_owned();
        return backfills(new, None, "DCM201", &format!("{}/key", new.name), &why);
    }
    if old.warehouse.is_none() && new.warehouse.is_some() {
        let why = "it is stored from now on: everything is read".to_owned();
        return backfills(new, None, "DCS110", &format!("{}/sinks", new.name), &why);
    }
    let mut steps = Vec::new();
    for (ix, field) in new.fields.iter().enumerate() {
        let subject = format!("{}/fields/{}", new.name, field.name);
        let sources: Vec<&str> = field.from.keys().map(String::as_str).collect();
        let Some(before) = old.fields.iter().find(|before| before.id == field.id) else {
            if !of_field(field, ix).is_empty() {
                let code = match (&field.evolution.default, field.nullable || field.optional) {
                    (Some(_), _) => "DCW016",
                    (None, true) => "DCW014",
                    (None, false) => "DCW015",
                };
                let why = format!("rows of before have no {}", field.name);
                steps.extend(backfills(new, Some(&sources), code, &subject, &why));
            }
            continue;
        };
        let protection =
            |pii: &Option<covenant_model::spec::PiiSpec>| pii.as_ref().map(|pii| pii.protect);
        let (was, is) = (protection(&before.pii), protection(&field.pii));
        let at = Column { table: "t", column: "c" };
        let ty = |ty| of_logical(Platform::DuckDb, ty);
        let verdict = alter(Platform::DuckDb, &at, &ty(&before.ty), &ty(&field.ty));
        if was != is && of_field(before, ix) != of_field(field, ix) {
            let why = format!("{} is protected otherwise than what is stored", field.name);
            steps.extend(backfills(new, Some(&sources), "DCP303", &subject, &why));
        } else if matches!(verdict, Alter::Impossible { .. }) {
            let why = format!("the stored values of {} mean nothing in its new type", field.name);
            steps.extend(backfills(new, Some(&sources), "DCW030", &subject, &why));
        } else if before.from != field.from && before.name == field.name {
            let why = format!("{} comes from elsewhere now", field.name);
            steps.extend(backfills(new, Some(&sources), "DCS136", &subject, &why));
        }
        for (code, attribute, why) in meant_otherwise(before, field) {
            let subject = format!("{subject}/{attribute}");
            steps.extend(backfills(new, Some(&sources), code, &subject, &why));
        }
    }
    steps.extend(tables_moved(old, new));
    steps.extend(filters_changed(old, new));
    steps.extend(rules(old, new));
    steps
}

/// What keeps its column and its type, and yet holds values that the new contract means otherwise.
fn meant_otherwise(old: &FieldSpec, new: &FieldSpec) -> Vec<(&'static str, &'static str, String)> {
    let mut all = Vec::new();
    let name = &new.name;
    if let (Some(was), Some(is)) = (&old.unit, &new.unit)
        && was != is
    {
        all.push(("DCW054", "unit", format!("stored values of {name} are in {was}, not in {is}")));
    }
    if old.evolution.default != new.evolution.default {
        let why = format!("rows may hold what stood for a missing {name} before");
        all.push(("DCW022", "default", why));
    }
    let open = |field: &FieldSpec| field.nullable || field.optional;
    if open(old) && !open(new) {
        let why = format!("rows may lack {name}, which is filled at the source first");
        all.push(("DCW021", "nullable", why));
    }
    all
}

/// The ledger of delivery seals every row together with the entity's name, so it begins anew under another one.
fn renamed(old: &EntitySpec, new: &EntitySpec) -> Vec<Step> {
    if old.name == new.name || new.salesforce.is_none() {
        return Vec::new();
    }
    let tables: Vec<&str> = new
        .sources
        .iter()
        .filter(|(_, source)| !matches!(source, SourceSpec::Stream { .. }))
        .map(|(name, _)| name.as_str())
        .collect();
    let why = format!(
        "the ledger of delivery knows no {}: it is filled, and records are found by their external id",
        new.name
    );
    backfills(new, Some(&tables), "DCW002", &format!("{}/formerly", new.name), &why)
}

/// What only the landed changes say: derived again, each wins over its own old result.
fn rederived(old: &EntitySpec, new: &EntitySpec) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut push = |code, below: String, why: String, command: String| {
        steps.push(derived_again(code, &format!("{}/{below}", new.name), &why, command));
    };
    if old.key_reuse != new.key_reuse {
        let why = "what was kept of deleted rows follows the old rule".to_owned();
        push("DCM261", "key_reuse".to_owned(), why, deliver::command(&new.name));
    }
    for field in &new.fields {
        let Some(before) = old.fields.iter().find(|before| before.id == field.id) else { continue };
        let is_key = |entity: &EntitySpec, id: u32| {
            entity.key.iter().any(|ix| entity.fields.get(*ix).is_some_and(|one| one.id == id))
        };
        if guards::counts_otherwise(old, before, new, field) && before.merge == field.merge {
            let why = format!("corrections of {} are counted by something else", field.name);
            let below = format!("fields/{}/generation", field.name);
            push("DCM263", below, why, deliver::command(&new.name));
        }
        let same_kind = std::mem::discriminant(&before.ty) == std::mem::discriminant(&field.ty);
        if is_key(old, field.id) && is_key(new, field.id) && !same_kind {
            let why =
                format!("the same {} may be written in another way as {}", field.name, field.ty);
            let below = format!("fields/{}/type", field.name);
            push("DCM203", below.clone(), why, deliver::command(&new.name));
            let why = "rows under keys that no source has any more are deleted".to_owned();
            let repair = format!("covenant-runtime reconcile {} --repair", new.name);
            push("DCM203", below, why, repair);
        }
    }
    steps
}

/// A command over what was landed, or over the sources.
fn derived_again(code: &'static str, subject: &str, why: &str, command: String) -> Step {
    let what = if command.contains(" reconcile ") {
        format!("compare with the sources: {why}")
    } else {
        format!("{why}: derive what was landed again")
    };
    let step = Step::new(Target::Jobs, Phase::After, code, subject, what);
    step.sql(command).undo("nothing to take back: it is the same join")
}

/// A source that reads another table has other rows.
fn tables_moved(old: &EntitySpec, new: &EntitySpec) -> Vec<Step> {
    let moved = new.sources.iter().filter(|(name, spec)| {
        old.sources.get(*name).is_some_and(|before| !same_place(before, spec))
    });
    moved
        .flat_map(|(name, _)| {
            let subject = format!("{}/sources/{name}", new.name);
            let why = format!("source {name} reads another place now");
            backfills(new, Some(&[name.as_str()]), "DCS101", &subject, &why)
        })
        .collect()
}

/// Rows that a table's filter takes in now, and rows that it leaves out.
fn filters_changed(old: &EntitySpec, new: &EntitySpec) -> Vec<Step> {
    let filter = |source: &SourceSpec| match source {
        SourceSpec::Postgres { filter, .. } => filter.as_ref().map(|rows| rows.all.clone()),
        SourceSpec::Stream { .. } | SourceSpec::Salesforce { .. } => None,
    };
    let mut steps = Vec::new();
    for (name, spec) in &new.sources {
        let before = old.sources.get(name);
        if before.is_none_or(|before| filter(before) == filter(spec) || !same_place(before, spec)) {
            continue;
        }
        let subject = format!("{}/sources/{name}/where", new.name);
        let why = format!("source {name} takes other rows now");
        steps.extend(backfills(new, Some(&[name.as_str()]), "DCM212", &subject, &why));
        let why = "rows that are no longer the entity's are deleted".to_owned();
        let repair = format!("covenant-runtime reconcile {} --repair", new.name);
        steps.push(derived_again("DCM212", &subject, &why, repair));
    }
    steps
}

/// What becomes of members that nobody knows does not say where a stream is, and which rows are taken not where a table is.
fn same_place(old: &SourceSpec, new: &SourceSpec) -> bool {
    let bare = |source: &SourceSpec| {
        let mut source = source.clone();
        match &mut source {
            SourceSpec::Stream { unknown, .. } => *unknown = UnknownMembers::default(),
            SourceSpec::Postgres { filter, .. } => *filter = None,
            SourceSpec::Salesforce { .. } => {}
        }
        source
    };
    bare(old) == bare(new)
}

/// A rule that compares values has not seen those that lost under the old rule.
fn rules(old: &EntitySpec, new: &EntitySpec) -> Vec<Step> {
    let successors = guards::successors(old, new);
    let mut steps = Vec::new();
    for (at, group) in new.groups.iter().enumerate() {
        let mut fields = group.fields.iter().filter_map(|ix| new.fields.get(*ix));
        let changed = fields.any(|field| {
            let before = old.fields.iter().find(|before| before.id == field.id);
            before.is_some_and(|before| before.merge != field.merge)
        });
        let found = guards::guard(old, new, at, &successors, Dialect::DuckDb);
        if !changed && !matches!(found, Some(Guard::Unknown)) {
            continue;
        }
        let subject = format!("{}/groups/{}", new.name, group.name);
        let owners: Vec<&str> = group.owners.iter().map(String::as_str).collect();
        let why = format!("values of {} that lost under the old rule may win now", group.name);
        if changed {
            // A table holds the newest value only, and that is not the one that wins under every rule.
            steps.push(derived_again("DCM260", &subject, &why, deliver::command(&new.name)));
        }
        steps.extend(backfills(new, Some(&owners), "DCM260", &subject, &why));
    }
    steps
}

/// Whether what was landed is surely enough: it holds the values that the contract of then kept, as it kept them.
fn landed(code: &str) -> bool {
    matches!(code, "DCM260" | "DCS110")
}

/// No table holds events: what was landed is derived again, or the producers tell it again, which does no harm.
fn from_stream(code: &str, stream: &str, entity: &str, why: &str) -> String {
    if landed(code) {
        format!(
            "replay the events of {stream} for {entity} from the first landing commit: {why}, and no table \
             holds them"
        )
    } else {
        format!(
            "have the producers send the events of {stream} for {entity} again, by their old ids: {why}, \
             and landing holds only what the contract of then kept"
        )
    }
}

/// One step for each source that the values come from.
fn backfills(
    entity: &EntitySpec,
    sources: Option<&[&str]>,
    code: &'static str,
    subject: &str,
    why: &str,
) -> Vec<Step> {
    let wanted = |name: &str| sources.is_none_or(|sources| sources.contains(&name));
    entity
        .sources
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(_, source)| {
            let (what, command) = match source {
                SourceSpec::Postgres { system, .. } => (
                    format!("run job backfill.{system} for {}: {why}", entity.name),
                    Some(format!("covenant-runtime backfill {}", entity.name)),
                ),
                SourceSpec::Stream { stream, .. } => (
                    from_stream(code, stream, &entity.name, why),
                    landed(code).then(|| deliver::command(&entity.name)),
                ),
                SourceSpec::Salesforce { system, object, .. } => {
                    (format!("poll {object} of {system} from the beginning: {why}"), None)
                }
            };
            let step = Step::new(Target::Jobs, Phase::After, code, subject, what)
                .undo("nothing to take back: what is read again is the same join");
            command.into_iter().fold(step, Step::sql)
        })
        .collect()
}
