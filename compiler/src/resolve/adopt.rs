//! The adoption that a Salesforce sink declares.

use covenant_model::spec::{Adoption, Compare, MatchPart, SalesforceField};
use covenant_model::value::LogicalType;

use super::Cx;
use super::entity::field_ix;
use super::sources::sink_shape;
use crate::ast::{EntityDecl, SinkDecl};

/// Rules without a part are reported; a part of a field that is not there leaves its rule without one.
pub(super) fn resolve(
    cx: &Cx<'_>,
    decl: &EntityDecl,
    sink: &SinkDecl,
    mapped: &[SalesforceField],
) -> Option<Adoption> {
    let adopt = sink.adopt.as_ref()?;
    let path = format!("{}/sinks/{}/adopt/match", decl.head.name, sink.name);
    if adopt.rules.iter().all(Vec::is_empty) || adopt.rules.iter().any(Vec::is_empty) {
        let headline = "`match` of `adopt` names nothing to match by";
        sink_shape(cx, cx.at(&path), headline.to_owned());
    }
    let rules = adopt.rules.iter().enumerate().map(|(at, rule)| {
        let parts = rule.iter().enumerate().filter_map(|(place, part)| {
            let path = format!("{path}/{at}/{place}");
            let field = field_ix(cx, decl, &part.field, &path)?;
            let fed = mapped.iter().find(|one| one.source == field && plain(one));
            let fed = fed.map(|one| one.target.clone());
            let target = part.target.clone().or(fed).unwrap_or_default();
            let declared = decl.fields.get(field)?;
            let by_type = || by_type(declared.ty.as_ref(), declared.format.as_deref());
            let compare = part.compare.unwrap_or_else(by_type);
            Some(MatchPart { field, target, compare })
        });
        parts.collect()
    });
    let (unmatched, review) = (adopt.unmatched, adopt.review);
    Some(Adoption { rules: rules.collect(), unmatched, review })
}

/// A lookup holds the id of another record.
fn plain(mapped: &SalesforceField) -> bool {
    mapped.parent_external_id.is_none()
}

fn by_type(ty: Option<&LogicalType>, format: Option<&str>) -> Compare {
    match (ty, format) {
        (Some(LogicalType::String { .. }), Some("email")) => Compare::Email,
        (Some(LogicalType::String { .. }), _) => Compare::Text,
        _ => Compare::Exact,
    }
}
