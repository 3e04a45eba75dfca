//! The contract as constants: `ENTITY`.

use covenant_model::spec::{
    EntitySpec, FieldSpec, OnFail, QualityRule, SourceSpec, UnknownMembers,
};
use covenant_model::value::LogicalType;
use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::source::{self, Role};
use super::{bounds, inexpressible, pattern, record};
use crate::emit::EmitError;

/// The quality rules that refuse a record at capture.
pub(crate) fn refusing(entity: &EntitySpec) -> impl Iterator<Item = &QualityRule> {
    entity.quality.iter().filter(|rule| rule.at_capture && rule.on_fail == OnFail::Quarantine)
}

/// `pub static ENTITY`.
///
/// # Errors
/// Where a bound or a source cannot be expressed.
pub(crate) fn entity(entity: &EntitySpec) -> Result<TokenStream, EmitError> {
    let (name, hash) = (&entity.name, &entity.contract_hash);
    let fields: Vec<_> =
        entity.fields.iter().map(|spec| field(entity, spec)).collect::<Result<_, _>>()?;
    let sources: Vec<_> = entity
        .sources
        .iter()
        .map(|(name, spec)| source_of(entity, name, spec))
        .collect::<Result<_, _>>()?;
    let key = entity.key.iter().map(|ix| Literal::usize_unsuffixed(*ix));
    let groups = Literal::usize_unsuffixed(entity.groups.len());
    let quality = refusing(entity).map(|rule| {
        let (name, text) = (format!("quality:{}", rule.name), &rule.text);
        quote!(table::Quality { rule: #name, text: #text })
    });
    Ok(quote!(
        /// The contract as constants.
        pub static ENTITY: table::Entity = table::Entity {
            name: #name,
            contract_hash: #hash,
            fields: &[#(#fields),*],
            key: &[#(#key),*],
            groups: #groups,
            sources: &[#(#sources),*],
            quality: &[#(#quality),*],
        };
    ))
}

fn field(entity: &EntitySpec, field: &FieldSpec) -> Result<TokenStream, EmitError> {
    let (name, ty) = (&field.name, ty(entity, field));
    let mut built = quote!(table::Field::new(#name, #ty));
    if field.nullable {
        built = quote!(#built.nullable());
    }
    if field.optional {
        built = quote!(#built.optional());
    }
    if let Some(text) = &field.evolution.default {
        built = quote!(#built.default(#text));
    }
    if !field.evolution.renamed.is_empty() {
        let pairs = field.evolution.renamed.iter().map(|(old, new)| quote!((#old, #new)));
        built = quote!(#built.renamed(&[#(#pairs),*]));
    }
    let limits = limits(entity, field)?;
    if let Some(min) = limits.min.map(Literal::i128_unsuffixed) {
        built = quote!(#built.min(#min));
    }
    if let Some(max) = limits.max.map(Literal::i128_unsuffixed) {
        built = quote!(#built.max(#max));
    }
    if field.pattern.is_some() {
        let form = pattern::name(field);
        built = quote!(#built.pattern(&#form));
    }
    if limits.email {
        built = quote!(#built.email());
    }
    Ok(built)
}

/// What values of a field must keep to.
pub(crate) struct Limits {
    min: Option<i128>,
    max: Option<i128>,
    email: bool,
}

/// Bounds as numbers, and the format.
///
/// # Errors
/// Where the field's type has no such limit.
pub(crate) fn limits(entity: &EntitySpec, field: &FieldSpec) -> Result<Limits, EmitError> {
    let bound = |text: &Option<String>| {
        text.as_deref().map(|text| bounds::number(entity, field, text)).transpose()
    };
    let (min, max) = (bound(&field.min)?, bound(&field.max)?);
    let text = matches!(field.ty, LogicalType::String { .. });
    if field.pattern.is_some() && !text {
        let why = format!("{} has no `pattern`: remove it", field.ty);
        return Err(inexpressible(entity, &field.name, why));
    }
    match field.format.as_deref() {
        None => Ok(Limits { min, max, email: false }),
        Some("email") if text => Ok(Limits { min, max, email: true }),
        Some(other) => {
            let why = format!("`format: {other}` is not known for {}: use `email`", field.ty);
            Err(inexpressible(entity, &field.name, why))
        }
    }
}

fn ty(entity: &EntitySpec, field: &FieldSpec) -> TokenStream {
    match &*field.read_type() {
        LogicalType::Bool => quote!(table::Ty::Bool),
        LogicalType::Int32 => quote!(table::Ty::Int32),
        LogicalType::Int64 => quote!(table::Ty::Int64),
        LogicalType::Decimal { precision, scale } => {
            let (precision, scale) =
                (Literal::u8_unsuffixed(*precision), Literal::u8_unsuffixed(*scale));
            quote!(table::Ty::decimal(#precision, #scale))
        }
        LogicalType::String { max_chars } => {
            let max_chars = Literal::u32_unsuffixed(max_chars.unwrap_or(0));
            quote!(table::Ty::text(#max_chars))
        }
        LogicalType::Uuid => quote!(table::Ty::Uuid),
        LogicalType::Date => quote!(table::Ty::Date),
        LogicalType::Timestamp => quote!(table::Ty::Timestamp),
        LogicalType::Enum { .. } => {
            let name = record::enum_name(entity, field);
            quote!(table::Ty::one_of(&#name::SYMBOLS))
        }
        LogicalType::Json => quote!(table::Ty::Json),
        LogicalType::Bytes => quote!(table::Ty::Bytes),
    }
}

fn source_of(entity: &EntitySpec, name: &str, spec: &SourceSpec) -> Result<TokenStream, EmitError> {
    let kind = match spec {
        SourceSpec::Postgres { .. } => quote!(table::Kind::Postgres),
        SourceSpec::Stream { order, .. } => {
            let sequenced = order.is_some();
            quote!(table::Kind::Stream { sequenced: #sequenced })
        }
        SourceSpec::Salesforce { .. } => quote!(table::Kind::Salesforce),
    };
    let members = source::members(entity, name)?.into_iter().map(|member| {
        let name = member.name;
        let fields = member.fields.into_iter().map(Literal::usize_unsuffixed);
        let mut built = quote!(table::Member::new(#name, &[#(#fields),*]));
        if !member.aliases.is_empty() {
            let aliases = member.aliases;
            built = quote!(#built.aliases(&[#(#aliases),*]));
        }
        match member.role {
            Role::Plain => built,
            Role::EventId => quote!(#built.role(table::Role::EventId)),
            Role::Order => quote!(#built.role(table::Role::Order)),
            Role::OccurredAt => quote!(#built.role(table::Role::OccurredAt)),
        }
    });
    let closed = match spec {
        SourceSpec::Stream { unknown: UnknownMembers::Closed, .. } => quote!(.closed()),
        SourceSpec::Stream { unknown: UnknownMembers::Open, .. }
        | SourceSpec::Postgres { .. }
        | SourceSpec::Salesforce { .. } => quote!(),
    };
    Ok(quote!(table::Source::new(#name, #kind, &[#(#members),*]) #closed))
}
