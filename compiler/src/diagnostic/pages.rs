//! `docs/diagnostics.md` and `docs/breaking.md`: every code on a page, from the data that
//! `covenant explain` prints.

use super::codes;
use crate::compat::catalogue::NOT_RULES;
use crate::compat::{self, Grade, Migration, Mirror, WitnessKind};

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
        "# Diagnostics\n\nGenerated from the compiler; `COVENANT_BLESS=1 cargo test --workspace --test explain` writes \
         it anew. `covenant explain CODE` prints one entry. A comment names the file that the lines below it stand in. The \
         examples are run: the broken lines raise exactly their code, the mended ones none.\n\nWhat a change breaks has \
         codes of its own, `DC…`: see [breaking changes](breaking.md). Messages that are still bad are listed, with what they \
         should say, in `compiler/tests/bad_messages.rs`; one that became better fails there.\n",
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

/// The page about changes: a table, every rule, and the codes of the catalogue that are none.
pub fn changes() -> String {
    let mut out = String::from(
        "# Breaking changes\n\nGenerated from the compiler; `COVENANT_BLESS=1 cargo test --workspace --test explain` writes \
         it anew. `covenant explain CODE` prints one entry.\n\nBackward: can the new side handle what the old one left \
         behind? Forward: can the old side handle what the new one makes? The grades are the most that a rule can mean; a \
         finding is graded by the consumers that are really bound, and a change that hurts nobody is a note. Rules about \
         personal data count in every mode. *Undone* is the rule that the change back raises; *shown by* is what proves a \
         finding: records, rows, a value or a statement, made up from the contracts and run on both sides. Codes are never used again.\n\n\
         | code | what changed | backward | forward | undone | stored data | shown by |\n|---|---|---|---|---|---|---|\n",
    );
    let mut rules: Vec<_> = compat::RULES.to_vec();
    rules.sort_by_key(|rule| rule.code);
    for rule in &rules {
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            rule.code,
            rule.slug.replace('-', " "),
            grade(rule.modes.backward),
            grade(rule.modes.forward),
            mirror(rule.mirror),
            migration(rule.migration),
            witness(rule.witness),
        ));
    }
    for rule in &rules {
        out.push('\n');
        let title = format!("{}: {}", rule.code, rule.slug.replace('-', " "));
        out.push_str(&rule.explain().markdown(&title));
    }
    out.push_str(
        "\n## Codes of the catalogue that are no rules here\n\nThe language cannot say it, another rule covers it, or \
         `check` refuses it before there is anything to compare.\n\n| code | why |\n|---|---|\n",
    );
    for (code, why) in NOT_RULES {
        out.push_str(&format!("| {code} | {why} |\n"));
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

fn mirror(mirror: Mirror) -> String {
    match mirror {
        Mirror::Own => "itself".to_owned(),
        Mirror::Rule(code) => code.to_owned(),
        Mirror::Uneven(code, why) => format!("{code}: {why}"),
        Mirror::None(why) => format!("none: {why}"),
    }
}

fn witness(kind: WitnessKind) -> String {
    match kind {
        WitnessKind::Record => "a record".to_owned(),
        WitnessKind::Sequence => "records in order".to_owned(),
        WitnessKind::Limit => "a value that a column cannot hold".to_owned(),
        WitnessKind::Delivery => "what Salesforce gets".to_owned(),
        WitnessKind::Query => "rows that two queries answer differently".to_owned(),
        WitnessKind::Statement => "a statement that fails".to_owned(),
        WitnessKind::None(why) => format!("nothing: {why}"),
    }
}
