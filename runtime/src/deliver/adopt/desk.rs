//! Where adoptions are asked for and looked at: shared between the API and the delivery lane.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::plan::Shown;
use super::standing::Applied;

/// Commands that may wait for the lane; more are refused.
const INBOX_MAX: usize = 16;

/// What a person asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum AdoptCommand {
    /// Read both sides and match them.
    Plan {
        /// Entity name.
        entity: String,
    },
    /// Carry out the plan of this digest.
    Apply {
        /// Entity name.
        entity: String,
        /// Its digest.
        plan: String,
        /// Who, for the record.
        by: String,
    },
    /// Decide which record is a row's.
    Pick {
        /// Entity name.
        entity: String,
        /// External id of the row.
        row: String,
        /// Id of the record; none: the row gets one of its own.
        record: Option<String>,
        /// Who, for the record.
        by: String,
    },
    /// Let rows that match nothing go: each makes a record.
    Create {
        /// Entity name.
        entity: String,
        /// Who, for the record.
        by: String,
    },
}

impl AdoptCommand {
    /// Whose adoption it is about.
    pub fn entity(&self) -> &str {
        match self {
            Self::Plan { entity }
            | Self::Apply { entity, .. }
            | Self::Pick { entity, .. }
            | Self::Create { entity, .. } => entity,
        }
    }
}

/// Where an adoption stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Our side is still being read.
    #[default]
    Loading,
    /// Both sides are being read and matched.
    Planning,
    /// A person has to look at the plan.
    WaitsForReview,
    /// The plan is being carried out.
    Applying,
    /// Rows flow; those that are held wait for a person.
    Adopted,
    /// The last attempt failed.
    Failed,
}

/// An entity's adoption, as callers see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Entity name.
    pub entity: String,
    /// The object in the CRM.
    pub object: String,
    /// Where it stands.
    pub state: State,
    /// Whether rows of the entity are delivered.
    pub open: bool,
    /// What is being done.
    pub doing: String,
    /// The newest plan.
    pub plan: Option<Shown>,
    /// What was applied last.
    pub applied: Option<Applied>,
    /// Rows that wait for a person.
    pub held: u64,
    /// Why the last attempt failed, without values.
    pub error: Option<String>,
}

impl Standing {
    /// Where it stands, for people.
    pub fn in_words(&self) -> String {
        let rows = match self.held {
            0 => String::new(),
            held => format!("; {held} rows wait for a person"),
        };
        let state = match self.state {
            State::Loading => "waits until our side is read".to_owned(),
            State::Planning => format!("matching, {}", self.doing),
            State::WaitsForReview => "waits for its review".to_owned(),
            State::Applying => format!("applying, {}", self.doing),
            State::Adopted => "adopted".to_owned(),
            State::Failed => {
                format!("failed, tried again: {}", self.error.as_deref().unwrap_or("see the log"))
            }
        };
        state + &rows
    }

    /// Whether a person has something to do.
    pub fn waits_for_a_person(&self) -> bool {
        self.held > 0 || matches!(self.state, State::WaitsForReview | State::Failed)
    }
}

/// Answers a command: done or begun, or what is wrong with it.
pub type Answer = oneshot::Sender<Result<(), String>>;

#[derive(Default)]
struct Inner {
    inbox: VecDeque<(AdoptCommand, Answer)>,
    shown: BTreeMap<String, Standing>,
}

/// The desk.
#[derive(Clone, Default)]
pub struct Desk(Arc<Mutex<Inner>>);

impl Desk {
    /// Hands a command to the lane.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn ask(
        &self,
        command: AdoptCommand,
    ) -> Result<oneshot::Receiver<Result<(), String>>, String> {
        let mut inner = self.lock();
        if !inner.shown.contains_key(command.entity()) {
            let known: Vec<&str> = inner.shown.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(format!(
                "nothing of {} is adopted; entities with `adopt` in a Salesforce sink that is connected: {known}",
                command.entity()
            ));
        }
        if inner.inbox.len() >= INBOX_MAX {
            return Err("busy: try again".to_owned());
        }
        let (answer, answered) = oneshot::channel();
        inner.inbox.push_back((command, answer));
        Ok(answered)
    }

    /// Every adoption, by entity.
    pub fn look(&self) -> Vec<Standing> {
        self.lock().shown.values().cloned().collect()
    }

    pub(super) fn take(&self) -> Option<(AdoptCommand, Answer)> {
        self.lock().inbox.pop_front()
    }

    pub(super) fn show(&self, standing: Standing) {
        self.lock().shown.insert(standing.entity.clone(), standing);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
