//! Family 8: contracts held against a system as it is.

use super::{Code, Severity};
use crate::diagnostic::Explain;

codes! {
    LIVE_SYSTEM = 8001, Error, "the server does not do what capture needs",
        what: "`covenant check --live` found the server set up in a way that changes cannot be streamed from \
               it, or not safely.",
        why: "Capture would not start, or would stop one day.",
        how: "The finding names the setting and its value, and what to set.",
        broken: "", mended: "";
    LIVE_PUBLICATION = 8002, Error, "the publication is not the contracts'",
        what: "The publication in the database is missing, or streams other tables, columns or operations \
               than the contracts read.",
        why: "What is not published is missed in silence; what is published and read by nobody leaves \
              the database all the same.",
        how: "Deploy `generated/postgres/<system>/publication.sql`, which sets exactly what the contracts \
              read.",
        broken: "", mended: "";
    LIVE_ROLE = 8003, Error, "the role of capture has other rights",
        what: "The role that capture logs in as is missing, cannot do its work, or may do more than that.",
        why: "With less, capture fails; with more, whoever takes over the role gets it.",
        how: "Deploy `generated/postgres/<system>/role.sql`, and revoke what the finding names.",
        broken: "", mended: "";
    LIVE_TABLE = 8004, Error, "the table is not the contract's",
        what: "The table that a contract reads is missing in the database, or is none that can be \
               streamed.",
        why: "No row of it would arrive.",
        how: "Create or rename it, or correct the contract.",
        broken: "", mended: "";
    LIVE_KEY = 8005, Error, "the key is not the table's",
        what: "The key of the contract is not unique in the table, or not its replica identity.",
        why: "Two rows could have one key, or updates and deletes would come without it.",
        how: "Make the key columns the primary key, or correct the key in the contract.",
        broken: "", mended: "";
    LIVE_COLUMN = 8006, Error, "the column is not the field's",
        what: "A column that a field is read from is missing in the table, or of another type, or may be \
               NULL where the field may not.",
        why: "Its values could not be read, or records would go to quarantine.",
        how: "Change the side that is wrong: the finding has both.",
        broken: "", mended: "";
}
