//! A record as a source tells it, before anybody has read it: column texts or JSON tokens by the source's own names.
//! Old and new contract are told the very same.

use std::collections::BTreeMap;
use std::fmt;

use covenant_model::value::{LogicalType, Value, decimal_to_text};
use serde::{Serialize, Serializer};

/// How a source spells its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A row of PostgreSQL: column texts.
    Row,
    /// A JSON event.
    Event,
    /// A JSON record of Salesforce.
    Salesforce,
}

/// What a source says of one column or member. A column that is not told is not there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Token {
    /// SQL NULL or JSON null.
    Null,
    /// Stored out of line and not touched: PostgreSQL only.
    Unchanged,
    /// A column's text.
    Text(String),
    /// A JSON value, as written.
    Json(String),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Unchanged => f.write_str("(unchanged)"),
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Json(token) => f.write_str(token),
        }
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Unchanged => serializer.serialize_str("(unchanged)"),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Json(token) => match serde_json::from_str::<serde_json::Value>(token) {
                Ok(value) => value.serialize(serializer),
                // No JSON at all: shown as it is.
                Err(_) => serializer.serialize_str(token),
            },
        }
    }
}

/// What happened to the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Inserted, updated or read.
    Upsert,
    /// Deleted.
    Delete,
}

/// One record, told once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Name of the source in the contract.
    pub source: String,
    /// How it spells records.
    pub form: Form,
    /// What happened.
    pub act: Act,
    /// Place in the source's order: larger is newer.
    pub at: u32,
    /// Column or member -> what is told of it.
    pub members: BTreeMap<String, Token>,
    /// The columns of the key before, where an update changed them; empty for every other change. Tables only.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub before: BTreeMap<String, Token>,
    /// Which derivation tells it: a replay has a higher one than what it replays.
    #[serde(skip_serializing_if = "is_first")]
    pub revision: u16,
}

/// Whether nothing was replayed yet.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_first(revision: &u16) -> bool {
    *revision == 0
}

impl Told {
    /// An insert or an update that keeps the key, derived for the first time.
    pub fn upsert(source: &str, form: Form, at: u32, members: BTreeMap<String, Token>) -> Self {
        let (source, before) = (source.to_owned(), BTreeMap::new());
        Self { source, form, act: Act::Upsert, at, members, before, revision: 0 }
    }

    /// The delete of the row that this record told of.
    pub fn deleted(&self, at: u32) -> Self {
        Self { act: Act::Delete, at, before: BTreeMap::new(), ..self.clone() }
    }

    /// An update of the row that `old` told of, which changes its key into that of this record.
    pub fn moving(self, old: &Self) -> Self {
        Self { before: old.members.clone(), ..self }
    }

    /// The members as one JSON object.
    pub fn json(&self) -> String {
        let members: Vec<String> =
            self.members.iter().map(|(name, token)| format!("{}: {token}", quoted(name))).collect();
        format!("{{{}}}", members.join(", "))
    }
}

/// A JSON string.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The spellings of a value in a form, the usual one first. Empty for a value that is none of the type.
pub fn spellings(form: Form, ty: &LogicalType, value: &Value) -> Vec<Token> {
    if value.is_null() {
        return vec![Token::Null];
    }
    let Some(text) = text(form, ty, value) else { return Vec::new() };
    if form == Form::Row {
        return vec![Token::Text(text)];
    }
    match value {
        Value::Bool(_) | Value::Int(_) => vec![Token::Json(text)],
        // Exact either way: numbers of JSON are read as text.
        Value::Decimal(_) => vec![Token::Json(quoted(&text)), Token::Json(text)],
        Value::Text(_) if *ty == LogicalType::Json => vec![Token::Json(text)],
        Value::Text(_)
        | Value::Uuid(_)
        | Value::Date(_)
        | Value::Timestamp(_)
        | Value::Bytes(_) => {
            vec![Token::Json(quoted(&text))]
        }
        Value::Null => vec![Token::Null],
    }
}

/// The text of a value: what stands between the quotes, or is the token.
fn text(form: Form, ty: &LogicalType, value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(flag) if form == Form::Row => if *flag { "t" } else { "f" }.to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Decimal(unscaled) => {
            let LogicalType::Decimal { scale, .. } = ty else { return None };
            decimal_to_text(*unscaled, *scale)
        }
        Value::Text(text) => text.clone(),
        Value::Uuid(number) => uuid(*number),
        Value::Date(days) => day(*days)?,
        Value::Timestamp(us) => instant(form, *us)?,
        Value::Bytes(bytes) if form == Form::Row => format!("\\x{}", hex::encode(bytes)),
        Value::Bytes(bytes) => base64(bytes),
    })
}

/// Hyphenated lower case.
pub(crate) fn uuid(number: u128) -> String {
    let hex = format!("{number:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// `2026-01-01`; none beyond years 1 to 9999.
pub(crate) fn day(days: i32) -> Option<String> {
    let epoch = jiff::civil::date(1970, 1, 1);
    Some(epoch.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?.to_string())
}

/// As the form spells an instant in UTC.
pub(crate) fn instant(form: Form, us: i64) -> Option<String> {
    let rfc = jiff::Timestamp::from_microsecond(us).ok()?.to_string();
    Some(match form {
        Form::Event | Form::Salesforce => rfc,
        Form::Row => rfc.replace('T', " ").replace('Z', "+00"),
    })
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit =
                DIGITS.get((bits >> (18 - 6 * place) & 63) as usize).copied().unwrap_or(b'=');
            text.push(if place > group.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use covenant_model::support::number;

    #[test]
    fn bytes_come_back() {
        for bytes in [&b""[..], b"a", b"ab", b"abc", &[0, 255, 0, 255]] {
            assert_eq!(number::base64(&base64(bytes)).as_deref(), Some(bytes));
        }
    }

    #[test]
    fn the_first_and_last_day() {
        assert_eq!(day(-719_162).as_deref(), Some("0001-01-01"));
        assert_eq!(day(2_932_896).as_deref(), Some("9999-12-31"));
        assert_eq!(
            instant(Form::Row, 1_767_225_600_123_456).as_deref(),
            Some("2026-01-01 00:00:00.123456+00")
        );
    }
}
