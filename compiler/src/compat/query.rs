//! Queries compared by what they say, not by how they are laid out.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "SQL has a hundred kinds of tokens; two of them are told apart here"
)]

use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Token, Tokenizer, Whitespace};

/// Whether a query names an identifier, as a whole word.
pub(super) fn mentions(query: &str, name: &str) -> bool {
    query
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .any(|word| word.eq_ignore_ascii_case(name))
}

/// The words of a query: no white space, no comments, unquoted words in lower case. A text that is
/// no SQL is compared as it is.
pub(super) fn words(query: &str) -> Vec<String> {
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, query).tokenize() else {
        return vec![query.to_owned()];
    };
    let word = |token: Token| match &token {
        Token::Whitespace(
            Whitespace::Space
            | Whitespace::Newline
            | Whitespace::Tab
            | Whitespace::SingleLineComment { .. }
            | Whitespace::MultiLineComment(_),
        ) => None,
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_lowercase()),
        other => Some(other.to_string()),
    };
    let mut words: Vec<String> = tokens.into_iter().filter_map(word).collect();
    while words.last().is_some_and(|last| last == ";") {
        words.pop();
    }
    words
}

/// Whether two queries say the same, words that were renamed counting as the same. An alias may keep the old word.
pub(super) fn same(old: &str, new: &str, renamed: &[(&str, &str)]) -> bool {
    let (before, after) = (words(old), words(new));
    let is_renamed = |old: &str, new: &str| renamed.contains(&(old, new));
    before.len() == after.len()
        && before.iter().zip(&after).all(|(old, new)| old == new || is_renamed(old, new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_is_no_meaning() {
        assert!(same("SELECT  a FROM t -- x\n", "select a from t;", &[]));
        assert!(!same("SELECT 'A' FROM t", "SELECT 'a' FROM t", &[]));
        assert!(same("SELECT o.a FROM t o", "SELECT o.b FROM t o", &[("a", "b")]));
        assert!(same("SELECT o.a AS a FROM t o", "SELECT o.b AS a FROM t o", &[("a", "b")]));
    }
}
