//! Drafts that hold together: what the compiler refuses is asked of the importer again, more simply.

use std::collections::BTreeMap;

use super::ImportError;
use super::draft::Draft;
use crate::Compiled;
use crate::diagnostic::Severity;
use crate::source::SourceSet;

/// How much of a foreign thing an entity takes over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::interop) enum Take {
    /// All that the language has words for.
    #[default]
    All,
    /// Names, types and the key: some other word of it was refused. Why.
    Bare(String),
    /// Nothing: it is kept as it is. Why.
    Nothing(String),
}

impl Take {
    /// What is to be said of an entity.
    pub(in crate::interop) fn said(&self, name: &str) -> Option<String> {
        match self {
            Self::All => None,
            Self::Bare(why) => {
                Some(format!("{name}: nothing but names, types and the key, because {why}"))
            }
            Self::Nothing(why) => Some(format!("{name}: {why}")),
        }
    }
}

/// Asks for drafts until one holds together: each time an entity is refused it takes over less.
///
/// # Errors
/// Where the project itself is refused, which is a bug of the importer.
pub(in crate::interop) fn settle(
    path: &str,
    count: usize,
    mut drafted: impl FnMut(&mut [Take]) -> Draft,
    mut index_of: impl FnMut(&Draft, &str) -> Option<usize>,
) -> Result<(Draft, Compiled), ImportError> {
    let mut takes = vec![Take::default(); count];
    // Every round but the last makes one of them take over less, which each does twice at most.
    for _ in 0..=2 * count {
        let draft = drafted(&mut takes);
        let compiled = compile(&draft);
        let refused = refused(&compiled);
        if refused.is_empty() && compiled.plan.is_some() {
            return Ok((draft, compiled));
        }
        let mut any = false;
        for (file, why) in &refused {
            let Some(take) = index_of(&draft, file).and_then(|at| takes.get_mut(at)) else {
                continue;
            };
            any = true;
            *take = match take {
                Take::All => Take::Bare(why.clone()),
                Take::Bare(_) | Take::Nothing(_) => Take::Nothing(why.clone()),
            };
        }
        if !any {
            let said: Vec<&str> = refused.values().map(String::as_str).collect();
            let why = format!("its contracts would not hold together: {}", said.join("; "));
            return Err(ImportError::file(path, why));
        }
    }
    Err(ImportError::file(path, "its contracts would not hold together"))
}

/// Whether what is kept beside the contracts can stand there: it may nest too deep, or hold what looks like a secret.
///
/// # Errors
/// What the compiler says of it.
pub(in crate::interop) fn settled(path: &str, draft: &Draft) -> Result<(), ImportError> {
    match refused(&compile(draft)).into_iter().next() {
        None => Ok(()),
        Some((file, why)) => {
            let why = format!("what would be kept of it in {file} is refused: {why}");
            Err(ImportError::file(path, why))
        }
    }
}

/// What the compiler says of a draft.
fn compile(draft: &Draft) -> Compiled {
    crate::compile(SourceSet::new(draft.files()))
}

/// The first error of each file.
fn refused(compiled: &Compiled) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for one in compiled.diagnostics.iter().filter(|one| one.severity == Severity::Error) {
        if let Some(file) = compiled.sources.get(one.span.file) {
            found.entry(file.path.clone()).or_insert_with(|| one.headline.clone());
        }
    }
    found
}
