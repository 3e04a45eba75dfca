//! What follows from the CRM's answer for a row. The one place where error classes become decisions.

use std::time::Duration;

use crate::crm::{CrmRecord, CrmValue, RowErrorClass};
use crate::env::{BACKOFF_FIRST, BACKOFF_MAX, Chance};
use crate::ledger::{Outcome, Pending};

/// A parked row is tried again after this time even if no parent was delivered: the parent may have come by another way.
const PARK_RECHECK: Duration = Duration::from_secs(60);
/// The same where the parent waits for a person: its delivery releases the row, and this is only in case that is missed.
const HELD_PARENT_RECHECK: Duration = Duration::from_secs(3_600);
/// Longest reason that is kept, characters.
const REASON_CHARS: usize = 300;
/// Rows in a call once a row of it has failed once; failed twice, it goes alone.
const CHUNK_AFTER_FAILURE: usize = 20;

/// Rows in one call, by the attempts of its rows.
pub(super) fn chunk_rows(attempts: u32, whole: usize) -> usize {
    match attempts {
        0 => whole,
        1 => whole.min(CHUNK_AFTER_FAILURE),
        2.. => 1,
    }
}

/// What a refusal means for a row. [`RowErrorClass::AlreadyNewer`] is decided by the caller, which must look first.
pub(super) fn of_refusal(
    row: &Pending,
    record: &CrmRecord,
    class: RowErrorClass,
    reason: String,
    now_us: i64,
    chance: &dyn Chance,
) -> Outcome {
    let reason: String = reason.chars().take(REASON_CHARS).collect();
    match class {
        RowErrorClass::Lock
        | RowErrorClass::Transient
        | RowErrorClass::Gone
        | RowErrorClass::AlreadyNewer => again(row, reason, now_us, chance, None),
        RowErrorClass::ParentMissing => Outcome::Parked {
            not_before_us: now_us.saturating_add(micros(PARK_RECHECK)),
            reason,
            parents: parents_of(record),
        },
        RowErrorClass::Invalid => Outcome::Quarantined { reason },
    }
}

/// Again, after a wait that grows with the row's attempts and is drawn at random.
pub(super) fn again(
    row: &Pending,
    reason: String,
    now_us: i64,
    chance: &dyn Chance,
    above: Option<u64>,
) -> Outcome {
    let first = micros(BACKOFF_FIRST);
    let high = first.saturating_mul(3i64.saturating_pow(row.attempts.min(16).saturating_add(1)));
    let high = high.min(micros(BACKOFF_MAX));
    let spread = u64::try_from(high - first).unwrap_or(0).saturating_add(1);
    let wait = first.saturating_add(i64::try_from(chance.next_u64() % spread).unwrap_or(0));
    Outcome::Retry { not_before_us: now_us.saturating_add(wait), reason, above }
}

/// A record changes its external id, or is deleted, only when no call under the old one can still execute: it would find no
/// record there, and create one that nothing refuses.
pub(super) fn held_until_sure(row: &Pending) -> Outcome {
    Outcome::Retry {
        not_before_us: row.unsure_until_us.max(row.unsure_here_until_us),
        reason: "a call for the record may still be on its way".to_owned(),
        above: None,
    }
}

/// Its parent waits for a person: asking the CRM for it would only cost calls.
pub(super) fn behind_a_held_parent(object: &str, external_id: &str, now_us: i64) -> Outcome {
    Outcome::Parked {
        not_before_us: now_us.saturating_add(micros(HELD_PARENT_RECHECK)),
        reason: format!("its {object} waits for its adoption"),
        parents: vec![(object.to_owned(), external_id.to_owned())],
    }
}

fn parents_of(record: &CrmRecord) -> Vec<(String, String)> {
    record
        .fields
        .values()
        .filter_map(|value| match value {
            CrmValue::Lookup { object, external_id, .. } => {
                Some((object.clone(), external_id.clone()))
            }
            CrmValue::Null | CrmValue::Bool(_) | CrmValue::Number(_) | CrmValue::Text(_) => None,
        })
        .collect()
}

pub(super) fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
