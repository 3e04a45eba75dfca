//! Family 5: order and groups.

use super::{Code, Severity};

codes! {
    MODEL_CYCLE = 5001, Error, "models form a cycle",
        "Each of the models reads another, and none can run first. Break the circle, for instance by a \
         model that both read.";
    GROUP_NAME = 5002, Error, "two merge groups of one name",
        "A merge group is named after its owner, or after its field where it is a group of its own; the \
         guard column carries that name. A field that is named like a source would share it. Rename the \
         field or the source.";
}
