//! Start check: does the slot continue where landing ends? Pure.
//!
//! PostgreSQL itself does not ask. A stream that is opened below the slot's confirmed position starts, without an error, at the
//! confirmed position: whatever lay between is lost unseen. So every doubt is a gap, and a gap is refused until an operator
//! accepts it.

use covenant_model::version::{Incarnation, Lsn};

use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::SourcePosition;

/// What `IDENTIFY_SYSTEM` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster's identifier.
    pub system_id: String,
    /// Its timeline: a change is a failover or a restore.
    pub timeline: u32,
    /// End of what is flushed.
    pub flushed: Lsn,
}

/// A row of `pg_replication_slots`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotState {
    /// Output plugin; none: a physical slot.
    pub plugin: Option<String>,
    /// Its database.
    pub database: Option<String>,
    /// The server process that reads it.
    pub active_pid: Option<i32>,
    /// What was confirmed; none while it is still being created.
    pub confirmed: Option<Lsn>,
    /// Where decoding would start; none: invalidated.
    pub restart: Option<Lsn>,
    /// `reserved`, `extended`, `unreserved`, `lost`.
    pub wal_status: Option<String>,
}

/// How far landing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landed {
    /// Ours.
    pub incarnation: Incarnation,
    /// Of the cluster that was read.
    pub system_id: String,
    /// At the time.
    pub timeline: u32,
    /// Name of the slot.
    pub slot: String,
    /// The durable position.
    pub durable: Lsn,
}

impl Landed {
    /// Out of a landed position.
    ///
    /// # Errors
    /// `Config` where the position is that of another kind of source.
    pub fn from_position(place: &str, position: &SourcePosition) -> Result<Self> {
        match position {
            SourcePosition::Postgres { incarnation, system_id, timeline, slot, lsn } => Ok(Self {
                incarnation: *incarnation,
                system_id: system_id.clone(),
                timeline: *timeline,
                slot: slot.clone(),
                durable: *lsn,
            }),
            SourcePosition::Stream { .. }
            | SourcePosition::Salesforce { .. }
            | SourcePosition::Backfill { .. } => Err(RuntimeError::new(
                ErrorKind::Config,
                place,
                "landing holds a position of another kind of source under this name",
                "Give the source a name that was not used for another system",
            )),
        }
    }
}

/// What to do at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Nothing was landed and there is no slot: create it.
    Create,
    /// Nothing was landed, but the slot is there: start where it stands. Tables are loaded whole afterwards.
    Fresh(Lsn),
    /// Go on at the durable position.
    Resume(Lsn),
    /// Changes may be missing.
    Gap(Gap),
    /// Somebody else reads the slot.
    Fenced {
        /// The server process that serves the other reader.
        pid: i32,
    },
    /// The slot's name is used for something else.
    Misfit {
        /// What it is used for.
        why: String,
    },
}

/// Why the slot does not continue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Gap {
    /// Landing was fed by another cluster.
    #[error("landing was fed by the cluster {landed}, but this is the cluster {found}")]
    OtherSystem {
        /// As landed.
        landed: String,
        /// As found.
        found: String,
    },
    /// A failover or a restore.
    #[error("the cluster has changed from timeline {landed} to {found}: a failover or a restore")]
    OtherTimeline {
        /// As landed.
        landed: u32,
        /// As found.
        found: u32,
    },
    /// Another slot is configured.
    #[error("landing was fed through the slot {landed}, but the slot {found} is configured")]
    OtherSlot {
        /// As landed.
        landed: String,
        /// As configured.
        found: String,
    },
    /// The slot is gone.
    #[error("the slot is gone; landing ends at {durable}, the server's log at {flushed}")]
    SlotGone {
        /// The durable position.
        durable: Lsn,
        /// End of the server's log: what was committed between the two may be lost.
        flushed: Lsn,
    },
    /// The slot lost its log.
    #[error(
        "the slot was invalidated: the server has removed log that it had not yet sent (wal_status {status})"
    )]
    SlotLost {
        /// As the server says.
        status: String,
    },
    /// The slot never became consistent.
    #[error("the slot was never completely created")]
    SlotUnfinished,
    /// Confirmed beyond what is durable: recreated, or landing was restored.
    #[error(
        "the slot is confirmed up to {confirmed}, but landing ends at {durable}: the slot was recreated or read by somebody \
         else, or landing was restored from a copy"
    )]
    ConfirmedBeyond {
        /// Of the slot.
        confirmed: Lsn,
        /// The durable position.
        durable: Lsn,
    },
    /// The server's log ends before the durable position.
    #[error(
        "the server's log ends at {flushed}, before the landed position {durable}: it was restored from a copy"
    )]
    LogEndsBefore {
        /// End of the log.
        flushed: Lsn,
        /// The durable position.
        durable: Lsn,
    },
}

/// The start check. `slot` is the configured name, `database` the one we are connected to.
pub fn check(
    landed: Option<&Landed>,
    slot: &str,
    database: &str,
    state: Option<&SlotState>,
    identity: &Identity,
) -> Start {
    if let Some(landed) = landed
        && let Some(gap) = lineage_gap(landed, slot, identity)
    {
        return Start::Gap(gap);
    }
    let Some(state) = state else {
        return landed.map_or(Start::Create, |landed| Start::Gap(gone(landed, identity)));
    };
    if let Some(why) = misfit(state, database) {
        return Start::Misfit { why };
    }
    if let Some(pid) = state.active_pid {
        return Start::Fenced { pid };
    }
    let status = state.wal_status.as_deref().unwrap_or("unknown");
    if status == "lost" || state.restart.is_none() {
        return Start::Gap(Gap::SlotLost { status: status.to_owned() });
    }
    let Some(confirmed) = state.confirmed else { return Start::Gap(Gap::SlotUnfinished) };
    match landed {
        None => Start::Fresh(confirmed),
        Some(landed) if confirmed > landed.durable => {
            Start::Gap(Gap::ConfirmedBeyond { confirmed, durable: landed.durable })
        }
        Some(landed) => Start::Resume(landed.durable),
    }
}

fn gone(landed: &Landed, identity: &Identity) -> Gap {
    Gap::SlotGone { durable: landed.durable, flushed: identity.flushed }
}

fn lineage_gap(landed: &Landed, slot: &str, identity: &Identity) -> Option<Gap> {
    if landed.system_id != identity.system_id {
        return Some(Gap::OtherSystem {
            landed: landed.system_id.clone(),
            found: identity.system_id.clone(),
        });
    }
    if landed.timeline != identity.timeline {
        let (landed, found) = (landed.timeline, identity.timeline);
        return Some(Gap::OtherTimeline { landed, found });
    }
    if landed.slot != slot {
        return Some(Gap::OtherSlot { landed: landed.slot.clone(), found: slot.to_owned() });
    }
    if identity.flushed < landed.durable {
        return Some(Gap::LogEndsBefore { flushed: identity.flushed, durable: landed.durable });
    }
    None
}

fn misfit(state: &SlotState, database: &str) -> Option<String> {
    match (state.plugin.as_deref(), state.database.as_deref()) {
        (None, _) => Some("a physical replica".to_owned()),
        (Some("pgoutput"), Some(found)) if found == database => None,
        (Some("pgoutput"), found) => Some(format!("the database {}", found.unwrap_or("(none)"))),
        (Some(plugin), _) => Some(format!("the output plugin {plugin}")),
    }
}

/// What an operator lands to accept a gap: the next incarnation, at the position where the slot now stands. A backfill of
/// every table of the source must be scheduled in the same landing commit, since rows and deletes may have been missed.
///
/// # Errors
/// `Config` where the incarnations are used up, or `landed` is none of PostgreSQL.
pub fn raise_incarnation(
    place: &str,
    landed: &SourcePosition,
    slot: &str,
    starts_at: Lsn,
    identity: &Identity,
) -> Result<SourcePosition> {
    let landed = Landed::from_position(place, landed)?;
    let incarnation = landed.incarnation.next().ok_or_else(|| {
        RuntimeError::new(
            ErrorKind::Config,
            place,
            "all 16,383 incarnations of this source are used up",
            "Give the source a new name; its rows then count as those of a new owner",
        )
    })?;
    Ok(SourcePosition::Postgres {
        incarnation,
        system_id: identity.system_id.clone(),
        timeline: identity.timeline,
        slot: slot.to_owned(),
        lsn: starts_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DURABLE: Lsn = Lsn(100);

    fn landed() -> Landed {
        Landed {
            incarnation: Incarnation::FIRST,
            system_id: "7".into(),
            timeline: 1,
            slot: "s".into(),
            durable: DURABLE,
        }
    }

    fn identity() -> Identity {
        Identity { system_id: "7".into(), timeline: 1, flushed: Lsn(500) }
    }

    fn slot() -> SlotState {
        SlotState {
            plugin: Some("pgoutput".into()),
            database: Some("d".into()),
            active_pid: None,
            confirmed: Some(Lsn(90)),
            restart: Some(Lsn(50)),
            wal_status: Some("reserved".into()),
        }
    }

    fn start(landed: Option<Landed>, slot: Option<SlotState>, identity: &Identity) -> Start {
        check(landed.as_ref(), "s", "d", slot.as_ref(), identity)
    }

    #[test]
    fn table() {
        let id = identity();
        let other_system = Identity { system_id: "8".into(), ..identity() };
        let other_timeline = Identity { timeline: 2, ..identity() };
        let short_log = Identity { flushed: Lsn(99), ..identity() };
        let confirmed = |lsn| Some(SlotState { confirmed: lsn, ..slot() });
        let lost = || Some(SlotState { wal_status: Some("lost".into()), ..slot() });
        let lost_gap = || Start::Gap(Gap::SlotLost { status: "lost".into() });
        type Case<'a> = (&'a str, Option<Landed>, Option<SlotState>, &'a Identity, Start);
        let cases: Vec<Case<'_>> = vec![
            ("first start", None, None, &id, Start::Create),
            ("crash before the first commit", None, Some(slot()), &id, Start::Fresh(Lsn(90))),
            (
                "behind: what was not acknowledged",
                Some(landed()),
                Some(slot()),
                &id,
                Start::Resume(DURABLE),
            ),
            (
                "exactly there",
                Some(landed()),
                confirmed(Some(DURABLE)),
                &id,
                Start::Resume(DURABLE),
            ),
            (
                "gone",
                Some(landed()),
                None,
                &id,
                Start::Gap(Gap::SlotGone { durable: DURABLE, flushed: Lsn(500) }),
            ),
            (
                "recreated, or landing restored",
                Some(landed()),
                confirmed(Some(Lsn(101))),
                &id,
                Start::Gap(Gap::ConfirmedBeyond { confirmed: Lsn(101), durable: DURABLE }),
            ),
            ("invalidated", Some(landed()), lost(), &id, lost_gap()),
            ("invalidated before anything landed", None, lost(), &id, lost_gap()),
            (
                "invalidated, older servers",
                Some(landed()),
                Some(SlotState { restart: None, wal_status: None, ..slot() }),
                &id,
                Start::Gap(Gap::SlotLost { status: "unknown".into() }),
            ),
            ("unfinished", Some(landed()), confirmed(None), &id, Start::Gap(Gap::SlotUnfinished)),
            (
                "another cluster, though its slot would fit",
                Some(landed()),
                Some(slot()),
                &other_system,
                Start::Gap(Gap::OtherSystem { landed: "7".into(), found: "8".into() }),
            ),
            (
                "failover",
                Some(landed()),
                Some(slot()),
                &other_timeline,
                Start::Gap(Gap::OtherTimeline { landed: 1, found: 2 }),
            ),
            (
                "server restored",
                Some(landed()),
                Some(slot()),
                &short_log,
                Start::Gap(Gap::LogEndsBefore { flushed: Lsn(99), durable: DURABLE }),
            ),
            (
                "another slot configured",
                Some(Landed { slot: "t".into(), ..landed() }),
                Some(slot()),
                &id,
                Start::Gap(Gap::OtherSlot { landed: "t".into(), found: "s".into() }),
            ),
            (
                "active elsewhere",
                Some(landed()),
                Some(SlotState { active_pid: Some(9), ..slot() }),
                &id,
                Start::Fenced { pid: 9 },
            ),
            (
                "another plugin",
                None,
                Some(SlotState { plugin: Some("wal2json".into()), ..slot() }),
                &id,
                Start::Misfit { why: "the output plugin wal2json".into() },
            ),
            (
                "another database",
                Some(landed()),
                Some(SlotState { database: Some("e".into()), ..slot() }),
                &id,
                Start::Misfit { why: "the database e".into() },
            ),
        ];
        for (name, landed, slot, identity, expected) in cases {
            assert_eq!(start(landed, slot, identity), expected, "{name}");
        }
    }

    #[test]
    fn an_accepted_gap_is_a_higher_incarnation() {
        let before = SourcePosition::Postgres {
            incarnation: Incarnation::FIRST,
            system_id: "6".into(),
            timeline: 9,
            slot: "s".into(),
            lsn: Lsn(1_000),
        };
        let after = raise_incarnation("postgres store", &before, "s", Lsn(5), &identity()).unwrap();
        let Landed { incarnation, durable, timeline, .. } =
            Landed::from_position("postgres store", &after).unwrap();
        assert_eq!((incarnation.get(), durable, timeline), (2, Lsn(5), 1));
    }
}
