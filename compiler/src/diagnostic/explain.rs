//! What a code means, for people: one value behind `covenant explain`, the generated pages and the
//! tests that run its examples.

/// A code explained. The same for codes of contracts (`CV…`) and of changes (`DC…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explain {
    /// What raises it, in a sentence.
    pub what: &'static str,
    /// Who is hurt and how: why it is a rule.
    pub why: &'static str,
    /// What to do about it.
    pub how: &'static str,
    /// Lines that raise exactly this code. For a change: the lines after it.
    pub broken: &'static str,
    /// The same lines without the finding. For a change: lines that reach the aim without breaking anybody.
    pub mended: &'static str,
}

/// Columns of a terminal that everybody has.
const COLUMNS: usize = 80;

impl Explain {
    /// For a terminal: `title` is `CV3005: two owners where versions decide`.
    pub fn text(&self, title: &str) -> String {
        let mut out = format!("{title}\n\n{}\n", wrap(self.what));
        for (heading, text) in [("Why", self.why), ("What to do", self.how)] {
            out.push_str(&format!("\n{heading}\n{}\n", wrap(text)));
        }
        for (heading, lines) in [("Broken", self.broken), ("Mended", self.mended)] {
            if !lines.is_empty() {
                out.push_str(&format!("\n{heading}\n{}\n", indented(lines)));
            }
        }
        out
    }

    /// A section of a Markdown page, one heading deep.
    pub fn markdown(&self, title: &str) -> String {
        let mut out = format!("## {title}\n\n{}\n\n{}\n\n{}\n", self.what, self.why, self.how);
        for (heading, lines) in [("Broken", self.broken), ("Mended", self.mended)] {
            if !lines.is_empty() {
                out.push_str(&format!("\n{heading}:\n\n```yaml\n{}\n```\n", lines.trim_end()));
            }
        }
        out
    }
}

fn indented(lines: &str) -> String {
    let lines = lines.lines().map(|line| format!("    {line}").trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

/// Breaks lines at [`COLUMNS`].
pub fn wrap(text: &str) -> String {
    let mut out = String::new();
    let mut line = 0;
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if line > 0 && line + 1 + width > COLUMNS {
            out.push('\n');
            line = 0;
        } else if line > 0 {
            out.push(' ');
            line += 1;
        }
        out.push_str(word);
        line += width;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Explain = Explain {
        what: "A key is not part of the language.",
        why: "What somebody asked for would not happen.",
        how: "Remove it.",
        broken: "a: {unti: EUR}",
        mended: "a: {unit: EUR}",
    };

    #[test]
    fn a_page_has_every_part() {
        for page in [ONE.text("CV1003: unknown key"), ONE.markdown("CV1003: unknown key")] {
            for part in [ONE.what, ONE.why, ONE.how, ONE.broken, ONE.mended, "CV1003"] {
                assert!(page.contains(part), "{part}\n{page}");
            }
        }
    }

    #[test]
    fn lines_end_at_the_border() {
        let text = wrap(&"word ".repeat(100));
        assert!(text.lines().all(|line| line.len() <= COLUMNS), "{text}");
    }
}
