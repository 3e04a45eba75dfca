//! Does what was resolved make sense? One problem, one file. Only this stage makes a [`Checked`]
//! value, and only without errors: planning and emitting cannot be reached by contracts that do not
//! hold together.

mod adopt;
mod bounds;
mod class_order;
mod classes;
mod declassify;
mod evolution;
mod examples;
mod ids;
mod keys;
pub(crate) mod large;
mod merge_rules;
mod model_types;
mod org;
mod org_budget;
mod outbox;
mod owners;
mod physical_types;
mod pii_events;
mod pii_models;
mod pii_regions;
mod pii_sinks;
mod quality;
mod references;
mod rekey;
mod salesforce;
mod subject;
mod sunset;
mod targets;
mod unique;
mod windows;

use covenant_model::spec::{EntitySpec, FieldIx, FieldSpec};

use crate::diagnostic::{Code, Diagnostic, Sink};
use crate::ir::Ir;
use crate::source::{FileId, Span};

/// Holds together. Cannot be made elsewhere, cannot be changed.
#[derive(Clone, Debug)]
pub struct Checked<T>(T);

impl<T> Checked<T> {
    /// What was checked.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// What was checked, given away.
    pub(crate) fn into_inner(self) -> T {
        self.0
    }
}

/// What every check gets.
#[derive(Clone, Copy)]
struct Cx<'a> {
    ir: &'a Ir,
    sink: &'a Sink,
}

impl Cx<'_> {
    /// The value at a path, or what surrounds it.
    fn value(&self, path: &str) -> Span {
        self.ir.spans.value(path).unwrap_or(Span::file_start(FileId::FIRST))
    }

    /// The key at a path, or what surrounds it.
    fn key(&self, path: &str) -> Span {
        self.ir.spans.key(path).unwrap_or(Span::file_start(FileId::FIRST))
    }

    /// An attribute of a field; the field where it does not have it.
    fn attribute(&self, dataset: &str, field: &str, attribute: &str) -> Span {
        self.value(&format!("{dataset}/fields/{field}/{attribute}"))
    }

    /// The name of a field.
    fn field(&self, dataset: &str, field: &str) -> Span {
        self.key(&format!("{dataset}/fields/{field}"))
    }

    fn report(&self, diagnostic: Diagnostic) {
        self.sink.push(diagnostic);
    }
}

fn finding(code: &'static Code, span: Span, headline: String) -> Diagnostic {
    Diagnostic::new(code, span, headline)
}

fn is_key(entity: &EntitySpec, ix: FieldIx) -> bool {
    entity.key.contains(&ix)
}

/// Names of the sources that tell a field.
fn owners(field: &FieldSpec) -> Vec<&str> {
    field.from.keys().map(String::as_str).collect()
}

/// Every check. Their order does not matter: findings are sorted by place.
const CHECKS: &[fn(&Cx<'_>)] = &[
    keys::check,
    outbox::check,
    owners::check,
    merge_rules::check,
    rekey::check,
    ids::check,
    large::check,
    bounds::check,
    evolution::check,
    references::check,
    quality::check,
    pii_sinks::check,
    pii_models::check,
    pii_regions::check,
    pii_events::check,
    class_order::check,
    model_types::check,
    windows::check,
    salesforce::check,
    adopt::check,
    org::check,
    org_budget::check,
    targets::check,
    sunset::check,
    unique::check,
    subject::check,
    classes::check,
    examples::check,
    declassify::check,
    physical_types::check,
];

/// Runs every check. `None` where this or an earlier stage reported an error.
pub fn check(ir: Ir, sink: &Sink) -> Option<Checked<Ir>> {
    let cx = Cx { ir: &ir, sink };
    for check in CHECKS {
        check(&cx);
    }
    if sink.has_errors() { None } else { Some(Checked(ir)) }
}
