//! From events of a replication session to items of the stream. Pure.
//!
//! **Keepalive rule**: the end of the log that a keepalive tells is handed out only while no transaction is open. It says
//! nothing about changes whose transaction has begun on the wire; reporting it then would let the source forget them.

use covenant_model::version::Lsn;
use pgwire_replication::ReplicationEvent;

use super::assemble::{AssembleError, Assembler};
use super::pgoutput::{self, EPOCH_2000_US, Message};
use crate::source::StreamItem;

/// What has come in, and how far it was handed out.
#[derive(Debug)]
pub struct Feed {
    assembler: Assembler,
    delivered: Lsn,
}

impl Feed {
    /// Begins at `start`; holds up to `limit` bytes of a transaction.
    pub fn new(start: Lsn, limit: usize) -> Self {
        Self { assembler: Assembler::new(limit), delivered: start }
    }

    /// End of what was handed out: nothing beyond may be acknowledged.
    pub fn delivered(&self) -> Lsn {
        self.delivered
    }

    /// Takes an event; gives the item that it completes.
    ///
    /// # Errors
    /// See [`AssembleError`]; the stream must be opened again.
    pub fn take(&mut self, event: ReplicationEvent) -> Result<Option<StreamItem>, AssembleError> {
        let message = match event {
            ReplicationEvent::KeepAlive { wal_end, .. } => {
                return Ok(self.keepalive(Lsn(wal_end.0)));
            }
            ReplicationEvent::Begin { final_lsn, xid, commit_time_micros } => Message::Begin {
                commit: Lsn(final_lsn.0),
                committed_at_us: commit_time_micros.saturating_add(EPOCH_2000_US),
                xid,
            },
            ReplicationEvent::Commit { lsn, end_lsn, commit_time_micros } => Message::Commit {
                commit: Lsn(lsn.0),
                end: Lsn(end_lsn.0),
                committed_at_us: commit_time_micros.saturating_add(EPOCH_2000_US),
            },
            ReplicationEvent::Message { .. } => Message::Emitted,
            ReplicationEvent::XLogData { data, .. } => pgoutput::decode(&data)?,
            ReplicationEvent::StoppedAt { .. } => {
                return Err(AssembleError::Order { what: "a stop that was not asked for" });
            }
        };
        let transaction = match self.assembler.push(message)? {
            Some(StreamItem::Transaction(transaction)) => transaction,
            // Nothing is delivered before the transaction's end: a part moves no position.
            part @ (None | Some(StreamItem::Part(_) | StreamItem::Passed(_))) => return Ok(part),
        };
        self.delivered = self.delivered.max(transaction.end);
        if transaction.changes.is_empty() {
            // only messages: nothing to land, but the stream has passed it
            return Ok(Some(StreamItem::Passed(transaction.end)));
        }
        Ok(Some(StreamItem::Transaction(transaction)))
    }

    fn keepalive(&mut self, wal_end: Lsn) -> Option<StreamItem> {
        if self.assembler.is_open() || wal_end <= self.delivered {
            return None;
        }
        self.delivered = wal_end;
        Some(StreamItem::Passed(wal_end))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn lsn(at: u64) -> pgwire_replication::Lsn {
        pgwire_replication::Lsn(at)
    }

    fn keepalive(at: u64) -> ReplicationEvent {
        ReplicationEvent::KeepAlive {
            wal_end: lsn(at),
            reply_requested: true,
            server_time_micros: 0,
        }
    }

    fn begin(at: u64) -> ReplicationEvent {
        ReplicationEvent::Begin { final_lsn: lsn(at), xid: 7, commit_time_micros: 0 }
    }

    fn commit(at: u64) -> ReplicationEvent {
        ReplicationEvent::Commit { lsn: lsn(at), end_lsn: lsn(at + 8), commit_time_micros: 0 }
    }

    fn data(bytes: &'static [u8]) -> ReplicationEvent {
        ReplicationEvent::XLogData {
            wal_start: lsn(0),
            wal_end: lsn(0),
            server_time_micros: 0,
            data: Bytes::from_static(bytes),
        }
    }

    fn passed(at: u64) -> Option<StreamItem> {
        Some(StreamItem::Passed(Lsn(at)))
    }

    #[test]
    fn a_keepalive_within_a_transaction_is_not_believed() {
        let mut feed = Feed::new(Lsn(50), 1 << 20);
        assert_eq!(feed.take(keepalive(60)).unwrap(), passed(60));
        let table = b"R\0\0\0\x04public\0t\0d\0\x01\x01id\0\0\0\0\x17\xff\xff\xff\xff";
        let row = b"I\0\0\0\x04N\0\x01t\0\0\0\x011";
        for event in [begin(100), data(table), data(row)] {
            assert_eq!(feed.take(event).unwrap(), None);
            assert_eq!(feed.take(keepalive(1 << 40)).unwrap(), None, "a transaction is open");
            assert_eq!(feed.delivered(), Lsn(60));
        }
        let Some(StreamItem::Transaction(whole)) = feed.take(commit(100)).unwrap() else {
            panic!("no transaction");
        };
        assert_eq!((whole.changes.len(), whole.end, whole.xid), (1, Lsn(108), 7));
        assert_eq!(feed.delivered(), Lsn(108));
        assert_eq!(feed.take(keepalive(200)).unwrap(), passed(200));
    }

    #[test]
    fn positions_only_move_forward() {
        let mut feed = Feed::new(Lsn(50), 1 << 20);
        assert_eq!(feed.take(keepalive(40)).unwrap(), None, "decoding begins before the start");
        assert_eq!(feed.take(keepalive(50)).unwrap(), None);
        assert_eq!(feed.take(keepalive(51)).unwrap(), passed(51));
    }

    #[test]
    fn a_transaction_without_rows_is_passed() {
        let mut feed = Feed::new(Lsn(50), 1 << 20);
        let message = ReplicationEvent::Message {
            transactional: true,
            lsn: lsn(90),
            prefix: "covenant".into(),
            content: Bytes::new(),
        };
        for event in [begin(100), message] {
            assert_eq!(feed.take(event).unwrap(), None);
        }
        assert_eq!(feed.take(commit(100)).unwrap(), passed(108));
    }
}
