//! A model of PostgreSQL: transactions take an id and row locks, write their commit record, are flushed and become visible in
//! separate steps; a slot with a confirmed position streams what is flushed, at least once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use covenant_model::version::Lsn;
use covenant_runtime::error::Result;
use covenant_runtime::source::{
    Chunk, ChunkRequest, Relation, RowChange, RowOp, Snapshot, StreamItem, TableReader, Transaction,
};

use super::rows::{self, Body, Row, Table};

/// Transactions that run at the same time.
const RUNNING_MAX: usize = 4;
/// Bytes of a record in the log.
const RECORD_BYTES: u64 = 8;
/// Where the slot was made.
pub(crate) const SLOT_START: Lsn = Lsn(100);

/// What a transaction does to a row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Insert {
        table: Table,
        key: u32,
        body: Body,
    },
    Update {
        table: Table,
        key: u32,
        before: Body,
        body: Body,
    },
    Rekey {
        from: u32,
        to: u32,
        before: Body,
        body: Body,
    },
    Delete {
        table: Table,
        key: u32,
    },
    /// Of customers: CASCADE, so of orders too.
    Truncate {
        table: Table,
    },
}

impl Op {
    pub(crate) fn locks(&self) -> Vec<(Table, u32)> {
        match *self {
            // an order keeps its customer from going away
            Self::Insert { table: Table::Orders, key, body } => {
                vec![(Table::Orders, key), (Table::Customers, body.parent)]
            }
            Self::Insert { table, key, .. }
            | Self::Update { table, key, .. }
            | Self::Delete { table, key } => vec![(table, key)],
            Self::Rekey { from, to, .. } => vec![(Table::Customers, from), (Table::Customers, to)],
            // Holds both tables: see `Postgres::may_truncate`.
            Self::Truncate { .. } => Vec::new(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    /// The commit record is in the log; no snapshot shows the transaction yet.
    Written,
}

struct Tx {
    xid: u64,
    ops: Vec<Op>,
    stage: Stage,
}

/// The server.
pub(crate) struct Postgres {
    pub(crate) customers: BTreeMap<u32, Row>,
    pub(crate) orders: BTreeMap<u32, Row>,
    open: Vec<Tx>,
    log: Vec<Transaction>,
    next_xid: u64,
    latest_completed: u64,
    log_end: u64,
    flushed: u64,
    /// `confirmed_flush_lsn` of the slot.
    pub(crate) confirmed: Lsn,
    relations: [Arc<Relation>; 2],
    /// A broken decoder: tells unchanged columns as NULL.
    pub(crate) unchanged_is_null: bool,
}

/// The server, shared by the stream and the readers.
#[derive(Clone)]
pub(crate) struct Server(Arc<Mutex<Postgres>>);

impl Server {
    pub(crate) fn new(relations: [Arc<Relation>; 2]) -> Self {
        Self(Arc::new(Mutex::new(Postgres {
            customers: BTreeMap::new(),
            orders: BTreeMap::new(),
            open: Vec::new(),
            log: Vec::new(),
            next_xid: (1 << 32) - 9, // the 32-bit ids of the stream wrap
            latest_completed: (1 << 32) - 10,
            log_end: SLOT_START.0,
            flushed: SLOT_START.0,
            confirmed: SLOT_START,
            relations,
            unchanged_is_null: false,
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Postgres> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Postgres {
    pub(crate) fn table(&self, table: Table) -> &BTreeMap<u32, Row> {
        match table {
            Table::Customers => &self.customers,
            Table::Orders => &self.orders,
        }
    }

    pub(crate) fn table_mut(&mut self, table: Table) -> &mut BTreeMap<u32, Row> {
        match table {
            Table::Customers => &mut self.customers,
            Table::Orders => &mut self.orders,
        }
    }

    /// Rows that an open transaction holds.
    pub(crate) fn locked(&self) -> BTreeSet<(Table, u32)> {
        self.open.iter().flat_map(|tx| &tx.ops).flat_map(Op::locks).collect()
    }

    pub(crate) fn may_begin(&self) -> bool {
        self.open.len() < RUNNING_MAX
    }

    /// TRUNCATE waits for everybody who has touched the table.
    pub(crate) fn may_truncate(&self) -> bool {
        self.open.is_empty()
    }

    /// Everybody waits for a TRUNCATE until it shows.
    pub(crate) fn is_truncating(&self) -> bool {
        let truncates = |op: &Op| matches!(op, Op::Truncate { .. });
        self.open.iter().any(|tx| tx.ops.iter().any(truncates))
    }

    /// Where the last commit stands that emptied the table.
    pub(crate) fn truncated_at(&self, table: Table) -> Option<Lsn> {
        let empties = |change: &RowChange| {
            change.op == RowOp::Truncate && change.relation.table == table.name()
        };
        self.log.iter().rev().find(|tx| tx.changes.iter().any(empties)).map(|tx| tx.commit)
    }

    fn take_xid(&mut self) -> u64 {
        self.next_xid += 1;
        self.next_xid - 1
    }

    /// A transaction that holds what it will change.
    pub(crate) fn begin(&mut self, ops: Vec<Op>) {
        let xid = self.take_xid();
        self.open.push(Tx { xid, ops, stage: Stage::Running });
    }

    /// The commit record of a running transaction.
    pub(crate) fn write_commit(&mut self, choice: usize) {
        let Some(at) = self.at(Stage::Running, choice) else { return };
        self.open[at].stage = Stage::Written;
        let (xid, ops) = (self.open[at].xid, self.open[at].ops.clone());
        let mut ordinal = 1;
        let mut changes = Vec::new();
        for op in &ops {
            if let Op::Truncate { table } = op {
                for table in truncated(*table) {
                    let relation = self.relation(*table);
                    changes.push(RowChange { relation, op: RowOp::Truncate, ordinal });
                    ordinal += 1;
                }
                continue;
            }
            let (table, op) = self.told(op);
            let takes = if matches!(op, RowOp::Update { old: Some(_), .. }) { 2 } else { 1 };
            changes.push(RowChange { relation: self.relation(table), op, ordinal });
            ordinal += takes;
        }
        let (commit, end) = (Lsn(self.log_end), Lsn(self.log_end + RECORD_BYTES));
        let committed_at_us = super::chance::START_US;
        self.log.push(Transaction { xid: xid as u32, commit, end, committed_at_us, changes });
        self.log_end = end.0;
    }

    fn at(&self, stage: Stage, choice: usize) -> Option<usize> {
        let fitting: Vec<usize> =
            (0..self.open.len()).filter(|at| self.open[*at].stage == stage).collect();
        fitting.get(choice % fitting.len().max(1)).copied()
    }

    /// Snapshots show it from now on, and its locks are gone.
    pub(crate) fn become_visible(&mut self, choice: usize) {
        let Some(at) = self.at(Stage::Written, choice) else { return };
        let tx = self.open.remove(at);
        self.latest_completed = self.latest_completed.max(tx.xid);
        for op in &tx.ops {
            match *op {
                Op::Insert { table, key, body } => {
                    self.table_mut(table).insert(key, Row::inserted(body));
                }
                Op::Update { table, key, body, .. } => {
                    if let Some(row) = self.table_mut(table).get_mut(&key) {
                        row.update(body);
                    }
                }
                Op::Rekey { from, to, body, .. } => {
                    if let Some(mut row) = self.customers.remove(&from) {
                        row.update(body);
                        self.customers.insert(to, row);
                    }
                }
                Op::Delete { table, key } => {
                    self.table_mut(table).remove(&key);
                }
                Op::Truncate { table } => {
                    truncated(table).iter().for_each(|table| self.table_mut(*table).clear());
                }
            }
        }
    }

    /// A running transaction that comes to nothing.
    pub(crate) fn abort(&mut self, choice: usize) {
        if let Some(at) = self.at(Stage::Running, choice) {
            let tx = self.open.remove(at);
            self.latest_completed = self.latest_completed.max(tx.xid);
        }
    }

    pub(crate) fn flush(&mut self) {
        self.flushed = self.log_end;
    }

    pub(crate) fn other_records(&mut self) {
        self.log_end += RECORD_BYTES;
    }

    /// All transactions end.
    pub(crate) fn settle(&mut self) {
        while !self.open.is_empty() {
            self.write_commit(0);
            self.become_visible(0);
        }
        self.flush();
    }

    /// What a stream that stands at `at` delivers next, and where it stands then.
    pub(crate) fn next_item(&self, at: Lsn) -> Option<(StreamItem, Lsn)> {
        let from = self.log.partition_point(|tx| tx.commit < at);
        match self.log.get(from) {
            Some(tx) if tx.end.0 <= self.flushed => {
                Some((StreamItem::Transaction(tx.clone()), tx.end))
            }
            Some(_) | None => {
                let to = Lsn(self.flushed);
                (to > at).then_some((StreamItem::Passed(to), to))
            }
        }
    }

    pub(crate) fn relation(&self, table: Table) -> Arc<Relation> {
        Arc::clone(&self.relations[table as usize])
    }

    fn told(&self, op: &Op) -> (Table, RowOp) {
        let null = self.unchanged_is_null;
        let tuple = |table, key, body: &Body, before: Option<&Body>| {
            rows::tuple(&self.relations[table as usize], table, key, body, before, null)
        };
        let key_only = |table, key| rows::key_tuple(&self.relations[table as usize], table, key);
        match op {
            Op::Insert { table, key, body } => {
                (*table, RowOp::Insert { new: tuple(*table, *key, body, None) })
            }
            Op::Update { table, key, before, body } => {
                let new = tuple(*table, *key, body, Some(before));
                (*table, RowOp::Update { old: None, new })
            }
            Op::Rekey { from, to, before, body } => {
                let new = tuple(Table::Customers, *to, body, Some(before));
                let old = Some(key_only(Table::Customers, *from));
                (Table::Customers, RowOp::Update { old, new })
            }
            Op::Delete { table, key } => (*table, RowOp::Delete { old: key_only(*table, *key) }),
            Op::Truncate { table } => (*table, RowOp::Truncate),
        }
    }

    fn snapshot(&self) -> Snapshot {
        let xmax = self.latest_completed + 1;
        let in_progress: Vec<u64> =
            self.open.iter().map(|tx| tx.xid).filter(|xid| *xid < xmax).collect();
        let xmin = in_progress.iter().copied().min().unwrap_or(xmax);
        Snapshot { xmin, xmax, in_progress }
    }
}

/// The tables that one TRUNCATE names: orders refer to customers.
fn truncated(table: Table) -> &'static [Table] {
    match table {
        Table::Customers => &[Table::Customers, Table::Orders],
        Table::Orders => &[Table::Orders],
    }
}

#[async_trait]
impl TableReader for Server {
    async fn read(
        &mut self,
        request: &ChunkRequest,
        after: Option<&[String]>,
        limit: usize,
    ) -> Result<Chunk> {
        let server = self.lock();
        let table = Table::named(&request.table);
        let relation = server.relation(table);
        let behind = |key: &u32| {
            let text = rows::key_text(table, *key);
            after.and_then(<[String]>::first).is_none_or(|after| text > *after)
        };
        let mut found = server.table(table).iter().filter(|(key, _)| behind(key)).peekable();
        let (mut tuples, mut last) = (Vec::new(), None);
        while tuples.len() < limit
            && let Some((key, row)) = found.next()
        {
            tuples.push(rows::tuple(&relation, table, *key, &row.now, None, false));
            last = Some(vec![rows::key_text(table, *key)]);
        }
        let more = found.peek().is_some();
        Ok(Chunk {
            snapshot: server.snapshot(),
            read_at: Lsn(server.log_end),
            // The source's clock ticks with its log: so a broken reader knows where it read.
            read_at_us: server.log_end as i64,
            relation,
            rows: tuples,
            next: last.filter(|_| more),
        })
    }

    async fn snapshot(&mut self) -> Result<Snapshot> {
        let mut server = self.lock();
        let xid = server.take_xid();
        server.latest_completed = server.latest_completed.max(xid);
        Ok(server.snapshot())
    }

    async fn nudge(&mut self) -> Result<()> {
        let mut server = self.lock();
        server.other_records();
        server.flush();
        Ok(())
    }

    async fn estimate(&mut self, request: &ChunkRequest) -> Result<u64> {
        Ok(self.lock().table(Table::named(&request.table)).len() as u64)
    }
}
