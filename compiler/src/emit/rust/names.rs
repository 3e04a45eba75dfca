//! Names of the contract as Rust identifiers.

use std::borrow::Cow;

use proc_macro2::{Ident, Span};

/// Words that an identifier cannot be, even as `r#`.
const NEVER_RAW: [&str; 5] = ["crate", "self", "super", "Self", "_"];

/// `sales.order` -> `sales_order`.
pub(crate) fn module(entity: &str) -> String {
    snake(entity)
}

/// `acme-retail` -> `acme-pipeline`: the first word names the company.
pub(crate) fn package(project: &str) -> String {
    let first = project.split(['-', '_', '.']).next().unwrap_or(project);
    format!("{}-pipeline", first.to_ascii_lowercase())
}

/// `sales.order_line` -> `SalesOrderLine`; a leading digit gets an `N` before it.
pub(crate) fn pascal(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    for word in words {
        let mut chars = word.chars();
        out.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        out.extend(chars);
    }
    if out.chars().next().is_none_or(|first| first.is_ascii_digit()) {
        out.insert(0, 'N');
    }
    out
}

/// `sales.order` -> `sales_order`.
pub(crate) fn snake(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect()
}

/// A name that can be an identifier, if need be as `r#`: the few that never can get an underscore.
pub(crate) fn plain(name: &str) -> Cow<'_, str> {
    if NEVER_RAW.contains(&name) { format!("{name}_").into() } else { name.into() }
}

/// An identifier; keywords become raw identifiers, and the few that cannot get an underscore.
pub(crate) fn ident(name: &str) -> Ident {
    let name = plain(name);
    let name = name.as_ref();
    if syn::parse_str::<syn::Ident>(name).is_ok() {
        Ident::new(name, Span::call_site())
    } else {
        Ident::new_raw(name, Span::call_site())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(pascal("sales.order_line"), "SalesOrderLine");
        assert_eq!(pascal("2nd-class"), "N2ndClass");
        assert_eq!(ident("type").to_string(), "r#type");
        assert_eq!(ident("self").to_string(), "self_");
        assert_eq!(package("acme-retail"), "acme-pipeline");
    }
}
