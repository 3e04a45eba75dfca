//! The declared rules over rows and records: from values to keyed digests. A plaintext is in memory for as long as it takes
//! to digest it, and nothing that is kept can be turned back into one.

use covenant_model::change::Key;
use covenant_model::columns::ColumnPart;
use covenant_model::join::RowState;
use covenant_model::spec::{Adoption, Compare, EntitySpec, Review, Unmatched};
use covenant_model::value::{LogicalType, Value};

use super::matching::Candidate;
use super::normal;
use crate::crm::{OrgRecord, external_id_of};
use crate::deliver::record::{Place, Reveal, RevealSite, not_stored, place_of, unrevealed};
use crate::error::{ErrorKind, Result};
use crate::ledger::{Digest, Sealer};

/// Between the parts of a rule; no normalised value holds it.
const SEPARATOR: char = '\u{1f}';

/// How an entity's records are adopted.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What becomes of rows that match nothing.
    pub unmatched: Unmatched,
    /// Who reviews.
    pub review: Review,
    /// Encrypted fields among those that are compared.
    pub revealed: Vec<String>,
    entity: String,
    rules: Vec<Vec<Part>>,
}

#[derive(Clone, Debug)]
struct Part {
    place: Place,
    cipher: bool,
    name: String,
    class: String,
    ty: LogicalType,
    target: String,
    compare: Compare,
}

impl Rules {
    /// The rules of an entity.
    ///
    /// # Errors
    /// `Config` where they name a field that is not stored, or is encrypted without a purpose.
    pub fn new(entity: &EntitySpec, adoption: &Adoption, purpose: Option<&str>) -> Result<Self> {
        let mut rules = Vec::with_capacity(adoption.rules.len());
        for rule in &adoption.rules {
            let mut parts = Vec::with_capacity(rule.len());
            for part in rule {
                let (place, column) = place_of(entity, part.field)?;
                let spec = entity.fields.get(part.field).ok_or_else(|| not_stored(entity, ""))?;
                let cipher = column == ColumnPart::Cipher;
                if cipher && purpose.is_none() {
                    return Err(unrevealed(entity, &spec.name));
                }
                parts.push(Part {
                    place,
                    cipher,
                    name: spec.name.clone(),
                    class: spec.pii.as_ref().map(|pii| pii.class.clone()).unwrap_or_default(),
                    ty: spec.ty.clone(),
                    target: part.target.clone(),
                    compare: part.compare,
                });
            }
            rules.push(parts);
        }
        let mut revealed: Vec<String> =
            rules.iter().flatten().filter(|it| it.cipher).map(|it| it.name.clone()).collect();
        revealed.sort();
        revealed.dedup();
        let (unmatched, review) = (adoption.unmatched, adoption.review);
        Ok(Self { unmatched, review, revealed, entity: entity.name.clone(), rules })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The CRM's fields that are compared.
    pub fn targets(&self) -> Vec<String> {
        let mut targets: Vec<String> =
            self.rules.iter().flatten().map(|part| part.target.clone()).collect();
        targets.sort();
        targets.dedup();
        targets
    }

    /// A row, as it is compared.
    ///
    /// # Errors
    /// Of the keys; a value that does not open is no value to compare.
    pub fn row(
        &self,
        key: &Key,
        state: &RowState,
        reveal: &dyn Reveal,
        sealer: &dyn Sealer,
    ) -> Result<Candidate> {
        let digests = self.digests(sealer, |part| {
            let Some(stored) = part.place.at(key, state) else { return Ok(None) };
            let plain = match (part.cipher, stored) {
                (true, Value::Text(cipher)) => match reveal.reveal(&self.site(part), cipher) {
                    Ok(plain) => Some(plain),
                    Err(error) if error.kind == ErrorKind::Corrupt => return Ok(None),
                    Err(error) => return Err(error),
                },
                (true | false, _) => None,
            };
            Ok(normal::ours(part.compare, &part.ty, plain.as_ref().unwrap_or(stored)))
        })?;
        Ok(Candidate { name: external_id_of(key), digests })
    }

    /// A record, as it is compared.
    ///
    /// # Errors
    /// Of the keys.
    pub fn record(&self, record: &OrgRecord, sealer: &dyn Sealer) -> Result<Candidate> {
        let fields = record.fields();
        let digests = self.digests(sealer, |part| {
            let value = fields.get(part.target.as_str());
            Ok(value.and_then(|json| normal::theirs(part.compare, &part.ty, json)))
        })?;
        Ok(Candidate { name: record.id.clone(), digests })
    }

    fn site<'a>(&'a self, part: &'a Part) -> RevealSite<'a> {
        RevealSite { entity: &self.entity, field: &part.name, class: &part.class, ty: &part.ty }
    }

    fn digests(
        &self,
        sealer: &dyn Sealer,
        value: impl Fn(&Part) -> Result<Option<String>>,
    ) -> Result<Vec<Option<Digest>>> {
        let mut digests = Vec::with_capacity(self.rules.len());
        for (at, rule) in self.rules.iter().enumerate() {
            // The rule's number keeps a telephone number from meeting a customer number.
            let mut text = format!("adoption{SEPARATOR}{at}");
            let mut whole = true;
            for part in rule {
                match value(part)? {
                    Some(value) => {
                        text.push(SEPARATOR);
                        text.extend(value.chars().filter(|c| *c != SEPARATOR));
                    }
                    None => whole = false,
                }
            }
            digests.push(if whole { Some(sealer.digest(text.as_bytes())?) } else { None });
        }
        Ok(digests)
    }
}
