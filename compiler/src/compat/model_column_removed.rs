//! A model lost a column, or is gone.

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{Sides, consumers};
use crate::compat::{Consumer, ConsumerKind};

pub(super) static RULE: Rule = Rule {
    code: "DCM223",
    slug: "model-column-removed",
    modes: Modes { backward: Grade::Error, forward: Grade::Error },
    migration: Migration::Rebuild,
    explain: "A model lost a column or changed its type, or is gone.\n\nModels and reports that read it fail.\n\nMove them away first.",
    check: Check::Sides(check),
};

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for old in &sides.old.models {
        let new = sides.new.models.iter().find(|new| new.name == old.name);
        let sink = &old.warehouse;
        let table = format!("{}.{}.{}", sink.database, sink.schema, sink.table);
        let path = format!("{}/sinks/{}", old.name, sink.system);
        let consumer = |name: String, how: &str| Consumer {
            kind: ConsumerKind::SnowflakeTable,
            name,
            path: path.clone(),
            how: how.to_owned(),
        };
        let mut push = |subject: String, headline: String, broken: Vec<Consumer>| {
            let help = "move the readers away first".to_owned();
            let finding = Finding::new(&RULE, old.compatibility, subject, headline, broken, help);
            findings.push(finding.new_at(new.map(|new| new.name.clone())));
        };
        let Some(new) = new else {
            let mut broken = vec![consumer(table, "is no longer computed")];
            broken.extend(consumers::readers(sides.old, &old.name, "reads it"));
            push(old.name.clone(), format!("model {} was removed", old.name), broken);
            continue;
        };
        for column in &old.fields {
            let kept = new.fields.iter().find(|other| other.name == column.name);
            let what = match kept {
                Some(kept) if kept.ty == column.ty => continue,
                Some(kept) => format!("changed from {} to {}", column.ty, kept.ty),
                None => "was removed".to_owned(),
            };
            let mut broken = vec![consumer(format!("{table}.{}", column.name), "changes")];
            broken.extend(consumers::models(sides.new, &old.name, &column.name, "reads it"));
            let subject = format!("{}/fields/{}", old.name, column.name);
            push(subject, format!("column {} of {} {what}", column.name, old.name), broken);
        }
    }
}
