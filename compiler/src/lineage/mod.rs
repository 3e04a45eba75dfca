//! Lineage by design: what every column comes from and goes to, known before anything runs. A graph over the plan, a part of it
//! around one place, and its forms: a tree for people, JSON for programs. Pure.
//!
//! There are two graphs: of whole datasets, and of columns. A place is named as it is called where it stands: `sales.order.total`,
//! `public.orders.total`, `ANALYTICS.SALES.ORDERS.total`, `Order__c.Total__c`.

mod columns;
mod datasets;
pub mod json;
pub mod picture;
pub mod tree;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;

use crate::diagnostic::nearest;
use crate::plan::Plan;

/// What a place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A table, stream or object that is read; or a column of it.
    Source,
    /// An entity, or a field of it.
    Entity,
    /// A model, or a column of it.
    Model,
    /// A table of the warehouse or an object of the org that is written; or a column of it.
    Sink,
}

/// A dataset, or a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Its own name, unique within its system: `sales.order.total`.
    pub name: String,
    /// The system that it stands in; none of contracts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The dataset that a column is of, as it is called there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// Type, or what people call it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Class of personal data; of a dataset all classes that stand in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pii: Vec<String>,
}

impl Node {
    /// Name without that of its dataset.
    pub fn short(&self) -> &str {
        let dataset = self.dataset.as_deref().and_then(|set| self.name.strip_prefix(set));
        dataset.and_then(|rest| rest.strip_prefix('.')).unwrap_or(&self.name)
    }
}

/// What goes from one place to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// Place in [`Graph::nodes`].
    pub from: usize,
    /// Place in [`Graph::nodes`].
    pub to: usize,
    /// What happens on the way: `encrypted`, `computed`.
    pub how: String,
}

/// Places, and what goes where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Graph {
    /// Every place once.
    pub nodes: Vec<Node>,
    /// From a place to another, each pair once, sorted.
    pub edges: Vec<Edge>,
}

/// Where to look from a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What it comes from.
    Up,
    /// What it goes to.
    Down,
    /// Both.
    Both,
}

impl Direction {
    /// Whether it looks at what a place comes from.
    pub fn up(self) -> bool {
        matches!(self, Self::Up | Self::Both)
    }

    /// Whether it looks at what a place goes to.
    pub fn down(self) -> bool {
        matches!(self, Self::Down | Self::Both)
    }
}

/// There is no such place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no entity, model, field, table or object is called `{wanted}`{}", near.as_ref().map(|near| format!("; did you mean {near}?")).unwrap_or_default())]
pub struct Unknown {
    /// As it was asked for.
    pub wanted: String,
    /// What it might have been.
    pub near: Option<String>,
}

/// The graph that has a place of that name, and where the place stands in it.
///
/// # Errors
/// Where neither a dataset nor a column is called so.
pub fn find(plan: &Plan, wanted: &str) -> Result<(Graph, usize), Unknown> {
    let graphs = [datasets::graph(plan), columns::graph(plan)];
    for graph in &graphs {
        // A contract counts before a table of the same name.
        let same = |node: &Node| node.name == wanted;
        let own = |node: &Node| same(node) && node.system.is_none();
        let found = graph.nodes.iter().position(own);
        if let Some(at) = found.or_else(|| graph.nodes.iter().position(same)) {
            return Ok((graph.clone(), at));
        }
    }
    let names = graphs.iter().flat_map(|graph| &graph.nodes).map(|node| node.name.as_str());
    let near = nearest(wanted, names).map(str::to_owned);
    Err(Unknown { wanted: wanted.to_owned(), near })
}

/// Every dataset, and what goes where.
pub fn overview(plan: &Plan) -> Graph {
    datasets::graph(plan)
}

impl Graph {
    /// The part that is reached from a place, and where that place stands in it.
    pub fn around(&self, start: usize, direction: Direction) -> (Self, usize) {
        let mut kept = BTreeSet::from([start]);
        if direction.up() {
            kept.extend(self.reached(start, |edge| (edge.to, edge.from)));
        }
        if direction.down() {
            kept.extend(self.reached(start, |edge| (edge.from, edge.to)));
        }
        let places: BTreeMap<usize, usize> = kept.iter().copied().zip(0..).collect();
        let nodes = kept.iter().filter_map(|at| self.nodes.get(*at).cloned()).collect();
        let moved = |edge: &Edge| {
            let (from, to) = (*places.get(&edge.from)?, *places.get(&edge.to)?);
            Some(Edge { from, to, how: edge.how.clone() })
        };
        let edges = self.edges.iter().filter_map(moved).collect();
        (Self { nodes, edges }, places.get(&start).copied().unwrap_or_default())
    }

    fn reached(&self, start: usize, along: impl Fn(&Edge) -> (usize, usize)) -> BTreeSet<usize> {
        let mut ways: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for edge in &self.edges {
            let (from, to) = along(edge);
            ways.entry(from).or_default().push(to);
        }
        let mut seen = BTreeSet::new();
        let mut open = VecDeque::from([start]);
        while let Some(at) = open.pop_front() {
            for next in ways.get(&at).into_iter().flatten() {
                if seen.insert(*next) {
                    open.push_back(*next);
                }
            }
        }
        seen
    }

    /// Where what `of` comes from stands, or what it goes to, with what happens on the way.
    fn neighbours(&self, of: usize, up: bool) -> Vec<(usize, &str)> {
        let ends = self.edges.iter().filter_map(|edge| match up {
            true => (edge.to == of).then_some((edge.from, edge.how.as_str())),
            false => (edge.from == of).then_some((edge.to, edge.how.as_str())),
        });
        ends.collect()
    }
}

/// Builds a graph: nodes are known by kind, system and name.
#[derive(Default)]
struct Builder {
    graph: Graph,
    known: BTreeMap<(Kind, Option<String>, String), usize>,
    pairs: BTreeMap<(usize, usize), BTreeSet<String>>,
}

impl Builder {
    fn node(&mut self, node: Node) -> usize {
        let key = (node.kind, node.system.clone(), node.name.clone());
        if let Some(at) = self.known.get(&key) {
            return *at;
        }
        let at = self.graph.nodes.len();
        self.graph.nodes.push(node);
        self.known.insert(key, at);
        at
    }

    fn contract(&self, kind: Kind, name: &str) -> Option<usize> {
        self.known.get(&(kind, None, name.to_owned())).copied()
    }

    fn edge(&mut self, from: usize, to: usize, how: &str) {
        let all = self.pairs.entry((from, to)).or_default();
        if !how.is_empty() {
            all.insert(how.to_owned());
        }
    }

    fn finish(mut self) -> Graph {
        let edges = self.pairs.into_iter().map(|((from, to), how)| {
            let how = how.into_iter().collect::<Vec<_>>().join(", ");
            Edge { from, to, how }
        });
        self.graph.edges = edges.collect();
        self.graph
    }
}
