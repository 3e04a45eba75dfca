//! The generated decoders on contracts with every type and every rule, held to three independent judges: the values that
//! a record was written from, the emitted JSON Schema (through the `jsonschema` crate), and the interpreter of quality rules.

#![allow(clippy::unwrap_used)] // a test fails where it unwraps

#[path = "generated_kitchen/golden.rs"]
mod golden;
#[allow(unreachable_pub, dead_code)]
#[path = "../fixtures/kitchen/generated/kitchen_event.rs"]
#[rustfmt::skip]
mod kitchen_event;
#[allow(unreachable_pub, dead_code)]
#[path = "../fixtures/kitchen/generated/kitchen_table.rs"]
#[rustfmt::skip]
mod kitchen_table;
#[allow(unreachable_pub, dead_code)]
#[path = "../fixtures/kitchen/generated/pii.rs"]
#[rustfmt::skip]
mod pii;
#[path = "generated_kitchen/round_trip.rs"]
mod round_trip;
#[path = "generated_kitchen/structure.rs"]
mod structure;
#[path = "generated_kitchen/values.rs"]
mod values;
