//! Family 7: contract tests.

use super::{Code, Severity};
use crate::diagnostic::Explain;

codes! {
    CASE_UNREADABLE = 7001, Error, "not a contract test",
        what: "A test cannot be run: what it gives is no record that a source could tell.",
        why: "A test that is left out looks like one that holds.",
        how: "Every entry of `given` has `from` and either `record` or `delete`; only tables delete \
              rows, change keys and leave unchanged columns out.",
        broken: "", mended: "";
    CASE_NAMES = 7002, Error, "a test names what its contract does not have",
        what: "A test is about an entity, source, member, field or value that the contract does not \
               have.",
        why: "It would test nothing of what was meant.",
        how: "Records have the names of their source, rows those of the contract. Correct the test, \
              or rename in it what the contract renamed.",
        broken: "", mended: "";
    CASE_PERSONAL = 7003, Error, "personal data in a test",
        what: "A value of a field with a class of personal data stands in a test, and could be \
               somebody's.",
        why: "Files of a repository are copied, mailed and kept for good; nothing can be erased \
              from them.",
        how: "Leave the member out (it gets a made-up value), or write what is clearly nobody's: \
              `someone@example.invalid`.",
        broken: "", mended: "";
    CASE_VERDICT = 7004, Error, "the verdict is another one",
        what: "A record that a test expects to be taken is refused, or the reverse, or by another \
               rule.",
        why: "Either the contract no longer says what its tests say, or the test is wrong.",
        how: "Decide which of the two is meant, and change the other.",
        broken: "", mended: "";
    CASE_STATE = 7005, Error, "the rows are others",
        what: "What a sequence of changes comes to is not what its test expects.",
        why: "Every target holds exactly these rows, however often and in whatever order the \
              changes arrive.",
        how: "Look at merge rules, owners and the places in the source's order (`at`); then change \
              the contract or the test.",
        broken: "", mended: "";
}
