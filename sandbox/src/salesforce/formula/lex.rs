//! Formula text to tokens.

use super::parse::FormulaError;
use crate::salesforce::decimal::Decimal;

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Number(Decimal),
    Text(String),
    Name(String),
    Op(&'static str),
}

/// Operators and punctuation, longer ones first.
const OPERATORS: [&str; 19] = [
    "&&", "||", "==", "<>", "!=", "<=", ">=", "=", "<", ">", "!", "+", "-", "*", "&", "(", ")",
    ",", "/",
];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, FormulaError> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let used = if first.is_ascii_digit() || first == '.' {
            let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
            let digits = &rest[..end];
            let number = Decimal::parse(digits)
                .ok_or_else(|| FormulaError::Unreadable(digits.to_owned()))?;
            out.push(Token::Number(number));
            end
        } else if first == '"' || first == '\'' {
            let (value, end) = quoted(rest, first)?;
            out.push(Token::Text(value));
            end
        } else if first.is_alphabetic() || first == '_' || first == '$' {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.' || c == '$'))
                .unwrap_or(rest.len());
            out.push(Token::Name(rest[..end].to_owned()));
            end
        } else if let Some(op) = OPERATORS.iter().find(|op| rest.starts_with(**op)) {
            out.push(Token::Op(op));
            op.len()
        } else {
            return Err(FormulaError::Unreadable(first.to_string()));
        };
        rest = rest[used..].trim_start();
    }
    Ok(out)
}

/// Reads a quoted text; returns it and the bytes it took.
fn quoted(text: &str, quote: char) -> Result<(String, usize), FormulaError> {
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if escaped {
            value.push(if c == 'n' { '\n' } else { c });
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return Ok((value, at + c.len_utf8()));
        } else {
            value.push(c);
        }
    }
    Err(FormulaError::UnclosedText)
}
