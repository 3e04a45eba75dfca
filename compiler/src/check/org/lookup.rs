//! Lookups by the parent's external id: `Customer__r.Customer_Id__c`.

use covenant_model::spec::SalesforceField;

use super::Pair;
use super::deliver::writable;
use crate::describe::Kind;
use crate::diagnostic::codes;
use crate::ir::Org;

pub(super) fn check(pair: &Pair<'_>, org: &Org, mapping: &SalesforceField) {
    let (name, spec) = (&mapping.target, &pair.entity.spec);
    let (Some(field), Some(id)) = (spec.fields.get(mapping.source), &mapping.parent_external_id)
    else {
        return;
    };
    let Some(there) = pair.object.relationship(name) else {
        let known = pair.object.fields.iter().filter_map(|field| field.relationship.as_deref());
        return pair.absent(name, name.ends_with("__r"), known);
    };
    if there.kind != Kind::Reference {
        let headline = format!("`{name}` is no relationship to one parent");
        return pair.cx.report(
            pair.finding(&codes::ORG_LOOKUP, there, "type", headline)
                .help("use a lookup or master-detail field"),
        );
    }
    if !writable(pair, there) {
        return;
    }
    // A parent that is not delivered has been reported.
    let Some(parent) = &mapping.parent_object else { return };
    if !there.refers_to.iter().any(|to| to.eq_ignore_ascii_case(parent)) {
        let to = there.refers_to.join(", ");
        let headline = format!("`{name}` leads to {to}, and the parent is delivered to `{parent}`");
        let fits = |other: &&crate::describe::Field| {
            other.refers_to.iter().any(|to| to.eq_ignore_ascii_case(parent))
        };
        let others = pair.object.fields.iter().filter(fits);
        let others: Vec<&str> = others.filter_map(|field| field.relationship.as_deref()).collect();
        let help = match others.as_slice() {
            [] => format!("create a lookup from {} to {parent} in the org", pair.object.name),
            some => format!("relationships to {parent}: {}", some.join(", ")),
        };
        pair.cx.report(pair.finding(&codes::ORG_LOOKUP, there, "referenceTo", headline).help(help));
    } else if let Some(key) = org.object(parent).and_then(|parent| parent.field(id))
        && !(key.external_id || key.id_lookup)
    {
        let headline = format!("`{parent}.{id}` is no external id: `{name}` finds nothing by it");
        pair.cx.report(
            pair.finding(&codes::ORG_LOOKUP, key, "externalId", headline)
                .help("mark it as External ID in the org and commit the new describe"),
        );
    }
    if (field.nullable || field.optional) && !there.nillable {
        let headline = format!("the org demands `{name}`, and `{}` may be missing", field.name);
        pair.cx.report(
            pair.finding(&codes::ORG_DEMANDS, there, "nillable", headline)
                .help("let the field always be there, or make the lookup optional in the org"),
        );
    }
}
