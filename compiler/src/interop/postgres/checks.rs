//! Checks of a table as words of fields: bounds, patterns and lists of values. The server writes them in its own SQL, which is
//! parsed; what says anything else is named, not taken over.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's trees are large enums of another crate, of which a check uses little"
)]

use std::collections::BTreeMap;

use covenant_model::value::LogicalType;
use sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Value,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::super::import::draft::Field;
use super::super::import::types::symbols;

/// What the checks say, by column.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    min: BTreeMap<String, String>,
    max: BTreeMap<String, String>,
    pattern: BTreeMap<String, String>,
    values: BTreeMap<String, Vec<String>>,
    chars: BTreeMap<String, u32>,
    /// Those that say something else.
    pub(super) unread: Vec<String>,
}

/// Reads the expressions of a table's checks.
pub(super) fn read(checks: &[String]) -> Bounds {
    let mut bounds = Bounds::default();
    for check in checks {
        let parsed = Parser::new(&PostgreSqlDialect {})
            .try_with_sql(check)
            .and_then(|mut parser| parser.parse_expr());
        // all of it or nothing: half of a check would be another one
        let mut told = Bounds::default();
        match parsed {
            Ok(expr) if told.take(&expr).is_some() => bounds.extend(told),
            Ok(_) | Err(_) => bounds.unread.push(check.clone()),
        }
    }
    bounds
}

impl Bounds {
    fn extend(&mut self, other: Self) {
        self.min.extend(other.min);
        self.max.extend(other.max);
        self.pattern.extend(other.pattern);
        self.values.extend(other.values);
        self.chars.extend(other.chars);
    }

    fn take(&mut self, expr: &Expr) -> Option<()> {
        match bare(expr) {
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.take(left)?;
                self.take(right)
            }
            Expr::BinaryOp { left, op, right } => self.compared(left, op, right),
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => {
                let Expr::Array(array) = bare(right) else { return None };
                self.one_of(left, &array.elem)
            }
            Expr::InList { expr, list, negated: false } => self.one_of(expr, list),
            Expr::Between { expr, negated: false, low, high } => {
                let column = column(expr)?;
                self.min.insert(column.clone(), number(low)?);
                self.max.insert(column, number(high)?);
                Some(())
            }
            _ => None,
        }
    }

    fn one_of(&mut self, left: &Expr, list: &[Expr]) -> Option<()> {
        let values = list.iter().map(text).collect::<Option<Vec<String>>>()?;
        self.values.insert(column(left)?, values);
        Some(())
    }

    fn compared(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Option<()> {
        match op {
            BinaryOperator::GtEq => self.min.insert(column(left)?, number(right)?),
            BinaryOperator::LtEq => match length_of(left) {
                Some(column) => {
                    self.chars.insert(column, number(right)?.parse().ok()?);
                    None
                }
                None => self.max.insert(column(left)?, number(right)?),
            },
            BinaryOperator::PGRegexMatch => self.pattern.insert(column(left)?, text(right)?),
            BinaryOperator::Eq => {
                self.values.insert(column(left)?, vec![text(right)?]);
                None
            }
            _ => return None,
        };
        Some(())
    }

    /// Says it of a field of that type.
    pub(super) fn apply(&self, column: &str, ty: &LogicalType, field: &mut Field) {
        match ty {
            LogicalType::Int32 | LogicalType::Int64 | LogicalType::Decimal { .. } => {
                field.min = self.min.get(column).cloned();
                field.max = self.max.get(column).cloned();
            }
            LogicalType::String { max_chars } => {
                let values = self.values.get(column);
                let values = values.map(|all| all.iter().map(String::as_str).collect::<Vec<_>>());
                if let Some(ty) = values.and_then(|values| symbols(&values)) {
                    field.ty = ty.to_string();
                    field.large = false;
                    return;
                }
                if let (None, Some(chars)) = (max_chars, self.chars.get(column)) {
                    let ty = LogicalType::String { max_chars: Some(*chars) };
                    field.large &= super::out_of_line(&ty);
                    field.ty = ty.to_string();
                }
                // the contract's pattern is for the whole text
                let whole = |text: &&String| text.starts_with('^') && text.ends_with('$');
                field.pattern = self.pattern.get(column).filter(whole).cloned();
            }
            LogicalType::Bool
            | LogicalType::Uuid
            | LogicalType::Date
            | LogicalType::Timestamp
            | LogicalType::Enum { .. }
            | LogicalType::Json
            | LogicalType::Bytes => {}
        }
    }
}

/// Without parentheses and casts.
fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => bare(inner),
        other => other,
    }
}

fn column(expr: &Expr) -> Option<String> {
    match bare(expr) {
        Expr::Identifier(name) => Some(name.value.clone()),
        _ => None,
    }
}

/// `char_length(name)`
fn length_of(expr: &Expr) -> Option<String> {
    let Expr::Function(function) = bare(expr) else { return None };
    let name = function.name.to_string().to_ascii_lowercase();
    let FunctionArguments::List(list) = &function.args else { return None };
    match (name.as_str(), list.args.as_slice()) {
        (
            "length" | "char_length" | "character_length",
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(inner))],
        ) => column(inner),
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<String> {
    let Expr::Value(value) = bare(expr) else { return None };
    match &value.value {
        Value::SingleQuotedString(text) => Some(text.clone()),
        _ => None,
    }
}

fn number(expr: &Expr) -> Option<String> {
    match bare(expr) {
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => Some(text.to_string()),
            // negative ones are written as texts with a cast
            Value::SingleQuotedString(text) => text.parse::<f64>().ok().map(|_| text.clone()),
            _ => None,
        },
        Expr::UnaryOp { op: sqlparser::ast::UnaryOperator::Minus, expr } => {
            number(expr).map(|text| format!("-{text}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_writes_is_read() {
        let checks = [
            "(total >= (0)::numeric)",
            "((stock >= '-5'::integer) AND (stock <= 100))",
            "((code)::text ~ '^[A-Z]+$'::text)",
            "((state)::text = ANY ((ARRAY['open'::character varying, 'paid'::character varying])::text[]))",
            "(char_length(note) <= 40)",
            "(total >= tax)",
            "(starts < ends)",
        ];
        let bounds = read(&checks.map(str::to_owned));
        assert_eq!(bounds.min["total"], "0");
        assert_eq!((&*bounds.min["stock"], &*bounds.max["stock"]), ("-5", "100"));
        assert_eq!(bounds.pattern["code"], "^[A-Z]+$");
        assert_eq!(bounds.values["state"], ["open", "paid"]);
        assert_eq!(bounds.chars["note"], 40);
        assert_eq!(bounds.unread, ["(total >= tax)", "(starts < ends)"]);
    }
}
