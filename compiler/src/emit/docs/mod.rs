//! For people: `docs/catalogue.html`, one page that needs nothing else, and the lineage as `docs/lineage.svg` and
//! `docs/lineage.mmd`.

mod catalogue;
mod graph;
mod layout;

use covenant_model::spec::ProjectSpec;
use serde::Serialize;

use self::catalogue::Card;
use self::graph::Graph;
use super::template::Templates;
use super::{EmitError, add};
use crate::plan::Plan;
use crate::tree::OutputTree;

const TARGET: &str = "docs";

macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../templates/docs/", $name)))),+]
    };
}

const TEMPLATES: &[(&str, &str)] =
    templates!["lineage.svg.j2", "lineage.mmd.j2", "catalogue.html.j2"];

#[derive(Serialize)]
struct Picture<'a> {
    project: &'a str,
    graph: &'a Graph,
}

#[derive(Serialize)]
struct Page<'a> {
    project: &'a str,
    version: &'a str,
    owner: &'a str,
    purpose: &'a str,
    picture: &'a str,
    cards: Vec<Card>,
    classes: Vec<(&'a str, &'static str, &'a str, String)>,
}

/// A box of a picture that is drawn on request.
pub(crate) struct Boxed {
    /// `source`, `entity`, `model`, `sink`
    pub(crate) kind: &'static str,
    /// From the left.
    pub(crate) column: usize,
    pub(crate) title: String,
    pub(crate) subtitle: String,
    /// Whether personal data stands in it.
    pub(crate) personal: bool,
}

/// An SVG of boxes, and of arrows from a lower to a higher column.
///
/// # Errors
/// Where the template fails (a bug of the compiler).
pub(crate) fn picture(
    project: &str,
    boxes: &[Boxed],
    arrows: &[(usize, usize)],
) -> Result<String, EmitError> {
    let templates = Templates::new(TARGET, TEMPLATES)?;
    let graph = Graph::of_boxes(boxes, arrows);
    templates.render("lineage.svg.j2", "lineage.svg", &Picture { project, graph: &graph })
}

/// Generates `docs/`.
///
/// # Errors
/// Where a template fails (a bug of the compiler).
pub fn emit(plan: &Plan, tree: &mut OutputTree) -> Result<(), EmitError> {
    let templates = Templates::new(TARGET, TEMPLATES)?;
    let graph = Graph::new(plan);
    let project = &plan.project;
    let picture = Picture { project: &project.name, graph: &graph };
    let path = "docs/lineage.svg";
    let svg = templates.render("lineage.svg.j2", path, &picture)?;
    let path_mmd = "docs/lineage.mmd";
    add(tree, path_mmd, templates.render("lineage.mmd.j2", path_mmd, &picture)?)?;
    let classes = project.pii_classes.iter().map(|(name, class)| {
        let protect = catalogue::protection(class.protect);
        (name.as_str(), protect, class.about.as_str(), forbidden(project, name))
    });
    let page = Page {
        project: &project.name,
        version: &project.version,
        owner: &project.owner,
        purpose: &project.purpose,
        picture: &svg,
        cards: catalogue::cards(plan),
        classes: classes.collect(),
    };
    let path_html = "docs/catalogue.html";
    add(tree, path_html, templates.render("catalogue.html.j2", path_html, page)?)?;
    add(tree, path, svg)
}

/// Systems, regions and roles that a class, or one below it, forbids.
fn forbidden(project: &ProjectSpec, class: &str) -> String {
    let bans = project.bans(class);
    let roles = bans.roles.iter().map(|role| role.word().to_owned());
    let all: Vec<String> = bans.systems.into_iter().chain(bans.regions).chain(roles).collect();
    all.join(", ")
}
