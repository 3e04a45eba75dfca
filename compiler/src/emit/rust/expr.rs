//! Quality rules as Rust: three-valued, exact, scales settled when the code is generated.

use covenant_model::expr::{Arithmetic, Comparison, Expr};
use covenant_model::spec::{EntitySpec, FieldIx};
use covenant_model::value::LogicalType;
use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::names;

/// What an expression is, known before it runs.
enum Compiled {
    /// `Option<i128>`, with its digits behind the point.
    Number(TokenStream, u8),
    /// `Option<&str>`
    Text(TokenStream),
    /// `Option<bool>`
    Truth(TokenStream),
    /// Always unknown: the operands are of kinds that do not go together.
    Unknown,
}

/// What the code around an expression has.
#[derive(Clone, Copy)]
pub(crate) struct Cx<'e> {
    pub(crate) entity: &'e EntitySpec,
    /// Whether there is a `check`, by which a key that could not be read is told from its default.
    pub(crate) checked: bool,
}

/// An expression of type `Option<bool>` over `self`.
pub(crate) fn truth(cx: Cx<'_>, expr: &Expr) -> TokenStream {
    match compile(cx, expr) {
        Compiled::Truth(tokens) => tokens,
        Compiled::Number(..) | Compiled::Text(_) | Compiled::Unknown => quote!(None::<bool>),
    }
}

/// A value of a key field, which every valid record has. What is said of an unreadable one is unknown.
fn of_key(cx: Cx<'_>, ix: FieldIx, value: TokenStream) -> TokenStream {
    if cx.checked {
        let place = Literal::usize_unsuffixed(ix);
        quote!((!check.broken(#place)).then_some(#value))
    } else {
        quote!(Some(#value))
    }
}

fn compile(cx: Cx<'_>, expr: &Expr) -> Compiled {
    match expr {
        Expr::Field(ix) => field(cx, *ix),
        Expr::Number { unscaled, scale } => {
            let number = Literal::i128_suffixed(i128::from(*unscaled));
            Compiled::Number(quote!(Some(#number)), *scale)
        }
        Expr::Text(text) => Compiled::Text(quote!(Some(#text))),
        Expr::Bool(flag) => Compiled::Truth(quote!(Some(#flag))),
        Expr::Arithmetic(operator, left, right) => {
            arithmetic(*operator, compile(cx, left), compile(cx, right))
        }
        Expr::Compare(operator, left, right) => {
            match ordering(compile(cx, left), compile(cx, right)) {
                Some(order) => {
                    let holds = holds(*operator);
                    Compiled::Truth(quote!(#order.map(#holds)))
                }
                None => Compiled::Unknown,
            }
        }
        Expr::And(left, right) => {
            let (left, right) = (truth(cx, left), truth(cx, right));
            Compiled::Truth(quote!(quality::and(#left, #right)))
        }
        Expr::Or(left, right) => {
            let (left, right) = (truth(cx, left), truth(cx, right));
            Compiled::Truth(quote!(quality::or(#left, #right)))
        }
        Expr::Not(inner) => {
            let inner = truth(cx, inner);
            Compiled::Truth(quote!(#inner.map(|flag| !flag)))
        }
        Expr::IsNull(ix) => is_null(cx, *ix),
        Expr::In(inner, options) => {
            let mut orders = Vec::with_capacity(options.len());
            for option in options {
                match ordering(compile(cx, inner), compile(cx, option)) {
                    Some(order) => orders.push(order),
                    None => return Compiled::Unknown,
                }
            }
            if orders.is_empty() {
                return Compiled::Truth(quote!(Some(false)));
            }
            Compiled::Truth(quote!(quality::one_of(&[#(#orders),*])))
        }
    }
}

fn field(cx: Cx<'_>, ix: FieldIx) -> Compiled {
    let Some(spec) = cx.entity.fields.get(ix) else { return Compiled::Unknown };
    let name = names::ident(&spec.name);
    let key = cx.entity.key.contains(&ix);
    let pii = spec.pii.is_some().then(|| quote!(.map(|value| value.plain())));
    let through = |read: TokenStream| {
        if key {
            of_key(cx, ix, quote!(#read(&self.#name)))
        } else {
            quote!(self.#name.set()#pii.map(#read))
        }
    };
    match spec.ty {
        LogicalType::Bool if key => Compiled::Truth(of_key(cx, ix, quote!(self.#name))),
        LogicalType::Bool => Compiled::Truth(quote!(self.#name.set()#pii.copied())),
        LogicalType::Int32 | LogicalType::Int64 | LogicalType::Date | LogicalType::Timestamp => {
            Compiled::Number(through(quote!(scalar::Number::number)), 0)
        }
        LogicalType::Decimal { scale, .. } => {
            Compiled::Number(through(quote!(scalar::Number::number)), scale)
        }
        LogicalType::String { .. } | LogicalType::Enum { .. } | LogicalType::Json => {
            Compiled::Text(through(quote!(scalar::Textual::as_text)))
        }
        LogicalType::Uuid | LogicalType::Bytes => Compiled::Unknown,
    }
}

fn is_null(cx: Cx<'_>, ix: FieldIx) -> Compiled {
    let Some(spec) = cx.entity.fields.get(ix) else { return Compiled::Unknown };
    let name = names::ident(&spec.name);
    if cx.entity.key.contains(&ix) {
        Compiled::Truth(of_key(cx, ix, quote!(false)))
    } else {
        Compiled::Truth(quote!(self.#name.is_null()))
    }
}

/// The number with more digits behind the point. `None` where the factor fits no integer: always unknown.
fn rescaled(number: &TokenStream, from: u8, to: u8) -> Option<TokenStream> {
    let digits = to.checked_sub(from)?;
    if digits == 0 {
        return Some(number.clone());
    }
    let factor = Literal::i128_unsuffixed(10i128.checked_pow(u32::from(digits))?);
    Some(quote!(quality::scaled(#number, #factor)))
}

fn arithmetic(operator: Arithmetic, left: Compiled, right: Compiled) -> Compiled {
    let (Compiled::Number(left, left_scale), Compiled::Number(right, right_scale)) = (left, right)
    else {
        return Compiled::Unknown;
    };
    let function = match operator {
        Arithmetic::Add => quote!(quality::add),
        Arithmetic::Subtract => quote!(quality::subtract),
        Arithmetic::Multiply => {
            return match left_scale.checked_add(right_scale) {
                Some(scale) => Compiled::Number(quote!(quality::multiply(#left, #right)), scale),
                None => Compiled::Unknown,
            };
        }
    };
    let scale = left_scale.max(right_scale);
    match (rescaled(&left, left_scale, scale), rescaled(&right, right_scale, scale)) {
        (Some(left), Some(right)) => Compiled::Number(quote!(#function(#left, #right)), scale),
        (None, _) | (_, None) => Compiled::Unknown,
    }
}

/// An expression of type `Option<Ordering>`. `None` where the kinds do not go together.
fn ordering(left: Compiled, right: Compiled) -> Option<TokenStream> {
    match (left, right) {
        (Compiled::Number(left, left_scale), Compiled::Number(right, right_scale)) => {
            let scale = left_scale.max(right_scale);
            let left = rescaled(&left, left_scale, scale)?;
            let right = rescaled(&right, right_scale, scale)?;
            Some(quote!(quality::compare(#left, #right)))
        }
        (Compiled::Text(left), Compiled::Text(right))
        | (Compiled::Truth(left), Compiled::Truth(right)) => {
            Some(quote!(quality::compare(#left, #right)))
        }
        (Compiled::Number(..) | Compiled::Text(_) | Compiled::Truth(_) | Compiled::Unknown, _) => {
            None
        }
    }
}

fn holds(operator: Comparison) -> TokenStream {
    match operator {
        Comparison::Equal => quote!(std::cmp::Ordering::is_eq),
        Comparison::NotEqual => quote!(std::cmp::Ordering::is_ne),
        Comparison::Less => quote!(std::cmp::Ordering::is_lt),
        Comparison::LessOrEqual => quote!(std::cmp::Ordering::is_le),
        Comparison::Greater => quote!(std::cmp::Ordering::is_gt),
        Comparison::GreaterOrEqual => quote!(std::cmp::Ordering::is_ge),
    }
}
