//! A local tenant to try things with: no account, no network, nothing that is secret.
//!
//! `cargo run --example local_tenant` serves one in the foreground and says how to reach it.
//! `cargo run --example local_tenant -- COMMAND ARGS…` runs a command that is led to one, and ends with its status.
//!
//! Before the command, `--answers-after MILLISECONDS` makes every token request wait, `--log FILE` adds a line to a file for
//! every request, its method and its address, and `--person NAME` says who sits at the command's browser (else Adele does) and
//! signs in there by themself. With `--browse URL` it is that browser: it opens the address, trusts `SSL_CERT_FILE`, and says
//! where it ends.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use local_tenant::{Browser, Builder, Directory, Tenant, contoso};

fn main() -> ExitCode {
    let mut command: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let [option, url] = &command[..]
        && option == "--browse"
    {
        return browse(&url.to_string_lossy());
    }
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

/// Opens an address as the command's browser.
fn browse(url: &str) -> ExitCode {
    let Some(authorities) = std::env::var_os("SSL_CERT_FILE") else {
        eprintln!("local_tenant: --browse needs SSL_CERT_FILE");
        return ExitCode::from(2);
    };
    let browser = Browser::new(Path::new(&authorities));
    let proxy = std::env::var("HTTPS_PROXY");
    let mut browser = proxy.map_or_else(|_| browser.clone(), |proxy| browser.clone().proxy(&proxy));
    match browser.try_open(url) {
        Ok(page) => {
            // A reader that goes away has read enough.
            let _ = writeln!(std::io::stdout(), "{}", page.url());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("local_tenant: the browser cannot open the address: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Takes the options from the front of a command.
fn configured(command: &mut Vec<OsString>) -> Result<Builder, String> {
    let (mut builder, mut directory, mut person) = (Tenant::builder(), Directory::default(), contoso::USER.to_owned());
    while let Some(option) = command.first().and_then(|word| word.to_str()).filter(|word| word.starts_with("--")).map(str::to_owned) {
        let value = command.get(1).and_then(|value| value.to_str()).ok_or_else(|| format!("{option} needs a value"))?;
        match option.as_str() {
            "--answers-after" => {
                let time = value.parse().map_err(|_| format!("--answers-after takes milliseconds, and {value} is no number"))?;
                directory = directory.answers_after(Duration::from_millis(time));
            }
            "--log" => builder = builder.log(value.into()),
            "--person" => value.clone_into(&mut person),
            _ => return Err(format!("{option} is no option; there are --answers-after MILLISECONDS, --log FILE and --person NAME")),
        }
        command.drain(..2);
    }
    // Whoever serves in the foreground has a browser and hands of their own.
    Ok(builder.directory(if command.is_empty() { directory } else { directory.person(&person) }))
}
