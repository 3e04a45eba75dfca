//! The report as one JSON document, and the schema of it.

use super::Report;

/// The value as it is, and a line feed.
///
/// # Errors
/// Never in practice: all keys are texts.
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    Ok(format!("{}\n", serde_json::to_string_pretty(report)?))
}

/// JSON Schema (2020-12) of what [`render`] writes, from the same types.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Report).to_value()
}
