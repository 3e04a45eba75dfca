//! Requests that wait for the capture lane, bounded in number and in bytes.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::capture::EventOutcome;

/// Requests that may wait.
pub const QUEUE_REQUESTS: usize = 1_024;
/// Bytes of events that may wait or be on their way to landing: 32 MiB.
pub const QUEUE_BYTES: usize = 32 << 20;

/// What a producer is told.
pub type Reply = Result<Vec<EventOutcome>, NotLanded>;

/// The events were not landed, or it is not known whether they were: send them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotLanded;

/// There is no room: come back later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFull;

/// Events of one request.
pub struct Ingest {
    /// The stream.
    pub stream: String,
    /// In order.
    pub events: Vec<Bytes>,
    /// Called once they are durable; dropping it says [`NotLanded`].
    pub reply: oneshot::Sender<Reply>,
    /// Room in the queue, given back when this is dropped.
    pub(super) room: OwnedSemaphorePermit,
}

/// Where requests go in. Clones share the queue.
#[derive(Clone)]
pub struct EventSender {
    queue: mpsc::Sender<Ingest>,
    room: Arc<Semaphore>,
}

/// Where they come out.
pub struct EventQueue {
    pub(super) queue: mpsc::Receiver<Ingest>,
}

/// A queue of these bounds.
pub fn event_queue(requests: usize, bytes: usize) -> (EventSender, EventQueue) {
    let (sender, receiver) = mpsc::channel(requests);
    let room = Arc::new(Semaphore::new(bytes));
    (EventSender { queue: sender, room }, EventQueue { queue: receiver })
}

impl EventSender {
    /// Hands a request over; the reply comes once it is durable. Never waits.
    ///
    /// # Errors
    /// Where the queue is full, or nobody reads it any more.
    pub fn offer(
        &self,
        stream: &str,
        events: Vec<Bytes>,
    ) -> Result<oneshot::Receiver<Reply>, QueueFull> {
        let bytes: usize = events.iter().map(Bytes::len).sum();
        let permits = u32::try_from(bytes).map_err(|_| QueueFull)?;
        let room = self.room.clone().try_acquire_many_owned(permits).map_err(|_| QueueFull)?;
        let (reply, answer) = oneshot::channel();
        let ingest = Ingest { stream: stream.to_owned(), events, reply, room };
        self.queue.try_send(ingest).map_err(|_| QueueFull)?;
        Ok(answer)
    }
}
