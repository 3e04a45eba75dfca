//! JSON that is the same every time: keys sorted, two spaces, whatever features `serde_json` was built with.

use serde::Serialize;
use serde_json::Value;

use super::EmitError;

/// A value as JSON.
///
/// # Errors
/// [`EmitError::Render`] where it has no JSON form (a bug of the compiler).
pub(crate) fn value(
    target: &'static str,
    path: &str,
    content: &impl Serialize,
) -> Result<Value, EmitError> {
    serde_json::to_value(content).map_err(|error| EmitError::Render {
        target,
        path: path.to_owned(),
        why: error.to_string(),
    })
}

/// Says in the file itself that nobody should edit it.
pub(crate) fn mark(value: &mut Value, key: &str, from: &str) {
    if let Value::Object(members) = value {
        let text = format!("by covenant from the contracts of {from}; do not edit");
        members.insert(key.to_owned(), Value::String(text));
    }
}

/// Indented, keys sorted; lists of plain values stand on one line.
pub(crate) fn pretty(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, &mut out);
    out
}

fn write(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| name.as_str());
            out.push('{');
            for (at, (name, member)) in sorted.into_iter().enumerate() {
                line(at, depth + 1, out);
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push_str(": ");
                write(member, depth + 1, out);
            }
            line(0, depth, out);
            out.push('}');
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                line(at, depth + 1, out);
                write(item, depth + 1, out);
            }
            line(0, depth, out);
            out.push(']');
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(Value::to_string).collect();
            out.push_str(&format!("[{}]", items.join(", ")));
        }
        Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&value.to_string());
        }
    }
}

fn line(at: usize, depth: usize, out: &mut String) {
    if at > 0 {
        out.push(',');
    }
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_nothing_is_lost() {
        let value = serde_json::json!({"b": [1, 2], "a": {"d": null, "c": [{"x": "\n"}]}, "e": {}});
        let text = pretty(&value);
        assert!(text.starts_with("{\n  \"a\": {\n    \"c\": [\n      {"));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
