//! The binary: everything is in the library, so that it can be read, documented and tested.

fn main() -> std::process::ExitCode {
    entra_token::main()
}
