//! Columns of a table before and after, matched by their ids, and the statements that turn one into the other.

use std::collections::{BTreeMap, BTreeSet};

use covenant_model::columns::LandingType;

use super::{Phase, Step, target_of};
use crate::emit::sql::{Dialect, text_literal};
use covenant_model::terms::DeclaredTypes;

use crate::physical::{Alter, Column, PhysicalType, Platform, Relation, alter, relation};

/// A stored column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// Stable over names.
    pub(super) id: i32,
    pub(super) name: String,
    pub(super) ty: LandingType,
    /// What the contract's `types` says instead.
    pub(super) declared: DeclaredTypes,
    /// What it holds: a plaintext and a ciphertext of one type are not the same.
    pub(super) holds: &'static str,
    /// `sales.order/fields/total`
    pub(super) subject: String,
    /// What rows of before get, and the guard that says whether its owner has told them.
    pub(super) default: Option<Filled>,
}

/// What a new column is filled with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filled {
    /// In the text of the type.
    pub(super) text: String,
    /// Column of the guard.
    pub(super) guard: String,
}

/// What became of the columns of a table.
pub(super) struct Change<'a> {
    pub(super) dialect: Dialect,
    /// Tables that have these columns, as they stand in SQL after a move.
    pub(super) tables: Vec<String>,
    pub(super) old: &'a [Stored],
    pub(super) new: &'a [Stored],
    /// Version before: part of the names of what is set aside.
    pub(super) version: &'a str,
}

/// Steps, the columns whose old values mean nothing any more, and those that are new.
#[derive(Default)]
pub(super) struct Changed {
    pub(super) steps: Vec<Step>,
    /// In the order of the new columns: all that rows of before do not have.
    pub(super) empty: Vec<Stored>,
    pub(super) removed: Vec<Stored>,
    /// Those of them that still stand under their name.
    pub(super) dropped: Vec<Stored>,
}

impl Change<'_> {
    fn platform(&self) -> Platform {
        match self.dialect {
            Dialect::DuckDb => Platform::DuckDb,
            Dialect::Snowflake => Platform::Snowflake,
        }
    }

    fn ty(&self, column: &Stored) -> PhysicalType {
        PhysicalType::parse(self.platform(), &self.type_name(column))
    }

    /// The column's type as it stands in SQL.
    fn type_name(&self, column: &Stored) -> String {
        let declared = self.dialect.declared(&column.declared);
        declared.map_or_else(|| self.dialect.type_name(column.ty), str::to_owned)
    }

    fn ident(&self, name: &str) -> String {
        self.dialect.ident(name)
    }

    fn step(&self, phase: Phase, code: &'static str, column: &Stored, what: String) -> Step {
        Step::new(target_of(self.dialect), phase, code, &column.subject, what)
    }

    /// One statement for each table.
    fn all(&self, step: Step, statement: impl Fn(&str) -> String) -> Step {
        self.tables.iter().fold(step, |step, table| step.sql(statement(table)))
    }

    fn undone(&self, statement: impl Fn(&str) -> String) -> String {
        self.tables.iter().map(|table| statement(table)).collect::<Vec<_>>().join("; ")
    }

    pub(super) fn run(&self) -> Changed {
        let mut changed = Changed::default();
        let after: BTreeMap<i32, &Stored> = self.new.iter().map(|one| (one.id, one)).collect();
        let before: BTreeMap<i32, &Stored> = self.old.iter().map(|one| (one.id, one)).collect();
        let mut aside = Vec::new();
        for column in self.old {
            let replaced = match after.get(&column.id) {
                None => {
                    changed.removed.push(column.clone());
                    // Its name may belong to another field now.
                    let taken = self.new.iter().any(|new| same_name(new, column));
                    if !taken {
                        changed.dropped.push(column.clone());
                    }
                    taken
                }
                Some(new) => self.is_replaced(column, new),
            };
            if replaced {
                let code = after.get(&column.id).map_or("DCW010", |new| self.code(column, new));
                aside.push((column, code));
            }
        }
        for (column, code) in &aside {
            self.set_aside(column, code, &mut changed);
        }
        let moved: BTreeSet<i32> = aside.iter().map(|(column, _)| column.id).collect();
        let kept = |id: &i32| !moved.contains(id);
        let pairs: Vec<(&Stored, &Stored)> = self
            .new
            .iter()
            .filter(|new| kept(&new.id))
            .filter_map(|new| before.get(&new.id).map(|old| (*old, new)))
            .collect();
        self.rename(&pairs, &mut changed);
        for (old, new) in &pairs {
            self.retype(old, new, &mut changed);
        }
        for new in self.new {
            if !before.contains_key(&new.id) || moved.contains(&new.id) {
                self.add(new, &mut changed);
            }
        }
        changed
    }

    /// Whether the old values say nothing in the new column.
    fn is_replaced(&self, old: &Stored, new: &Stored) -> bool {
        let at = Column { table: "t", column: "c" };
        let impossible = matches!(
            alter(self.platform(), &at, &self.ty(old), &self.ty(new)),
            Alter::Impossible { .. }
        );
        old.holds != new.holds || impossible
    }

    fn code(&self, old: &Stored, new: &Stored) -> &'static str {
        match (old.holds, new.holds) {
            (before, after) if before == after && old.ty == new.ty => {
                let at = Column { table: "t", column: "c" };
                match alter(self.platform(), &at, &self.ty(old), &self.ty(new)) {
                    // A length that changed where columns have none.
                    Alter::Nothing if old.declared == new.declared => "DCW031",
                    Alter::Nothing => "DCW034",
                    Alter::InPlace { .. } | Alter::Precheck { .. } => "DCS113",
                    Alter::Rebuild { .. } | Alter::Impossible { .. } => "DCS112",
                }
            }
            (before, after) if before == after => match relation(&self.ty(old), &self.ty(new)) {
                Relation::Rescaled => "DCW033",
                Relation::Wider => "DCW031",
                Relation::Narrower => "DCW032",
                Relation::Same | Relation::Synonym | Relation::Zone | Relation::Unrelated => {
                    "DCW030"
                }
            },
            ("plain", _) => "DCP303",
            _ => "DCP301",
        }
    }

    fn aside_name(&self, column: &Stored) -> String {
        self.ident(&format!("_was_{}_{}", super::suffix(self.version), column.name))
    }

    fn set_aside(&self, column: &Stored, code: &'static str, changed: &mut Changed) {
        let (name, aside) = (self.ident(&column.name), self.aside_name(column));
        let what = format!(
            "set column {name} aside as {aside}: its values mean nothing in the new column"
        );
        let step = self.step(Phase::Change, code, column, what);
        changed.steps.push(
            self.all(step, |table| format!("ALTER TABLE {table} RENAME COLUMN {name} TO {aside}"))
                .undo(self.undone(|table| {
                    format!("ALTER TABLE {table} RENAME COLUMN {aside} TO {name}")
                })),
        );
        let what = format!("drop {aside}, the values of before");
        let step = self.step(Phase::Destructive, code, column, what);
        changed.steps.push(
            self.all(step, |table| format!("ALTER TABLE {table} DROP COLUMN IF EXISTS {aside}")),
        );
    }

    /// Names that are taken until another rename has run go by a name of their own first.
    fn rename(&self, pairs: &[(&Stored, &Stored)], changed: &mut Changed) {
        let renamed: Vec<_> = pairs.iter().filter(|(old, new)| !same_name(old, new)).collect();
        let taken = |new: &Stored| renamed.iter().any(|(old, _)| same_name(old, new));
        for (old, new) in renamed.iter().filter(|(_, new)| taken(new)) {
            let (name, between) = (self.ident(&old.name), self.between(new));
            let what = format!("rename column {name} to {between}: its new name is still taken");
            let step = self.step(Phase::Change, "DCW018", new, what);
            changed.steps.push(
                self.all(step, |table| {
                    format!("ALTER TABLE {table} RENAME COLUMN {name} TO {between}")
                })
                .undo(self.undone(|table| {
                    format!("ALTER TABLE {table} RENAME COLUMN {between} TO {name}")
                })),
            );
        }
        for (old, new) in &renamed {
            let from = if taken(new) { self.between(new) } else { self.ident(&old.name) };
            let to = self.ident(&new.name);
            let what = format!("rename column {from} to {to}");
            let step = self.step(Phase::Change, "DCW018", new, what);
            changed.steps.push(
                self.all(step, |table| format!("ALTER TABLE {table} RENAME COLUMN {from} TO {to}"))
                    .undo(self.undone(|table| {
                        format!("ALTER TABLE {table} RENAME COLUMN {to} TO {from}")
                    })),
            );
        }
    }

    fn between(&self, column: &Stored) -> String {
        self.ident(&format!("_to_{}", column.name))
    }

    fn retype(&self, old: &Stored, new: &Stored, changed: &mut Changed) {
        let (before, after) = (self.ty(old), self.ty(new));
        let name = self.ident(&new.name);
        let code = self.code(old, new);
        for table in &self.tables {
            let at = Column { table, column: &name };
            let what = format!("change {table}.{name} from {before} to {after}");
            let step = self.step(Phase::Change, code, new, what);
            match alter(self.platform(), &at, &before, &after) {
                Alter::Nothing | Alter::Impossible { .. } => {}
                Alter::InPlace { sql } => {
                    changed.steps.push(step.sql(sql).undo(self.back(&at, old, new)));
                }
                Alter::Precheck { query, sql } => changed.steps.push(
                    Step { precheck: Some(query), ..step.sql(sql) }.undo(self.back(&at, old, new)),
                ),
                Alter::Rebuild { query, expression } => {
                    self.rebuild(&at, step, query, &expression, new, changed);
                }
            }
        }
    }

    /// The statement of the way back.
    fn back(&self, at: &Column<'_>, old: &Stored, new: &Stored) -> String {
        match alter(self.platform(), at, &self.ty(new), &self.ty(old)) {
            Alter::InPlace { sql } | Alter::Precheck { sql, .. } => sql,
            Alter::Nothing | Alter::Rebuild { .. } | Alter::Impossible { .. } => {
                "restore the tables as they were before".to_owned()
            }
        }
    }

    /// A new column beside the old one, filled, then both change names.
    fn rebuild(
        &self,
        at: &Column<'_>,
        step: Step,
        query: Option<String>,
        expression: &str,
        new: &Stored,
        changed: &mut Changed,
    ) {
        let Column { table, column } = at;
        let (beside, aside) = (self.ident(&format!("_new_{}", new.name)), self.aside_name(new));
        let ty = self.type_name(new);
        let code = step.code;
        changed.steps.push(
            Step { precheck: query, ..step }
                .sql(format!("ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {beside} {ty}"))
                .sql(format!("UPDATE {table} SET {beside} = {expression}"))
                .sql(format!("ALTER TABLE {table} RENAME COLUMN {column} TO {aside}"))
                .sql(format!("ALTER TABLE {table} RENAME COLUMN {beside} TO {column}"))
                .undo(format!(
                    "ALTER TABLE {table} DROP COLUMN {column}; \
                     ALTER TABLE {table} RENAME COLUMN {aside} TO {column}"
                )),
        );
        let what = format!("drop {table}.{aside}, the values of before");
        changed.steps.push(
            self.step(Phase::Destructive, code, new, what)
                .sql(format!("ALTER TABLE {table} DROP COLUMN IF EXISTS {aside}")),
        );
    }

    fn add(&self, new: &Stored, changed: &mut Changed) {
        let (name, ty) = (self.ident(&new.name), self.type_name(new));
        let step = self.step(Phase::Change, "DCW014", new, format!("add column {name} {ty}"));
        changed.steps.push(
            self.all(step, |table| {
                format!("ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {name} {ty}")
            })
            .undo(self.undone(|table| format!("ALTER TABLE {table} DROP COLUMN {name}"))),
        );
        changed.empty.push(new.clone());
        let Some(Filled { text, guard }) = &new.default else { return };
        let (value, guard) = (text_literal(text), self.ident(guard));
        let what = format!("fill {name} with its default, {text}, where the row has been told");
        let step = self.step(Phase::Change, "DCW016", new, what);
        let fill = |table: &str| {
            format!(
                "UPDATE {table} SET {name} = CAST({value} AS {ty}) WHERE {name} IS NULL AND {guard} IS NOT NULL"
            )
        };
        let undo = self.undone(|table| format!("UPDATE {table} SET {name} = NULL"));
        changed.steps.push(self.all(step, fill).undo(undo));
    }
}

/// Both dialects look columns up without regard to case.
fn same_name(a: &Stored, b: &Stored) -> bool {
    a.name.eq_ignore_ascii_case(&b.name)
}
