//! cargo fuzz run import_json_schema
#![no_main]

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::import_json_schema(bytes));
