//! Decides from the seed what happens when: everyday business at random, every kind of mishap at least a few times.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Something that happens in the shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// A new order with its lines and reservations, in one transaction.
    NewOrder,
    /// A new customer.
    NewCustomer,
    /// An order moves on, in the table and by event.
    Advance,
    /// An order moves on, and only the table tells.
    AdvanceInTable,
    /// An order moves on, and only an event tells.
    AdvanceByEvent,
    /// A customer edits their data; notes stay as they are.
    EditCustomer,
    /// The service desk rewrites a customer's notes.
    EditNotes,
    /// Goods arrive or leave.
    MoveStock,
    /// One transaction over many customers.
    Bulk,
    /// An order is deleted, with its lines.
    DeleteOrder,
    /// A customer gets another number; their orders follow.
    Rekey,
    /// A total that does not add up.
    PoisonOrder,
    /// An e-mail address that is none.
    PoisonCustomer,
    /// More promised than there is.
    PoisonLevel,
    /// A line total that does not add up.
    PoisonLine,
    /// A new order that was never valid.
    PoisonNewOrder,
    /// A poisoned row is repaired.
    Heal,
    /// An event again.
    DuplicateEvent,
    /// An older state after a newer one.
    LateEvent,
    /// An event about a deleted order.
    StaleEvent,
    /// An event about an order that never was.
    StrayEvent,
    /// An event that breaks its contract.
    MalformedEvent,
    /// The table of orders gets another column.
    AddColumn,
    /// An account manager edits an account in Salesforce.
    EditInCrm,
}

/// An act at its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planned {
    /// From the start of the shop.
    pub at: Duration,
    /// What.
    pub act: Act,
}

/// Everyday acts: how often in 100, and about how many changes each makes.
const EVERYDAY: &[(Act, u32, f64)] = &[
    (Act::NewOrder, 16, 6.0),
    (Act::NewCustomer, 3, 1.0),
    (Act::Advance, 18, 2.0),
    (Act::AdvanceInTable, 7, 1.0),
    (Act::AdvanceByEvent, 12, 1.0),
    (Act::EditCustomer, 16, 1.0),
    (Act::EditNotes, 2, 1.0),
    (Act::MoveStock, 20, 1.0),
    (Act::DuplicateEvent, 3, 1.0),
    (Act::LateEvent, 3, 1.0),
];

/// Mishaps and rarities: seconds between two of them. Each happens at least [`LEAST`] times.
const RARE: &[(Act, u64)] = &[
    (Act::Bulk, 12),
    (Act::DeleteOrder, 4),
    (Act::Rekey, 8),
    (Act::PoisonOrder, 7),
    (Act::PoisonCustomer, 12),
    (Act::PoisonLevel, 12),
    (Act::PoisonLine, 12),
    (Act::PoisonNewOrder, 15),
    (Act::Heal, 10),
    (Act::DuplicateEvent, 5),
    (Act::LateEvent, 5),
    (Act::StaleEvent, 5),
    (Act::StrayEvent, 15),
    (Act::MalformedEvent, 6),
    (Act::EditInCrm, 2),
];

/// However short the run.
const LEAST: u64 = 2;
/// When the column is added, as a share of the run.
const ADD_COLUMN_AT: f64 = 0.4;

/// The acts of a run, in order of time. `rate` is in changes a second.
pub fn plan(seed: u64, length: Duration, rate: f64) -> Vec<Planned> {
    let mut rng = StdRng::seed_from_u64(seed ^ 0x005e_ed0f_ac75);
    let weights: u32 = EVERYDAY.iter().map(|(_, weight, _)| weight).sum();
    let per_act: f64 = EVERYDAY.iter().map(|(_, w, changes)| f64::from(*w) * changes).sum::<f64>()
        / f64::from(weights);
    let seconds = length.as_secs_f64();
    let count = (seconds * rate / per_act).ceil() as u64;
    let mut acts = Vec::new();
    for _ in 0..count {
        let at = length.mul_f64(rng.random::<f64>());
        let mut draw = rng.random_range(0..weights);
        for (act, weight, _) in EVERYDAY {
            if draw < *weight {
                acts.push(Planned { at, act: *act });
                break;
            }
            draw -= weight;
        }
    }
    for (act, every) in RARE {
        let times = (length.as_secs() / every).max(LEAST);
        for nth in 0..times {
            let share = (nth as f64 + rng.random::<f64>()) / times as f64;
            acts.push(Planned { at: length.mul_f64(share), act: *act });
        }
    }
    acts.push(Planned { at: length.mul_f64(ADD_COLUMN_AT), act: Act::AddColumn });
    acts.sort();
    acts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_seed_decides() {
        let minute = Duration::from_secs(60);
        assert_eq!(plan(1, minute, 60.0), plan(1, minute, 60.0));
        assert_ne!(plan(1, minute, 60.0), plan(2, minute, 60.0));
    }

    #[test]
    fn every_kind_of_mishap_happens_even_in_a_short_run() {
        let mut counts = BTreeMap::new();
        for planned in plan(5, Duration::from_secs(5), 20.0) {
            *counts.entry(planned.act).or_insert(0) += 1;
        }
        for (act, _) in RARE {
            assert!(counts.get(act).is_some_and(|n| *n >= LEAST), "{act:?}");
        }
        assert_eq!(counts.get(&Act::AddColumn), Some(&1));
    }

    #[test]
    fn the_rate_is_about_kept() {
        let acts = plan(9, Duration::from_secs(60), 60.0);
        let changes: f64 = acts
            .iter()
            .filter_map(|p| EVERYDAY.iter().find(|(act, _, _)| *act == p.act))
            .map(|(_, _, changes)| changes)
            .sum();
        assert!((3_000.0..4_500.0).contains(&changes), "{changes}");
    }
}
