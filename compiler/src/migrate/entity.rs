//! An entity's tables.

use std::collections::BTreeSet;

use covenant_model::columns::{
    ColumnPart, LandingType, StoredColumn, guard_name, names, of_field, of_group, of_key,
};
use covenant_model::spec::{EntitySpec, FieldSpec};
use covenant_model::terms::DeclaredTypes;
use covenant_model::value::LogicalType;

use super::columns::{Change, Changed, Filled, Stored};
use super::guards::{self, Guard};
use super::{Phase, Step, governed, suffix, target_of};
use crate::emit::sql::{Dialect, EntityTables, text_literal};

/// Ids of guards, beside those of fields.
const GUARDS_FROM: i32 = 1_000_000;
/// Guards of groups that are gone.
const GONE_FROM: i32 = 2_000_000;

/// An entity that is in both sets of contracts.
pub(super) fn changed(old: &EntitySpec, new: &EntitySpec, dialect: Dialect) -> Vec<Step> {
    let (Some(before), Some(after)) =
        (EntityTables::new(old, dialect), EntityTables::new(new, dialect))
    else {
        // It got a warehouse, or lost it.
        return match (old.warehouse.is_some(), new.warehouse.is_some()) {
            (false, true) => added(new, dialect),
            (true, false) => removed(old, dialect),
            (false, false) | (true, true) => Vec::new(),
        };
    };
    let both = Both { old, new, before: &before, after: &after, dialect };
    let mut steps = rows_of(&both);
    if dialect == Dialect::Snowflake {
        steps.extend(governed::entity(old, new, (&before, &after)));
    }
    steps
}

/// What becomes of the rows of an entity that is in both.
fn rows_of(both: &Both<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    both.renamed(&mut steps);
    if both.key_changed() {
        both.rekeyed(&mut steps);
        both.compatibility_view(&[], &mut steps);
        return steps;
    }
    both.moved(&mut steps);
    both.history(&mut steps);
    let mut columns = both.columns();
    both.parked(&columns, &mut steps);
    let empty: Vec<&str> = columns.empty.iter().map(|column| column.name.as_str()).collect();
    let guards = both.guards(&empty);
    let symbols = both.symbols();
    let reads_anew =
        steps.is_empty() && columns.steps.is_empty() && guards.is_none() && symbols.is_empty();
    if reads_anew {
        return steps;
    }
    steps.append(&mut columns.steps);
    steps.extend(symbols);
    steps.extend(guards);
    both.drops(&columns, &mut steps);
    both.compatibility_view(&columns.removed, &mut steps);
    let first =
        format!("drop the views over {}: the new tables create them again", both.after.state);
    steps.insert(0, both.dropped_views(first));
    steps
}

/// An entity that is new.
pub(super) fn added(new: &EntitySpec, dialect: Dialect) -> Vec<Step> {
    let Some(tables) = EntityTables::new(new, dialect) else { return Vec::new() };
    let what = format!("create {} and what belongs to it: the new tables do", tables.state);
    let step = Step::new(target_of(dialect), Phase::Change, "DCW003", &new.name, what);
    vec![step.undo("remove the tables")]
}

/// An entity that is gone: its tables stay until they are dropped on purpose.
pub(super) fn removed(old: &EntitySpec, dialect: Dialect) -> Vec<Step> {
    let Some(tables) = EntityTables::new(old, dialect) else { return Vec::new() };
    let what = format!("drop the tables of {}: every row and its history", old.name);
    let mut step = Step::new(target_of(dialect), Phase::Destructive, "DCW001", &old.name, what);
    if tables.history {
        step = step.sql(format!("DROP VIEW IF EXISTS {}", tables.intervals));
    }
    step = step.sql(format!("DROP VIEW IF EXISTS {}", tables.view));
    for table in kept_tables(&tables).iter().chain(&work_tables(&tables, dialect)) {
        step = step.sql(format!("DROP TABLE IF EXISTS {table}"));
    }
    vec![step]
}

/// What apply fills and empties within a commit.
fn work_tables(tables: &EntityTables, dialect: Dialect) -> Vec<String> {
    let folded = (dialect == Dialect::DuckDb).then(|| tables.folded.clone());
    [Some(tables.batch.clone()), folded].into_iter().flatten().collect()
}

/// State, history, moves: what holds rows.
fn kept_tables(tables: &EntityTables) -> Vec<String> {
    let history = tables.history.then(|| tables.history_table.clone());
    let moves = tables.rekey.then(|| tables.moves.clone());
    [Some(tables.state.clone()), history, moves].into_iter().flatten().collect()
}

/// An entity on both sides, with its tables.
pub(super) struct Both<'a> {
    pub(super) old: &'a EntitySpec,
    pub(super) new: &'a EntitySpec,
    pub(super) before: &'a EntityTables,
    pub(super) after: &'a EntityTables,
    pub(super) dialect: Dialect,
}

impl Both<'_> {
    pub(super) fn step(
        &self,
        phase: Phase,
        code: &'static str,
        member: &str,
        what: String,
    ) -> Step {
        let subject = format!("{}{member}", self.new.name);
        Step::new(target_of(self.dialect), phase, code, &subject, what)
    }

    fn aside(&self, table: &str) -> (String, String) {
        let (schema, name) = table.rsplit_once('.').unwrap_or(("", table));
        let name = format!("{}_WAS_{}", name.trim_matches('"'), suffix(&self.old.version));
        (schema.to_owned(), self.dialect.ident(&name.to_uppercase()))
    }

    fn key_changed(&self) -> bool {
        let ids = |entity: &EntitySpec| -> BTreeSet<u32> {
            entity
                .key
                .iter()
                .filter_map(|ix| entity.fields.get(*ix))
                .map(|field| field.id)
                .collect()
        };
        ids(self.old) != ids(self.new)
    }

    /// Rows of another key are other rows: the tables are set aside whole, and filled anew.
    fn rekeyed(&self, steps: &mut Vec<Step>) {
        steps.push(
            self.dropped_views("drop the views: the new tables create them again".to_owned()),
        );
        for table in kept_tables(self.before) {
            let (schema, aside) = self.aside(&table);
            let what = format!("set {table} aside as {schema}.{aside}: its rows have another key");
            let (_, name) = table.rsplit_once('.').unwrap_or(("", &table));
            steps.push(
                self.step(Phase::Change, "DCM201", "/key", what)
                    .sql(rename_table(self.dialect, &table, &schema, &aside))
                    .undo(rename_table(self.dialect, &format!("{schema}.{aside}"), &schema, name)),
            );
            let what = format!("drop {schema}.{aside}, the rows of before");
            steps.push(
                self.step(Phase::Destructive, "DCM201", "/key", what)
                    .sql(format!("DROP TABLE IF EXISTS {schema}.{aside}")),
            );
        }
    }

    /// Another schema or name.
    fn moved(&self, steps: &mut Vec<Step>) {
        let pairs = kept_tables(self.before).into_iter().zip(kept_tables(self.after));
        for (from, to) in pairs.filter(|(from, to)| from != to) {
            let (schema, name) = to.rsplit_once('.').unwrap_or(("", &to));
            let (was_schema, was) = from.rsplit_once('.').unwrap_or(("", &from));
            let step = self.step(Phase::Change, "DCS110", "/sinks", format!("move {from} to {to}"));
            if self.dialect == Dialect::DuckDb && schema != was_schema {
                // DuckDB moves no table between schemas.
                steps.push(
                    step.sql(format!("CREATE SCHEMA IF NOT EXISTS {schema}"))
                        .sql(format!("CREATE TABLE {to} AS SELECT * FROM {from}"))
                        .undo(format!("DROP TABLE {to}")),
                );
                let what = format!("drop {from}, which was copied to {to}");
                steps.push(
                    self.step(Phase::Destructive, "DCS110", "/sinks", what)
                        .sql(format!("DROP TABLE IF EXISTS {from}")),
                );
                continue;
            }
            steps.push(
                step.sql(rename_table(self.dialect, &from, schema, name)).undo(rename_table(
                    self.dialect,
                    &to,
                    was_schema,
                    was,
                )),
            );
        }
    }

    fn history(&self, steps: &mut Vec<Step>) {
        match (self.before.history, self.after.history) {
            (true, false) => {
                let table = &self.before.history_table;
                let what = format!("drop {table}, the history up to now");
                steps.push(
                    self.step(Phase::Destructive, "DCS116", "/sinks", what)
                        .sql(format!("DROP VIEW IF EXISTS {}", self.before.intervals))
                        .sql(format!("DROP TABLE IF EXISTS {table}")),
                );
            }
            (false, true) => {
                let what = format!(
                    "create {}: the new tables do; it begins with what is applied from then on",
                    self.after.history_table
                );
                steps.push(self.step(Phase::Change, "DCS116", "/sinks", what).undo("remove it"));
            }
            (true, true) | (false, false) => {}
        }
    }

    /// Tables that hold the groups' columns, by their new names.
    fn tables(&self) -> Vec<String> {
        let history =
            (self.before.history && self.after.history).then(|| self.after.history_table.clone());
        [Some(self.after.state.clone()), history].into_iter().flatten().collect()
    }

    fn columns(&self) -> Changed {
        let (old, new) = (self.stored(self.old, false), self.stored(self.new, true));
        let change = |tables, old: &[Stored], new: &[Stored]| {
            let version = &self.old.version;
            Change { dialect: self.dialect, tables, old, new, version }.run()
        };
        let mut changed = change(self.tables(), &old, &new);
        if self.before.rekey && self.after.rekey {
            for prefix in ["from_", "to_"] {
                let moved = |entity| self.moves(entity, prefix);
                let (old, new) = (moved(self.old), moved(self.new));
                changed.steps.extend(change(vec![self.after.moves.clone()], &old, &new).steps);
            }
        }
        changed
    }

    fn moves(&self, entity: &EntitySpec, prefix: &str) -> Vec<Stored> {
        of_key(entity)
            .iter()
            .map(|column| Stored {
                name: format!("{prefix}{}", column.name),
                ..stored(entity, column)
            })
            .collect()
    }

    /// Key, guards and values. Guards are matched by the groups that keep their column.
    fn stored(&self, entity: &EntitySpec, is_new: bool) -> Vec<Stored> {
        let successors = guards::successors(self.old, self.new);
        let mut columns: Vec<Stored> =
            of_key(entity).iter().map(|column| stored(entity, column)).collect();
        for (at, group) in entity.groups.iter().enumerate() {
            let successor = if is_new { Some(at) } else { successors.get(at).copied().flatten() };
            let (base, at_id) = successor.map_or((GONE_FROM, at), |at| (GUARDS_FROM, at));
            columns.push(Stored {
                id: base.saturating_add(i32::try_from(at_id).unwrap_or(i32::MAX)),
                name: guard_name(entity, at),
                ty: LandingType::GUARD,
                declared: DeclaredTypes::default(),
                holds: "guard",
                subject: format!("{}/groups/{}", self.new.name, group.name),
                default: None,
            });
            columns.extend(of_group(entity, at).iter().map(|column| stored(entity, column)));
        }
        columns
    }

    /// Copies of removed columns: MERGE would leave them alone, DELETE and INSERT of whole rows would not.
    fn parked(&self, columns: &Changed, steps: &mut Vec<Step>) {
        let removed: Vec<String> =
            columns.removed.iter().map(|one| self.dialect.ident(&one.name)).collect();
        if removed.is_empty() {
            return;
        }
        let (schema, _) = self.after.state.rsplit_once('.').unwrap_or(("", ""));
        let (_, aside) = self.aside(&self.after.state);
        let key: Vec<String> = self.before.key.iter().map(|column| column.name.clone()).collect();
        let all = [key, removed.clone(), vec![names::COMMIT.to_owned()]].concat().join(", ");
        let what = format!(
            "copy {} to {schema}.{aside}: the new contract has no such column",
            removed.join(", ")
        );
        steps.push(
            self.step(Phase::Change, "DCW010", "/fields", what)
                .sql(format!(
                    "CREATE TABLE IF NOT EXISTS {schema}.{aside} AS SELECT {all} FROM {}",
                    self.after.state
                ))
                .undo(format!("DROP TABLE {schema}.{aside}")),
        );
    }

    fn drops(&self, columns: &Changed, steps: &mut Vec<Step>) {
        if columns.removed.is_empty() {
            return;
        }
        for column in &columns.dropped {
            let name = self.dialect.ident(&column.name);
            let mut step = Step::new(
                target_of(self.dialect),
                Phase::Destructive,
                "DCW010",
                &column.subject,
                format!("drop column {name}"),
            );
            for table in self.tables() {
                step = step.sql(format!("ALTER TABLE {table} DROP COLUMN IF EXISTS {name}"));
            }
            steps.push(step);
        }
        let (schema, _) = self.after.state.rsplit_once('.').unwrap_or(("", ""));
        let (_, aside) = self.aside(&self.after.state);
        let what = format!("drop {schema}.{aside}, the copy of the removed columns");
        steps.push(
            self.step(Phase::Destructive, "DCW010", "/fields", what)
                .sql(format!("DROP TABLE IF EXISTS {schema}.{aside}")),
        );
    }

    /// One UPDATE, so that no guard is computed from another that was just written.
    fn guards(&self, empty: &[&str]) -> Option<Step> {
        let successors = guards::successors(self.old, self.new);
        let mut set = Vec::new();
        let mut unknown = Vec::new();
        for (at, group) in self.new.groups.iter().enumerate() {
            let column = self.dialect.ident(&guard_name(self.new, at));
            match guards::guard(self.old, self.new, at, &successors, self.dialect) {
                None | Some(Guard::Kept) => {}
                Some(Guard::From(expression)) => set.push(format!("{column} = {expression}")),
                Some(Guard::Unknown) if empty.contains(&guard_name(self.new, at).as_str()) => {}
                Some(Guard::Unknown) => {
                    set.push(format!("{column} = NULL"));
                    unknown.push(group.name.as_str());
                }
            }
        }
        if set.is_empty() {
            return None;
        }
        let mut what = "give the merge groups that changed the guards of what is stored".to_owned();
        if !unknown.is_empty() {
            what.push_str(&format!(
                "; of {} it is not known: the next change wins until the backfill has run",
                unknown.join(", ")
            ));
        }
        let places = self.regrouped().map(|field| format!("{}/fields/{field}", self.new.name));
        let mut step = self.step(Phase::Change, "DCM260", "/groups", what).because(places);
        for table in self.tables() {
            step = step.sql(format!("UPDATE {table} SET {}", set.join(", ")));
        }
        Some(step.undo("restore the guards from a copy of the tables, or replay landing"))
    }

    /// Fields that are guarded otherwise than before.
    fn regrouped(&self) -> impl Iterator<Item = &str> {
        let guarded = |entity: &EntitySpec, field: &FieldSpec| {
            let group = field.group.and_then(|at| entity.groups.get(at))?;
            let owners: Vec<String> = field.from.keys().cloned().collect();
            Some((group.name.clone(), group.rule, owners))
        };
        self.new.fields.iter().filter_map(move |field| {
            let before = self.old.fields.iter().find(|before| before.id == field.id)?;
            let same = guarded(self.old, before) == guarded(self.new, field)
                && before.ty == field.ty
                && !guards::counts_otherwise(self.old, before, self.new, field);
            (!same).then_some(field.name.as_str())
        })
    }

    /// What the ledgers of the warehouse call the entity. The log of applied commits keeps what it said at the time.
    fn renamed(&self, steps: &mut Vec<Step>) {
        if self.old.name == self.new.name {
            return;
        }
        let call = |from: &str, to: &str| {
            format!(
                "UPDATE COVENANT.FLOORS SET entity = {} WHERE entity = {}",
                text_literal(to),
                text_literal(from)
            )
        };
        let (was, is) = (&self.old.name, &self.new.name);
        let what =
            format!("call the floors of {was} those of {is}: deletes below them stay deletes");
        let step = self.step(Phase::Change, "DCW002", "/formerly", what);
        steps.push(step.sql(call(was, is)).undo(call(is, was)));
        let what = format!("drop the work tables of {was}: the new tables make those of {is}");
        let mut step = self.step(Phase::Destructive, "DCW002", "/formerly", what);
        for table in work_tables(self.before, self.dialect) {
            step = step.sql(format!("DROP TABLE IF EXISTS {table}"));
        }
        steps.push(step.undo("the old `2-schema` makes them: they are empty between commits"));
    }

    /// Rows that hold a symbol by its former name.
    fn symbols(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (ix, field) in self.new.fields.iter().enumerate() {
            let before = self.old.fields.iter().find(|before| before.id == field.id);
            let Some(LogicalType::Enum { symbols }) = before.map(|before| &before.ty) else {
                continue;
            };
            let stored = of_field(field, ix);
            let renamed = field.evolution.renamed.iter().filter(|(was, _)| symbols.contains(was));
            for (was, is) in renamed {
                let Some(column) = stored.first() else { continue };
                let name = self.dialect.ident(&column.name);
                let what =
                    format!("call {was} {is} where {name} holds it; deliver those rows anew");
                let member = format!("/fields/{}", field.name);
                let mut step = self.step(Phase::Change, "DCW043", &member, what);
                let (was, is) = (text_literal(was), text_literal(is));
                for table in self.tables() {
                    step =
                        step.sql(format!("UPDATE {table} SET {name} = {is} WHERE {name} = {was}"));
                }
                let back = |table: &String| {
                    format!("UPDATE {table} SET {name} = {was} WHERE {name} = {is}")
                };
                let undo = self.tables().iter().map(back).collect::<Vec<_>>().join("; ");
                steps.push(step.undo(undo));
            }
        }
        steps
    }
}

/// DuckDB takes a bare new name, Snowflake the name with its schema.
fn rename_table(dialect: Dialect, from: &str, schema: &str, name: &str) -> String {
    match dialect {
        Dialect::DuckDb => format!("ALTER TABLE {from} RENAME TO {name}"),
        Dialect::Snowflake => format!("ALTER TABLE {from} RENAME TO {schema}.{name}"),
    }
}

fn stored(entity: &EntitySpec, column: &StoredColumn) -> Stored {
    let spec = entity.fields.get(column.field);
    let field = spec.map_or("", |field| field.name.as_str());
    let filled = |field: &FieldSpec| {
        let (text, group) = (field.evolution.default.clone()?, field.group?);
        Some(Filled { text, guard: guard_name(entity, group) })
    };
    Stored {
        id: column.parquet_id,
        name: column.name.clone(),
        ty: LandingType::of(&column.ty),
        declared: spec
            .filter(|_| column.part == ColumnPart::Plain)
            .map(|field| field.terms.types.clone())
            .unwrap_or_default(),
        holds: match column.part {
            ColumnPart::Plain => "plain",
            ColumnPart::Cipher => "cipher",
            ColumnPart::Token => "token",
        },
        subject: format!("{}/fields/{field}", entity.name),
        default: spec.and_then(filled),
    }
}
