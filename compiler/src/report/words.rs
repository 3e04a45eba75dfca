//! Words that several formats share.

use super::{Effect, Entry, Migration, Step, Waived, Witness};
use crate::diagnostic::Severity;

/// `error`
pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

/// `breaks Order__c.Status__c, analytics.daily_sales`; empty where nobody does.
pub(super) fn breaks(entry: &Entry) -> String {
    let names: Vec<&str> = entry.consumers.iter().map(|one| one.name.as_str()).collect();
    if names.is_empty() { String::new() } else { format!("breaks {}", names.join(", ")) }
}

/// `the Salesforce mapping Order__c.Status__c no longer knows it`
pub(super) fn consumer(consumer: &super::Consumer) -> String {
    format!("{} {} {}", consumer.words, consumer.name, consumer.how)
}

/// One line about stored data.
pub(super) fn migration(migration: &Migration) -> String {
    format!("stored data: {}", migration.words)
}

/// `snowflake: widen the column`, and the statement or the difference below it.
pub(super) fn step(step: &Step) -> String {
    let below = step.statement.as_ref().or(step.difference.as_ref());
    let below = below.map(|text| format!("\n{text}")).unwrap_or_default();
    format!("{}{below}", step_line(step))
}

/// Every step as SQL with comments.
pub(super) fn script(migration: &Migration) -> String {
    let step = |step: &Step| {
        let comment = format!("-- {}", step_line(step));
        match (&step.statement, &step.difference) {
            (Some(statement), _) => format!("{comment}\n{statement}"),
            (None, Some(lines)) => {
                let lines = lines.lines().map(|line| format!("\n--   {line}"));
                format!("{comment}{}", lines.collect::<String>())
            }
            (None, None) => comment,
        }
    };
    migration.steps.iter().map(step).collect::<Vec<_>>().join("\n")
}

fn step_line(step: &Step) -> String {
    let mark = if step.destructive { " (destroys data)" } else { "" };
    format!("{}{mark}: {}", step.platform, step.what)
}

/// `error[DCM253] headline (breaks ...)`
pub(super) fn effect(effect: &Effect) -> String {
    let who = if effect.breaks.is_empty() {
        String::new()
    } else {
        format!(" (breaks {})", effect.breaks.join(", "))
    };
    format!("{}[{}] {}{who}", severity(effect.severity), effect.code, effect.headline)
}

/// The witness in a few lines.
pub(super) fn witness(witness: &Witness) -> String {
    let mut lines = vec![format!("{}:", proof(witness))];
    lines.extend(witness.shown.lines().map(|line| format!("  {line}")));
    lines.push(format!("before the change: {}", witness.before));
    lines.push(format!("after it: {}", witness.after));
    lines.extend(witness.notes.iter().map(|note| format!("({note})")));
    lines.join("\n")
}

/// `witness, a record (made up, and run on both sides)`
pub(super) fn proof(witness: &Witness) -> String {
    let run = if witness.confirmed { "run on both sides" } else { "not run" };
    format!("witness, {} (made up, and {run})", witness.kind)
}

/// One line about a waiver.
pub(super) fn waived(waived: &Waived) -> String {
    format!("waived by {} until {}: {}", waived.owner, waived.expires, waived.reason)
}

/// Everything beyond the headline as lines of plain text, for formats that have one text only.
pub(super) fn details(entry: &Entry) -> Vec<String> {
    let mut lines: Vec<String> = entry.consumers.iter().map(consumer).collect();
    let hops = entry.hops.iter().enumerate();
    lines.extend(hops.map(|(at, hop)| format!("{}. {}", at + 1, hop.text)));
    lines.extend(entry.why.iter().cloned());
    if let Some(found) = &entry.migration {
        lines.push(migration(found));
        lines.extend(found.steps.iter().map(step));
    }
    lines.extend(entry.witness.iter().map(witness));
    let effects = entry.effects.iter();
    lines.extend(effects.map(|one| format!("follows from it: {}", effect(one))));
    lines.extend(entry.help.iter().cloned());
    lines.extend(entry.waived.iter().map(waived));
    lines
}
