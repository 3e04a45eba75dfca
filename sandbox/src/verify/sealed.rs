//! Opens personal data with the sandbox's key file: the one thing of the runtime that the verifier uses.

use std::path::Path;
use std::sync::Arc;

use covenant_model::change::{Key, Protect, Site};
use covenant_model::value::Value;
use covenant_model::version::Version;
use covenant_runtime::keys::audit::{Audit, AuditEntry};
use covenant_runtime::keys::local::LocalKeys;
use covenant_runtime::keys::protector::{Protector, RevealRow};

use super::Unseal;
use crate::error::{At, Result};

/// The purpose that the verifier reveals for.
const PURPOSE: &str = "sandbox_verification";

/// Opens values under the keys of a sandbox.
pub struct KeyFile {
    protector: Protector,
}

/// The demo's data are made up, and nobody is shown what was opened: only digests are compared.
struct NothingIsShown;

impl Audit for NothingIsShown {
    fn record(&self, _: &[AuditEntry]) -> covenant_runtime::error::Result<()> {
        Ok(())
    }
}

impl KeyFile {
    /// Reads the key file.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let told = "the sandbox's keys cannot be used";
        let keys = LocalKeys::open(path).at("verifier", told, "")?;
        let protector = Protector::new(Arc::new(keys)).at("verifier", told, "")?;
        Ok(Self { protector })
    }
}

impl Unseal for KeyFile {
    fn open(&self, entity: &str, field: &str, sealed: &str) -> Result<String, String> {
        let key = Key(Vec::new());
        let row = RevealRow { entity, key: &key, values: vec![(field, sealed)] };
        let opened = self
            .protector
            .reveal("verifier", PURPOSE, &[row], &NothingIsShown)
            .map_err(|error| error.to_string())?;
        match opened.into_iter().flatten().next() {
            Some(Value::Text(text)) => Ok(text),
            Some(other) => Err(format!("a {} where a text was sealed", other.kind())),
            None => Err("nothing".to_owned()),
        }
    }

    fn token(&self, class: &str, plain: &str) -> Result<String, String> {
        let key = Key(Vec::new());
        let version = Version::from_packed(0).ok_or("no version")?;
        // A token depends on the class and the value alone, so that it joins across entities.
        let site = Site { entity: "", field: "", class, key: &key, version };
        self.protector
            .token(&site, &Value::Text(plain.to_owned()))
            .map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use covenant_model::version::Version;
    use covenant_runtime::env::SystemChance;

    use super::*;

    #[test]
    fn what_capture_seals_is_opened_and_its_token_is_ours() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sandbox.key");
        let keys = LocalKeys::open_or_create(&path, &SystemChance).unwrap();
        let capture = Protector::new(Arc::new(keys)).unwrap();
        let key = Key(vec![Value::Text("C100000001".into())]);
        let version = Version::from_packed(7).unwrap();
        let (entity, field, class) = ("sales.customer", "email", "contact");
        let site = Site { entity, field, class, key: &key, version };
        let plain = Value::Text("ann@mail.example".into());
        let (sealed, token) = capture.encrypt(&site, &plain).unwrap();

        let verifier = KeyFile::open(&path).unwrap();
        assert_eq!(verifier.open(entity, field, &sealed).as_deref(), Ok("ann@mail.example"));
        assert_eq!(verifier.token(class, "ann@mail.example").as_deref(), Ok(token.as_str()));
        assert!(verifier.open(entity, "phone", &sealed).is_err(), "bound to its field");
    }
}
