//! Findings as Markdown: a comment on a pull request, or a step's summary.

use super::{Entry, Report, Witness, WitnessRow, words};
use crate::diagnostic::Severity;

/// GitHub refuses a comment of more than 65,536 characters; the rest is for the closing line.
const CHARS_MAX: usize = 60_000;
/// Finds the comment again, so that the next run replaces it.
const MARK: &str = "<!-- covenant -->";

/// A table, then every finding in full; what does not fit into a comment is counted.
pub fn render(report: &Report, from: Severity) -> String {
    let shown: Vec<&Entry> = report.findings.iter().filter(|entry| entry.worst() <= from).collect();
    let against =
        report.against.as_ref().map(|base| format!(" against `{base}`")).unwrap_or_default();
    let mut out = format!("{MARK}\n### Contracts{against}: {}\n", report.summary.words());
    if shown.is_empty() {
        return out;
    }
    out.push_str("\n| | code | what | breaks | stored data |\n|---|---|---|---|---|\n");
    let mut cut = 0;
    for entry in &shown {
        let row = row(entry);
        if out.len() + row.len() > CHARS_MAX / 2 {
            cut += 1;
            continue;
        }
        out.push_str(&row);
    }
    if cut > 0 {
        out.push_str(&format!("\n{cut} more are left out here.\n"));
    }
    let mut left_out = 0;
    for entry in &shown {
        let section = section(entry);
        if out.len() + section.len() > CHARS_MAX {
            left_out += 1;
            continue;
        }
        out.push_str(&section);
    }
    if left_out > 0 {
        out.push_str(&format!("\nThe details of {left_out} more are too long for a comment.\n"));
    }
    out
}

fn mark(entry: &Entry) -> &'static str {
    match (&entry.waived, entry.worst()) {
        (Some(_), _) => "waived",
        (None, Severity::Error) => "**error**",
        (None, Severity::Warning) => "warning",
        (None, Severity::Info) => "note",
    }
}

fn row(entry: &Entry) -> String {
    let names: Vec<String> = entry.consumers.iter().map(|one| code(&one.name)).collect();
    let stored = entry.migration.as_ref().map(|one| one.class.as_str()).unwrap_or("");
    let (what, names) = (cell(&entry.headline), names.join(", "));
    format!("| {} | {} | {what} | {names} | {stored} |\n", mark(entry), entry.code)
}

fn section(entry: &Entry) -> String {
    let mut out = format!(
        "\n<details><summary>{} {}: {}</summary>\n\n`{}`\n",
        mark(entry).trim_matches('*'),
        entry.code,
        html(&entry.headline),
        entry.place.words()
    );
    let labels = entry.labels.iter().filter_map(|one| Some((one.place.as_ref()?, &one.text)));
    let mut items: Vec<String> =
        labels.map(|(place, text)| format!("{} (`{}`)", html(text), place.words())).collect();
    for one in &entry.consumers {
        let place = one.place.as_ref().map(|place| format!(" (`{}`)", place.words()));
        items.push(format!(
            "{} {} {}{}",
            html(&one.words),
            code(&one.name),
            html(&one.how),
            place.unwrap_or_default()
        ));
    }
    list(&mut out, "", items);
    let hop = |hop: &super::Label| {
        let place = hop.place.as_ref().map(|place| format!(" (`{}`)", place.words()));
        format!("{}{}", html(&hop.text), place.unwrap_or_default())
    };
    list(&mut out, "How it gets there:", entry.hops.iter().map(hop).collect());
    list(&mut out, "", entry.why.iter().map(|text| html(text)).collect());
    if let Some(migration) = &entry.migration {
        out.push_str(&format!("\n{}\n", html(&words::migration(migration))));
        fenced(&mut out, "sql", &words::script(migration));
    }
    if let Some(witness) = &entry.witness {
        out.push_str(&table(witness));
    }
    let effect = |one: &super::Effect| html(&words::effect(one));
    list(&mut out, "Follows from it:", entry.effects.iter().map(effect).collect());
    list(&mut out, "What to do:", entry.help.iter().map(|text| html(text)).collect());
    match &entry.waived {
        Some(waived) => out.push_str(&format!("\n{}\n", html(&words::waived(waived)))),
        None if entry.ceiling.is_some() => out.push_str(&format!(
            "\nTo accept it: `covenant waive {} --reason … --owner … --until …`\n",
            entry.fingerprint
        )),
        None => {}
    }
    out.push_str("\n</details>\n");
    out
}

/// A small table: what is told, and what each side says of it.
fn table(witness: &Witness) -> String {
    let lines = |text: &str| cell(text.trim_end()).replace("  ", " ");
    let row = |row: &WitnessRow| match row.beside.is_empty() {
        true => format!("**{}**", lines(&row.lead)),
        false => format!("**{}** beside it {}", lines(&row.lead), lines(&row.beside)),
    };
    let told = match witness.rows.is_empty() {
        true => code(&witness.shown),
        false => witness.rows.iter().map(row).collect::<Vec<_>>().join("<br>"),
    };
    let mut proof = words::proof(witness);
    if let Some(first) = proof.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let mut out = format!("\n{}:\n\n", html(&proof));
    out.push_str("| shown | before the change | after it |\n|---|---|---|\n");
    out.push_str(&format!("| {told} | {} | {} |\n", lines(&witness.before), lines(&witness.after)));
    for note in &witness.notes {
        out.push_str(&format!("\n{}\n", html(note)));
    }
    out
}

fn list(out: &mut String, heading: &str, items: Vec<String>) {
    if items.is_empty() {
        return;
    }
    if heading.is_empty() {
        out.push('\n');
    } else {
        out.push_str(&format!("\n{heading}\n\n"));
    }
    for item in items {
        out.push_str(&format!("- {}\n", item.replace('\n', "\n  ")));
    }
}

/// A fence longer than any inside.
fn fenced(out: &mut String, language: &str, text: &str) {
    if text.is_empty() {
        return;
    }
    let mut fence = "```".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    out.push_str(&format!("\n{fence}{language}\n{text}\n{fence}\n"));
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cell(text: &str) -> String {
    html(text).replace('|', "\\|").replace('\n', " ")
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'").replace('|', "\\|"))
}
