//! The views over an entity's tables: dropped before its columns change, and one that shows the old names.

use covenant_model::columns::of_field;

use super::columns::Stored;
use super::entity::Both;
use super::{Phase, Step, suffix};
use crate::emit::sql::{Dialect, column_type};

impl Both<'_> {
    /// Their columns change: DuckDB alters no table under a view, and a view keeps the columns that it was made with.
    pub(super) fn dropped_views(&self, what: String) -> Step {
        let mut step = self.step(Phase::Change, "DCW018", "", what);
        if self.before.history {
            step = step.sql(format!("DROP VIEW IF EXISTS {}", self.before.intervals));
        }
        step.sql(format!("DROP VIEW IF EXISTS {}", self.before.view)).undo("create them again")
    }

    /// The presented view as readers of the old contract knew it.
    pub(super) fn compatibility_view(&self, removed: &[Stored], steps: &mut Vec<Step>) {
        let same_shape = removed.is_empty()
            && self.before.view == self.after.view
            && self.old.fields.iter().all(|old| {
                self.new.fields.iter().any(|new| new.id == old.id && new.name == old.name)
            });
        if same_shape {
            return;
        }
        let mut columns = Vec::new();
        for (ix, field) in self.old.fields.iter().enumerate() {
            let renamed = self.new.fields.iter().enumerate().find(|(_, new)| new.id == field.id);
            let after = renamed.map(|(ix, new)| of_field(new, ix));
            for column in of_field(field, ix) {
                let name = self.dialect.ident(&column.name);
                let now = after
                    .as_ref()
                    .and_then(|after| after.iter().find(|now| now.parquet_id == column.parquet_id));
                columns.push(match now {
                    Some(now) if now.name == column.name => name,
                    Some(now) => format!("{} AS {name}", self.dialect.ident(&now.name)),
                    None => {
                        let ty = column_type(self.old, &column, self.dialect);
                        format!("CAST(NULL AS {ty}) AS {name}")
                    }
                });
            }
        }
        // Where the view itself moved, the old name is free for it.
        let (schema, table) = self.before.view.rsplit_once('.').unwrap_or(("", ""));
        let view = if self.before.view == self.after.view {
            let name = format!("{}_V{}", table.trim_matches('"'), suffix(&self.old.version));
            format!("{schema}.{}", self.dialect.ident(&name.to_uppercase()))
        } else {
            self.before.view.clone()
        };
        let what = format!(
            "show {} as version {} knew it, for readers that have not moved",
            view, self.old.version
        );
        let step = self.step(Phase::After, "DCW018", "/sinks", what).sql(format!(
            "CREATE OR REPLACE VIEW {view} AS SELECT {} FROM {}",
            columns.join(", "),
            self.after.view
        ));
        let step = match self.dialect {
            Dialect::DuckDb => step,
            Dialect::Snowflake => {
                step.sql(format!("GRANT SELECT ON VIEW {view} TO ROLE COVENANT_ANALYST"))
            }
        };
        steps.push(step.undo(format!("DROP VIEW {view}")));
        let what = format!("drop {view}, once nobody reads it");
        steps.push(
            self.step(Phase::Destructive, "DCW018", "/sinks", what)
                .sql(format!("DROP VIEW IF EXISTS {view}")),
        );
    }
}
