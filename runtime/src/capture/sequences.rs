//! Gaps in the numbers that producers of events give.
//!
//! A stream with `order` numbers its events per key, each producer for itself; two producers are two sources of a contract. A
//! number that is missing is an event that was not told, or is late. It is only counted: the join needs no number to be there.
//! What is first heard of a key is where its numbers begin. An event in quarantine is missing until it is retried.
//!
//! Bounded: the keys that were heard of longest ago are forgotten, with their gaps (counted as given up). A start reads the
//! newest landing commits back, so that gaps stay open over a restart and late events close them.

use std::collections::{BTreeMap, BTreeSet};

use covenant_model::change::{Change, Key};
use covenant_model::spec::{EntitySpec, SourceSpec};
use sha2::{Digest, Sha256};

use super::lane::CaptureLane;
use crate::error::Result;
use crate::landing::{CommitNumber, LandingCommit};

/// Keys that are remembered; with about 200 bytes each, 20 MB.
pub const KEYS_MAX: usize = 100_000;
/// Open gaps that are remembered of one key.
pub const GAPS_PER_KEY_MAX: usize = 32;
/// Landed changes that a start reads back at most.
pub const RECALLED_CHANGES_MAX: u64 = 100_000;
/// Landing commits that a start looks back at most.
pub const RECALLED_COMMITS_MAX: usize = 1_000;
/// A gap that is open for longer is no late event any more, microseconds: 15 minutes.
pub const GAP_OPEN_MAX_US: i64 = 900_000_000;

/// First bytes of the SHA-256 of a key.
type KeyDigest = [u8; 16];

/// One owner's numbers of one entity's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Entity.
    pub entity: String,
    /// Source: the producer.
    pub source: String,
    /// Gaps that have opened since the start.
    pub opened: u64,
    /// Gaps that late events have closed since the start.
    pub healed: u64,
    /// Gaps that were forgotten while they were open, since the start.
    pub given_up: u64,
    /// Open ones.
    pub open: u64,
    /// Since when the oldest open one is open, microseconds since 1970.
    pub oldest_us: Option<i64>,
}

struct Owner {
    counted: Counted,
    /// By time: since when, of which key, from which number.
    open: BTreeSet<(i64, KeyDigest, u64)>,
}

/// Numbers that are missing, both ends included.
#[derive(Clone, Copy)]
struct Missing {
    from: u64,
    to: u64,
    since_us: i64,
}

#[derive(Default)]
struct Heard {
    /// The number after the highest.
    next: u64,
    missing: Vec<Missing>,
    age: u64,
}

type Address = (usize, KeyDigest);

/// See the module.
#[derive(Default)]
pub(super) struct Sequences {
    /// (entity index, source) -> index of its owner.
    watched: BTreeMap<(usize, String), usize>,
    owners: Vec<Owner>,
    keys: BTreeMap<Address, Heard>,
    by_age: BTreeMap<u64, Address>,
    /// The highest that was given.
    last_age: u64,
    keys_max: usize,
}

/// The sources of an entity whose numbers are looked at: streams with a sequence, of entities that are not the events themselves.
pub fn watched(entity: &EntitySpec) -> impl Iterator<Item = &str> {
    entity.sources.iter().filter_map(|(name, source)| match source {
        SourceSpec::Stream { order: Some(_), event_id, .. } => {
            let is_id = |ix: &usize| {
                let field = entity.fields.get(*ix);
                field.and_then(|field| field.from.get(name)).is_some_and(|told| told == event_id)
            };
            (!entity.key.iter().any(is_id)).then_some(name.as_str())
        }
        SourceSpec::Stream { order: None, .. }
        | SourceSpec::Postgres { .. }
        | SourceSpec::Salesforce { .. } => None,
    })
}

impl Sequences {
    pub(super) fn new<'e>(entities: impl Iterator<Item = &'e EntitySpec>, keys_max: usize) -> Self {
        let mut all = Self { keys_max, ..Self::default() };
        for (at, entity) in entities.enumerate() {
            for source in watched(entity) {
                all.watched.insert((at, source.to_owned()), all.owners.len());
                let counted = Counted {
                    entity: entity.name.clone(),
                    source: source.to_owned(),
                    opened: 0,
                    healed: 0,
                    given_up: 0,
                    open: 0,
                    oldest_us: None,
                };
                all.owners.push(Owner { counted, open: BTreeSet::new() });
            }
        }
        all
    }

    /// A change of an entity was told.
    pub(super) fn told(&mut self, entity: usize, change: &Change, now_us: i64) {
        if self.watched.is_empty() {
            return;
        }
        if let Some(owner) = self.watched.get(&(entity, change.source.clone())) {
            let (_, position, _) = change.version.parts();
            self.hear((*owner, digest(&change.key)), position.major(), now_us);
        }
    }

    fn hear(&mut self, at: Address, number: u64, now_us: i64) {
        self.touch(at, number);
        let (Some(heard), Some(owner)) = (self.keys.get_mut(&at), self.owners.get_mut(at.0)) else {
            return;
        };
        let opens = |owner: &mut Owner, gap: Missing| {
            owner.open.insert((gap.since_us, at.1, gap.from));
            owner.counted.opened += 1;
        };
        if number >= heard.next {
            if number > heard.next {
                let gap = Missing { from: heard.next, to: number - 1, since_us: now_us };
                opens(owner, gap);
                heard.missing.push(gap);
            }
            heard.next = number.saturating_add(1);
        } else if let Some(place) =
            heard.missing.iter().position(|gap| (gap.from..=gap.to).contains(&number))
        {
            let gap = heard.missing.swap_remove(place);
            owner.open.remove(&(gap.since_us, at.1, gap.from));
            let below = Missing { to: number.saturating_sub(1), ..gap };
            let above = Missing { from: number.saturating_add(1), ..gap };
            let left = [(gap.from < number, below), (number < gap.to, above)];
            let left: Vec<Missing> =
                left.into_iter().filter(|(some, _)| *some).map(|(_, gap)| gap).collect();
            // One gap may become two, which are closed each for itself.
            owner.counted.opened += (left.len() as u64).saturating_sub(1);
            owner.counted.healed += u64::from(left.is_empty());
            owner.open.extend(left.iter().map(|gap| (gap.since_us, at.1, gap.from)));
            heard.missing.extend(left);
        }
        if heard.missing.len() > GAPS_PER_KEY_MAX {
            let gap = heard.missing.remove(0);
            owner.open.remove(&(gap.since_us, at.1, gap.from));
            owner.counted.given_up += 1;
        }
    }

    /// The key is the newest; the oldest is forgotten where there are too many.
    fn touch(&mut self, at: Address, number: u64) {
        // From 1: an age of 0 is that of no key.
        self.last_age += 1;
        let age = self.last_age;
        let heard =
            self.keys.entry(at).or_insert_with(|| Heard { next: number, ..Heard::default() });
        self.by_age.remove(&std::mem::replace(&mut heard.age, age));
        self.by_age.insert(age, at);
        if self.keys.len() <= self.keys_max {
            return;
        }
        let Some((_, oldest)) = self.by_age.pop_first() else { return };
        let Some(forgotten) = self.keys.remove(&oldest) else { return };
        if let Some(owner) = self.owners.get_mut(oldest.0) {
            for gap in forgotten.missing {
                owner.open.remove(&(gap.since_us, oldest.1, gap.from));
                owner.counted.given_up += 1;
            }
        }
    }

    /// What was counted, by owner.
    pub(super) fn counted(&self) -> Vec<Counted> {
        let of = |owner: &Owner| Counted {
            open: owner.open.len() as u64,
            oldest_us: owner.open.first().map(|(since_us, ..)| *since_us),
            ..owner.counted.clone()
        };
        self.owners.iter().map(of).collect()
    }

    /// What is known by now was told before this process.
    fn begin(&mut self) {
        for owner in &mut self.owners {
            let counted = &mut owner.counted;
            (counted.opened, counted.healed, counted.given_up) = (0, 0, 0);
        }
    }
}

impl CaptureLane {
    /// Gaps in the numbers of producers.
    pub fn sequences(&self) -> Vec<Counted> {
        self.sequences.counted()
    }

    /// Hears the newest landed events again.
    pub(super) async fn recall_sequences(&mut self) -> Result<()> {
        if self.sequences.watched.is_empty() {
            return Ok(());
        }
        let bound = self.registry().clone();
        let watched: BTreeSet<usize> = self.sequences.watched.keys().map(|(at, _)| *at).collect();
        let wanted = |commit: &LandingCommit| {
            let files = commit.files.iter().filter(|file| !file.again);
            let files = files.filter_map(|file| Some((bound.position_of(&file.entity)?, file)));
            files
                .filter(|(at, _)| watched.contains(at))
                .map(|(at, file)| (at, file.clone()))
                .collect::<Vec<_>>()
        };
        let (mut newest, mut changes) = (Vec::new(), 0);
        let mut number = self.last_commit();
        while number.0 > 0 && newest.len() < RECALLED_COMMITS_MAX {
            let Some(commit) = self.landing.commit_at(number).await? else { break };
            let files = wanted(&commit);
            changes += files.iter().map(|(_, file)| file.rows).sum::<u64>();
            if changes > RECALLED_CHANGES_MAX {
                break;
            }
            newest.push((commit.written_at_us, files));
            number = CommitNumber(number.0 - 1);
        }
        for (written_at_us, files) in newest.into_iter().rev() {
            for (at, file) in files {
                let Some(entity) = bound.bound().get(at).map(|bound| bound.spec.clone()) else {
                    continue;
                };
                for change in self.landing.changes(&entity, &file).await? {
                    self.sequences.told(at, &change, written_at_us);
                }
            }
        }
        self.sequences.begin();
        Ok(())
    }
}

fn digest(key: &Key) -> KeyDigest {
    let mut first = KeyDigest::default();
    first.iter_mut().zip(Sha256::digest(key.canonical())).for_each(|(to, from)| *to = from);
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::test_support::{lane, uuid};
    use crate::landing::memory::MemoryLanding;
    use crate::testing;

    fn sequences(keys_max: usize) -> Sequences {
        Sequences::new([testing::order(), testing::order_event()].iter(), keys_max)
    }

    /// (opened, healed, given up, open)
    fn hear(all: &mut Sequences, told: &[(u8, u64)]) -> (u64, u64, u64, u64) {
        for (key, number) in told {
            all.hear((0, [*key; 16]), *number, i64::try_from(*number).unwrap());
        }
        let counted = all.counted().remove(0);
        (counted.opened, counted.healed, counted.given_up, counted.open)
    }

    #[test]
    fn only_numbers_per_key_are_looked_at() {
        let counted = sequences(9).counted();
        let names: Vec<_> =
            counted.iter().map(|it| (it.entity.as_str(), it.source.as_str())).collect();
        assert_eq!(names, [("shop.order", "events")], "an event's own row has one number only");
    }

    #[test]
    fn a_gap_opens_and_late_events_close_it() {
        let mut all = sequences(9);
        assert_eq!(hear(&mut all, &[(1, 4), (1, 5), (2, 1)]), (0, 0, 0, 0), "begins where heard");
        assert_eq!(hear(&mut all, &[(1, 9)]), (1, 0, 0, 1), "6 to 8");
        assert_eq!(hear(&mut all, &[(1, 9), (1, 5), (1, 2)]), (1, 0, 0, 1), "repeats");
        assert_eq!(hear(&mut all, &[(1, 7)]), (2, 0, 0, 2), "6, and 8");
        assert_eq!(all.counted()[0].oldest_us, Some(9));
        assert_eq!(hear(&mut all, &[(1, 6), (1, 6)]), (2, 1, 0, 1));
        assert_eq!(hear(&mut all, &[(1, 8), (1, 10)]), (2, 2, 0, 0));
        assert_eq!(all.counted()[0].oldest_us, None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut all = sequences(2);
        assert_eq!(hear(&mut all, &[(1, 1), (1, 3), (2, 1), (2, 3)]), (2, 0, 0, 2));
        assert_eq!(hear(&mut all, &[(1, 4), (3, 1)]), (2, 0, 1, 1), "2 was heard of longest ago");
        assert_eq!(all.keys.len(), 2);
        assert_eq!(all.by_age.len(), 2);
        let wild: Vec<(u8, u64)> = (2..100).map(|number| (3, number * 1_000_000)).collect();
        let (opened, healed, given_up, open) = hear(&mut all, &wild);
        assert_eq!((opened, healed), (100, 0));
        assert_eq!((given_up, open), (100 - 33, 33));
    }

    #[tokio::test]
    async fn a_gap_stays_open_over_a_restart_and_a_late_event_closes_it() {
        let landing = MemoryLanding::new();
        let event = |number: u128| {
            let (event, order) = (uuid(number), uuid(7));
            let json = format!(
                r#"{{"event_id":"{event}","order_id":"{order}","sequence":{number},"status":"paid",
                    "occurred_at":"2026-01-02T00:00:00Z"}}"#
            );
            [bytes::Bytes::from(json)]
        };
        let seen = |lane: &CaptureLane| {
            let counted = lane.sequences().remove(0);
            (counted.opened, counted.healed, counted.open)
        };
        let mut first = lane(&landing).await;
        for number in [1, 2, 4, 4] {
            first.accept_events("order-events", &event(number)).unwrap();
            first.commit().await.unwrap();
        }
        assert_eq!(seen(&first), (1, 0, 1));
        drop(first);
        let mut second = lane(&landing).await;
        assert_eq!(seen(&second), (0, 0, 1), "known, and not counted again");
        assert!(second.sequences().remove(0).oldest_us.is_some());
        second.accept_events("order-events", &event(3)).unwrap();
        assert_eq!(seen(&second), (0, 1, 0));
        second.commit().await.unwrap();
        drop(second);
        assert_eq!(seen(&lane(&landing).await), (0, 0, 0));
    }
}
