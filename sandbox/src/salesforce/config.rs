//! What a simulator is started with.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use super::org::Org;

/// Calls a day that an org allows unless told otherwise (a Developer org's figure).
pub const DEFAULT_DAILY_REQUESTS: u64 = 15_000;

/// Where the simulator reads the time, in seconds since 1970 UTC.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Now.
    fn now(&self) -> i64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        jiff::Timestamp::now().as_second()
    }
}

/// An application that may log in.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectedApp {
    /// Consumer key, the `iss` of assertions.
    pub key: String,
    /// Secret for client credentials; `None` refuses that flow.
    pub secret: Option<String>,
    /// How assertions are checked.
    pub assertions: Assertions,
    /// The user the application acts as.
    pub username: String,
}

/// How JWT bearer assertions of an application are checked.
#[derive(Clone, PartialEq, Eq)]
pub enum Assertions {
    /// The flow is refused.
    Refused,
    /// RS256 against this PEM public key.
    SignedBy(String),
    /// Any well-formed assertion of the application passes, for tests that have no key.
    AnyWellFormed,
}

impl std::fmt::Debug for ConnectedApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectedApp").field("username", &self.username).finish_non_exhaustive()
    }
}

impl ConnectedApp {
    /// An application with a secret, whose assertions need no signature.
    #[must_use]
    pub fn open(key: &str, secret: &str, username: &str) -> Self {
        Self {
            key: key.to_owned(),
            secret: Some(secret.to_owned()),
            assertions: Assertions::AnyWellFormed,
            username: username.to_owned(),
        }
    }
}

/// Everything a simulator needs to start.
#[derive(Clone)]
pub struct SimConfig {
    /// The org.
    pub org: Org,
    /// Where the API listens; must be a loopback address, port 0 picks a free one.
    pub api: SocketAddr,
    /// Where the admin API listens; must be a loopback address.
    pub admin: SocketAddr,
    /// Applications that may log in.
    pub apps: Vec<ConnectedApp>,
    /// Access tokens valid from the start, until a fault expires all tokens.
    pub tokens: Vec<String>,
    /// Calls allowed in 24 hours.
    pub daily_requests: u64,
    /// SQLite file that keeps records across restarts.
    pub state_file: Option<PathBuf>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

impl Default for SimConfig {
    fn default() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            org: Org::standard(),
            api: any,
            admin: any,
            apps: vec![ConnectedApp::open("key", "secret", "sim@example.com")],
            tokens: Vec::new(),
            daily_requests: DEFAULT_DAILY_REQUESTS,
            state_file: None,
            clock: Arc::new(SystemClock),
        }
    }
}
