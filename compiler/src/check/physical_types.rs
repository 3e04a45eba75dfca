//! Types that are declared for a platform hold every value of their field, and stand for something.

use covenant_model::spec::{FieldSpec, ModelField, Protection};
use covenant_model::terms::DeclaredTypes;

use super::{Cx, finding};
use crate::diagnostic::{Applicability, Fix, codes};
use crate::physical::{self, PhysicalType, Platform, Values};

pub(super) fn check(cx: &Cx<'_>) {
    for entity in &cx.ir.entities {
        let spec = &entity.spec;
        for (ix, field) in entity.sound_fields() {
            let delivered = spec.salesforce.as_ref().is_some_and(|sink| {
                let feeds = |one: &covenant_model::spec::SalesforceField| one.source == ix;
                sink.fields.iter().any(|one| feeds(one) && one.parent_external_id.is_none())
            });
            let place =
                Place { dataset: &spec.name, warehouse: spec.warehouse.is_some(), delivered };
            judge(cx, &place, &Declared::field(field));
        }
    }
    for model in &cx.ir.models {
        let spec = &model.spec;
        let place = Place { dataset: &spec.name, warehouse: model.has_sink, delivered: false };
        for column in spec.fields.iter().filter(|one| !model.untyped.contains(&one.name)) {
            judge(cx, &place, &Declared::column(column));
        }
    }
}

/// Where the fields of a contract go.
struct Place<'a> {
    dataset: &'a str,
    warehouse: bool,
    /// Whether Salesforce has the field as a field of its own.
    delivered: bool,
}

/// A field of an entity or a column of a model.
struct Declared<'a> {
    name: &'a str,
    values: Values<'a>,
    pii: Option<Protection>,
    types: &'a DeclaredTypes,
}

impl<'a> Declared<'a> {
    fn field(field: &'a FieldSpec) -> Self {
        let email = field.format.as_deref() == Some("email");
        Self {
            name: &field.name,
            values: Values { ty: &field.ty, open: field.evolution.open, email },
            pii: field.pii.as_ref().map(|pii| pii.protect),
            types: &field.terms.types,
        }
    }

    fn column(column: &'a ModelField) -> Self {
        Self {
            name: &column.name,
            values: Values { ty: &column.ty, open: false, email: false },
            pii: column.pii.as_ref().map(|pii| pii.protect),
            types: &column.terms.types,
        }
    }
}

fn declared(types: &DeclaredTypes) -> impl Iterator<Item = (Platform, &str)> {
    [
        (Platform::Snowflake, &types.snowflake),
        (Platform::DuckDb, &types.duckdb),
        (Platform::Salesforce, &types.salesforce),
    ]
    .into_iter()
    .filter_map(|(platform, text)| Some((platform, text.as_deref()?)))
}

fn judge(cx: &Cx<'_>, place: &Place<'_>, field: &Declared<'_>) {
    for (platform, text) in declared(field.types) {
        match absent(place, platform, field) {
            Some(why) => nowhere(cx, place, platform, field, why),
            None => fits(cx, place, platform, field, text),
        }
    }
}

/// Why nothing there would have the type.
fn absent(place: &Place<'_>, platform: Platform, field: &Declared<'_>) -> Option<&'static str> {
    if platform == Platform::Salesforce {
        return (!place.delivered).then_some("no mapping delivers it as a field of its own");
    }
    if !place.warehouse {
        return Some("the contract has no sink there");
    }
    match field.pii {
        Some(Protection::Encrypt) => Some("its ciphertext and its token stand there, as texts"),
        Some(Protection::Tokenize) => Some("its token stands there, a text"),
        Some(Protection::Drop) => Some("its class is dropped"),
        Some(Protection::Mask) | None => None,
    }
}

fn nowhere(cx: &Cx<'_>, place: &Place<'_>, platform: Platform, field: &Declared<'_>, why: &str) {
    let at = cx.key(&format!("{}/fields/{}/types/{platform}", place.dataset, field.name));
    let headline = format!("`{}` has no type in {platform}: {why}", field.name);
    cx.report(
        finding(&codes::TYPE_OF_NOTHING, at, headline)
            .why("nothing that is generated would have this type")
            .help("remove it, or bring the field there"),
    );
}

fn fits(cx: &Cx<'_>, place: &Place<'_>, platform: Platform, field: &Declared<'_>, text: &str) {
    let ty = PhysicalType::parse(platform, text);
    if physical::holds_all(platform, &ty, field.values) {
        return;
    }
    let at = cx.value(&format!("{}/fields/{}/types/{platform}", place.dataset, field.name));
    let headline = format!("`{ty}` does not hold every {} in {platform}", field.values.ty);
    let fitting = physical::fitting(platform, field.values);
    let mended = fitting.as_ref().map(|name| {
        let fix = format!("\"{name}\"");
        Fix::replace(Applicability::Unsafe, format!("make it `{name}`"), at, fix)
    });
    let help = fitting.map_or_else(
        || format!("remove it: {platform} has no type for it"),
        |name| format!("`{name}` does"),
    );
    cx.report(
        finding(&codes::TYPE_TOO_SMALL, at, headline)
            .label(cx.attribute(place.dataset, field.name, "type"), "what it must hold")
            .why("a value that the contract allows would be cut, rounded or refused there")
            .help(help)
            .fix(mended),
    );
}
