//! What every command that acquires a token begins and ends with: settings, the cache's place, the network, the result's form
//! and place.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::secrets;
use crate::cache::place;
use crate::cache::store::Store;
use crate::cli::args::{Common, FormatName, Output};
use crate::cli::input::{self, Limit};
use crate::cli::layer::Layer;
use crate::cli::network;
use crate::cli::parameters::Parameters;
use crate::cli::plan::{self, Plan, Subject};
use crate::entra::token::TokenSet;
use crate::env::{self, Env};
use crate::error::{Error, UsageError};
use crate::http::{self, Http};
use crate::output::deliver::Destination;
use crate::output::format::{self, Format, Issued};
use crate::redact::{Masks, foreign};
use crate::secret::Secret;
use crate::terminal::Terminal;
use crate::trust::{self, Authorities};

/// The most warnings about the parameters that are worth reading.
const MOST_WARNINGS: usize = 10;

/// A command as it was called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) common: &'a Common,
    pub(super) terminal: &'a Terminal,
    pub(super) environment: &'a Env,
    pub(super) limit: Limit,
    pub(super) began: SystemTime,
}

/// Where a result goes, in what form.
#[derive(Debug)]
pub(super) struct Delivery<'a> {
    output: &'a Output,
    format: Format,
    destination: Destination,
}

impl<'a> Context<'a> {
    /// The same with another limit.
    pub(super) fn within(&self, limit: Limit) -> Context<'a> {
        Context { limit, ..*self }
    }

    /// How long the network has after a person has been waited for: the whole command's limit where one was given, and else as
    /// long as if the command began now.
    pub(super) fn after_person(&self) -> Context<'a> {
        if self.common.given_timeout().is_some() { *self } else { self.within(Limit::from_now(self.common.timeout())) }
    }

    /// Resolves the settings, and where the result goes: what is wrong is noticed before anything is sent.
    pub(super) fn prepare(
        &self,
        subject: Subject,
        parameters: Option<&Path>,
        flags: &Layer,
        output: &'a Output,
    ) -> Result<(Plan, Delivery<'a>), Error> {
        let format = chosen_format(output, self.environment)?;
        let destination = destination(output);
        if output.force_refresh && self.common.silent && subject == Subject::App {
            return Err(UsageError::new("--force-refresh and --silent cannot both be given")
                .why("one asks the platform whatever is cached, the other never asks")
                .fix("leave one of them out")
                .into());
        }
        // Before it is read for the one and is not there for the other.
        secrets::check_standard_input(parameters, flags.secrets().iter().map(Some))?;
        let parameters = self.parameters(parameters)?;
        let plan = plan::plan(subject, flags, &parameters.layer, &Layer::of_environment(self.environment)?)?;
        for origin in &plan.origins {
            log::info!("{origin}");
        }
        destination.check()?;
        Ok((plan, Delivery { output, format, destination }))
    }

    fn parameters(&self, path: Option<&Path>) -> Result<Parameters, Error> {
        let parameters = path.map_or_else(|| Ok(Parameters::default()), |path| input::read_parameters(path, self.limit))?;
        for warning in parameters.warnings.iter().take(MOST_WARNINGS) {
            self.terminal.warn(warning);
        }
        if let Some(more) = parameters.warnings.len().checked_sub(MOST_WARNINGS).filter(|more| *more > 0) {
            self.terminal.warn(&format!("{more} more warnings about the parameters"));
        }
        Ok(parameters)
    }

    /// Where the cache is, by `--cache` or the environment.
    pub(super) fn store(&self) -> Store {
        let named = self.common.cache.clone().or_else(|| self.environment.path(env::ENTRA_TOKEN_CACHE));
        Store::new(place::place(named.as_deref(), self.environment))
    }

    /// The network, with what must not be seen of it.
    pub(super) fn http<'s>(&self, secrets: impl IntoIterator<Item = &'s Secret>) -> Result<Http, Error> {
        let network = network::network(self.common.proxy.as_deref(), self.environment)?;
        let masks = Masks::default();
        secrets.into_iter().for_each(|secret| masks.add(secret));
        network.proxy_password.iter().for_each(|password| masks.add(password));
        let extra = self.common.ca_file.as_deref().map_or_else(|| Ok(Vec::new()), |path| self.ca_file(path))?;
        let authorities = Authorities { extra, bundle: network.bundle, folder: network.folder };
        let (proxy, no_proxy, limit) = (network.proxy, network.no_proxy, self.limit);
        let limit = http::Limit { timeout: limit.timeout, deadline: limit.deadline.into() };
        Ok(Http::new(http::Options { authorities, proxy, no_proxy, limit }, masks))
    }

    fn ca_file(&self, path: &Path) -> Result<trust::Certificates, Error> {
        let pem = input::read_ca_file(path, self.limit)?;
        trust::certificates(&pem).map_err(|why| {
            let name = foreign(&path.to_string_lossy());
            let error = UsageError::new(format!("the file {name} of --ca-file cannot be used: {why}"));
            error.fix("name a PEM file with the certificates of the authorities to trust").into()
        })
    }
}

impl Delivery<'_> {
    /// How long a cached token must still live.
    pub(super) fn min_ttl(&self) -> Duration {
        Duration::from_secs(self.output.min_ttl)
    }

    /// Whether cached tokens are passed over.
    pub(super) fn force_refresh(&self) -> bool {
        self.output.force_refresh
    }

    /// Whether the result holds all tokens, and not the access token alone.
    pub(super) fn shows_everything(&self) -> bool {
        self.format == Format::Json
    }

    /// Puts a token where it is to go.
    pub(super) fn deliver(self, issued: &Issued, terminal: &Terminal) -> Result<(), Error> {
        report_lifetime(&issued.tokens, self.min_ttl(), terminal);
        match self.format {
            Format::None => Ok(()),
            format => self.destination.deliver(&format::render(&format, issued, SystemTime::now())),
        }
    }
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
