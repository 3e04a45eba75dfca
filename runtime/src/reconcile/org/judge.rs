//! What one look at a record and its row tells. Pure.

use crate::crm::Shown;
use crate::deliver::compare::{Difference, Wanted};
use crate::deliver::record::Mapping;
use crate::ledger::{Standing, Status};

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// There is no record.
    Missing,
    /// A record that nobody here ever knew.
    Unknown,
    /// A record of a row that is gone.
    Resurrected,
    /// Fields that we own say something else.
    Diverged {
        /// The record carries the revision that we sent last: somebody edited it since.
        edited: bool,
    },
    /// Several records of one external id.
    Duplicate {
        /// Their ids in the CRM.
        ids: Vec<String>,
    },
}

impl Finding {
    /// Whether sending the row again mends it.
    pub(super) fn repairable(&self) -> bool {
        match self {
            Self::Missing | Self::Resurrected | Self::Diverged { .. } => true,
            Self::Unknown | Self::Duplicate { .. } => false,
        }
    }
}

/// What one look tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing is wrong.
    Same,
    /// It differs, and a delivery of the row is due or under way.
    InFlight,
    /// It differs, and the CRM refuses the row: that is known.
    Refused,
    /// It differs.
    Differs(Finding),
}

/// Judges the records of one external id, against what is wanted of the row. Without a row nothing is wanted.
pub(super) fn judge(
    mapping: &Mapping,
    standing: Option<&Standing>,
    wanted: &Wanted,
    records: &[Shown],
) -> Look {
    let Some(standing) = standing else {
        return if records.is_empty() { Look::Same } else { Look::Differs(Finding::Unknown) };
    };
    let own = records.iter().find(|record| Some(&record.id) == standing.row.crm_id.as_ref());
    let record = own.or(records.first());
    let difference = mapping.difference(wanted, record);
    let finding = match (records, difference) {
        ([_, _, ..], _) => {
            Finding::Duplicate { ids: records.iter().map(|record| record.id.clone()).collect() }
        }
        (_, None) => return Look::Same,
        (_, Some(Difference::Missing)) => Finding::Missing,
        (_, Some(Difference::Extra)) => Finding::Resurrected,
        (_, Some(Difference::Diverged { .. })) => {
            let last = record.is_some_and(|record| record.revision == standing.last_revision);
            Finding::Diverged { edited: last }
        }
    };
    let moves = standing.lends_record || !standing.row.delivered_as.is_empty();
    match standing.status {
        Status::Waiting | Status::Parked | Status::Held => Look::InFlight,
        Status::Quarantined => Look::Refused,
        Status::Settled | Status::Incomplete if moves => Look::InFlight,
        Status::Settled | Status::Incomplete => Look::Differs(finding),
    }
}
