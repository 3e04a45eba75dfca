//! The order of models: inputs first, ties by name.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Sink, codes};
use crate::ir::{Ir, ModelIr};
use crate::source::{FileId, Span};

/// Places of the models among those of the IR, so that each comes after those it reads; `None` where they form a
/// cycle, which is reported.
pub(super) fn models(ir: &Ir, sink: &Sink) -> Option<Vec<usize>> {
    let mut open: Vec<(usize, &ModelIr)> = ir.models.iter().enumerate().collect();
    let mut done: BTreeSet<&str> = ir.entities.iter().map(|one| one.spec.name.as_str()).collect();
    let mut ordered = Vec::with_capacity(open.len());
    while !open.is_empty() {
        let ready = |(_, model): &(usize, &ModelIr)| {
            model.spec.inputs.iter().all(|input| done.contains(input.as_str()))
        };
        let Some(at) = open.iter().position(ready) else {
            let open: Vec<&ModelIr> = open.iter().map(|(_, model)| *model).collect();
            report(ir, &open, sink);
            return None;
        };
        let (place, model) = open.remove(at);
        done.insert(&model.spec.name);
        ordered.push(place);
    }
    Some(ordered)
}

/// Follows inputs from the first open model until one comes again: that is a cycle.
fn report(ir: &Ir, open: &[&ModelIr], sink: &Sink) {
    let mut path: Vec<&str> = Vec::new();
    let mut current = open.first().copied();
    while let Some(model) = current {
        let name = model.spec.name.as_str();
        if let Some(at) = path.iter().position(|seen| *seen == name) {
            path.drain(..at);
            break;
        }
        path.push(name);
        current = open.iter().copied().find(|next| model.spec.inputs.contains(&next.spec.name));
    }
    let start = path.first().copied().unwrap_or("");
    let at = |name: &str| {
        ir.spans.value(&format!("{name}/query")).unwrap_or(Span::file_start(FileId::FIRST))
    };
    let mut finding = Diagnostic::new(
        &codes::MODEL_CYCLE,
        ir.spans.value(start).unwrap_or(at(start)),
        format!("models form a cycle: {} -> {start}", path.join(" -> ")),
    )
    .why("each waits for another, and none could run first")
    .help("let both read a third model that holds what they share");
    if path.len() == 1 {
        finding = finding.label(at(start), "reads itself");
    }
    for name in path.iter().skip(1) {
        let span = ir.spans.value(name).unwrap_or(at(name));
        finding = finding.label(span, "part of the cycle");
    }
    sink.push(finding);
}
