//! The project: nothing to look up but the systems that classes forbid.

use covenant_model::spec::{PiiClass, ProjectSpec, Protection};

use crate::ast::{Ast, ProjectDecl};
use crate::diagnostic::{Diagnostic, Sink, codes};
use crate::parse::PROJECT;
use crate::source::{FileId, Span};

pub(super) fn resolve(ast: &Ast, sink: &Sink) -> ProjectSpec {
    let decl = ast.project.clone().unwrap_or_default();
    forbidden_systems(ast, &decl, sink);
    known_classes(ast, &decl, sink);
    let classes = decl.classes.into_iter().map(|(name, class)| {
        let protect = class.protect.unwrap_or(Protection::Encrypt);
        (name, PiiClass { protect, about: class.about, forbid: class.forbid, terms: class.terms })
    });
    let environments = decl.environments.into_iter();
    ProjectSpec {
        name: decl.name,
        version: decl.version,
        owner: decl.owner,
        purpose: decl.purpose,
        systems: decl.systems.into_iter().collect(),
        pii_classes: classes.collect(),
        purposes: decl.purposes.into_iter().collect(),
        environments: environments.map(|(name, all)| (name, all.into_iter().collect())).collect(),
        monthly_usd: decl.monthly_usd,
        classify_required: decl.classify_required,
        extensions: decl.extensions,
    }
}

fn forbidden_systems(ast: &Ast, decl: &ProjectDecl, sink: &Sink) {
    for (class, spec) in &decl.classes {
        for (at, system) in spec.forbid.iter().enumerate() {
            if decl.systems.iter().any(|(name, _)| name == system) {
                continue;
            }
            let span = ast.spans.value(&format!("{PROJECT}/pii/classes/{class}/forbid/{at}"));
            sink.push(
                Diagnostic::new(
                    &codes::UNKNOWN_SYSTEM,
                    span.unwrap_or(Span::file_start(FileId::FIRST)),
                    format!("class `{class}` forbids `{system}`, which is no system"),
                )
                .suggest(system, decl.systems.iter().map(|(name, _)| name.as_str()))
                .why("a ban that names nothing bans nothing"),
            );
        }
    }
}

/// Every class that another one stands above.
fn known_classes(ast: &Ast, decl: &ProjectDecl, sink: &Sink) {
    for (class, spec) in &decl.classes {
        for (at, below) in spec.terms.above.iter().enumerate() {
            if decl.classes.iter().any(|(name, _)| name == below) {
                continue;
            }
            let span = ast.spans.value(&format!("{PROJECT}/pii/classes/{class}/above/{at}"));
            sink.push(
                Diagnostic::new(
                    &codes::UNKNOWN_CLASS,
                    span.unwrap_or(Span::file_start(FileId::FIRST)),
                    format!("class `{class}` stands above `{below}`, which is no class"),
                )
                .suggest(below, decl.classes.iter().map(|(name, _)| name.as_str())),
            );
        }
    }
}
