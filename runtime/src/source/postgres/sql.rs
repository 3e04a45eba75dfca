//! Small pieces of SQL: quoting, snapshots, and rows of `COPY` text.

use bytes::{Bytes, BytesMut};
pub use covenant_postgres::{ident, literal};

use crate::source::{DatumAt, Snapshot, Tuple};

/// Reads the text of `pg_current_snapshot()`: `xmin:xmax:id,id`.
pub fn parse_snapshot(text: &str) -> Option<Snapshot> {
    let mut parts = text.splitn(3, ':');
    let xmin = parts.next()?.parse().ok()?;
    let xmax = parts.next()?.parse().ok()?;
    let list = parts.next()?;
    let in_progress = if list.is_empty() {
        Vec::new()
    } else {
        list.split(',').map(|id| id.parse().ok()).collect::<Option<Vec<u64>>>()?
    };
    Some(Snapshot { xmin, xmax, in_progress })
}

/// Reads a row of `COPY ... TO STDOUT` in text format. Rows without escapes keep their buffer. `None` for what is no row of
/// `columns` columns.
pub fn parse_copy_row(row: Bytes, columns: usize) -> Option<Tuple> {
    let row = match row.last() {
        Some(b'\n') => row.slice(..row.len() - 1),
        _ => return None,
    };
    let mut datums = Vec::with_capacity(columns);
    if row.contains(&b'\\') {
        let mut plain = BytesMut::with_capacity(row.len());
        for field in row.split(|byte| *byte == b'\t') {
            datums.push(unescape(field, &mut plain)?);
        }
        return (datums.len() == columns).then(|| Tuple { bytes: plain.freeze(), datums });
    }
    let mut start = 0;
    for field in row.split(|byte| *byte == b'\t') {
        datums.push(DatumAt::Text(start..start + field.len()));
        start += field.len() + 1;
    }
    (datums.len() == columns).then_some(Tuple { bytes: row, datums })
}

/// Appends a field without its escapes (documentation of `COPY`, "Text Format").
fn unescape(field: &[u8], plain: &mut BytesMut) -> Option<DatumAt> {
    if field == b"\\N" {
        return Some(DatumAt::Null);
    }
    let start = plain.len();
    let mut bytes = field.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'\\' {
            plain.extend_from_slice(&[*byte]);
            continue;
        }
        let escaped = match *bytes.next()? {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            other => other,
        };
        plain.extend_from_slice(&[escaped]);
    }
    Some(DatumAt::Text(start..plain.len()))
}

#[cfg(test)]
mod tests {
    use covenant_model::codec::PgDatum;

    use super::*;

    #[test]
    fn quoting() {
        assert_eq!(ident("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's \\"), "'it''s \\'");
    }

    #[test]
    fn snapshots() {
        let snapshot = parse_snapshot("10:20:12,15").unwrap();
        assert_eq!((snapshot.xmin, snapshot.xmax), (10, 20));
        assert_eq!(snapshot.in_progress, [12, 15]);
        assert!(parse_snapshot("10:20:").unwrap().in_progress.is_empty());
        for bad in ["", "10", "10:20", "a:20:", "10:20:x"] {
            assert!(parse_snapshot(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn copy_rows() {
        let row = parse_copy_row(Bytes::from_static(b"1\t\\N\ta\\tb\\\\N\t\n"), 4).unwrap();
        assert_eq!(
            row.datums(),
            [PgDatum::Text(b"1"), PgDatum::Null, PgDatum::Text(b"a\tb\\N"), PgDatum::Text(b"")]
        );
        let plain = parse_copy_row(Bytes::from_static(b"1\t\txy\n"), 3).unwrap();
        assert_eq!(plain.datums(), [PgDatum::Text(b"1"), PgDatum::Text(b""), PgDatum::Text(b"xy")]);
        assert!(parse_copy_row(Bytes::from_static(b"1\t2\n"), 3).is_none());
        assert!(parse_copy_row(Bytes::from_static(b"1\t2"), 2).is_none());
        assert!(parse_copy_row(Bytes::from_static(b"1\\\n"), 1).is_none());
    }
}
