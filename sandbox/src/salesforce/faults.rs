//! Scripted faults: what goes wrong, for which calls, how often.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use super::errors::{ErrorCode, RowError};

/// Most rules kept at a time.
pub const MAX_RULES: usize = 1_000;

/// Which calls a rule concerns; an absent condition always holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    /// HTTP method.
    pub method: Option<String>,
    /// Part of the path.
    pub path_contains: Option<String>,
    /// The object written or read.
    pub sobject: Option<String>,
    /// Only the n-th call that fits (from 1).
    pub nth: Option<u64>,
    /// At most this many times.
    pub times: Option<u64>,
    /// Share of the calls (0 to 1) that are hit, drawn from `seed`.
    pub probability: Option<f64>,
    /// Seed of the draw.
    pub seed: u64,
}

/// What a rule does. Several effects of one rule all apply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Effect {
    /// Answer with this status instead of running the call.
    pub status: Option<u16>,
    /// Error code of that answer; `SERVER_UNAVAILABLE` unless given.
    pub code: Option<String>,
    /// Message of that answer.
    pub message: Option<String>,
    /// Answer with an HTML page, as an edge server does.
    pub html: bool,
    /// All access tokens are invalid from now on.
    pub expire_token: bool,
    /// Wait before the call runs, in milliseconds.
    pub latency_ms: Option<u64>,
    /// Run the call, then drop the connection without an answer.
    pub lost_reply: bool,
    /// Drop the connection without running the call.
    pub lost_request: bool,
    /// Drop the connection at once and run the call this many milliseconds later.
    pub late_apply_ms: Option<u64>,
    /// Refuse records of the call.
    pub row_error: Option<RowFault>,
    /// Bulk ingest jobs of the object end as Failed after this many records; the rest stays unprocessed. Such a rule
    /// is asked when a job starts to run, and has no other effect.
    pub fail_job_after: Option<usize>,
}

/// Records to refuse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowFault {
    /// Code, for example `UNABLE_TO_LOCK_ROW`.
    pub code: String,
    /// Message; a usual one for the code unless given.
    #[serde(default)]
    pub message: Option<String>,
    /// Fields to name.
    #[serde(default)]
    pub fields: Vec<String>,
    /// Every n-th record, counted over the life of the rule.
    #[serde(default)]
    pub every_nth: Option<u64>,
    /// Records with these keys (external id or record id).
    #[serde(default)]
    pub keys: Vec<String>,
}

/// A rule as it is posted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Which calls.
    #[serde(rename = "match", default)]
    pub matches: Match,
    /// What happens.
    pub effect: Effect,
}

#[derive(Debug)]
struct Armed {
    rule: FaultRule,
    random: StdRng,
    seen: u64,
    rows_seen: u64,
    fired: u64,
}

/// All rules.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Vec<Armed>,
}

/// What the rules decided for one call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// Effects to apply, in the order of their rules.
    pub effects: Vec<Effect>,
    /// Rules that may refuse records of the call.
    pub row_rules: Vec<usize>,
}

impl Faults {
    /// Adds a rule; false when there are too many.
    pub fn add(&mut self, rule: FaultRule) -> bool {
        if self.rules.len() >= MAX_RULES {
            return false;
        }
        let random = StdRng::seed_from_u64(rule.matches.seed);
        self.rules.push(Armed { rule, random, seen: 0, rows_seen: 0, fired: 0 });
        true
    }

    /// Forgets all rules.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// Each rule, and how often it has fired.
    #[must_use]
    pub fn list(&self) -> Vec<(FaultRule, u64)> {
        self.rules.iter().map(|a| (a.rule.clone(), a.fired)).collect()
    }

    /// Decides for one call.
    pub fn decide(&mut self, method: &str, path: &str, sobject: Option<&str>) -> Decision {
        let mut decision = Decision::default();
        for (i, armed) in self.rules.iter_mut().enumerate() {
            let for_jobs = armed.rule.effect.fail_job_after.is_some();
            if for_jobs || !armed.rule.matches.fits(method, path, sobject) || !armed.draw() {
                continue;
            }
            if armed.rule.effect.row_error.is_some() {
                decision.row_rules.push(i);
            }
            let whole_call = Effect { row_error: None, ..armed.rule.effect.clone() };
            if whole_call != Effect::default() {
                armed.fired += 1;
                decision.effects.push(whole_call);
            }
        }
        decision
    }

    /// The rules that may refuse records written outside a call (Bulk jobs run by themselves).
    pub fn row_rules(&mut self, method: &str, path: &str, sobject: &str) -> Vec<usize> {
        let fits = |armed: &Armed| {
            armed.rule.effect.row_error.is_some()
                && armed.rule.matches.fits(method, path, Some(sobject))
        };
        let all = self.rules.iter_mut().enumerate();
        all.filter_map(|(i, armed)| (fits(armed) && armed.draw()).then_some(i)).collect()
    }

    /// After how many records a Bulk job that starts now fails, when a rule says so.
    pub fn fail_job(&mut self, path: &str, sobject: &str) -> Option<usize> {
        self.rules.iter_mut().find_map(|armed| {
            let after = armed.rule.effect.fail_job_after?;
            let hit = armed.rule.matches.fits("POST", path, Some(sobject)) && armed.draw();
            armed.fired += u64::from(hit);
            hit.then_some(after)
        })
    }

    /// Whether one of these rules refuses a record with these keys.
    pub fn refuse_row(&mut self, rules: &[usize], keys: &[&str]) -> Option<RowError> {
        rules.iter().find_map(|i| self.rules.get_mut(*i)?.refuse(keys))
    }
}

impl Match {
    fn fits(&self, method: &str, path: &str, sobject: Option<&str>) -> bool {
        let same = |wanted: &Option<String>, got: Option<&str>| {
            wanted.as_ref().is_none_or(|w| got.is_some_and(|g| g.eq_ignore_ascii_case(w)))
        };
        same(&self.method, Some(method))
            && same(&self.sobject, sobject)
            && self.path_contains.as_ref().is_none_or(|part| path.contains(part.as_str()))
    }
}

impl Armed {
    fn exhausted(&self) -> bool {
        self.rule.matches.times.is_some_and(|times| self.fired >= times)
    }

    fn draw(&mut self) -> bool {
        self.seen += 1;
        if self.exhausted() || self.rule.matches.nth.is_some_and(|nth| nth != self.seen) {
            return false;
        }
        let Some(share) = self.rule.matches.probability else { return true };
        self.random.random::<f64>() < share
    }

    fn refuse(&mut self, keys: &[&str]) -> Option<RowError> {
        let fault = self.rule.effect.row_error.as_ref()?;
        self.rows_seen += 1;
        let by_count = fault.every_nth.is_some_and(|n| n > 0 && self.rows_seen.is_multiple_of(n));
        let by_key = fault.keys.iter().any(|k| keys.contains(&k.as_str()));
        let every = fault.every_nth.is_none() && fault.keys.is_empty();
        if self.exhausted() || !(by_count || by_key || every) {
            return None;
        }
        let message =
            fault.message.clone().unwrap_or_else(|| usual_message(&fault.code).to_owned());
        let error = RowError {
            code: ErrorCode::scripted(fault.code.clone()),
            message,
            fields: fault.fields.clone(),
        };
        self.fired += 1;
        Some(error)
    }
}

/// The message that usually comes with a code.
#[must_use]
pub fn usual_message(code: &str) -> &'static str {
    match code {
        "REQUEST_LIMIT_EXCEEDED" => "TotalRequests Limit exceeded.",
        "UNABLE_TO_LOCK_ROW" => "unable to obtain exclusive access to this record",
        "INVALID_SESSION_ID" => "Session expired or invalid",
        "SERVER_UNAVAILABLE" => "Server Unavailable",
        "QUERY_TIMEOUT" => "Your query request was running for too long.",
        "UNKNOWN_EXCEPTION" => {
            "An unexpected error occurred. Please include this ErrorId if you contact support: 1234567890-12345 (-1234567890)"
        }
        _ => "The request could not be completed",
    }
}

#[cfg(test)]
mod tests {
    use super::{Effect, FaultRule, Faults, Match, RowFault};

    fn rule(matches: Match) -> FaultRule {
        FaultRule { matches, effect: Effect { status: Some(503), ..Effect::default() } }
    }

    #[test]
    fn nth_and_times_bound_a_rule() {
        let mut faults = Faults::default();
        faults.add(rule(Match { nth: Some(2), ..Match::default() }));
        faults.add(rule(Match {
            times: Some(1),
            method: Some("patch".into()),
            ..Match::default()
        }));
        let hits: Vec<usize> =
            (0..3).map(|_| faults.decide("PATCH", "/x", None).effects.len()).collect();
        assert_eq!(hits, [1, 1, 0]);
        assert!(faults.decide("GET", "/x", None).effects.is_empty());
    }

    #[test]
    fn a_share_is_drawn_from_the_seed() {
        let draw = |seed| {
            let mut faults = Faults::default();
            faults.add(rule(Match { probability: Some(0.5), seed, ..Match::default() }));
            (0..64).map(|_| faults.decide("GET", "/", None).effects.len()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let hits: usize = draw(7).iter().sum();
        assert!((16..48).contains(&hits), "{hits} of 64");
    }

    #[test]
    fn records_are_refused_by_count_or_key() {
        let mut faults = Faults::default();
        let lock = |every_nth, keys: &[&str]| RowFault {
            code: "UNABLE_TO_LOCK_ROW".to_owned(),
            message: None,
            fields: Vec::new(),
            every_nth,
            keys: keys.iter().map(|k| (*k).to_owned()).collect(),
        };
        let effect = |fault| Effect { row_error: Some(fault), ..Effect::default() };
        faults.add(FaultRule { matches: Match::default(), effect: effect(lock(Some(3), &[])) });
        faults.add(FaultRule { matches: Match::default(), effect: effect(lock(None, &["K2"])) });
        let rules = faults.decide("PATCH", "/", Some("Account")).row_rules;
        let refused: Vec<bool> = ["K1", "K2", "K3", "K4"]
            .iter()
            .map(|key| faults.refuse_row(&rules, &[key]).is_some())
            .collect();
        assert_eq!(refused, [false, true, true, false]);
    }
}
