//! A replay's name says all about it, so that a restart needs nothing but the positions in landing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::landing::{CommitNumber, SourcePosition};

/// First part of the name of a replay of changes as they are.
const REPLAY: &str = "replay";
/// First part of the name of a replay that derives again.
const REDERIVE: &str = "rederive";
/// Between the parts of a name; none of them holds it.
const SEPARATOR: char = '/';
/// In the place of an entity: all of them.
const ALL: &str = "*";

/// A replay that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayRequest {
    /// First landing commit.
    pub from: u64,
    /// Last landing commit; none: the newest one now.
    #[serde(default)]
    pub to: Option<u64>,
    /// Only this entity's changes.
    #[serde(default)]
    pub entity: Option<String>,
    /// Whether changes are derived again by the contract of today, to win over their old results.
    #[serde(default)]
    pub rederive: bool,
}

/// What is to be replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayJob {
    /// Unique; the name of its position in landing.
    pub id: String,
    /// Only this entity's changes; none: all.
    pub entity: Option<String>,
    /// First commit.
    pub from: CommitNumber,
    /// Last commit.
    pub to: CommitNumber,
    /// Whether changes are derived again.
    pub rederive: bool,
}

impl ReplayJob {
    /// The job of a request. The same request names the same job while that one is under way, and the next one after it. A
    /// re-derivation is always a job of its own: one that is under way may have begun under an earlier contract.
    ///
    /// # Errors
    /// What is wrong with the request, for the operator.
    pub fn asked(
        request: &ReplayRequest,
        newest: CommitNumber,
        entities: &[&str],
        known: &BTreeMap<String, SourcePosition>,
    ) -> Result<Self, String> {
        let to = request.to.unwrap_or(newest.0);
        if let Some(entity) = &request.entity
            && !entities.contains(&entity.as_str())
        {
            return Err(format!(
                "there is no entity `{entity}`; there are {}",
                entities.join(", ")
            ));
        }
        if request.from == 0 || request.from > to || to > newest.0 {
            return Err(format!(
                "commits {} to {to} cannot be replayed: the first commit has number 1, the newest one {}",
                request.from, newest.0
            ));
        }
        let kind = if request.rederive { REDERIVE } else { REPLAY };
        let entity = request.entity.as_deref().unwrap_or(ALL);
        // Without an end, a request that is repeated while its job runs must name that one, whatever was landed since.
        let open = |id: &str, position: &SourcePosition| {
            let job = Self::parse(id)?;
            let same = !job.rederive
                && !request.rederive
                && (&job.entity, job.from.0) == (&request.entity, request.from);
            let end = request.to.is_none_or(|to| job.to.0 == to);
            let done = !matches!(position, SourcePosition::Backfill { done: false, .. });
            (same && end && !done).then_some(job)
        };
        if let Some(job) = known.iter().find_map(|(id, position)| open(id, position)) {
            return Ok(job);
        }
        let stem = [kind, entity, &request.from.to_string(), &to.to_string()];
        let stem = stem.join(&SEPARATOR.to_string());
        let taken = |number: &u32| known.contains_key(&format!("{stem}{SEPARATOR}{number}"));
        let number = (1..).find(|number| !taken(number)).unwrap_or(u32::MAX);
        Self::parse(&format!("{stem}{SEPARATOR}{number}"))
            .ok_or_else(|| "it has no name".to_owned())
    }

    /// The job of that name; none where it is none of a replay.
    pub fn parse(id: &str) -> Option<Self> {
        let parts: Vec<&str> = id.split(SEPARATOR).collect();
        let [kind, entity, from, to, _number] = parts.as_slice() else { return None };
        let rederive = match *kind {
            REPLAY => false,
            REDERIVE => true,
            _ => return None,
        };
        Some(Self {
            id: id.to_owned(),
            entity: (*entity != ALL).then(|| (*entity).to_owned()),
            from: CommitNumber(from.parse().ok()?),
            to: CommitNumber(to.parse().ok()?),
            rederive,
        })
    }

    /// The jobs that landing says are not done, each with its position.
    pub fn unfinished(positions: &BTreeMap<String, SourcePosition>) -> Vec<(Self, SourcePosition)> {
        let open = positions.iter().filter(|(_, position)| {
            matches!(position, SourcePosition::Backfill { done: false, .. })
        });
        open.filter_map(|(id, position)| Some((Self::parse(id)?, position.clone()))).collect()
    }

    /// Its position: replayed up to `upto`, `rows` so far.
    pub fn position(&self, upto: Option<CommitNumber>, rows: u64) -> SourcePosition {
        SourcePosition::Backfill {
            entity: self.entity.clone().unwrap_or_else(|| ALL.to_owned()),
            after: upto.map(|upto| vec![upto.0.to_string()]),
            rows,
            done: upto.is_some_and(|upto| upto >= self.to),
        }
    }

    /// Where it goes on, and its rows so far.
    pub fn resumed(&self, position: Option<&SourcePosition>) -> (CommitNumber, u64) {
        match position {
            Some(SourcePosition::Backfill { after: Some(after), rows, .. }) => {
                let upto = after.first().and_then(|number| number.parse().ok());
                (upto.map_or(self.from, |upto| CommitNumber(upto).next()), *rows)
            }
            Some(
                SourcePosition::Backfill { after: None, .. }
                | SourcePosition::Postgres { .. }
                | SourcePosition::Stream { .. }
                | SourcePosition::Salesforce { .. },
            )
            | None => (self.from, 0),
        }
    }

    /// Whether it is about an entity.
    pub fn wants(&self, entity: &str) -> bool {
        self.entity.as_ref().is_none_or(|only| only == entity)
    }
}
