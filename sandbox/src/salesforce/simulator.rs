//! Starting and stopping a simulator.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::config::SimConfig;
use super::persist::{self, PersistError, StateFile};
use super::schema::OrgError;
use super::server::{self, Shared};
use super::state::State;
use super::{admin, faults::FaultRule};

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The org definition cannot be used.
    #[error("org definition: {0}")]
    Org(#[from] OrgError),
    /// The state file cannot be used.
    #[error(transparent)]
    State(#[from] PersistError),
    /// A listening address is not on this machine only.
    #[error(
        "{0} is not a loopback address; the simulator has no protection and listens on 127.0.0.1 only"
    )]
    NotLoopback(SocketAddr),
    /// The address is taken or not allowed.
    #[error("cannot listen on {address}: {source}; choose another port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// Starts simulators.
#[derive(Debug)]
pub struct Simulator;

/// A running simulator. Dropping it stops it without waiting; `stop` waits and saves.
#[derive(Debug)]
pub struct Running {
    /// Address of the API, `http://127.0.0.1:PORT`.
    pub base_url: String,
    /// Address of the admin API.
    pub admin_url: String,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Simulator {
    /// Starts a simulator in the current Tokio runtime.
    ///
    /// # Errors
    /// When the org cannot be used, the state file cannot be read, or a port is taken.
    pub async fn start(config: SimConfig) -> Result<Running, StartError> {
        let mut config = config;
        let mut file = match &config.state_file {
            Some(path) => Some(StateFile::open(path)?),
            None => None,
        };
        if let Some(file) = &file {
            file.keep_prefixes(&mut config.org)?;
        }
        let mut state = State::new(&config)?;
        if let Some(file) = &mut file {
            file.load(&mut state)?;
            state.store.track_changes();
        }
        state.ensure_users();
        let api = listen(config.api).await?;
        let admin = listen(config.admin).await?;
        let address = |l: &TcpListener, wanted| l.local_addr().unwrap_or(wanted);
        let (api_at, admin_at) = (address(&api, config.api), address(&admin, config.admin));
        let shared = Shared::new(state);
        let (stop, stopped) = watch::channel(false);
        let mut tasks = vec![
            tokio::spawn(server::serve(Arc::clone(&shared), api, stopped.clone())),
            tokio::spawn(server::run_jobs(Arc::clone(&shared), stopped.clone())),
            tokio::spawn(serve_admin(Arc::clone(&shared), admin, stopped.clone())),
        ];
        if let Some(file) = file {
            tasks.push(tokio::spawn(persist::keep(Arc::clone(&shared), file, stopped)));
        }
        Ok(Running {
            base_url: format!("http://{api_at}"),
            admin_url: format!("http://{admin_at}"),
            shared,
            stop,
            tasks,
        })
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    if !address.ip().is_loopback() {
        return Err(StartError::NotLoopback(address));
    }
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}

async fn serve_admin(shared: Arc<Shared>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let stopped = async move {
        // An error means that the simulator was dropped, which stops it as well.
        let _ended = stop.changed().await;
    };
    let served = axum::serve(listener, admin::router(shared)).with_graceful_shutdown(stopped);
    if let Err(error) = served.await {
        tracing::error!(%error, "the admin API ended");
    }
}

impl Running {
    /// Adds a fault rule; false when there are too many.
    pub fn add_fault(&self, rule: FaultRule) -> bool {
        self.shared.lock().faults.add(rule)
    }

    /// Forgets all fault rules.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear();
    }

    /// The counters, as GET /stats shows them.
    #[must_use]
    pub fn stats(&self) -> serde_json::Value {
        self.shared.lock().stats_json()
    }

    /// Stops accepting, waits for open calls (up to two seconds) and saves the records.
    pub async fn stop(self) {
        // Nobody listening any more means that everything has stopped already.
        let _sent = self.stop.send(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a part of the simulator ended badly");
            }
        }
    }
}
