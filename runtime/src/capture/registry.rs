//! Which entities listen to a table, a stream or a Salesforce object, and the codec of each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use covenant_model::codec::EntityCodec;
use covenant_model::spec::{EntitySpec, OutboxSpec, SourceSpec, SystemSpec};

use crate::error::{ErrorKind, Result, RuntimeError};
use crate::source::poll::PolledObject;

/// An entity and its codec.
#[derive(Clone)]
pub struct Bound {
    /// What the contract means.
    pub spec: Arc<EntitySpec>,
    /// Its generated codec.
    pub codec: Arc<dyn EntityCodec>,
}

/// An entity that listens, and the name of the source in its contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Index into [`Registry::bound`].
    pub entity: usize,
    /// Name of the source in the entity's contract.
    pub source: String,
}

/// System, schema, table.
type TableName = (String, String, String);

/// Everything that capture listens to.
pub struct Registry {
    bound: Vec<Bound>,
    tables: BTreeMap<TableName, Vec<Binding>>,
    /// Stream -> its system, and who listens.
    streams: BTreeMap<String, (String, Vec<Binding>)>,
    objects: BTreeMap<(String, String), Vec<Binding>>,
    /// Tables of events, with the systems whose streams they carry.
    outboxes: BTreeMap<TableName, BTreeSet<String>>,
}

impl Registry {
    /// Binds every entity that has sources to its codec.
    ///
    /// # Errors
    /// `Config` where a codec is missing or was generated from another contract, or where two systems have a stream of one
    /// name.
    pub fn new(entities: Vec<EntitySpec>, codecs: &[Arc<dyn EntityCodec>]) -> Result<Self> {
        let mut registry = Self {
            bound: Vec::new(),
            tables: BTreeMap::new(),
            streams: BTreeMap::new(),
            objects: BTreeMap::new(),
            outboxes: BTreeMap::new(),
        };
        for entity in entities {
            if !entity.sources.is_empty() {
                let codec = codec_of(&entity, codecs)?;
                registry.bind(entity, codec)?;
            }
        }
        Ok(registry)
    }

    /// The same, with the tables that producers write events to.
    #[must_use]
    pub fn with_outboxes(mut self, systems: &BTreeMap<String, SystemSpec>) -> Self {
        for (name, system) in systems {
            if let SystemSpec::Stream { outbox: Some(outbox), .. } = system {
                let OutboxSpec { system, schema, table } = outbox.clone();
                self.outboxes.entry((system, schema, table)).or_default().insert(name.clone());
            }
        }
        self
    }

    fn bind(&mut self, entity: EntitySpec, codec: Arc<dyn EntityCodec>) -> Result<()> {
        let at = self.bound.len();
        for (name, source) in &entity.sources {
            let binding = Binding { entity: at, source: name.clone() };
            match source {
                SourceSpec::Postgres { system, schema, table, .. } => {
                    let table = (system.clone(), schema.clone(), table.clone());
                    self.tables.entry(table).or_default().push(binding);
                }
                SourceSpec::Stream { system, stream, .. } => {
                    let entry = self.streams.entry(stream.clone());
                    let (known, bindings) = entry.or_insert_with(|| (system.clone(), Vec::new()));
                    if known != system {
                        return Err(config(
                            format!("systems {known} and {system} both have a stream {stream}"),
                            "Rename one: events are addressed by the stream's name alone.",
                        ));
                    }
                    bindings.push(binding);
                }
                SourceSpec::Salesforce { system, object, .. } => {
                    let object = (system.clone(), object.clone());
                    self.objects.entry(object).or_default().push(binding);
                }
            }
        }
        self.bound.push(Bound { spec: Arc::new(entity), codec });
        Ok(())
    }

    /// The entities, in the manifest's order.
    pub fn bound(&self) -> &[Bound] {
        &self.bound
    }

    /// An entity by name.
    pub fn position_of(&self, entity: &str) -> Option<usize> {
        self.bound.iter().position(|bound| bound.spec.name == entity)
    }

    /// Who listens to a table.
    pub fn on_table(&self, system: &str, schema: &str, table: &str) -> &[Binding] {
        let key = (system.to_owned(), schema.to_owned(), table.to_owned());
        self.tables.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Whether a table holds events.
    pub fn is_outbox(&self, system: &str, schema: &str, table: &str) -> bool {
        !self.outboxes.is_empty()
            && self.outboxes.contains_key(&(system.to_owned(), schema.to_owned(), table.to_owned()))
    }

    /// The system of a stream, and who listens; none where nobody does.
    pub fn on_stream(&self, stream: &str) -> Option<(&str, &[Binding])> {
        let (system, bindings) = self.streams.get(stream)?;
        Some((system, bindings))
    }

    /// Who listens to a Salesforce object.
    pub fn on_object(&self, system: &str, object: &str) -> &[Binding] {
        let key = (system.to_owned(), object.to_owned());
        self.objects.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Every stream that somebody listens to.
    pub fn streams(&self) -> impl Iterator<Item = &str> {
        self.streams.keys().map(String::as_str)
    }

    /// Every Salesforce object that somebody listens to, with the fields to ask for, sorted.
    pub fn objects(&self) -> Vec<PolledObject> {
        let fields_of = |bindings: &[Binding]| {
            let mut fields = BTreeSet::new();
            for binding in bindings {
                let Some(bound) = self.bound.get(binding.entity) else { continue };
                let told =
                    bound.spec.fields.iter().filter_map(|field| field.from.get(&binding.source));
                fields.extend(told.cloned());
                if let Some(SourceSpec::Salesforce { key, .. }) =
                    bound.spec.sources.get(&binding.source)
                {
                    fields.extend(key.values().cloned());
                }
            }
            fields.into_iter().collect()
        };
        let keys_of = |bindings: &[Binding]| {
            let mut keys = BTreeSet::new();
            for binding in bindings {
                let bound = self.bound.get(binding.entity);
                match bound.and_then(|bound| bound.spec.sources.get(&binding.source)) {
                    Some(SourceSpec::Salesforce { key, .. }) => keys.extend(key.values().cloned()),
                    Some(SourceSpec::Postgres { .. } | SourceSpec::Stream { .. }) | None => {}
                }
            }
            keys.into_iter().collect()
        };
        let objects = self.objects.iter().map(|((system, object), bindings)| PolledObject {
            system: system.clone(),
            object: object.clone(),
            fields: fields_of(bindings),
            keys: keys_of(bindings),
        });
        objects.collect()
    }
}

fn codec_of(entity: &EntitySpec, codecs: &[Arc<dyn EntityCodec>]) -> Result<Arc<dyn EntityCodec>> {
    let Some(codec) = codecs.iter().find(|codec| codec.entity() == entity.name) else {
        return Err(config(
            format!("the manifest has {}, this binary has no validator for it", entity.name),
            "Run `covenant build` and build the binary again: both must come from the same contracts.",
        ));
    };
    if codec.contract_hash() != entity.contract_hash {
        return Err(config(
            format!(
                "the manifest's contract of {} has hash {}, the validator in this binary {}",
                entity.name,
                entity.contract_hash,
                codec.contract_hash()
            ),
            "Run `covenant build` and build the binary again: both must come from the same contracts.",
        ));
    }
    Ok(codec.clone())
}

fn config(what: String, advice: &str) -> RuntimeError {
    RuntimeError::new(ErrorKind::Config, "capture", what, advice)
}
