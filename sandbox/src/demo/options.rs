//! What can be chosen on the command line.

use std::path::PathBuf;

use clap::Parser;

/// Runs Acme end to end and proves that nothing was lost, doubled, diverged or resurrected.
///
/// Exit codes: 0 proved, 1 not proved, 2 it could not run.
#[derive(Clone, Debug, Parser)]
#[command(name = "covenant-demo", version)]
pub struct Options {
    /// Orders in the shop's history.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(2_500..))]
    pub orders: u32,
    /// How long the shop is open, in seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=3_600))]
    pub seconds: u64,
    /// Changes a second.
    #[arg(long, default_value_t = 60.0)]
    pub rate: f64,
    /// Decides rows, acts and accidents.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How often the runtime is killed.
    #[arg(long, default_value_t = 4)]
    pub kills: u32,
    /// Leaves everything up at the end and prints the addresses; Ctrl-C ends it.
    #[arg(long)]
    pub keep: bool,
    /// Where everything is kept; deleted at the start.
    #[arg(long, default_value = ".demo")]
    pub dir: PathBuf,
    /// What the compiler generated.
    #[arg(long, default_value = "generated")]
    pub generated: PathBuf,
    /// The runtime's program; by default the one beside this program.
    #[arg(long)]
    pub runtime: Option<PathBuf>,
}
