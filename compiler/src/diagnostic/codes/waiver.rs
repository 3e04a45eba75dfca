//! Family 4: comparing two versions, and waivers. (What a change breaks has the codes of the catalogue
//! of breaking rules.)

use super::{Code, Severity};

codes! {
    BAD_WAIVER = 4001, Error, "not a waiver",
        "A waiver names a finding by its fingerprint and code, says why it is accepted and who answers for that, and ends on a \
         day. One that cannot be read accepts nothing. Let `covenant waive` write it.";
    WAIVER_UNUSED = 4002, Warning, "waiver that accepts nothing",
        "No finding has the waiver's fingerprint and code. It would silently accept the same break later, made by somebody else \
         for another reason. Remove it.";
    WAIVER_EXPIRED = 4003, Warning, "waiver whose day has passed",
        "What was accepted for a while counts again. Mend it, or let the waiver's owner decide anew.";
    WAIVER_OF_ITSELF = 4004, Error, "personal data waived by its own change",
        "A finding about personal data needs a waiver that the old version of the contracts holds already: one change to accept, \
         reviewed apart, and another to make it. Land the waiver alone first.";
    OLD_UNREADABLE = 4010, Error, "old version cannot be compared",
        "A contract of the version that is compared with does not hold together, as this compiler reads it. Whether the change \
         breaks anybody there is unknown, so the command does not succeed; everything else is compared. Compare with a version \
         that holds together, or have a person compare the contract that is named.";
}
