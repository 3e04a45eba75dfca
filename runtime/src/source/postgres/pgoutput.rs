//! Decoder of pgoutput, protocol 1, text format. Zero-copy: a tuple is ranges into its message.
//!
//! Source of the layout: PostgreSQL documentation, "Logical Replication Message Formats". Any bytes give a message or an
//! error, never a panic; lengths are checked before anything is allocated by them.

use std::ops::Range;

use bytes::Bytes;
use covenant_model::version::Lsn;

use crate::source::{DatumAt, Relation, RelationColumn, Tuple};

/// Microseconds from 1970 to 2000, where PostgreSQL's timestamps begin.
pub const EPOCH_2000_US: i64 = 946_684_800_000_000;

/// A message of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A transaction begins.
    Begin {
        /// Start of its commit record.
        commit: Lsn,
        /// Microseconds since 1970.
        committed_at_us: i64,
        /// 32-bit id.
        xid: u32,
    },
    /// It ends.
    Commit {
        /// Start of the commit record.
        commit: Lsn,
        /// End of the commit record.
        end: Lsn,
        /// Microseconds since 1970.
        committed_at_us: i64,
    },
    /// Where the transaction came from originally; not used.
    Origin,
    /// A table's columns, sent before its first change and after each change of them.
    Relation {
        /// Object id.
        oid: u32,
        /// Columns.
        relation: Relation,
    },
    /// Name of a type; not used: types are checked by object id.
    Type,
    /// A row was inserted.
    Insert {
        /// Object id of the table.
        oid: u32,
        /// The new row.
        new: Tuple,
    },
    /// A row was updated.
    Update {
        /// Object id of the table.
        oid: u32,
        /// The row before, where the server sent it.
        old: Option<OldTuple>,
        /// The new row.
        new: Tuple,
    },
    /// A row was deleted.
    Delete {
        /// Object id of the table.
        oid: u32,
        /// The row before.
        old: OldTuple,
    },
    /// Tables were emptied.
    Truncate {
        /// Object ids of the tables.
        oids: Vec<u32>,
    },
    /// `pg_logical_emit_message`; only its place in the stream matters.
    Emitted,
}

/// A row before its change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OldTuple {
    /// The key columns; the others are NULL.
    Key(Tuple),
    /// The whole row (replica identity full).
    Full(Tuple),
}

impl OldTuple {
    /// Whichever it is.
    pub fn into_tuple(self) -> Tuple {
        match self {
            Self::Key(tuple) | Self::Full(tuple) => tuple,
        }
    }
}

/// Why bytes are no message. Shows positions and tags, never content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It ends too early.
    #[error("a message of type '{tag}' ends at byte {at}, in the middle of {what}")]
    Short {
        /// Type of the message.
        tag: char,
        /// Where.
        at: usize,
        /// In the middle of what.
        what: &'static str,
    },
    /// Something in it that protocol 1 does not have.
    #[error("a message of type '{tag}' has {what} at byte {at}, which protocol 1 does not know")]
    Unknown {
        /// Type of the message.
        tag: char,
        /// Where.
        at: usize,
        /// What.
        what: &'static str,
    },
    /// Bytes behind its end.
    #[error("a message of type '{tag}' has {extra} bytes too many")]
    Trailing {
        /// Type of the message.
        tag: char,
        /// How many.
        extra: usize,
    },
    /// An empty message.
    #[error("an empty message")]
    Empty,
}

/// Decodes one message.
///
/// # Errors
/// See [`DecodeError`]; the stream cannot be trusted from there on.
pub fn decode(bytes: &Bytes) -> Result<Message, DecodeError> {
    let tag = *bytes.first().ok_or(DecodeError::Empty)?;
    let mut cursor = Cursor { bytes, at: 1, tag: char::from(tag) };
    let message = match tag {
        b'B' => begin(&mut cursor)?,
        b'C' => commit(&mut cursor)?,
        b'R' => relation(&mut cursor)?,
        b'I' => insert(&mut cursor)?,
        b'U' => update(&mut cursor)?,
        b'D' => delete(&mut cursor)?,
        b'T' => truncate(&mut cursor)?,
        b'M' => emitted(&mut cursor)?,
        b'O' => {
            cursor.u64("an origin's position")?;
            cursor.text("an origin's name")?;
            Message::Origin
        }
        b'Y' => {
            cursor.u32("a type's id")?;
            cursor.text("a type's schema")?;
            cursor.text("a type's name")?;
            Message::Type
        }
        _ => return Err(cursor.unknown("this type", 0)),
    };
    match bytes.len() - cursor.at {
        0 => Ok(message),
        extra => Err(DecodeError::Trailing { tag: cursor.tag, extra }),
    }
}

fn begin(cursor: &mut Cursor<'_>) -> Result<Message, DecodeError> {
    let commit = Lsn(cursor.u64("the commit position")?);
    let committed_at_us = cursor.time_us()?;
    let xid = cursor.u32("the transaction id")?;
    Ok(Message::Begin { commit, committed_at_us, xid })
}

fn commit(cursor: &mut Cursor<'_>) -> Result<Message, DecodeError> {
    cursor.u8("flags")?;
    let commit = Lsn(cursor.u64("the commit position")?);
    let end = Lsn(cursor.u64("the end position")?);
    let committed_at_us = cursor.time_us()?;
    Ok(Message::Commit { commit, end, committed_at_us })
}

fn relation(cursor: &mut Cursor<'_>) -> Result<Message, DecodeError> {
    let oid = cursor.u32("a table's id")?;
    let mut schema = cursor.text("a table's schema")?;
    if schema.is_empty() {
        // pgoutput leaves the name of pg_catalog out
        schema.push_str("pg_catalog");
    }
    let table = cursor.text("a table's name")?;
    cursor.u8("the replica identity")?;
    let count = usize::from(cursor.u16("the number of columns")?);
    // a column takes at least 10 bytes
    let mut columns = Vec::with_capacity(count.min(cursor.left() / 10));
    for _ in 0..count {
        let key = cursor.u8("a column's flags")? & 1 == 1;
        let name = cursor.text("a column's name")?;
        let type_oid = cursor.u32("a column's type")?;
        cursor.u32("a column's type modifier")?;
        columns.push(RelationColumn { name, key, type_oid });
    }
    Ok(Message::Relation { oid, relation: Relation { schema, table, columns } })
}

fn insert(cursor: &mut Cursor<'_>) -> Result<Message, DecodeError> {
    let oid = cursor.u32("a table's id")?;
    cursor.expect(b'N', "a tuple kind other than N")?;
    Ok(Message::Insert { oid, new: cursor.tuple()? })
}

fn update(cursor: &mut Cursor<'_>) -> Result<Message, DecodeError> {
    let oid = cursor.u32("a table's id")?;
    let old = match cursor.u8("a tuple kind")? {
        b'N' => return Ok(Message::Update { oid, old: None, new: cursor.tuple()? }),
        b'K' => OldTuple::Key(cursor.tuple()?),
        b'O' => OldTuple::Full(cursor.tuple()?),
        _ => return Err(cursor.unknown("a tuple kind other than K, O or N", 1)),
    };
    cursor.expect(b'N', "a tuple kind other than N")?;
    let mut new = cursor.tuple()?;
    if let OldTuple::Full(old) = &old {
        fill_unchanged(&mut new, old);
    }
    Ok(Message::Update { oid, old: Some(old), new })
}

/// Under replica identity full the old row holds what the new one leaves out. Both lie in one message.
fn fill_unchanged(new: &mut Tuple, old: &Tuple) {
    for (new, old) in new.datums.iter_mut().zip(&old.datums) {
        if *new == DatumAt::Unchanged {
            new.clone_from(old);
        }
    }
}

fn delete(cursor: &mut Cursor<'_>) -> Result<Message, DecodeError> {
    let oid = cursor.u32("a table's id")?;
    let old = match cursor.u8("a tuple kind")? {
        b'K' => OldTuple::Key(cursor.tuple()?),
        b'O' => OldTuple::Full(cursor.tuple()?),
        _ => return Err(cursor.unknown("a tuple kind other than K or O", 1)),
    };
    Ok(Message::Delete { oid, old })
}

fn truncate(cursor: &mut Cursor<'_>) -> Result<Message, DecodeError> {
    let count = cursor.u32("the number of tables")? as usize;
    cursor.u8("options")?;
    let mut oids = Vec::with_capacity(count.min(cursor.left() / 4));
    for _ in 0..count {
        oids.push(cursor.u32("a table's id")?);
    }
    Ok(Message::Truncate { oids })
}

fn emitted(cursor: &mut Cursor<'_>) -> Result<Message, DecodeError> {
    cursor.u8("flags")?;
    cursor.u64("its position")?;
    cursor.text("its prefix")?;
    let length = cursor.u32("its length")? as usize;
    cursor.take(length, "its content")?;
    Ok(Message::Emitted)
}

struct Cursor<'a> {
    bytes: &'a Bytes,
    at: usize,
    tag: char,
}

impl Cursor<'_> {
    fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    fn take(&mut self, length: usize, what: &'static str) -> Result<Range<usize>, DecodeError> {
        let short = DecodeError::Short { tag: self.tag, at: self.bytes.len(), what };
        if length > self.left() {
            return Err(short);
        }
        let range = self.at..self.at + length;
        self.at = range.end;
        Ok(range)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let range = self.take(N, what)?;
        let mut array = [0; N];
        array.copy_from_slice(&self.bytes[range]);
        Ok(array)
    }

    fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, DecodeError> {
        self.array(what).map(u16::from_be_bytes)
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        self.array(what).map(u32::from_be_bytes)
    }

    fn u64(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        self.array(what).map(u64::from_be_bytes)
    }

    fn time_us(&mut self) -> Result<i64, DecodeError> {
        let since_2000 = self.array("a time").map(i64::from_be_bytes)?;
        Ok(since_2000.saturating_add(EPOCH_2000_US))
    }

    /// Text up to a zero byte. Names only; what is not UTF-8 is replaced, and matches no contract then.
    fn text(&mut self, what: &'static str) -> Result<String, DecodeError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let short = DecodeError::Short { tag: self.tag, at: self.bytes.len(), what };
        let length = rest.iter().position(|byte| *byte == 0).ok_or(short)?;
        let text = String::from_utf8_lossy(&rest[..length]).into_owned();
        self.at += length + 1;
        Ok(text)
    }

    fn expect(&mut self, byte: u8, otherwise: &'static str) -> Result<(), DecodeError> {
        match self.u8("a tuple kind")? {
            found if found == byte => Ok(()),
            _ => Err(self.unknown(otherwise, 1)),
        }
    }

    fn unknown(&self, what: &'static str, back: usize) -> DecodeError {
        DecodeError::Unknown { tag: self.tag, at: self.at - back, what }
    }

    fn tuple(&mut self) -> Result<Tuple, DecodeError> {
        let count = usize::from(self.u16("the number of columns")?);
        // a datum takes at least one byte
        let mut datums = Vec::with_capacity(count.min(self.left()));
        for _ in 0..count {
            datums.push(match self.u8("a datum's kind")? {
                b'n' => DatumAt::Null,
                b'u' => DatumAt::Unchanged,
                b't' => {
                    let length = self.u32("a datum's length")? as usize;
                    DatumAt::Text(self.take(length, "a datum")?)
                }
                _ => return Err(self.unknown("a datum kind other than n, u or t", 1)),
            });
        }
        Ok(Tuple { bytes: self.bytes.clone(), datums })
    }
}
