//! From commit to visible, by the shop's clock and ours.
//!
//! The shop notes when each change was committed. For the warehouse, a poller notes when each landing commit was first seen
//! applied, and the row names the commit that changed it last. For Salesforce, the record's own SystemModstamp tells, to
//! the second, rounded up. Only the last change of each row counts; a change that did not alter its target is left out.

use std::collections::BTreeMap;

use super::told::Told;

/// Quantiles of samples, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Samples.
    pub samples: usize,
    /// Half were faster.
    pub p50_ms: i64,
    /// 99 % were faster.
    pub p99_ms: i64,
}

/// When landing commits were first seen in a target: commit -> microseconds since 1970.
#[derive(Clone, Debug, Default)]
pub struct Seen(BTreeMap<u64, i64>);

impl Seen {
    /// Everything up to `commit` is visible now.
    pub fn note(&mut self, commit: u64, at_us: i64) {
        if self.0.last_key_value().is_none_or(|(last, _)| *last < commit) {
            self.0.insert(commit, at_us);
        }
    }

    fn visible_at(&self, commit: u64) -> Option<i64> {
        self.0.range(commit..).next().map(|(_, at)| *at)
    }
}

/// Of a table's rows in the warehouse. `commits`: key -> the commit that changed the row last.
pub fn in_warehouse(
    told: &Told,
    table: &str,
    commits: &BTreeMap<String, u64>,
    seen: &Seen,
) -> Option<Latency> {
    of(told, table, |key| commits.get(key).and_then(|commit| seen.visible_at(*commit)))
}

/// Of a table's rows in Salesforce. `modified`: key -> SystemModstamp in seconds since 1970.
pub fn in_crm(told: &Told, table: &str, modified: &BTreeMap<String, i64>) -> Option<Latency> {
    of(told, table, |key| modified.get(key).map(|seconds| (seconds + 1) * 1_000_000))
}

fn of(told: &Told, table: &str, visible_at: impl Fn(&str) -> Option<i64>) -> Option<Latency> {
    let samples = told
        .last_written_us
        .iter()
        .filter(|((name, _), _)| name == table)
        .filter_map(|((_, key), written)| Some(visible_at(key)? - written))
        .filter(|us| *us >= 0)
        .map(|us| us / 1000);
    quantiles(samples.collect())
}

fn quantiles(mut ms: Vec<i64>) -> Option<Latency> {
    ms.sort_unstable();
    let at = |share: f64| {
        let rank = (ms.len() as f64 * share).ceil() as usize;
        ms.get(rank.clamp(1, ms.len().max(1)) - 1).copied()
    };
    Some(Latency { samples: ms.len(), p50_ms: at(0.50)?, p99_ms: at(0.99)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_samples() {
        let latency = quantiles((1..=100).collect());
        assert_eq!(latency, Some(Latency { samples: 100, p50_ms: 50, p99_ms: 99 }));
        assert_eq!(quantiles(Vec::new()), None);
    }

    #[test]
    fn a_row_is_visible_once_its_commit_was_first_seen() {
        let mut seen = Seen::default();
        seen.note(3, 1_000_000);
        seen.note(5, 2_000_000);
        seen.note(5, 9_000_000);
        let mut told = Told::default();
        told.last_written_us.insert(("orders".into(), "a".into()), 500_000);
        let commits = BTreeMap::from([("a".to_owned(), 4)]);
        let latency = in_warehouse(&told, "orders", &commits, &seen);
        assert_eq!(latency.map(|latency| latency.p50_ms), Some(1_500));
    }
}
