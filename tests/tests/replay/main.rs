//! Landing once more: a warehouse that was restored from yesterday's copy, a table that was emptied by hand, a contract that was
//! corrected. Acme's contracts and generated SQL, real landing files, a DuckDB file, a ledger file, a CRM in memory; what the
//! database would tell is written by hand.
//!
//! | module | what |
//! |---|---|
//! | `stage` | everything around the lanes |
//! | `restore` | copies put back, and landing that no longer reaches to them |
//! | `again` | replays and re-derivations |

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)] // a test fails where it unwraps

mod again;
mod restore;
mod stage;
