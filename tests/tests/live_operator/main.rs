//! The operator's commands, run as a person runs them: the real program beside a real PostgreSQL and Salesforce's simulator.
//!
//! | module | what |
//! |---|---|
//! | `stage` | source, Salesforce and process in a folder of their own, and commands beside them |
//! | `gap` | a slot that was dropped: refused, accepted, and nothing stays lost |
//! | `org` | what somebody did to the Salesforce org is found out and mended, and what nobody knows is left alone |
//! | `outage` | systems that do not answer at the start are waited for, and looked at when they do |
//! | `reconcile` | a warehouse that somebody broke is found out, and mended beside live traffic |
//! | `refusals` | what is not as the contracts say, or cannot be used: named by `doctor`, refused by the start, nothing changed |

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod gap;
mod org;
mod outage;
mod reconcile;
mod refusals;
mod stage;
