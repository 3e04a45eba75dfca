//! Family 4: comparing two versions, and waivers. (What a change breaks has the codes of the catalogue of
//! breaking rules.)

use super::{Code, Severity};
use crate::diagnostic::Explain;

codes! {
    BAD_WAIVER = 4001, Error, "not a waiver",
        what: "A waiver cannot be read.",
        why: "A waiver names a finding by its fingerprint and code, says why it is accepted and \
             who answers for that, and ends on a day. One that cannot be read accepts nothing.",
        how: "Let `covenant waive` write it.",
        broken: r"# waivers.yaml
waivers:
  - fingerprint: nonsense
    code: DCW010
    reason: Nobody reads it.
    owner: data@shop.example
    expires: 2027-03-31",
        mended: "";
    WAIVER_UNUSED = 4002, Warning, "waiver that accepts nothing",
        what: "No finding has the waiver's fingerprint and code.",
        why: "It would silently accept the same break later, made by somebody else for another \
             reason.",
        how: "Remove it.",
        broken: "",
        mended: "";
    WAIVER_EXPIRED = 4003, Warning, "waiver whose day has passed",
        what: "The last day of a waiver has passed.",
        why: "What was accepted for a while counts again.",
        how: "Mend it, or let the waiver's owner decide anew.",
        broken: "",
        mended: "";
    WAIVER_OF_ITSELF = 4004, Error, "personal data waived by its own change",
        what: "A finding about personal data is waived by the change that raises it.",
        why: "A finding about personal data needs a waiver that the old version of the contracts \
             holds already: one change to accept, reviewed apart, and another to make it.",
        how: "Land the waiver alone first.",
        broken: "",
        mended: "";
    OLD_UNREADABLE = 4010, Error, "old version cannot be compared",
        what: "A contract of the version that is compared with does not hold together, as this \
             compiler reads it.",
        why: "Whether the change breaks anybody there is unknown, so the command does not succeed; \
             everything else is compared.",
        how: "Compare with a version that holds together, or have a person compare the contract \
             that is named.",
        broken: "",
        mended: "";
}
