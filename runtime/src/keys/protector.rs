//! Protects values at capture and reveals them under audit.
//!
//! A ciphertext is `v1|<key id>.<class>|<nonce>|<ciphertext and tag>`, the last two in base64url without padding: it says by
//! itself how it is read, whatever class its field has today.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Nonce, Payload};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use covenant_model::change::{Key, Protect, ProtectError, Site};
use covenant_model::value::Value;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::audit::{Audit, AuditEntry};
use super::plain::{canonical, from_canonical};
use super::provider::{BlobKind, KeyId, KeyProvider, KeyPurpose};
use crate::error::{ErrorKind, Result, RuntimeError};

/// First part of every ciphertext.
const FORMAT: &str = "v1";
/// Bytes of a GCM nonce.
const NONCE_BYTES: usize = 12;
/// Bytes of tokens and digests: 128 bits, so that 2^40 values have a chance of 2^-49 to share one.
const TOKEN_BYTES: usize = 16;

type Mac256 = Hmac<Sha256>;

/// What one class is encrypted with.
struct Suite {
    /// `<key id>.<class>`
    name: String,
    cipher: Aes256Gcm,
    nonces: Mac256,
}

/// Protects, reveals and seals.
pub struct Protector {
    keys: Arc<dyn KeyProvider>,
    /// Class -> suite of the current key.
    current: RwLock<BTreeMap<String, Arc<Suite>>>,
    /// Class -> keyed MAC.
    tokens: RwLock<BTreeMap<String, Mac256>>,
    digests: Mac256,
}

/// Protected values of one row that somebody needs in plaintext.
#[derive(Clone, Debug)]
pub struct RevealRow<'a> {
    /// Entity name.
    pub entity: &'a str,
    /// The row.
    pub key: &'a Key,
    /// `(field, ciphertext)`
    pub values: Vec<(&'a str, &'a str)>,
}

impl Protector {
    /// A protector over these keys.
    ///
    /// # Errors
    /// Where the digest key is not to be had.
    pub fn new(keys: Arc<dyn KeyProvider>) -> Result<Self> {
        let digests = mac(&*keys, &KeyPurpose::Digest)?;
        Ok(Self { keys, current: RwLock::default(), tokens: RwLock::default(), digests })
    }

    /// Asks the provider again which keys are current: after a rotation.
    pub fn refresh(&self) {
        self.current.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// A keyed digest of the parts, 32 hexadecimal digits: equal for equal parts, and nothing else can be learned from it.
    pub fn digest(&self, parts: &[&[u8]]) -> String {
        hex::encode(tag::<TOKEN_BYTES>(&self.digests, parts))
    }

    /// Decrypts values of rows for a purpose. The audit is written first; results are in request order.
    ///
    /// # Errors
    /// `Storage` where the audit cannot be written, `Credentials` where a key is not to be had, `Corrupt` where a ciphertext
    /// was tampered with or stands in the wrong field.
    pub fn reveal(
        &self,
        who: &str,
        purpose: &str,
        rows: &[RevealRow<'_>],
        audit: &dyn Audit,
    ) -> Result<Vec<Vec<Value>>> {
        let entries: Vec<_> = rows
            .iter()
            .filter(|row| !row.values.is_empty())
            .map(|row| AuditEntry {
                who: who.to_owned(),
                purpose: purpose.to_owned(),
                entity: row.entity.to_owned(),
                fields: row.values.iter().map(|(field, _)| (*field).to_owned()).collect(),
                key_digest: Some(self.digest(&[row.entity.as_bytes(), &row.key.canonical()])),
                target: None,
                count: row.values.len() as u64,
            })
            .collect();
        if !entries.is_empty() {
            audit.record(&entries)?;
        }
        rows.iter()
            .map(|row| {
                let values = row.values.iter();
                values.map(|(field, cipher)| self.decrypt(row.entity, field, cipher)).collect()
            })
            .collect()
    }

    /// Decrypts one value. The caller audits.
    pub(super) fn decrypt(&self, entity: &str, field: &str, cipher: &str) -> Result<Value> {
        let plain = self.open_text(cipher, &site_bytes(entity, field))?;
        from_canonical(&plain).ok_or_else(|| unreadable("holds no value"))
    }

    /// Decrypts a landed value, to derive its change again. Not audited: it stays in memory and is protected anew; what shows it
    /// to somebody must audit.
    ///
    /// # Errors
    /// As [`Protector::reveal`].
    pub(crate) fn open_value(&self, entity: &str, field: &str, cipher: &str) -> Result<Value> {
        self.decrypt(entity, field, cipher)
    }

    /// The same as bytes.
    pub fn short_digest(&self, parts: &[&[u8]]) -> [u8; TOKEN_BYTES] {
        tag(&self.digests, parts)
    }

    /// A keyed digest at full length.
    pub(super) fn digest_whole(&self, parts: &[&[u8]]) -> [u8; 32] {
        tag(&self.digests, parts)
    }

    /// Encrypts a blob. `about` is bound to it: it opens only with the same. Same inputs, same bytes.
    ///
    /// # Errors
    /// Where the key is not to be had.
    pub fn seal(&self, kind: BlobKind, about: &[u8], plain: &[u8]) -> Result<String> {
        self.suite(kind.as_str())?.seal(about, plain, &[about, plain])
    }

    /// Decrypts a blob that was sealed as this kind. Not audited: it is for the runtime's own use (ledger rows, retries); what
    /// shows it to somebody must audit.
    ///
    /// # Errors
    /// As [`Protector::reveal`].
    pub fn open(&self, kind: BlobKind, about: &[u8], sealed: &str) -> Result<Vec<u8>> {
        let (_, class) = name_of(sealed)?;
        if class != kind.as_str() {
            return Err(unreadable("is not of this kind"));
        }
        self.open_text(sealed, about)
    }

    fn open_text(&self, text: &str, about: &[u8]) -> Result<Vec<u8>> {
        let (id, class) = name_of(text)?;
        let suite = self.suite(class)?;
        if suite.name == format!("{}.{class}", id.as_str()) {
            return suite.open(text, about);
        }
        Suite::new(&*self.keys, &id, class)?.open(text, about)
    }

    fn suite(&self, class: &str) -> Result<Arc<Suite>> {
        if let Some(suite) = self.current.read().unwrap_or_else(PoisonError::into_inner).get(class)
        {
            return Ok(suite.clone());
        }
        let id = self.keys.current(&KeyPurpose::Encrypt(class.to_owned()))?;
        let suite = Arc::new(Suite::new(&*self.keys, &id, class)?);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.insert(class.to_owned(), suite.clone());
        Ok(suite)
    }

    fn token_mac(&self, class: &str) -> Result<Mac256> {
        if let Some(mac) = self.tokens.read().unwrap_or_else(PoisonError::into_inner).get(class) {
            return Ok(mac.clone());
        }
        let mac = mac(&*self.keys, &KeyPurpose::Token(class.to_owned()))?;
        let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(class.to_owned(), mac.clone());
        Ok(mac)
    }
}

impl Protect for Protector {
    fn encrypt(&self, site: &Site<'_>, plain: &Value) -> Result<(String, String), ProtectError> {
        let bytes = canonical(plain);
        let seal = || -> Result<String> {
            let inputs: [&[u8]; 5] = [
                site.entity.as_bytes(),
                site.field.as_bytes(),
                &site.key.canonical(),
                &site.version.packed().to_be_bytes(),
                &bytes,
            ];
            let about = site_bytes(site.entity, site.field);
            self.suite(site.class)?.seal(&about, &bytes, &inputs)
        };
        let cipher = seal().map_err(|error| failed(site, &error))?;
        Ok((cipher, self.token(site, plain)?))
    }

    fn token(&self, site: &Site<'_>, plain: &Value) -> Result<String, ProtectError> {
        let mac = self.token_mac(site.class).map_err(|error| failed(site, &error))?;
        Ok(hex::encode(tag::<TOKEN_BYTES>(&mac, &[&canonical(plain)])))
    }
}

impl Suite {
    fn new(keys: &dyn KeyProvider, id: &KeyId, class: &str) -> Result<Self> {
        let key = keys.key(id, &KeyPurpose::Encrypt(class.to_owned()))?;
        let nonces = keys.key(id, &KeyPurpose::Nonce(class.to_owned()))?;
        Ok(Self {
            name: format!("{}.{class}", id.as_str()),
            cipher: Aes256Gcm::new(&key.0.into()),
            nonces: nonces.mac(),
        })
    }

    fn seal(&self, about: &[u8], plain: &[u8], inputs: &[&[u8]]) -> Result<String> {
        let nonce: [u8; NONCE_BYTES] = tag(&self.nonces, inputs);
        let payload = Payload { msg: plain, aad: about };
        let cipher = self
            .cipher
            .encrypt(&Nonce::<Aes256Gcm>::from(nonce), payload)
            .map_err(|_| unreadable("is too long to be encrypted"))?;
        let mut text = format!("{FORMAT}|{}|", self.name);
        URL_SAFE_NO_PAD.encode_string(nonce, &mut text);
        text.push('|');
        URL_SAFE_NO_PAD.encode_string(cipher, &mut text);
        Ok(text)
    }

    fn open(&self, text: &str, about: &[u8]) -> Result<Vec<u8>> {
        let mut parts = text.split('|').skip(2);
        let mut part = || parts.next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let (Some(nonce), Some(cipher)) = (part(), part()) else {
            return Err(unreadable("is malformed"));
        };
        let nonce: [u8; NONCE_BYTES] =
            nonce.try_into().map_err(|_| unreadable("has a malformed nonce"))?;
        let payload = Payload { msg: &cipher, aad: about };
        self.cipher
            .decrypt(&Nonce::<Aes256Gcm>::from(nonce), payload)
            .map_err(|_| unreadable("was changed, moved to another field, or has another key"))
    }
}

/// Whether a text has the form of a ciphertext.
pub(crate) fn is_sealed(text: &str) -> bool {
    name_of(text).is_ok()
}

/// Whether a text has the form of a token.
pub(crate) fn is_token(text: &str) -> bool {
    text.len() == 2 * TOKEN_BYTES
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Key id and class of a ciphertext.
fn name_of(text: &str) -> Result<(KeyId, &str)> {
    let mut parts = text.split('|');
    let malformed = || unreadable("is malformed");
    if parts.next() != Some(FORMAT) {
        return Err(unreadable("has another format than v1"));
    }
    let (id, class) = parts.next().and_then(|name| name.split_once('.')).ok_or_else(malformed)?;
    if parts.count() != 2 {
        return Err(malformed());
    }
    Ok((KeyId::new(id).ok_or_else(malformed)?, class))
}

/// What a value's ciphertext is bound to. Not the row: a row that moves to another key takes its ciphertexts along.
fn site_bytes(entity: &str, field: &str) -> Vec<u8> {
    // Neither name can hold a line feed, so the two cannot be shifted against each other.
    format!("{entity}\n{field}").into_bytes()
}

/// The first bytes of a MAC over parts, each with its length, so that parts cannot be shifted against each other.
fn tag<const N: usize>(mac: &Mac256, parts: &[&[u8]]) -> [u8; N] {
    let mut mac = mac.clone();
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    let whole = mac.finalize().into_bytes();
    let mut first = [0; N];
    first.iter_mut().zip(whole).for_each(|(to, from)| *to = from);
    first
}

fn mac(keys: &dyn KeyProvider, purpose: &KeyPurpose) -> Result<Mac256> {
    Ok(keys.key(&keys.current(purpose)?, purpose)?.mac())
}

fn failed(site: &Site<'_>, error: &RuntimeError) -> ProtectError {
    ProtectError {
        entity: site.entity.to_owned(),
        field: site.field.to_owned(),
        why: error.to_string(),
    }
}

fn unreadable(why: &str) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Corrupt,
        "keys",
        format!("a protected value {why}"),
        "Check that the keys are those under which it was written; the value itself is not shown.",
    )
}
