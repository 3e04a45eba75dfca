//! A CRM whose callers can give up on a call that executes all the same, later: what a timeout is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use covenant_runtime::crm::memory::MemoryCrm;
use covenant_runtime::crm::{
    ApiUsage, Crm, CrmObject, CrmRecord, Found, Having, ModifiedRecord, OrgRecord, RowOutcome,
    Stamp,
};
use covenant_runtime::error::{ErrorKind, Result, RuntimeError};
use futures::executor::block_on;

use super::chance::{Dice, Trouble};

/// One call in so many is given up on.
const LATE_ONCE_IN: usize = 5;
/// An org that is slow stays so: behind such a call the next ones are answered in time once in so many.
const IN_TIME_ONCE_IN: usize = 5;

/// A call that its caller believes to have failed.
enum Late {
    Upsert(CrmObject, Vec<CrmRecord>),
    Rekey(CrmObject, String, CrmRecord),
    Stamp(CrmObject, Vec<Stamp>),
}

pub(crate) struct LateCrm {
    inner: Arc<MemoryCrm>,
    trouble: Arc<Trouble>,
    dice: Arc<Dice>,
    late: Mutex<Vec<Late>>,
    slow: AtomicBool,
    /// An org without the rule against older deliveries.
    unguarded: bool,
}

impl LateCrm {
    pub(crate) fn new(
        inner: Arc<MemoryCrm>,
        trouble: Arc<Trouble>,
        dice: Arc<Dice>,
        unguarded: bool,
    ) -> Self {
        let slow = AtomicBool::new(false);
        Self { inner, trouble, dice, late: Mutex::default(), slow, unguarded }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Late>> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gives_up(&self) -> bool {
        let slow = if self.slow.load(Ordering::Relaxed) {
            !self.dice.once_in(IN_TIME_ONCE_IN)
        } else {
            self.dice.once_in(LATE_ONCE_IN)
        };
        let slow = slow && self.trouble.is_on();
        self.slow.store(slow, Ordering::Relaxed);
        slow
    }

    /// Executes one of the calls that were given up on; what it answers reaches nobody. Returns whether there was one.
    pub(crate) fn execute_one(&self) -> bool {
        let call = {
            let mut late = self.lock();
            if late.is_empty() {
                return false;
            }
            let at = self.dice.below(late.len());
            late.swap_remove(at)
        };
        match call {
            Late::Upsert(object, records) => {
                let records: Vec<CrmRecord> =
                    records.into_iter().map(|record| self.as_guarded(&object, record)).collect();
                drop(block_on(self.inner.upsert(&object, &records)));
            }
            Late::Rekey(object, id, record) => {
                let record = self.as_guarded(&object, record);
                drop(block_on(self.inner.rekey(&object, &id, &record)));
            }
            Late::Stamp(object, stamps) => drop(block_on(self.inner.stamp(&object, &stamps))),
        }
        true
    }

    fn found(&self, object: &CrmObject, external_id: &str) -> Option<u64> {
        let record = self.inner.records(&object.name).remove(external_id)?;
        Some(record.revision)
    }

    fn as_guarded(&self, object: &CrmObject, mut record: CrmRecord) -> CrmRecord {
        if self.unguarded
            && let Some(revision) = self.found(object, &record.external_id)
        {
            record.revision = record.revision.max(revision);
        }
        record
    }
}

fn given_up() -> RuntimeError {
    RuntimeError::new(ErrorKind::Unavailable, "crm", "no answer in time", "It is tried again")
}

#[async_trait]
impl Crm for LateCrm {
    async fn upsert(&self, object: &CrmObject, records: &[CrmRecord]) -> Result<Vec<RowOutcome>> {
        if self.gives_up() {
            self.lock().push(Late::Upsert(object.clone(), records.to_vec()));
            return Err(given_up());
        }
        self.inner.upsert(object, records).await
    }

    async fn delete(&self, object: &CrmObject, ids: &[String]) -> Result<Vec<RowOutcome>> {
        self.inner.delete(object, ids).await
    }

    async fn find(
        &self,
        object: &CrmObject,
        external_ids: &[String],
    ) -> Result<Vec<Option<Found>>> {
        self.inner.find(object, external_ids).await
    }

    async fn rekey(&self, object: &CrmObject, id: &str, to: &CrmRecord) -> Result<RowOutcome> {
        if self.gives_up() {
            self.lock().push(Late::Rekey(object.clone(), id.to_owned(), to.clone()));
            return Err(given_up());
        }
        self.inner.rekey(object, id, to).await
    }

    async fn modified(
        &self,
        object: &str,
        fields: &[String],
        from_us: i64,
        to_us: i64,
    ) -> Result<Vec<ModifiedRecord>> {
        self.inner.modified(object, fields, from_us, to_us).await
    }

    async fn page(
        &self,
        object: &str,
        fields: &[String],
        having: Having<'_>,
        after: Option<&str>,
    ) -> Result<Vec<OrgRecord>> {
        self.inner.page(object, fields, having, after).await
    }

    async fn retrieve(
        &self,
        object: &str,
        ids: &[String],
        fields: &[String],
    ) -> Result<Vec<Option<OrgRecord>>> {
        self.inner.retrieve(object, ids, fields).await
    }

    async fn stamp(&self, object: &CrmObject, stamps: &[Stamp]) -> Result<Vec<RowOutcome>> {
        if self.gives_up() {
            self.lock().push(Late::Stamp(object.clone(), stamps.to_vec()));
            return Err(given_up());
        }
        self.inner.stamp(object, stamps).await
    }

    async fn holding(
        &self,
        object: &CrmObject,
        external_ids: &[String],
        fields: &[String],
    ) -> Result<Vec<OrgRecord>> {
        self.inner.holding(object, external_ids, fields).await
    }

    fn usage(&self) -> Option<ApiUsage> {
        self.inner.usage()
    }
}
