//! Every code, once. `CV` and four digits; the first is the family: 0 io and command line, 1 parse,
//! 2 resolve, 3 check, 4 waivers and old versions, 5 plan, 6 emit. (Breaking rules carry the codes of their
//! own catalogue.) A code is never used again for something else.

use super::Severity;

/// A rule that contracts can break.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Four digits.
    pub number: u16,
    /// Unless the finding says otherwise.
    pub severity: Severity,
    /// In a few words.
    pub title: &'static str,
    /// What `covenant explain` prints: why the rule exists and what to do.
    pub explain: &'static str,
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
        .chain(check::ALL)
        .chain(waiver::ALL)
        .chain(plan::ALL)
        .chain(emit::ALL)
        .copied()
}

/// Declares codes and the list of them.
macro_rules! codes {
    ($($name:ident = $number:literal, $severity:ident, $title:literal, $explain:literal;)*) => {
        $(
            #[doc = $title]
            pub static $name: Code = Code {
                number: $number,
                severity: Severity::$severity,
                title: $title,
                explain: $explain,
            };
        )*
        /// Every code of the family.
        pub(super) static ALL: &[&Code] = &[$(&$name),*];
    };
}

mod check;
mod emit;
mod io;
mod parse;
mod plan;
mod resolve;
mod waiver;

pub use check::*;
pub use emit::*;
pub use io::*;
pub use parse::*;
pub use plan::*;
pub use resolve::*;
pub use waiver::*;
