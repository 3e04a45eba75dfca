//! Row filters as PostgreSQL writes them, and whether what it has is what the contracts mean.

use covenant_model::expr::Comparison;
use covenant_model::spec::{EntitySpec, RowCondition, RowFilter, RowLiteral, SourceSpec};

use crate::{ident, literal};

/// The condition of an entity's source; none: all rows of its table are the entity's.
pub fn of(entity: &EntitySpec, source: &str) -> Option<String> {
    match entity.sources.get(source)? {
        SourceSpec::Postgres { filter, .. } => Some(sql(entity, source, filter.as_ref()?)),
        SourceSpec::Stream { .. } | SourceSpec::Salesforce { .. } => None,
    }
}

/// The condition that a table is published under: the one that all its readers have in common; none where they differ, and all
/// rows are published.
pub fn agreed<'e>(readers: impl IntoIterator<Item = (&'e EntitySpec, &'e str)>) -> Option<String> {
    let mut all = readers.into_iter().map(|(entity, source)| of(entity, source));
    let first = all.next()??;
    all.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

fn sql(entity: &EntitySpec, source: &str, filter: &RowFilter) -> String {
    let conditions = filter.all.iter().map(|one| condition(entity, source, one));
    conditions.collect::<Vec<_>>().join(" AND ")
}

fn condition(entity: &EntitySpec, source: &str, condition: &RowCondition) -> String {
    let field = entity.fields.get(condition.field);
    let name = field.map_or("", |field| field.from.get(source).unwrap_or(&field.name));
    let column = ident(name);
    let sign = sign(condition.is);
    let each = condition.to.iter().map(|literal| format!("{column} {sign} {}", text(literal)));
    let each: Vec<String> = each.collect();
    // Not `IN`: of texts of a bounded length the server casts the list, and takes no such cast in a publication.
    match (each.as_slice(), condition.is) {
        ([one], _) => one.clone(),
        (_, Comparison::NotEqual) => each.join(" AND "),
        (
            _,
            Comparison::Equal
            | Comparison::Less
            | Comparison::LessOrEqual
            | Comparison::Greater
            | Comparison::GreaterOrEqual,
        ) => format!("({})", each.join(" OR ")),
    }
}

fn text(of: &RowLiteral) -> String {
    match of {
        RowLiteral::Int(number) => number.to_string(),
        RowLiteral::Text(text) => literal(text),
    }
}

fn sign(is: Comparison) -> &'static str {
    match is {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

/// Whether a filter as the catalogue shows it means what ours says. The server adds casts and parentheses; what is written in
/// any other way than ours counts as different.
pub fn same(shown: &str, ours: &str) -> bool {
    match (normal(shown), normal(ours)) {
        (Some(shown), Some(ours)) => shown == ours,
        (None, _) | (_, None) => false,
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// What stands in double quotes.
    Name(String),
    /// In lower case; a number too.
    Word(String),
    Text(String),
    Sign(String),
    Open,
    Close,
}

/// Column, sign, literals: one of which it is, or the one that it is compared with.
type Comparing = (String, String, Vec<String>);

/// All of which hold, sorted.
fn normal(text: &str) -> Option<Vec<Comparing>> {
    let tokens = bare(&tokens(text)?);
    let mut rest = tokens.as_slice();
    let mut found = conjunction(&mut rest)?;
    found.sort();
    found.dedup();
    rest.is_empty().then_some(found)
}

/// Without parentheses around a single word or literal, as the server puts them before a cast.
fn bare(tokens: &[Token]) -> Vec<Token> {
    let mut found = Vec::with_capacity(tokens.len());
    let mut rest = tokens;
    while let Some((first, more)) = rest.split_first() {
        match (first, more) {
            (
                Token::Open,
                [
                    one @ (Token::Name(_) | Token::Word(_) | Token::Text(_)),
                    Token::Close,
                    behind @ ..,
                ],
            ) => {
                found.push(one.clone());
                rest = behind;
            }
            _ => {
                found.push(first.clone());
                rest = more;
            }
        }
    }
    found
}

fn is_word(token: Option<&Token>, word: &str) -> bool {
    matches!(token, Some(Token::Word(found)) if found == word)
}

fn conjunction(rest: &mut &[Token]) -> Option<Vec<Comparing>> {
    let mut found = alternatives(rest)?;
    while is_word(rest.first(), "and") {
        *rest = rest.get(1..)?;
        found.extend(alternatives(rest)?);
    }
    Some(found)
}

/// Equalities of one column, of which one holds, or what is no alternative.
fn alternatives(rest: &mut &[Token]) -> Option<Vec<Comparing>> {
    let first = one(rest)?;
    if !is_word(rest.first(), "or") {
        return Some(first);
    }
    let [(column, sign, mut literals)]: [Comparing; 1] = first.try_into().ok()?;
    while is_word(rest.first(), "or") {
        *rest = rest.get(1..)?;
        let [(other, other_sign, more)]: [Comparing; 1] = one(rest)?.try_into().ok()?;
        if other != column || other_sign != sign || sign != "=" {
            return None;
        }
        literals.extend(more);
    }
    literals.sort();
    literals.dedup();
    Some(vec![(column, sign, literals)])
}

/// A comparison, or something in parentheses.
fn one(rest: &mut &[Token]) -> Option<Vec<Comparing>> {
    match *rest {
        [Token::Open, inner @ ..] => {
            *rest = inner;
            let found = conjunction(rest)?;
            matches!(rest.first(), Some(Token::Close)).then_some(())?;
            *rest = rest.get(1..)?;
            Some(found)
        }
        [
            Token::Word(column) | Token::Name(column),
            Token::Sign(sign),
            Token::Word(literal) | Token::Text(literal),
            behind @ ..,
        ] => {
            *rest = behind;
            Some(vec![(column.clone(), sign.clone(), vec![literal.clone()])])
        }
        _ => None,
    }
}

/// Words, texts, signs and parentheses, without casts.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '(' | ')' => {
                found.push(if first == '(' { Token::Open } else { Token::Close });
                rest.get(1..)?
            }
            '\'' | '"' => {
                let (inner, behind) = quoted(rest, first)?;
                found.push(if first == '"' { Token::Name(inner) } else { Token::Text(inner) });
                behind
            }
            ':' => cast(rest)?,
            '=' | '<' | '>' => {
                let end = rest.find(|one| !matches!(one, '=' | '<' | '>')).unwrap_or(rest.len());
                let (sign, behind) = rest.split_at_checked(end)?;
                found.push(Token::Sign(sign.to_owned()));
                behind
            }
            _ => {
                let inner = |one: char| one.is_alphanumeric() || matches!(one, '_' | '-' | '$');
                let end = rest.find(|one| !inner(one)).unwrap_or(rest.len());
                let (word, behind) = rest.split_at_checked(end).filter(|_| end > 0)?;
                found.push(Token::Word(word.to_lowercase()));
                behind
            }
        };
        rest = rest.trim_start();
    }
    Some(found)
}

/// What stands between two quotes, where a doubled one is one, and the rest.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut inner = String::new();
    let mut rest = text.strip_prefix(quote)?;
    loop {
        let at = rest.find(quote)?;
        inner.push_str(rest.get(..at)?);
        rest = rest.get(at + 1..)?;
        match rest.strip_prefix(quote) {
            Some(more) => {
                inner.push(quote);
                rest = more;
            }
            None => return Some((inner, rest)),
        }
    }
}

/// Types that the server casts to are of one word, but for this one.
const TWO_WORDS: &str = "character varying";

/// What stands behind `::type` or `::type(3)`.
fn cast(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("::")?;
    let rest = match rest.strip_prefix(TWO_WORDS) {
        Some(rest) => rest,
        None => rest.trim_start_matches(|one: char| one.is_alphanumeric() || one == '_'),
    };
    match rest.strip_prefix('(') {
        Some(inner) => Some(inner.split_once(')')?.1),
        None => Some(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_shows_is_what_was_said() {
        let same_as = [
            (r#""region" = 'eu'"#, "(region = 'eu'::text)"),
            (r#""region" = 'eu'"#, "((region)::text = 'eu'::text)"),
            (r#""region" = 'it''s'"#, "(region = 'it''s'::bpchar)"),
            (
                r#"("Region" = 'eu' OR "Region" = 'us') AND "shop" > 1"#,
                r#"((shop > 1) AND (("Region" = 'us'::text) OR (("Region")::text = 'eu'::character varying(3))))"#,
            ),
            (
                r#""region" <> 'eu' AND "region" <> 'us' AND "shop" < 9"#,
                "(((region)::text <> 'eu'::text) AND ((region)::text <> 'us'::text) AND (shop < 9))",
            ),
            (r#""shop" >= 100 AND "region" = 'eu'"#, "((region = 'eu'::text) AND (shop >= 100))"),
            (r#""and" = 'and'"#, r#"("and" = 'and'::text)"#),
            (r#""shop" > -5"#, "(shop > '-5'::integer)"),
            (r#""shop" < 5000000000"#, "(shop < '5000000000'::bigint)"),
        ];
        for (ours, shown) in same_as {
            assert!(same(shown, ours), "{shown} is {ours}: {:?} {:?}", normal(shown), normal(ours));
        }
    }

    #[test]
    fn what_means_something_else_is_different() {
        let ours = r#""region" = 'eu' AND "shop" >= 100"#;
        for shown in [
            "(region = 'eu'::text)",
            "((region = 'eu'::text) OR (shop >= 100))",
            "((region = 'us'::text) AND (shop >= 100))",
            "((region <> 'eu'::text) AND (shop >= 100))",
            "((region = 'eu'::text) AND (shop > 100))",
            "((region = 'eu'::text) AND (shop >= 100) AND (id IS NOT NULL))",
            "((lower(region) = 'eu'::text) AND (shop >= 100))",
            "(NOT ((region = 'eu'::text) AND (shop >= 100)))",
            "((region = 'eu'::text) AND (shop >= 100) OR (shop = 1))",
            "(((region = 'eu'::text) OR (region = 'us'::text)) AND (shop >= 100))",
            "true",
            "",
            "((region = 'eu",
        ] {
            assert!(!same(shown, ours), "{shown}");
        }
        let either = r#"("region" = 'eu' OR "region" = 'us')"#;
        assert!(!same("((region = 'eu'::text) OR (shop = 1))", either));
        assert!(!same("((region <> 'eu'::text) OR (region <> 'us'::text))", either));
        assert!(!same("(region = 'and'::text)", r#""region" = 'eu'"#));
        assert!(same("(region = 'and'::text)", r#""region" = 'and'"#), "a word within a text");
    }
}
