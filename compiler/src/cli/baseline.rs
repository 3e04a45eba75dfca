//! The old side of a comparison, as much of it as holds together.

use std::collections::{BTreeMap, BTreeSet};

use crate::describe;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, codes};
use crate::parse::declared_name;
use crate::source::{FileId, SourceFile, SourceSet, Span};
use crate::{Compiled, compile_compared};

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
pub(super) fn baseline(sources: SourceSet, after: &Compiled) -> Baseline {
    let new = &after.sources;
    let first = compile_compared(sources.clone(), Some(after));
    let none = || (Diagnostics::default(), BTreeSet::new());
    if first.plan.is_some() {
        let (unreadable, left_out) = none();
        return Baseline { old: first, unreadable, sources, left_out };
    }
    let unreadable = said(&first);
    let mut broken = with_errors(&first);
    let mut old = first;
    for _ in 0..ROUNDS_MAX {
        old = compile_compared(patched(&sources, &broken, new), None);
        let more = with_errors(&old);
        if old.plan.is_some() || more.is_subset(&broken) {
            break;
        }
        broken.extend(more);
    }
    let of_broken = sources.iter().filter(|(_, file)| broken.contains(&file.path));
    let names = of_broken.flat_map(|(_, file)| {
        let stand_in = stand_in(file, new).and_then(|new| declared_name(&new.text));
        [declared_name(&file.text), stand_in]
    });
    let left_out = names.flatten().collect();
    Baseline { old, unreadable, sources, left_out }
}

/// What the org no longer has, where its describes changed: warnings, for deploying the generated metadata mends them, but none of
/// a contract's own changes would name them. What the old describes lacked already is no change.
pub(super) fn org_lost(base: &Baseline, new: &Compiled) -> Diagnostics {
    // By their texts: the two sides stand in folders of different names.
    let describes = |sources: &SourceSet| -> BTreeSet<String> {
        let files = sources.iter().filter(|(_, file)| file.path.ends_with(describe::SUFFIX));
        files.map(|(_, file)| file.text.clone()).collect()
    };
    if describes(&base.sources) == describes(&new.sources) {
        return Diagnostics::default();
    }
    let waits = |one: &&Diagnostic| one.code == &codes::NOT_YET_IN_ORG;
    let before: BTreeSet<&str> =
        base.old.diagnostics.iter().filter(waits).map(|one| one.headline.as_str()).collect();
    let lost = new.diagnostics.iter().filter(waits);
    Diagnostics::new(lost.filter(|one| !before.contains(one.headline.as_str())).cloned().collect())
}

/// The old files, with a stand-in for every broken one, or without it where there is none.
fn patched(sources: &SourceSet, broken: &BTreeSet<String>, new: &SourceSet) -> SourceSet {
    let mut taken = BTreeSet::new();
    SourceSet::new(sources.iter().filter_map(|(_, file)| {
        let text = if broken.contains(&file.path) {
            let new = stand_in(file, new)?;
            // Two old files may have claimed the same name.
            taken.insert(new.path.as_str()).then_some(&new.text)?
        } else {
            &file.text
        };
        Some((file.path.clone(), text.clone()))
    }))
}

/// The new version of a contract: by its name, or by where it stands if nobody can tell its name.
fn stand_in<'n>(old: &SourceFile, new: &'n SourceSet) -> Option<&'n SourceFile> {
    let mut files = new.iter().map(|(_, file)| file);
    match declared_name(&old.text) {
        Some(name) => files.find(|file| declared_name(&file.text).as_ref() == Some(&name)),
        None => {
            let same_end = |file: &&SourceFile| {
                let parts = file.path.rsplit('/').zip(old.path.rsplit('/'));
                parts.take_while(|(new, old)| new == old).count()
            };
            files.max_by_key(same_end).filter(|file| same_end(file) > 0)
        }
    }
}

fn with_errors(compiled: &Compiled) -> BTreeSet<String> {
    let errors = compiled.diagnostics.iter().filter(|one| one.severity == Severity::Error);
    let spans = errors.flat_map(|one| {
        // Both claims on one name are in doubt.
        let twice = one.code == &codes::DECLARED_TWICE;
        let labels = one.labels.iter().filter(move |_| twice).map(|label| label.span);
        labels.chain([one.span])
    });
    let files = spans.filter_map(|span| compiled.sources.get(span.file));
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
        let path = source.map(|source| source.path.clone());
        let name = name.or(path).unwrap_or_else(|| "a contract".to_owned());
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
