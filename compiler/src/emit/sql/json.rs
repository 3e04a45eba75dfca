//! JSON in the queries of models: what is written in Snowflake's words is said in DuckDB's.

use std::ops::Range;

use sqlparser::dialect::DuckDbDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::ident::Dialect;
use super::query::text_of;

/// The query with its FLATTENs and paths in the dialect's words. Snowflake's FLATTEN is told to look at arrays only, as
/// DuckDB's rows do. A query that cannot be read is left as it is: it is refused where it is read for good.
pub(super) fn in_dialect(query: &str, dialect: Dialect) -> String {
    let tokens = Tokenizer::new(&DuckDbDialect {}, query).with_unescape(false).tokenize();
    match tokens {
        Ok(tokens) => Json { tokens: &tokens, dialect }.text(0..tokens.len()),
        Err(_) => query.to_owned(),
    }
}

struct Json<'a> {
    tokens: &'a [Token],
    dialect: Dialect,
}

impl Json<'_> {
    fn text(&self, range: Range<usize>) -> String {
        let mut out = String::new();
        let mut at = range.start;
        while at < range.end {
            let found = self.flatten(at).or_else(|| match self.dialect {
                Dialect::DuckDb => self.value(at),
                Dialect::Snowflake => None,
            });
            match found {
                Some((text, next)) => {
                    out.push_str(&text);
                    at = next;
                }
                None => {
                    out.extend(self.tokens.get(at).map(text_of));
                    at += 1;
                }
            }
        }
        out
    }

    /// `LATERAL FLATTEN(INPUT => ...)`
    fn flatten(&self, at: usize) -> Option<(String, usize)> {
        let name = self.is(at, "lateral").then(|| self.after(at + 1))?;
        let open = self.is(name, "flatten").then(|| self.after(name + 1))?;
        let close = self.closing(open)?;
        let input = self.after(open + 1);
        let arrow = self.is(input, "input").then(|| self.after(input + 1))?;
        let from =
            (self.tokens.get(arrow) == Some(&Token::RArrow)).then(|| self.after(arrow + 1))?;
        let mode = (from..close).find(|at| self.tokens.get(*at) == Some(&Token::Comma));
        let inner = self.text(from..mode.unwrap_or(close));
        let inner = inner.trim();
        let text = match self.dialect {
            Dialect::Snowflake => format!("LATERAL FLATTEN(INPUT => {inner}, MODE => 'ARRAY')"),
            // Elements as text, as a CAST of Snowflake's VARIANT gives them: without quotes around a text.
            Dialect::DuckDb => format!(
                "LATERAL (SELECT TRY_CAST(e.key AS BIGINT) AS index, json_extract_string(e.value, '$') AS value \
                 FROM json_each({inner}) AS e WHERE json_type({inner}) = 'ARRAY')"
            ),
        };
        Some((text, close + 1))
    }

    /// `a.b:key.key`, `PARSE_JSON(a)`, `PARSE_JSON(a):key`
    fn value(&self, at: usize) -> Option<(String, usize)> {
        let Token::Word(word) = self.tokens.get(at)? else { return None };
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("parse_json") {
            let open = at + 1;
            let close = self.closing(open)?;
            let inner = format!("json({})", self.text(open + 1..close));
            return Some(self.path(&inner, close + 1).unwrap_or((inner, close + 1)));
        }
        let column = match (self.tokens.get(at + 1), self.tokens.get(at + 2)) {
            (Some(Token::Period), Some(Token::Word(_))) => at..at + 3,
            _ => at..at + 1,
        };
        let text: String = self.tokens.get(column.clone())?.iter().map(text_of).collect();
        self.path(&text, column.end)
    }

    /// `:key.key` behind a value.
    fn path(&self, value: &str, at: usize) -> Option<(String, usize)> {
        let mut path = String::from("$");
        let mut next = at;
        let mut opens = Token::Colon;
        while self.tokens.get(next) == Some(&opens)
            && let Some(Token::Word(key)) = self.tokens.get(next + 1)
        {
            path.push_str(&format!(".\"{}\"", key.value.replace('\'', "''")));
            next += 2;
            opens = Token::Period;
        }
        (next > at).then(|| (format!("json_extract_string({value}, '{path}')"), next))
    }

    fn is(&self, at: usize, name: &str) -> bool {
        matches!(self.tokens.get(at), Some(Token::Word(word))
            if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(name))
    }

    /// The next place that is no white space.
    fn after(&self, at: usize) -> usize {
        let rest = self.tokens.iter().skip(at);
        at + rest.take_while(|token| matches!(token, Token::Whitespace(_))).count()
    }

    /// Where the parenthesis that opens there is closed.
    fn closing(&self, open: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for (at, token) in self.tokens.iter().enumerate().skip(open) {
            if *token == Token::LParen {
                depth += 1;
            } else if *token == Token::RParen {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            } else if depth == 0 {
                return None;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_said_in_the_words_of_the_dialect() {
        let query = "SELECT CAST(f.value:item.\"No 1\" AS INT), PARSE_JSON(o.b):x::DATE, 'a:b'\n\
                     FROM o, LATERAL FLATTEN(INPUT => PARSE_JSON(o.a)) AS f";
        assert_eq!(
            in_dialect(query, Dialect::DuckDb),
            "SELECT CAST(json_extract_string(f.value, '$.\"item\".\"No 1\"') AS INT), \
             json_extract_string(json(o.b), '$.\"x\"')::DATE, 'a:b'\n\
             FROM o, LATERAL (SELECT TRY_CAST(e.key AS BIGINT) AS index, json_extract_string(e.value, '$') AS value \
             FROM json_each(json(o.a)) AS e WHERE json_type(json(o.a)) = 'ARRAY') AS f"
        );
        let snowflake = query.replace("(o.a))", "(o.a), MODE => 'ARRAY')");
        assert_eq!(in_dialect(query, Dialect::Snowflake), snowflake);
        assert_eq!(in_dialect(&snowflake, Dialect::Snowflake), snowflake);
    }
}
