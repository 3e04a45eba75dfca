//! A strict, streaming reader of one JSON object (RFC 8259): no tree, no copy unless a string has escapes, numbers left
//! as text. Nesting is bounded; the reader itself never recurses.

use crate::support::number::hex_digit;
use crate::support::raw::Raw;

/// Deepest nesting of objects and arrays inside a member that is accepted.
pub const DEPTH_MAX: u32 = 64;

/// Not JSON, or not an object, or nested too deeply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Reads the members of one object, in order.
pub struct Members<'a> {
    text: &'a str,
    at: usize,
    first: bool,
}

impl<'a> Members<'a> {
    /// Opens an object. The whole input must be UTF-8.
    ///
    /// # Errors
    /// Where it is none, or does not begin with `{`.
    pub fn open(json: &'a [u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(json).map_err(|_| Malformed)?;
        let mut members = Self { text, at: 0, first: true };
        members.space();
        members.expect(b'{')?;
        Ok(members)
    }

    /// The next member, its name as written (with escapes, if it has any). `None` at the end of the object, which must be
    /// the end of the text.
    ///
    /// # Errors
    /// Where the text is no JSON.
    pub fn next_member(&mut self) -> Result<Option<(Raw<'a>, Raw<'a>)>, Malformed> {
        self.space();
        match self.peek() {
            Some(b'}') => {
                self.at += 1;
                self.space();
                return if self.at == self.text.len() { Ok(None) } else { Err(Malformed) };
            }
            Some(b',') if !self.first => {
                self.at += 1;
                self.space();
            }
            Some(_) if self.first => {}
            Some(_) | None => return Err(Malformed),
        }
        self.first = false;
        let name = self.string()?;
        self.space();
        self.expect(b':')?;
        let value = self.value()?;
        Ok(Some((name, value)))
    }

    fn value(&mut self) -> Result<Raw<'a>, Malformed> {
        self.space();
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{' | b'[') => self.composite(),
            Some(b't') => self.word("true", Raw::Bool(true)),
            Some(b'f') => self.word("false", Raw::Bool(false)),
            Some(b'n') => self.word("null", Raw::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) | None => Err(Malformed),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    fn word(&mut self, word: &str, value: Raw<'a>) -> Result<Raw<'a>, Malformed> {
        let end = self.at + word.len();
        if self.text.get(self.at..end) != Some(word) {
            return Err(Malformed);
        }
        self.at = end;
        Ok(value)
    }

    fn string(&mut self) -> Result<Raw<'a>, Malformed> {
        self.expect(b'"')?;
        let (start, mut escaped) = (self.at, false);
        loop {
            self.at += plain_run(self.text.as_bytes().get(self.at..).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    let text = self.text.get(start..self.at).ok_or(Malformed)?;
                    self.at += 1;
                    return Ok(Raw::Str { text, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) | None => return Err(Malformed),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Malformed> {
        let bytes = self.text.as_bytes().get(self.at + 1..).ok_or(Malformed)?;
        self.at += match bytes.first() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') => match unicode_escape(bytes.get(1..).unwrap_or_default()) {
                Some((_, used)) => 2 + used,
                None => return Err(Malformed),
            },
            Some(_) | None => return Err(Malformed),
        };
        Ok(())
    }

    fn number(&mut self) -> Result<Raw<'a>, Malformed> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        self.text.get(start..self.at).map(Raw::Number).ok_or(Malformed)
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Malformed) }
    }

    /// Walks over an object or array, checking it as strictly as the members that are read.
    fn composite(&mut self) -> Result<Raw<'a>, Malformed> {
        let start = self.at;
        let mut open = Nesting::default();
        open.push(self.peek() == Some(b'{'))?;
        self.at += 1;
        let mut fresh = true;
        while open.depth > 0 {
            self.space();
            let close = if open.in_object() { b'}' } else { b']' };
            match self.peek() {
                Some(byte) if byte == close => {
                    self.at += 1;
                    open.pop();
                    fresh = false;
                    continue;
                }
                Some(b',') if !fresh => {
                    self.at += 1;
                    self.space();
                }
                Some(_) if fresh => {}
                Some(_) | None => return Err(Malformed),
            }
            if open.in_object() {
                self.string()?;
                self.space();
                self.expect(b':')?;
                self.space();
            }
            fresh = matches!(self.peek(), Some(b'{' | b'['));
            if fresh {
                open.push(self.peek() == Some(b'{'))?;
                self.at += 1;
            } else {
                self.value()?;
            }
        }
        self.text.get(start..self.at).map(Raw::Composite).ok_or(Malformed)
    }
}

/// What is open around the reader: one bit per level, set for objects.
#[derive(Default)]
struct Nesting {
    bits: u64,
    depth: u32,
}

impl Nesting {
    fn push(&mut self, object: bool) -> Result<(), Malformed> {
        if self.depth == DEPTH_MAX {
            return Err(Malformed);
        }
        self.bits = self.bits << 1 | u64::from(object);
        self.depth += 1;
        Ok(())
    }

    fn pop(&mut self) {
        self.bits >>= 1;
        self.depth -= 1;
    }

    fn in_object(&self) -> bool {
        self.bits & 1 == 1
    }
}

/// Bytes before the next quote, backslash or control character, eight at a time.
fn plain_run(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = bytes.as_chunks::<8>();
    for (place, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = word ^ (ONES * 0x22);
        let backslash = word ^ (ONES * 0x5c);
        let special = (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        if special & HIGHS != 0 {
            // The lowest marked byte is exact; a borrow can only mark bytes above it.
            return place * 8 + (special & HIGHS).trailing_zeros() as usize / 8;
        }
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    words.len() * 8 + rest.iter().position(special).unwrap_or(rest.len())
}

/// The character of the hexadecimal digits behind `\u`, and how many bytes they take; surrogates come in pairs.
fn unicode_escape(bytes: &[u8]) -> Option<(char, usize)> {
    let unit = |from: usize| {
        bytes
            .get(from..from + 4)?
            .iter()
            .try_fold(0u32, |unit, byte| Some(unit << 4 | u32::from(hex_digit(*byte)?)))
    };
    let high = unit(0)?;
    if !(0xd800..0xdc00).contains(&high) {
        return Some((char::from_u32(high)?, 4));
    }
    if bytes.get(4..6) != Some(b"\\u") {
        return None;
    }
    let low = unit(6).filter(|low| (0xdc00..0xe000).contains(low))?;
    Some((char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))?, 10))
}

/// Resolves the escapes of a string's content. `None` where one is no escape.
pub fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let (letter, after) = escape.split_at_checked(1)?;
        rest = after;
        out.push(match letter {
            "n" => '\n',
            "t" => '\t',
            "r" => '\r',
            "b" => '\u{8}',
            "f" => '\u{c}',
            "\"" => '"',
            "\\" => '\\',
            "/" => '/',
            "u" => {
                let (character, used) = unicode_escape(after.as_bytes())?;
                rest = after.get(used..)?;
                character
            }
            _ => return None,
        });
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(json: &str) -> Result<usize, Malformed> {
        let mut members = Members::open(json.as_bytes())?;
        let mut count = 0;
        while members.next_member()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    #[test]
    fn agrees_with_serde_json_on_what_is_an_object() {
        let cases = [
            "{}",
            " { } ",
            "{\"a\":1}",
            "{\"a\":[1,{\"b\":[]}],\"c\":null}",
            "{\"a\":1,}",
            "{,}",
            "{\"a\" 1}",
            "{\"a\":}",
            "{\"a\":01}",
            "{\"a\":-}",
            "{\"a\":1.}",
            "{\"a\":1e}",
            "{\"a\":1e+5}",
            "{\"a\":.5}",
            "{\"a\":+1}",
            "{\"a\":tru}",
            "{\"a\":\"\\u00e9\"}",
            "{\"a\":\"\\ud83d\\ude00\"}",
            "{\"a\":\"\\ud83d\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"tab\t\"}",
            "{\"a\":[1,]}",
            "{\"a\":[,1]}",
            "{\"a\":{\"b\"}}",
            "{\"a\":[}",
            "{\"a\":1}x",
            "[]",
            "",
            "null",
            "{\"a\":1 \"b\":2}",
            "{\"a\":[1 2]}",
            "{\"long enough for words\":\"long enough for words \\\" and more\"}",
            "{\"a\":nul}",
            "\u{feff}{}",
            "{\"a\":[[[]],{}],\"b\":{\"c\":{}}}",
            "{'a':1}",
            "{\"a\":\"",
            "{\"a\":\"\\",
            "{\"a\"",
        ];
        for json in cases {
            let expected =
                serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(json).is_ok();
            assert_eq!(walk(json).is_ok(), expected, "{json}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(walk(&nested(64)).is_ok());
        assert!(walk(&nested(65)).is_err());
        assert!(walk(&format!("{{\"a\":{}", "[".repeat(1_000_000))).is_err());
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape("a\\n\\u00e9\\ud83d\\ude00\\/").as_deref(), Some("a\né😀/"));
        assert_eq!(unescape("\\udc00"), None);
        assert_eq!(unescape("\\é"), None);
    }
}
