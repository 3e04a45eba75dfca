//! The table at the end.

use std::collections::BTreeMap;
use std::fmt::Write;

use comfy_table::{Cell, CellAlignment, Table, presets};

use super::compare::Differences;
use super::freshness::Latency;

/// One entity in one target.
#[derive(Clone, Debug)]
pub struct Line {
    /// `sales.order`
    pub entity: &'static str,
    /// `warehouse`, `salesforce`
    pub target: &'static str,
    /// What the comparison found.
    pub differences: Differences,
    /// Records of the entity in quarantine; none where the target has no quarantine of its own.
    pub quarantined: Option<u64>,
    /// From commit to visible.
    pub freshness: Option<Latency>,
}

/// Everything that the verifier found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By entity and target.
    pub lines: Vec<Line>,
    /// Entity: rule -> records in quarantine.
    pub reasons: BTreeMap<String, u64>,
    /// Findings beyond rows: poison that is in no quarantine, events refused at the door.
    pub findings: Vec<String>,
    /// Worth telling, but no finding.
    pub notes: Vec<String>,
}

impl Report {
    /// Nothing lost, doubled, diverged or resurrected, and no other finding.
    pub fn proved(&self) -> bool {
        !self.lines.is_empty()
            && self.findings.is_empty()
            && self.lines.iter().all(|line| line.differences.none())
    }

    /// The table and what follows it.
    pub fn render(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header([
            "entity",
            "target",
            "expected",
            "found",
            "lost",
            "duplicated",
            "diverged",
            "resurrected",
            "quarantined",
            "fresh p50",
            "fresh p99",
        ]);
        for line in &self.lines {
            table.add_row(cells(line));
        }
        let mut text = format!("{table}\n");
        section(
            &mut text,
            "In quarantine, by rule",
            self.reasons.iter().map(|(rule, n)| format!("{n:>6}  {rule}")),
        );
        for line in &self.lines {
            let heading = format!("{} in {}", line.entity, line.target);
            section(&mut text, &heading, line.differences.examples.iter().cloned());
        }
        section(&mut text, "Findings", self.findings.iter().cloned());
        section(&mut text, "Notes", self.notes.iter().cloned());
        text
    }
}

fn section(text: &mut String, heading: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "\n{heading}:");
        for line in lines {
            let _ = writeln!(text, "  {line}");
        }
    }
}

fn cells(line: &Line) -> Vec<Cell> {
    let number = |n: u64| Cell::new(n).set_alignment(CellAlignment::Right);
    let time = |ms: Option<i64>| {
        let text = ms.map_or("-".to_owned(), |ms| format!("{:.1} s", ms as f64 / 1000.0));
        Cell::new(text).set_alignment(CellAlignment::Right)
    };
    let told = &line.differences;
    vec![
        Cell::new(line.entity),
        Cell::new(line.target),
        number(told.expected),
        number(told.found),
        number(told.lost),
        number(told.duplicated),
        number(told.diverged),
        number(told.resurrected),
        line.quarantined.map_or_else(|| Cell::new("-").set_alignment(CellAlignment::Right), number),
        time(line.freshness.map(|latency| latency.p50_ms)),
        time(line.freshness.map(|latency| latency.p99_ms)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(differences: Differences) -> Report {
        let line = Line {
            entity: "sales.order",
            target: "warehouse",
            differences,
            quarantined: Some(2),
            freshness: Some(Latency { samples: 9, p50_ms: 800, p99_ms: 2_340 }),
        };
        Report { lines: vec![line], ..Report::default() }
    }

    #[test]
    fn only_a_clean_report_proves() {
        assert!(report(Differences::default()).proved());
        for differences in [
            Differences { lost: 1, ..Differences::default() },
            Differences { duplicated: 1, ..Differences::default() },
            Differences { diverged: 1, ..Differences::default() },
            Differences { resurrected: 1, ..Differences::default() },
        ] {
            assert!(!report(differences).proved());
        }
        assert!(!Report::default().proved(), "an empty report proves nothing");
    }

    #[test]
    fn the_table_shows_what_was_found() {
        let text =
            report(Differences { expected: 10, found: 9, lost: 1, ..Differences::default() })
                .render();
        assert!(text.contains("sales.order") && text.contains("2.3 s"), "{text}");
    }
}
