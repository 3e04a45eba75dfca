//! `received >= accepted >= durable >= acknowledged`: four positions in one log that must never be mixed up.
//!
//! | position | how far | who may move it |
//! |---|---|---|
//! | [`Received`] | bytes have come in | the reader |
//! | [`Accepted`] | decoded, validated, protected, in the open batch | capture |
//! | [`Durable`] | in a committed landing manifest | landing, after the conditional put |
//! | [`Acknowledged`] | the source may forget it | the reader, after landing said so |

use crate::version::Lsn;

macro_rules! position {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(pub Lsn);
    };
}

position!(
    /// End of the last message that has come in.
    Received
);
position!(
    /// End of the last transaction whose changes are all in the open batch.
    Accepted
);
position!(
    /// End position in the newest committed landing manifest.
    Durable
);
position!(
    /// What the source was last told that it may forget.
    Acknowledged
);

/// Which of the four would have overtaken the one before it: always a bug, never an operating error.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{what} {to} would overtake {limit_name} {limit}: this is a bug, please report it")]
pub struct Overtaken {
    what: &'static str,
    to: Lsn,
    limit_name: &'static str,
    limit: Lsn,
}

/// The four positions of one source, which only move forward and never overtake each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    received: Received,
    accepted: Accepted,
    durable: Durable,
    acknowledged: Acknowledged,
}

impl Progress {
    /// All four at the position that landing has made durable.
    pub fn resumed(durable: Durable) -> Self {
        let at = durable.0;
        Self {
            received: Received(at),
            accepted: Accepted(at),
            durable,
            acknowledged: Acknowledged(at),
        }
    }

    /// Bytes up to `to` have come in.
    pub fn receive(&mut self, to: Received) {
        self.received = self.received.max(to);
    }

    /// Everything up to `to` is in the open batch.
    ///
    /// # Errors
    /// Where `to` lies beyond what was received.
    pub fn accept(&mut self, to: Accepted) -> Result<(), Overtaken> {
        within("accepted", to.0, "received", self.received.0)?;
        self.accepted = self.accepted.max(to);
        Ok(())
    }

    /// A landing manifest that ends at `to` is committed.
    ///
    /// # Errors
    /// Where `to` lies beyond what was accepted.
    pub fn persist(&mut self, to: Durable) -> Result<(), Overtaken> {
        within("durable", to.0, "accepted", self.accepted.0)?;
        self.durable = self.durable.max(to);
        Ok(())
    }

    /// The source is told that it may forget everything up to `to`.
    ///
    /// # Errors
    /// Where `to` lies beyond what is durable.
    pub fn acknowledge(&mut self, to: Acknowledged) -> Result<(), Overtaken> {
        within("acknowledged", to.0, "durable", self.durable.0)?;
        self.acknowledged = self.acknowledged.max(to);
        Ok(())
    }

    /// How far bytes have come in.
    pub fn received(&self) -> Received {
        self.received
    }

    /// How far the open batch goes.
    pub fn accepted(&self) -> Accepted {
        self.accepted
    }

    /// How far landing goes.
    pub fn durable(&self) -> Durable {
        self.durable
    }

    /// What the source was told.
    pub fn acknowledged(&self) -> Acknowledged {
        self.acknowledged
    }
}

fn within(
    what: &'static str,
    to: Lsn,
    limit_name: &'static str,
    limit: Lsn,
) -> Result<(), Overtaken> {
    if to <= limit { Ok(()) } else { Err(Overtaken { what, to, limit_name, limit }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_acknowledged_that_is_not_durable() {
        let mut progress = Progress::resumed(Durable(Lsn(10)));
        progress.receive(Received(Lsn(30)));
        progress.accept(Accepted(Lsn(30))).unwrap();
        assert!(progress.acknowledge(Acknowledged(Lsn(20))).is_err());
        progress.persist(Durable(Lsn(20))).unwrap();
        progress.acknowledge(Acknowledged(Lsn(20))).unwrap();
        assert!(progress.persist(Durable(Lsn(31))).is_err());
        assert!(progress.accept(Accepted(Lsn(31))).is_err());
    }
}
