//! Quality rules: SQL text -> [`Expr`], with types checked.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the grammar of SQL is large and grows; what a contract may use is listed, the rest is refused"
)]

use std::collections::BTreeSet;

use covenant_model::expr::{Arithmetic, Comparison, Expr};
use covenant_model::spec::{EntitySpec, FieldIx};
use covenant_model::value::LogicalType;
use sqlparser::ast::{self, BinaryOperator, UnaryOperator};
use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::Token;

use super::Cx;
use crate::diagnostic::{Applicability, Code, Diagnostic, Fix, codes};
use crate::source::Span;

/// What an expression gives, as far as the rules of the language need to know.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Flag,
    Number,
    Text,
    /// One of these symbols.
    Symbol(Vec<String>),
    Date,
    Timestamp,
    /// A field whose type could not be read: fits everything.
    Unsound,
}

impl Kind {
    fn describe(&self) -> &'static str {
        match self {
            Self::Flag => "a flag",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Symbol(_) => "an enum",
            Self::Date => "a date",
            Self::Timestamp => "a timestamp",
            Self::Unsound => "anything",
        }
    }
}

struct Wrong {
    code: &'static Code,
    headline: String,
    suggestion: Option<String>,
    /// The word, where it is one, and its place in the text of the rule.
    at: Option<sqlparser::tokenizer::Span>,
}

impl Wrong {
    fn syntax(headline: impl Into<String>) -> Self {
        Self { code: &codes::BAD_EXPRESSION, headline: headline.into(), suggestion: None, at: None }
    }

    fn ty(headline: impl Into<String>) -> Self {
        Self {
            code: &codes::EXPRESSION_TYPE,
            headline: headline.into(),
            suggestion: None,
            at: None,
        }
    }
}

type Found = Result<(Expr, Kind), Wrong>;

/// Reads a rule; what is wrong with it is reported at the path.
pub(super) fn resolve(
    cx: &Cx<'_>,
    spec: &EntitySpec,
    unsound: &BTreeSet<FieldIx>,
    text: &str,
    path: &str,
) -> Option<Expr> {
    match read(&Reading { spec, unsound }, text) {
        Ok(expr) => Some(expr),
        Err(wrong) => {
            if let Some(finding) = turned(cx, cx.at(path)) {
                cx.sink.push(finding);
                return None;
            }
            let span = wrong.at.and_then(|at| word(cx, cx.at(path), at)).unwrap_or(cx.at(path));
            let finding = Diagnostic::new(wrong.code, span, wrong.headline).why(
                "a rule is checked in Rust at capture and as SQL in the warehouse, and must mean the same in both",
            );
            cx.sink.push(match wrong.suggestion {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding,
            });
            None
        }
    }
}

/// Comparisons with their signs in another order, and what was meant.
const TURNED: [(&str, &str); 3] = [("=<", "<="), ("=>", ">="), ("><", "<>")];

/// Where a word of a rule stands in the file.
fn word(cx: &Cx<'_>, rule: Span, at: sqlparser::tokenizer::Span) -> Option<Span> {
    let source = cx.sources.get(rule.file)?;
    let place = |at: sqlparser::tokenizer::Location| {
        crate::parse::position_in_text(source, rule, at.line, at.column)
    };
    let (start, end) = (place(at.start)?, place(at.end)?);
    (start < end && end <= rule.end).then_some(Span { file: rule.file, start, end })
}

/// What is said of a rule where the signs of a comparison stand in another order.
fn turned(cx: &Cx<'_>, rule: Span) -> Option<Diagnostic> {
    let shown = cx.sources.get(rule.file)?.text.get(rule.start..rule.end)?;
    let (at, written, meant) =
        TURNED.iter().find_map(|(written, meant)| Some((shown.find(written)?, written, meant)))?;
    let start = rule.start + at;
    let span = Span { start, end: start + written.len(), ..rule };
    let title = format!("replace `{written}` by `{meant}`");
    let headline = format!("not a rule: there is no comparison `{written}`");
    Some(
        Diagnostic::new(&codes::BAD_EXPRESSION, span, headline)
            .help(format!("did you mean `{meant}`?"))
            .fix(Fix::replace(Applicability::Unsafe, title, span, *meant)),
    )
}

fn read(reading: &Reading<'_>, text: &str) -> Result<Expr, Wrong> {
    let dialect = GenericDialect {};
    let parsed = super::sql::parser(&dialect, text).and_then(|mut parser| {
        let expr = parser.parse_expr()?;
        Ok((expr, parser.peek_token().token))
    });
    let (parsed, rest) = parsed
        .map_err(|error| Wrong::syntax(format!("not a rule: {}", super::sql_error(&error))))?;
    if rest != Token::EOF {
        return Err(Wrong::syntax(format!("not a rule: `{rest}` is not understood here")));
    }
    let (expr, kind) = reading.expr(&parsed)?;
    expect_flag(&kind, &parsed)?;
    Ok(expr)
}

fn expect_flag(kind: &Kind, at: &ast::Expr) -> Result<(), Wrong> {
    match kind {
        Kind::Flag | Kind::Unsound => Ok(()),
        Kind::Number | Kind::Text | Kind::Symbol(_) | Kind::Date | Kind::Timestamp => {
            Err(Wrong::ty(format!("`{at}` is {}, not true or false", kind.describe())))
        }
    }
}

struct Reading<'a> {
    spec: &'a EntitySpec,
    unsound: &'a BTreeSet<FieldIx>,
}

impl Reading<'_> {
    fn expr(&self, at: &ast::Expr) -> Found {
        match at {
            ast::Expr::Nested(inner) => self.expr(inner),
            ast::Expr::Identifier(name) => {
                let ix = self.field(name)?;
                Ok((Expr::Field(ix), self.kind(ix)?))
            }
            ast::Expr::Value(value) => literal(&value.value),
            ast::Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            ast::Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            ast::Expr::IsNull(inner) => self.is_null(inner),
            ast::Expr::IsNotNull(inner) => {
                let (expr, kind) = self.is_null(inner)?;
                Ok((Expr::Not(Box::new(expr)), kind))
            }
            ast::Expr::InList { expr, list, negated } => {
                let (expr, kind) = self.in_list(expr, list)?;
                Ok((if *negated { Expr::Not(Box::new(expr)) } else { expr }, kind))
            }
            ast::Expr::Between { expr, negated, low, high } => {
                let (from, _) = self.compare(expr, Comparison::GreaterOrEqual, low)?;
                let (to, _) = self.compare(expr, Comparison::LessOrEqual, high)?;
                let both = Expr::And(Box::new(from), Box::new(to));
                Ok((if *negated { Expr::Not(Box::new(both)) } else { both }, Kind::Flag))
            }
            // The grammar of SQL is large and grows; a rule takes the part above.
            other => Err(Wrong::syntax(format!("`{other}` is not part of the language of rules"))),
        }
    }

    fn field(&self, name: &ast::Ident) -> Result<FieldIx, Wrong> {
        let fields = &self.spec.fields;
        fields.iter().position(|field| field.name == name.value).ok_or_else(|| Wrong {
            code: &codes::UNKNOWN_FIELD,
            headline: format!("{} has no field `{}`", self.spec.name, name.value),
            suggestion: crate::diagnostic::nearest(
                &name.value,
                fields.iter().map(|field| field.name.as_str()),
            )
            .map(str::to_owned),
            at: Some(name.span),
        })
    }

    fn kind(&self, ix: FieldIx) -> Result<Kind, Wrong> {
        let Some(field) = self.spec.fields.get(ix) else { return Ok(Kind::Unsound) };
        if self.unsound.contains(&ix) {
            return Ok(Kind::Unsound);
        }
        match &field.ty {
            LogicalType::Bool => Ok(Kind::Flag),
            LogicalType::Int32 | LogicalType::Int64 | LogicalType::Decimal { .. } => {
                Ok(Kind::Number)
            }
            LogicalType::String { .. } => Ok(Kind::Text),
            LogicalType::Date => Ok(Kind::Date),
            LogicalType::Timestamp => Ok(Kind::Timestamp),
            LogicalType::Enum { symbols } => Ok(Kind::Symbol(symbols.clone())),
            LogicalType::Uuid | LogicalType::Json | LogicalType::Bytes => Err(Wrong::ty(format!(
                "`{}` is of type {}, which rules can only test with IS NULL",
                field.name, field.ty
            ))),
        }
    }

    fn unary(&self, op: UnaryOperator, inner: &ast::Expr) -> Found {
        match op {
            UnaryOperator::Not => {
                let (expr, kind) = self.expr(inner)?;
                expect_flag(&kind, inner)?;
                Ok((Expr::Not(Box::new(expr)), Kind::Flag))
            }
            UnaryOperator::Minus => match self.expr(inner)? {
                (Expr::Number { unscaled, scale }, kind) => {
                    Ok((Expr::Number { unscaled: -unscaled, scale }, kind))
                }
                (expr, kind) => {
                    numbers(inner, &kind)?;
                    let zero = Expr::Number { unscaled: 0, scale: 0 };
                    let minus = Arithmetic::Subtract;
                    Ok((Expr::Arithmetic(minus, Box::new(zero), Box::new(expr)), Kind::Number))
                }
            },
            other => Err(Wrong::syntax(format!("`{other}` is not part of the language of rules"))),
        }
    }

    fn is_null(&self, inner: &ast::Expr) -> Found {
        match inner {
            ast::Expr::Identifier(name) => Ok((Expr::IsNull(self.field(name)?), Kind::Flag)),
            ast::Expr::Nested(inner) => self.is_null(inner),
            other => Err(Wrong::syntax(format!("IS NULL takes a field, not `{other}`"))),
        }
    }

    fn binary(&self, left: &ast::Expr, op: &BinaryOperator, right: &ast::Expr) -> Found {
        let compare = |comparison| self.compare(left, comparison, right);
        let arithmetic = |operator| {
            let (a, a_kind) = self.expr(left)?;
            let (b, b_kind) = self.expr(right)?;
            numbers(left, &a_kind)?;
            numbers(right, &b_kind)?;
            Ok((Expr::Arithmetic(operator, Box::new(a), Box::new(b)), Kind::Number))
        };
        let logic = |join: fn(Box<Expr>, Box<Expr>) -> Expr| {
            let (a, a_kind) = self.expr(left)?;
            let (b, b_kind) = self.expr(right)?;
            expect_flag(&a_kind, left)?;
            expect_flag(&b_kind, right)?;
            Ok((join(Box::new(a), Box::new(b)), Kind::Flag))
        };
        match op {
            BinaryOperator::And => logic(Expr::And),
            BinaryOperator::Or => logic(Expr::Or),
            BinaryOperator::Eq => compare(Comparison::Equal),
            BinaryOperator::NotEq => compare(Comparison::NotEqual),
            BinaryOperator::Lt => compare(Comparison::Less),
            BinaryOperator::LtEq => compare(Comparison::LessOrEqual),
            BinaryOperator::Gt => compare(Comparison::Greater),
            BinaryOperator::GtEq => compare(Comparison::GreaterOrEqual),
            BinaryOperator::Plus => arithmetic(Arithmetic::Add),
            BinaryOperator::Minus => arithmetic(Arithmetic::Subtract),
            BinaryOperator::Multiply => arithmetic(Arithmetic::Multiply),
            other => Err(Wrong::syntax(format!("`{other}` is not part of the language of rules"))),
        }
    }

    fn compare(&self, left: &ast::Expr, comparison: Comparison, right: &ast::Expr) -> Found {
        let (a, a_kind) = self.expr(left)?;
        let (b, b_kind) = self.expr(right)?;
        comparable(left, (&a, &a_kind), right, (&b, &b_kind))?;
        let ordered = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        let unordered = [&a_kind, &b_kind]
            .into_iter()
            .any(|kind| matches!(kind, Kind::Symbol(_) | Kind::Flag | Kind::Text));
        if ordered && unordered {
            return Err(Wrong::ty(format!(
                "`{left}` and `{right}` can only be equal or not: systems order texts and flags differently"
            )));
        }
        Ok((Expr::Compare(comparison, Box::new(a), Box::new(b)), Kind::Flag))
    }

    fn in_list(&self, inner: &ast::Expr, list: &[ast::Expr]) -> Found {
        let (value, kind) = self.expr(inner)?;
        let mut options = Vec::with_capacity(list.len());
        for option in list {
            let (expr, option_kind) = self.expr(option)?;
            if !matches!(expr, Expr::Number { .. } | Expr::Text(_) | Expr::Bool(_)) {
                return Err(Wrong::syntax(format!("IN takes literals, not `{option}`")));
            }
            comparable(inner, (&value, &kind), option, (&expr, &option_kind))?;
            options.push(expr);
        }
        Ok((Expr::In(Box::new(value), options), Kind::Flag))
    }
}

fn numbers(at: &ast::Expr, kind: &Kind) -> Result<(), Wrong> {
    match kind {
        Kind::Number | Kind::Unsound => Ok(()),
        Kind::Flag | Kind::Text | Kind::Symbol(_) | Kind::Date | Kind::Timestamp => {
            Err(Wrong::ty(format!("`{at}` is {}, and arithmetic takes numbers", kind.describe())))
        }
    }
}

fn comparable(
    left: &ast::Expr,
    (a, a_kind): (&Expr, &Kind),
    right: &ast::Expr,
    (b, b_kind): (&Expr, &Kind),
) -> Result<(), Wrong> {
    match (a_kind, b_kind) {
        (Kind::Unsound, _) | (_, Kind::Unsound) => Ok(()),
        (Kind::Symbol(symbols), Kind::Text) => symbol(symbols, b),
        (Kind::Text, Kind::Symbol(symbols)) => symbol(symbols, a),
        (Kind::Symbol(_), Kind::Symbol(_)) => Ok(()),
        (a_kind, b_kind) if a_kind == b_kind => Ok(()),
        (a_kind, b_kind) => Err(Wrong::ty(format!(
            "`{left}` is {} and `{right}` is {}",
            a_kind.describe(),
            b_kind.describe()
        ))),
    }
}

/// A literal compared with an enum must be one of its symbols.
fn symbol(symbols: &[String], expr: &Expr) -> Result<(), Wrong> {
    match expr {
        Expr::Text(text) if !symbols.contains(text) => Err(Wrong {
            code: &codes::EXPRESSION_TYPE,
            headline: format!("`{text}` is none of {}", symbols.join(", ")),
            suggestion: crate::diagnostic::nearest(text, symbols.iter().map(String::as_str))
                .map(str::to_owned),
            at: None,
        }),
        Expr::Text(_)
        | Expr::Field(_)
        | Expr::Number { .. }
        | Expr::Bool(_)
        | Expr::Arithmetic(..)
        | Expr::Compare(..)
        | Expr::And(..)
        | Expr::Or(..)
        | Expr::Not(_)
        | Expr::IsNull(_)
        | Expr::In(..) => Ok(()),
    }
}

fn literal(value: &ast::Value) -> Found {
    match value {
        ast::Value::Number(text, _) => {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
            let unscaled = format!("{whole}{fraction}").parse::<i64>().ok();
            let scale = u8::try_from(fraction.len()).ok();
            match (unscaled, scale) {
                (Some(unscaled), Some(scale)) => {
                    Ok((Expr::Number { unscaled, scale }, Kind::Number))
                }
                (None, _) | (_, None) => {
                    Err(Wrong::syntax(format!("`{text}` is no plain number of at most 18 digits")))
                }
            }
        }
        ast::Value::SingleQuotedString(text) => Ok((Expr::Text(text.clone()), Kind::Text)),
        ast::Value::Boolean(flag) => Ok((Expr::Bool(*flag), Kind::Flag)),
        other => Err(Wrong::syntax(format!(
            "`{other}` is not part of the language of rules (texts stand in single quotes, NULL is tested with IS NULL)"
        ))),
    }
}
