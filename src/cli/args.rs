//! The command line as typed: clap's types, and nothing resolved.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Args, Command, FromArgMatches, Subcommand, ValueEnum};

use super::flags::{Browser, Client, NamePassword, Person, RefreshToken, text};
use super::help::{
    AUTH_CODE_EXAMPLES, CACHE_HELP, DEVICE_CODE_EXAMPLES, EXAMPLES, EXPLAIN_EXAMPLES, OUTPUT_HELP, REFRESH_EXAMPLES,
    USERNAME_PASSWORD_EXAMPLES,
};
use super::layer::Layer;

/// A command line, parsed.
#[derive(Debug)]
pub(crate) struct Cli {
    pub(crate) common: Common,
    pub(crate) action: Action,
}

/// The commands.
#[derive(Debug)]
pub(crate) enum Action {
    AuthCode(Box<AuthCode>),
    ClientCreds(Box<ClientCreds>),
    DeviceCode(Box<DeviceCode>),
    Refresh(Box<Refresh>),
    UsernamePassword(Box<UsernamePassword>),
    Cache(Cache),
    Explain(Explain),
}

/// See and forget the tokens that are kept
#[derive(Debug, Subcommand)]
pub(crate) enum Cache {
    /// Show what is kept, without the secrets
    List {
        /// Form of the list: text or json
        #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
        output: ListFormat,
    },
    /// Forget the tokens of an app, an account or a tenant; of what is given, all must fit
    Remove(Selection),
    /// Forget everything, also where it cannot be read
    Clear,
    /// Print where tokens are kept
    Path,
}

/// Which entries of the cache are meant.
#[derive(Args, Clone, Debug)]
pub(crate) struct Selection {
    /// Those of the app with this application (client) id
    #[arg(long, value_name = "ID", value_parser = text)]
    pub(crate) client_id: Option<String>,
    /// Those of the person who signs in with this name
    #[arg(long, value_name = "NAME", value_parser = text)]
    pub(crate) username: Option<String>,
    /// Those of the tenant with this id or domain name
    #[arg(long, value_name = "TENANT", value_parser = text)]
    pub(crate) tenant_id: Option<String>,
}

/// Explain an error, offline: what it means, who can lift it, what to do
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// A code (AADSTS50126, or its digits), an error's text or JSON, a part of a log; or - for standard input
    #[arg(value_name = "CODE|TEXT")]
    pub(crate) text: Vec<OsString>,
    /// Form of the explanation: text or json
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    pub(crate) output: ListFormat,
}

/// The forms of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    Text,
    Json,
}

/// Get a token for the app itself, with its client secret
#[derive(Args, Debug)]
pub(crate) struct ClientCreds {
    /// JSON file with the parameters, or - for standard input
    #[arg(value_name = "PARAMETERS.json")]
    pub(crate) parameters: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) client: Client,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Get new tokens for a person who has signed in
#[derive(Args, Debug)]
pub(crate) struct Refresh {
    /// JSON file with the parameters, or - for standard input
    #[arg(value_name = "PARAMETERS.json")]
    pub(crate) parameters: Option<PathBuf>,
    #[command(flatten)]
    client: Client,
    #[command(flatten)]
    refresh_token: RefreshToken,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Have a person sign in with the browser, once
#[derive(Args, Debug)]
pub(crate) struct AuthCode {
    /// JSON file with the parameters, or - for standard input
    #[arg(value_name = "PARAMETERS.json")]
    pub(crate) parameters: Option<PathBuf>,
    #[command(flatten)]
    client: Client,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    pub(crate) browser: Browser,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Have a person sign in on another device, once
#[derive(Args, Debug)]
pub(crate) struct DeviceCode {
    /// JSON file with the parameters, or - for standard input
    #[arg(value_name = "PARAMETERS.json")]
    pub(crate) parameters: Option<PathBuf>,
    #[command(flatten)]
    client: Client,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Get a person's token with their name and password
#[derive(Args, Debug)]
pub(crate) struct UsernamePassword {
    /// JSON file with the parameters, or - for standard input
    #[arg(value_name = "PARAMETERS.json")]
    pub(crate) parameters: Option<PathBuf>,
    #[command(flatten)]
    client: Client,
    #[command(flatten)]
    person: NamePassword,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Where the token goes, and in what form.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// Form of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "token", hide_possible_values = true, long_help = OUTPUT_HELP)]
    pub(crate) output: FormatName,
    /// Write the result to this file, readable by you alone, instead of standard output
    #[arg(long, value_name = "PATH")]
    pub(crate) out_file: Option<PathBuf>,
    /// Name of the variable for -o env
    #[arg(long, value_name = "NAME")]
    pub(crate) env_name: Option<String>,
    /// Seconds that a cached token must still live
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    pub(crate) min_ttl: u64,
    /// Ask for a new token, whatever is cached
    #[arg(long)]
    pub(crate) force_refresh: bool,
}

/// The names of the forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatName {
    Token,
    Json,
    Header,
    Curl,
    Env,
    Az,
    ExecCredential,
    None,
}

/// Options of every command.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Common {
    /// Seconds that the whole command may take, a person's time included [default: 60, and before that 300 for a person]
    #[arg(long, value_name = "SECONDS", value_parser = timeout)]
    timeout: Option<Duration>,
    /// PEM file of certificate authorities to trust beside the system's
    #[arg(long, value_name = "PEM")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Proxy for https; it may hold a password.
    #[arg(long, value_name = "URL", help = "Proxy for https, as in http://proxy.example:8080 (else HTTPS_PROXY)")]
    pub(crate) proxy: Option<String>,
    /// Where tokens are kept.
    #[arg(long, value_name = "PATH|none", value_parser = path, help = CACHE_HELP)]
    pub(crate) cache: Option<PathBuf>,
    /// Use what is cached only, refresh tokens included; exit 4 where that is not enough
    #[arg(long)]
    pub(crate) silent: bool,
    /// Never ask on the terminal
    #[arg(long)]
    pub(crate) no_input: bool,
    /// Say what happens; -vv shows requests and answers, secrets masked
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// No warnings
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Colours: auto, always or never
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub(crate) color: Color,
    /// Form of errors: text or json
    #[arg(long, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    pub(crate) error_format: ErrorFormat,
}

impl Common {
    /// How long the command may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(Duration::from_mins(1))
    }

    /// The limit that was given for the whole command.
    pub(crate) fn given_timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// How long a person may take.
    pub(crate) fn patience(&self) -> Duration {
        self.timeout.unwrap_or(Duration::from_mins(5))
    }
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

/// The form of errors on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ErrorFormat {
    Text,
    Json,
}

/// The tree of commands. The options of each are built when it is chosen, not before; those that stand before any command are built
/// where the line begins with one.
fn command(begins_with_options: bool) -> Command {
    let root = Command::new("entra-token");
    // `augment_args` takes the type's documentation for the command's, so ours comes after.
    let root = if begins_with_options { Common::augment_args(root) } else { root };
    root.version(env!("CARGO_PKG_VERSION"))
        .about("Gets Microsoft Entra ID access tokens and puts them where they are needed")
        .after_help(EXAMPLES)
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(
            Command::new("client-creds")
                .about("Get a token for the app itself, with its client secret")
                .after_help(EXAMPLES)
                .defer(|command| with_common(ClientCreds::augment_args(command))),
        )
        .subcommand(
            Command::new("auth-code")
                .about("Have a person sign in with the browser, once")
                .after_help(AUTH_CODE_EXAMPLES)
                .defer(|command| with_common(AuthCode::augment_args(command))),
        )
        .subcommand(
            Command::new("device-code")
                .about("Have a person sign in on another device, once")
                .after_help(DEVICE_CODE_EXAMPLES)
                .defer(|command| with_common(DeviceCode::augment_args(command))),
        )
        .subcommand(
            Command::new("refresh")
                .about("Get new tokens for a person who has signed in")
                .after_help(REFRESH_EXAMPLES)
                .defer(|command| with_common(Refresh::augment_args(command))),
        )
        .subcommand(
            Command::new("username-password")
                .about("Get a person's token with their name and password; discouraged")
                .after_help(USERNAME_PASSWORD_EXAMPLES)
                .defer(|command| with_common(UsernamePassword::augment_args(command))),
        )
        .subcommand(Command::new("cache").about("See and forget the tokens that are kept").defer(|command| {
            let command = Cache::augment_subcommands(command).mut_subcommands(|command| command.defer(with_common));
            with_common(command).subcommand_required(true).disable_help_subcommand(true)
        }))
        .subcommand(
            Command::new("explain")
                .about("Explain an error, offline: what it means, who can lift it, what to do")
                .after_help(EXPLAIN_EXAMPLES)
                .defer(|command| with_common(Explain::augment_args(command))),
        )
}

/// A command with the common options behind its own. It keeps what is said about it, which the types would overwrite.
fn with_common(command: Command) -> Command {
    let about = command.get_about().cloned().unwrap_or_default();
    Common::augment_args(command).about(about.clone()).long_about(about)
}

/// Parses a command line, the program's name first.
///
/// # Errors
///
/// clap's, which also stand for `--help` and `--version`.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let args: Vec<OsString> = args.into_iter().collect();
    let begins_with_options = args.get(1).is_none_or(|first| first.as_encoded_bytes().starts_with(b"-"));
    let matches = command(begins_with_options).try_get_matches_from(args)?;
    let (name, chosen) = matches.subcommand().ok_or_else(|| clap::Error::new(clap::error::ErrorKind::MissingSubcommand))?;
    let action = match name {
        "auth-code" => Action::AuthCode(Box::new(AuthCode::from_arg_matches(chosen)?)),
        "device-code" => Action::DeviceCode(Box::new(DeviceCode::from_arg_matches(chosen)?)),
        "client-creds" => Action::ClientCreds(Box::new(ClientCreds::from_arg_matches(chosen)?)),
        "refresh" => Action::Refresh(Box::new(Refresh::from_arg_matches(chosen)?)),
        "username-password" => Action::UsernamePassword(Box::new(UsernamePassword::from_arg_matches(chosen)?)),
        "cache" => Action::Cache(Cache::from_arg_matches(chosen)?),
        "explain" => Action::Explain(Explain::from_arg_matches(chosen)?),
        _ => return Err(clap::Error::new(clap::error::ErrorKind::InvalidSubcommand)),
    };
    Ok(Cli { common: common(if begins_with_options { &matches } else { chosen })?, action })
}

/// The common options, which may stand before and after each command's name; the last that says something counts. (clap can pass
/// options down by itself, at a fifth of what a cached token costs.)
fn common(matches: &ArgMatches) -> Result<Common, clap::Error> {
    let here = Common::from_arg_matches(matches)?;
    let Some((_, below)) = matches.subcommand() else { return Ok(here) };
    let below_given = |id: &str| below_chain(below).any(|matches| matches.value_source(id) == Some(ValueSource::CommandLine));
    let below = common(below)?;
    Ok(Common {
        timeout: below.timeout.or(here.timeout),
        ca_file: below.ca_file.or(here.ca_file),
        proxy: below.proxy.or(here.proxy),
        cache: below.cache.or(here.cache),
        silent: below.silent || here.silent,
        no_input: below.no_input || here.no_input,
        verbose: below.verbose.saturating_add(here.verbose),
        quiet: below.quiet || here.quiet,
        color: if below_given("color") { below.color } else { here.color },
        error_format: if below_given("error_format") { below.error_format } else { here.error_format },
    })
}

/// A command's matches, and those of the commands below it.
fn below_chain(matches: &ArgMatches) -> impl Iterator<Item = &ArgMatches> {
    std::iter::successors(Some(matches), |matches| matches.subcommand().map(|(_, below)| below))
}

/// A path that says something: an empty one is an unset variable of the calling script.
fn path(text: &str) -> Result<PathBuf, String> {
    match text {
        "" => Err("it is empty".to_owned()),
        path => Ok(path.into()),
    }
}

/// A whole number of seconds.
fn seconds(text: &str) -> Result<u64, String> {
    text.trim().parse().map_err(|_| "a whole number of seconds is expected".to_owned())
}

/// A positive number of seconds, with or without a fraction; at most a day.
fn timeout(text: &str) -> Result<Duration, String> {
    const DAY: f64 = 24.0 * 60.0 * 60.0;
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= DAY => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("a number of seconds above 0 and up to 86400 is expected".to_owned()),
    }
}

impl Refresh {
    /// The flags as one of the places where settings come from.
    pub(crate) fn layer(&self) -> Layer {
        self.refresh_token.within(self.person.within(self.client.layer()))
    }
}

impl AuthCode {
    /// The flags as one of the places where settings come from.
    pub(crate) fn layer(&self) -> Layer {
        self.browser.within(self.person.within(self.client.layer()))
    }
}

impl DeviceCode {
    /// The flags as one of the places where settings come from.
    pub(crate) fn layer(&self) -> Layer {
        self.person.within(self.client.layer())
    }
}

impl UsernamePassword {
    /// The flags as one of the places where settings come from.
    pub(crate) fn layer(&self) -> Layer {
        self.person.within(self.client.layer())
    }
}

/// The names of all commands, and of all options that any of them has.
#[cfg(test)]
pub(crate) fn names() -> (Vec<String>, Vec<String>) {
    fn options(command: &Command) -> Vec<String> {
        let own = command.get_arguments().filter_map(|argument| Some(format!("--{}", argument.get_long()?)));
        own.chain(command.get_subcommands().flat_map(options)).collect()
    }
    let mut root = command(true);
    root.build();
    (root.get_subcommands().map(|command| command.get_name().to_owned()).collect(), options(&root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_sound() {
        command(true).debug_assert();
        command(false).debug_assert();
    }

    #[test]
    fn common_options_may_stand_before_or_after_the_command() {
        for line in ["entra-token -v --timeout 2.5 client-creds p.json", "entra-token client-creds p.json --timeout 2.5 -v"] {
            let cli = parse(line.split(' ').map(OsString::from)).unwrap();
            assert_eq!((cli.common.verbose, cli.common.timeout().as_millis()), (1, 2500), "{line}");
        }
    }

    #[test]
    fn time_limits_are_positive_and_bounded() {
        assert!(["0", "-1", "NaN", "inf", "1e9", "ten", ""].into_iter().all(|text| timeout(text).is_err()));
        assert!(["0.1", "60", "86400"].into_iter().all(|text| timeout(text).is_ok()));
    }
}
