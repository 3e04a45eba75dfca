//! What the manifest looks like, for programs that read it.

use covenant_model::manifest::{MANIFEST_FORMAT, Manifest};
use serde_json::{Value, json};

/// JSON Schema 2020-12 of `manifest.json`, made from the types that the runtime reads it with.
pub fn manifest() -> Value {
    let mut schema = schemars::schema_for!(Manifest).to_value();
    if let Some(map) = schema.as_object_mut() {
        map.insert("title".to_owned(), json!("Covenant manifest"));
        map.insert(
            "$comment".to_owned(),
            json!("Generated from the compiler's types. What may change: docs/manifest.md"),
        );
    }
    if let Some(format) = schema.pointer_mut("/properties/format").and_then(Value::as_object_mut) {
        format.insert("const".to_owned(), json!(MANIFEST_FORMAT));
    }
    schema
}
