//! What each source tells, and by what names.

use covenant_model::spec::{EntitySpec, FieldIx, SourceSpec};

use super::inexpressible;
use crate::emit::EmitError;
use crate::plan::source_name;

/// What the runtime keeps track of per record: see `drive::Seen` of the support module.
const MEMBERS_MAX: usize = 512;

/// A column or JSON member of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its name there.
    pub(crate) name: String,
    /// The fields that it tells.
    pub(crate) fields: Vec<FieldIx>,
    /// What else it says of an event.
    pub(crate) role: Role,
    /// Names that it had before. PostgreSQL has none: a column has one name at a time, and the publication names it.
    pub(crate) aliases: Vec<String>,
}

/// What a member says of an event, beside its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing.
    Plain,
    /// The unique id.
    EventId,
    /// The sequence.
    Order,
    /// The event time.
    OccurredAt,
}

/// Members of a source in the order in which they are expected: the envelope of an event first, then fields in the
/// contract's order. Every source carries the key, by the field's own name unless it is mapped.
///
/// # Errors
/// Where one member plays two roles, or there are too many.
pub(crate) fn members(entity: &EntitySpec, source: &str) -> Result<Vec<Member>, EmitError> {
    let Some(spec) = entity.sources.get(source) else { return Ok(Vec::new()) };
    let mut members: Vec<Member> = Vec::new();
    for (name, role) in envelope(spec) {
        if members.iter().any(|member| member.name == name) {
            let why =
                format!("member {name} of source {source} plays two roles: give each its own");
            return Err(inexpressible(entity, &name, why));
        }
        members.push(Member { name, fields: Vec::new(), role, aliases: Vec::new() });
    }
    for ix in 0..entity.fields.len() {
        let Some(name) = source_name(entity, source, ix) else { continue };
        let at = members.iter().position(|member| member.name == name).unwrap_or(members.len());
        if at == members.len() {
            let (name, aliases) = (name.to_owned(), Vec::new());
            members.push(Member { name, fields: Vec::new(), role: Role::Plain, aliases });
        }
        let Some(member) = members.get_mut(at) else { continue };
        member.fields.push(ix);
        let aliased = match spec {
            SourceSpec::Stream { .. } | SourceSpec::Salesforce { .. } => entity.fields.get(ix),
            SourceSpec::Postgres { .. } => None,
        };
        member.aliases.extend(aliased.iter().flat_map(|field| field.evolution.aliases.clone()));
    }
    if members.len() > MEMBERS_MAX {
        let why = format!("source {source} tells more than {MEMBERS_MAX} fields: split the entity");
        return Err(inexpressible(entity, source, why));
    }
    Ok(members)
}

fn envelope(spec: &SourceSpec) -> Vec<(String, Role)> {
    match spec {
        SourceSpec::Stream { event_id, order, occurred_at, .. } => {
            let mut named = vec![(event_id.clone(), Role::EventId)];
            named.extend(order.iter().map(|order| (order.clone(), Role::Order)));
            named.push((occurred_at.clone(), Role::OccurredAt));
            named
        }
        SourceSpec::Postgres { .. } | SourceSpec::Salesforce { .. } => Vec::new(),
    }
}
