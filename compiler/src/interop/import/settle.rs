//! Drafts that hold together: what the compiler refuses is asked of the importer again, more simply.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::{ImportError, Imported};
use crate::Compiled;
use crate::diagnostic::Severity;
use crate::source::SourceSet;
use crate::tree::OutputTree;

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

/// A foreign thing that may become an entity.
pub(in crate::interop) struct Candidate {
    /// Path of the entity's file.
    pub(in crate::interop) file: String,
    /// What it is called in what is said about it.
    pub(in crate::interop) shown: String,
    /// Why it can be none, where that is known without asking the compiler.
    pub(in crate::interop) hopeless: Option<String>,
}

/// A draft that holds together, and how much of each candidate it takes over.
pub(in crate::interop) struct Settled {
    pub(in crate::interop) draft: Draft,
    pub(in crate::interop) compiled: Compiled,
    pub(in crate::interop) takes: Vec<Take>,
}

/// Asks for drafts until one holds together: each time an entity is refused it takes over less.
///
/// # Errors
/// Where the project itself is refused, which is a bug of the importer.
pub(in crate::interop) fn settle(
    path: &str,
    candidates: &[Candidate],
    drafted: impl Fn(&[Take]) -> Draft,
) -> Result<Settled, ImportError> {
    let first = |one: &Candidate| one.hopeless.clone().map_or(Take::All, Take::Nothing);
    let mut takes: Vec<Take> = candidates.iter().map(first).collect();
    // Every round but the last makes one of them take over less, which each does twice at most.
    for _ in 0..=2 * candidates.len() {
        let draft = drafted(&takes);
        let compiled = compile(&draft);
        let refused = refused(&compiled);
        if refused.is_empty() && compiled.plan.is_some() {
            return Ok(Settled { draft, compiled, takes });
        }
        let mut any = false;
        for (file, why) in &refused {
            let of_file = candidates.iter().position(|one| one.file == *file);
            let Some(take) = of_file.and_then(|at| takes.get_mut(at)) else { continue };
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

/// The files of a draft, and everything that it leaves out.
///
/// # Errors
/// Where two files would have one name.
pub(in crate::interop) fn written(
    path: &str,
    draft: &Draft,
    candidates: &[Candidate],
    takes: &[Take],
) -> Result<Imported, ImportError> {
    let mut tree = OutputTree::default();
    for (name, text) in draft.files() {
        if !tree.add(name.as_str(), text) {
            return Err(ImportError::file(path, format!("two files would be called {name}")));
        }
    }
    let refused = candidates.iter().zip(takes).filter_map(|(one, take)| take.said(&one.shown));
    let of_entities = draft.entities.iter().flat_map(|entity| {
        entity.left.iter().map(|left| format!("{}.{}: {left}", entity.area, entity.name))
    });
    Ok(Imported { left: refused.chain(of_entities).collect(), tree })
}

/// Whether what is kept beside the contracts can stand there: it may nest too deep, or hold what looks like a secret.
///
/// # Errors
/// What the compiler says of it.
pub(in crate::interop) fn holds(path: &str, draft: &Draft) -> Result<(), ImportError> {
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
