//! The contract compiler: `contracts/*.yaml` in, everything that moves the data out.
//!
//! ```text
//! contracts/*.yaml -SourceSet-> parse -Ast-> resolve -Ir-> check -Checked<Ir>-> plan -Plan-> emit -OutputTree-> driver -> generated/
//! (old Checked<Ir>, new Checked<Ir>) -> compat -> findings
//! ```
//!
//! Pure: no IO but in `driver` and `cli`. Every stage reports everything it can in one run.

pub mod emit;
pub mod plan;
pub mod tree;
