//! Waivers: accepted findings, by fingerprint. A waiver that accepts nothing, or no longer, is a
//! finding itself; personal data is not waived by the change that needs the waiver.

use covenant_model::spec::Compatibility;

use super::finding::{Finding, Waived};
use super::prelude::*;

pub(super) static UNUSED: Rule = Rule {
    code: "DCX001",
    slug: "unused-waiver",
    direction: Direction::Neutral,
    mirror: Mirror::None("about waivers, not about a change"),
    modes: Modes::LOOK,
    consumers: &[People],
    migration: Migration::None,
    witness: WitnessKind::None,
    what: "A waiver names a fingerprint that no finding has.",
    why: "It is of no use today, and would accept tomorrow what nobody looked at.",
    how: "Remove it. Where the change is still there, its finding changed: read it, and take its new \
          fingerprint.",
    cases: "",
    check: Check::Engine,
};

pub(super) static EXPIRED: Rule = Rule {
    code: "DCX002",
    slug: "expired-waiver",
    direction: Direction::Neutral,
    mirror: Mirror::None("about waivers, not about a change"),
    modes: Modes::BOTH,
    consumers: &[People],
    migration: Migration::None,
    witness: WitnessKind::None,
    what: "A waiver is past its last day.",
    why: "What it accepted is open again: it was accepted for a time, by somebody, for a reason.",
    how: "Finish the change, or ask its owner for another waiver with a new last day.",
    cases: "",
    check: Check::Engine,
};

pub(super) static PERSONAL: Rule = Rule {
    code: "DCX003",
    slug: "personal-data-waived-by-its-own-change",
    direction: Direction::Neutral,
    mirror: Mirror::None("about waivers, not about a change"),
    modes: Modes::BOTH,
    consumers: &[People],
    migration: Migration::None,
    witness: WitnessKind::None,
    what: "A waiver for a finding about personal data came with the change that raises it.",
    why: "Whoever changes how personal data is protected does not decide alone that it may be so.",
    how: "Land the waiver first, in a change of its own that the owner of the data approves.",
    cases: "",
    check: Check::Engine,
};

/// A waiver as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// Which finding.
    pub fingerprint: String,
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for that.
    pub owner: String,
    /// The last day, `2027-03-31`.
    pub until: String,
    /// Where it is written, for findings about it: a path or the name of the file.
    pub place: String,
    /// Whether the old side has it too: it did not come with this change.
    pub known_before: bool,
}

/// Marks the findings that waivers accept, and says what is wrong with the waivers. `today` is a day
/// as text, `2026-11-23`: days of this form compare as texts.
pub fn apply(findings: &mut [Finding], waivers: &[Waiver], today: &str) -> Vec<Finding> {
    let mut said = Vec::new();
    for waiver in waivers {
        let mut used = Use::default();
        for finding in findings.iter_mut() {
            accept(finding, waiver, today, &mut used);
        }
        if !used.matched {
            said.push(about(&UNUSED, waiver, "names no finding of this change", Grade::Warning));
        } else if waiver.until.as_str() < today {
            said.push(about(&EXPIRED, waiver, "is past its last day", Grade::Error));
        } else if used.personal {
            let what = "accepts a finding about personal data and came with the change";
            said.push(about(&PERSONAL, waiver, what, Grade::Error));
        }
    }
    said
}

#[derive(Default)]
struct Use {
    matched: bool,
    /// It was meant for personal data, and may not.
    personal: bool,
}

fn accept(finding: &mut Finding, waiver: &Waiver, today: &str, used: &mut Use) {
    if finding.fingerprint == waiver.fingerprint {
        used.matched = true;
        let refused = finding.rule.is_personal() && !waiver.known_before;
        used.personal |= refused;
        if !refused && waiver.until.as_str() >= today {
            finding.waived = Some(Waived {
                reason: waiver.reason.clone(),
                owner: waiver.owner.clone(),
                until: waiver.until.clone(),
            });
        }
    }
    for effect in &mut finding.effects {
        accept(effect, waiver, today, used);
    }
}

fn about(rule: &'static Rule, waiver: &Waiver, what: &str, grade: Grade) -> Finding {
    let headline = format!("the waiver {} of {} {what}", waiver.fingerprint, waiver.owner);
    let subject = waiver.place.clone();
    let mut finding =
        Finding::new(rule, Compatibility::Full, subject, headline, Vec::new(), rule.how)
            .old_at(None)
            .claiming([format!("waiver/{}", waiver.fingerprint)])
            .always(grade);
    finding.fingerprint.clone_from(&waiver.fingerprint);
    finding
}
