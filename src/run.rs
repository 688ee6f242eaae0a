//! One command, from start to end.

mod cache_command;
mod cached;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use self::cached::Cached;
use crate::cache::lookup::{Look, Wanted};
use crate::cache::partition::{self, Credential, Partition};
use crate::cache::place::{self, Place};
use crate::cache::store::Store;
use crate::cli::args::{self, Action, Cli, ClientCreds, Color, Common, ErrorFormat, FormatName, Output};
use crate::cli::input::{self, Limit};
use crate::cli::layer::{Given, Layer, SecretSource};
use crate::cli::network;
use crate::cli::parameters::Parameters;
use crate::cli::plan::{self, Plan};
use crate::cli::usage::usage_error;
use crate::entra::authority::Authority;
use crate::entra::client_auth::ClientAuth;
use crate::entra::token::TokenSet;
use crate::env::{self, Env};
use crate::error::{Error, Signal, UsageError};
use crate::exit;
use crate::flow::client_creds::{self, App};
use crate::http::{self, Http};
use crate::output::deliver::Destination;
use crate::output::format::{self, Format, Issued, Source};
use crate::output::report;
use crate::process;
use crate::redact::Masks;
use crate::secret::Secret;
use crate::terminal::{self, Terminal};
use crate::trust::{self, Authorities};

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
    terminal::trace(common.verbose);
    end(&terminal, act(&cli, &terminal))
}

/// The secrets that are there before anything is read.
fn known_secrets() -> Masks {
    let mut masks = Masks::default();
    let variables = [env::AZURE_CLIENT_SECRET, env::ARM_CLIENT_SECRET];
    for secret in variables.into_iter().filter_map(|variable| Env::Process.get(variable).ok().flatten()) {
        masks.add(&Secret::new(secret));
    }
    masks
}

fn act(cli: &Cli, terminal: &Terminal) -> Result<(), Error> {
    let limit = Limit::from_now(cli.common.timeout());
    match &cli.action {
        Action::ClientCreds(command) => client_creds(command, &cli.common, terminal, limit),
        Action::Cache(command) => cache_command::run(command, &store(&cli.common, &Env::Process), terminal, limit),
    }
}

/// The most warnings about the parameters that are worth reading.
const MOST_WARNINGS: usize = 10;

/// Parameters, plan, secret, token, output: what fails is noticed as early as it can be, and before anything is sent.
fn client_creds(command: &ClientCreds, common: &Common, terminal: &Terminal, limit: Limit) -> Result<(), Error> {
    let environment = Env::Process;
    let format = chosen_format(&command.output, &environment)?;
    let destination = destination(&command.output);
    let parameters = read_parameters(command.parameters.as_deref(), limit)?;
    for warning in parameters.warnings.iter().take(MOST_WARNINGS) {
        terminal.warn(warning);
    }
    if let Some(more) = parameters.warnings.len().checked_sub(MOST_WARNINGS).filter(|more| *more > 0) {
        terminal.warn(&format!("{more} more warnings about the parameters"));
    }
    let plan = plan::plan(&command.client.layer(), &parameters.layer, &Layer::of_environment(&environment)?)?;
    for origin in &plan.origins {
        log::info!("{origin}");
    }
    destination.check()?;
    check_standard_input(command.parameters.as_deref(), plan.secret.as_ref())?;
    let obtained = obtain(plan, &command.output, common, terminal, limit)?;
    let min_ttl = Duration::from_secs(command.output.min_ttl);
    report_lifetime(&obtained.tokens, min_ttl, terminal);
    match format {
        Format::None => Ok(()),
        format => destination.deliver(&format::render(&format, &obtained, SystemTime::now())),
    }
}

/// The token: from the cache where it has one, else from the platform.
fn obtain(plan: Plan, output: &Output, common: &Common, terminal: &Terminal, limit: Limit) -> Result<Issued, Error> {
    let environment = Env::Process;
    let began = SystemTime::now();
    if output.force_refresh && common.silent {
        return Err(UsageError::new("--force-refresh and --silent cannot both be given")
            .why("one asks the platform whatever is cached, the other never asks")
            .into());
    }
    let proof = Proof::of(&plan, common, &environment, limit)?;
    // A person takes the time that it takes; the network's begins now.
    let limit = if plan.secret.is_some() { limit } else { Limit::from_now(common.timeout()) };
    let mut store = store(common, &environment);
    if store.is_shared() && plan.claims.is_some() {
        log::info!("cache: not used, because other programs do not tell tokens apart by their claims");
        store = Store::new(Place::Off);
    }
    let partition = Partition::of_app(&plan.authority, &plan.client_id, &proof.credential(), plan.claims.as_deref());
    let claims_hash = plan.claims.as_deref().map(partition::claims_hash);
    let (client_id, tenant) = (plan.client_id.clone(), plan.authority.tenant().map(str::to_owned));
    let scope = plan.scopes.to_string();
    let issued = |tokens, source| Issued { tokens, client_id, tenant, scope, source };
    let (authority, scopes, id) = (plan.authority.clone(), plan.scopes.clone(), plan.client_id.clone());
    let cached = Cached {
        store: &store,
        partition: &partition,
        wanted: Wanted {
            authority: &authority,
            client_id: &id,
            scopes: &scopes,
            claims_hash: claims_hash.as_deref(),
            home_account_id: None,
        },
        min_ttl: Duration::from_secs(output.min_ttl),
        force_refresh: output.force_refresh,
        terminal,
        began,
        limit,
    };
    let look = cached.look();
    match &look {
        Some(Look::Fresh(hit)) => return Ok(issued(hit.clone().into(), Source::Cache)),
        Some(Look::Aging(hit)) if common.silent => return Ok(issued(hit.clone().into(), Source::Cache)),
        None if common.silent => return Err(Error::Silent("there is no cache".to_owned())),
        Some(Look::Miss(miss)) if common.silent => return Err(Error::Silent(miss.to_string())),
        _ => {}
    }
    let secret = proof.secret(&plan, &environment, limit)?;
    let http = http(common, &environment, limit, &secret)?;
    let fingerprint = partition::fingerprint(&partition, &scopes, &secret);
    let app = app(plan, secret);
    let ask = async || client_creds::acquire(&app, &http).await;
    let (tokens, source) = process::within_runtime(cached.acquire(look, &fingerprint, ask))?;
    Ok(issued(tokens, source))
}

/// The client's secret: read already, or what a program will say, which is run when the platform is asked and not before.
enum Proof {
    Read(Secret),
    Program(Vec<String>),
}

impl Proof {
    fn of(plan: &Plan, common: &Common, environment: &Env, limit: Limit) -> Result<Proof, Error> {
        match &plan.secret {
            Some(Given { value: SecretSource::Command(words), .. }) => Ok(Proof::Program(words.clone())),
            Some(given) => read_secret(given, &plan.authority, environment, limit).map(Proof::Read),
            None => {
                let secret = asked_secret(common)?;
                client_creds::check(&secret, &plan.authority, "the terminal")?;
                Ok(Proof::Read(secret))
            }
        }
    }

    fn credential(&self) -> Credential {
        match self {
            Proof::Read(secret) => Credential::secret(secret),
            Proof::Program(words) => Credential::program(words),
        }
    }

    fn secret(self, plan: &Plan, environment: &Env, limit: Limit) -> Result<Secret, Error> {
        match (self, &plan.secret) {
            (Proof::Program(_), Some(given)) => read_secret(given, &plan.authority, environment, limit),
            (Proof::Read(secret), _) => Ok(secret),
            (Proof::Program(_), None) => Err(Error::Internal("a program that nobody named".to_owned())),
        }
    }
}

fn read_secret(given: &Given<SecretSource>, authority: &Authority, environment: &Env, limit: Limit) -> Result<Secret, Error> {
    let secret = given_secret(given, environment, limit)?;
    client_creds::check(&secret, authority, &given.from.to_string())?;
    Ok(secret)
}

/// Where the cache is, by `--cache` or the environment.
fn store(common: &Common, environment: &Env) -> Store {
    let named = common.cache.clone().or_else(|| environment.path(env::ENTRA_TOKEN_CACHE));
    Store::new(place::place(named.as_deref(), environment))
}

fn app(plan: Plan, secret: Secret) -> App {
    App { authority: plan.authority, client_id: plan.client_id, auth: ClientAuth::Secret(secret), scopes: plan.scopes, claims: plan.claims }
}

fn read_parameters(path: Option<&Path>, limit: Limit) -> Result<Parameters, Error> {
    path.map_or_else(|| Ok(Parameters::default()), |path| input::read_parameters(path, limit))
}

fn check_standard_input(parameters: Option<&Path>, secret: Option<&Given<SecretSource>>) -> Result<(), UsageError> {
    let parameters_there = parameters.is_some_and(|path| path.as_os_str() == "-");
    match secret {
        Some(Given { value: SecretSource::StandardInput, from }) if parameters_there => {
            Err(UsageError::new(format!("standard input cannot be both the parameters and the secret of {from}"))
                .fix("give one of them as a file"))
        }
        _ => Ok(()),
    }
}

fn given_secret(given: &Given<SecretSource>, environment: &Env, limit: Limit) -> Result<Secret, Error> {
    let place = given.from.to_string();
    let secret = input::read_secret(&given.value, &place, environment, limit)?;
    if plan::is_placeholder_secret(secret.expose()) {
        let error = UsageError::new(format!("the client secret of {place} is still a sample's placeholder"));
        return Err(error.fix("put the secret's value in its place, or say where it is: {\"env\": \"NAME\"}, {\"file\": \"PATH\"}").into());
    }
    Ok(secret)
}

/// Asks for the secret that nobody gave, where there is a person to ask.
fn asked_secret(common: &Common) -> Result<Secret, Error> {
    if common.no_input || !terminal::can_ask() {
        let error = UsageError::new("no client secret is given");
        return Err(error
            .fix("give it with --secret-file PATH (- is standard input), \"secret\" in the parameters, AZURE_CLIENT_SECRET or ARM_CLIENT_SECRET; on a terminal it is asked for")
            .into());
    }
    let patience = common.patience();
    let settings = terminal::Settings::keep();
    let answer = process::within_runtime(async {
        let asked = tokio::task::spawn_blocking(|| terminal::ask_secret("Client secret"));
        match tokio::time::timeout(patience, asked).await {
            Ok(answer) => answer.map_err(|error| Error::Internal(error.to_string())),
            Err(_) => Err(Error::Cancelled { after: patience }),
        }
    });
    drop(settings);
    if !matches!(answer, Ok(Ok(_))) {
        terminal::end_line();
    }
    answer?.map_err(|error| match error.kind() {
        std::io::ErrorKind::Interrupted => Error::Interrupted(Signal::Interrupt),
        _ => UsageError::new(format!("no client secret could be asked for: {error}")).fix("give it with --secret-file PATH").into(),
    })
}

fn chosen_format(output: &Output, environment: &Env) -> Result<Format, UsageError> {
    let name = output.env_name.as_deref();
    if name.is_some() && output.output != FormatName::Env {
        return Err(UsageError::new("--env-name goes with -o env").fix("add -o env, or leave --env-name out"));
    }
    Ok(match output.output {
        FormatName::Token => Format::Token,
        FormatName::Json => Format::Json,
        FormatName::Header => Format::Header,
        FormatName::Curl => Format::Curl,
        FormatName::Env => Format::Env { name: variable_name(name.unwrap_or("ACCESS_TOKEN"))? },
        FormatName::Az => Format::Az,
        FormatName::ExecCredential => {
            let info = environment.get(env::KUBERNETES_EXEC_INFO).unwrap_or_default();
            let version = format::exec_api_version(info.as_deref());
            let api_version = version.map_err(|what| {
                UsageError::new(format!("KUBERNETES_EXEC_INFO {what}"))
                    .fix("use client.authentication.k8s.io/v1 or v1beta1 in the kubeconfig")
            })?;
            Format::ExecCredential { api_version }
        }
        FormatName::None => Format::None,
    })
}

/// A name that every POSIX shell takes for a variable's.
fn variable_name(name: &str) -> Result<String, UsageError> {
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    match starts_well && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        true => Ok(name.to_owned()),
        false => {
            Err(UsageError::new("--env-name is not a variable's name").fix("use letters, digits and underscores, and begin with a letter"))
        }
    }
}

fn destination(output: &Output) -> Destination {
    match &output.out_file {
        Some(path) if path.as_os_str() != "-" => Destination::File(path.clone()),
        _ => Destination::StandardOutput,
    }
}

/// The network, with what must not be seen of it.
fn http(common: &Common, environment: &Env, limit: Limit, secret: &Secret) -> Result<Http, Error> {
    let network = network::network(common.proxy.as_deref(), environment)?;
    let mut masks = Masks::default();
    masks.add(secret);
    if let Some(password) = &network.proxy_password {
        masks.add(password);
    }
    let extra = common.ca_file.as_deref().map_or_else(|| Ok(Vec::new()), |path| ca_file(path, limit))?;
    let authorities = Authorities { extra, bundle: network.bundle, folder: network.folder };
    let (proxy, no_proxy) = (network.proxy, network.no_proxy);
    Ok(Http::new(http::Options { authorities, proxy, no_proxy, timeout: limit.timeout, deadline: limit.deadline.into() }, masks))
}

fn ca_file(path: &Path, limit: Limit) -> Result<trust::Certificates, Error> {
    let pem = input::read_ca_file(path, limit)?;
    trust::certificates(&pem).map_err(|why| {
        let name = crate::redact::foreign(&path.to_string_lossy());
        let error = UsageError::new(format!("the file {name} of --ca-file cannot be used: {why}"));
        error.fix("name a PEM file with the certificates of the authorities to trust").into()
    })
}

fn report_lifetime(tokens: &TokenSet, min_ttl: Duration, terminal: &Terminal) {
    match tokens.expires_at.and_then(|at| at.duration_since(SystemTime::now()).ok()) {
        Some(left) if left < min_ttl => {
            terminal.warn(&format!("the token lives for {} seconds, and --min-ttl asks for {}", left.as_secs(), min_ttl.as_secs()));
        }
        Some(left) => log::info!("the token lives for {} seconds", left.as_secs()),
        None => terminal.warn("the platform named no usable lifetime for the token: nobody knows when it ends"),
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

fn use_color(color: Color) -> bool {
    let environment = Env::Process;
    let set = |variable| environment.get(variable).ok().flatten();
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal::shows_to_person() && set(env::NO_COLOR).is_none() && set(env::TERM).as_deref() != Some("dumb"),
    }
}
