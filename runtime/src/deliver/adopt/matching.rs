//! Which records and rows meet. Pure: it knows names and keyed digests, no value of anybody.
//!
//! Rules are tried in order, and the first under which a row and a record meet decides over both: what has met is not looked at
//! again. A group is everything that has one value under one rule, so groups never share a member, and neither the order of
//! rows nor that of pages changes them.

use std::collections::BTreeMap;

use crate::ledger::Digest;

/// A row or a record, by name, with its digest under every rule; none where it has no value to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// External id of a row, id of a record.
    pub name: String,
    /// One for each rule.
    pub digests: Vec<Option<Digest>>,
}

/// Rows and records that have met; at least one of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// Number of the rule, from 0.
    pub rule: usize,
    /// Sorted.
    pub rows: Vec<String>,
    /// Sorted.
    pub records: Vec<String>,
}

/// What met, and what did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// Sorted by rows.
    pub met: Vec<Met>,
    /// Rows that met no record, sorted.
    pub rows: Vec<String>,
    /// Records that met no row, sorted.
    pub records: Vec<String>,
}

/// Tries the rules in order.
pub fn matching(rows: &[Candidate], records: &[Candidate], rules: usize) -> Matching {
    let mut open_rows: Vec<&Candidate> = rows.iter().collect();
    let mut open_records: Vec<&Candidate> = records.iter().collect();
    let mut met = Vec::new();
    for rule in 0..rules {
        let mut groups: BTreeMap<Digest, Met> = BTreeMap::new();
        for record in &open_records {
            if let Some(digest) = digest(record, rule) {
                group(&mut groups, digest, rule).records.push(record.name.clone());
            }
        }
        for row in &open_rows {
            // A value that no record has makes no group.
            let there = digest(row, rule).and_then(|digest| groups.get_mut(&digest));
            if let Some(group) = there {
                group.rows.push(row.name.clone());
            }
        }
        groups.retain(|_, group| !group.rows.is_empty());
        let decided = |it: &&Candidate| digest(it, rule).is_some_and(|it| groups.contains_key(&it));
        open_rows.retain(|row| !decided(row));
        open_records.retain(|record| !decided(record));
        met.extend(groups.into_values().map(sorted));
    }
    met.sort_by(|a, b| (&a.rows, &a.records).cmp(&(&b.rows, &b.records)));
    Matching { met, rows: names(&open_rows), records: names(&open_records) }
}

fn digest(candidate: &Candidate, rule: usize) -> Option<Digest> {
    candidate.digests.get(rule).copied().flatten()
}

fn group(groups: &mut BTreeMap<Digest, Met>, digest: Digest, rule: usize) -> &mut Met {
    groups.entry(digest).or_insert_with(|| Met { rule, rows: Vec::new(), records: Vec::new() })
}

fn sorted(mut met: Met) -> Met {
    met.rows.sort();
    met.records.sort();
    met
}

fn names(open: &[&Candidate]) -> Vec<String> {
    let mut names: Vec<String> = open.iter().map(|it| it.name.clone()).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn candidate(name: String, values: &[Option<u8>]) -> Candidate {
        let digests = values.iter().map(|value| value.map(|value| [value; 32])).collect();
        Candidate { name, digests }
    }

    fn one(name: &str, values: &[Option<u8>]) -> Candidate {
        candidate(name.to_owned(), values)
    }

    #[test]
    fn the_first_rule_under_which_two_meet_decides() {
        let rows = [one("k1", &[Some(1), Some(7)]), one("k2", &[Some(2), Some(8)])];
        let records = [
            // k1's by the first rule, although the second one says k2.
            one("r1", &[Some(1), Some(8)]),
            // Of nobody by the first rule, k2's by the second.
            one("r2", &[None, Some(8)]),
            one("r3", &[Some(9), None]),
        ];
        let found = matching(&rows, &records, 2);
        let pairs: Vec<_> =
            found.met.iter().map(|met| (met.rule, &met.rows[0], &met.records[0])).collect();
        assert_eq!(
            pairs,
            [(0, &"k1".to_owned(), &"r1".to_owned()), (1, &"k2".into(), &"r2".into())]
        );
        assert_eq!((found.rows, found.records), (vec![], vec!["r3".to_owned()]));
    }

    #[test]
    fn what_meets_several_is_one_group_and_no_later_rule_takes_it_apart() {
        let rows = [one("k1", &[Some(1), Some(7)])];
        let records = [one("r1", &[Some(1), Some(7)]), one("r2", &[Some(1), None])];
        let found = matching(&rows, &records, 2);
        assert_eq!(found.met.len(), 1);
        assert_eq!((found.met[0].rule, found.met[0].records.len()), (0, 2));
    }

    fn candidates(prefix: &'static str) -> impl Strategy<Value = Vec<Candidate>> {
        let values = prop::collection::vec(prop::option::of(0u8..6), 3);
        prop::collection::vec(values, 0..14).prop_map(move |all| {
            let named = all.iter().enumerate();
            named.map(|(at, values)| candidate(format!("{prefix}{at}"), values)).collect()
        })
    }

    proptest! {
        #[test]
        fn neither_the_order_nor_who_stands_beside_changes_what_meets(
            (rows, rows_shuffled) in candidates("k")
                .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
            (records, records_shuffled) in candidates("r")
                .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        ) {
            let found = matching(&rows, &records, 3);
            prop_assert_eq!(&found, &matching(&rows_shuffled, &records_shuffled, 3));
            // Everybody is in one place.
            let mut seen = BTreeSet::new();
            let met = found.met.iter().flat_map(|met| met.rows.iter().chain(&met.records));
            for name in met.chain(&found.rows).chain(&found.records) {
                prop_assert!(seen.insert(name.clone()), "{} is in two places", name);
            }
            prop_assert_eq!(seen.len(), rows.len() + records.len());
            for met in &found.met {
                prop_assert!(!met.rows.is_empty() && !met.records.is_empty());
            }
            // Rows that meet no record could as well be absent: the ledger is read in pages, and only those are kept that
            // share a value with some record.
            let shares = |row: &&Candidate| {
                (0..3).any(|rule| {
                    digest(row, rule).is_some_and(|it| {
                        records.iter().any(|record| digest(record, rule) == Some(it))
                    })
                })
            };
            let kept: Vec<Candidate> = rows.iter().filter(shares).cloned().collect();
            prop_assert_eq!(matching(&kept, &records, 3).met, found.met);
        }
    }
}
