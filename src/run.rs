//! One command, from start to end.

mod account;
mod cache_command;
mod cached;
mod client_creds;
mod context;
mod explain;
mod password;
mod people;
mod refresh;
mod secrets;
mod sign_in;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::SystemTime;

use self::context::Context;
use crate::cli::args::{self, Action, Cli, Color, ErrorFormat};
use crate::cli::input::Limit;
use crate::cli::usage::usage_error;
use crate::env::{self, Env};
use crate::error::Error;
use crate::exit;
use crate::output::report;
use crate::process;
use crate::redact::Masks;
use crate::secret::Secret;
use crate::terminal::{self, Terminal};

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    terminal::report_bugs_without_their_values(exit::OTHER);
    process::keep_memory_private();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match args::parse(arguments.clone()) {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => return show_help(&error),
        Err(error) => {
            let terminal = Terminal::new(use_color(Color::Auto), false, wants_json(&arguments), known_secrets());
            return end(&terminal, Err(usage_error(&error).into()));
        }
    };
    let common = &cli.common;
    let terminal = Terminal::new(use_color(common.color), common.quiet, common.error_format == ErrorFormat::Json, known_secrets());
    let terminal = terminal.watched(is_watched());
    terminal::trace(common.verbose);
    end(&terminal, act(&cli, &terminal))
}

/// The secrets that are there before anything is read.
fn known_secrets() -> Masks {
    let masks = Masks::default();
    let variables = [env::AZURE_CLIENT_SECRET, env::ARM_CLIENT_SECRET, env::AZURE_PASSWORD, env::ENTRA_TOKEN_REFRESH_TOKEN];
    for secret in variables.into_iter().filter_map(|variable| Env::Process.get(variable).ok().flatten()) {
        masks.add(&Secret::new(secret));
    }
    masks
}

fn act(cli: &Cli, terminal: &Terminal) -> Result<(), Error> {
    let context = Context {
        common: &cli.common,
        terminal,
        environment: &Env::Process,
        limit: Limit::from_now(cli.common.timeout()),
        began: SystemTime::now(),
    };
    match &cli.action {
        Action::AuthCode(command) => sign_in::auth_code(command, &context),
        Action::DeviceCode(command) => sign_in::device_code(command, &context),
        Action::ClientCreds(command) => client_creds::run(command, &context),
        Action::UsernamePassword(command) => sign_in::username_password(command, &context),
        Action::Refresh(command) => refresh::run(command, &context),
        Action::Cache(command) => cache_command::run(command, &context),
        Action::Explain(command) => explain::run(command, &context),
    }
}

/// Says how the command ended.
fn end(terminal: &Terminal, result: Result<(), Error>) -> ExitCode {
    let warnings = terminal.take_warnings();
    let Err(error) = result else {
        if !warnings.is_empty() {
            terminal.json(&report::ascii(&serde_json::json!({ "warnings": warnings }).to_string()));
        }
        return ExitCode::from(exit::OK);
    };
    if terminal.json {
        terminal.json(&report::json(&error, &warnings));
    } else {
        let text = report::text(&error);
        terminal.error(&text.headline, &text.lines);
    }
    ExitCode::from(exit::code(&error))
}

/// Help and version go to standard output; a reader that goes away has read enough.
fn show_help(message: &clap::Error) -> ExitCode {
    match message.print() {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => ExitCode::from(exit::OUTPUT),
        _ => ExitCode::from(exit::OK),
    }
}

/// The form of errors, for a command line that could not be parsed.
fn wants_json(arguments: &[OsString]) -> bool {
    let flag = "--error-format";
    let separate = arguments.windows(2).any(|pair| pair[0] == flag && pair[1] == "json");
    separate || arguments.iter().any(|argument| argument == "--error-format=json")
}

/// Whether a person watches a terminal that can do more than write line after line.
fn is_watched() -> bool {
    terminal::shows_to_person() && Env::Process.get(env::TERM).ok().flatten().as_deref() != Some("dumb")
}

fn use_color(color: Color) -> bool {
    let environment = Env::Process;
    let set = |variable| environment.get(variable).ok().flatten();
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => is_watched() && set(env::NO_COLOR).is_none(),
    }
}
