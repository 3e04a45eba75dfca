//! The thread that owns the connection.

use std::sync::mpsc;

use ::duckdb::{Config, Connection};
use futures::channel::oneshot;

use super::hold::Hold;
use super::{DuckOptions, PLACE, failed};
use crate::error::{ErrorKind, Result, RuntimeError};

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// Sends jobs to the thread; the thread ends with it.
pub(super) struct Worker {
    jobs: mpsc::Sender<Job>,
    hold: Hold,
}

impl Worker {
    /// Starts the thread and opens the database in it.
    pub(super) async fn start(options: DuckOptions) -> Result<Self> {
        Self::with(move || {
            let hold = Hold::take(options.path.as_deref())?;
            Ok((connect(&options)?, hold))
        })
        .await
    }

    /// Another connection to the same database, with a thread of its own.
    pub(super) async fn beside(&self) -> Result<Self> {
        let clone = |db: &Connection| db.try_clone().map_err(|error| failed("connecting", error));
        let connection = self.call(clone).await?;
        let hold = self.hold.clone();
        Self::with(move || Ok((connection, hold))).await
    }

    async fn with(
        connect: impl FnOnce() -> Result<(Connection, Hold)> + Send + 'static,
    ) -> Result<Self> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        let (opened, answer) = oneshot::channel();
        std::thread::Builder::new()
            .name("duckdb".to_owned())
            .spawn(move || match connect() {
                Ok((connection, hold)) => {
                    // Nobody waits any more: the caller was dropped, and so is the sender of jobs.
                    let _ = opened.send(Ok(hold.clone()));
                    for job in waiting {
                        job(&connection);
                    }
                    // In this order: the next one may open the file once it is closed.
                    drop(connection);
                    drop(hold);
                }
                Err(error) => {
                    let _ = opened.send(Err(error));
                }
            })
            .map_err(|error| {
                RuntimeError::new(ErrorKind::Storage, PLACE, error, "Raise the limit of threads")
            })?;
        let hold = answer.await.map_err(|_| gone())??;
        Ok(Self { jobs, hold })
    }

    /// Runs a job on the thread, after those before it. A job that was sent runs to its end even if nobody waits.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (done, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Nobody waits any more where the lane was dropped; the warehouse's own ledger tells the next one.
            let _ = done.send(job(connection));
        });
        self.jobs.send(job).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn connect(options: &DuckOptions) -> Result<Connection> {
    let opening = |error| failed("opening the database", error);
    let config = Config::default()
        .threads(i64::from(options.threads))
        .and_then(|config| config.max_memory(&format!("{}MiB", options.memory_mib)))
        .map_err(opening)?;
    let connection = match &options.path {
        Some(path) => Connection::open_with_flags(path, config),
        None => Connection::open_in_memory_with_flags(config),
    };
    let connection = connection.map_err(opening)?;
    // Instants are UTC, whatever the machine's zone; files have no order that must be kept.
    connection
        .execute_batch("SET TimeZone = 'UTC'; SET preserve_insertion_order = false;")
        .map_err(opening)?;
    Ok(connection)
}

fn gone() -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Unavailable,
        PLACE,
        "the warehouse's thread has ended; whether its last transaction was committed is unknown",
        "Open the warehouse again and read what is applied",
    )
}
