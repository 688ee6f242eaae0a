//! Flags that several commands have: settings that the parameters file and the environment can give as well.

use std::path::PathBuf;

use clap::Args;

use super::layer::{Credential, Given, Layer, Origin, SecretSource};

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

/// What a sign-in left behind.
#[derive(Args, Debug)]
#[command(next_help_heading = "Person")]
pub(crate) struct RefreshToken {
    /// File that holds a refresh token, or - for standard input; without one the cache is to have it
    #[arg(long, value_name = "PATH")]
    refresh_token_file: Option<PathBuf>,
}

/// Settings about the person that the parameters file and the environment can give as well.
#[derive(Args, Debug)]
#[command(next_help_heading = "Person")]
pub(crate) struct Person {
    /// Name that the person signs in with, where several have
    #[arg(long, value_name = "NAME", value_parser = text)]
    username: Option<String>,
}

/// Who signs in with a password.
#[derive(Args, Debug)]
#[command(next_help_heading = "Person")]
pub(crate) struct NamePassword {
    /// Name that the person signs in with
    #[arg(long, value_name = "NAME", value_parser = text)]
    username: Option<String>,
    /// File that holds the person's password, or - for standard input
    #[arg(long, value_name = "PATH")]
    password_file: Option<PathBuf>,
}

/// How the sign-in page is reached, what it is told, and how its answer comes back.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Sign-in")]
pub(crate) struct Browser {
    /// Port of this machine that the answer comes to [default: any free one]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
    /// Open no browser: its address is printed, for a browser on this machine
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// For a machine without a browser: sign in on another one, and paste the address that the browser ends at
    #[arg(long, conflicts_with = "port")]
    pub(crate) manual: bool,
    /// Where the platform sends the answer.
    #[arg(long, value_name = "URI", value_parser = text, help = "Where the platform sends the answer, as it is registered [default: http://localhost]")]
    redirect_uri: Option<String>,
    /// What the page asks for whatever it knows.
    #[arg(long, value_name = "PROMPT", value_parser = text, help = "What the page asks for: login, select_account, consent, create or none")]
    prompt: Option<String>,
    /// Name to sign in with, filled in beforehand [default: --username]
    #[arg(long, value_name = "NAME", value_parser = text)]
    login_hint: Option<String>,
    /// Where the account is from: organizations, consumers or a domain
    #[arg(long, value_name = "DOMAIN", value_parser = text)]
    domain_hint: Option<String>,
}

impl Client {
    /// The flags as one of the places where settings come from.
    pub(crate) fn layer(&self) -> Layer {
        let scope =
            (!self.scope.is_empty()).then(|| self.scope.iter().flat_map(|scope| scope.split_whitespace()).map(str::to_owned).collect());
        let credential = self
            .secret_file
            .as_ref()
            .map(|path| Given { value: Credential::Secret(SecretSource::file(path.clone())), from: Origin::Flag("--secret-file") });
        Layer {
            authority: flag(self.authority.as_ref(), "--authority"),
            oidc_authority: flag(self.oidc_authority.as_ref(), "--oidc-authority"),
            tenant: flag(self.tenant_id.as_ref(), "--tenant-id"),
            cloud: flag(self.cloud.as_ref(), "--cloud"),
            client_id: flag(self.client_id.as_ref(), "--client-id"),
            scope: scope.map(|value| Given { value, from: Origin::Flag("--scope") }),
            resource: flag(self.resource.as_ref(), "--resource"),
            claims: flag(self.claims.as_ref(), "--claims"),
            credentials: credential.into_iter().collect(),
            ..Layer::default()
        }
    }
}

impl RefreshToken {
    /// A place's settings, with these.
    pub(crate) fn within(&self, layer: Layer) -> Layer {
        let token = self.refresh_token_file.clone().map(SecretSource::file);
        let refresh_token = token.map(|value| Given { value, from: Origin::Flag("--refresh-token-file") });
        Layer { refresh_token, ..layer }
    }
}

impl Person {
    /// A place's settings, with these.
    pub(crate) fn within(&self, layer: Layer) -> Layer {
        Layer { username: flag(self.username.as_ref(), "--username"), ..layer }
    }
}

impl NamePassword {
    /// A place's settings, with these.
    pub(crate) fn within(&self, layer: Layer) -> Layer {
        let password = self.password_file.clone().map(SecretSource::file);
        let password = password.map(|value| Given { value, from: Origin::Flag("--password-file") });
        Layer { username: flag(self.username.as_ref(), "--username"), password, ..layer }
    }
}

impl Browser {
    /// A place's settings, with these.
    pub(crate) fn within(&self, layer: Layer) -> Layer {
        Layer {
            redirect_uri: flag(self.redirect_uri.as_ref(), "--redirect-uri"),
            prompt: flag(self.prompt.as_ref(), "--prompt"),
            login_hint: flag(self.login_hint.as_ref(), "--login-hint"),
            domain_hint: flag(self.domain_hint.as_ref(), "--domain-hint"),
            ..layer
        }
    }
}

/// A flag's value, as one of the settings of its name.
fn flag(value: Option<&String>, flag: &'static str) -> Option<Given<String>> {
    value.map(|value| Given { value: value.clone(), from: Origin::Flag(flag) })
}

/// A text that says something: an empty one is an unset variable of the calling script.
pub(super) fn text(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("it is empty".to_owned()),
        trimmed => Ok(trimmed.to_owned()),
    }
}
