//! `covenant lineage`: what comes from where, and what goes where.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::commands::compiled;
use super::output::{internal, remark, result, unreadable};
use super::{Context, Outcome};
use crate::lineage::{self, Direction, Graph, Kind};
use crate::plan::Plan;
use crate::{InternalError, driver, interop};

/// What is asked.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// An entity, a model, a field of one (`sales.order.total`), or a table, object or column as its system calls it. Without
    /// one: every dataset.
    place: Option<String>,
    /// Only what it comes from.
    #[arg(long, requires = "place", conflicts_with = "down")]
    up: bool,
    /// Only what it goes to.
    #[arg(long, requires = "place")]
    down: bool,
    /// How it is shown.
    #[arg(long = "as", value_enum, default_value_t = Form::Tree)]
    form: Form,
}

/// How lineage is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    Tree,
    /// Nodes and edges, for programs.
    Json,
    /// OpenLineage 2.0.2: the event of every job on the way, one a line.
    #[value(name = "openlineage")]
    OpenLineage,
    /// A picture.
    Svg,
}

/// Shows lineage, on standard output or in the file of `--output`.
pub(super) fn lineage(context: &Context, asked: &Arguments) -> Outcome {
    compiled(context, |_, plan| {
        let direction = match (asked.up, asked.down) {
            (true, _) => Direction::Up,
            (false, true) => Direction::Down,
            (false, false) => Direction::Both,
        };
        let (graph, start) = match &asked.place {
            None => (lineage::overview(plan), None),
            Some(place) => match lineage::find(plan, place) {
                Ok((graph, at)) => {
                    let (part, at) = graph.around(at, direction);
                    (part, Some(at))
                }
                Err(unknown) => {
                    remark(&format!("error: {unknown}"));
                    return Outcome::Unreadable;
                }
            },
        };
        match shown(context, plan, asked.form, (&graph, start, direction)) {
            Ok(text) => put(context, text),
            Err(error) => internal(&error),
        }
    })
}

fn shown(
    context: &Context,
    plan: &Plan,
    form: Form,
    (graph, start, direction): (&Graph, Option<usize>, Direction),
) -> Result<String, InternalError> {
    match (form, start) {
        (Form::Tree, None) => Ok(lineage::tree::overview(graph)),
        (Form::Tree, Some(start)) => Ok(lineage::tree::render(graph, start, direction)),
        (Form::Json, start) => lineage::json::render(graph, start)
            .map_err(|error| InternalError(format!("the lineage is no JSON: {error}"))),
        (Form::Svg, _) => lineage::picture::render(&plan.project.name, graph)
            .map_err(|error| InternalError(error.to_string())),
        (Form::OpenLineage, _) => {
            let jobs = jobs(plan, graph);
            interop::events(plan, context.today, |job| jobs.contains(job))
                .map_err(|error| InternalError(error.to_string()))
        }
    }
}

fn put(context: &Context, text: String) -> Outcome {
    let path: Option<&PathBuf> = context.output.as_ref();
    match path.map(|path| driver::write_text(path, &text)) {
        None => result(&text),
        Some(Ok(())) => {}
        Some(Err(error)) => return unreadable(context, &error),
    }
    Outcome::Fine
}

/// The jobs that do what the edges say: `land.sales.order`, `deliver.sales.order`, `compute.analytics.daily_sales`.
fn jobs(plan: &Plan, graph: &Graph) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for edge in &graph.edges {
        let (Some(from), Some(to)) = (graph.nodes.get(edge.from), graph.nodes.get(edge.to)) else {
            continue;
        };
        let dataset = |node: &lineage::Node| node.dataset.as_ref().unwrap_or(&node.name).clone();
        let org = |entity: &str| {
            let sink = plan.entity(entity).and_then(|entity| entity.salesforce.as_ref());
            sink.is_some_and(|sink| Some(&sink.system) == to.system.as_ref())
        };
        all.insert(match (from.kind, to.kind) {
            (_, Kind::Model) => format!("compute.{}", dataset(to)),
            (Kind::Model, _) => format!("compute.{}", dataset(from)),
            (_, Kind::Entity) => format!("land.{}", dataset(to)),
            (_, Kind::Sink) if org(&dataset(from)) => format!("deliver.{}", dataset(from)),
            (_, Kind::Sink | Kind::Source) => format!("land.{}", dataset(from)),
        });
    }
    all
}
