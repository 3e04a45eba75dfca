//! Merge groups: which fields are written together under one guard. See
//! `covenant_model::spec::GroupSpec`.

use std::collections::BTreeMap;

use covenant_model::spec::{EntitySpec, FieldSpec, GroupSpec, MergeRule, Protection, SourceSpec};

use crate::diagnostic::{Diagnostic, Sink, codes};
use crate::ir::{EntityIr, Ir};
use crate::source::{FileId, Span};

/// Whether a field has a merge group at all: not the key's, which is what groups belong to, and not
/// what is never landed.
pub(super) fn has_group(spec: &EntitySpec, ix: usize, field: &FieldSpec) -> bool {
    let dropped = field.pii.as_ref().is_some_and(|pii| pii.protect == Protection::Drop);
    !spec.key.contains(&ix) && !dropped
}

/// Whether a field is a group of its own: because a change may leave it out (an older value that
/// arrives late would otherwise be refused for good), or because its rule compares more than
/// versions.
pub(super) fn stands_alone(spec: &EntitySpec, field: &FieldSpec) -> bool {
    let from_salesforce = field
        .from
        .keys()
        .any(|source| matches!(spec.sources.get(source), Some(SourceSpec::Salesforce { .. })));
    field.merge != MergeRule::Latest || field.large || field.optional || from_salesforce
}

/// Fills `groups`, and `group` of every field: owners' groups first, by their first field; all in
/// field order.
pub(super) fn derive(spec: &mut EntitySpec) {
    let mut groups: Vec<GroupSpec> = Vec::new();
    let mut of_owner: BTreeMap<String, usize> = BTreeMap::new();
    let mut assigned = vec![None; spec.fields.len()];
    for (ix, field) in spec.fields.iter().enumerate() {
        if !has_group(spec, ix, field) {
            continue;
        }
        let owners: Vec<String> = field.from.keys().cloned().collect();
        let alone = stands_alone(spec, field);
        let owner = owners.first().cloned().unwrap_or_default();
        let known = if alone { None } else { of_owner.get(&owner).copied() };
        let at = match known {
            Some(at) => at,
            None => {
                let name = if alone { field.name.clone() } else { owner.clone() };
                groups.push(GroupSpec { name, rule: field.merge, owners, fields: Vec::new() });
                groups.len() - 1
            }
        };
        if !alone {
            of_owner.insert(owner, at);
        }
        if let Some(group) = groups.get_mut(at) {
            group.fields.push(ix);
        }
        if let Some(slot) = assigned.get_mut(ix) {
            *slot = Some(at);
        }
    }
    for (field, group) in spec.fields.iter_mut().zip(assigned) {
        field.group = group;
    }
    spec.groups = groups;
}

/// A field that is a group of its own must not be called like a source whose group there is.
pub(super) fn names_are_free(entity: &EntityIr, ir: &Ir, sink: &Sink) -> bool {
    let spec = &entity.spec;
    let mut free = true;
    for (ix, field) in spec.fields.iter().enumerate() {
        let taken = spec.sources.contains_key(&field.name);
        if taken && has_group(spec, ix, field) && stands_alone(spec, field) {
            free = false;
            let path = format!("{}/fields/{}", spec.name, field.name);
            sink.push(
                Diagnostic::new(
                    &codes::GROUP_NAME,
                    ir.spans.key(&path).unwrap_or(Span::file_start(FileId::FIRST)),
                    format!("field `{}` is called like a source of {}", field.name, spec.name),
                )
                .why(
                    "it is a merge group of its own, and groups are named after fields and sources",
                )
                .help("rename the field or the source"),
            );
        }
    }
    free
}
