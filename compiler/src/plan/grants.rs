//! Standard fields that the integration user must be granted, as far as the org's describes say which can be. Custom ones are
//! granted as they are generated.

use std::collections::BTreeMap;

use covenant_model::spec::SourceSpec;

use crate::describe::{Field, SObject};
use crate::ir::{EntityIr, Ir};

/// What the names of custom fields end with.
const CUSTOM: &str = "__c";

/// By object, then field: whether it is written, too.
pub type Grants = BTreeMap<String, BTreeMap<String, bool>>;

pub(super) fn derive(ir: &Ir) -> Grants {
    let mut grants = Grants::new();
    for entity in &ir.entities {
        if let Some(sink) = &entity.spec.salesforce
            && let Some(object) = ir.orgs.get(&sink.system).and_then(|org| org.object(&sink.object))
        {
            for mapping in &sink.fields {
                let there = match mapping.parent_external_id {
                    Some(_) => object.relationship(&mapping.target),
                    None => object.field(&mapping.target),
                };
                grant(&mut grants, object, there, true);
            }
        }
        read(&mut grants, ir, entity);
    }
    grants
}

fn read(grants: &mut Grants, ir: &Ir, entity: &EntityIr) {
    for (name, source) in &entity.spec.sources {
        let SourceSpec::Salesforce { system, object, .. } = source else { continue };
        let Some(object) = ir.orgs.get(system).and_then(|org| org.object(object)) else { continue };
        for field in &entity.spec.fields {
            let there = field.from.get(name).and_then(|name| object.field(name));
            grant(grants, object, there, false);
        }
    }
}

fn grant(grants: &mut Grants, object: &SObject, there: Option<&Field>, written: bool) {
    let Some(there) = there.filter(|one| one.permissionable && !one.name.ends_with(CUSTOM)) else {
        return;
    };
    // parts of an address are granted together, by the name of the whole
    let name = there.compound.as_ref().unwrap_or(&there.name);
    let granted = grants.entry(object.name.clone()).or_default();
    *granted.entry(name.clone()).or_default() |= written;
}
