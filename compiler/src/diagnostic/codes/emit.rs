//! Family 6: what targets cannot express.

use super::{Code, Severity};

codes! {
    INEXPRESSIBLE = 6001, Error, "a target cannot express it",
        "The contract holds together, but one of its targets has nothing that it could become: a number with more \
         digits than Salesforce has, two names that become one in Rust. The message names the target, the reason and \
         the way out.";
}
