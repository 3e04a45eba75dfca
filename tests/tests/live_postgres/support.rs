//! What the tests share: one private cluster, a database per test.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use covenant_model::codec::PgDatum;
use covenant_runtime::env::Clock;
pub(crate) use covenant_runtime::env::SystemClock;
use covenant_runtime::landing::SourcePosition;
use covenant_runtime::source::postgres::connect::Endpoint;
use covenant_runtime::source::postgres::stream::{Opened, StreamSettings, open};
use covenant_runtime::source::{ChangeStream, RowOp, StreamItem, Transaction, Tuple};
use covenant_sandbox::postgres::{ADMIN, Cluster, connect};
use tokio_postgres::Client;

/// How long a test waits for the stream before it counts as stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

struct Shared {
    cluster: Arc<Cluster>,
    _dir: tempfile::TempDir,
}

// Statics are never dropped: the cluster's watchdog stops it when the test process ends.
static SHARED: LazyLock<Mutex<Shared>> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Arc::new(Cluster::start(dir.path()).unwrap());
    Mutex::new(Shared { cluster, _dir: dir })
});

/// The cluster of this test binary.
pub(crate) fn cluster() -> Arc<Cluster> {
    SHARED.lock().unwrap().cluster.clone()
}

/// A database of its own, with a publication of all its tables; also the name of its slot and publication.
pub(crate) struct Database {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) name: String,
    pub(crate) sql: Client,
}

impl Database {
    pub(crate) async fn new(name: &str, tables: &str) -> Self {
        Self::within(cluster(), name, tables).await
    }

    pub(crate) async fn within(cluster: Arc<Cluster>, name: &str, tables: &str) -> Self {
        let admin = connect(&cluster.url(ADMIN, "postgres")).await.unwrap();
        admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        let sql = connect(&cluster.url(ADMIN, name)).await.unwrap();
        sql.batch_execute(tables).await.unwrap();
        sql.batch_execute(&format!("CREATE PUBLICATION {name} FOR ALL TABLES")).await.unwrap();
        Self { cluster, name: name.to_owned(), sql }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::parse("store", &self.cluster.url(ADMIN, &self.name), None).unwrap()
    }

    pub(crate) fn settings(&self) -> StreamSettings {
        StreamSettings::new(&self.name, &self.name)
    }

    pub(crate) async fn open(&self, landed: Option<&SourcePosition>) -> Opened {
        open(&self.endpoint(), &self.settings(), landed, &SystemClock).await.unwrap()
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.sql.batch_execute(sql).await.unwrap();
    }
}

/// The next transaction; what is passed in between is checked to move forward.
pub(crate) async fn transaction(stream: &mut dyn ChangeStream) -> Transaction {
    loop {
        match item(stream).await {
            StreamItem::Transaction(transaction) => return transaction,
            StreamItem::Part(part) => panic!("unexpected: {part:?}"),
            StreamItem::Passed(_) => {}
        }
    }
}

/// The next item.
pub(crate) async fn item(stream: &mut dyn ChangeStream) -> StreamItem {
    tokio::time::timeout(PATIENCE, stream.next()).await.expect("the stream is stuck").unwrap()
}

/// A position with another end.
pub(crate) fn at(position: &SourcePosition, end: covenant_model::version::Lsn) -> SourcePosition {
    match position.clone() {
        SourcePosition::Postgres { incarnation, system_id, timeline, slot, lsn: _ } => {
            SourcePosition::Postgres { incarnation, system_id, timeline, slot, lsn: end }
        }
        other => other,
    }
}

/// Short text of a transaction: `2 +(1,a) ~(1,a)(2,b) -(1,∅) truncate`, with the ordinals.
pub(crate) fn show(transaction: &Transaction) -> String {
    let change = |change: &covenant_runtime::source::RowChange| {
        let what = match &change.op {
            RowOp::Insert { new } => format!("+{}", row(new)),
            RowOp::Update { old: None, new } => format!("~{}", row(new)),
            RowOp::Update { old: Some(old), new } => format!("~{}->{}", row(old), row(new)),
            RowOp::Delete { old } => format!("-{}", row(old)),
            RowOp::Truncate => "truncate".to_owned(),
        };
        format!("{}:{}{what}", change.ordinal, change.relation.table)
    };
    transaction.changes.iter().map(change).collect::<Vec<_>>().join(" ")
}

/// `(1,a,null,same)`.
pub(crate) fn row(tuple: &Tuple) -> String {
    let texts: Vec<String> = tuple
        .datums()
        .into_iter()
        .map(|datum| match datum {
            PgDatum::Null => "null".to_owned(),
            PgDatum::Unchanged => "same".to_owned(),
            PgDatum::Text(text) => String::from_utf8_lossy(text).into_owned(),
        })
        .collect();
    format!("({})", texts.join(","))
}

/// The machine's clock.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}
