//! The reconciliation that a raised incarnation makes due: what was told beyond the switch of a source's lineage is not known, so
//! keys must be compared. The debt is a position in landing, in the commit that raises the incarnation: no crash forgets it.

use std::collections::BTreeMap;

use covenant_model::version::Incarnation;

use super::lane::CaptureLane;
use crate::error::Result;
use crate::landing::SourcePosition;

/// First part of the name of such a position.
const OWED: &str = "reconcile";
/// What it is about, where others name their entity: every table of the source.
const EVERY_TABLE: &str = "*";

/// `reconcile/store/2`: owed since incarnation 2 of `store`.
fn name(system: &str, since: Incarnation) -> String {
    format!("{OWED}/{system}/{}", since.get())
}

/// Whether a position is such a debt, paid or not: no job reads a table for it.
pub fn is_owed(name: &str) -> bool {
    name.split('/').next() == Some(OWED)
}

/// The names of those that are not paid.
pub fn open(positions: &BTreeMap<String, SourcePosition>) -> Vec<String> {
    let open = positions.iter().filter(|(name, position)| {
        is_owed(name) && matches!(position, SourcePosition::Backfill { done: false, .. })
    });
    open.map(|(name, _)| name.clone()).collect()
}

fn debt(done: bool) -> SourcePosition {
    SourcePosition::Backfill { entity: EVERY_TABLE.to_owned(), after: None, rows: 0, done }
}

/// The debt that a source's new position makes: one where its incarnation is raised.
pub(super) fn raised(
    system: &str,
    known: &SourcePosition,
    new: &SourcePosition,
) -> Option<(String, SourcePosition)> {
    match (known, new) {
        (
            SourcePosition::Postgres { incarnation: before, .. },
            SourcePosition::Postgres { incarnation: since, .. },
        ) if since > before => Some((name(system, *since), debt(false))),
        (
            SourcePosition::Postgres { .. }
            | SourcePosition::Stream { .. }
            | SourcePosition::Salesforce { .. }
            | SourcePosition::Backfill { .. },
            _,
        ) => None,
    }
}

impl CaptureLane {
    /// Reconciliations were proved: they are no longer owed once the next commit is there.
    ///
    /// # Errors
    /// As [`CaptureLane::adopt`].
    pub fn paid(&mut self, names: &[String]) -> Result<()> {
        names.iter().filter(|name| is_owed(name)).try_for_each(|name| self.adopt(name, debt(true)))
    }
}

#[cfg(test)]
mod tests {
    use covenant_model::version::Lsn;

    use super::*;
    use crate::capture::test_support::{STORE, lane};
    use crate::landing::memory::MemoryLanding;

    fn at(incarnation: u16, lsn: u64) -> SourcePosition {
        SourcePosition::Postgres {
            incarnation: Incarnation::new(incarnation).unwrap(),
            system_id: "7".to_owned(),
            timeline: 1,
            slot: "covenant".to_owned(),
            lsn: Lsn(lsn),
        }
    }

    #[tokio::test]
    async fn a_raised_incarnation_owes_a_reconciliation_until_it_is_proved() {
        let landing = MemoryLanding::new();
        let mut first = lane(&landing).await;
        first.adopt(STORE, at(1, 11)).unwrap();
        assert!(open(first.positions()).is_empty(), "the same lineage, further on");
        first.adopt(STORE, at(2, 3)).unwrap();
        first.commit().await.unwrap();
        drop(first);
        let mut second = lane(&landing).await;
        let owed = open(second.positions());
        assert_eq!(owed, [format!("reconcile/{STORE}/2")], "a crash does not forget it");
        second.paid(&owed).unwrap();
        second.commit().await.unwrap();
        drop(second);
        let third = lane(&landing).await;
        assert!(open(third.positions()).is_empty());
        assert!(is_owed(&owed[0]) && !is_owed(STORE) && !is_owed("initial/shop.order"));
    }
}
