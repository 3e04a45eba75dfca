//! Contracts that another version has in the same words: they are parsed once. A comparison has mostly such.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ast::{Ast, EntityDecl, ModelDecl};
use crate::diagnostic::Diagnostics;
use crate::parse::yaml::Node;
use crate::source::{FileId, SourceFile, SourceSet, Span};

/// Another version, as far as its parts can stand for ours.
pub struct Known<'a> {
    sources: &'a SourceSet,
    ast: &'a Ast,
    entities: BTreeMap<&'a str, &'a Arc<EntityDecl>>,
    models: BTreeMap<&'a str, &'a Arc<ModelDecl>>,
    /// Files with findings: those would have to be said again.
    odd: BTreeSet<FileId>,
}

/// A contract that need not be parsed.
pub(super) struct Same<'a> {
    pub(super) name: &'a str,
    pub(super) name_span: Span,
    pub(super) node: &'a Arc<Node>,
    pub(super) decl: Decl<'a>,
}

/// What was read.
pub(super) enum Decl<'a> {
    Entity(&'a Arc<EntityDecl>),
    Model(&'a Arc<ModelDecl>),
}

impl<'a> Known<'a> {
    /// What another version was compiled to.
    pub fn new(sources: &'a SourceSet, ast: &'a Ast, found: &Diagnostics) -> Self {
        Self {
            sources,
            ast,
            entities: ast.entities.iter().map(|decl| (decl.head.name.as_str(), decl)).collect(),
            models: ast.models.iter().map(|decl| (decl.head.name.as_str(), decl)).collect(),
            odd: found.iter().map(|one| one.span.file).collect(),
        }
    }

    /// The same contract at the same place in the order of files, so that its spans hold for ours, too.
    pub(super) fn same(&self, id: FileId, source: &SourceFile) -> Option<Same<'a>> {
        let there = self.sources.get(id)?;
        if there.text != source.text || self.odd.contains(&id) {
            return None;
        }
        let (name, name_span, node) = self.ast.spans.of_file(id)?;
        let entity = self.entities.get(name).map(|decl| Decl::Entity(decl));
        let decl = entity.or_else(|| self.models.get(name).map(|decl| Decl::Model(decl)))?;
        Some(Same { name, name_span, node, decl })
    }
}
