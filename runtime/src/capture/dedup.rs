//! A bounded window over events that came before. It only saves work: the join makes repeats harmless anyway, so the window may
//! forget. It compares whole events, not their ids: two different events under one id must both reach the join, or the
//! outcome would depend on which came first.

use std::collections::{BTreeMap, VecDeque};

use super::batch::BatchSeq;

/// Events that are remembered: at 16 bytes and two entries each, about 10 MB.
pub const WINDOW_EVENTS: usize = 100_000;

/// A digest of an event.
pub type EventDigest = [u8; 16];

/// The window.
#[derive(Default)]
pub struct Window {
    seen: BTreeMap<EventDigest, BatchSeq>,
    order: VecDeque<EventDigest>,
}

impl Window {
    /// The batch in which the same event stands, where it is remembered.
    pub fn seen(&self, event: &EventDigest) -> Option<BatchSeq> {
        self.seen.get(event).copied()
    }

    /// Remembers an event of a batch; forgets the oldest where the window is full.
    pub fn remember(&mut self, event: EventDigest, batch: BatchSeq) {
        if self.seen.insert(event, batch).is_none() {
            self.order.push_back(event);
        }
        if self.order.len() > WINDOW_EVENTS
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
    }
}
