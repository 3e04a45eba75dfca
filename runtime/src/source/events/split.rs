//! A request's body to single events, each with the very bytes that were sent: numbers keep every digit, and a repeated member
//! is still there for the validator to refuse.

use std::fmt;

use bytes::Bytes;
use serde::de::IgnoredAny;

/// Events in one request.
pub const EVENTS_PER_REQUEST: usize = 1_000;

/// Why a body is no events. Holds nothing of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitError {
    /// Nothing in it.
    Empty,
    /// Neither JSON nor JSON lines; the first line (from 1) that is no JSON.
    NotJson {
        /// From 1.
        line: usize,
    },
    /// More than [`EVENTS_PER_REQUEST`].
    TooMany,
}

impl fmt::Display for SplitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str(
                "the body holds no event; send one JSON object, an array, or one object a line",
            ),
            Self::NotJson { line } => write!(
                f,
                "line {line} of the body is no JSON; send one JSON object, an array, or one object a line, in UTF-8"
            ),
            Self::TooMany => write!(
                f,
                "the body holds more than {EVENTS_PER_REQUEST} events; send them in several requests"
            ),
        }
    }
}

/// Splits a body: one object, an array of objects, or one object a line.
///
/// # Errors
/// See [`SplitError`].
pub fn split(body: &Bytes) -> Result<Vec<Bytes>, SplitError> {
    let whole = body.trim_ascii();
    let events = match whole.first() {
        None => return Err(SplitError::Empty),
        Some(b'[') if is_json(whole) => elements(body, whole),
        Some(_) if is_json(whole) => vec![body.slice_ref(whole)],
        Some(_) => lines(body)?,
    };
    match events.len() {
        0 => Err(SplitError::Empty),
        1..=EVENTS_PER_REQUEST => Ok(events),
        _ => Err(SplitError::TooMany),
    }
}

fn is_json(bytes: &[u8]) -> bool {
    // What is skipped is not decoded: UTF-8 must be asked for.
    std::str::from_utf8(bytes).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

fn lines(body: &Bytes) -> Result<Vec<Bytes>, SplitError> {
    let mut events = Vec::new();
    for (at, line) in body.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if !is_json(line) {
            return Err(SplitError::NotJson { line: at + 1 });
        }
        events.push(body.slice_ref(line));
    }
    Ok(events)
}

/// The elements of an array that is known to be JSON: commas at depth 1, outside of strings.
fn elements(body: &Bytes, array: &[u8]) -> Vec<Bytes> {
    let mut events = Vec::new();
    let (mut depth, mut start, mut in_string, mut escaped) = (0usize, 1usize, false, false);
    for (at, byte) in array.iter().enumerate() {
        let closes = match byte {
            _ if escaped => {
                escaped = false;
                continue;
            }
            b'\\' if in_string => {
                escaped = true;
                continue;
            }
            b'"' => {
                in_string = !in_string;
                continue;
            }
            _ if in_string => continue,
            b'[' | b'{' => {
                depth += 1;
                continue;
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                depth == 0
            }
            b',' => depth == 1,
            _ => continue,
        };
        if closes {
            let element = array.get(start..at).unwrap_or(&[]).trim_ascii();
            if !element.is_empty() {
                events.push(body.slice_ref(element));
            }
            start = at + 1;
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &str) -> Result<Vec<String>, SplitError> {
        let events = split(&Bytes::copy_from_slice(body.as_bytes()))?;
        Ok(events.iter().map(|event| String::from_utf8(event.to_vec()).unwrap()).collect())
    }

    #[test]
    fn objects_arrays_and_lines() {
        assert_eq!(texts(" {\"a\": 1}\n").unwrap(), ["{\"a\": 1}"]);
        assert_eq!(texts("{\n\"a\": 1\n}").unwrap(), ["{\n\"a\": 1\n}"]);
        let tricky = r#"[{"a":"],[{\"\\"}, {"b":[1,{"c":2}]} ,{}]"#;
        let parts = [r#"{"a":"],[{\"\\"}"#, r#"{"b":[1,{"c":2}]}"#, "{}"];
        assert_eq!(texts(tricky).unwrap(), parts);
        assert_eq!(texts("{\"a\":1}\r\n\n{\"b\":2}\n").unwrap(), ["{\"a\":1}", "{\"b\":2}"]);
        assert_eq!(
            texts("[1,[2,3]]\n[4]").unwrap(),
            ["[1,[2,3]]", "[4]"],
            "lines, each for itself"
        );
    }

    #[test]
    fn numbers_keep_every_digit() {
        let long = r#"[{"a":12345678901234567890.10}]"#;
        assert_eq!(texts(long).unwrap(), [r#"{"a":12345678901234567890.10}"#]);
    }

    #[test]
    fn what_is_no_json_is_named_by_its_line_and_never_quoted() {
        assert_eq!(texts("").unwrap_err(), SplitError::Empty);
        assert_eq!(texts(" \n ").unwrap_err(), SplitError::Empty);
        assert_eq!(texts("[]").unwrap_err(), SplitError::Empty);
        assert_eq!(texts("{\"a\":1}\nsecret").unwrap_err(), SplitError::NotJson { line: 2 });
        assert!(!texts("secret").unwrap_err().to_string().contains("secret"));
        assert_eq!(texts("[{\"a\":1}").unwrap_err(), SplitError::NotJson { line: 1 });
        assert!(split(&Bytes::from_static(b"{\"a\":\"\xff\"}")).is_err(), "no UTF-8");
        assert!(texts(&"[".repeat(100_000)).is_err(), "deeply nested");
        let many = format!("[{}1]", "1,".repeat(EVENTS_PER_REQUEST));
        assert_eq!(texts(&many).unwrap_err(), SplitError::TooMany);
    }
}
