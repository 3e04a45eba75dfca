//! `covenant`: see `covenant_compiler::cli`.

/// Contracts are many small values: a fifth of the work of a cold `diff` was the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    covenant_compiler::cli::main()
}
