//! Acme end to end on one machine: source, Salesforce, shop, runtime, accidents, proof.
//!
//! | module | what |
//! |---|---|
//! | [`options`] | what can be chosen |
//! | [`screen`] | bars on a terminal, lines elsewhere |
//! | [`systems`] | the source database and the Salesforce simulator |
//! | [`runtime`] | the pipeline's process: started, killed, started again, drained |
//! | [`api`] | what the runtime says of itself: for bars and for waiting, never for the proof |
//! | [`accidents`] | kills, Salesforce's bad days, the backfill beside live traffic |
//! | [`watch`] | follows the runtime's status, and waits until everything is quiet |
//! | [`people`] | accounts that people made before us, and the person who settles what is ambiguous |
//! | [`proof`] | reads both targets and compares them with the expectation |
//! | [`stage`] | all of it, in order |

pub mod accidents;
pub mod api;
pub mod options;
pub mod people;
pub mod proof;
pub mod runtime;
pub mod screen;
pub mod stage;
pub mod systems;
pub mod watch;
