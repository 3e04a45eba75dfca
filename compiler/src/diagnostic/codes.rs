//! Every code, once. `CV` and four digits; the first is the family: 0 io and command line, 1 parse,
//! 2 resolve, 3 check, 4 waivers and old versions, 5 plan, 6 emit, 7 contract tests. (Breaking rules carry the codes of their
//! own catalogue.) A code is never used again for something else.

use super::{Explain, Severity};

/// A rule that contracts can break.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Four digits.
    pub number: u16,
    /// Unless the finding says otherwise.
    pub severity: Severity,
    /// In a few words.
    pub title: &'static str,
    /// What `covenant explain` and the pages show. `broken` and `mended` are lines of the files that
    /// their comments name; the tests run them.
    pub explain: Explain,
}

impl Code {
    /// `CV3005: two owners where versions decide (error)`
    pub fn headline(&self) -> String {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        };
        format!("{self}: {} ({severity})", self.title)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CV{:04}", self.number)
    }
}

/// The code of that name (`CV1003`, in any case, or the number alone).
pub fn find(name: &str) -> Option<&'static Code> {
    let digits = name.trim().trim_start_matches(['c', 'C', 'v', 'V']);
    let number = digits.parse::<u16>().ok()?;
    all().find(|code| code.number == number)
}

/// Every code, by number.
pub fn all() -> impl Iterator<Item = &'static Code> {
    io::ALL
        .iter()
        .chain(parse::ALL)
        .chain(resolve::ALL)
        .chain(fields::ALL)
        .chain(flow::ALL)
        .chain(targets::ALL)
        .chain(evolution::ALL)
        .chain(terms::ALL)
        .chain(org::ALL)
        .chain(classes::ALL)
        .chain(waiver::ALL)
        .chain(plan::ALL)
        .chain(emit::ALL)
        .chain(cases::ALL)
        .chain(live::ALL)
        .copied()
}

/// Declares codes and the list of them.
macro_rules! codes {
    ($($name:ident = $number:literal, $severity:ident, $title:literal,
        what: $what:literal, why: $why:literal, how: $how:literal,
        broken: $broken:literal, mended: $mended:literal;)*) => {
        $(
            #[doc = $title]
            pub static $name: Code = Code {
                number: $number,
                severity: Severity::$severity,
                title: $title,
                explain: Explain {
                    what: $what,
                    why: $why,
                    how: $how,
                    broken: $broken,
                    mended: $mended,
                },
            };
        )*
        /// Every code of the family.
        pub(super) static ALL: &[&Code] = &[$(&$name),*];
    };
}

mod cases;
mod classes;
mod emit;
mod evolution;
mod fields;
mod flow;
mod io;
mod live;
mod org;
mod parse;
mod plan;
mod resolve;
mod targets;
mod terms;
mod waiver;

pub use cases::*;
pub use classes::*;
pub use emit::*;
pub use evolution::*;
pub use fields::*;
pub use flow::*;
pub use io::*;
pub use live::*;
pub use org::*;
pub use parse::*;
pub use plan::*;
pub use resolve::*;
pub use targets::*;
pub use terms::*;
pub use waiver::*;
