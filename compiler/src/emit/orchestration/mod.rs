//! What runs when: `manifest.json`, which the runtime executes, and the same for AWS in `aws/orchestration.json`
//! (CloudFormation with Step Functions and EventBridge Scheduler inside).
//!
//! Runs after the warehouse targets: the manifest names the digest of every SQL file that the runtime executes.

mod aws;
pub mod schema;
mod states;

use std::collections::BTreeMap;
use std::mem::take;

use covenant_model::manifest::{MANIFEST_FORMAT, Manifest};
use sha2::{Digest, Sha256};

use super::{EmitError, add, json};
use crate::plan::Plan;
use crate::tree::OutputTree;

const TARGET: &str = "orchestration";
/// Path of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// Files under this prefix are executed by the runtime.
const EXECUTED: &str = "duckdb/";

/// Generates `manifest.json` and `aws/orchestration.json`.
///
/// # Errors
/// Where the plan cannot be written as JSON (a bug of the compiler).
pub fn emit(plan: &Plan, tree: &mut OutputTree) -> Result<(), EmitError> {
    let mut manifest = Manifest {
        format: MANIFEST_FORMAT,
        compiler: env!("CARGO_PKG_VERSION").to_owned(),
        project: plan.project.clone(),
        entities: plan.entities.clone(),
        models: plan.models.clone(),
        jobs: plan.jobs.clone(),
        files: executed_files(tree),
    };
    without_extensions(&mut manifest);
    let mut value = json::value(TARGET, MANIFEST, &manifest)?;
    json::mark(&mut value, "_generated", &plan.project.name);
    add(tree, MANIFEST, json::pretty(&value))?;
    let path = "aws/orchestration.json";
    add(tree, path, json::pretty(&aws::template(plan)))
}

/// The runtime has no use for what other standards say.
fn without_extensions(manifest: &mut Manifest) {
    take(&mut manifest.project.extensions);
    for entity in &mut manifest.entities {
        take(&mut entity.terms.extensions);
        entity.fields.iter_mut().for_each(|field| drop(take(&mut field.terms.extensions)));
    }
    for model in &mut manifest.models {
        take(&mut model.terms.extensions);
        model.fields.iter_mut().for_each(|field| drop(take(&mut field.terms.extensions)));
    }
}

fn executed_files(tree: &OutputTree) -> BTreeMap<String, String> {
    tree.iter()
        .filter(|(path, _)| path.starts_with(EXECUTED))
        .map(|(path, text)| (path.to_owned(), hex::encode(Sha256::digest(text.as_bytes()))))
        .collect()
}
