//! Findings as JUnit XML: a test case each, failed where it makes the run fail.

use super::{Entry, Report, words};
use crate::diagnostic::Severity;

/// One suite. Findings below `fail_from`, and waived ones, are skipped cases; without findings there
/// is one case that passed, so that a run which found nothing is not taken for one that did not run.
pub fn render(report: &Report, fail_from: Option<Severity>) -> String {
    let failed = |entry: &Entry| {
        entry.waived.is_none() && fail_from.is_some_and(|from| entry.worst() <= from)
    };
    let failures = report.findings.iter().filter(|entry| failed(entry)).count();
    let skipped = report.findings.len() - failures;
    let tests = report.findings.len().max(1);
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" skipped=\"{skipped}\"");
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"covenant\" {counts}>\n  <testsuite \
         name=\"contracts\" {counts} errors=\"0\">\n"
    );
    if report.findings.is_empty() {
        out.push_str("    <testcase classname=\"contracts\" name=\"no findings\"/>\n");
    }
    for entry in &report.findings {
        case(&mut out, entry, failed(entry));
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn case(out: &mut String, entry: &Entry, failed: bool) {
    let name = format!("{} {}", entry.code, entry.headline);
    out.push_str(&format!(
        "    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\">\n",
        escaped(entry.subject.as_deref().unwrap_or(&entry.place.path)),
        escaped(&name),
        escaped(&entry.place.path),
        entry.place.line,
    ));
    let kind = words::severity(entry.severity);
    if failed {
        let mut text = vec![entry.place.words()];
        text.extend(words::details(entry));
        let (message, text) = (escaped(&entry.headline), escaped(&text.join("\n")));
        out.push_str(&format!(
            "      <failure type=\"{kind}\" message=\"{message}\">{text}</failure>\n"
        ));
    } else {
        let why = entry.waived.as_ref().map_or_else(|| kind.to_owned(), words::waived);
        out.push_str(&format!("      <skipped message=\"{}\"/>\n", escaped(&why)));
    }
    out.push_str("    </testcase>\n");
}

/// XML 1.0 has no place for most control characters, escaped or not.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push('\t'),
            control if control.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}
