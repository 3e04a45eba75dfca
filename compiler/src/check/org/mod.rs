//! Mappings against the org: what its describes say of every object and field that is written or read. A mismatch is one
//! finding, at the contract's words, with the place in the describe beside it.

mod deliver;
mod fit;
mod lookup;
mod tell;

use std::collections::BTreeSet;

use covenant_model::spec::SourceSpec;

use super::{Cx, finding};
use crate::describe::{Field, SObject};
use crate::diagnostic::{Code, Diagnostic, codes};
use crate::ir::{EntityIr, Org};
use crate::resolve::HOW_TO_DESCRIBE;
use crate::source::Span;

/// What the names of custom objects and fields end with.
const CUSTOM: &str = "__c";

pub(super) fn check(cx: &Cx<'_>) {
    let mut missed = BTreeSet::new();
    for entity in &cx.ir.entities {
        if let Some(sink) = &entity.spec.salesforce
            && let Some(org) = cx.ir.orgs.get(&sink.system)
        {
            let at = cx.value(&format!("{}/sinks/{}/object", entity.spec.name, sink.system));
            if let Some(object) = object(cx, org, &sink.object, at, &mut missed) {
                deliver::check(cx, org, entity, sink, object);
            }
        }
        for (name, source) in &entity.spec.sources {
            let SourceSpec::Salesforce { system, object: wanted, key } = source else { continue };
            let Some(org) = cx.ir.orgs.get(system) else { continue };
            let path = format!("{}/sources/{name}", entity.spec.name);
            let at = cx.value(&format!("{path}/object"));
            if let Some(object) = object(cx, org, wanted, at, &mut missed) {
                tell::check(cx, entity, name, key, object);
            }
        }
    }
}

/// What the org says of an object; nothing where its describe is missing, which is said.
fn object<'a>(
    cx: &Cx<'a>,
    org: &'a Org,
    name: &str,
    at: Span,
    missed: &mut BTreeSet<String>,
) -> Option<&'a SObject> {
    if let Some(object) = org.object(name) {
        return Some(object);
    }
    if org.is_unusable(name) || !missed.insert(name.to_lowercase()) {
        return None;
    }
    let known: Vec<&str> =
        org.objects.values().filter_map(|one| Some(one.object.as_ref()?.name.as_str())).collect();
    cx.report(if name.ends_with(CUSTOM) {
        finding(&codes::NOT_YET_IN_ORG, at, format!("there is no describe of `{name}`"))
            .suggest(name, known)
            .why(
                "the generated metadata creates the object; until then the org refuses its records",
            )
            .help(format!("deploy `generated/salesforce`, then {HOW_TO_DESCRIBE}"))
    } else {
        let headline = format!("there is no describe of `{name}`");
        finding(&codes::NO_DESCRIBE, at, headline).suggest(name, known).help(HOW_TO_DESCRIBE)
    });
    None
}

/// One field of a contract beside one of the org.
struct Pair<'a> {
    cx: &'a Cx<'a>,
    entity: &'a EntityIr,
    object: &'a SObject,
    /// The words of the contract that bring them together.
    at: Span,
}

impl<'a> Pair<'a> {
    /// A finding with both places.
    fn finding(
        &self,
        code: &'static Code,
        there: &Field,
        attribute: &str,
        headline: String,
    ) -> Diagnostic {
        let place = format!("{} of {}: {}", there.place(), self.object.name, there.shown());
        finding(code, self.at, headline).label(there.span(attribute), place)
    }

    /// The field of that name, or what is said where there is none. `created`: the generated metadata has it.
    fn named(&self, name: &str, created: bool) -> Option<&'a Field> {
        let found = self.object.field(name);
        if found.is_none() {
            let known = self.object.fields.iter().map(|field| field.name.as_str());
            self.absent(name, created, known);
        }
        found
    }

    /// Says that the org lacks a field or relationship.
    fn absent<'n>(&self, name: &str, created: bool, known: impl IntoIterator<Item = &'n str>) {
        let object = &self.object.name;
        let label = format!("{object} has {} fields, and not this one", self.object.fields.len());
        let headline = format!("`{object}` has no `{name}`");
        self.cx.report(if created {
            finding(&codes::NOT_YET_IN_ORG, self.at, format!("{headline} yet"))
                .label(self.object.at, label)
                .suggest(name, known)
                .why("the generated metadata creates it; until then the org refuses records that hold it")
                .help("deploy `generated/salesforce`, assign its permission set, and commit the new describe")
        } else {
            finding(&codes::NOT_IN_ORG, self.at, headline)
                .label(self.object.at, label)
                .suggest(name, known)
                .why("the org does not have it, or the integration user may not see it")
                .help("correct the name, or create or grant it in the org and commit the new describe")
        });
    }
}
