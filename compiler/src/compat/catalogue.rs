//! The catalogue of breaking rules as a page: every rule of the table, and every code of the catalogue that is no rule
//! here, with the reason.

use std::fmt::Write;

use super::RULES;
use super::rule::{Grade, Mirror, Rule};

/// Codes that are no rules of `diff`, and why: the language cannot say it, another rule covers it, or `check` refuses
/// it before there is anything to compare.
pub const NOT_RULES: &[(&str, &str)] = &[
    ("DCW002", "an entity has no identity but its name: a rename is a removal and an addition"),
    ("DCW013", "contracts are open: there is no word for a closed one"),
    ("DCW016", "there is no word for a default"),
    ("DCW017", "there is no word for an alias; `from` maps an old name per source"),
    ("DCW022", "there is no word for a default"),
    ("DCW034", "types have no synonyms in the language; emitters choose one spelling per target"),
    ("DCW036", "a `timestamp` is an instant in UTC: there is no zone to change"),
    ("DCW037", "a `timestamp` has microseconds: there is no precision to change"),
    ("DCW038", "there is no default zone: sources without one are refused"),
    ("DCW039", "texts of dates are ISO 8601: there is no format to change"),
    ("DCW042", "an enum is closed: DCW041"),
    ("DCW043", "symbols have no identity but their text: DCW040 and DCW041"),
    ("DCW044", "an enum is closed: there is nothing to open"),
    ("DCW060", "a field is a scalar; to and from `json` is DCW030"),
    ("DCW061", "a field is a scalar: there are no items"),
    ("DCW062", "a field is a scalar: there are no nested fields"),
    ("DCW063", "there are no unions"),
    ("DCW064", "there are no unions"),
    ("DCW070", "contracts are open: there is no word for a closed one"),
    ("DCW071", "contracts are open: there is no word for a closed one"),
    ("DCW073", "how a value is written on the wire follows from its type: DCW030"),
    ("DCW075", "CV3013: two names that meet when case is folded are refused"),
    ("DCS111", "a column has the name of its field: DCW018"),
    ("DCS112", "the column's type follows from the field's: DCW030, DCW033, DCW035"),
    ("DCS113", "the column's type follows from the field's: DCW031"),
    ("DCS115", "a table's kind follows from what it is for"),
    ("DCS117", "names are lower case and never quoted"),
    ("DCS118", "CV1009 and CV3033: such names are refused"),
    ("DCS132", "the length of a Salesforce field follows from the contract's: DCW031"),
    ("DCS133", "a picklist follows from the enum: DCW041"),
    ("DCS135", "there is no word for a field that Salesforce demands"),
    ("DCS137", "whether a Salesforce field can be written is known in the org only"),
    ("DCS140", "DCS101: another stream is another place"),
    ("DCS141", "the envelope of an event is `event_id`, `order`, `occurred_at`: DCS104, DCS107"),
    ("DCM204", "there is no word for uniqueness but the key"),
    ("DCM205", "there is no word for uniqueness but the key"),
    ("DCM224", "CV5001: a cycle of models is refused"),
    ("DCM225", "all contracts of a project are one version of each other: nothing pins"),
    ("DCM250", "there is no word for a status"),
    ("DCM251", "there is no word for a status"),
    ("DCM252", "there is no word for a sunset"),
    ("DCM257", "there is no word for a critical field; other words are DCS119"),
    ("DCP304", "a field without a class is declared to hold no personal data"),
    ("DCP305", "CV3019: a column keeps the class of what it is computed from"),
    ("DCP306", "there is no word for a declassifier"),
    ("DCP309", "CV3002: personal data is never part of a key"),
    ("DCP310", "there is no word for the path of a subject"),
    ("DCP314", "there are no examples and no defaults in contracts"),
    ("DCP315", "grants follow from the class and the purpose: DCP301, DCP312"),
    ("DCP316", "quarantine is protected as its target is: there is nothing to declare"),
    ("DCP317", "unknown members are never kept"),
    ("DCV401", "CV3033, and the emitters: CV6001"),
    ("DCV402", "CV1008: precision and length are bounded by every target"),
    ("DCV403", "CV3013"),
    ("DCV404", "CV1009: names need no quotes; SQL that is generated quotes reserved words"),
    ("DCV405", "CV3002"),
    ("DCV406", "CV2001 and the codes after it, with the nearest name"),
    ("DCV407", "CV3041"),
    ("DCV408", "CV3004"),
    ("DCV409", "CV3040"),
    ("DCV410", "CV2011 and CV2012"),
    ("DCV411", "a field without a class is declared to hold no personal data"),
    ("DCV412", "not looked for yet"),
    ("DCV413", "CV1002 and CV1004"),
    ("DCV414", "waivers: a waiver that accepts nothing is a finding"),
    ("DCV415", "CV3014"),
];

/// The page `docs/breaking-rules.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Breaking rules\n\nGenerated from the table of rules; `covenant explain CODE` shows the same with an example. \
         The ceiling is what a rule\ncan mean at most, backward (can the new side handle old data?) and forward (can the \
         old side handle new data?).\nThe grade of a finding is the worst that a consumer really suffers, and no more \
         than the ceiling. Codes are never\nreused.\n\n| code | rule | backward | forward | backwards it is | stored \
         data | shown by |\n|---|---|---|---|---|---|---|\n",
    );
    let mut rules: Vec<&Rule> = RULES.to_vec();
    rules.sort_by_key(|rule| rule.code);
    for rule in rules {
        // Writing into a String cannot fail.
        let _ = writeln!(
            out,
            "| {} | {}: {} | {} | {} | {} | {} | {} |",
            rule.code,
            rule.slug,
            rule.what,
            letter(rule.modes.backward),
            letter(rule.modes.forward),
            mirror(rule.mirror),
            word(&rule.migration),
            word(&rule.witness),
        );
    }
    out.push_str(
        "\n## Codes of the catalogue that are no rules here\n\n| code | why |\n|---|---|\n",
    );
    for (code, why) in NOT_RULES {
        let _ = writeln!(out, "| {code} | {why} |");
    }
    out
}

fn letter(grade: Grade) -> &'static str {
    match grade {
        Grade::Info => "info",
        Grade::Warning => "warning",
        Grade::Error => "error",
    }
}

fn mirror(mirror: Mirror) -> String {
    match mirror {
        Mirror::Own => "itself".to_owned(),
        Mirror::Rule(code) => code.to_owned(),
        Mirror::Uneven(code, why) => format!("{code}: {why}"),
        Mirror::None(why) => format!("none: {why}"),
    }
}

fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default().trim_matches('"').to_owned()
}
