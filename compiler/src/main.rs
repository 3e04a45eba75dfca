//! `covenant`: see `covenant_compiler::cli`.

fn main() -> std::process::ExitCode {
    covenant_compiler::cli::main()
}
