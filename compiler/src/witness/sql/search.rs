//! Rows on which two queries of one model part: one gives what the other does not. Tried in a fixed order, the plainest rows first,
//! and made as few and as plain as they can be.

use std::collections::BTreeSet;

use covenant_model::spec::ModelSpec;

use super::inputs::{Column, Input, inputs};
use super::value::Sql;
use super::{Answer, Prepared, Table};
use crate::plan::Plan;

/// Most inputs on which both queries are run for one finding.
const TRIALS_MAX: usize = 3_000;
/// Values of a column that are put into pairs.
const PAIRED_MAX: usize = 5;

/// Which of an input's columns and tables a side knows.
#[derive(Clone, Copy)]
enum Side {
    Old,
    New,
}

/// Rows, and what both queries give for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parted {
    /// What the old query read.
    pub old_rows: Vec<Table>,
    /// What the new query read: the same rows under the new names.
    pub new_rows: Vec<Table>,
    /// What the old query gave.
    pub old: Answer,
    /// What the new one gave.
    pub new: Answer,
    /// How they part.
    pub how: How,
}

/// How two answers part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Other rows, or other values in them.
    Rows,
    /// The same rows, of which several have one key under the old contract only.
    OldKeys,
    /// The same rows, of which several have one key under the new contract only.
    NewKeys,
}

/// For each input its rows, each a place in the values of every column.
type Filled = Vec<Vec<Vec<usize>>>;

struct Search<'s> {
    models: (&'s ModelSpec, &'s ModelSpec),
    queries: (Prepared, Prepared),
    inputs: Vec<Input>,
    left: usize,
}

/// Rows on which the queries part. `None`: none was found, or a query says what is not known here.
pub fn search(plans: (&Plan, &Plan), models: (&ModelSpec, &ModelSpec)) -> Option<Parted> {
    let (old, new) = models;
    let queries = (Prepared::new(&old.query).ok()?, Prepared::new(&new.query).ok()?);
    let texts = [old.query.as_str(), new.query.as_str()];
    let inputs = inputs(plans.0, plans.1, [&old.inputs, &new.inputs], texts);
    let mut search = Search { models, queries, inputs, left: TRIALS_MAX };
    let found = search.found()?;
    let found = search.smaller(found);
    search.left = 1;
    search.tried(&found)
}

impl Search<'_> {
    fn found(&mut self) -> Option<Filled> {
        let base: Filled =
            self.inputs.iter().map(|input| vec![vec![0; input.columns.len()]]).collect();
        let mut all = vec![base.clone()];
        all.extend(self.changed(&base, usize::MAX).into_iter().map(|(_, filled)| filled));
        // A table without a row: joins show what they do with nothing.
        all.extend((0..base.len()).map(|at| {
            let mut fewer = base.clone();
            fewer.get_mut(at).into_iter().for_each(Vec::clear);
            fewer
        }));
        if let Some(found) = all.into_iter().find(|filled| self.tried(filled).is_some()) {
            return Some(found);
        }
        self.two_rows(&base).or_else(|| self.pairs(&base))
    }

    /// Every other value of every column, each alone.
    fn changed(&self, base: &Filled, most: usize) -> Vec<((usize, usize), Filled)> {
        let mut all = Vec::new();
        for (table, input) in self.inputs.iter().enumerate() {
            for (at, column) in input.columns.iter().enumerate() {
                for place in 1..column.values.len().min(most) {
                    let mut filled = base.clone();
                    set(&mut filled, (table, 0, at), place);
                    all.push(((table, at), filled));
                }
            }
        }
        all
    }

    /// A second row, like the first but for one value; the first may differ in another.
    fn two_rows(&mut self, base: &Filled) -> Option<Filled> {
        let firsts: Vec<Filled> = std::iter::once(base.clone())
            .chain(self.changed(base, PAIRED_MAX).into_iter().map(|(_, filled)| filled))
            .collect();
        for first in firsts {
            for ((table, _), second) in self.changed(&first, PAIRED_MAX) {
                let mut both = first.clone();
                let row = second.get(table).and_then(|rows| rows.first()).cloned();
                both.get_mut(table)?.extend(row);
                if self.tried(&both).is_some() {
                    return Some(both);
                }
                if self.left == 0 {
                    return None;
                }
            }
        }
        None
    }

    /// Two columns with other values.
    fn pairs(&mut self, base: &Filled) -> Option<Filled> {
        self.left = TRIALS_MAX;
        for (_, first) in self.changed(base, PAIRED_MAX) {
            for (_, both) in self.changed(&first, PAIRED_MAX) {
                if self.tried(&both).is_some() {
                    return Some(both);
                }
                if self.left == 0 {
                    return None;
                }
            }
        }
        None
    }

    /// Fewer rows and plainer values, as long as the answers part.
    fn smaller(&mut self, mut filled: Filled) -> Filled {
        self.left = TRIALS_MAX;
        for table in 0..filled.len() {
            for row in (0..filled.get(table).map_or(0, Vec::len)).rev() {
                let mut less = filled.clone();
                less.get_mut(table).into_iter().for_each(|rows| drop(rows.remove(row)));
                if self.tried(&less).is_some() {
                    filled = less;
                }
            }
        }
        filled
    }

    fn tried(&mut self, filled: &Filled) -> Option<Parted> {
        self.left = self.left.checked_sub(1)?;
        let (old_rows, new_rows) = (self.rows(filled, Side::Old), self.rows(filled, Side::New));
        let old = self.queries.0.run(&old_rows).ok()?;
        let new = self.queries.1.run(&new_rows).ok()?;
        let how = self.parted(&old, &new)?;
        Some(Parted { old_rows, new_rows, old, new, how })
    }

    fn rows(&self, filled: &Filled, side: Side) -> Vec<Table> {
        let named = |old: &Option<String>, new: &Option<String>| match side {
            Side::Old => old.clone(),
            Side::New => new.clone(),
        };
        let tables = self.inputs.iter().zip(filled).filter_map(|(input, rows)| {
            let known: Vec<(usize, &Column, String)> = input
                .columns
                .iter()
                .enumerate()
                .filter_map(|(at, column)| Some((at, column, named(&column.old, &column.new)?)))
                .collect();
            let value = |row: &Vec<usize>, at: usize, column: &Column| {
                let place = row.get(at).copied().unwrap_or_default();
                column.values.get(place).cloned().unwrap_or(Sql::Null)
            };
            Some(Table {
                name: named(&input.old, &input.new)?,
                columns: known.iter().map(|(.., name)| name.clone()).collect(),
                rows: rows
                    .iter()
                    .map(|row| {
                        known.iter().map(|(at, column, _)| value(row, *at, column)).collect()
                    })
                    .collect(),
            })
        });
        tables.collect()
    }

    /// Compares what both sides give of the columns that both have, and whether keys tell rows apart.
    fn parted(&self, old: &Answer, new: &Answer) -> Option<How> {
        let (before, after) = self.models;
        let shared: BTreeSet<u32> = ids(before, &names(before))
            .into_iter()
            .filter(|id| ids(after, &names(after)).contains(id))
            .collect();
        let shared: Vec<u32> = shared.into_iter().collect();
        if projected(before, old, &shared) != projected(after, new, &shared) {
            return Some(How::Rows);
        }
        let twice = |model: &ModelSpec, answer: &Answer| {
            let keys = projected(model, answer, &ids(model, &model.key));
            keys.windows(2).any(|pair| pair.first() == pair.last())
        };
        match (twice(before, old), twice(after, new)) {
            (true, false) => Some(How::OldKeys),
            (false, true) => Some(How::NewKeys),
            (true, true) | (false, false) => None,
        }
    }
}

fn set(filled: &mut Filled, (table, row, column): (usize, usize, usize), place: usize) {
    let slot = filled
        .get_mut(table)
        .and_then(|rows| rows.get_mut(row))
        .and_then(|row| row.get_mut(column));
    slot.into_iter().for_each(|slot| *slot = place);
}

fn names(model: &ModelSpec) -> Vec<String> {
    model.fields.iter().map(|field| field.name.clone()).collect()
}

fn ids(model: &ModelSpec, names: &[String]) -> Vec<u32> {
    let id = |name: &String| Some(model.fields.iter().find(|field| field.name == *name)?.id);
    names.iter().filter_map(id).collect()
}

/// The columns of these ids of every row, sorted.
fn projected(model: &ModelSpec, answer: &Answer, ids: &[u32]) -> Vec<Vec<Sql>> {
    let place = |id: &u32| {
        let name = &model.fields.iter().find(|field| field.id == *id)?.name;
        answer.columns.iter().position(|column| column.eq_ignore_ascii_case(name))
    };
    let places: Vec<Option<usize>> = ids.iter().map(place).collect();
    let value = |row: &[Sql], place: &Option<usize>| {
        place.and_then(|place| row.get(place)).cloned().unwrap_or(Sql::Null)
    };
    let row = |row: &Vec<Sql>| places.iter().map(|place| value(row, place)).collect();
    let mut rows: Vec<Vec<Sql>> = answer.rows.iter().map(row).collect();
    rows.sort();
    rows
}
