//! The lineage graph: systems, entities, models, sinks, and where each stands in the picture.

use std::collections::BTreeMap;

use covenant_model::spec::{EntitySpec, SourceSpec, SystemSpec};
use serde::Serialize;

use super::Boxed;
use super::catalogue::duration;
use super::layout::{Layout, Measures};
use crate::emit::sql::slug;
use crate::plan::Plan;

/// Boxes are wide enough for a name of 28 letters.
const MEASURES: Measures =
    Measures { column_step: 360, box_width: 260, box_height: 48, gap: 22, way_height: 4 };
const MARGIN: usize = 28;
/// Letters of a title that a box is sure to hold.
const TITLE_LETTERS: usize = 28;
/// The same of the smaller line.
const SUBTITLE_LETTERS: usize = 38;
/// Room for the headings above the columns.
const HEADING: usize = 36;

/// A box.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Node {
    /// Unique, letters and underscores.
    pub(super) id: String,
    /// `source`, `entity`, `model`, `sink`
    pub(super) kind: &'static str,
    pub(super) title: String,
    pub(super) subtitle: String,
    /// Whether personal data stands in it.
    pub(super) personal: bool,
    pub(super) column: usize,
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// An arrow.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Edge {
    pub(super) from: String,
    pub(super) to: String,
    /// SVG path.
    pub(super) path: String,
}

/// A heading above a column.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Heading {
    pub(super) text: &'static str,
    pub(super) x: usize,
    pub(super) y: usize,
}

/// The whole picture.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
    pub(super) headings: Vec<Heading>,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Graph {
    /// Draws a plan, left to right.
    pub(super) fn new(plan: &Plan) -> Self {
        let depths = model_depths(plan);
        let sink_column = 2 + depths.values().max().map_or(0, |deepest| deepest + 1);
        let mut nodes = sources(plan);
        nodes.extend(plan.entities.iter().map(entity));
        for model in &plan.models {
            let depth = depths.get(&model.name).copied().unwrap_or(0);
            let every = duration(model.refresh_s);
            let about = format!("{} columns · every {every}", model.fields.len());
            let personal = model.fields.iter().any(|field| field.pii.is_some());
            nodes.push(node("model", 2 + depth, &model.name, about, personal));
        }
        nodes.extend(sinks(plan, sink_column));
        let (edges, width, height) = place(&mut nodes, arrows(plan));
        let headings = [("Sources", 0), ("Entities", 1), ("Models", 2), ("Sinks", sink_column)]
            .into_iter()
            .filter(|(text, _)| *text != "Models" || !plan.models.is_empty())
            .map(|(text, column)| Heading {
                text,
                x: MARGIN + column * MEASURES.column_step,
                y: MARGIN,
            })
            .collect();
        Self { nodes, edges, headings, width, height }
    }

    /// Draws boxes; an arrow that does not lead to the right is left out.
    pub(super) fn of_boxes(boxes: &[Boxed], arrows: &[(usize, usize)]) -> Self {
        let id = |at: usize| format!("box_{at}");
        let drawn = boxes.iter().enumerate().map(|(at, one)| Node {
            id: id(at),
            title: fitting(&one.title, TITLE_LETTERS),
            subtitle: fitting(&one.subtitle, SUBTITLE_LETTERS),
            ..node(one.kind, one.column, "", String::new(), one.personal)
        });
        let mut nodes: Vec<Node> = drawn.collect();
        let column = |at: usize| boxes.get(at).map(|one| one.column);
        let right = arrows.iter().filter(|(from, to)| column(*from) < column(*to));
        let (edges, width, height) =
            place(&mut nodes, right.map(|(from, to)| (id(*from), id(*to))).collect());
        let mut headings: BTreeMap<usize, &'static str> = BTreeMap::new();
        for one in boxes {
            headings.entry(one.column).or_insert_with(|| heading(one.kind));
        }
        let headings = headings.into_iter().map(|(column, text)| Heading {
            text,
            x: MARGIN + column * MEASURES.column_step,
            y: MARGIN,
        });
        Self { nodes, edges, headings: headings.collect(), width, height }
    }
}

/// What stands above a column whose boxes are all of one kind.
fn heading(kind: &str) -> &'static str {
    match kind {
        "source" => "Sources",
        "entity" => "Entities",
        "model" => "Models",
        _ => "Sinks",
    }
}

/// As much of a name as a box holds: the tree has all of it.
fn fitting(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    let kept: String = text.chars().take(letters.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

fn node(kind: &'static str, column: usize, title: &str, subtitle: String, personal: bool) -> Node {
    Node {
        id: format!("{kind}_{}", slug(title)),
        kind,
        title: title.to_owned(),
        subtitle,
        personal,
        column,
        x: 0,
        y: 0,
        width: MEASURES.box_width,
        height: MEASURES.box_height,
    }
}

fn sources(plan: &Plan) -> Vec<Node> {
    let read = |name: &str| {
        plan.entities.iter().any(|entity| entity.sources.values().any(|s| system_of(s) == name))
    };
    let shown = |(name, spec): (&String, &SystemSpec)| {
        let about = match spec {
            SystemSpec::Postgres { .. } => "PostgreSQL, logical replication",
            SystemSpec::Stream { .. } => "event stream",
            SystemSpec::Salesforce { .. } => "Salesforce, change events",
            SystemSpec::Snowflake { .. } => "Snowflake",
        };
        read(name).then(|| node("source", 0, name, about.to_owned(), false))
    };
    plan.project.systems.iter().filter_map(shown).collect()
}

fn system_of(source: &SourceSpec) -> &str {
    match source {
        SourceSpec::Postgres { system, .. }
        | SourceSpec::Stream { system, .. }
        | SourceSpec::Salesforce { system, .. } => system,
    }
}

fn entity(entity: &EntitySpec) -> Node {
    let personal = entity.fields.iter().any(|field| field.pii.is_some());
    let groups = entity.groups.len();
    let plural = if groups == 1 { "" } else { "s" };
    let about = format!("{} fields · {groups} merge group{plural}", entity.fields.len());
    node("entity", 1, &entity.name, about, personal)
}

fn warehouse_title(database: &str) -> String {
    format!("Snowflake {database}")
}

fn object_title(object: &str) -> String {
    format!("Salesforce {object}")
}

fn sinks(plan: &Plan, column: usize) -> Vec<Node> {
    let mut tables: BTreeMap<&str, usize> = BTreeMap::new();
    let warehouses = plan
        .entities
        .iter()
        .filter_map(|entity| entity.warehouse.as_ref())
        .chain(plan.models.iter().map(|model| &model.warehouse));
    for sink in warehouses {
        *tables.entry(&sink.database).or_default() += 1;
    }
    let mut nodes: Vec<Node> = tables
        .into_iter()
        .map(|(database, count)| {
            node("sink", column, &warehouse_title(database), format!("{count} tables"), false)
        })
        .collect();
    for entity in &plan.entities {
        if let Some(sink) = &entity.salesforce {
            let about = format!("{} fields by {}", sink.fields.len(), sink.external_id);
            let title = object_title(&sink.object);
            nodes.push(node("sink", column, &title, about, sink.reveal.is_some()));
        }
    }
    nodes
}

/// Longest way of a model to an entity, counted in models.
fn model_depths(plan: &Plan) -> BTreeMap<String, usize> {
    let mut depths: BTreeMap<String, usize> = BTreeMap::new();
    for model in &plan.models {
        let inputs = model.inputs.iter().filter_map(|input| depths.get(input));
        let depth = inputs.max().map_or(0, |deepest| deepest + 1);
        depths.insert(model.name.clone(), depth);
    }
    depths
}

/// Gives every box its place, and every arrow its way.
fn place(nodes: &mut [Node], pairs: Vec<(String, String)>) -> (Vec<Edge>, usize, usize) {
    let index = |id: &str| nodes.iter().position(|node| node.id == id);
    let (pairs, ends): (Vec<_>, Vec<_>) = pairs
        .into_iter()
        .filter_map(|pair| Some((index(&pair.0)?, index(&pair.1)?)).map(|ends| (pair, ends)))
        .unzip();
    let columns: Vec<usize> = nodes.iter().map(|node| node.column).collect();
    let layout = Layout::new(&columns, &ends, MEASURES);
    let top = MARGIN + HEADING;
    for (index, node) in nodes.iter_mut().enumerate() {
        node.x = MARGIN + node.column * MEASURES.column_step;
        node.y = top + layout.y(index);
    }
    let draw = |(arrow, (from, to))| Edge { from, to, path: layout.path(arrow, MARGIN, top) };
    let edges = pairs.into_iter().enumerate().map(draw).collect();
    let last_column = columns.iter().copied().max().unwrap_or(0);
    let width = 2 * MARGIN + last_column * MEASURES.column_step + MEASURES.box_width;
    (edges, width, top + layout.height() + MARGIN)
}

/// Who feeds whom, by id.
fn arrows(plan: &Plan) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let id = |kind: &str, name: &str| format!("{kind}_{}", slug(name));
    for entity in &plan.entities {
        let me = id("entity", &entity.name);
        for source in entity.sources.values() {
            pairs.push((id("source", system_of(source)), me.clone()));
        }
        if let Some(sink) = &entity.warehouse {
            pairs.push((me.clone(), id("sink", &warehouse_title(&sink.database))));
        }
        if let Some(sink) = &entity.salesforce {
            pairs.push((me.clone(), id("sink", &object_title(&sink.object))));
        }
    }
    for model in &plan.models {
        let me = id("model", &model.name);
        for input in &model.inputs {
            let kind = if plan.entity(input).is_some() { "entity" } else { "model" };
            pairs.push((id(kind, input), me.clone()));
        }
        pairs.push((me, id("sink", &warehouse_title(&model.warehouse.database))));
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}
