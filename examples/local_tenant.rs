//! A local tenant to try things with: no account, no network, nothing that is secret.
//!
//! `cargo run --example local_tenant` serves one in the foreground and says how to reach it.
//! `cargo run --example local_tenant -- COMMAND ARGS…` runs a command that is led to one, and ends with its status.
//!
//! Before the command, `--answers-after MILLISECONDS` makes every token request wait, and `--log FILE` adds a line to a file
//! for every request: its method and its address.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use local_tenant::{Builder, Directory, Tenant};

fn main() -> ExitCode {
    let mut command: Vec<OsString> = std::env::args_os().skip(1).collect();
    let tenant = match configured(&mut command) {
        Ok(builder) => builder.start(),
        Err(why) => {
            eprintln!("local_tenant: {why}");
            return ExitCode::from(2);
        }
    };
    // A command that asks for no token is no mistake here.
    tenant.allow_idle();
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

/// Takes the options from the front of a command.
fn configured(command: &mut Vec<OsString>) -> Result<Builder, String> {
    let mut builder = Tenant::builder();
    while let Some(option) = command.first().and_then(|word| word.to_str()).filter(|word| word.starts_with("--")).map(str::to_owned) {
        let value = command.get(1).and_then(|value| value.to_str()).ok_or_else(|| format!("{option} needs a value"))?;
        builder = match option.as_str() {
            "--answers-after" => {
                let time = value.parse().map_err(|_| format!("--answers-after takes milliseconds, and {value} is no number"))?;
                builder.directory(Directory::default().answers_after(Duration::from_millis(time)))
            }
            "--log" => builder.log(value.into()),
            _ => return Err(format!("{option} is no option; there are --answers-after MILLISECONDS and --log FILE")),
        };
        command.drain(..2);
    }
    Ok(builder)
}
