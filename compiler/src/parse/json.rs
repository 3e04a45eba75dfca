//! JSON text -> the tree that YAML gives, so that places in it have paths, too. Strict (RFC 8259): one value, no duplicate
//! keys, bounded size and depth. serde_json says where its first error is, and not where a value stands.

use std::collections::BTreeSet;

use crate::parse::yaml::{Entry, Kind, Node};
use crate::source::{FileId, Span};

/// Nested lists and objects; what a describe nests is 5 deep.
pub const JSON_DEPTH_MAX: usize = 32;
/// Values in one file. A describe of 800 fields has 60,000.
pub const JSON_VALUES_MAX: usize = 1_000_000;

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// The byte at which it was seen.
    pub at: usize,
    /// `expected `:` behind the key`
    pub why: String,
}

/// Reads a text as one JSON value.
///
/// # Errors
/// The first thing that is no JSON, or beyond the bounds.
pub fn parse(file: FileId, text: &str) -> Result<Node, JsonError> {
    let start = text.len() - text.strip_prefix('\u{feff}').unwrap_or(text).len();
    let mut reader = Reader { file, text, at: start, depth: 0, values: 0 };
    reader.space();
    let node = reader.value()?;
    reader.space();
    if reader.at < text.len() {
        return reader.error("there is something behind the value");
    }
    Ok(node)
}

struct Reader<'t> {
    file: FileId,
    text: &'t str,
    at: usize,
    depth: usize,
    values: usize,
}

impl Reader<'_> {
    fn error<T>(&self, why: impl Into<String>) -> Result<T, JsonError> {
        // a place that a caret can stand at
        let mut at = self.at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        Err(JsonError { at, why: why.into() })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, what: &str) -> Result<(), JsonError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        if self.peek().is_none() {
            return self.error(format!("the text ends where {what} was expected"));
        }
        self.error(format!("expected {what}"))
    }

    fn span(&self, start: usize) -> Span {
        Span { file: self.file, start, end: self.at }
    }

    fn value(&mut self) -> Result<Node, JsonError> {
        self.values += 1;
        if self.values > JSON_VALUES_MAX {
            return self.error(format!("more than {JSON_VALUES_MAX} values"));
        }
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::list)?,
            Some(b'"') => Kind::Scalar { text: self.string()?, plain: false },
            Some(b'-' | b'0'..=b'9') => Kind::Scalar { text: self.number()?, plain: true },
            Some(_) => Kind::Scalar { text: self.word()?, plain: true },
            None => return self.error("the text ends where a value was expected"),
        };
        Ok(Node { span: self.span(start), kind })
    }

    fn nested(
        &mut self,
        inside: fn(&mut Self) -> Result<Kind, JsonError>,
    ) -> Result<Kind, JsonError> {
        self.depth += 1;
        if self.depth > JSON_DEPTH_MAX {
            return self.error(format!("values nest deeper than {JSON_DEPTH_MAX}"));
        }
        self.at += 1;
        let kind = inside(self)?;
        self.depth -= 1;
        Ok(kind)
    }

    fn object(&mut self) -> Result<Kind, JsonError> {
        let (mut entries, mut keys) = (Vec::new(), BTreeSet::new());
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Kind::Map(entries));
        }
        loop {
            self.space();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return self.error("expected a key in double quotes");
            }
            let key = self.string()?;
            let key_span = self.span(start);
            if !keys.insert(key.clone()) {
                self.at = start;
                return self.error(format!("the key `{key}` stands twice in one object"));
            }
            self.space();
            self.expect(b':', "`:` behind the key")?;
            self.space();
            entries.push(Entry { key, key_span, value: self.value()? });
            self.space();
            if self.peek() == Some(b',') {
                self.at += 1;
                continue;
            }
            self.expect(b'}', "`,` or `}`")?;
            return Ok(Kind::Map(entries));
        }
    }

    fn list(&mut self) -> Result<Kind, JsonError> {
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Kind::Seq(items));
        }
        loop {
            self.space();
            items.push(self.value()?);
            self.space();
            if self.peek() == Some(b',') {
                self.at += 1;
                continue;
            }
            self.expect(b']', "`,` or `]`")?;
            return Ok(Kind::Seq(items));
        }
    }

    fn word(&mut self) -> Result<String, JsonError> {
        let rest = self.text.get(self.at..).unwrap_or("");
        let known = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word));
        let Some(word) = known else { return self.error("this is no JSON value") };
        self.at += word.len();
        Ok(word.to_owned())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { self.error("expected a digit") } else { Ok(()) }
    }

    fn number(&mut self) -> Result<String, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(self.text.get(start..self.at).unwrap_or("").to_owned())
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut found = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or("");
            let Some(next) = rest.chars().next() else {
                return self.error("the text ends within a string");
            };
            match next {
                '"' => {
                    self.at += 1;
                    return Ok(found);
                }
                '\\' => {
                    self.at += 1;
                    found.push(self.escape()?);
                }
                '\u{0}'..='\u{1f}' => return self.error("a control character within a string"),
                other => {
                    found.push(other);
                    self.at += other.len_utf8();
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let byte = self.peek();
        self.at += 1;
        Ok(match byte {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            Some(_) | None => {
                self.at -= 1;
                return self.error("an escape that JSON does not have");
            }
        })
    }

    /// Four hexadecimal digits, and the other half where they are the first of a pair.
    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.hex()?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(first).map_or_else(|| self.error("half a character"), Ok);
        }
        if !self.text.get(self.at..).unwrap_or("").starts_with("\\u") {
            return self.error("half a character");
        }
        self.at += 2;
        let second = self.hex()?;
        let low = second.checked_sub(0xDC00).filter(|low| *low < 0x400);
        let whole = low.and_then(|low| char::from_u32(0x10000 + ((first - 0xD800) << 10) + low));
        whole.map_or_else(|| self.error("half a character"), Ok)
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.get(self.at..self.at + 4).unwrap_or("");
        let all = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u32::from_str_radix(digits, 16) {
            Ok(value) if all => {
                self.at += 4;
                Ok(value)
            }
            Ok(_) | Err(_) => self.error("expected four hexadecimal digits"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Node, JsonError> {
        parse(FileId::FIRST, text)
    }

    fn shown(node: &Node) -> serde_json::Value {
        match &node.kind {
            Kind::Scalar { text, plain: true } => serde_json::from_str(text).unwrap(),
            Kind::Scalar { text, plain: false } => text.clone().into(),
            Kind::Seq(items) => items.iter().map(shown).collect(),
            Kind::Map(entries) => {
                entries.iter().map(|one| (one.key.clone(), shown(&one.value))).collect()
            }
        }
    }

    #[test]
    fn what_serde_reads_is_read_the_same_way() {
        let good = [
            r#"{"a": [1, -2.5e+3, true, null, "ä\u00e9\ud83d\ude00\n\/"], "b": {}, "c": []}"#,
            "\u{feff} [ ] ",
            "\"x\"",
        ];
        for text in good {
            let ours = shown(&read(text).unwrap());
            let theirs: serde_json::Value =
                serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap();
            assert_eq!(ours, theirs, "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused_at_its_place() {
        for (text, at) in [
            ("", 0),
            ("{", 1),
            ("[1,]", 3),
            ("{\"a\" 1}", 5),
            ("{\"a\":1,\"a\":2}", 7),
            ("nul", 0),
            ("01", 1),
            ("\"\\x\"", 2),
            ("\"\\ud800\"", 7),
            ("1 2", 2),
            ("'a'", 0),
        ] {
            assert_eq!(read(text).unwrap_err().at, at, "{text}");
            assert!(
                serde_json::from_str::<serde_json::Value>(text).is_err() || text.contains("a\":1")
            );
        }
        assert!(read(&"[".repeat(100_000)).is_err());
    }
}
