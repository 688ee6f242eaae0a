//! A local tenant to try things with: no account, no network, nothing that is secret.
//!
//! `cargo run --example local_tenant` serves one in the foreground and says how to reach it.
//! `cargo run --example local_tenant -- COMMAND ARGS…` runs a command that is led to one, and ends with its status.

use std::ffi::OsString;
use std::process::ExitCode;

use local_tenant::Tenant;

fn main() -> ExitCode {
    let tenant = Tenant::start();
    // A command that asks for no token is no mistake here.
    tenant.allow_idle();
    let command: Vec<OsString> = std::env::args_os().skip(1).collect();
    if !command.is_empty() {
        return ExitCode::from(u8::try_from(local_tenant::run(&tenant, &command)).unwrap_or(1));
    }
    match local_tenant::serve_until_interrupt(&tenant) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("local_tenant: cannot wait for Ctrl-C: {error}");
            ExitCode::FAILURE
        }
    }
}
