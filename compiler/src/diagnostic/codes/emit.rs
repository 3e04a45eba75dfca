//! Family 6: what targets cannot express.

use super::{Code, Severity};
use crate::diagnostic::Explain;

codes! {
    INEXPRESSIBLE = 6001, Error, "a target cannot express it",
        what: "A target has nothing that part of a contract could become.",
        why: "The contract holds together, but it could not be built: a number with more digits \
             than Salesforce has, two names that become one in Rust.",
        how: "Follow the message: it names the target, the reason and the way out.",
        broken: "",
        mended: "";
}
