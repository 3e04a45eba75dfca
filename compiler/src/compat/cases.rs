//! Cases: small changes of one base set of contracts, with the verdict that is true of them. Every
//! rule has some in a file of its own; tests run them, `covenant explain` shows the first ones, and
//! the scoreboard counts them.
//!
//! ```text
//! breaks a field that could be null must be there     (or: harmless ...)
//! given sales/order.yaml                              (applied to both sides)
//! file sales/order.yaml                               (applied to the new side)
//!  sinks:                                             (a line that stays)
//! -  promised_on: {id: 18, type: date, nullable: true}
//! +  promised_on: {id: 18, type: date}
//! gone sales/note.yaml                                (the new side has no such file)
//! expect error DCW021 acme_pipeline::sales_order
//! ```
//!
//! Lines of a hunk that stay or go must stand in the file exactly once; a hunk that only adds lines
//! adds them at the end of the file, which may be new.

/// What is done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Both sides get it.
    Given,
    /// The new side gets it.
    Change,
    /// The new side does not have the file.
    Gone,
}

/// One hunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hunk<'t> {
    /// What is done.
    pub kind: Kind,
    /// `sales/order.yaml`
    pub file: &'t str,
    /// Lines with their marks.
    pub lines: &'t str,
}

/// A finding that must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected<'t> {
    /// `error`, `warning` or `info`.
    pub grade: &'t str,
    /// `DCW021`
    pub code: &'t str,
    /// Consumers that it must name.
    pub consumers: Vec<&'t str>,
}

/// A change and what is true of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case<'t> {
    /// Whether somebody breaks: an error must be found. Otherwise none may be.
    pub breaks: bool,
    /// What the change is.
    pub title: &'t str,
    /// In order.
    pub hunks: Vec<Hunk<'t>>,
    /// What must be found, at least.
    pub expects: Vec<Expected<'t>>,
    /// The lines of its changes, as `covenant explain` shows them.
    pub shown: &'t str,
}

/// Reads cases.
///
/// # Errors
/// The first line that is none of the language above.
pub fn parse(text: &str) -> Result<Vec<Case<'_>>, String> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let (start, end) = (at, at + line.len());
        at = end;
        let line = line.trim_end_matches('\n');
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let fail = || format!("line `{line}` is none of a case");
        let whole = text.get(start..end).unwrap_or("");
        match (word, cases.last_mut()) {
            ("breaks" | "harmless", _) => cases.push(Case {
                breaks: word == "breaks",
                title: rest,
                hunks: Vec::new(),
                expects: Vec::new(),
                shown: "",
            }),
            ("given" | "file" | "gone", Some(case)) => {
                let kind = match word {
                    "given" => Kind::Given,
                    "file" => Kind::Change,
                    _ => Kind::Gone,
                };
                case.hunks.push(Hunk { kind, file: rest, lines: text.get(end..end).unwrap_or("") });
                if kind != Kind::Given {
                    extend(text, &mut case.shown, start, end);
                }
            }
            ("expect", Some(case)) => case.expects.push(expected(rest).ok_or_else(fail)?),
            (_, Some(case)) if whole.starts_with([' ', '-', '+']) => {
                let hunk = case.hunks.last_mut().ok_or_else(fail)?;
                extend(text, &mut hunk.lines, start, end);
                if hunk.kind != Kind::Given {
                    extend(text, &mut case.shown, start, end);
                }
            }
            (_, _) if line.is_empty() || line.starts_with('#') => {}
            (_, _) => return Err(fail()),
        }
    }
    Ok(cases)
}

/// Makes a part of `text` reach to `end`; an empty one begins at `start`.
fn extend<'t>(text: &'t str, part: &mut &'t str, start: usize, end: usize) {
    let from = if part.is_empty() {
        start
    } else {
        (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
    };
    *part = text.get(from..end).unwrap_or("");
}

fn expected(rest: &str) -> Option<Expected<'_>> {
    let (grade, rest) = rest.split_once(' ')?;
    let (code, names) = rest.split_once(' ').unwrap_or((rest, ""));
    let consumers = names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    matches!(grade, "error" | "warning" | "info").then_some(Expected { grade, code, consumers })
}

/// The lines of the first breaking and of the first harmless case.
pub(super) fn examples(text: &'static str) -> (&'static str, &'static str) {
    let cases = parse(text).unwrap_or_default();
    let first = |breaks: bool| {
        cases.iter().find(|case| case.breaks == breaks).map_or("", |case| case.shown.trim_end())
    };
    (first(true), first(false))
}

/// Applies the hunks of one side to the files of the base.
///
/// # Errors
/// Where lines of a hunk do not stand in the file exactly once.
pub fn apply(
    base: &[(String, String)],
    case: &Case<'_>,
    new_side: bool,
) -> Result<Vec<(String, String)>, String> {
    let mut files = base.to_vec();
    for hunk in &case.hunks {
        if hunk.kind != Kind::Given && !new_side {
            continue;
        }
        if hunk.kind == Kind::Gone {
            files.retain(|(path, _)| path != hunk.file);
            continue;
        }
        let (from, to) = (marked(hunk.lines, '-'), marked(hunk.lines, '+'));
        match files.iter_mut().find(|(path, _)| path == hunk.file) {
            Some((_, text)) if from.is_empty() => text.push_str(&to),
            Some((path, text)) => *text = replaced(path, text, &from, &to)?,
            None if from.is_empty() => files.push((hunk.file.to_owned(), to)),
            None => return Err(format!("there is no {}", hunk.file)),
        }
    }
    Ok(files)
}

/// Lines that stay and lines with a mark, without their marks.
fn marked(lines: &str, mark: char) -> String {
    let of = |line: &&str| line.starts_with(' ') || line.starts_with(mark);
    lines.lines().filter(of).map(|line| format!("{}\n", line.get(1..).unwrap_or(""))).collect()
}

fn replaced(path: &str, text: &str, from: &str, to: &str) -> Result<String, String> {
    let places: Vec<usize> = text
        .match_indices(from)
        .map(|(at, _)| at)
        .filter(|at| *at == 0 || text.get(..*at).is_some_and(|before| before.ends_with('\n')))
        .collect();
    let [at] = places.as_slice() else {
        return Err(format!("{} times in {path}:\n{from}", places.len()));
    };
    let before = text.get(..*at).unwrap_or("");
    let after = text.get(at + from.len()..).unwrap_or("");
    Ok(format!("{before}{to}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "breaks it goes\nfile a.yaml\n one\n-two\n+drei\nexpect error DCW010 X, Y\n";

    #[test]
    fn a_case_is_read_and_applied() {
        let cases = parse(TEXT).unwrap();
        let case = cases.first().unwrap();
        assert!(case.breaks);
        assert_eq!(case.shown, "file a.yaml\n one\n-two\n+drei\n");
        assert_eq!(case.expects.first().unwrap().consumers, ["X", "Y"]);
        let base = [("a.yaml".to_owned(), "one\ntwo\n".to_owned())];
        assert_eq!(apply(&base, case, true).unwrap().first().unwrap().1, "one\ndrei\n");
        assert_eq!(apply(&base, case, false).unwrap().first().unwrap().1, "one\ntwo\n");
        assert!(apply(&[("a.yaml".to_owned(), "other\n".to_owned())], case, true).is_err());
        assert!(parse("nonsense").is_err());
    }
}
