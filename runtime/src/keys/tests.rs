use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use covenant_model::change::{Key, Protect, Site};
use covenant_model::value::Value;
use covenant_model::version::Version;
use proptest::prelude::*;

use super::audit::{Audit, AuditEntry, FileAudit, MemoryAudit};
use super::local::LocalKeys;
use super::plain::{canonical, from_canonical};
use super::protector::{Protector, RevealRow};
use super::provider::{BlobKind, KeyId, KeyProvider, KeyPurpose};
use super::seams::DeliveryReveal;
use crate::deliver::record::{Reveal, RevealSite, Revealed};
use crate::env::{Chance, SystemClock};
use crate::error::{ErrorKind, Result, RuntimeError};

const CANARY: &str = "canary-ann@example.com";

struct Counter(std::sync::atomic::AtomicU64);

impl Chance for Counter {
    fn next_u64(&self) -> u64 {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }
}

fn chance() -> Counter {
    Counter(7.into())
}

fn protector() -> Protector {
    Protector::new(Arc::new(LocalKeys::fixed([1; 32]))).unwrap()
}

fn key() -> Key {
    Key(vec![Value::Uuid(9)])
}

fn site<'a>(key: &'a Key, field: &'a str, class: &'a str, version: u128) -> Site<'a> {
    let version = Version::from_packed(version).unwrap();
    Site { entity: "shop.order", field, class, key, version }
}

fn canary() -> Value {
    Value::Text(CANARY.to_owned())
}

#[test]
fn the_same_change_gives_the_same_bytes_and_another_gives_others() {
    let (one, two, key) = (protector(), protector(), key());
    let cipher = |p: &Protector, field, version| {
        p.encrypt(&site(&key, field, "contact", version), &canary()).unwrap().0
    };
    assert_eq!(cipher(&one, "email", 1), cipher(&two, "email", 1));
    assert_ne!(cipher(&one, "email", 1), cipher(&one, "email", 2));
    assert_ne!(cipher(&one, "email", 1), cipher(&one, "phone", 1));
    let nonce = |text: String| text.split('|').nth(2).unwrap().to_owned();
    assert_ne!(nonce(cipher(&one, "email", 1)), nonce(cipher(&one, "email", 2)));
}

#[test]
fn tokens_join_within_a_class_only() {
    let (p, key, other) = (protector(), key(), Key(vec![Value::Int(1)]));
    let token =
        |key, field, class, version| p.token(&site(key, field, class, version), &canary()).unwrap();
    assert_eq!(token(&key, "email", "contact", 1), token(&other, "phone", "contact", 2));
    assert_ne!(token(&key, "email", "contact", 1), token(&key, "email", "identity", 1));
    assert_eq!(token(&key, "email", "contact", 1).len(), 32);
}

#[test]
fn a_reveal_is_audited_without_values_and_bound_to_its_field() {
    let (p, key, audit) = (protector(), key(), MemoryAudit::default());
    let (cipher, _) = p.encrypt(&site(&key, "email", "contact", 1), &canary()).unwrap();
    let row =
        |field| RevealRow { entity: "shop.order", key: &key, values: vec![(field, &*cipher)] };
    let plain = p.reveal("lane", "order_service", &[row("email")], &audit).unwrap();
    assert_eq!(plain, vec![vec![canary()]]);
    let error = p.reveal("lane", "order_service", &[row("phone")], &audit).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);
    let entries = audit.entries();
    assert_eq!(entries.len(), 2, "the failed attempt is audited too");
    assert_eq!((entries[0].count, entries[0].fields.clone()), (1, vec!["email".to_owned()]));
    assert!(!format!("{entries:?}{error}{error:?}").contains(CANARY));
}

struct FullDisk;

impl Audit for FullDisk {
    fn record(&self, _: &[AuditEntry]) -> Result<()> {
        Err(RuntimeError::new(ErrorKind::Storage, "audit", "full", ""))
    }
}

#[test]
fn what_cannot_be_audited_is_not_revealed() {
    let (p, key) = (Arc::new(protector()), key());
    let (cipher, _) = p.encrypt(&site(&key, "email", "contact", 1), &canary()).unwrap();
    let row = RevealRow { entity: "shop.order", key: &key, values: vec![("email", &cipher)] };
    assert_eq!(p.reveal("x", "y", &[row], &FullDisk).unwrap_err().kind, ErrorKind::Storage);

    let lane = DeliveryReveal::new(p, Arc::new(FullDisk), "deliver.salesforce");
    let ty = covenant_model::value::LogicalType::String { max_chars: None };
    let at = RevealSite { entity: "shop.order", field: "email", class: "contact", ty: &ty };
    assert_eq!(lane.reveal(&at, &cipher).unwrap(), canary());
    lane.audit(&Revealed {
        purpose: "order_service",
        entity: "shop.order",
        object: "Order__c",
        fields: &["email".to_owned()],
        rows: 1,
    });
    assert_eq!(lane.reveal(&at, &cipher).unwrap_err().kind, ErrorKind::Storage);
}

#[test]
fn every_changed_byte_of_a_ciphertext_is_noticed() {
    let (p, key) = (protector(), key());
    let (cipher, _) = p.encrypt(&site(&key, "email", "contact", 1), &canary()).unwrap();
    for at in 0..cipher.len() {
        let mut bytes = cipher.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let text = String::from_utf8(bytes).unwrap();
        assert!(p.decrypt("shop.order", "email", &text).is_err(), "byte {at} of {cipher}");
    }
    for bad in ["", "v1", "v1|a", "v1|test.contact|x|y", "v2|a.b|c|d", "v1|test.contact|a|b|c"] {
        assert!(p.decrypt("shop.order", "email", bad).is_err(), "{bad}");
    }
}

/// A provider whose current key can be another than its first.
struct Rotated(LocalKeys);

impl KeyProvider for Rotated {
    fn current(&self, purpose: &KeyPurpose) -> Result<KeyId> {
        match purpose {
            KeyPurpose::Encrypt(_) | KeyPurpose::Nonce(_) => Ok(KeyId::new("second").unwrap()),
            KeyPurpose::Token(_) | KeyPurpose::Digest => self.0.current(purpose),
        }
    }
    fn key(&self, id: &KeyId, purpose: &KeyPurpose) -> Result<super::provider::DataKey> {
        if id.as_str() == "second" {
            let first = KeyId::new("test").unwrap();
            return self.0.key(&first, &KeyPurpose::Token(format!("second {}", purpose.label())));
        }
        self.0.key(id, purpose)
    }
}

#[test]
fn after_a_rotation_old_values_stay_readable_and_tokens_stay_the_same() {
    let (old, key) = (protector(), key());
    let new = Protector::new(Arc::new(Rotated(LocalKeys::fixed([1; 32])))).unwrap();
    let at = site(&key, "email", "contact", 1);
    let (before, after) =
        (old.encrypt(&at, &canary()).unwrap(), new.encrypt(&at, &canary()).unwrap());
    assert_ne!(before.0, after.0);
    assert_eq!(before.1, after.1);
    for cipher in [before.0, after.0.clone()] {
        assert_eq!(new.decrypt("shop.order", "email", &cipher).unwrap(), canary());
    }
    assert_eq!(
        old.decrypt("shop.order", "email", &after.0).unwrap_err().kind,
        ErrorKind::Credentials
    );
}

#[test]
fn blobs_open_only_as_what_they_were_sealed() {
    let p = protector();
    let sealed = p.seal(BlobKind::Quarantine, b"id", CANARY.as_bytes()).unwrap();
    assert!(!sealed.contains(CANARY));
    assert_eq!(p.open(BlobKind::Quarantine, b"id", &sealed).unwrap(), CANARY.as_bytes());
    assert!(p.open(BlobKind::Quarantine, b"other", &sealed).is_err());
    assert!(p.open(BlobKind::Ledger, b"id", &sealed).is_err());
}

#[test]
fn the_key_file_is_private_and_stable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys/local.json");
    let first = LocalKeys::open_or_create(&path, &chance()).unwrap();
    let again = LocalKeys::open_or_create(&path, &chance()).unwrap();
    let of = |keys: &LocalKeys| {
        keys.key(&KeyId::new("local-1").unwrap(), &KeyPurpose::Digest).unwrap().0
    };
    assert_eq!(of(&first), of(&again));
    let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert!(std::fs::read_to_string(&path).unwrap().contains("FOR SANDBOXES ONLY"));
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);

    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = LocalKeys::open(&path).err().unwrap();
    assert!(error.kind == ErrorKind::Config && error.to_string().contains("chmod 600"), "{error}");
}

#[test]
fn a_malformed_key_file_is_refused_and_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    std::fs::write(&path, "{\"keys\": \"deadbeef\"").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let error = LocalKeys::open_or_create(&path, &chance()).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Config);
    assert!(!error.to_string().contains("deadbeef"));
    assert!(std::fs::read_to_string(&path).unwrap().contains("deadbeef"));
}

#[test]
fn the_audit_file_holds_one_line_per_entry() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let (p, key) = (protector(), key());
    let (cipher, _) = p.encrypt(&site(&key, "email", "contact", 1), &canary()).unwrap();
    for _ in 0..2 {
        let audit = FileAudit::open(&path, Arc::new(SystemClock)).unwrap();
        let row = RevealRow { entity: "shop.order", key: &key, values: vec![("email", &cipher)] };
        p.reveal("lane", "order_service", &[row], &audit).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert!(text.contains("order_service") && !text.contains(CANARY), "{text}");
}

proptest! {
    #[test]
    fn canonical_bytes_are_read_back(text in ".{0,20}", number: i128, bytes: Vec<u8>, small: i64) {
        for value in [
            Value::Null, Value::Bool(true), Value::Bool(false), Value::Int(small), Value::Decimal(number),
            Value::Text(text), Value::Uuid(number as u128), Value::Date(small as i32),
            Value::Timestamp(small), Value::Bytes(bytes.clone()),
        ] {
            prop_assert_eq!(from_canonical(&canonical(&value)), Some(value));
        }
        // Any bytes: a value or none, never a panic.
        let _ = from_canonical(&bytes);
    }
}
