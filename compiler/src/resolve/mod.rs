//! [`Ast`] -> [`Ir`]: every name is looked up, defaults are filled in, rules and queries are read.
//! What cannot be found is reported here; whether what was found makes sense is for the checks.

mod adopt;
mod entity;
mod expr;
mod model;
mod org;
mod project;
mod query;
mod row_filter;
mod salesforce;
mod sources;
mod sql;

pub(crate) use org::HOW_TO_DESCRIBE;

use std::collections::BTreeMap;

use crate::ast::{Ast, EntityDecl};
use crate::diagnostic::Sink;
use crate::ir::Ir;
use crate::parse::SpanMap;
use crate::source::{FileId, SourceSet, Span};

/// What every part of the stage needs.
#[derive(Clone, Copy)]
pub(crate) struct Cx<'a> {
    pub(crate) sink: &'a Sink,
    pub(crate) spans: &'a SpanMap,
    pub(crate) sources: &'a SourceSet,
    pub(crate) ast: &'a Ast,
    pub(crate) project: &'a covenant_model::spec::ProjectSpec,
    /// By name.
    pub(crate) entities: &'a BTreeMap<&'a str, &'a EntityDecl>,
}

impl Cx<'_> {
    /// The value at a path, or what surrounds it.
    pub(crate) fn at(&self, path: &str) -> Span {
        self.spans.value(path).unwrap_or(Span::file_start(FileId::FIRST))
    }

    /// The key at a path, or what surrounds it.
    pub(crate) fn key(&self, path: &str) -> Span {
        self.spans.key(path).unwrap_or(Span::file_start(FileId::FIRST))
    }
}

/// What the SQL parser says, without its name.
pub(crate) fn sql_error(error: &sqlparser::parser::ParserError) -> String {
    use sqlparser::parser::ParserError;
    match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.clone(),
        ParserError::RecursionLimitExceeded => "it nests too deep".to_owned(),
    }
}

/// Looks everything up.
pub fn resolve(ast: &Ast, sources: &SourceSet, sink: &Sink) -> Ir {
    let project = project::resolve(ast, sink);
    let by_name = ast.entities.iter().map(|decl| (decl.head.name.as_str(), &**decl)).collect();
    let cx = Cx { sink, spans: &ast.spans, sources, ast, project: &project, entities: &by_name };
    let mut entities: Vec<_> = ast.entities.iter().map(|decl| entity::resolve(&cx, decl)).collect();
    entities.sort_by(|left, right| left.spec.name.cmp(&right.spec.name));
    let catalog = model::catalog(&cx, &entities);
    let mut models: Vec<_> =
        ast.models.iter().map(|decl| model::resolve(&cx, decl, &catalog)).collect();
    models.sort_by(|left, right| left.spec.name.cmp(&right.spec.name));
    let orgs = org::resolve(&cx);
    let spans = ast.spans.clone();
    Ir { project, entities, models, orgs, spans }
}
