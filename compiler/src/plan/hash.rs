//! Hashes of what contracts mean: equal where only words, places or versions differ.

use std::mem::take;

use covenant_model::spec::{EntitySpec, ModelSpec};
use sha2::{Digest, Sha256};

/// SHA-256 over the JSON of the specification without what only people read, which is taken out for as long.
pub(super) fn entity(spec: &mut EntitySpec) -> String {
    let head = head(&mut spec.version, &mut spec.owner, &mut spec.purpose);
    let terms = take(&mut spec.terms);
    let fields: Vec<_> =
        spec.fields.iter_mut().map(|field| (field.about.take(), take(&mut field.terms))).collect();
    let rules: Vec<_> =
        spec.quality.iter_mut().map(|rule| (rule.about.take(), take(&mut rule.text))).collect();
    let filter = spec.salesforce.as_mut().and_then(|sink| sink.filter.as_mut());
    let filter = filter.map(|filter| take(&mut filter.text));
    spec.contract_hash.clear();
    let hash = digest(spec);
    (spec.version, spec.owner, spec.purpose) = head;
    spec.terms = terms;
    for (field, (about, terms)) in spec.fields.iter_mut().zip(fields) {
        (field.about, field.terms) = (about, terms);
    }
    for (rule, (about, text)) in spec.quality.iter_mut().zip(rules) {
        (rule.about, rule.text) = (about, text);
    }
    let sink = spec.salesforce.as_mut().and_then(|sink| sink.filter.as_mut());
    if let (Some(now), Some(text)) = (sink, filter) {
        now.text = text;
    }
    hash
}

/// The same of a model; the query counts in the parser's formatting.
pub(super) fn model(spec: &mut ModelSpec, canonical_query: String) -> String {
    let head = head(&mut spec.version, &mut spec.owner, &mut spec.purpose);
    let terms = take(&mut spec.terms);
    let fields: Vec<_> =
        spec.fields.iter_mut().map(|field| (field.about.take(), take(&mut field.terms))).collect();
    let query = std::mem::replace(&mut spec.query, canonical_query);
    spec.contract_hash.clear();
    let hash = digest(spec);
    (spec.version, spec.owner, spec.purpose) = head;
    spec.terms = terms;
    for (field, (about, terms)) in spec.fields.iter_mut().zip(fields) {
        (field.about, field.terms) = (about, terms);
    }
    spec.query = query;
    hash
}

fn head(
    version: &mut String,
    owner: &mut String,
    purpose: &mut String,
) -> (String, String, String) {
    (take(version), take(owner), take(purpose))
}

/// Members in the order of the type, maps sorted: one meaning, one text.
fn digest<T: serde::Serialize>(value: &T) -> String {
    // Plain data without maps of non-text keys always serializes.
    let text = serde_json::to_vec(value).unwrap_or_default();
    hex::encode(Sha256::digest(text))
}
