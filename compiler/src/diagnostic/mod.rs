//! What the compiler has to say about contracts. [`crate::report`] renders it. Internal errors are not
//! diagnostics: see [`crate::InternalError`].

pub mod codes;
pub mod explain;
pub mod fix;
pub mod human;
pub mod mend;
pub mod pages;

use std::cell::RefCell;

use crate::source::Span;
pub use codes::Code;
pub use explain::Explain;
pub use fix::{Applicability, Edit, Fix};

/// How bad it is. Only errors stop a build.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is generated.
    Error,
    /// Worth a look.
    Warning,
    /// For the record.
    Info,
}

/// A second place that explains the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where; other files are fine.
    pub span: Span,
    /// What is there.
    pub text: String,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which rule.
    pub code: &'static Code,
    /// How bad.
    pub severity: Severity,
    /// One line that makes sense alone.
    pub headline: String,
    /// Where to look first.
    pub span: Span,
    /// What is said beside the carets; may be empty.
    pub at: String,
    /// Other places.
    pub labels: Vec<Label>,
    /// Why it is a problem.
    pub why: Vec<String>,
    /// What to do.
    pub help: Vec<String>,
    /// Changes that a program can make.
    pub fixes: Vec<Fix>,
}

impl Diagnostic {
    /// With the severity of the code.
    pub fn new(code: &'static Code, span: Span, headline: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity,
            headline: bounded(headline.into()),
            span,
            at: String::new(),
            labels: Vec::new(),
            why: Vec::new(),
            help: Vec::new(),
            fixes: Vec::new(),
        }
    }

    /// Said beside the carets.
    #[must_use]
    pub fn at(mut self, text: impl Into<String>) -> Self {
        self.at = text.into();
        self
    }

    /// A second place.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Why.
    #[must_use]
    pub fn why(mut self, text: impl Into<String>) -> Self {
        self.why.push(text.into());
        self
    }

    /// What to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// A change that a program can make, where there is one.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<Option<Fix>>) -> Self {
        self.fixes.extend(fix.into());
        self
    }

    /// `help` with the nearest of the known names, where one is near, and the replacement of what
    /// stands at `span`.
    #[must_use]
    pub fn suggest_at<'n>(
        self,
        span: Span,
        found: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        match nearest(found, known) {
            Some(near) => self.help(format!("did you mean `{near}`?")).fix(Fix::replace(
                Applicability::Unsafe,
                format!("replace `{found}` by `{near}`"),
                span,
                near,
            )),
            None => self,
        }
    }

    /// `help` with the nearest of the known names, where one is near.
    #[must_use]
    pub fn suggest<'n>(self, found: &str, known: impl IntoIterator<Item = &'n str>) -> Self {
        match nearest(found, known) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }
}

/// A headline is a line, whatever it quotes. In characters.
const HEADLINE_CHARS_MAX: usize = 300;

/// Cut at the end: what is wrong comes first.
fn bounded(headline: String) -> String {
    match headline.char_indices().nth(HEADLINE_CHARS_MAX) {
        Some((end, _)) => format!("{}...", headline.get(..end).unwrap_or("")),
        None => headline,
    }
}

/// Findings of one run, sorted by file, position and code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    all: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Sorted, exact repetitions once.
    pub fn new(mut all: Vec<Diagnostic>) -> Self {
        all.sort_by(|left, right| {
            (left.span, left.code.number, &left.headline).cmp(&(
                right.span,
                right.code.number,
                &right.headline,
            ))
        });
        all.dedup();
        Self { all }
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.all.iter()
    }

    /// Whether anything stops a build.
    pub fn has_errors(&self) -> bool {
        self.all.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// How many of one severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.all.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }

    /// Nothing to say.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// Where every stage puts its findings. Shared by reference: a stage never has to thread it
/// mutably.
#[derive(Debug, Default)]
pub struct Sink {
    all: RefCell<Vec<Diagnostic>>,
}

impl Sink {
    /// Adds a finding.
    pub fn push(&self, diagnostic: Diagnostic) {
        self.all.borrow_mut().push(diagnostic);
    }

    /// How many there are so far.
    pub fn len(&self) -> usize {
        self.all.borrow().len()
    }

    /// Nothing so far.
    pub fn is_empty(&self) -> bool {
        self.all.borrow().is_empty()
    }

    /// Whether anything so far stops a build.
    pub fn has_errors(&self) -> bool {
        self.all.borrow().iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Everything, sorted.
    pub fn finish(self) -> Diagnostics {
        Diagnostics::new(self.all.into_inner())
    }
}

/// Similarity from which a name is suggested; below it suggestions confuse more than they help.
const SUGGEST_FROM: f64 = 0.75;

/// The known name that is most like the one found, where one is.
pub fn nearest<'n>(found: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let folded = found.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for name in known {
        let score = strsim::jaro_winkler(&folded, &name.to_lowercase());
        if score >= SUGGEST_FROM && best.is_none_or(|(high, _)| score > high) {
            best = Some((score, name));
        }
    }
    best.map(|(_, name)| name)
}
