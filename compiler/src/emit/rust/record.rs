//! The typed record: enums, the struct, and how it is read and given on.

use std::collections::BTreeSet;

use covenant_model::spec::{EntitySpec, FieldIx, FieldSpec, OnFail};
use covenant_model::value::LogicalType;
use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

use super::{expr, inexpressible, names, table};
use crate::emit::EmitError;

/// Name of the type of an enum field: the entity's last word and the field's name, `OrderStatus`.
pub(crate) fn enum_name(entity: &EntitySpec, field: &FieldSpec) -> Ident {
    names::ident(&enum_text(entity, field))
}

fn enum_text(entity: &EntitySpec, field: &FieldSpec) -> String {
    let last = entity.name.rsplit('.').next().unwrap_or(&entity.name);
    format!("{}{}", names::pascal(last), names::pascal(&field.name))
}

/// What the module uses, and nothing that it does not.
pub(crate) fn imports(entity: &EntitySpec) -> Vec<TokenStream> {
    let mut support = vec![];
    support.push(quote!(check));
    support.push(quote!(generated));
    if entity.fields.len() > entity.key.len() {
        support.push(quote!(patch));
    }
    if entity.fields.iter().any(|field| field.pattern.is_some()) {
        support.push(quote!(pattern));
    }
    if entity.quality.iter().any(|rule| rule.at_capture) {
        support.push(quote!(quality));
    }
    support.extend([quote!(raw), quote!(scalar), quote!(table)]);
    let pii = entity.fields.iter().any(|field| field.pii.is_some());
    let mut items = vec![
        quote!(
            use covenant_model::change::Change;
        ),
        quote!(
            use covenant_model::join::RowState;
        ),
        quote!(
            use covenant_model::record::Cell;
        ),
        quote!(
            use covenant_model::support::scalar::Scalar;
        ),
        quote!(use covenant_model::support::{#(#support),*};),
        quote!(
            use covenant_model::value::Value;
        ),
    ];
    if pii {
        items.push(quote!(
            use crate::pii;
        ));
    }
    vec![quote!(#(#items)*)]
}

/// Enums, struct, codec and fold.
///
/// # Errors
/// Where two names of the contract become one name in Rust.
pub(crate) fn items(entity: &EntitySpec) -> Result<Vec<TokenStream>, EmitError> {
    distinct(entity)?;
    let mut items = Vec::new();
    for (ix, field) in entity.fields.iter().enumerate() {
        if let LogicalType::Enum { symbols } = &*field.read_type() {
            items.extend(enumeration(entity, ix, field, symbols)?);
        }
    }
    items.push(structure(entity));
    items.extend(alarms(entity));
    items.push(row(entity));
    items.extend(codec(entity));
    Ok(items)
}

fn struct_name(entity: &EntitySpec) -> Ident {
    names::ident(&names::pascal(&entity.name))
}

/// Names that differ in the contract must differ in Rust.
///
/// # Errors
/// Where two become one.
pub(crate) fn distinct(entity: &EntitySpec) -> Result<(), EmitError> {
    let mut types = BTreeSet::from([names::pascal(&entity.name), "Codec".to_owned()]);
    let mut fields = BTreeSet::new();
    for field in &entity.fields {
        let free = fields.insert(names::plain(&field.name));
        let typed = !matches!(*field.read_type(), LogicalType::Enum { .. })
            || types.insert(enum_text(entity, field));
        if !free || !typed {
            let why = "another name of the entity becomes the same in Rust: rename one of them";
            return Err(inexpressible(entity, &field.name, why));
        }
    }
    Ok(())
}

/// Names of an enum's variants; none for other types.
///
/// # Errors
/// Where two symbols become one name.
pub(crate) fn variants(entity: &EntitySpec, field: &FieldSpec) -> Result<Vec<String>, EmitError> {
    let LogicalType::Enum { symbols } = &field.ty else { return Ok(Vec::new()) };
    let variants: Vec<_> = symbols.iter().map(|symbol| names::pascal(symbol)).collect();
    if variants.iter().collect::<BTreeSet<_>>().len() < variants.len() {
        let why = "two of its symbols become the same name in Rust: rename one of them";
        return Err(inexpressible(entity, &field.name, why));
    }
    Ok(variants)
}

fn enumeration(
    entity: &EntitySpec,
    ix: FieldIx,
    field: &FieldSpec,
    symbols: &[String],
) -> Result<Vec<TokenStream>, EmitError> {
    let name = enum_name(entity, field);
    let variants = variants(entity, field)?;
    let variants: Vec<_> = variants.iter().map(|variant| names::ident(variant)).collect();
    let count = Literal::usize_unsuffixed(symbols.len());
    let key = entity.key.contains(&ix);
    let derive = if key {
        quote!(Clone, Copy, Debug, Default, PartialEq, Eq)
    } else {
        quote!(Clone, Copy, Debug, PartialEq, Eq)
    };
    let marked = variants.iter().enumerate().map(|(place, variant)| {
        let default = (key && place == 0).then(|| quote!(#[default]));
        quote!(#default #variant)
    });
    let about = format!(" Symbols of `{}`, in declared order.", field.name);
    Ok(vec![
        quote!(
            #[doc = #about]
            #[derive(#derive)]
            pub enum #name { #(#marked),* }
        ),
        quote!(
            impl #name {
                /// Every variant, in declared order.
                pub const ALL: [Self; #count] = [#(Self::#variants),*];
                /// Their symbols.
                pub const SYMBOLS: [&'static str; #count] = [#(#symbols),*];
            }
        ),
        quote!(
            impl scalar::Textual for #name {
                fn as_text(&self) -> &str { Self::SYMBOLS[*self as usize] }
            }
        ),
        quote!(
            impl<'a> Scalar<'a> for #name {
                fn read(raw: raw::Raw<'a>, check: &mut check::Check) -> Option<Self> {
                    check.symbol(raw).and_then(|place| Self::ALL.get(place).copied())
                }
                fn into_value(self) -> Value {
                    Value::Text(Self::SYMBOLS[self as usize].to_owned())
                }
            }
        ),
    ])
}

fn is_text(field: &FieldSpec) -> bool {
    matches!(*field.read_type(), LogicalType::String { .. } | LogicalType::Json)
}

/// `<'a>` where the struct borrows text.
fn lifetime(entity: &EntitySpec, of: TokenStream) -> Option<TokenStream> {
    entity.fields.iter().any(is_text).then_some(of)
}

fn scalar(entity: &EntitySpec, field: &FieldSpec) -> TokenStream {
    let plain = match &*field.read_type() {
        LogicalType::Bool => quote!(bool),
        LogicalType::Int32 => quote!(i32),
        LogicalType::Int64 => quote!(i64),
        LogicalType::Decimal { scale, .. } => {
            let scale = Literal::u8_unsuffixed(*scale);
            quote!(scalar::Decimal<#scale>)
        }
        LogicalType::String { .. } => quote!(scalar::Text<'a>),
        LogicalType::Uuid => quote!(scalar::Uuid),
        LogicalType::Date => quote!(scalar::Date),
        LogicalType::Timestamp => quote!(scalar::Timestamp),
        LogicalType::Enum { .. } => {
            let name = enum_name(entity, field);
            quote!(#name)
        }
        LogicalType::Json => quote!(scalar::Json<'a>),
        LogicalType::Bytes => quote!(scalar::Bytes),
    };
    match &field.pii {
        Some(pii) => {
            let class = names::ident(&names::pascal(&pii.class));
            quote!(pii::#class<#plain>)
        }
        None => plain,
    }
}

fn structure(entity: &EntitySpec) -> TokenStream {
    let name = struct_name(entity);
    let lifetime = lifetime(entity, quote!(<'a>));
    let about = format!(" {}", entity.purpose.trim().replace('\n', " "));
    let fields = entity.fields.iter().enumerate().map(|(ix, field)| {
        let about = match &field.about {
            Some(about) => format!(" {}", about.trim().replace('\n', " ")),
            None => format!(" `{}`", field.ty),
        };
        let (ident, scalar) = (names::ident(&field.name), scalar(entity, field));
        let ty = if entity.key.contains(&ix) { scalar } else { quote!(patch::Patch<#scalar>) };
        quote!(#[doc = #about] pub #ident: #ty)
    });
    quote!(
        #[doc = #about]
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct #name #lifetime { #(#fields),* }
    )
}

/// Rules of the capture that only alarm.
fn alarms(entity: &EntitySpec) -> Option<TokenStream> {
    let rules: Vec<_> = entity
        .quality
        .iter()
        .filter(|rule| rule.at_capture && rule.on_fail == OnFail::Alarm)
        .map(|rule| {
            let (name, truth) =
                (&rule.name, expr::truth(expr::Cx { entity, checked: false }, &rule.expect));
            quote!((#name, #truth))
        })
        .collect();
    if rules.is_empty() {
        return None;
    }
    let name = struct_name(entity);
    let lifetime = lifetime(entity, quote!(<'_>));
    Some(quote!(
        impl #name #lifetime {
            /// Names of the rules that do not hold, but only alarm.
            pub fn alarms(&self) -> Vec<&'static str> {
                let rules = [#(#rules),*];
                rules.into_iter().filter(|(_, holds)| *holds == Some(false)).map(|(name, _)| name).collect()
            }
        }
    ))
}

fn row(entity: &EntitySpec) -> TokenStream {
    let name = struct_name(entity);
    let lifetime = lifetime(entity, quote!(<'a>));
    let is_key = |ix: &FieldIx| entity.key.contains(ix);
    let reads = entity.fields.iter().enumerate().map(|(ix, field)| {
        let (place, ident) = (Literal::usize_unsuffixed(ix), names::ident(&field.name));
        let take = if is_key(&ix) { quote!(take_key) } else { quote!(take) };
        quote!(#place => self.#ident = check::#take(raw, check))
    });
    let cells = entity.fields.iter().enumerate().map(|(ix, field)| {
        let ident = names::ident(&field.name);
        if is_key(&ix) {
            quote!(Cell::Value(self.#ident.into_value()))
        } else {
            quote!(self.#ident.into_cell())
        }
    });
    let key = entity.key.iter().filter_map(|ix| entity.fields.get(*ix)).map(|field| {
        let ident = names::ident(&field.name);
        let copied = !is_text(field) && field.ty != LogicalType::Bytes && field.pii.is_none();
        let cloned = (!copied).then(|| quote!(.clone()));
        quote!(self.#ident #cloned.into_value())
    });
    let rules: Vec<_> = table::refusing(entity)
        .enumerate()
        .map(|(place, rule)| {
            let (place, truth) = (
                Literal::usize_unsuffixed(place),
                expr::truth(expr::Cx { entity, checked: true }, &rule.expect),
            );
            quote!(if #truth == Some(false) { check.quality(#place); })
        })
        .collect();
    let check = names::ident(if rules.is_empty() { "_check" } else { "check" });
    quote!(
        impl<'a> generated::Row<'a> for #name #lifetime {
            fn set(&mut self, field: usize, raw: raw::Raw<'a>, check: &mut check::Check) {
                match field {
                    #(#reads,)*
                    _ => {}
                }
            }
            fn into_cells(self) -> Vec<Cell> {
                Vec::from([#(#cells),*])
            }
            fn key(&self) -> Vec<Value> {
                vec![#(#key),*]
            }
            fn quality(&self, #check: &mut check::Check) {
                #(#rules)*
            }
        }
    )
}

fn codec(entity: &EntitySpec) -> Vec<TokenStream> {
    let name = struct_name(entity);
    let lifetime = lifetime(entity, quote!(<'a>));
    vec![
        quote!(
            /// Decoder and validator; by [`generated::Generated`] an `EntityCodec`.
            #[derive(Clone, Copy, Debug)]
            pub struct Codec;
        ),
        quote!(
            impl generated::Generated for Codec {
                type Row<'a> = #name #lifetime;
                const ENTITY: &'static table::Entity<'static> = &ENTITY;
            }
        ),
        quote!(
            /// Folds a change into the state of its row. Returns whether anything changed.
            pub fn fold(state: &mut RowState, change: &Change) -> bool {
                state.join(&change.state)
            }
        ),
    ]
}
