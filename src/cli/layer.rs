//! Settings as each place gives them, before any is preferred.

use std::fmt;
use std::path::PathBuf;

use crate::env::{self, Env, Variable};
use crate::error::UsageError;
use crate::secret::Secret;

/// A setting, and where it was given.
#[derive(Clone, Debug)]
pub(crate) struct Given<T> {
    pub(crate) value: T,
    pub(crate) from: Origin,
}

/// Where a setting was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag(&'static str),
    File {
        file: String,
        /// Counted from 1.
        line: usize,
        key: String,
    },
    Environment(&'static str),
    /// It is known from before.
    Cache,
    /// Somebody typed it.
    Terminal,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(name) | Origin::Environment(name) => f.write_str(name),
            Origin::Cache => f.write_str("the cache"),
            Origin::Terminal => f.write_str("the terminal"),
            Origin::File { file, line, key } => write!(f, "{file} line {line}, \"{key}\""),
        }
    }
}

/// Where a secret's value is.
#[derive(Clone, Debug)]
pub(crate) enum SecretSource {
    Literal(Secret),
    Environment(String),
    File(PathBuf),
    StandardInput,
    Command(Vec<String>),
}

impl SecretSource {
    /// A path, where `-` is standard input.
    pub(crate) fn file(path: PathBuf) -> SecretSource {
        if path.as_os_str() == "-" { SecretSource::StandardInput } else { SecretSource::File(path) }
    }
}

/// A kind of proof that a client can give.
#[derive(Clone, Debug)]
pub(crate) enum Credential {
    Secret(SecretSource),
    /// A certificate or a federated assertion: known, so that two kinds in one place are noticed, and not usable yet.
    Unsupported(&'static str),
}

/// What one place gives.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    pub(crate) authority: Option<Given<String>>,
    pub(crate) oidc_authority: Option<Given<String>>,
    pub(crate) tenant: Option<Given<String>>,
    pub(crate) cloud: Option<Given<String>>,
    pub(crate) client_id: Option<Given<String>>,
    pub(crate) scope: Option<Given<Vec<String>>>,
    pub(crate) resource: Option<Given<String>>,
    pub(crate) claims: Option<Given<String>>,
    pub(crate) refresh_token: Option<Given<SecretSource>>,
    pub(crate) username: Option<Given<String>>,
    pub(crate) password: Option<Given<SecretSource>>,
    pub(crate) redirect_uri: Option<Given<String>>,
    pub(crate) prompt: Option<Given<String>>,
    pub(crate) login_hint: Option<Given<String>>,
    pub(crate) domain_hint: Option<Given<String>>,
    /// Every kind that is given there.
    pub(crate) credentials: Vec<Given<Credential>>,
}

impl Layer {
    /// Where this place's secrets are.
    pub(crate) fn secrets(&self) -> Vec<Given<SecretSource>> {
        let credentials = self.credentials.iter().filter_map(|given| match &given.value {
            Credential::Secret(source) => Some(Given { value: source.clone(), from: given.from.clone() }),
            Credential::Unsupported(_) => None,
        });
        let others = [&self.refresh_token, &self.password].into_iter().flatten().cloned();
        credentials.chain(others).collect()
    }
}

/// Settings that several variables can give: the first that is set counts, Azure's before Terraform's.
impl Layer {
    pub(crate) fn of_environment(environment: &Env) -> Result<Layer, UsageError> {
        let first = |variables: &[Variable]| first_set(environment, variables);
        let literal = |given: Given<String>| Given { value: SecretSource::Literal(Secret::new(given.value)), from: given.from };
        let secret = |given: Given<String>| {
            let Given { value, from } = literal(given);
            Given { value: Credential::Secret(value), from }
        };
        let unsupported = |given: Given<String>, what| Given { value: Credential::Unsupported(what), from: given.from };
        // Where Terraform's app is another one, what proves it is not for the Azure SDKs'.
        let (azure, terraform) = (first(&[env::AZURE_CLIENT_ID])?, first(&[env::ARM_CLIENT_ID])?);
        let is_one = azure.zip(terraform).is_none_or(|(one, other)| one.value.eq_ignore_ascii_case(&other.value));
        let of_app = |azure: Variable, terraform: Variable| first(&[azure, terraform][..if is_one { 2 } else { 1 }]);
        let secret = of_app(env::AZURE_CLIENT_SECRET, env::ARM_CLIENT_SECRET)?.map(secret);
        let certificate = of_app(env::AZURE_CLIENT_CERTIFICATE_PATH, env::ARM_CLIENT_CERTIFICATE_PATH)?;
        let assertion = first(&[env::AZURE_FEDERATED_TOKEN_FILE])?;
        // In the environment the SDKs' order holds, where anywhere else two kinds are an error.
        let credential = secret
            .or_else(|| certificate.map(|given| unsupported(given, "a certificate")))
            .or_else(|| assertion.map(|given| unsupported(given, "a federated assertion")));
        Ok(Layer {
            authority: first(&[env::AZURE_AUTHORITY_HOST])?.map(with_scheme),
            tenant: first(&[env::AZURE_TENANT_ID, env::ARM_TENANT_ID])?,
            cloud: first(&[env::ARM_ENVIRONMENT])?,
            client_id: first(&[env::AZURE_CLIENT_ID, env::ARM_CLIENT_ID])?,
            refresh_token: first(&[env::ENTRA_TOKEN_REFRESH_TOKEN])?.map(literal),
            username: first(&[env::AZURE_USERNAME])?,
            password: first(&[env::AZURE_PASSWORD])?.map(literal),
            credentials: credential.into_iter().collect(),
            ..Layer::default()
        })
    }
}

fn first_set(environment: &Env, variables: &[Variable]) -> Result<Option<Given<String>>, UsageError> {
    for variable in variables {
        match environment.get(*variable) {
            Ok(Some(value)) => return Ok(Some(Given { value, from: Origin::Environment(variable.0) })),
            Ok(None) => {}
            Err(env::NotUtf8) => return Err(UsageError::new(format!("{} is not UTF-8 text", variable.0))),
        }
    }
    Ok(None)
}

/// The Azure SDKs take a bare host name too.
fn with_scheme(host: Given<String>) -> Given<String> {
    let value = if host.value.contains("://") { host.value } else { format!("https://{}", host.value) };
    Given { value, ..host }
}
