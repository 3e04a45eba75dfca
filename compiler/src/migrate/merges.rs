//! What a change alters of the statement that merges a batch: the lines that decide who wins a column.

use std::collections::BTreeMap;

use covenant_model::columns::names;
use covenant_model::spec::EntitySpec;

use crate::emit::EmitError;
use crate::emit::snowflake::Merges;
use crate::plan::Plan;

/// Joins of the statement that a column's own line follows from: they are left out.
const DECIDES: [&str; 2] = ["IFF(", "GREATEST"];

/// One line of the difference.
pub(super) struct Line {
    /// The column that it is about.
    column: String,
    /// With `-` where it goes, with `+` where it comes.
    pub(super) text: String,
}

impl Line {
    /// Whether it is about a field: its columns or their guard.
    pub(super) fn is_about(&self, field: &str) -> bool {
        let of =
            |name: &str| name == field || name.strip_suffix(names::TOKEN_SUFFIX) == Some(field);
        of(&self.column) || self.column.strip_prefix(names::GUARD_PREFIX).is_some_and(of)
    }
}

/// The differences of the entities of a change, worked out when they are asked for.
pub(super) struct Differences<'p> {
    old: &'p Plan,
    new: &'p Plan,
    merges: Option<Merges>,
    known: BTreeMap<&'p str, Vec<Line>>,
}

impl<'p> Differences<'p> {
    pub(super) fn new(old: &'p Plan, new: &'p Plan) -> Self {
        Self { old, new, merges: None, known: BTreeMap::new() }
    }

    /// The file with the new statement, and what it says otherwise than the old one; nothing where there is no such table
    /// on both sides.
    ///
    /// # Errors
    /// Where a target cannot express the contracts.
    pub(super) fn of(&mut self, contract: &str) -> Result<Option<(String, &[Line])>, EmitError> {
        let (old, new) = (self.old, self.new);
        let after = new.entity(contract);
        let after = after.or_else(|| new.successor(old.entity(contract)?));
        let Some(after) = after else { return Ok(None) };
        let Some(before) = old.predecessor(after) else { return Ok(None) };
        if !self.known.contains_key(after.name.as_str()) {
            let lines = if before == after { Vec::new() } else { self.between(before, after)? };
            self.known.insert(&after.name, lines);
        }
        let lines = self.known.get(after.name.as_str()).map(Vec::as_slice).unwrap_or_default();
        Ok(Some((Merges::path(&after.name), lines)))
    }

    fn between(&mut self, before: &EntitySpec, after: &EntitySpec) -> Result<Vec<Line>, EmitError> {
        if self.merges.is_none() {
            self.merges = Some(Merges::new()?);
        }
        let Some(merges) = &self.merges else { return Ok(Vec::new()) };
        let (Some(was), Some(is)) = (merges.of(before)?, merges.of(after)?) else {
            return Ok(Vec::new());
        };
        let (was, is) = (decisions(&was), decisions(&is));
        let gone = was.iter().filter(|line| !is.contains(line)).map(|line| ('-', line));
        let come = is.iter().filter(|line| !was.contains(line)).map(|line| ('+', line));
        let line = |(sign, (column, text)): (char, &(&str, &str))| Line {
            column: (*column).to_owned(),
            text: format!("{sign} {text}"),
        };
        Ok(gone.chain(come).map(line).collect())
    }
}

/// Column and line of everything that decides who wins.
fn decisions(text: &str) -> Vec<(&str, &str)> {
    let lines = text.lines().map(|line| line.trim().trim_end_matches(','));
    let decides = |line: &&str| DECIDES.iter().any(|word| line.starts_with(word));
    lines.filter(decides).filter_map(|line| Some((line.rsplit_once(" AS ")?.1, line))).collect()
}
