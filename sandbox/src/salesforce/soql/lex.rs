//! Query text to tokens with their places.

use super::SoqlError;

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Name, keyword, number, date: everything without quotes.
    Word(String),
    /// Quoted text; `\%` and `\_` keep their backslash for LIKE.
    Text(String),
    /// Operator or punctuation.
    Symbol(&'static str),
}

/// A token and its byte offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: usize,
}

impl Token {
    /// The word in upper case, for comparing with keywords.
    pub(super) fn keyword(&self) -> Option<String> {
        match &self.kind {
            Kind::Word(word) => Some(word.to_ascii_uppercase()),
            Kind::Text(_) | Kind::Symbol(_) => None,
        }
    }

    /// As error messages show it.
    pub(super) fn shown(&self) -> String {
        match &self.kind {
            Kind::Word(word) => word.clone(),
            Kind::Text(text) => format!("'{text}'"),
            Kind::Symbol(symbol) => (*symbol).to_owned(),
        }
    }
}

/// Longer symbols first.
const SYMBOLS: [&str; 10] = ["!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ","];

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '-' | '+')
}

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, SoqlError> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let rest = &text[at..];
        if c == '\'' {
            let (value, used) = quoted(rest)?;
            out.push(Token { kind: Kind::Text(value), at });
            at += used;
        } else if is_word(c) {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            out.push(Token { kind: Kind::Word(rest[..end].to_owned()), at });
            at += end;
        } else if let Some(symbol) = SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
            out.push(Token { kind: Kind::Symbol(symbol), at });
            at += symbol.len();
        } else {
            return Err(SoqlError::malformed(format!("unexpected token: '{c}'")));
        }
    }
    Ok(out)
}

fn quoted(rest: &str) -> Result<(String, usize), SoqlError> {
    let mut value = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return Ok((value, at + 1)),
            '\\' => match chars.next() {
                Some((_, 'n' | 'N')) => value.push('\n'),
                Some((_, 'r' | 'R')) => value.push('\r'),
                Some((_, 't' | 'T')) => value.push('\t'),
                Some((_, c @ ('\'' | '"' | '\\'))) => value.push(c),
                Some((_, c @ ('%' | '_'))) => value.extend(['\\', c]),
                Some(_) | None => {
                    return Err(SoqlError::malformed("Illegal string escape sequence"));
                }
            },
            c => value.push(c),
        }
    }
    Err(SoqlError::malformed("line 1:0 mismatched character '<EOF>' expecting '''"))
}
