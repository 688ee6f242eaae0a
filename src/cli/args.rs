//! The command line as typed: clap's types, and nothing resolved.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueEnum};

use super::layer::{Credential, Given, Layer, Origin, SecretSource};

/// A command line, parsed.
#[derive(Debug)]
pub(crate) struct Cli {
    pub(crate) common: Common,
    pub(crate) action: Action,
}

/// The commands.
#[derive(Debug)]
pub(crate) enum Action {
    ClientCreds(Box<ClientCreds>),
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

/// Settings that the parameters file and the environment can give as well.
#[derive(Args, Debug)]
#[command(next_help_heading = "App")]
pub(crate) struct Client {
    /// Tenant's id or domain name
    #[arg(long, value_name = "TENANT", value_parser = text)]
    tenant_id: Option<String>,
    /// Application (client) id
    #[arg(long, value_name = "ID", value_parser = text)]
    client_id: Option<String>,
    /// File that holds the client secret, or - for standard input
    #[arg(long, value_name = "PATH")]
    secret_file: Option<PathBuf>,
    /// What the token is for: a well-known name (graph, arm, databricks, ...), a URI or an app's id
    #[arg(long, value_name = "RESOURCE", value_parser = text)]
    resource: Option<String>,
    /// Scopes (RFC 6749 section 3.3); each value may hold several.
    #[arg(long, value_name = "SCOPE", value_parser = text, help = "Scope, as in https://graph.microsoft.com/.default; may be repeated")]
    scope: Vec<String>,
    /// Cloud: public, usgov or china
    #[arg(long, value_name = "CLOUD", value_parser = text)]
    cloud: Option<String>,
    /// Authority.
    #[arg(long, value_name = "URL", value_parser = text, help = "Authority, as in https://login.microsoftonline.com/TENANT")]
    authority: Option<String>,
    /// Issuer of another OpenID provider, in place of an authority
    #[arg(long, value_name = "URL", value_parser = text)]
    oidc_authority: Option<String>,
    /// Claims to ask for, a JSON object
    #[arg(long, value_name = "JSON", value_parser = text)]
    claims: Option<String>,
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
}

const OUTPUT_HELP: &str = "\
Form of the result:
  token            the access token
  json             one object with the token, its lifetime, scope and app
  header           Authorization: Bearer TOKEN, for curl -H @-
  curl             header = \"Authorization: Bearer TOKEN\", for curl -K -
  env              export ACCESS_TOKEN='TOKEN', for eval in a shell
  az               the object that az account get-access-token prints
  exec-credential  a kubectl ExecCredential
  none             nothing
";

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
    /// Seconds that the whole command may take [default: 60, and 300 for a person's answer]
    #[arg(long, global = true, value_name = "SECONDS", value_parser = timeout)]
    timeout: Option<Duration>,
    /// PEM file of certificate authorities to trust beside the system's
    #[arg(long, global = true, value_name = "PEM")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Proxy for https; it may hold a password.
    #[arg(long, global = true, value_name = "URL", help = "Proxy for https, as in http://proxy.example:8080 (else HTTPS_PROXY)")]
    pub(crate) proxy: Option<String>,
    /// Never ask on the terminal
    #[arg(long, global = true)]
    pub(crate) no_input: bool,
    /// Say what happens; -vv shows requests and answers, secrets masked
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// No warnings
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Colours: auto, always or never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub(crate) color: Color,
    /// Form of errors: text or json
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    pub(crate) error_format: ErrorFormat,
}

impl Common {
    /// How long the command may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(Duration::from_mins(1))
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

/// Lines of less than 80 columns: a line that is wrapped cannot be pasted.
const EXAMPLES: &str = "\
Examples:
  entra-token client-creds parameters.json
  entra-token client-creds --resource graph          (the app from AZURE_*)
  entra-token client-creds p.json --resource databricks -o json --out-file t.json
  entra-token client-creds p.json -o curl | curl -K - https://api.example/v1
";

/// The tree of commands. The options of each are built when it is chosen, not before.
pub(crate) fn command() -> Command {
    // `augment_args` takes the type's documentation for the command's, so ours comes after.
    Common::augment_args(Command::new("entra-token"))
        .version(env!("CARGO_PKG_VERSION"))
        .about("Gets Microsoft Entra ID access tokens and puts them where they are needed")
        .after_help(EXAMPLES)
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(
            Command::new("client-creds")
                .about("Get a token for the app itself, with its client secret")
                .after_help(EXAMPLES)
                .defer(|command| common_last(ClientCreds::augment_args(command))),
        )
}

/// Puts the common options, which the command has from its parent already, behind its own in the help.
fn common_last(command: Command) -> Command {
    let common = Common::augment_args(Command::default());
    common.get_arguments().fold(command, |command, option| command.mut_arg(option.get_id(), |option| option))
}

/// Parses a command line, the program's name first.
///
/// # Errors
///
/// clap's, which also stand for `--help` and `--version`.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let matches = command().try_get_matches_from(args)?;
    let (name, chosen) = matches.subcommand().ok_or_else(|| clap::Error::new(clap::error::ErrorKind::MissingSubcommand))?;
    let action = match name {
        "client-creds" => Action::ClientCreds(Box::new(ClientCreds::from_arg_matches(chosen)?)),
        _ => return Err(clap::Error::new(clap::error::ErrorKind::InvalidSubcommand)),
    };
    Ok(Cli { common: common(chosen)?, action })
}

/// clap copies global options down to the chosen command, wherever they stand.
fn common(matches: &ArgMatches) -> Result<Common, clap::Error> {
    Common::from_arg_matches(matches)
}

/// A text that says something: an empty one is an unset variable of the calling script.
fn text(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("it is empty".to_owned()),
        trimmed => Ok(trimmed.to_owned()),
    }
}

/// A positive number of seconds, with or without a fraction; at most a day.
fn timeout(text: &str) -> Result<Duration, String> {
    const DAY: f64 = 24.0 * 60.0 * 60.0;
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= DAY => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("a number of seconds above 0 and up to 86400 is expected".to_owned()),
    }
}

impl Client {
    /// The flags as one of the places where settings come from.
    pub(crate) fn layer(&self) -> Layer {
        let text = |value: &Option<String>, flag| value.clone().map(|value| Given { value, from: Origin::Flag(flag) });
        let scope =
            (!self.scope.is_empty()).then(|| self.scope.iter().flat_map(|scope| scope.split_whitespace()).map(str::to_owned).collect());
        let credential = self
            .secret_file
            .as_ref()
            .map(|path| Given { value: Credential::Secret(SecretSource::file(path.clone())), from: Origin::Flag("--secret-file") });
        Layer {
            authority: text(&self.authority, "--authority"),
            oidc_authority: text(&self.oidc_authority, "--oidc-authority"),
            tenant: text(&self.tenant_id, "--tenant-id"),
            cloud: text(&self.cloud, "--cloud"),
            client_id: text(&self.client_id, "--client-id"),
            scope: scope.map(|value| Given { value, from: Origin::Flag("--scope") }),
            resource: text(&self.resource, "--resource"),
            claims: text(&self.claims, "--claims"),
            credentials: credential.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_sound() {
        command().debug_assert();
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
