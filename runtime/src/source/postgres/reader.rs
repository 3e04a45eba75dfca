//! Reads tables in chunks: keyset paging, one short `REPEATABLE READ` transaction per chunk, rows as `COPY` text.
//!
//! `COPY` gives what a type's output function gives, which is what the replication stream gives: a cast to `text` does not
//! (`bool`, `char(n)` and `inet` differ). No snapshot is held between chunks.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use covenant_model::codec::PgDatum;
use covenant_model::version::Lsn;
use futures::TryStreamExt;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::connect::Endpoint;
use super::sql::{ident, literal, parse_copy_row, parse_snapshot};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::source::{
    Chunk, ChunkRequest, Relation, RelationColumn, Snapshot, TablePart, TableReader, Tuple,
};

/// How long one read may take; a longer one counts as lost and is tried again.
pub const READ_TIMEOUT: Duration = Duration::from_secs(120);
/// Prefix of the messages that move an idle stream on.
const NUDGE_PREFIX: &str = "covenant";

/// Taken first in the transaction, so that this statement fixes its snapshot; the position comes after it.
const BEGIN_CHUNK: &str = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; \
     SELECT pg_current_snapshot()::text; \
     SELECT pg_current_wal_insert_lsn()::text, \
     (extract(epoch FROM clock_timestamp()) * 1000000)::bigint::text";

/// Reads one database. Connects when it is first asked, and again after every error.
pub struct PostgresReader {
    endpoint: Endpoint,
    client: Option<Client>,
    plans: Vec<(ChunkRequest, Arc<Plan>)>,
}

/// What a request becomes once its table's columns are known.
#[derive(Debug)]
struct Plan {
    relation: Arc<Relation>,
    /// Of the key columns: quoted name, type, place among the columns.
    key: Vec<KeyColumn>,
    select: String,
    /// Condition of the range; empty: none.
    range: String,
}

#[derive(Debug)]
struct KeyColumn {
    ident: String,
    ty: String,
    at: usize,
}

/// A column as the catalogue has it.
struct Found {
    name: String,
    type_oid: u32,
    ty: String,
}

impl PostgresReader {
    /// A reader that is not connected yet.
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, client: None, plans: Vec::new() }
    }

    async fn client(&mut self) -> Result<Client> {
        match self.client.take() {
            Some(client) if !client.is_closed() => Ok(client),
            Some(_) | None => {
                // what was learnt of the tables may have changed meanwhile
                self.plans.clear();
                self.endpoint.connect().await
            }
        }
    }

    async fn simple(&self, client: &Client, sql: &str) -> Result<Vec<SimpleQueryRow>> {
        let messages =
            client.simple_query(sql).await.map_err(|error| self.endpoint.sql_error(&error))?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            // the enum may grow
            SimpleQueryMessage::CommandComplete(_) | SimpleQueryMessage::RowDescription(_) | _ => {
                None
            }
        });
        Ok(rows.collect())
    }

    async fn plan(&mut self, client: &Client, request: &ChunkRequest) -> Result<Arc<Plan>> {
        // Keys change from read to read; everything else of a plan does not.
        let request = &ChunkRequest { keys: Vec::new(), ..request.clone() };
        if let Some((_, plan)) = self.plans.iter().find(|(known, _)| known == request) {
            return Ok(plan.clone());
        }
        let name = format!("{}.{}", ident(&request.schema), ident(&request.table));
        let sql = format!(
            "SELECT attname::text, atttypid::oid::text, format_type(atttypid, -1) \
             FROM pg_attribute WHERE attrelid = to_regclass({}) AND attnum > 0 \
             AND NOT attisdropped ORDER BY attnum",
            literal(&name)
        );
        let rows = self.simple(client, &sql).await?;
        let found = rows.iter().filter_map(found_column).collect::<Vec<_>>();
        let plan = Arc::new(self.make_plan(request, &name, &found)?);
        self.plans.push((request.clone(), plan.clone()));
        Ok(plan)
    }

    fn make_plan(&self, request: &ChunkRequest, table: &str, found: &[Found]) -> Result<Plan> {
        let mismatch = |what: String| {
            RuntimeError::new(
                ErrorKind::SchemaMismatch,
                self.endpoint.place(),
                what,
                "Compare the table with its contract: doctor names both sides",
            )
        };
        if found.is_empty() {
            return Err(mismatch(format!(
                "there is no table {table} in the database {}",
                self.endpoint.database()
            )));
        }
        let column = |name: &str| {
            found
                .iter()
                .find(|column| column.name == name)
                .ok_or_else(|| mismatch(format!("the table {table} has no column {name}")))
        };
        let mut columns = Vec::with_capacity(request.columns.len());
        for name in &request.columns {
            let found = column(name)?;
            let key = request.key.contains(name);
            columns.push(RelationColumn { name: name.clone(), key, type_oid: found.type_oid });
        }
        let mut key = Vec::with_capacity(request.key.len());
        for name in &request.key {
            let at = request.columns.iter().position(|column| column == name);
            let at = at.ok_or_else(|| {
                mismatch(format!("the key column {name} of {table} is not among those to read"))
            })?;
            key.push(KeyColumn { ident: ident(name), ty: column(name)?.ty.clone(), at });
        }
        if key.is_empty() {
            return Err(mismatch(format!("the table {table} is to be read without a key")));
        }
        let list: Vec<String> = request.columns.iter().map(|name| ident(name)).collect();
        let mut range = match &request.range {
            None => String::new(),
            Some((name, from, to)) => {
                let (quoted, ty) = (ident(name), &column(name)?.ty);
                let (from, to) = (literal(from), literal(to));
                format!("{quoted} >= {from}::{ty} AND {quoted} < {to}::{ty}")
            }
        };
        let part = request.part.map(|part| in_part(&key, part));
        for more in request.rows.iter().cloned().chain(part) {
            let and = if range.is_empty() { "" } else { " AND " };
            range = format!("{range}{and}{more}");
        }
        Ok(Plan {
            relation: Arc::new(Relation {
                schema: request.schema.clone(),
                table: request.table.clone(),
                columns,
            }),
            key,
            select: format!("SELECT {} FROM {table}", list.join(", ")),
            range,
        })
    }

    async fn read_chunk(
        &mut self,
        client: &Client,
        request: &ChunkRequest,
        after: Option<&[String]>,
        limit: usize,
    ) -> Result<Chunk> {
        let plan = self.plan(client, request).await?;
        let sql = plan.page(&request.keys, after, limit).map_err(|what| self.bug(&what))?;
        let opened = self.simple(client, BEGIN_CHUNK).await?;
        let text = |row: usize, column: usize| opened.get(row).and_then(|row| row.get(column));
        let snapshot = text(0, 0).and_then(parse_snapshot);
        let read_at = text(1, 0).and_then(|lsn| lsn.parse::<Lsn>().ok());
        let read_at_us = text(1, 1).and_then(|us| us.parse().ok());
        let (Some(snapshot), Some(read_at), Some(read_at_us)) = (snapshot, read_at, read_at_us)
        else {
            return Err(self.bug("the answer about snapshot and position cannot be read"));
        };
        let rows = self.copy(client, &sql, plan.relation.columns.len()).await?;
        self.simple(client, "COMMIT").await?;
        let next = match rows.last() {
            Some(last) if rows.len() >= limit => Some(self.key_of(&plan, last)?),
            Some(_) | None => None,
        };
        Ok(Chunk { snapshot, read_at, read_at_us, relation: plan.relation.clone(), rows, next })
    }

    async fn copy(&self, client: &Client, sql: &str, columns: usize) -> Result<Vec<Tuple>> {
        let failed = |error: tokio_postgres::Error| self.endpoint.sql_error(&error);
        let stream = client.copy_out(sql).await.map_err(failed)?;
        let mut stream = std::pin::pin!(stream);
        let mut rows = Vec::new();
        while let Some(row) = stream.try_next().await.map_err(failed)? {
            let tuple = parse_copy_row(row, columns);
            rows.push(tuple.ok_or_else(|| self.bug("a row of COPY cannot be read"))?);
        }
        Ok(rows)
    }

    fn key_of(&self, plan: &Plan, row: &Tuple) -> Result<Vec<String>> {
        let datums = row.datums();
        let text = |column: &KeyColumn| match datums.get(column.at) {
            Some(PgDatum::Text(bytes)) => std::str::from_utf8(bytes).ok().map(str::to_owned),
            Some(PgDatum::Null | PgDatum::Unchanged) | None => None,
        };
        let texts = plan.key.iter().map(text).collect::<Option<Vec<String>>>();
        texts.ok_or_else(|| {
            RuntimeError::new(
                ErrorKind::SchemaMismatch,
                self.endpoint.place(),
                format!("a row of {} has a NULL in its key", plan.relation.table),
                "Declare the key columns NOT NULL, with a unique index over them",
            )
        })
    }

    fn bug(&self, what: &str) -> RuntimeError {
        let advice = "Report this, with the server's version";
        RuntimeError::new(ErrorKind::Bug, self.endpoint.place(), what, advice)
    }

    fn timed_out(&self) -> RuntimeError {
        RuntimeError::new(
            ErrorKind::Unavailable,
            self.endpoint.place(),
            "a read of a table took longer than 120 s",
            "It is tried again. Check that an index stands behind the key, and what blocks the read",
        )
    }

    async fn fresh_snapshot(&self, client: &Client) -> Result<Snapshot> {
        // Each is a transaction of its own: the second sees the first one's id as finished.
        self.simple(client, "SELECT pg_current_xact_id()").await?;
        let rows = self.simple(client, "SELECT pg_current_snapshot()::text").await?;
        let snapshot = rows.first().and_then(|row| row.get(0)).and_then(parse_snapshot);
        snapshot.ok_or_else(|| self.bug("the answer about the snapshot cannot be read"))
    }

    async fn count(&mut self, client: &Client, request: &ChunkRequest) -> Result<u64> {
        let plan = self.plan(client, request).await?;
        let filter = if plan.range.is_empty() { "true" } else { &plan.range };
        let sql = format!("EXPLAIN (FORMAT JSON) {} WHERE {filter}", plan.select);
        let rows = self.simple(client, &sql).await?;
        let json = rows.first().and_then(|row| row.get(0)).unwrap_or_default();
        let json: serde_json::Value =
            serde_json::from_str(json).map_err(|_| self.bug("the server's plan cannot be read"))?;
        Ok(json.pointer("/0/Plan/Plan Rows").and_then(serde_json::Value::as_u64).unwrap_or(0))
    }
}

fn found_column(row: &SimpleQueryRow) -> Option<Found> {
    Some(Found {
        name: row.get(0)?.to_owned(),
        type_oid: row.get(1)?.parse().ok()?,
        ty: row.get(2)?.to_owned(),
    })
}

/// `hashtext` gives the same on one server version, which is as long as a job lives.
fn in_part(key: &[KeyColumn], part: TablePart) -> String {
    let texts: Vec<String> = key.iter().map(|column| format!("{}::text", column.ident)).collect();
    let (of, number) = (part.of.max(1), part.number.saturating_sub(1));
    format!(
        "mod(hashtext(concat_ws('|', {}))::bigint + 2147483648, {of}) = {number}",
        texts.join(", ")
    )
}

impl Plan {
    /// Texts of a key as a row of SQL.
    fn row(&self, texts: &[String]) -> std::result::Result<String, String> {
        if texts.len() != self.key.len() {
            return Err(format!("{} key texts for {} columns", texts.len(), self.key.len()));
        }
        let texts = texts.iter().zip(&self.key);
        let texts: Vec<String> =
            texts.map(|(text, column)| format!("{}::{}", literal(text), column.ty)).collect();
        Ok(format!("({})", texts.join(", ")))
    }

    /// SQL of the page behind `after`. Row comparison and order use the same columns, so that one unique index serves both.
    fn page(
        &self,
        keys: &[Vec<String>],
        after: Option<&[String]>,
        limit: usize,
    ) -> std::result::Result<String, String> {
        let idents: Vec<&str> = self.key.iter().map(|column| column.ident.as_str()).collect();
        let idents = idents.join(", ");
        let mut conditions = Vec::new();
        if let Some(after) = after {
            conditions.push(format!("({idents}) > {}", self.row(after)?));
        }
        if !keys.is_empty() {
            let rows = keys.iter().map(|key| self.row(key));
            let rows = rows.collect::<std::result::Result<Vec<_>, _>>()?.join(", ");
            conditions.push(format!("({idents}) IN ({rows})"));
        }
        if !self.range.is_empty() {
            conditions.push(self.range.clone());
        }
        let filter = if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        };
        Ok(format!("COPY ({}{filter} ORDER BY {idents} LIMIT {limit}) TO STDOUT", self.select))
    }
}

#[async_trait]
impl TableReader for PostgresReader {
    async fn read(
        &mut self,
        request: &ChunkRequest,
        after: Option<&[String]>,
        limit: usize,
    ) -> Result<Chunk> {
        let client = self.client().await?;
        let read = self.read_chunk(&client, request, after, limit);
        let chunk = tokio::time::timeout(READ_TIMEOUT, read).await;
        let chunk = chunk.map_err(|_| self.timed_out())??;
        // only a client whose transaction has ended is kept
        self.client = Some(client);
        Ok(chunk)
    }

    async fn snapshot(&mut self) -> Result<Snapshot> {
        let client = self.client().await?;
        let snapshot = self.fresh_snapshot(&client).await?;
        self.client = Some(client);
        Ok(snapshot)
    }

    async fn nudge(&mut self) -> Result<()> {
        let client = self.client().await?;
        // transactional: its commit flushes the log
        let sql = format!("SELECT pg_logical_emit_message(true, {}, '')", literal(NUDGE_PREFIX));
        self.simple(&client, &sql).await?;
        self.client = Some(client);
        Ok(())
    }

    async fn estimate(&mut self, request: &ChunkRequest) -> Result<u64> {
        let client = self.client().await?;
        let count = self.count(&client, request).await?;
        self.client = Some(client);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(range: &str) -> Plan {
        let relation = Relation { schema: "s".into(), table: "t".into(), columns: vec![] };
        let key = |name: &str, ty: &str| KeyColumn { ident: ident(name), ty: ty.into(), at: 0 };
        Plan {
            relation: Arc::new(relation),
            key: vec![key("a", "integer"), key("b\"c", "text")],
            select: "SELECT x FROM t".into(),
            range: range.into(),
        }
    }

    #[test]
    fn pages() {
        assert_eq!(
            plan("").page(&[], None, 10).unwrap(),
            "COPY (SELECT x FROM t ORDER BY \"a\", \"b\"\"c\" LIMIT 10) TO STDOUT"
        );
        let after = ["1".to_owned(), "it's".to_owned()];
        assert_eq!(
            plan("r < 1").page(&[], Some(&after), 5).unwrap(),
            "COPY (SELECT x FROM t WHERE (\"a\", \"b\"\"c\") > ('1'::integer, 'it''s'::text) \
             AND r < 1 ORDER BY \"a\", \"b\"\"c\" LIMIT 5) TO STDOUT"
        );
        assert!(plan("").page(&[], Some(&after[..1]), 5).is_err());
        let keys = [after.to_vec(), vec!["2".to_owned(), "b".to_owned()]];
        let page = plan("").page(&keys, None, 3).unwrap();
        let asked = "WHERE (\"a\", \"b\"\"c\") IN (('1'::integer, 'it''s'::text), ('2'::integer, 'b'::text)) ORDER";
        assert!(page.contains(asked), "{page}");
    }
}
