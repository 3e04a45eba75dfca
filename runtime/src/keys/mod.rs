//! Keys, and what is done with them: protection at capture, reveals with an audit, sealed blobs for ledgers and quarantine.
//!
//! | module | what |
//! |---|---|
//! | [`provider`] | where data keys come from: a trait, KMS behind it in production |
//! | [`local`] | keys in a local file, **for sandboxes only** |
//! | [`protector`] | encryption, tokens, keyed digests, sealed blobs |
//! | [`audit`] | who saw which plaintext, and for what |
//! | [`seams`] | the same for the delivery lane and its ledger, through their traits |
//! | [`plain`] | values as canonical bytes and back |
//!
//! Why nonces are derived and not drawn: `docs/decisions/0002-derived-nonces.md`.

pub mod audit;
pub mod local;
pub mod plain;
pub mod protector;
pub mod provider;
pub mod seams;

#[cfg(test)]
mod tests;
