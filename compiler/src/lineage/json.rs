//! The graph for programs: nodes and edges, which name nodes by their place in the list.

use serde::Serialize;

use super::Graph;

/// Fixed for good: programs depend on it. New members may come.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    format: u32,
    /// Place of what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<usize>,
    #[serde(flatten)]
    graph: &'a Graph,
}

/// One document; `start` is the place that was asked for.
///
/// # Errors
/// A bug: a graph is plain data.
pub fn render(graph: &Graph, start: Option<usize>) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&Document { format: FORMAT, start, graph })?;
    text.push('\n');
    Ok(text)
}
