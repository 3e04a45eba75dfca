//! The old side of a comparison, as much of it as holds together.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Diagnostics, Severity, codes};
use crate::parse::declared_name;
use crate::source::{FileId, SourceFile, SourceSet, Span};
use crate::{Compiled, compile};

/// What a broken contract leaves broken behind it is a chain of references; longer ones are given up.
const ROUNDS_MAX: usize = 4;

/// The old side.
pub(super) struct Baseline {
    /// What can be compared; without a plan nothing can.
    pub(super) old: Compiled,
    /// What cannot, and why, with places in [`Baseline::sources`].
    pub(super) unreadable: Diagnostics,
    /// The old contracts as they are.
    pub(super) sources: SourceSet,
    /// Names of the contracts that are not compared.
    pub(super) left_out: BTreeSet<String>,
}

/// Compiles the old contracts. Where some do not hold together, the new version stands in for each of
/// them, so that it compares as unchanged and the others can be compared.
pub(super) fn baseline(sources: SourceSet, new: &SourceSet) -> Baseline {
    let first = compile(sources.clone());
    let none = || (Diagnostics::default(), BTreeSet::new());
    if first.plan.is_some() {
        let (unreadable, left_out) = none();
        return Baseline { old: first, unreadable, sources, left_out };
    }
    let stand_ins: BTreeMap<String, &SourceFile> =
        new.iter().filter_map(|(_, file)| Some((declared_name(&file.text)?, file))).collect();
    let unreadable = said(&first);
    let mut broken = with_errors(&first);
    let mut old = first;
    for _ in 0..ROUNDS_MAX {
        old = compile(patched(&sources, &broken, &stand_ins));
        let more = with_errors(&old);
        if old.plan.is_some() || more.is_subset(&broken) {
            break;
        }
        broken.extend(more);
    }
    let of_broken = sources.iter().filter(|(_, file)| broken.contains(&file.path));
    let left_out = of_broken.filter_map(|(_, file)| declared_name(&file.text)).collect();
    Baseline { old, unreadable, sources, left_out }
}

/// The old files, with a stand-in for every broken one, or without it where there is none.
fn patched(
    sources: &SourceSet,
    broken: &BTreeSet<String>,
    stand_ins: &BTreeMap<String, &SourceFile>,
) -> SourceSet {
    SourceSet::new(sources.iter().filter_map(|(_, file)| {
        if !broken.contains(&file.path) {
            return Some((file.path.clone(), file.text.clone()));
        }
        let stand_in = stand_ins.get(&declared_name(&file.text)?)?;
        Some((file.path.clone(), stand_in.text.clone()))
    }))
}

fn with_errors(compiled: &Compiled) -> BTreeSet<String> {
    let errors = compiled.diagnostics.iter().filter(|one| one.severity == Severity::Error);
    let files = errors.filter_map(|one| compiled.sources.get(one.span.file));
    files.map(|file| file.path.clone()).collect()
}

/// One finding a broken file: its first error.
fn said(compiled: &Compiled) -> Diagnostics {
    let mut first: BTreeMap<FileId, &Diagnostic> = BTreeMap::new();
    for one in compiled.diagnostics.iter().filter(|one| one.severity == Severity::Error) {
        first.entry(one.span.file).or_insert(one);
    }
    let all = first.into_iter().map(|(file, one)| {
        let source = compiled.sources.get(file);
        let name = source.and_then(|source| declared_name(&source.text));
        let name = name.unwrap_or_else(|| "a contract".to_owned());
        let headline =
            format!("the old version of {name} is not compared: it does not hold together");
        let span = Span { file, ..one.span };
        Diagnostic::new(&codes::OLD_UNREADABLE, span, headline)
            .at(one.headline.clone())
            .why(format!("{}: {}", one.code, one.headline))
            .help("compare with a version that holds together")
    });
    Diagnostics::new(all.collect())
}
