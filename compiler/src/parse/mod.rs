//! Text -> [`Ast`]. Knows the grammar of contracts, no systems, no meaning. A file with errors
//! gives as much of a tree as can be had, so that the later stages can report what they find in the
//! same run.

mod adopt;
mod broken;
mod cases;
mod common;
mod entity;
pub mod extensions;
mod fields;
mod indent;
pub mod json;
mod known;
mod model;
mod plain;
mod project;
mod reader;
mod recover;
pub mod scalars;
mod secrets;
mod spans;
mod terms;
mod unread;
mod waivers;
mod yaml;

pub use cases::suite;
pub use known::Known;
use known::{Decl, Same};
pub use spans::{SpanMap, Spans};
pub use yaml::{DEPTH_MAX, Entry, FILE_BYTES_MAX, Kind, NODES_MAX, Node};

use std::sync::Arc;

use crate::ast::Ast;
use crate::describe::{self, Described};
use crate::diagnostic::{Diagnostic, Sink, codes};
use crate::source::{FileId, SourceFile, SourceSet, Span};

/// Name under which the project's places are recorded.
pub const PROJECT: &str = "project";
/// Name under which the places of waivers are recorded.
pub const WAIVERS: &str = "waivers";

/// The tree of one YAML file that is no contract, under the same bounds; findings go to the sink.
pub fn tree(source: &SourceFile, sink: &Sink) -> Option<Node> {
    yaml::general(FileId::FIRST, source, sink)
}

/// Parses every file, but those that are known.
pub fn parse(sources: &SourceSet, known: Option<&Known<'_>>, sink: &Sink) -> Ast {
    let mut ast = Ast::default();
    for (id, source) in sources.iter() {
        if describe::is_describe(&source.path) {
            ast.describes.push(Arc::new(described(id, source, sink)));
            continue;
        }
        if let Some(flaw) = &source.flaw {
            sink.push(unread::finding(id, source, flaw));
            let name = declared_name(&source.text);
            ast.unread |= name.is_none() && !is_project(source);
            ast.unreadable.extend(name);
            continue;
        }
        let same = known.and_then(|known| known.same(id, source));
        if same.is_some_and(|same| took(&mut ast, &same)) {
            continue;
        }
        match yaml::parse(id, source, sink) {
            Some(node) => document(&mut ast, id, source, node, sink),
            None => ast.unreadable.extend(declared_name(&source.text)),
        }
    }
    if ast.project.is_none()
        && let Some((id, _)) = sources.iter().next()
        && !ast.unread
        && !sources.iter().any(|(_, source)| is_project(source))
    {
        sink.push(
            Diagnostic::new(&codes::NO_PROJECT, Span::file_start(id), "there is no project.yaml")
                .why("systems, classes of personal data and purposes are declared there")
                .help("add `project.yaml` beside the contracts, beginning with `project: <name>`"),
        );
    }
    ast
}

fn described(id: FileId, source: &SourceFile, sink: &Sink) -> Described {
    match &source.flaw {
        None => describe::read(id, source, sink),
        Some(flaw) => {
            sink.push(unread::finding(id, source, flaw));
            // Its text holds nothing: the name of the file is what is known.
            describe::read(id, source, &Sink::default())
        }
    }
}

fn is_project(source: &SourceFile) -> bool {
    source.path.ends_with("project.yaml")
}

/// Takes a contract over, where no other has its name.
fn took(ast: &mut Ast, same: &Same<'_>) -> bool {
    if ast.spans.value(same.name).is_some() {
        return false;
    }
    ast.spans.record(same.name, Arc::clone(same.node), same.name_span);
    match same.decl {
        Decl::Entity(decl) => ast.entities.push(Arc::clone(decl)),
        Decl::Model(decl) => ast.models.push(Arc::clone(decl)),
    }
    true
}

/// The name that a file means to declare, even where it is not YAML: so that what refers to it is not
/// reported too. [`PROJECT`] and [`WAIVERS`] stand for themselves.
pub fn declared_name(text: &str) -> Option<String> {
    let fixed = |line: &str| {
        [PROJECT, WAIVERS]
            .into_iter()
            .find(|name| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')))
    };
    text.lines().find_map(|line| {
        let named = line.strip_prefix("entity:").or_else(|| line.strip_prefix("model:"));
        let named = named.and_then(|rest| rest.split_whitespace().next());
        let named = named.map(|name| name.trim_matches(['"', '\'']));
        named.filter(|name| is_name(name)).or_else(|| fixed(line)).map(str::to_owned)
    })
}

/// Whether a text could be the name of an entity or model; as much of a broken one as tells them apart.
fn is_name(text: &str) -> bool {
    /// In bytes; more is no name, and would fill a screen.
    const NAME_MAX: usize = 128;
    let part = |at: char| at.is_ascii_alphanumeric() || matches!(at, '_' | '.' | '-');
    (1..=NAME_MAX).contains(&text.len()) && text.chars().all(part)
}

fn document(ast: &mut Ast, id: FileId, source: &SourceFile, mut node: Node, sink: &Sink) {
    if let Some(kind) = kind_of(&node) {
        recover::sections(sink, &mut node, kind);
    }
    let node = Arc::new(node);
    let whole = Arc::clone(&node);
    let node = &*node;
    secrets::check(sink, node);
    let Some(entries) = reader::entries(sink, node, "a contract") else { return };
    let kind = entries
        .iter()
        .find(|entry| matches!(entry.key.as_str(), "entity" | "model" | PROJECT | WAIVERS));
    let Some(kind) = kind else {
        let first = entries.first().map(|entry| entry.key_span);
        let kinds = ["entity", "model", PROJECT, WAIVERS];
        let near = entries
            .iter()
            .find_map(|entry| Some((entry, crate::diagnostic::nearest(&entry.key, kinds)?)));
        let finding = Diagnostic::new(
            &codes::NO_KIND,
            near.map(|(entry, _)| entry.key_span).or(first).unwrap_or(Span::file_start(id)),
            format!("{} declares no entity, model or project", source.path),
        );
        let finding = match near {
            Some((entry, _)) => {
                // What refers to it is left alone.
                if let Kind::Scalar { text, .. } = &entry.value.kind {
                    ast.unreadable.push(text.clone());
                }
                finding.suggest_at(entry.key_span, &entry.key, kinds)
            }
            None if entries.iter().any(|entry| entry.key == "tests") => finding
                .why("contract tests stand in files of their own")
                .help(format!("rename the file: its name ends in `{}`", crate::cases::SUFFIX)),
            None => finding.help(
                "begin with `entity: <area>.<name>`, `model: <area>.<name>` or `project: <name>`",
            ),
        };
        sink.push(finding);
        return;
    };
    let path = match kind.key.as_str() {
        fixed @ (PROJECT | WAIVERS) => fixed.to_owned(),
        _ => match reader::text(sink, &kind.value, &kind.key) {
            Some(name) => name,
            None => return,
        },
    };
    if let Some(first) = ast.spans.value(&path) {
        sink.push(
            Diagnostic::new(
                &codes::DECLARED_TWICE,
                kind.value.span,
                format!("{path} is declared twice"),
            )
            .at("again here")
            .label(first, "first here")
            .help("rename or remove one of them"),
        );
        // Nobody knows which is meant: what refers to it is left alone.
        ast.entities.retain(|one| one.head.name != path);
        ast.models.retain(|one| one.head.name != path);
        ast.unreadable.push(path);
        return;
    }
    ast.spans.record(&path, whole, kind.value.span);
    match kind.key.as_str() {
        "entity" | "model" if !recover::has_fields(node) => {
            // What it lacks is said; what refers to it is left alone.
            if kind.key == "entity" {
                entity::read(sink, node, kind.value.span);
            } else {
                model::read(sink, node, kind.value.span);
            }
            ast.unreadable.push(path);
        }
        "entity" => {
            ast.entities.extend(entity::read(sink, node, kind.value.span).map(Arc::new));
        }
        "model" => {
            ast.models.extend(model::read(sink, node, kind.value.span).map(Arc::new));
        }
        WAIVERS => ast.waivers = waivers::read(sink, node, kind.key_span),
        _ => ast.project = project::read(sink, node, kind.value.span),
    }
}

/// What a file declares, where it says so.
fn kind_of(node: &Node) -> Option<&'static str> {
    let Kind::Map(entries) = &node.kind else { return None };
    let declares = |kind: &&str| entries.iter().any(|entry| entry.key == *kind);
    ["entity", "model"].into_iter().find(declares)
}

/// The byte in the file at which a line and column (from 1, in characters) of a multi-line text
/// stand. `None` where the text was folded or escaped, so that lines of the text are not lines of
/// the file.
pub fn position_in_text(source: &SourceFile, text: Span, line: u64, column: u64) -> Option<usize> {
    let (line, column) = (usize::try_from(line).ok()?, usize::try_from(column).ok()?);
    let shown = source.text.get(text.start..text.end)?;
    // Block texts: the value begins on the line behind `|`, wherever the parser lets the span
    // begin.
    let line_of_start = source.place(text.start).line;
    let before = source.text.get(source.line_start(line_of_start)..text.start)?;
    let (first, indent) = if shown.starts_with('|') {
        (line_of_start + 1, indent_of(source, line_of_start + 1))
    } else if before.trim().is_empty() {
        (line_of_start, indent_of(source, line_of_start))
    } else if line == 1 && !shown.contains('\n') && !shown.starts_with(['>', '"', '\'']) {
        return Some(text.start + column.checked_sub(1)?);
    } else {
        return None;
    };
    let start = source.line_start(first + line.checked_sub(1)?) + indent;
    let rest = source.text.get(start..)?;
    let within = rest.char_indices().nth(column.checked_sub(1)?).map(|(at, _)| at)?;
    Some(start + within)
}

fn indent_of(source: &SourceFile, line: usize) -> usize {
    let rest = source.text.get(source.line_start(line)..).unwrap_or("");
    rest.len() - rest.trim_start_matches(' ').len()
}
