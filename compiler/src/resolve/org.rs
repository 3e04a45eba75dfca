//! Which describes belong to which Salesforce system, and whether they are of its org and API version.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use covenant_model::spec::SystemSpec;

use super::Cx;
use crate::describe::{Described, SObject, SUFFIX};
use crate::diagnostic::{Diagnostic, codes};
use crate::ir::Org;
use crate::parse::PROJECT;
use crate::source::Span;

pub(super) fn resolve(cx: &Cx<'_>) -> BTreeMap<String, Org> {
    let mut orgs = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for (name, system) in &cx.project.systems {
        let SystemSpec::Salesforce { api_version, org, describe: Some(folder), .. } = system else {
            continue;
        };
        let at = format!("{PROJECT}/systems/{name}");
        let wanted = Wanted { cx, at: &at, api_version, org: org.as_deref() };
        let below = format!("{}{}/", beside_project(cx), folder.trim_matches('/'));
        let of_system = cx.ast.describes.iter().filter(|one| one.path.starts_with(&below));
        let mut found = Org::default();
        for described in of_system {
            taken.insert(described.path.as_str());
            wanted.take(described, &mut found);
        }
        if found.objects.is_empty() && found.unusable.is_empty() {
            let headline = format!("there is no `*{SUFFIX}` in `{below}`");
            cx.sink.push(
                Diagnostic::new(&codes::NO_DESCRIBE, cx.at(&format!("{at}/describe")), headline)
                    .why("the folder stands beside project.yaml")
                    .help(HOW_TO_DESCRIBE),
            );
            continue;
        }
        orgs.insert(name.clone(), found);
    }
    unasked(cx, &taken);
    orgs
}

/// How a describe is had.
pub(crate) const HOW_TO_DESCRIBE: &str = "commit the answer of `GET /services/data/v<version>/sobjects/<Object>/describe` as \
                              `<Object>.describe.json`, asked as the integration user";

/// The folder of `project.yaml`, with a `/` behind it.
fn beside_project(cx: &Cx<'_>) -> String {
    let file = cx.spans.value(PROJECT).and_then(|span| cx.sources.get(span.file));
    let path = file.map(|file| file.path.as_str()).unwrap_or_default();
    path.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default()
}

/// Describes that no system asks for.
fn unasked(cx: &Cx<'_>, taken: &BTreeSet<&str>) {
    // Without a project nobody can say what is asked for.
    if cx.ast.project.is_none() {
        return;
    }
    for described in &cx.ast.describes {
        if taken.contains(described.path.as_str()) {
            continue;
        }
        let headline = format!("nothing is held against {}", described.path);
        cx.sink.push(
            Diagnostic::new(&codes::DESCRIBE_UNASKED, Span::file_start(described.file), headline)
                .help("name its folder: `describe: <folder>` of the Salesforce system in project.yaml"),
        );
    }
}

/// What the describes of a system must be.
struct Wanted<'a> {
    cx: &'a Cx<'a>,
    at: &'a str,
    api_version: &'a str,
    org: Option<&'a str>,
}

impl Wanted<'_> {
    fn take(&self, described: &Arc<Described>, found: &mut Org) {
        let name = described.object.as_ref().map_or(&described.stem, |object| &object.name);
        let name = name.to_lowercase();
        let usable = described.object.as_ref().is_some_and(|object| self.of_this_org(object));
        if !usable {
            found.unusable.insert(name);
            return;
        }
        if let Some(first) = found.objects.get(&name) {
            let at =
                |one: &Described| one.object.as_ref().map_or(Span::file_start(one.file), |o| o.at);
            self.cx.sink.push(
                Diagnostic::new(
                    &codes::BAD_DESCRIBE,
                    at(described),
                    format!("{} is described twice", described.stem),
                )
                .label(at(first), "first here")
                .help("remove one of them"),
            );
            return;
        }
        found.objects.insert(name, Arc::clone(described));
    }

    /// Whether it tells of this org, in this version of the API. One finding: what it says of fields says nothing here.
    fn of_this_org(&self, object: &SObject) -> bool {
        if let (Some(org), Some((host, at))) = (self.org, &object.host)
            && !org.eq_ignore_ascii_case(host)
        {
            let headline = format!("the describe of `{}` is of another org: {host}", object.name);
            self.cx.sink.push(
                Diagnostic::new(&codes::DESCRIBE_ORG, *at, headline)
                    .label(self.cx.at(&format!("{}/org", self.at)), format!("this org is {org}"))
                    .why("what another org has says nothing of this one: none of it was compared")
                    .help("ask the right org again and commit its answer, or correct `org`"),
            );
            return false;
        }
        // an object without an address of its own (a custom setting) says nothing of its version
        let Some((version, at)) = &object.version else { return true };
        if version == self.api_version {
            return true;
        }
        let headline = format!("the describe of `{}` is of API version {version}", object.name);
        let declared = format!("calls are made in version {}", self.api_version);
        self.cx.sink.push(
            Diagnostic::new(&codes::DESCRIBE_VERSION, *at, headline)
                .label(self.cx.at(&format!("{}/api_version", self.at)), declared)
                .why("fields and types differ between versions: none of it was compared")
                .help(format!(
                    "ask again in version {}, or change `api_version`",
                    self.api_version
                )),
        );
        false
    }
}
