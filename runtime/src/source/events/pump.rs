//! Between the queue and the lane: hands requests to capture, and answers them once their batch is durable.

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::queue::{EventQueue, Ingest, NotLanded, Reply};
use crate::capture::{BatchSeq, CaptureLane, EventOutcome};
use crate::error::{ErrorKind, Result};
use crate::landing::Epoch;

/// A request whose events are in a batch.
struct Waiting {
    /// Of the lane that accepted it: another lane's batches are not its batches.
    epoch: Epoch,
    batch: BatchSeq,
    outcomes: Vec<EventOutcome>,
    reply: oneshot::Sender<Reply>,
    _room: OwnedSemaphorePermit,
}

/// The pump. Outlives lanes: one that is opened anew takes over the queue, while requests of the old one are told to come again.
pub struct Pump {
    queue: EventQueue,
    next: Option<Ingest>,
    waiting: Vec<Waiting>,
}

impl Pump {
    /// Out of this queue.
    pub fn new(queue: EventQueue) -> Self {
        Self { queue, next: None, waiting: Vec::new() }
    }

    /// Waits until a request is there; for ever once all senders are gone. Safe to drop while waiting.
    pub async fn ready(&mut self) {
        if self.next.is_none() {
            match self.queue.queue.recv().await {
                Some(ingest) => self.next = Some(ingest),
                None => std::future::pending().await,
            }
        }
    }

    /// Hands waiting requests to the lane while it has room. Returns how many.
    ///
    /// # Errors
    /// Those of the capture; the request that met it is told to come again.
    pub fn fill(&mut self, lane: &mut CaptureLane) -> Result<usize> {
        let mut handed = 0;
        while lane.may_accept() {
            let Some(ingest) = self.next.take().or_else(|| self.queue.queue.try_recv().ok()) else {
                break;
            };
            let Ingest { stream, events, reply, room } = ingest;
            match lane.accept_events(&stream, &events) {
                Ok(accepted) => self.waiting.push(Waiting {
                    epoch: lane.epoch(),
                    batch: accepted.batch,
                    outcomes: accepted.outcomes,
                    reply,
                    _room: room,
                }),
                Err(error) => {
                    // A producer that is gone needs no answer.
                    let _ = reply.send(Err(NotLanded));
                    if error.kind != ErrorKind::Rejected {
                        return Err(error);
                    }
                }
            }
            handed += 1;
        }
        Ok(handed)
    }

    /// Answers every request whose batch is durable. Call after each commit, and after [`Pump::fill`]: repeats of what is
    /// durable need no commit.
    pub fn settle(&mut self, lane: &CaptureLane) {
        for waiting in std::mem::take(&mut self.waiting) {
            if waiting.epoch != lane.epoch() {
                let _ = waiting.reply.send(Err(NotLanded));
            } else if lane.is_durable(waiting.batch) {
                let _ = waiting.reply.send(Ok(waiting.outcomes));
            } else {
                self.waiting.push(waiting);
            }
        }
    }

    /// Requests that nobody has handed over yet.
    pub fn queue_len(&self) -> usize {
        self.queue.queue.len() + usize::from(self.next.is_some())
    }

    /// Requests that wait for a commit.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}
