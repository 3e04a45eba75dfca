//! What the catalogue says. Only asks; judges nothing.

use std::collections::BTreeSet;

use tokio_postgres::{Client, Row};

use super::types::ColumnFacts;

/// The server and our role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFacts {
    /// `150006`
    pub version: i32,
    pub wal_level: String,
    pub in_recovery: bool,
    pub may_replicate: bool,
    pub encoding: String,
    /// Megabytes; -1: no limit.
    pub slot_keep_mb: i64,
    pub slots_max: i64,
    pub slots_used: i64,
    /// Publishes insert, update, delete, truncate, via partition root; none: there is no publication.
    pub publication: Option<[bool; 5]>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFacts {
    /// `r` table, `p` partitioned, `v` view, ...
    pub kind: char,
    /// `p` permanent, `u` unlogged, `t` temporary.
    pub persistence: char,
    /// `d` default, `f` full, `i` index, `n` nothing.
    pub identity: char,
    /// Columns of the replica identity.
    pub identity_columns: BTreeSet<String>,
    /// Columns of every unique index over columns that are never NULL.
    pub unique: Vec<BTreeSet<String>>,
    /// Whether row security hides rows from us.
    pub row_security: bool,
    pub schema_usable: bool,
    pub columns: Vec<ColumnFacts>,
    /// Published columns; none: the table is not published.
    pub published: Option<BTreeSet<String>>,
    /// The publication's row filter for it, as the server shows it.
    pub row_filter: Option<String>,
    /// What the role may do to its rows besides reading: `INSERT`.
    pub writable: Vec<String>,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleFacts {
    /// `LOGIN`
    pub may_log_in: bool,
    /// `SUPERUSER`
    pub is_superuser: bool,
    /// `CREATEDB`
    pub creates_databases: bool,
    /// `CREATEROLE`
    pub creates_roles: bool,
}

/// What the server answers.
pub type Sql<T> = Result<T, tokio_postgres::Error>;

const SERVER: &str = "SELECT current_setting('server_version_num')::int, current_setting('wal_level'), \
     pg_is_in_recovery(), \
     (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = COALESCE($1, current_user)), \
     current_setting('server_encoding'), \
     (SELECT setting::int8 FROM pg_settings WHERE name = 'max_slot_wal_keep_size'), \
     (SELECT setting::int8 FROM pg_settings WHERE name = 'max_replication_slots'), \
     (SELECT count(*) FROM pg_replication_slots)";

/// The server, and a role: ours where none is named.
///
/// # Errors
/// Where the server cannot be asked.
pub async fn server(client: &Client, publication: &str, role: Option<&str>) -> Sql<ServerFacts> {
    let row = client.query_one(SERVER, &[&role]).await?;
    let publishes = "SELECT pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot \
                     FROM pg_publication WHERE pubname = $1";
    let publication = client.query_opt(publishes, &[&publication]).await?;
    let publication = match publication {
        None => None,
        Some(row) => Some([
            row.try_get(0)?,
            row.try_get(1)?,
            row.try_get(2)?,
            row.try_get(3)?,
            row.try_get(4)?,
        ]),
    };
    Ok(ServerFacts {
        version: row.try_get(0)?,
        wal_level: row.try_get(1)?,
        in_recovery: row.try_get(2)?,
        may_replicate: row.try_get::<_, Option<bool>>(3)?.unwrap_or(false),
        encoding: row.try_get(4)?,
        slot_keep_mb: row.try_get(5)?,
        slots_max: row.try_get(6)?,
        slots_used: row.try_get(7)?,
        publication,
    })
}

const TABLE: &str = "SELECT c.oid, c.relkind::text, c.relpersistence::text, c.relreplident::text, \
     CASE WHEN $3::text IS NULL THEN row_security_active(c.oid) ELSE c.relrowsecurity AND NOT \
     (SELECT rolbypassrls OR rolsuper FROM pg_roles WHERE rolname = $3) END, \
     has_schema_privilege(COALESCE($3, current_user), n.oid, 'USAGE'), \
     ARRAY(SELECT p FROM unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p \
     WHERE has_table_privilege(COALESCE($3, current_user), c.oid, p)) \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname = $1 AND c.relname = $2";

const COLUMNS: &str = "SELECT a.attname::text, b.typname::text, b.typtype::text, \
     CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END, \
     format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attstorage::text, \
     has_column_privilege(COALESCE($2::text, current_user), a.attrelid, a.attnum, 'SELECT') \
     FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
     JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END \
     WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

/// Unique, immediate, without condition or expression, over columns that are never NULL.
const UNIQUE: &str = "SELECT array_agg(a.attname::text), i.indisprimary, i.indisreplident \
     FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place) \
     JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
     WHERE i.indrelid = $1 AND i.indisunique AND i.indimmediate AND i.indisvalid \
     AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= i.indnkeyatts \
     GROUP BY i.indexrelid, i.indisprimary, i.indisreplident HAVING bool_and(a.attnotnull) \
     ORDER BY i.indexrelid";

const PUBLISHED: &str = "SELECT attnames::text[], rowfilter FROM pg_publication_tables \
     WHERE pubname = $1 AND schemaname = $2 AND tablename = $3";

/// A table and what a role may do there: ours where none is named, and one that exists. None where there is no such table (or
/// we may not see it).
///
/// # Errors
/// Where the server cannot be asked.
pub async fn table(
    client: &Client,
    publication: &str,
    (schema, name): (&str, &str),
    role: Option<&str>,
) -> Sql<Option<TableFacts>> {
    let asked = client.query_opt(TABLE, &[&schema, &name, &role]).await?;
    let Some(row) = asked else { return Ok(None) };
    let oid: u32 = row.try_get(0)?;
    let identity = letter(&row, 3)?;
    let mut unique = Vec::new();
    let mut identity_columns = BTreeSet::new();
    for index in client.query(UNIQUE, &[&oid]).await? {
        let columns: BTreeSet<String> = index.try_get::<_, Vec<String>>(0)?.into_iter().collect();
        let (primary, chosen): (bool, bool) = (index.try_get(1)?, index.try_get(2)?);
        if (identity == 'd' && primary) || (identity == 'i' && chosen) {
            identity_columns.clone_from(&columns);
        }
        unique.push(columns);
    }
    let columns = client.query(COLUMNS, &[&oid, &role]).await?;
    let columns = columns.iter().map(column).collect::<Sql<Vec<ColumnFacts>>>()?;
    let (mut published, mut row_filter) = (None, None);
    if let Some(row) = client.query_opt(PUBLISHED, &[&publication, &schema, &name]).await? {
        published = Some(row.try_get::<_, Vec<String>>(0)?.into_iter().collect());
        row_filter = row.try_get(1)?;
    }
    Ok(Some(TableFacts {
        kind: letter(&row, 1)?,
        persistence: letter(&row, 2)?,
        identity,
        identity_columns,
        unique,
        row_security: row.try_get(4)?,
        schema_usable: row.try_get(5)?,
        columns,
        published,
        row_filter,
        writable: row.try_get(6)?,
    }))
}

const ROLE: &str =
    "SELECT rolcanlogin, rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = $1";

/// None where there is no such role.
///
/// # Errors
/// Where the server cannot be asked.
pub async fn role(client: &Client, name: &str) -> Sql<Option<RoleFacts>> {
    let Some(row) = client.query_opt(ROLE, &[&name]).await? else { return Ok(None) };
    Ok(Some(RoleFacts {
        may_log_in: row.try_get(0)?,
        is_superuser: row.try_get(1)?,
        creates_databases: row.try_get(2)?,
        creates_roles: row.try_get(3)?,
    }))
}

const STREAMED: &str = "SELECT schemaname::text || '.' || tablename::text FROM pg_publication_tables \
     WHERE pubname = $1 ORDER BY 1";

/// Names of the tables of a publication, `public.orders`.
///
/// # Errors
/// Where the server cannot be asked.
pub async fn streamed(client: &Client, publication: &str) -> Sql<Vec<String>> {
    let rows = client.query(STREAMED, &[&publication]).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

fn column(row: &Row) -> Sql<ColumnFacts> {
    Ok(ColumnFacts {
        name: row.try_get(0)?,
        base: row.try_get(1)?,
        kind: letter(row, 2)?,
        modifier: row.try_get(3)?,
        shown: row.try_get(4)?,
        not_null: row.try_get(5)?,
        storage: letter(row, 6)?,
        readable: row.try_get(7)?,
    })
}

pub(super) fn letter(row: &Row, column: usize) -> Sql<char> {
    Ok(row.try_get::<_, String>(column)?.chars().next().unwrap_or(' '))
}
