//! What is wrong with a text that is no query, in words that name the mistake. The parser only says what it
//! expected where it stumbled, which is often behind the mistake.

use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::Reading;
use crate::diagnostic::{Applicability, Diagnostic, Fix, codes};
use crate::source::Span;

/// Words that begin a part of a query.
const CLAUSES: [&str; 17] = [
    "SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "JOIN", "LEFT", "RIGHT",
    "INNER", "FULL", "OUTER", "CROSS", "UNION", "DISTINCT", "WITH",
];
/// Edits between what was written and what was meant.
const EDITS_MAX: usize = 2;
/// Shorter words are a name as likely as a misspelled keyword.
const WORD_CHARS_MIN: usize = 4;

impl Reading<'_> {
    /// The finding about a text that the parser refuses.
    pub(super) fn refused(&self, text: &str, said: &str) -> Diagnostic {
        let (said, place) = self.placed(said);
        let new = |headline: String, span: Span| Diagnostic::new(&codes::BAD_QUERY, span, headline);
        let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location();
        let tokens: Vec<TokenWithSpan> = tokens.unwrap_or_default();
        let tokens: Vec<&TokenWithSpan> =
            tokens.iter().filter(|one| !matches!(one.token, Token::Whitespace(_))).collect();
        let at = tokens.iter().position(|one| self.token(one).start == place.start);
        let named = at.and_then(|at| self.misspelled(&tokens, at));
        if let Some(finding) = named.or_else(|| self.bracket(&tokens, at, &said)) {
            return finding;
        }
        if let Some(finding) = at.and_then(|at| self.comma(&tokens, at)) {
            return finding;
        }
        let help = if said.starts_with("Unterminated") {
            "close the quote; a quote inside a text is written twice"
        } else if said.starts_with("it ") || said.starts_with("a part of it") {
            "read entities in models of their own, and those models here"
        } else {
            "before this place a comma, a bracket or a keyword may be missing, too many or misspelled"
        };
        new(format!("not a query: {said}"), place).help(help)
    }

    fn token(&self, token: &TokenWithSpan) -> Span {
        let (start, end) = (token.span.start, token.span.end);
        self.place(start.line, start.column, end.line, end.column)
    }

    /// `FORM`: the parser takes it for an alias, and stumbles here or one word later.
    fn misspelled(&self, tokens: &[&TokenWithSpan], at: usize) -> Option<Diagnostic> {
        let (token, written, meant) = [Some(at), at.checked_sub(1), at.checked_sub(2)]
            .into_iter()
            .flatten()
            .find_map(|at| {
                let token = tokens.get(at)?;
                let Token::Word(word) = &token.token else { return None };
                let name = word.quote_style.is_none()
                    && word.keyword == Keyword::NoKeyword
                    && word.value.len() >= WORD_CHARS_MIN
                    // `o.form` is a column, and `AS form` a name that somebody chose.
                    && !at.checked_sub(1).is_some_and(|before| names(tokens, before))
                    && tokens.get(at + 1).is_none_or(|next| next.token != Token::Period);
                let upper = word.value.to_uppercase();
                let near = CLAUSES
                    .into_iter()
                    .find(|known| strsim::damerau_levenshtein(&upper, known) <= EDITS_MAX);
                Some((*token, word.value.clone(), near.filter(|_| name)?))
            })?;
        let span = self.token(token);
        let title = format!("replace `{written}` by `{meant}`");
        let headline = format!("not a query: `{written}` is not understood here");
        Some(
            Diagnostic::new(&codes::BAD_QUERY, span, headline)
                .help(format!("did you mean `{meant}`?"))
                .fix(Fix::replace(Applicability::Unsafe, title, span, meant)),
        )
    }

    /// A parenthesis that is not closed, or closes nothing. `at`: where the parser stumbled; the end otherwise.
    fn bracket(
        &self,
        tokens: &[&TokenWithSpan],
        at: Option<usize>,
        said: &str,
    ) -> Option<Diagnostic> {
        let mut open: Vec<&TokenWithSpan> = Vec::new();
        for (place, token) in tokens.iter().enumerate() {
            if at.is_some_and(|at| place > at) {
                break;
            }
            match token.token {
                Token::LParen => open.push(token),
                Token::RParen if open.pop().is_none() => {
                    let headline = "not a query: this parenthesis closes nothing";
                    let found = Diagnostic::new(&codes::BAD_QUERY, self.token(token), headline);
                    return Some(found.help("take it away, or open one before it"));
                }
                _ => {}
            }
        }
        let opened = self.token(open.last().filter(|_| said.starts_with("Expected: )"))?);
        let headline = "not a query: a parenthesis is not closed";
        let found = Diagnostic::new(&codes::BAD_QUERY, opened, headline).at("opened here");
        let found = match at.and_then(|at| tokens.get(at)) {
            Some(token) => found.label(self.token(token), "here it no longer fits"),
            None => found,
        };
        Some(found.help("close it with `)`, or write the comma that is missing in it"))
    }

    /// `SELECT a, FROM t`: a comma too many. `SELECT a AS x b AS y`: one too few.
    fn comma(&self, tokens: &[&TokenWithSpan], at: usize) -> Option<Diagnostic> {
        let (before, here) = (tokens.get(at.checked_sub(1)?)?, tokens.get(at)?);
        let Token::Word(word) = &here.token else { return None };
        let begins = CLAUSES.contains(&word.value.to_uppercase().as_str());
        if begins && before.token == Token::Comma {
            let span = self.token(before);
            let headline = format!("not a query: a comma too many before `{}`", word.value);
            let title = "take the comma away";
            return Some(
                Diagnostic::new(&codes::BAD_QUERY, span, headline).help(title).fix(Fix::replace(
                    Applicability::Unsafe,
                    title,
                    span,
                    "",
                )),
            );
        }
        let named = at.checked_sub(2).is_some_and(|before| names(tokens, before));
        if !begins && named && matches!(before.token, Token::Word(_)) {
            let span = self.token(before);
            let headline = format!("not a query: a comma is missing before `{}`", word.value);
            let behind = Span { start: span.end, ..span };
            let title = "add the comma";
            return Some(
                Diagnostic::new(&codes::BAD_QUERY, self.token(here), headline)
                    .label(span, "behind this")
                    .help(title)
                    .fix(Fix::replace(Applicability::Unsafe, title, behind, ",")),
            );
        }
        None
    }
}

/// Whether what follows is a name: behind `AS` or a period.
fn names(tokens: &[&TokenWithSpan], at: usize) -> bool {
    match tokens.get(at).map(|token| &token.token) {
        Some(Token::Period) => true,
        Some(Token::Word(word)) => word.keyword == Keyword::AS,
        Some(_) | None => false,
    }
}
