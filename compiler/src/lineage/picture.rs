//! The graph as a picture: an SVG that needs nothing else, left to right.

use std::collections::{BTreeMap, BTreeSet};

use super::{Graph, Kind};
use crate::emit::EmitError;
use crate::emit::docs::{Boxed, picture};

/// # Errors
/// Where the template fails (a bug of the compiler).
pub fn render(project: &str, graph: &Graph) -> Result<String, EmitError> {
    let places = places(graph);
    let boxes = graph.nodes.iter().zip(&places).map(|(node, column)| {
        let of = match (&node.system, &node.dataset) {
            (Some(system), Some(dataset)) => format!("{system} {dataset}"),
            (Some(system), None) => system.clone(),
            (None, Some(dataset)) => dataset.clone(),
            (None, None) => String::new(),
        };
        // What does not fit under the name is in the tree.
        let subtitle = if of.is_empty() { node.about.clone() } else { of };
        Boxed {
            kind: match node.kind {
                Kind::Source => "source",
                Kind::Entity => "entity",
                Kind::Model => "model",
                Kind::Sink => "sink",
            },
            column: *column,
            title: node.short().to_owned(),
            subtitle,
            personal: !node.pii.is_empty(),
        }
    });
    let arrows: Vec<(usize, usize)> = graph.edges.iter().map(|edge| (edge.from, edge.to)).collect();
    picture(project, &boxes.collect::<Vec<_>>(), &arrows)
}

/// Sources, entities, models by their distance from entities, sinks; columns that nothing stands in are left out.
fn places(graph: &Graph) -> Vec<usize> {
    let mut depths: BTreeMap<usize, usize> = BTreeMap::new();
    let is_model = |at: &usize| graph.nodes.get(*at).is_some_and(|node| node.kind == Kind::Model);
    // A model stands behind its inputs, so as many rounds as there are nodes are enough.
    for _ in 0..graph.nodes.len() {
        let mut moved = false;
        for edge in graph.edges.iter().filter(|edge| is_model(&edge.from) && is_model(&edge.to)) {
            let depth = depths.get(&edge.from).map_or(1, |depth| depth + 1);
            if depths.get(&edge.to).is_none_or(|known| *known < depth) {
                depths.insert(edge.to, depth);
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    let last = 3 + depths.values().copied().max().unwrap_or_default();
    let wanted: Vec<usize> = graph
        .nodes
        .iter()
        .enumerate()
        .map(|(at, node)| match node.kind {
            Kind::Source => 0,
            Kind::Entity => 1,
            Kind::Model => 2 + depths.get(&at).copied().unwrap_or_default(),
            Kind::Sink => last,
        })
        .collect();
    let used: BTreeSet<usize> = wanted.iter().copied().collect();
    let ranks: BTreeMap<usize, usize> = used.into_iter().zip(0..).collect();
    wanted.iter().map(|column| ranks.get(column).copied().unwrap_or_default()).collect()
}
