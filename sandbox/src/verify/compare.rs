//! Expected rows against found rows: lost, duplicated, diverged, resurrected.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Examples of each difference that are kept.
const EXAMPLES_MAX: usize = 5;

/// A column's text, as 64 bits: 25 million cells of a large run would not fit as texts.
pub fn digest(value: Option<&str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A row that must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedRow {
    /// One per compared column.
    pub cells: Box<[u64]>,
}

/// A row that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRow {
    /// Its key.
    pub key: String,
    /// One per compared column.
    pub cells: Box<[u64]>,
}

/// What must be there, and nothing else.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Names of the compared columns.
    pub columns: Vec<&'static str>,
    /// By key.
    pub rows: BTreeMap<String, ExpectedRow>,
}

/// What the comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Rows that must be there.
    pub expected: u64,
    /// Rows that are there.
    pub found: u64,
    /// Expected and not found.
    pub lost: u64,
    /// Found more than once: every further time counts.
    pub duplicated: u64,
    /// Found with other values, or not expected at all.
    pub diverged: u64,
    /// Found although deleted.
    pub resurrected: u64,
    /// A few of them, without values: keys and column names hold no personal data.
    pub examples: Vec<String>,
}

impl Differences {
    /// No difference at all.
    pub fn none(&self) -> bool {
        self.lost == 0 && self.duplicated == 0 && self.diverged == 0 && self.resurrected == 0
    }

    fn example(&mut self, kind: &str, key: &str, what: &str) {
        if self.examples.len() < EXAMPLES_MAX * 4
            && self.examples.iter().filter(|told| told.starts_with(kind)).count() < EXAMPLES_MAX
        {
            let key = key.replace(super::told::KEY_SEPARATOR, "/");
            self.examples.push(format!("{kind} {key}{what}"));
        }
    }
}

/// Compares. `gone` says whether a key was deleted or moved away.
pub fn compare(
    expected: &Expected,
    found: impl IntoIterator<Item = FoundRow>,
    gone: impl Fn(&str) -> bool,
) -> Differences {
    let mut told = Differences { expected: expected.rows.len() as u64, ..Differences::default() };
    let mut seen: BTreeMap<String, ()> = BTreeMap::new();
    for row in found {
        told.found += 1;
        let again = seen.insert(row.key.clone(), ()).is_some();
        if again {
            told.duplicated += 1;
            told.example("duplicated", &row.key, "");
        }
        match expected.rows.get(&row.key) {
            Some(wanted) => {
                let columns = different(&expected.columns, &wanted.cells, &row.cells);
                if !columns.is_empty() {
                    told.diverged += 1;
                    told.example("diverged", &row.key, &format!(" in {}", columns.join(", ")));
                }
            }
            None if gone(&row.key) => {
                told.resurrected += 1;
                told.example("resurrected", &row.key, "");
            }
            None => {
                told.diverged += 1;
                told.example("unexpected", &row.key, "");
            }
        }
    }
    for key in expected.rows.keys().filter(|key| !seen.contains_key(*key)) {
        told.lost += 1;
        told.example("lost", key, "");
    }
    told
}

fn different(columns: &[&'static str], wanted: &[u64], found: &[u64]) -> Vec<&'static str> {
    if wanted.len() != found.len() {
        return columns.to_vec();
    }
    let pairs = columns.iter().zip(wanted.iter().zip(found));
    pairs.filter(|(_, (wanted, found))| wanted != found).map(|(column, _)| *column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(values: &[&str]) -> Box<[u64]> {
        values.iter().map(|value| digest(Some(value))).collect()
    }

    fn expected() -> Expected {
        let rows = [("a", ["1", "x"]), ("b", ["2", "y"]), ("c", ["3", "z"])];
        Expected {
            columns: vec!["number", "letter"],
            rows: rows
                .iter()
                .map(|(key, values)| ((*key).to_owned(), ExpectedRow { cells: cells(values) }))
                .collect(),
        }
    }

    fn found(rows: &[(&str, [&str; 2])]) -> Vec<FoundRow> {
        rows.iter()
            .map(|(key, values)| FoundRow { key: (*key).to_owned(), cells: cells(values) })
            .collect()
    }

    const ALL: [(&str, [&str; 2]); 3] = [("a", ["1", "x"]), ("b", ["2", "y"]), ("c", ["3", "z"])];

    #[test]
    fn the_same_is_no_difference() {
        let told = compare(&expected(), found(&ALL), |_| false);
        assert!(told.none());
        assert_eq!((told.expected, told.found), (3, 3));
    }

    #[test]
    fn a_lost_row_is_seen() {
        let told = compare(&expected(), found(&ALL[..2]), |_| false);
        assert_eq!((told.lost, told.none()), (1, false));
        assert_eq!(told.examples, ["lost c"]);
    }

    #[test]
    fn a_duplicated_row_is_seen() {
        let mut rows = ALL.to_vec();
        rows.push(("b", ["2", "y"]));
        let told = compare(&expected(), found(&rows), |_| false);
        assert_eq!((told.duplicated, told.diverged, told.none()), (1, 0, false));
    }

    #[test]
    fn a_diverged_row_is_seen_and_its_column_named() {
        let mut rows = ALL.to_vec();
        rows[1].1[1] = "stale";
        let told = compare(&expected(), found(&rows), |_| false);
        assert_eq!((told.diverged, told.none()), (1, false));
        assert_eq!(told.examples, ["diverged b in letter"]);
    }

    #[test]
    fn a_resurrected_row_is_told_from_an_unexpected_one() {
        let mut rows = ALL.to_vec();
        rows.push(("deleted", ["9", "q"]));
        rows.push(("never", ["9", "q"]));
        let told = compare(&expected(), found(&rows), |key| key == "deleted");
        assert_eq!((told.resurrected, told.diverged), (1, 1));
        assert!(!told.none());
    }

    #[test]
    fn null_is_not_the_empty_text() {
        assert_ne!(digest(None), digest(Some("")));
    }
}
