//! Tokens to a query, names still unbound.

use super::SoqlError;
use super::lex::{Kind, Token, tokens};

/// Deepest nesting of conditions.
const MAX_DEPTH: usize = 64;
/// Most values of one IN list.
const MAX_LIST: usize = 4_000;

/// A query as written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) select: Select,
    pub(super) from: Name,
    pub(super) filter: Option<Condition>,
    pub(super) order: Vec<Order>,
    pub(super) limit: Option<usize>,
    pub(super) offset: usize,
}

/// A name and its byte offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) at: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Select {
    /// `COUNT()`
    Count,
    /// `FIELDS(ALL)` and its like.
    AllFields,
    /// Names of fields.
    Fields(Vec<Name>),
    /// Aggregates over all rows.
    Aggregates(Vec<Aggregate>),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Aggregate {
    pub(super) function: AggregateFunction,
    pub(super) of: Name,
    pub(super) alias: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AggregateFunction {
    Count,
    CountDistinct,
    Min,
    Max,
    Sum,
    Avg,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Name, Comparison, Literal),
    In(Name, Vec<Literal>, bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Differs,
    Less,
    AtMost,
    More,
    AtLeast,
    Like,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    Text(String),
    Word(Name),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) by: Name,
    pub(super) descending: bool,
    pub(super) nulls_last: Option<bool>,
}

pub(super) fn parse(text: &str) -> Result<Query, SoqlError> {
    let mut parser = Parser { tokens: tokens(text)?, next: 0 };
    let query = parser.query()?;
    match parser.peek() {
        None => Ok(query),
        Some(token) => Err(unexpected(Some(token))),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
}

fn unexpected(token: Option<&Token>) -> SoqlError {
    let shown = token.map_or_else(|| "<EOF>".to_owned(), Token::shown);
    SoqlError::malformed(format!("unexpected token: '{shown}'"))
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        token
    }

    fn at_keyword(&self, word: &str) -> bool {
        self.peek().and_then(Token::keyword).is_some_and(|k| k == word)
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.at_keyword(word);
        self.next += usize::from(found);
        found
    }

    fn need(&mut self, word: &str) -> Result<(), SoqlError> {
        if self.eat(word) { Ok(()) } else { Err(unexpected(self.peek())) }
    }

    fn eat_symbol(&mut self, symbol: &str) -> bool {
        let found =
            matches!(self.peek(), Some(Token { kind: Kind::Symbol(s), .. }) if *s == symbol);
        self.next += usize::from(found);
        found
    }

    fn need_symbol(&mut self, symbol: &str) -> Result<(), SoqlError> {
        if self.eat_symbol(symbol) { Ok(()) } else { Err(unexpected(self.peek())) }
    }

    fn name(&mut self) -> Result<Name, SoqlError> {
        match self.take() {
            Some(Token { kind: Kind::Word(text), at })
                if text.starts_with(|c: char| c.is_alphabetic()) =>
            {
                Ok(Name { text, at })
            }
            other => Err(unexpected(other.as_ref())),
        }
    }

    fn query(&mut self) -> Result<Query, SoqlError> {
        self.need("SELECT")?;
        let select = self.select()?;
        self.need("FROM")?;
        let from = self.name()?;
        let filter = if self.eat("WHERE") { Some(self.condition(0)?) } else { None };
        let mut order = Vec::new();
        if self.eat("ORDER") {
            self.need("BY")?;
            order.push(self.order()?);
            while self.eat_symbol(",") {
                order.push(self.order()?);
            }
        }
        let limit = if self.eat("LIMIT") { Some(self.count()?) } else { None };
        let offset = if self.eat("OFFSET") { self.count()? } else { 0 };
        Ok(Query { select, from, filter, order, limit, offset })
    }

    fn count(&mut self) -> Result<usize, SoqlError> {
        match self.take() {
            Some(Token { kind: Kind::Word(word), at }) => {
                let at_token = Token { kind: Kind::Word(word.clone()), at };
                word.parse().map_err(|_| unexpected(Some(&at_token)))
            }
            other => Err(unexpected(other.as_ref())),
        }
    }

    fn order(&mut self) -> Result<Order, SoqlError> {
        let by = self.name()?;
        let descending = self.eat("DESC");
        if !descending {
            self.eat("ASC");
        }
        let nulls_last = if self.eat("NULLS") {
            let last = self.eat("LAST");
            if !last {
                self.need("FIRST")?;
            }
            Some(last)
        } else {
            None
        };
        Ok(Order { by, descending, nulls_last })
    }

    fn select(&mut self) -> Result<Select, SoqlError> {
        let mut fields = Vec::new();
        let mut aggregates = Vec::new();
        loop {
            let name = self.name()?;
            if self.eat_symbol("(") {
                if self.eat_symbol(")") {
                    return if name.text.eq_ignore_ascii_case("COUNT") && fields.is_empty() {
                        Ok(Select::Count)
                    } else {
                        Err(SoqlError::malformed(format!("unexpected token: '{}'", name.text)))
                    };
                }
                let of = self.name()?;
                self.need_symbol(")")?;
                if name.text.eq_ignore_ascii_case("FIELDS") {
                    return Ok(Select::AllFields);
                }
                let function = aggregate(&name)?;
                let alias = match self.peek() {
                    Some(t) if matches!(t.kind, Kind::Word(_)) && !self.at_keyword("FROM") => {
                        Some(self.name()?.text)
                    }
                    Some(_) | None => None,
                };
                aggregates.push(Aggregate { function, of, alias });
            } else {
                fields.push(name);
            }
            if !self.eat_symbol(",") {
                break;
            }
        }
        match (fields.first(), aggregates.is_empty()) {
            (_, true) => Ok(Select::Fields(fields)),
            (None, false) => Ok(Select::Aggregates(aggregates)),
            (Some(field), false) => Err(SoqlError::malformed(format!(
                "Field must be grouped or aggregated: {}",
                field.text
            ))),
        }
    }

    fn condition(&mut self, depth: usize) -> Result<Condition, SoqlError> {
        if depth > MAX_DEPTH {
            return Err(SoqlError::malformed("the condition is nested too deeply"));
        }
        let first = self.operand(depth)?;
        for (word, other, wrap) in [
            ("AND", "OR", Condition::And as fn(Vec<Condition>) -> Condition),
            ("OR", "AND", Condition::Or),
        ] {
            if self.at_keyword(word) {
                let mut all = vec![first];
                while self.eat(word) {
                    all.push(self.operand(depth)?);
                }
                // SOQL wants parentheses where AND and OR meet.
                if self.at_keyword(other) {
                    return Err(unexpected(self.peek()));
                }
                return Ok(wrap(all));
            }
        }
        Ok(first)
    }

    fn operand(&mut self, depth: usize) -> Result<Condition, SoqlError> {
        if self.eat("NOT") {
            if depth > MAX_DEPTH {
                return Err(SoqlError::malformed("the condition is nested too deeply"));
            }
            return Ok(Condition::Not(Box::new(self.operand(depth + 1)?)));
        }
        if self.eat_symbol("(") {
            let inner = self.condition(depth + 1)?;
            self.need_symbol(")")?;
            return Ok(inner);
        }
        let field = self.name()?;
        if self.eat("IN") {
            return Ok(Condition::In(field, self.list()?, false));
        }
        if self.eat("NOT") {
            self.need("IN")?;
            return Ok(Condition::In(field, self.list()?, true));
        }
        if self.eat("LIKE") {
            return Ok(Condition::Compare(field, Comparison::Like, self.literal()?));
        }
        let comparison = self.comparison()?;
        Ok(Condition::Compare(field, comparison, self.literal()?))
    }

    fn comparison(&mut self) -> Result<Comparison, SoqlError> {
        let token = self.take();
        let symbol = match &token {
            Some(Token { kind: Kind::Symbol(symbol), .. }) => *symbol,
            Some(_) | None => return Err(unexpected(token.as_ref())),
        };
        Ok(match symbol {
            "=" => Comparison::Equal,
            "!=" | "<>" => Comparison::Differs,
            "<" => Comparison::Less,
            "<=" => Comparison::AtMost,
            ">" => Comparison::More,
            ">=" => Comparison::AtLeast,
            _ => return Err(unexpected(token.as_ref())),
        })
    }

    fn list(&mut self) -> Result<Vec<Literal>, SoqlError> {
        self.need_symbol("(")?;
        let mut out = vec![self.literal()?];
        while self.eat_symbol(",") {
            if out.len() >= MAX_LIST {
                return Err(SoqlError::malformed("the IN list holds too many values"));
            }
            out.push(self.literal()?);
        }
        self.need_symbol(")")?;
        Ok(out)
    }

    fn literal(&mut self) -> Result<Literal, SoqlError> {
        match self.take() {
            Some(Token { kind: Kind::Text(text), .. }) => Ok(Literal::Text(text)),
            Some(Token { kind: Kind::Word(text), at }) => Ok(Literal::Word(Name { text, at })),
            other => Err(unexpected(other.as_ref())),
        }
    }
}

fn aggregate(name: &Name) -> Result<AggregateFunction, SoqlError> {
    Ok(match name.text.to_ascii_uppercase().as_str() {
        "COUNT" => AggregateFunction::Count,
        "COUNT_DISTINCT" => AggregateFunction::CountDistinct,
        "MIN" => AggregateFunction::Min,
        "MAX" => AggregateFunction::Max,
        "SUM" => AggregateFunction::Sum,
        "AVG" => AggregateFunction::Avg,
        _ => {
            return Err(SoqlError::malformed(format!("unexpected token: '{}'", name.text)));
        }
    })
}
