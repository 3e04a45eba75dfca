//! The graph for people: what a place comes from and what it goes to, as trees.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Direction, Graph, Kind, Node};

/// A place with everything around it.
pub fn render(graph: &Graph, start: usize, direction: Direction) -> String {
    let Some(node) = graph.nodes.get(start) else { return String::new() };
    let mut text = format!("{}\n", line(node, ""));
    for (up, wanted, heading, nothing) in [
        (true, direction.up(), "comes from", "comes from nothing that a contract names"),
        (false, direction.down(), "goes to", "goes nowhere that a contract names"),
    ] {
        if !wanted {
            continue;
        }
        if graph.neighbours(start, up).is_empty() {
            let _ = writeln!(text, "\n{nothing}");
            continue;
        }
        let _ = writeln!(text, "\n{heading}");
        let mut branch = Branch { graph, up, told: BTreeSet::from([start]), text: &mut text };
        branch.grow(start, "");
    }
    text
}

/// Every source, and what becomes of it.
pub fn overview(graph: &Graph) -> String {
    let mut text = String::new();
    let mut told = BTreeSet::new();
    for (at, node) in graph.nodes.iter().enumerate().filter(|(_, node)| node.kind == Kind::Source) {
        let _ = writeln!(text, "{}", line(node, ""));
        let mut branch = Branch { graph, up: false, told, text: &mut text };
        branch.grow(at, "");
        told = branch.told;
    }
    text
}

struct Branch<'a> {
    graph: &'a Graph,
    up: bool,
    /// Whose own branches have been drawn.
    told: BTreeSet<usize>,
    text: &'a mut String,
}

impl Branch<'_> {
    /// As deep as the lineage: models are in an order, so it ends.
    fn grow(&mut self, at: usize, indent: &str) {
        let mut ends = self.graph.neighbours(at, self.up);
        ends.sort_by_key(|(to, _)| self.graph.nodes.get(*to).map(|node| (node.kind, &node.name)));
        let last = ends.len().saturating_sub(1);
        for (nth, (to, how)) in ends.into_iter().enumerate() {
            let Some(node) = self.graph.nodes.get(to) else { continue };
            let (joint, below) =
                if nth == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let more = !self.graph.neighbours(to, self.up).is_empty();
            let again = !self.told.insert(to) && more;
            let rest = if again { "  … as above" } else { "" };
            let _ = writeln!(self.text, "{indent}{joint}{}{rest}", line(node, how));
            if !again {
                self.grow(to, &format!("{indent}{below}"));
            }
        }
    }
}

/// Letters of a purpose or a type that one line shows.
const ABOUT_LETTERS: usize = 64;

/// The first sentence, cut where it is long.
fn brief(about: &str) -> String {
    let first = about.split_once(". ").map_or(about, |(first, _)| first).trim_end_matches('.');
    if first.chars().count() <= ABOUT_LETTERS {
        return first.to_owned();
    }
    let kept: String = first.chars().take(ABOUT_LETTERS).collect();
    format!("{}…", kept.trim_end())
}

/// `snowflake ANALYTICS.SALES.ORDERS.total  decimal(12,2)  [contact]  (encrypted)`
fn line(node: &Node, how: &str) -> String {
    let mut text = String::new();
    if let Some(system) = &node.system {
        text.push_str(system);
        text.push(' ');
    }
    text.push_str(&node.name);
    if !node.about.is_empty() {
        let _ = write!(text, "  {}", brief(&node.about));
    }
    if !node.pii.is_empty() {
        let _ = write!(text, "  [{}]", node.pii.join(", "));
    }
    if !how.is_empty() {
        let _ = write!(text, "  ({how})");
    }
    text
}
