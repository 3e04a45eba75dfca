//! Identifiers, types and text literals of a dialect.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use covenant_model::columns::LandingType;
use covenant_model::terms::DeclaredTypes;

/// A dialect of SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// DuckDB 1.5.
    DuckDb,
    /// Snowflake.
    Snowflake,
}

/// Words that DuckDB does not take as a bare name everywhere: what `duckdb_keywords()` of 1.5 calls anything but
/// unreserved. A test compares the list with the linked library.
const DUCKDB_RESERVED: &str = "all analyse analyze and anti any array as asc asof asymmetric at authorization \
    between bigint binary bit boolean both by case cast char character check coalesce collate collation column \
    columns concurrently constraint create cross dec decimal default deferrable desc describe distinct do else \
    end except exists extract false fetch float for foreign freeze from full generated glob group grouping \
    grouping_id having ilike in initially inner inout int integer intersect interval into is isnull join lambda \
    lateral leading left like limit map national natural nchar none not notnull null nullif numeric offset on only \
    or order out outer overlaps overlay pivot pivot_longer pivot_wider placing position positional precision \
    primary qualify real references returning right row select semi setof show similar smallint some struct \
    substring summarize symmetric table tablesample then time timestamp to trailing treat trim true try_cast \
    union unique unpack unpivot using values varchar variadic verbose when where window with xmlattributes \
    xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable";

/// Snowflake's reserved keywords (documentation, "Reserved & limited keywords"), and those of its data types.
const SNOWFLAKE_RESERVED: &str = "account all alter and any as asof between by case cast check column connect \
    connection constraint create cross current current_date current_time current_timestamp current_user database \
    date delete distinct drop else exists false following for from full grant group gscluster having ilike in \
    increment inner insert intersect into is issue join lateral left like localtime localtimestamp minus natural \
    not null of on or order organization positive qualify regexp revoke right rlike row rows sample schema select \
    set some start table tablesample then time timestamp to trigger true try_cast union unique update using values \
    view when whenever where with";

impl Dialect {
    /// A name as it stands in SQL: bare where the dialect takes it, else quoted. Snowflake folds bare names to upper
    /// case, so quoted ones are written in upper case too, and analysts need no quotes for the others.
    pub(crate) fn ident(self, name: &str) -> String {
        match self {
            Self::DuckDb if bare(name, &DUCKDB_WORDS) => name.to_owned(),
            Self::DuckDb => format!("\"{}\"", name.replace('"', "\"\"")),
            Self::Snowflake if bare(name, &SNOWFLAKE_WORDS) => name.to_owned(),
            Self::Snowflake => format!("\"{}\"", name.to_uppercase().replace('"', "\"\"")),
        }
    }

    /// The column type that the contract's `types` declares.
    pub(crate) fn declared(self, types: &DeclaredTypes) -> Option<&str> {
        match self {
            Self::DuckDb => types.duckdb.as_deref(),
            Self::Snowflake => types.snowflake.as_deref(),
        }
    }

    /// A landing file's column as it is loaded. Instants go through microseconds where a cast would read the session's
    /// time zone; in Snowflake `$1` is the file's row, and Parquet instants arrive in UTC.
    pub(crate) fn read(self, name: &str, ty: LandingType) -> String {
        match (self, ty) {
            (Self::DuckDb, LandingType::TimestampMicros) => {
                format!("make_timestamp(epoch_us({}))", self.ident(name))
            }
            (
                Self::DuckDb,
                LandingType::Bool
                | LandingType::Int32
                | LandingType::Int64
                | LandingType::Decimal { .. }
                | LandingType::Text
                | LandingType::Date
                | LandingType::Bytes,
            ) => self.ident(name),
            (Self::Snowflake, _) => format!("$1:{name}::{}", self.type_name(ty)),
        }
    }

    /// The column type of a landing type. Instants are UTC without a zone in both dialects: what a session's time
    /// zone is must not change what a query says.
    pub(crate) fn type_name(self, ty: LandingType) -> String {
        let name = match (self, ty) {
            (Self::DuckDb, LandingType::Decimal { precision, scale }) => {
                return format!("DECIMAL({precision},{scale})");
            }
            (Self::Snowflake, LandingType::Decimal { precision, scale }) => {
                return format!("NUMBER({precision},{scale})");
            }
            (_, LandingType::Bool) => "BOOLEAN",
            (Self::DuckDb, LandingType::Int32) => "INTEGER",
            (Self::DuckDb, LandingType::Int64) => "BIGINT",
            (Self::Snowflake, LandingType::Int32) => "NUMBER(10,0)",
            (Self::Snowflake, LandingType::Int64) => "NUMBER(19,0)",
            (_, LandingType::Text) => "VARCHAR",
            (_, LandingType::Date) => "DATE",
            (Self::DuckDb, LandingType::TimestampMicros) => "TIMESTAMP",
            (Self::Snowflake, LandingType::TimestampMicros) => "TIMESTAMP_NTZ(6)",
            (Self::DuckDb, LandingType::Bytes) => "BLOB",
            (Self::Snowflake, LandingType::Bytes) => "BINARY",
        };
        name.to_owned()
    }
}

/// Reserved words of a dialect, in lower case: names are looked up by the thousand.
type Words = LazyLock<BTreeSet<&'static str>>;

static DUCKDB_WORDS: Words = LazyLock::new(|| DUCKDB_RESERVED.split_ascii_whitespace().collect());
static SNOWFLAKE_WORDS: Words =
    LazyLock::new(|| SNOWFLAKE_RESERVED.split_ascii_whitespace().collect());

fn bare(name: &str, reserved: &Words) -> bool {
    let mut letters = name.chars();
    let first = letters.next().is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '_');
    first
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !reserved.contains(name.to_ascii_lowercase().as_str())
}

/// `sales.order` as part of a file or table name: `sales_order`.
pub(crate) fn slug(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect()
}

/// Text of several lines as one, without semicolons: files are split into statements at `;` before a line feed.
pub(crate) fn single_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace(';', ",")
}

/// A text as an SQL literal.
pub(crate) fn text_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_words_are_quoted_and_others_stay_readable() {
        assert_eq!(Dialect::DuckDb.ident("order"), "\"order\"");
        assert_eq!(Dialect::DuckDb.ident("order_id"), "order_id");
        assert_eq!(Dialect::Snowflake.ident("order"), "\"ORDER\"");
        assert_eq!(Dialect::Snowflake.ident("_g_store"), "_g_store");
        assert_eq!(Dialect::DuckDb.ident("1st"), "\"1st\"");
    }
}
