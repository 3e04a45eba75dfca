//! Personal data is stored in no region that its class forbids, and read by no role that must not see it.

use std::collections::BTreeSet;

use covenant_model::classes::region_matches;
use covenant_model::spec::{PiiSpec, Protection};
use covenant_model::terms::WarehouseRole;

use super::{Cx, finding};
use crate::diagnostic::codes;
use crate::parse::PROJECT;

/// Setting of an environment that says where landing and quarantine are.
const REGION: &str = "region";

pub(super) fn check(cx: &Cx<'_>) {
    let mut landed: BTreeSet<&str> = BTreeSet::new();
    for entity in &cx.ir.entities {
        let spec = &entity.spec;
        for field in &spec.fields {
            let Some(pii) = kept(field.pii.as_ref()) else { continue };
            landed.insert(&pii.class);
            let systems = spec.warehouse.iter().map(|sink| &sink.system);
            for system in systems {
                stored(cx, &spec.name, &field.name, pii, system);
            }
        }
        let Some(sink) = &spec.salesforce else { continue };
        for mapping in &sink.fields {
            if let Some(field) = spec.fields.get(mapping.source)
                && let Some(pii) = kept(field.pii.as_ref())
            {
                stored(cx, &spec.name, &field.name, pii, &sink.system);
            }
        }
    }
    for model in &cx.ir.models {
        let spec = &model.spec;
        for field in &spec.fields {
            if let Some(pii) = kept(field.pii.as_ref()).filter(|_| model.has_sink) {
                stored(cx, &spec.name, &field.name, pii, &spec.warehouse.system);
            }
            for (table, column) in &field.lineage {
                read(cx, &spec.name, &field.name, (table, column));
            }
        }
    }
    for class in landed {
        environments(cx, class);
    }
}

fn kept(pii: Option<&PiiSpec>) -> Option<&PiiSpec> {
    pii.filter(|pii| pii.protect != Protection::Drop)
}

/// A system that gets a field stands somewhere, and not where its class must not be.
fn stored(cx: &Cx<'_>, dataset: &str, field: &str, pii: &PiiSpec, system: &str) {
    let bans = cx.ir.project.bans(&pii.class);
    let Some(spec) = cx.ir.project.systems.get(system).filter(|_| !bans.regions.is_empty()) else {
        return;
    };
    let at = cx.attribute(dataset, field, "pii");
    let place = cx.value(&format!("{PROJECT}/systems/{system}/region"));
    let class = &pii.class;
    match spec.region() {
        Some(region) if bans.regions.iter().any(|ban| region_matches(ban, region)) => cx.report(
            finding(
                &codes::PII_REGION,
                at,
                format!("`{field}` goes to {system} in {region}, which class `{class}` forbids"),
            )
            .label(place, "where it stands")
            .label(ban_of(cx, class), "the ban")
            .help("take the field out of the sink, or the system to another region"),
        ),
        Some(_) => {}
        None => cx.report(
            finding(
                &codes::PII_REGION,
                at,
                format!("`{field}` goes to {system}, and nobody says in which region that is"),
            )
            .label(ban_of(cx, class), "not everywhere is allowed")
            .help(format!("add `region` to system `{system}`, as its operator names it")),
        ),
    }
}

/// Landing and quarantine hold every class that is kept: they are where the environment is.
fn environments(cx: &Cx<'_>, class: &str) {
    let bans = cx.ir.project.bans(class);
    for (name, settings) in &cx.ir.project.environments {
        let Some(region) = settings.get(REGION) else { continue };
        if bans.regions.iter().any(|ban| region_matches(ban, region)) {
            cx.report(
                finding(
                    &codes::PII_REGION,
                    cx.value(&format!("{PROJECT}/environments/{name}/{REGION}")),
                    format!(
                        "environment `{name}` lands class `{class}` in {region}, which it forbids"
                    ),
                )
                .label(ban_of(cx, class), "the ban")
                .why("landing, quarantine and history hold what capture keeps")
                .help("run it in another region, or drop the class at capture"),
            );
        }
    }
}

/// Models run as the transformer: what it must not see it cannot compute with.
fn read(cx: &Cx<'_>, model: &str, field: &str, (table, column): (&str, &str)) {
    let Some(pii) = super::pii_models::class_of(cx, table, column) else { return };
    let banned = cx.ir.project.bans(&pii.class).roles.contains(&WarehouseRole::Transformer);
    // What is sealed is sealed for everybody.
    if pii.protect != Protection::Mask || !banned {
        return;
    }
    let class = &pii.class;
    cx.report(
        finding(
            &codes::PII_ROLE,
            cx.field(model, field),
            format!("`{field}` is computed from {table}.{column}, which its role must not see"),
        )
        .label(cx.attribute(table, column, "pii"), format!("class `{class}`"))
        .label(cx.value(&format!("{PROJECT}/pii/classes/{class}/forbid_roles")), "the ban")
        .why("models run as the transformer: it would compute with the mask in place of the value")
        .help("do not read the column, or let the transformer see the class"),
    );
}

/// Where a class, or one below it, forbids regions.
fn ban_of(cx: &Cx<'_>, class: &str) -> crate::source::Span {
    let project = &cx.ir.project;
    let below = project.classes_below(class).into_iter();
    let bans = |name: &&str| {
        let spec = project.pii_classes.get(*name);
        spec.is_some_and(|spec| !spec.terms.forbid_regions.is_empty())
    };
    // The class itself stands first where it has bans of its own.
    let own = Some(class).filter(|class| bans(class));
    let name = own.or_else(|| below.into_iter().find(bans)).unwrap_or(class);
    cx.value(&format!("{PROJECT}/pii/classes/{name}/forbid_regions"))
}
