//! The traits through which the delivery lane and its ledger use keys, over the [`Protector`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use covenant_model::value::Value;

use super::audit::{Audit, AuditEntry};
use super::protector::Protector;
use super::provider::BlobKind;
use crate::deliver::record::{Approved, Reveal, RevealSite, Revealed};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::ledger::{Digest, Sealer};

impl Sealer for Protector {
    fn seal(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        Self::seal(self, BlobKind::Ledger, context, plain).map(String::into_bytes)
    }

    fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        let text = std::str::from_utf8(sealed).unwrap_or("");
        Self::open(self, BlobKind::Ledger, context, text)
    }

    fn digest(&self, content: &[u8]) -> Result<Digest> {
        Ok(self.digest_whole(&[content]))
    }
}

/// Reveals for a delivery lane. Once an audit entry could not be kept, nothing more is revealed until one can be.
pub struct DeliveryReveal {
    protector: Arc<Protector>,
    audit: Arc<dyn Audit>,
    /// The lane's name.
    who: String,
    blocked: AtomicBool,
}

impl DeliveryReveal {
    /// Reveals in the name of `who`.
    pub fn new(protector: Arc<Protector>, audit: Arc<dyn Audit>, who: impl Into<String>) -> Self {
        Self { protector, audit, who: who.into(), blocked: AtomicBool::new(false) }
    }

    /// Whether the audit can be written: asked only after it could not.
    fn unblock(&self) -> Result<()> {
        if self.blocked.load(Ordering::Acquire) {
            self.audit.record(&[]).map_err(|error| {
                RuntimeError::new(
                    ErrorKind::Storage,
                    "audit",
                    format!("nothing is revealed while reveals cannot be audited: {error}"),
                    "Check the disk's free space and the permissions of the audit file.",
                )
            })?;
            self.blocked.store(false, Ordering::Release);
        }
        Ok(())
    }
}

impl Reveal for DeliveryReveal {
    fn reveal(&self, site: &RevealSite<'_>, cipher: &str) -> Result<Value> {
        self.unblock()?;
        self.protector.decrypt(site.entity, site.field, cipher)
    }

    fn audit(&self, event: &Revealed<'_>) {
        let entry = AuditEntry {
            who: self.who.clone(),
            purpose: event.purpose.to_owned(),
            entity: event.entity.to_owned(),
            fields: event.fields.to_vec(),
            key_digest: None,
            target: Some(event.object.to_owned()),
            count: event.rows as u64,
        };
        if let Err(error) = self.audit.record(&[entry]) {
            self.blocked.store(true, Ordering::Release);
            tracing::error!(%error, entity = event.entity, "a reveal could not be audited");
        }
    }

    fn approved(&self, event: &Approved<'_>) -> Result<()> {
        self.audit.record(&[AuditEntry {
            who: event.by.to_owned(),
            purpose: event.what.to_owned(),
            entity: event.entity.to_owned(),
            fields: vec![event.field.to_owned()],
            key_digest: None,
            target: Some(event.object.to_owned()),
            count: event.records as u64,
        }])
    }
}
