//! What surrounds the lanes: Acme's contracts and codecs, a ledger that outlives its lane, a CRM whose calls can execute late, a
//! landing that breaks its promise, and the keys.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use covenant_model::change::{Change, Key};
use covenant_model::codec::EntityCodec;
use covenant_model::manifest::Manifest;
use covenant_model::spec::{EntitySpec, Protection};
use covenant_runtime::capture::Registry;
use covenant_runtime::error::Result;
use covenant_runtime::keys::local::LocalKeys;
use covenant_runtime::keys::protector::Protector;
use covenant_runtime::landing::memory::MemoryLanding;
use covenant_runtime::landing::{
    CommitNumber, CommitRefused, DataFile, Epoch, Landing, LandingCommit, QuarantineFile,
    Quarantined, manifest,
};
use covenant_runtime::ledger::sqlite::SqliteLedger;
use covenant_runtime::ledger::{
    Digest, Ledger, LedgerCounts, LedgerRow, Outcome, Pending, Sealer, Standing, Told, Work,
};
use covenant_tests::under::Under;

/// The entities that the simulation moves.
const ENTITIES: [&str; 3] = ["sales.customer", "sales.order", "sales.order_event"];

/// What every world shares and nobody changes.
pub(crate) struct Acme {
    pub(crate) entities: Vec<EntitySpec>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) protector: Arc<Protector>,
}

/// Acme before a contract was corrected: a field stood under another class, so its tokens joined with nobody's.
pub(crate) static BEFORE: LazyLock<Acme> = LazyLock::new(|| {
    let mut entities = ACME.entities.clone();
    for entity in &mut entities {
        entity.contract_hash = "0".repeat(64);
        for pii in entity.fields.iter_mut().filter_map(|field| field.pii.as_mut()) {
            if pii.protect == Protection::Encrypt {
                pii.class = "misnamed".to_owned();
            }
        }
    }
    Acme::of(entities)
});

pub(crate) static ACME: LazyLock<Acme> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../generated/manifest.json");
    let manifest: Manifest = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let known = |name: &&str| manifest.entity(name).unwrap().clone();
    Acme::of(ENTITIES.iter().map(known).collect())
});

impl Acme {
    fn of(entities: Vec<EntitySpec>) -> Self {
        let hash = |name: &str| {
            let entity = entities.iter().find(|entity| entity.name == name);
            entity.map(|entity| &*String::leak(entity.contract_hash.clone()))
        };
        let codecs: Vec<Arc<dyn EntityCodec>> = acme_pipeline::registry()
            .into_iter()
            .filter_map(|codec| {
                let hash = hash(codec.entity())?;
                Some(Arc::new(Under(Arc::from(codec), hash)) as Arc<dyn EntityCodec>)
            })
            .collect();
        let registry = Arc::new(Registry::new(entities.clone(), &codecs).unwrap());
        let protector = Arc::new(Protector::new(Arc::new(LocalKeys::fixed([7; 32]))).unwrap());
        Self { entities, registry, protector }
    }

    pub(crate) fn entity(&self, name: &str) -> &EntitySpec {
        self.entities.iter().find(|entity| entity.name == name).unwrap()
    }
}

/// Turns bytes around: what a cipher costs is measured elsewhere.
pub(crate) struct Turned;

impl Sealer for Turned {
    fn seal(&self, _: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        Ok(plain.iter().map(|byte| byte ^ 0x5a).collect())
    }

    fn open(&self, _: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        self.seal(&[], sealed)
    }

    fn digest(&self, content: &[u8]) -> Result<Digest> {
        use sha2::Digest as _;
        Ok(sha2::Sha256::digest(content).into())
    }
}

/// A ledger that survives the lane that uses it, as a file does.
#[derive(Clone)]
pub(crate) struct Kept(Arc<Mutex<SqliteLedger>>);

impl Kept {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(SqliteLedger::in_memory(Arc::new(Turned)).unwrap())))
    }

    fn lock(&self) -> MutexGuard<'_, SqliteLedger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for Kept {
    fn folded(&mut self) -> Result<CommitNumber> {
        self.lock().folded()
    }
    fn fold_all(&mut self, number: CommitNumber, told: Told<'_>) -> Result<u64> {
        self.lock().fold_all(number, told)
    }
    fn pending(
        &mut self,
        entity: &str,
        work: Work,
        now_us: i64,
        limit: usize,
    ) -> Result<Vec<Pending>> {
        self.lock().pending(entity, work, now_us, limit)
    }
    fn updates(&mut self, entity: &str, limit: u64) -> Result<u64> {
        self.lock().updates(entity, limit)
    }
    fn sending(&mut self, rows: &[Pending], may_run_until_us: i64) -> Result<()> {
        self.lock().sending(rows, may_run_until_us)
    }
    fn record(&mut self, object: &str, outcomes: &[(Pending, Outcome)]) -> Result<()> {
        self.lock().record(object, outcomes)
    }
    fn leaving(&mut self, entity: &str, now_us: i64) -> Result<u64> {
        self.lock().leaving(entity, now_us)
    }
    fn leave(&mut self, entity: &str, now_us: i64, limit: usize) -> Result<u64> {
        self.lock().leave(entity, now_us, limit)
    }
    fn part(&mut self, row: &Pending, olds: &[Key]) -> Result<()> {
        self.lock().part(row, olds)
    }
    fn oldest_live(&mut self, entity: &str) -> Result<Option<i64>> {
        self.lock().oldest_live(entity)
    }
    fn counts(&mut self) -> Result<BTreeMap<String, LedgerCounts>> {
        self.lock().counts()
    }
    fn scan(&mut self, entity: &str, after: Option<&Key>, limit: usize) -> Result<Vec<LedgerRow>> {
        self.lock().scan(entity, after, limit)
    }
    fn row(&mut self, entity: &str, key: &Key) -> Result<Option<LedgerRow>> {
        self.lock().row(entity, key)
    }
    fn standing(&mut self, entity: &str, key: &Key) -> Result<Option<Standing>> {
        self.lock().standing(entity, key)
    }
    fn redeliver(&mut self, entity: &str, keys: &[Key], now_us: i64) -> Result<u64> {
        self.lock().redeliver(entity, keys, now_us)
    }
    fn retry(&mut self, entity: &str) -> Result<u64> {
        self.lock().retry(entity)
    }
    fn held(&mut self, row: &Pending) -> Result<Option<String>> {
        self.lock().held(row)
    }
    fn is_held(&mut self, entity: &str, key: &Key) -> Result<bool> {
        self.lock().is_held(entity, key)
    }
    fn stamped(&mut self, entity: &str, stamped: &[(Key, String)]) -> Result<()> {
        self.lock().stamped(entity, stamped)
    }
    fn adopted(
        &mut self,
        entity: &str,
        held: Option<&[(Key, String)]>,
        note: (&str, &str),
    ) -> Result<()> {
        self.lock().adopted(entity, held, note)
    }
    fn held_rows(&mut self, entity: &str) -> Result<u64> {
        self.lock().held_rows(entity)
    }
    fn note(&mut self, name: &str) -> Result<Option<String>> {
        self.lock().note(name)
    }
    fn set_note(&mut self, name: &str, text: &str) -> Result<()> {
        self.lock().set_note(name, text)
    }
}

/// A landing whose put is not conditional: whoever comes last wins. Must be caught.
pub(crate) struct Overwriting(pub(crate) MemoryLanding);

#[async_trait]
impl Landing for Overwriting {
    async fn take_epoch(&self) -> Result<Epoch> {
        self.0.take_epoch().await
    }
    async fn newest(&self) -> Result<Option<LandingCommit>> {
        self.0.newest().await
    }
    async fn commit_at(&self, number: CommitNumber) -> Result<Option<LandingCommit>> {
        self.0.commit_at(number).await
    }
    async fn digest_at(&self, number: CommitNumber) -> Result<Option<String>> {
        self.0.digest_at(number).await
    }
    async fn put_changes(&self, entity: &EntitySpec, changes: &[Change]) -> Result<DataFile> {
        self.0.put_changes(entity, changes).await
    }
    async fn put_quarantine(&self, records: &[Quarantined]) -> Result<QuarantineFile> {
        self.0.put_quarantine(records).await
    }
    async fn commit(&self, commit: &LandingCommit) -> Result<(), CommitRefused> {
        let bytes = manifest::encode(commit).map_err(CommitRefused::Unknown)?;
        self.0.overwrite(&manifest::commit_path(commit.number), bytes);
        Ok(())
    }
    async fn changes(&self, entity: &EntitySpec, file: &DataFile) -> Result<Vec<Change>> {
        self.0.changes(entity, file).await
    }
    async fn quarantined(&self, file: &QuarantineFile) -> Result<Vec<Quarantined>> {
        self.0.quarantined(file).await
    }
    fn local_path(&self, file: &DataFile) -> Option<std::path::PathBuf> {
        self.0.local_path(file)
    }
}
