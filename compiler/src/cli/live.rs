//! `covenant check --live`: which database is asked.

use clap::Args;

use crate::Compiled;
use crate::diagnostic::Diagnostics;
use crate::driver;
use crate::plan::Plan;

/// Which database is asked.
#[derive(Debug, Default, Args)]
pub(super) struct Arguments {
    /// Holds the contracts against this PostgreSQL database as it is. The password may stand in `PGPASSWORD`.
    #[arg(long, value_name = "postgres://USER@HOST/DATABASE")]
    live: Option<String>,
    /// Which system of the project the database is, where there are several.
    #[arg(long, requires = "live")]
    system: Option<String>,
}

/// Findings about the database; none where none is asked.
///
/// # Errors
/// Why it cannot be asked, in words.
pub(super) fn findings(
    compiled: &Compiled,
    plan: &Plan,
    asked: &Arguments,
) -> Result<Diagnostics, String> {
    let Some(url) = &asked.live else { return Ok(Diagnostics::default()) };
    let password = password();
    driver::live::findings(compiled, plan, asked.system.as_deref(), url, password.as_deref())
}

/// The password of a database whose address has none.
#[expect(
    clippy::disallowed_methods,
    reason = "a secret stays off the command line, and what is found does not depend on it"
)]
pub(super) fn password() -> Option<String> {
    std::env::var("PGPASSWORD").ok()
}
