//! `extensions`: what other standards say of a thing, as it is. Nothing of it is looked at.

use covenant_model::terms::Extensions;
use serde_json::{Map, Number, Value};

use crate::parse::common::bad_name;
use crate::parse::reader::{self, Reader};
use crate::parse::scalars;
use crate::parse::yaml::{Kind, Node};

/// Reads `extensions` of a project, a dataset or a field.
pub(super) fn read(map: &Reader<'_>) -> Extensions {
    let Some(node) = map.get("extensions") else { return Extensions::default() };
    let entries = reader::entries(map.sink(), node, "extensions").unwrap_or(&[]);
    let named = entries.iter().filter(|entry| {
        let good = scalars::is_name(&entry.key);
        if !good {
            bad_name(
                map,
                entry.key_span,
                &entry.key,
                "the name of a standard in lower case: `odcs`",
            );
        }
        good
    });
    Extensions(named.map(|entry| (entry.key.clone(), value(&entry.value))).collect())
}

/// What a node says, in the types of YAML's core schema (1.2.2, section 10.3.2). Numbers beyond 64 bits stay texts.
pub fn value(node: &Node) -> Value {
    match &node.kind {
        Kind::Scalar { text, plain: false } => Value::String(text.clone()),
        Kind::Scalar { text, plain: true } => plain(text),
        Kind::Seq(items) => Value::Array(items.iter().map(value).collect()),
        Kind::Map(entries) => {
            let members = entries.iter().map(|entry| (entry.key.clone(), value(&entry.value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
    }
}

/// A text without quotes.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    // Rust reads more as a number than YAML does: `inf`, `nan`, `1_000`.
    let numeric =
        text.bytes().all(|at| matches!(at, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
            && text.bytes().any(|at| at.is_ascii_digit());
    let number = numeric.then(|| {
        let whole = text.trim_start_matches('+').parse::<i64>().ok().map(Number::from);
        let broken = || text.contains(['.', 'e', 'E']).then(|| text.parse::<f64>().ok()).flatten();
        whole.or_else(|| broken().and_then(Number::from_f64))
    });
    number.flatten().map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_are_what_yaml_says_they_are() {
        for (text, is) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("true", json!(true)),
            ("yes", json!("yes")),
            ("12", json!(12)),
            ("-7", json!(-7)),
            ("1.50", json!(1.5)),
            ("1e3", json!(1000.0)),
            ("1.0.0", json!("1.0.0")),
            ("2022-10-03", json!("2022-10-03")),
            ("99999999999999999999", json!("99999999999999999999")),
            (".inf", json!(".inf")),
            ("nan", json!("nan")),
        ] {
            assert_eq!(plain(text), is, "{text}");
        }
    }
}
