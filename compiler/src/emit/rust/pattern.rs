//! Patterns: a fixed number of characters of known classes becomes a table, everything else stays a regular expression.

use covenant_model::spec::{EntitySpec, FieldSpec};
use covenant_model::support::pattern::whole;
use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::{inexpressible, names};
use crate::emit::EmitError;

/// Classes of more ranges than this (`\d` has 70 in Unicode) are faster as a regular expression.
const RANGES_MAX: usize = 8;
/// Longer repetitions stay a regular expression.
const COUNT_MAX: u32 = 64;

/// Patterns of fixed length up to here are never too large. Units: bytes.
const SMALL_BYTES: usize = 1024;

/// Name of the static that holds a field's pattern.
pub(crate) fn name(field: &FieldSpec) -> Ident {
    names::ident(&format!("{}_FORM", names::snake(&field.name).to_ascii_uppercase()))
}

/// One static per pattern.
///
/// # Errors
/// Where a pattern is none.
pub(crate) fn statics(entity: &EntitySpec) -> Result<Vec<TokenStream>, EmitError> {
    let mut items = Vec::new();
    for field in &entity.fields {
        let Some(text) = &field.pattern else { continue };
        compiles(entity, field, text)?;
        let name = name(field);
        let value = match pieces(text) {
            Some(pieces) => {
                let pieces = pieces.iter().map(|(ranges, count)| {
                    let count = Literal::u32_unsuffixed(*count);
                    let ranges = ranges.iter().map(|(low, high)| quote!((#low, #high)));
                    quote!(pattern::Piece { ranges: &[#(#ranges),*], count: #count })
                });
                quote!(pattern::Pattern::fixed(#text, &[#(#pieces),*]))
            }
            None => quote!(pattern::Pattern::regex(#text)),
        };
        items.push(quote!(static #name: pattern::Pattern = #value;));
    }
    Ok(items)
}

/// Whether a field's pattern can be compiled.
///
/// # Errors
/// Where it is none, or too large.
pub(crate) fn compiles(
    entity: &EntitySpec,
    field: &FieldSpec,
    text: &str,
) -> Result<(), EmitError> {
    // What becomes a table of a few pieces is small; compiling every pattern would be most of a check.
    if text.len() <= SMALL_BYTES && pieces(text).is_some() {
        return Ok(());
    }
    regex::Regex::new(&whole(text)).map(drop).map_err(|error| {
        inexpressible(entity, &field.name, format!("its pattern cannot be compiled: {error}"))
    })
}

type Piece = (Vec<(char, char)>, u32);

/// The pieces of a pattern of fixed length. `None` where it is anything else.
fn pieces(text: &str) -> Option<Vec<Piece>> {
    let hir = regex_syntax::parse(text).ok()?;
    let mut parts = std::slice::from_ref(&hir);
    if let HirKind::Concat(several) = hir.kind() {
        parts = several;
    }
    if let Some((first, rest)) = parts.split_first()
        && matches!(first.kind(), HirKind::Look(Look::Start))
    {
        parts = rest;
    }
    if let Some((last, rest)) = parts.split_last()
        && matches!(last.kind(), HirKind::Look(Look::End))
    {
        parts = rest;
    }
    let mut pieces = Vec::new();
    for part in parts {
        add(part, 1, &mut pieces)?;
    }
    (!pieces.is_empty()).then_some(pieces)
}

#[allow(clippy::wildcard_enum_match_arm)] // whatever this does not know stays a regular expression
fn add(part: &Hir, count: u32, pieces: &mut Vec<Piece>) -> Option<()> {
    match part.kind() {
        HirKind::Literal(literal) if count == 1 => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            pieces.extend(text.chars().map(|c| (vec![(c, c)], 1)));
        }
        HirKind::Class(Class::Unicode(class)) if class.ranges().len() <= RANGES_MAX => {
            let ranges = class.ranges().iter().map(|range| (range.start(), range.end())).collect();
            pieces.push((ranges, count));
        }
        HirKind::Repetition(repetition)
            if count == 1
                && repetition.max == Some(repetition.min)
                && (1..=COUNT_MAX).contains(&repetition.min) =>
        {
            match repetition.sub.kind() {
                HirKind::Literal(literal) => {
                    let text = std::str::from_utf8(&literal.0).ok()?;
                    let mut chars = text.chars();
                    let (Some(only), None) = (chars.next(), chars.next()) else { return None };
                    pieces.push((vec![(only, only)], repetition.min));
                }
                _ => add(&repetition.sub, repetition.min, pieces)?,
            }
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn what_is_fixed() {
        assert_eq!(pieces("^C[0-9]{9}$"), Some(vec![(vec![('C', 'C')], 1), (vec![('0', '9')], 9)]));
        assert_eq!(pieces("^[A-Z]{2}$"), Some(vec![(vec![('A', 'Z')], 2)]));
        assert!(pieces("^SKU-[0-9]{5}$").is_some());
        for free in ["a+", "a|bc", "[0-9]{2,3}", "\\d{3}", "(ab){2}", "a$b", ""] {
            assert_eq!(pieces(free), None, "{free}");
        }
    }
}
