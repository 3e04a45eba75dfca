//! SQL of contracts on its way into the parser. What would become a tree too deep to walk is refused before
//! there is a tree: the parser bounds its own brackets, and nothing bounds `a + a + a + ...`.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the words and signs of SQL are many and grow; only what parts a text is looked at"
)]

use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

/// A query is read by people. In bytes.
const TEXT_BYTES_MAX: usize = 1 << 16;
/// Words and signs of one part of a query or rule, up to a comma: each may be a level of the tree. Reports
/// have a few dozen; a stack holds several times as many levels.
const PART_WORDS_MAX: usize = 1000;
/// UNION, INTERSECT and EXCEPT in one text: each is a level, too.
const SETS_MAX: usize = 100;

/// Part of a text in brackets: words since the last comma, and most between two commas.
#[derive(Default)]
struct Part {
    words: usize,
    most: usize,
}

/// A parser of a text that is not too large for it.
pub(super) fn parser<'a>(
    dialect: &'a GenericDialect,
    text: &str,
) -> Result<Parser<'a>, ParserError> {
    let refuse = |why: String| Err(ParserError::ParserError(why));
    if text.len() > TEXT_BYTES_MAX {
        return refuse(format!("it is longer than {TEXT_BYTES_MAX} bytes"));
    }
    let tokens = Tokenizer::new(dialect, text).tokenize_with_location()?;
    let sets = tokens.iter().filter(|token| is_set(&token.token)).count();
    if sets > SETS_MAX {
        return refuse(format!("it joins more than {SETS_MAX} SELECTs by UNION and the like"));
    }
    if let Some(far) = too_long(&tokens) {
        let (line, column) = (far.span.start.line, far.span.start.column);
        let most = format!("a part of it has more than {PART_WORDS_MAX} words and signs");
        return refuse(format!("{most} at Line: {line}, Column: {column}"));
    }
    if let Some(far) = needless_comma(&tokens) {
        let (line, column) = (far.span.start.line, far.span.start.column);
        return refuse(format!("a comma too many at Line: {line}, Column: {column}"));
    }
    Ok(Parser::new(dialect).with_tokens_with_locations(tokens))
}

/// The FROM that follows a comma: this parser lets it pass, and not every system does.
fn needless_comma(tokens: &[TokenWithSpan]) -> Option<&TokenWithSpan> {
    let mut words = tokens.iter().filter(|one| !matches!(one.token, Token::Whitespace(_)));
    let mut comma = false;
    words.find(|one| {
        let from = matches!(&one.token, Token::Word(word) if word.keyword == Keyword::FROM);
        from && std::mem::replace(&mut comma, false) || {
            comma = one.token == Token::Comma;
            false
        }
    })
}

fn is_set(token: &Token) -> bool {
    let Token::Word(word) = token else { return false };
    matches!(word.keyword, Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT | Keyword::MINUS)
}

/// The word at which a part becomes too long.
fn too_long(tokens: &[TokenWithSpan]) -> Option<&TokenWithSpan> {
    let mut parts = vec![Part::default()];
    for token in tokens {
        if matches!(token.token, Token::LParen | Token::LBracket | Token::LBrace) {
            parts.push(Part::default());
            continue;
        }
        let closes = matches!(token.token, Token::RParen | Token::RBracket | Token::RBrace);
        // What is in brackets is one value of what is around it: its longest part is below that.
        let inner = if closes && parts.len() > 1 { parts.pop() } else { None };
        let inner = inner.map_or(0, |part| part.most.max(part.words));
        let part = parts.last_mut()?;
        match &token.token {
            Token::Whitespace(_) => {}
            Token::Comma => {
                part.most = part.most.max(part.words);
                part.words = 0;
            }
            // The grammar of SQL is large; every other word or sign may be a level.
            _ => part.words += 1 + inner,
        }
        if part.words > PART_WORDS_MAX {
            return Some(token);
        }
    }
    None
}
