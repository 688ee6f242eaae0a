//! The plan: flags, parameters file and environment, resolved. Precedence lives here and nowhere else.
//!
//! Flag, then file, then environment; the first that has a setting wins. Three groups of settings are units, taken whole
//! from the first place that has any of them, because halves of different places would make an identity that nobody
//! meant: where the authority is, what the token is for, and the client's credential.

use super::layer::{Credential, Given, Layer, Origin, SecretSource};
use super::parameters::FORM;
use super::placeholder::check_placeholder;
use super::sign_in;
use crate::entra::address::Malformed;
use crate::entra::authority::{self, Authority, Kind};
use crate::entra::authorize::Hints;
use crate::entra::cloud::{self, Cloud};
use crate::entra::redirect::Redirect;
use crate::entra::resource::{self, Resource};
use crate::entra::scope::{self, Scopes};
use crate::error::UsageError;

/// Whose token it is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The app's own.
    App,
    /// A person's, whom the app acts for.
    Person,
}

/// What a command that acquires a token is to do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) authority: Authority,
    pub(crate) client_id: String,
    pub(crate) scopes: Scopes,
    pub(crate) claims: Option<String>,
    /// Where the client's secret is; `None` where it was not given.
    pub(crate) secret: Option<Given<SecretSource>>,
    /// Where a person's refresh token is; `None` where the cache is to have one.
    pub(crate) refresh_token: Option<Given<SecretSource>>,
    /// Who is to have signed in, by the name to sign in with.
    pub(crate) username: Option<Given<String>>,
    /// Where that person's password is; `None` where it was not given.
    pub(crate) password: Option<Given<SecretSource>>,
    /// Where a password is that was given for somebody else.
    pub(crate) left_out_password: Option<Origin>,
    /// Whose tokens are looked for: `username`, else who is expected at the sign-in page.
    pub(crate) account: Option<Given<String>>,
    /// Whether the command line asks for the sign-in page, whatever is cached (`--prompt`).
    pub(crate) insists: bool,
    /// What the sign-in page is told.
    pub(crate) hints: Hints,
    /// Where the platform sends the answer of a sign-in.
    pub(crate) redirect: Redirect,
    /// Where each setting came from, as sentences for `-v`.
    pub(crate) origins: Vec<String>,
}

impl Plan {
    /// The variables that the settings say a secret is in.
    pub(crate) fn secret_variables(&self) -> Vec<&str> {
        let sources = [&self.secret, &self.refresh_token, &self.password].into_iter().flatten();
        let named = sources.filter_map(|given| match &given.value {
            SecretSource::Environment(name) => Some(name.as_str()),
            _ => None,
        });
        named.collect()
    }
}

/// Resolves the settings of a request.
///
/// # Errors
///
/// When something is missing, contradictory or cannot be right; each names the setting and its place.
pub(crate) fn plan(subject: Subject, flags: &Layer, file: &Layer, environment: &Layer) -> Result<Plan, UsageError> {
    let layers = [flags, file, environment];
    let mut credential = credential(subject, layers)?;
    let client_id = layers.iter().find_map(|layer| layer.client_id.as_ref());
    let mut left_out = Vec::new();
    if subject == Subject::Person
        && is_another_apps(credential.as_ref(), client_id, layers)
        && let Some(given) = credential.take()
    {
        left_out.push(format!("client secret of {} left out: it is another app's", given.from));
    }
    let mut authority = authority(layers)?;
    if subject == Subject::Person {
        authority = authority.or(home_tenant(layers)?);
    }
    let audience = audience(layers)?;
    report_missing(authority.as_ref(), client_id, audience.as_ref())?;
    let (Some(authority), Some(client_id), Some(audience)) = (authority, client_id, audience) else {
        return Err(UsageError::new("the parameters are incomplete"));
    };
    check_placeholder("client id", client_id)?;
    check_client_id(client_id)?;
    let scopes = scopes(&audience, &authority.value)?;
    if subject == Subject::App {
        check_app_scopes(&scopes, &authority.value, audience.from())?;
        check_tenant(&authority)?;
    }
    let claims = layers.iter().find_map(|layer| layer.claims.as_ref());
    if let Some(claims) = claims {
        check_claims(claims)?;
    }
    let mut origins = vec![
        format!("authority {} (from {})", authority.value.address(), authority.origins),
        format!("client id {} (from {})", client_id.value, client_id.from),
        format!("scope {scopes} (from {})", audience.from()),
    ];
    origins.append(&mut left_out);
    origins.extend(credential.as_ref().map(|given| format!("client secret (from {})", given.from)));
    origins.extend(claims.map(|given| format!("claims (from {})", given.from)));
    let refresh_token = layers.iter().find_map(|layer| layer.refresh_token.clone()).filter(|_| subject == Subject::Person);
    origins.extend(refresh_token.as_ref().map(|given| format!("refresh token (from {})", given.from)));
    let is_person = subject == Subject::Person;
    let username = if is_person { sign_in::username(layers, &mut origins)? } else { None };
    let (password, left_out_password) = if is_person { sign_in::password(layers, username.as_ref(), &mut origins) } else { (None, None) };
    let (hints, redirect) = if is_person { sign_in::settings(layers, &mut origins)? } else { Default::default() };
    Ok(Plan {
        authority: authority.value,
        client_id: client_id.value.clone(),
        scopes,
        claims: claims.map(|given| given.value.clone()),
        secret: credential,
        refresh_token,
        account: username.clone().or_else(|| layers.iter().find_map(|layer| layer.login_hint.clone())),
        username,
        password,
        left_out_password,
        insists: flags.prompt.as_ref().is_some_and(|prompt| prompt.value != "none"),
        hints,
        redirect,
        origins,
    })
}

/// Whether a credential belongs to another app than the one that is meant: it is that of the app which its own place names, and where
/// the environment names none, of the parameters file's. An app that acts for a person may have no credential at all.
fn is_another_apps(credential: Option<&Given<SecretSource>>, client_id: Option<&Given<String>>, layers: [&Layer; 3]) -> bool {
    let (Some(credential), Some(given)) = (credential, client_id) else { return false };
    let owner = match credential.from {
        Origin::Environment(_) => {
            if layers[2].client_id.is_some() {
                &layers[2].client_id
            } else {
                &layers[1].client_id
            }
        }
        Origin::File { .. } => &layers[1].client_id,
        _ => return false,
    };
    match owner {
        Some(owner) => !owner.value.eq_ignore_ascii_case(&given.value),
        None => matches!((&credential.from, &given.from), (Origin::Environment(_), Origin::Flag(_))),
    }
}

/// An authority, with the places that it and its tenant came from.
struct Resolved {
    value: Authority,
    origins: String,
    /// Where the tenant came from, for errors about it.
    tenant_from: Option<String>,
}

/// What a token is for, from one place.
enum Audience<'a> {
    Scope(&'a Given<Vec<String>>),
    Resource(&'a Given<String>),
}

impl Audience<'_> {
    fn from(&self) -> &Origin {
        match self {
            Audience::Scope(given) => &given.from,
            Audience::Resource(given) => &given.from,
        }
    }
}

/// `authority`, `oidc_authority` and `cloud` are one unit; the tenant may come from a higher place, or from a lower one when
/// the unit has none.
fn authority(layers: [&Layer; 3]) -> Result<Option<Resolved>, UsageError> {
    let base = base(layers)?;
    let tenant = tenant(layers, base.as_ref())?;
    let Some((at, base, from)) = base else {
        return Ok(tenant.map(|tenant| Resolved {
            value: Authority::of_cloud(Cloud::Public).with_tenant(&tenant.value),
            origins: format!("the public cloud, and the tenant from {}", tenant.from),
            tenant_from: Some(tenant.from),
        }));
    };
    let Some(tenant) = tenant.filter(|_| base.has_tenants()) else {
        // Without a tenant an authority is complete only if its kind has none.
        let tenant_from = base.tenant().map(|_| from.clone());
        let complete = !base.has_tenants() || base.tenant().is_some();
        if !base.has_tenants() && layers[..at].iter().any(|layer| layer.tenant.is_some()) {
            return Err(UsageError::new(format!("a tenant is given, and the authority of {from} has none")).fix("leave the tenant out"));
        }
        return Ok(complete.then_some(Resolved { value: base, origins: from, tenant_from }));
    };
    let origins = if tenant.from == from { from } else { format!("{from}, and the tenant from {}", tenant.from) };
    Ok(Some(Resolved { value: base.with_tenant(&tenant.value), origins, tenant_from: Some(tenant.from) }))
}

/// Where people of any tenant sign in, for those who name none: the person's own tenant is the one that counts.
fn home_tenant(layers: [&Layer; 3]) -> Result<Option<Resolved>, UsageError> {
    const ANY_ORGANIZATION: &str = "organizations";
    let base = base(layers)?;
    let (value, from) = base.map_or((Authority::of_cloud(Cloud::Public), "the public cloud".to_owned()), |(_, base, from)| (base, from));
    Ok(Some(Resolved { value: value.with_tenant(ANY_ORGANIZATION), origins: format!("{from}, for any organization"), tenant_from: None }))
}

/// The unit's place (an index into the layers), what it says without another setting's tenant, and its name for messages.
fn base(layers: [&Layer; 3]) -> Result<Option<(usize, Authority, String)>, UsageError> {
    for (at, layer) in layers.into_iter().enumerate() {
        let given: Vec<&Given<String>> = [&layer.authority, &layer.oidc_authority, &layer.cloud].into_iter().flatten().collect();
        let first = match given.as_slice() {
            [] => continue,
            [only] => only,
            [one, other, ..] if at == 2 => same_cloud(one, other)?,
            [one, other, ..] => {
                return Err(UsageError::new(format!("{} and {} cannot both be given", one.from, other.from))
                    .why("each of them says where the tokens come from")
                    .fix("keep one; in a parameters file the other can be null"));
            }
        };
        check_placeholder("authority", first)?;
        let value = if layer.cloud.as_ref().is_some_and(|cloud| cloud.from == first.from) {
            Authority::of_cloud(named_cloud(first)?)
        } else if layer.oidc_authority.as_ref().is_some_and(|oidc| oidc.from == first.from) {
            Authority::parse_oidc(&first.value).map_err(|error| malformed(first, error))?
        } else {
            Authority::parse(&first.value).map_err(|error| malformed(first, error))?
        };
        return Ok(Some((at, value, first.from.to_string())));
    }
    Ok(None)
}

/// The environment may name a host for the Azure SDKs and a cloud for Terraform, as long as they agree.
fn same_cloud<'a>(host: &'a Given<String>, cloud: &Given<String>) -> Result<&'a Given<String>, UsageError> {
    let authority = Authority::parse(&host.value).map_err(|error| malformed(host, error))?;
    match Cloud::of_login_host(authority.host()) {
        Some(of_host) if of_host != named_cloud(cloud)? => {
            Err(UsageError::new(format!("{} and {} name different clouds", host.from, cloud.from))
                .fix("unset one of them, or name an authority with a flag"))
        }
        _ => Ok(host),
    }
}

fn named_cloud(given: &Given<String>) -> Result<Cloud, UsageError> {
    Cloud::named(&given.value).ok_or_else(|| {
        UsageError::new(format!("{} names no cloud that is known", given.from))
            .fix(format!("name one of {}, or give the authority's address", cloud::NAMES))
    })
}

fn malformed(given: &Given<String>, error: Malformed) -> UsageError {
    UsageError::new(format!("the authority of {} {}", given.from, error.what)).fix(error.fix)
}

/// A tenant, and the place it came from.
struct Tenant {
    value: String,
    from: String,
}

/// The tenant that is put into the authority: of a higher place or the same, or of a lower one where nothing else names one.
fn tenant(layers: [&Layer; 3], base: Option<&(usize, Authority, String)>) -> Result<Option<Tenant>, UsageError> {
    for (at, layer) in layers.into_iter().enumerate() {
        let own = base.filter(|(base_at, ..)| *base_at == at).and_then(|(_, authority, from)| Some((authority.given_tenant()?, from)));
        match (&layer.tenant, own) {
            (Some(given), own) => {
                check_placeholder("tenant", given)?;
                if !authority::is_tenant(&given.value) {
                    return Err(UsageError::new(format!("{} is neither a tenant's id nor a domain name", given.from))
                        .fix("a tenant is named by its id or by one of its domains, as in contoso.onmicrosoft.com"));
                }
                if let Some((tenant, from)) =
                    own.filter(|(tenant, _)| !authority::is_shared_tenant(tenant) && !tenant.eq_ignore_ascii_case(&given.value))
                {
                    return Err(UsageError::new(format!("{} and {from} name different tenants", given.from))
                        .why(format!("one says {}, the other {tenant}", given.value))
                        .fix("leave one of them out"));
                }
                return Ok(Some(Tenant { value: given.value.clone(), from: given.from.to_string() }));
            }
            (None, Some((tenant, from))) => return Ok(Some(Tenant { value: tenant.to_owned(), from: from.clone() })),
            (None, None) => {
                // An authority in a place below the unit's says nothing about hosts any more, but may still name the tenant.
                if let Some(given) = layer.authority.as_ref().filter(|_| base.is_some_and(|(base_at, ..)| *base_at < at)) {
                    let lower = Authority::parse(&given.value).map_err(|error| malformed(given, error))?;
                    if let Some(tenant) = lower.tenant() {
                        return Ok(Some(Tenant { value: tenant.to_owned(), from: given.from.to_string() }));
                    }
                }
            }
        }
    }
    Ok(None)
}

/// `scope` and `resource` are one unit.
fn audience(layers: [&Layer; 3]) -> Result<Option<Audience<'_>>, UsageError> {
    for layer in layers {
        match (&layer.scope, &layer.resource) {
            (Some(scope), Some(resource)) => {
                return Err(UsageError::new(format!("{} and {} cannot both be given", scope.from, resource.from))
                    .why("each of them says what the token is for")
                    .fix("keep one of them"));
            }
            (Some(scope), None) => return Ok(Some(Audience::Scope(scope))),
            (None, Some(resource)) => return Ok(Some(Audience::Resource(resource))),
            (None, None) => {}
        }
    }
    Ok(None)
}

/// The client's credential: one kind, from the first place that has any.
fn credential(subject: Subject, layers: [&Layer; 3]) -> Result<Option<Given<SecretSource>>, UsageError> {
    let Some(layer) = layers.into_iter().find(|layer| !layer.credentials.is_empty()) else { return Ok(None) };
    match layer.credentials.as_slice() {
        [Given { value: Credential::Secret(source), from }] => Ok(Some(Given { value: source.clone(), from: from.clone() })),
        // An app that acts for a person may well need none, and the environment's may be there for another.
        [Given { value: Credential::Unsupported(_), from: Origin::Environment(_) }] if subject == Subject::Person => Ok(None),
        [Given { value: Credential::Unsupported(what), from }] => {
            Err(UsageError::new(format!("{from} gives {what}, and this version signs in with a client secret only"))
                .fix("give a client secret in place of it: --secret-file, the parameters' \"secret\", or AZURE_CLIENT_SECRET"))
        }
        [one, other, ..] => Err(UsageError::new(format!("{} and {} cannot both be given", one.from, other.from))
            .why("each of them is a way for the client to prove who it is, and one is sent")
            .fix("keep one; in a parameters file the other can be null")),
        [] => Ok(None),
    }
}

/// One error for everything that is missing, so that a first call does not take as many attempts as there are settings.
fn report_missing(
    authority: Option<&Resolved>,
    client_id: Option<&Given<String>>,
    audience: Option<&Audience<'_>>,
) -> Result<(), UsageError> {
    let ways = [
        (
            authority.is_none(),
            "tenant",
            "the tenant with --tenant-id, \"tenant_id\" or \"authority\" in the parameters, or AZURE_TENANT_ID",
        ),
        (client_id.is_none(), "client id", "the client id with --client-id, \"client_id\" in the parameters, or AZURE_CLIENT_ID"),
        (audience.is_none(), "scope", "the scope with --resource, --scope, or \"scope\" or \"resource\" in the parameters"),
    ];
    let missing: Vec<_> = ways.into_iter().filter(|(missing, ..)| *missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|(_, name, _)| *name).collect();
    let fixes: Vec<_> = missing.iter().map(|(.., way)| *way).collect();
    let names = match names.as_slice() {
        [most @ .., last] if !most.is_empty() => format!("{} and no {last}", most.join(", no ")),
        names => names.concat(),
    };
    let mut error = UsageError::new(format!("no {names} is given")).fix(format!("give {}", fixes.join("; ")));
    if missing.len() == ways.len() {
        error = error.why(format!("neither flags, nor a parameters file, nor the environment say anything; for a file, {FORM}"));
    }
    Err(error)
}

fn scopes(audience: &Audience<'_>, authority: &Authority) -> Result<Scopes, UsageError> {
    let given = match audience {
        Audience::Resource(given) => {
            check_placeholder("resource", given)?;
            return resource_scope(given, authority.cloud()).map(|scope| Scopes::new([scope]));
        }
        Audience::Scope(given) => given,
    };
    for scope in &given.value {
        check_placeholder("scope", &Given { value: scope.clone(), from: given.from.clone() })?;
        if !scope::is_scope_token(scope) {
            return Err(UsageError::new(format!("a scope of {} has characters that no scope has", given.from))
                .fix("use printable ASCII without quotes and backslashes"));
        }
    }
    Ok(Scopes::new(given.value.iter().cloned()))
}

/// Refuses scopes that an app cannot ask for by itself.
fn check_app_scopes(scopes: &Scopes, authority: &Authority, from: &Origin) -> Result<(), UsageError> {
    // What `/.default` means is Entra's own; other providers have scopes of their own making.
    if matches!(authority.kind(), Kind::AdFs | Kind::Oidc) {
        return Ok(());
    }
    if let Some(bad) = scopes.not_default() {
        let error = UsageError::new(format!("the scope {bad} of {from} does not end in /.default")).why(
            "an app's own token carries the permissions granted to the app beforehand, and RESOURCE/.default asks for them (AADSTS1002012)",
        );
        return Err(if resource::is_well_known(bad) {
            error.fix(format!("use --resource {bad} in place of it, or \"resource\" in the parameters"))
        } else {
            error.fix(format!("use {}", scope::suggestion(bad)))
        });
    }
    if let Some((one, other)) = scopes.two_resources() {
        return Err(UsageError::new(format!("the scopes of {from} are for two resources: {one} and {other}"))
            .why("a token is for one resource (AADSTS28000)")
            .fix("ask for one, and run the command again for the other"));
    }
    Ok(())
}

fn resource_scope(given: &Given<String>, cloud: Cloud) -> Result<String, UsageError> {
    let value = &given.value;
    if value.to_ascii_lowercase().ends_with("/.default") {
        return Err(
            UsageError::new(format!("the resource of {} is a scope", given.from)).fix("give it as the scope, or leave out /.default")
        );
    }
    let names = || resource::names().collect::<Vec<_>>().join(", ");
    match resource::scope(value, cloud) {
        Resource::Scope(scope) if scope::is_scope_token(&scope) => Ok(scope),
        Resource::Scope(_) => Err(UsageError::new(format!("the resource of {} has characters that no resource has", given.from))),
        Resource::NotInCloud => {
            Err(UsageError::new(format!("the resource {value} of {} is not known in the cloud {}", given.from, cloud.name()))
                .fix("give its URI"))
        }
        Resource::Unknown(nearest) => Err(UsageError::new(format!("the resource {value} of {} is not known", given.from))
            .fix(format!("did you mean {nearest}? Known are {}; any other is given by its URI or its app's id", names()))),
    }
}

fn check_tenant(authority: &Resolved) -> Result<(), UsageError> {
    let Some(tenant) = authority.value.tenant().filter(|tenant| authority::is_shared_tenant(tenant)) else { return Ok(()) };
    let from = authority.tenant_from.as_deref().unwrap_or_default();
    Err(UsageError::new(format!("the tenant {tenant} of {from} has no apps of its own"))
        .why("an app's own token belongs to one tenant; common, organizations and consumers stand for many")
        .fix("name the tenant that the app is installed in, by its id or its domain"))
}

fn check_client_id(given: &Given<String>) -> Result<(), UsageError> {
    if given.value.contains(['{', '}', '"']) {
        return Err(UsageError::new(format!("{} has braces or quotes around it", given.from)).fix("leave them out"));
    }
    if given.value.chars().any(|character| character.is_whitespace() || character.is_control()) {
        return Err(UsageError::new(format!("{} holds a space or a control character", given.from))
            .fix("copy the application (client) id from the app registration"));
    }
    Ok(())
}

fn check_claims(given: &Given<String>) -> Result<(), UsageError> {
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&given.value) {
        Ok(_) => Ok(()),
        Err(_) => Err(UsageError::new(format!("the claims of {} are not a JSON object", given.from))
            .fix("write them as {\"access_token\": {\"NAME\": {\"essential\": true}}}")),
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
