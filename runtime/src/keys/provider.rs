//! Where data keys come from.

use std::fmt;

use hmac::{Hmac, KeyInit};
use sha2::Sha256;

use crate::error::Result;

/// Bytes of a data key (AES-256, and HMAC-SHA256 at full strength).
pub const KEY_BYTES: usize = 32;
/// Bytes of a block of SHA-256.
const MAC_BLOCK_BYTES: usize = 64;

/// A data key. Shows itself to nobody.
#[derive(Clone)]
pub struct DataKey(pub(crate) [u8; KEY_BYTES]);

impl DataKey {
    /// A key that a provider has unwrapped.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// HMAC-SHA-256 under this key.
    pub(super) fn mac(&self) -> Hmac<Sha256> {
        // RFC 2104: a key that is shorter than a block is filled with zeros.
        let mut block = [0; MAC_BLOCK_BYTES];
        block.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        Hmac::new(&block.into())
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(hidden)")
    }
}

/// Name of a key: letters, digits and hyphens. Stands in every ciphertext.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(String);

/// Most characters of a key's name.
const KEY_ID_CHARS_MAX: usize = 64;

impl KeyId {
    /// `None` where the name has other characters or is too long.
    pub fn new(name: &str) -> Option<Self> {
        let fits = !name.is_empty() && name.len() <= KEY_ID_CHARS_MAX;
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (fits && plain).then(|| Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a sealed blob is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlobKind {
    /// A folded row in a delivery ledger.
    Ledger,
    /// The raw bytes of a refused record.
    Quarantine,
}

impl BlobKind {
    /// The name in the ciphertext.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ledger => "~ledger",
            Self::Quarantine => "~quarantine",
        }
    }
}

/// What a key is for. One key never serves two purposes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyPurpose {
    /// AES-256-GCM of values of a PII class, or of blobs (class names starting with `~`).
    Encrypt(String),
    /// Derivation of the nonces of those.
    Nonce(String),
    /// Tokens of a PII class. Must not rotate: tokens join over the whole history.
    Token(String),
    /// Digests: of keys in the audit, of raw records in quarantine ids. Must not rotate either.
    Digest,
}

impl KeyPurpose {
    /// An unambiguous label: what keys are derived by.
    pub fn label(&self) -> String {
        match self {
            Self::Encrypt(class) => format!("encrypt:{class}"),
            Self::Nonce(class) => format!("nonce:{class}"),
            Self::Token(class) => format!("token:{class}"),
            Self::Digest => "digest".to_owned(),
        }
    }
}

/// Hands out data keys. Called on the capture's hot path: implementations hold unwrapped keys in memory, and fetch them from
/// the key service outside of it (at start, and when [`KeyProvider::current`] changes).
pub trait KeyProvider: Send + Sync {
    /// The key under which new values of this purpose are protected.
    ///
    /// # Errors
    /// `Unavailable` or `Credentials` where there is none: nothing may then be landed.
    fn current(&self, purpose: &KeyPurpose) -> Result<KeyId>;

    /// A key by name, also one that is no longer current: old values stay readable.
    ///
    /// # Errors
    /// `Credentials` where the key is not known or not allowed.
    fn key(&self, id: &KeyId, purpose: &KeyPurpose) -> Result<DataKey>;
}
