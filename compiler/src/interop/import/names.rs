//! Names of others as names of the language.

use std::collections::BTreeSet;

use crate::parse::scalars::NAME_CHARS_MAX;

/// `BillingStreet` is `billing_street`, `Custom_Field__c` is `custom_field`.
pub(in crate::interop) fn snake(name: &str) -> String {
    let bare = ["__c", "__r"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let mut out = String::new();
    let mut before = '_';
    for (at, this) in bare.char_indices() {
        let next = bare.get(at + 1..).and_then(|rest| rest.chars().next());
        let starts = this.is_ascii_uppercase()
            && (before.is_ascii_lowercase()
                || before.is_ascii_digit()
                || (before.is_ascii_uppercase()
                    && next.is_some_and(|next| next.is_ascii_lowercase())));
        if starts && !out.ends_with('_') {
            out.push('_');
        }
        match this {
            this if this.is_ascii_alphanumeric() => out.push(this.to_ascii_lowercase()),
            _ if !out.ends_with('_') && !out.is_empty() => out.push('_'),
            _ => {}
        }
        before = this;
    }
    let mut out = out.trim_end_matches('_').to_owned();
    if !out.starts_with(|first: char| first.is_ascii_lowercase()) {
        out = format!("f_{out}").trim_end_matches('_').to_owned();
    }
    // room for a number behind it
    out.truncate(NAME_CHARS_MAX - 3);
    out
}

/// What a source can call a field.
pub(in crate::interop) fn is_column(name: &str) -> bool {
    name.bytes().all(|at| at.is_ascii_alphanumeric() || at == b'_') && !name.is_empty()
}

/// The name, or with a number behind it.
pub(in crate::interop) fn free(name: String, taken: impl Fn(&str) -> bool) -> String {
    if !taken(&name) {
        return name;
    }
    (2_u32..).map(|at| format!("{name}_{at}")).find(|other| !taken(other)).unwrap_or(name)
}

/// The name, or with a number behind it; taken from now on.
pub(in crate::interop) fn take(name: String, taken: &mut BTreeSet<String>) -> String {
    let name = free(name, |name| taken.contains(name));
    taken.insert(name.clone());
    name
}

/// A text in double quotes: what JSON writes, YAML reads.
pub(in crate::interop) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_names_of_the_language() {
        for (there, here) in [
            ("BillingStreet", "billing_street"),
            ("Custom_Field__c", "custom_field"),
            ("ns__Field__c", "ns_field"),
            ("SICDesc", "sic_desc"),
            ("IsDeleted", "is_deleted"),
            ("NumberOfEmployees", "number_of_employees"),
            ("order-id", "order_id"),
            ("2nd", "f_2nd"),
            ("日本", "f"),
        ] {
            assert_eq!(snake(there), here);
        }
    }
}
