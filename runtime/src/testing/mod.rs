//! For tests and simulations only: a small shop by hand (three entities, three kinds of source), and a codec that interprets
//! a spec. Generated codecs do the same work from tables; this one is written to be obvious, not fast.

mod codec;
mod specs;

pub use codec::SpecCodec;
pub use specs::{customer, order, order_event};

use std::sync::Arc;

use covenant_model::codec::EntityCodec;
use covenant_model::spec::EntitySpec;

/// The three entities of the small shop.
pub fn entities() -> Vec<EntitySpec> {
    vec![customer(), order(), order_event()]
}

/// A codec for each entity.
pub fn codecs(entities: &[EntitySpec]) -> Vec<Arc<dyn EntityCodec>> {
    entities
        .iter()
        .map(|entity| Arc::new(SpecCodec::new(entity.clone())) as Arc<dyn EntityCodec>)
        .collect()
}
