//! Tokens to a checked expression.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::lex::{Token, tokens};
use crate::salesforce::decimal::Decimal;
use crate::salesforce::schema::FieldIx;

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 64;

/// Why a formula cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FormulaError {
    /// A character or number that the language does not have.
    #[error("cannot read '{0}'")]
    Unreadable(String),
    /// A text without its closing quote.
    #[error("a text is not closed")]
    UnclosedText,
    /// A token where another was needed.
    #[error("expected {wanted}, found {found}")]
    Expected { wanted: &'static str, found: String },
    /// A function outside the supported set.
    #[error(
        "the simulator does not evaluate {0}; use AND, OR, NOT, IF, ISNEW, ISCHANGED, ISBLANK, ISPICKVAL, PRIORVALUE, BLANKVALUE, TEXT, LEN, CONTAINS or BEGINS"
    )]
    UnknownFunction(String),
    /// A wrong number of arguments.
    #[error("{function} takes {wanted} argument(s), found {found}")]
    Arguments { function: &'static str, wanted: &'static str, found: usize },
    /// A name that is no field of the object.
    #[error("no field {0}")]
    UnknownField(String),
    /// A function that needs a field got something else.
    #[error("{0} takes a field")]
    NeedsField(&'static str),
    /// Nesting beyond the bound.
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expr {
    Null,
    Bool(bool),
    Number(Decimal),
    Text(String),
    Field(FieldIx),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Call(Function, Vec<Expr>),
    OfField(FieldFunction, FieldIx),
}

/// Binary operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    Differs,
    Less,
    AtMost,
    More,
    AtLeast,
    Plus,
    Minus,
    Times,
    Join,
}

/// Functions of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    And,
    Or,
    Not,
    If,
    IsNew,
    IsBlank,
    IsPickVal,
    BlankValue,
    Text,
    Len,
    Contains,
    Begins,
}

/// Functions of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldFunction {
    IsChanged,
    PriorValue,
}

impl Operator {
    /// The operator and how tightly it binds.
    fn of(token: &Token) -> Option<(Self, u8)> {
        let Token::Op(op) = token else { return None };
        Some(match *op {
            "||" => (Self::Or, 1),
            "&&" => (Self::And, 2),
            "=" | "==" => (Self::Equal, 3),
            "<>" | "!=" => (Self::Differs, 3),
            "<" => (Self::Less, 4),
            "<=" => (Self::AtMost, 4),
            ">" => (Self::More, 4),
            ">=" => (Self::AtLeast, 4),
            "+" => (Self::Plus, 5),
            "-" => (Self::Minus, 5),
            "&" => (Self::Join, 5),
            "*" => (Self::Times, 6),
            _ => return None,
        })
    }
}

pub(super) fn parse(
    text: &str,
    resolve: &dyn Fn(&str) -> Option<FieldIx>,
) -> Result<Expr, FormulaError> {
    let mut parser = Parser { tokens: tokens(text)?.into_iter().peekable(), resolve };
    let root = parser.binary(0, 0)?;
    match parser.tokens.next() {
        None => Ok(root),
        Some(token) => Err(FormulaError::Expected { wanted: "the end", found: shown(&token) }),
    }
}

struct Parser<'a> {
    tokens: Peekable<IntoIter<Token>>,
    resolve: &'a dyn Fn(&str) -> Option<FieldIx>,
}

fn shown(token: &Token) -> String {
    match token {
        Token::Number(n) => n.to_string(),
        Token::Text(_) => "a text".to_owned(),
        Token::Name(name) => name.clone(),
        Token::Op(op) => format!("'{op}'"),
    }
}

impl Parser<'_> {
    fn binary(&mut self, weakest: u8, depth: usize) -> Result<Expr, FormulaError> {
        if depth > MAX_DEPTH {
            return Err(FormulaError::TooDeep);
        }
        let mut left = self.unary(depth)?;
        while let Some((operator, strength)) = self.tokens.peek().and_then(Operator::of) {
            if strength < weakest {
                break;
            }
            self.tokens.next();
            let right = self.binary(strength + 1, depth + 1)?;
            left = Expr::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self, depth: usize) -> Result<Expr, FormulaError> {
        if depth > MAX_DEPTH {
            return Err(FormulaError::TooDeep);
        }
        let Some(token) = self.tokens.next() else {
            return Err(FormulaError::Expected { wanted: "a value", found: "the end".to_owned() });
        };
        match token {
            Token::Op("!") => Ok(Expr::Not(Box::new(self.unary(depth + 1)?))),
            Token::Op("-") => Ok(Expr::Negate(Box::new(self.unary(depth + 1)?))),
            Token::Op("(") => {
                let inner = self.binary(0, depth + 1)?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Number(n) => Ok(Expr::Number(n)),
            Token::Text(text) => Ok(Expr::Text(text)),
            Token::Name(name) => self.name(&name, depth),
            Token::Op(_) => Err(FormulaError::Expected { wanted: "a value", found: shown(&token) }),
        }
    }

    fn expect(&mut self, op: &'static str) -> Result<(), FormulaError> {
        match self.tokens.next() {
            Some(Token::Op(found)) if found == op => Ok(()),
            other => Err(FormulaError::Expected {
                wanted: op,
                found: other.as_ref().map_or_else(|| "the end".to_owned(), shown),
            }),
        }
    }

    fn name(&mut self, name: &str, depth: usize) -> Result<Expr, FormulaError> {
        if self.tokens.peek() == Some(&Token::Op("(")) {
            return self.call(name, depth);
        }
        match name.to_ascii_uppercase().as_str() {
            "TRUE" => Ok(Expr::Bool(true)),
            "FALSE" => Ok(Expr::Bool(false)),
            "NULL" => Ok(Expr::Null),
            _ => (self.resolve)(name)
                .map(Expr::Field)
                .ok_or_else(|| FormulaError::UnknownField(name.to_owned())),
        }
    }

    fn arguments(&mut self, depth: usize) -> Result<Vec<Expr>, FormulaError> {
        self.expect("(")?;
        let mut out = Vec::new();
        if self.tokens.next_if_eq(&Token::Op(")")).is_some() {
            return Ok(out);
        }
        loop {
            out.push(self.binary(0, depth + 1)?);
            if self.tokens.next_if_eq(&Token::Op(",")).is_none() {
                self.expect(")")?;
                return Ok(out);
            }
        }
    }

    fn call(&mut self, name: &str, depth: usize) -> Result<Expr, FormulaError> {
        let args = self.arguments(depth)?;
        let upper = name.to_ascii_uppercase();
        let of_field = |function, label| match args.as_slice() {
            [Expr::Field(ix)] => Ok(Expr::OfField(function, *ix)),
            [_] => Err(FormulaError::NeedsField(label)),
            other => {
                Err(FormulaError::Arguments { function: label, wanted: "1", found: other.len() })
            }
        };
        let (function, label, least, most, wanted) = match upper.as_str() {
            "ISCHANGED" => return of_field(FieldFunction::IsChanged, "ISCHANGED"),
            "PRIORVALUE" => return of_field(FieldFunction::PriorValue, "PRIORVALUE"),
            "AND" => (Function::And, "AND", 1, usize::MAX, "1 or more"),
            "OR" => (Function::Or, "OR", 1, usize::MAX, "1 or more"),
            "NOT" => (Function::Not, "NOT", 1, 1, "1"),
            "IF" => (Function::If, "IF", 3, 3, "3"),
            "ISNEW" => (Function::IsNew, "ISNEW", 0, 0, "0"),
            "ISBLANK" | "ISNULL" => (Function::IsBlank, "ISBLANK", 1, 1, "1"),
            "ISPICKVAL" => (Function::IsPickVal, "ISPICKVAL", 2, 2, "2"),
            "BLANKVALUE" | "NULLVALUE" => (Function::BlankValue, "BLANKVALUE", 2, 2, "2"),
            "TEXT" => (Function::Text, "TEXT", 1, 1, "1"),
            "LEN" => (Function::Len, "LEN", 1, 1, "1"),
            "CONTAINS" => (Function::Contains, "CONTAINS", 2, 2, "2"),
            "BEGINS" => (Function::Begins, "BEGINS", 2, 2, "2"),
            _ => return Err(FormulaError::UnknownFunction(upper)),
        };
        if args.len() < least || args.len() > most {
            return Err(FormulaError::Arguments { function: label, wanted, found: args.len() });
        }
        Ok(Expr::Call(function, args))
    }
}
