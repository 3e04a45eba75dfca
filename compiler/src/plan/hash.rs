//! Hashes of what contracts mean: equal where only words, places or versions differ.

use std::mem::{swap, take};

use covenant_model::spec::{EntitySpec, ModelSpec, RowFilter, SourceSpec};
use covenant_model::terms::{DatasetTerms, FieldTerms};
use sha2::{Digest, Sha256};

/// What only people read of an entity or a model: taken out while its meaning is hashed.
#[derive(Default)]
struct Words {
    version: String,
    owner: String,
    purpose: String,
    terms: DatasetTerms,
    fields: Vec<(Option<String>, FieldTerms)>,
}

impl Words {
    /// Takes the words out, or puts them back: those of the dataset for those that are held.
    fn swap<'s>(
        &mut self,
        (version, owner, purpose): (&mut String, &mut String, &mut String),
        terms: &mut DatasetTerms,
        fields: impl Iterator<Item = (&'s mut Option<String>, &'s mut FieldTerms)>,
    ) {
        swap(&mut self.version, version);
        swap(&mut self.owner, owner);
        swap(&mut self.purpose, purpose);
        swap(&mut self.terms, terms);
        for (at, (about, terms)) in fields.enumerate() {
            match self.fields.get_mut(at) {
                Some(held) => {
                    swap(&mut held.0, about);
                    swap(&mut held.1, terms);
                }
                None => self.fields.push((about.take(), take(terms))),
            }
        }
    }

    fn of_entity(&mut self, spec: &mut EntitySpec) {
        let head = (&mut spec.version, &mut spec.owner, &mut spec.purpose);
        let fields = spec.fields.iter_mut().map(|field| (&mut field.about, &mut field.terms));
        self.swap(head, &mut spec.terms, fields);
    }

    fn of_model(&mut self, spec: &mut ModelSpec) {
        let head = (&mut spec.version, &mut spec.owner, &mut spec.purpose);
        let fields = spec.fields.iter_mut().map(|field| (&mut field.about, &mut field.terms));
        self.swap(head, &mut spec.terms, fields);
    }
}

/// SHA-256 over the JSON of the specification without what only people read, which is taken out for as long.
pub(super) fn entity(spec: &mut EntitySpec) -> String {
    let mut words = Words::default();
    words.of_entity(spec);
    let rules: Vec<_> =
        spec.quality.iter_mut().map(|rule| (rule.about.take(), take(&mut rule.text))).collect();
    let filter = spec.salesforce.as_mut().and_then(|sink| sink.filter.as_mut());
    let filter = filter.map(|filter| take(&mut filter.text));
    let rows: Vec<_> = row_filters(spec).map(|filter| take(&mut filter.text)).collect();
    spec.contract_hash.clear();
    let hash = digest(spec);
    words.of_entity(spec);
    for (filter, text) in row_filters(spec).zip(rows) {
        filter.text = text;
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

fn row_filters(spec: &mut EntitySpec) -> impl Iterator<Item = &mut RowFilter> {
    spec.sources.values_mut().filter_map(|source| match source {
        SourceSpec::Postgres { filter, .. } => filter.as_mut(),
        SourceSpec::Stream { .. } | SourceSpec::Salesforce { .. } => None,
    })
}

/// The same of a model; the query counts in the parser's formatting.
pub(super) fn model(spec: &mut ModelSpec, canonical_query: String) -> String {
    let mut words = Words::default();
    words.of_model(spec);
    let query = std::mem::replace(&mut spec.query, canonical_query);
    let (key_tested, rows_by) = (take(&mut spec.key_tested), take(&mut spec.rows_by));
    spec.contract_hash.clear();
    let hash = digest(spec);
    words.of_model(spec);
    (spec.key_tested, spec.rows_by) = (key_tested, rows_by);
    spec.query = query;
    hash
}

/// Members in the order of the type, maps sorted: one meaning, one text.
fn digest<T: serde::Serialize>(value: &T) -> String {
    // Plain data without maps of non-text keys always serializes.
    let text = serde_json::to_vec(value).unwrap_or_default();
    hex::encode(Sha256::digest(text))
}
