//! Hashes of what contracts mean: equal where only words, places or versions differ.

use covenant_model::spec::{EntitySpec, ModelSpec};
use sha2::{Digest, Sha256};

/// SHA-256 over the JSON of the specification without what only people read.
pub(super) fn entity(spec: &EntitySpec) -> String {
    let mut bare = spec.clone();
    bare.contract_hash.clear();
    bare.version.clear();
    bare.owner.clear();
    bare.purpose.clear();
    for field in &mut bare.fields {
        field.about = None;
    }
    for rule in &mut bare.quality {
        rule.about = None;
        rule.text.clear();
    }
    if let Some(filter) = bare.salesforce.as_mut().and_then(|sink| sink.filter.as_mut()) {
        filter.text.clear();
    }
    digest(&bare)
}

/// The same of a model; the query counts in the parser's formatting.
pub(super) fn model(spec: &ModelSpec, canonical_query: &str) -> String {
    let mut bare = spec.clone();
    bare.contract_hash.clear();
    bare.version.clear();
    bare.owner.clear();
    bare.purpose.clear();
    bare.query = canonical_query.to_owned();
    for field in &mut bare.fields {
        field.about = None;
    }
    digest(&bare)
}

/// Members in the order of the type, maps sorted: one meaning, one text.
fn digest<T: serde::Serialize>(value: &T) -> String {
    // Plain data without maps of non-text keys always serializes.
    let text = serde_json::to_vec(value).unwrap_or_default();
    hex::encode(Sha256::digest(text))
}
