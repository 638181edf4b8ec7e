//! The `kiln` program. Everything else is library code under test.

fn main() -> std::process::ExitCode {
    kiln::cli::main()
}
