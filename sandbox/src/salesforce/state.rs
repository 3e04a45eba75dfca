//! Everything a simulator knows, behind one lock.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::bulk::Jobs;
use super::config::{Clock, ConnectedApp, SimConfig};
use super::cursors::Cursors;
use super::errors::RowError;
use super::faults::Faults;
use super::http::Call;
use super::ids::RecordId;
use super::schema::{FieldIx, ObjectIx, OrgError, Schema};
use super::stats::Stats;
use super::store::{RowIx, Store};
use super::usage::Usage;
use super::write::{Actor, RowResult, Upserted};

/// Key prefix of users.
const USER_PREFIX: &str = "005";
/// Most access tokens kept; the oldest are forgotten first.
const MAX_TOKENS: usize = 10_000;

/// The state of an org and of the conversations with it.
#[derive(Debug)]
pub struct State {
    /// Records.
    pub store: Store,
    /// Access tokens.
    pub sessions: Sessions,
    /// API calls used.
    pub usage: Usage,
    /// Scripted faults.
    pub faults: Faults,
    /// Counters for whoever watches.
    pub stats: Stats,
    /// Bulk jobs.
    pub jobs: Jobs,
    /// Open queries.
    pub cursors: Cursors,
    /// Applications that may log in.
    pub apps: Vec<ConnectedApp>,
    /// The user that integrations act as.
    pub integration: RecordId,
    /// The user that edits by hand.
    pub human: RecordId,
    clock: Arc<dyn Clock>,
}

/// Valid access tokens.
#[derive(Debug, Default)]
pub struct Sessions {
    tokens: VecDeque<String>,
}

impl Sessions {
    /// Accepts a token from now on.
    pub fn add(&mut self, token: String) {
        while self.tokens.len() >= MAX_TOKENS {
            self.tokens.pop_front();
        }
        self.tokens.push_back(token);
    }

    /// Whether a token is valid.
    #[must_use]
    pub fn valid(&self, token: &str) -> bool {
        self.tokens.iter().any(|t| t == token)
    }

    /// Makes all tokens invalid.
    pub fn expire_all(&mut self) {
        self.tokens.clear();
    }
}

impl State {
    /// An org as configured, with its users and no other records.
    ///
    /// # Errors
    /// When the org definition cannot be used.
    pub fn new(config: &SimConfig) -> Result<Self, OrgError> {
        let schema = Arc::new(Schema::compile(&config.org)?);
        let mut sessions = Sessions::default();
        for token in &config.tokens {
            sessions.add(token.clone());
        }
        Ok(Self {
            store: Store::new(schema),
            sessions,
            usage: Usage::new(config.daily_requests),
            faults: Faults::default(),
            stats: Stats::default(),
            jobs: Jobs::default(),
            cursors: Cursors::default(),
            apps: config.apps.clone(),
            integration: RecordId::new(USER_PREFIX, 1),
            human: RecordId::new(USER_PREFIX, 2),
            clock: Arc::clone(&config.clock),
        })
    }

    /// Creates the two users, unless a restored store has them.
    pub fn ensure_users(&mut self) {
        let Some(user) = self.store.schema().object("User").map(|o| o.ix) else { return };
        if self.store.rows(user).next().is_some() {
            return;
        }
        let login = self.apps.first().map_or("integration@example.com", |a| a.username.as_str());
        let names = [
            ("Integration User", login.to_owned()),
            ("Account Manager", "human@example.com".to_owned()),
        ];
        let actor = self.integration_actor();
        for (name, login) in names {
            self.store.put_user(user, name, &login, &actor);
        }
    }

    /// Now, in seconds since 1970 UTC.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// The integration user, now.
    #[must_use]
    pub fn integration_actor(&self) -> Actor {
        Actor { user: self.integration.clone(), now: self.now() }
    }

    /// A human, now.
    #[must_use]
    pub fn human_actor(&self) -> Actor {
        Actor { user: self.human.clone(), now: self.now() }
    }

    /// Creates one record of a call, scripted refusals included.
    ///
    /// # Errors
    /// The reasons of the refusal.
    pub fn create_row(
        &mut self,
        rules: &[usize],
        object: ObjectIx,
        input: &Map<String, Value>,
    ) -> RowResult<RecordId> {
        let actor = self.integration_actor();
        let result = match self.scripted(rules, &[]) {
            Some(error) => Err(vec![error]),
            None => self.store.create(object, input, &actor),
        };
        self.note(object, "created", &result);
        result
    }

    /// Changes one record of a call, scripted refusals included.
    ///
    /// # Errors
    /// The reasons of the refusal.
    pub fn update_row(
        &mut self,
        rules: &[usize],
        object: ObjectIx,
        at: RowIx,
        input: &Map<String, Value>,
    ) -> RowResult<RecordId> {
        let actor = self.integration_actor();
        let id = self.store.id_of(object, at).map_or_else(String::new, |id| id.to_string());
        let result = match self.scripted(rules, &[&id]) {
            Some(error) => Err(vec![error]),
            None => self.store.update(object, at, input, &actor),
        };
        self.note(object, "updated", &result);
        result
    }

    /// Upserts one record of a call, scripted refusals included.
    ///
    /// # Errors
    /// The reasons of the refusal.
    pub fn upsert_row(
        &mut self,
        rules: &[usize],
        target: (ObjectIx, FieldIx),
        key: &Value,
        input: &Map<String, Value>,
        update_only: bool,
    ) -> RowResult<Upserted> {
        let actor = self.integration_actor();
        let (object, field) = target;
        let text = super::value::plain(key);
        let result = match self.scripted(rules, &[&text]) {
            Some(error) => Err(vec![error]),
            None => self.store.upsert(object, field, key, input, &actor, update_only),
        };
        let what = match &result {
            Ok(Upserted::Created(_)) => "created",
            Ok(Upserted::Updated(_)) => "updated",
            Ok(Upserted::Several(_)) | Err(_) => "ambiguous",
        };
        self.note(object, what, &result);
        result
    }

    /// Deletes one record of a call, scripted refusals included.
    ///
    /// # Errors
    /// The reasons of the refusal.
    pub fn delete_row(
        &mut self,
        rules: &[usize],
        object: ObjectIx,
        at: RowIx,
        for_good: bool,
    ) -> RowResult<RecordId> {
        let actor = self.integration_actor();
        let id = self.store.id_of(object, at).map_or_else(String::new, |id| id.to_string());
        let result = match self.scripted(rules, &[&id]) {
            Some(error) => Err(vec![error]),
            None if for_good => self.store.hard_delete(object, at, &actor),
            None => self.store.delete(object, at, &actor),
        };
        self.note(object, "deleted", &result);
        result
    }

    fn scripted(&mut self, rules: &[usize], keys: &[&str]) -> Option<RowError> {
        self.faults.refuse_row(rules, keys)
    }

    fn note<T>(&mut self, object: ObjectIx, what: &'static str, result: &RowResult<T>) {
        let name = &self.store.schema().at(object).name;
        match result {
            Ok(_) => self.stats.row(name, what),
            Err(errors) => self.stats.row_errors(name, errors),
        }
    }

    /// The object that a call is about, when its path or body says.
    #[must_use]
    pub fn object_of(&self, call: &Call) -> Option<String> {
        let path: Vec<&str> = call.path.iter().skip(3).map(String::as_str).collect();
        let named = match path.as_slice() {
            ["sobjects", object, ..] | ["composite", "sobjects", object, ..] => {
                Some((*object).to_owned())
            }
            ["jobs", "ingest", job, ..] => self.jobs.object_of(job),
            _ => None,
        };
        named.or_else(|| {
            let json = call.json.as_ref()?;
            let first = json
                .get("records")
                .and_then(|r| r.get(0))
                .and_then(|r| r.pointer("/attributes/type"));
            first.or_else(|| json.get("object"))?.as_str().map(str::to_owned)
        })
    }

    /// The counters, as the admin API shows them.
    #[must_use]
    pub fn stats_json(&mut self) -> Value {
        let now = self.now();
        let rules: Vec<Value> = self
            .faults
            .list()
            .into_iter()
            .map(|(rule, fired)| json!({"rule": rule, "fired": fired}))
            .collect();
        let records: Map<String, Value> = self
            .store
            .schema()
            .objects()
            .iter()
            .map(|o| (o.name.clone(), json!(self.store.live_count(o.ix))))
            .collect();
        let mut out = self.stats.to_json();
        if let Some(map) = out.as_object_mut() {
            map.insert(
                "api_usage".to_owned(),
                json!({"used": self.usage.used(now), "max": self.usage.max()}),
            );
            map.insert("live_records".to_owned(), Value::Object(records));
            map.insert("faults".to_owned(), Value::Array(rules));
        }
        out
    }
}
