//! `docs/diagnostics.md` and `docs/breaking.md`: every code on a page, from the data that
//! `covenant explain` prints.

use super::codes;
use crate::compat::{self, Grade, Migration};

/// What each digit behind `CV` stands for.
const FAMILIES: [(u16, &str); 7] = [
    (0, "Files and the command line"),
    (1, "Text of a contract"),
    (2, "Names"),
    (3, "Meaning"),
    (4, "Waivers, and old versions"),
    (5, "Order and groups"),
    (6, "Targets"),
];

/// The whole page.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Diagnostics\n\nGenerated from the compiler; `COVENANT_BLESS=1 cargo test -p covenant-compiler` writes it \
         anew. `covenant explain CODE` prints one entry. A comment names the file that the lines below it stand in. The \
         examples are run: the broken lines raise exactly their code, the mended ones none.\n\nWhat a change breaks has \
         codes of its own, `DC…`: see [breaking changes](breaking.md).\n",
    );
    for (family, name) in FAMILIES {
        out.push_str(&format!("\n# CV{family}: {name}\n"));
        for code in codes::all().filter(|code| code.number / 1000 == family) {
            out.push('\n');
            out.push_str(&code.explain.markdown(&code.headline()));
        }
    }
    out
}

/// The page about changes: a table, then every rule.
pub fn changes() -> String {
    let mut out = String::from(
        "# Breaking changes\n\nGenerated from the compiler; `COVENANT_BLESS=1 cargo test -p covenant-compiler` writes it \
         anew. `covenant explain CODE` prints one entry.\n\nBackward: can the new side handle what the old one left behind? \
         Forward: can the old side handle what the new one makes? The grades are the most that a rule can mean; a finding is \
         graded by the consumers that are really bound, and a change that hurts nobody is a note. Rules about personal data \
         count in every mode.\n\n| code | what changed | backward | forward | stored data |\n|---|---|---|---|---|\n",
    );
    let mut rules: Vec<_> = compat::RULES.to_vec();
    rules.sort_by_key(|rule| rule.code);
    for rule in &rules {
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            rule.code,
            rule.slug.replace('-', " "),
            grade(rule.modes.backward),
            grade(rule.modes.forward),
            migration(rule.migration),
        ));
    }
    for rule in &rules {
        out.push('\n');
        let title = format!("{}: {}", rule.code, rule.slug.replace('-', " "));
        out.push_str(&rule.explain().markdown(&title));
    }
    out
}

fn grade(grade: Grade) -> &'static str {
    match grade {
        Grade::Error => "error",
        Grade::Warning => "warning",
        Grade::Info => "note",
    }
}

fn migration(migration: Migration) -> &'static str {
    match migration {
        Migration::None => "none",
        Migration::Inplace => "in place",
        Migration::Precheck => "in place after a check",
        Migration::Backfill => "backfill",
        Migration::Rebuild => "rebuild",
        Migration::Impossible => "impossible",
    }
}
