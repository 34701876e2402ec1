//! The program is `tableround::cli`; this file is a formality.

fn main() -> std::process::ExitCode {
    tableround::cli::main()
}
