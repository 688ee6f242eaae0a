//! Entra's token endpoint, and its answers for client credentials (Microsoft page "Microsoft identity platform and the
//! OAuth 2.0 client credentials flow"; RFC 6749 section 4.4).

use serde_json::{Value, json};

use crate::claims::{self, Subject};
use crate::client_auth::{self, Stranger};
use crate::directory::{App, Organization, Policy, Resource};
use crate::form::{Form, Malformed};
use crate::ids::guid;
use crate::record::Recorded;
use crate::refusal::{Refusal, with_login_headers};
use crate::reply::Reply;
use crate::state::State;
use crate::{assertion_grant, code_grant, device_grant, password_grant, refresh};

/// Scopes about a person; for an app alone they mean nothing and are passed over.
pub(crate) const RESERVED_SCOPES: &[&str] = &["openid", "profile", "offline_access", "email"];

/// Tenants that stand for many.
const SHARED_TENANTS: &[&str] = &["common", "organizations", "consumers", PERSONAL_TENANT];
/// The tenant of Microsoft's personal accounts.
const PERSONAL_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Whether a tenant is that of personal accounts.
pub(crate) fn is_personal(tenant: &str) -> bool {
    ["consumers", PERSONAL_TENANT].iter().any(|name| name.eq_ignore_ascii_case(tenant))
}

/// Answers a request to `/{tenant}/oauth2/v2.0/token`.
pub(crate) fn reply(request: &Recorded, tenant: &str, state: &State) -> Reply {
    match issue(request, tenant, state) {
        Ok(body) => with_login_headers(Reply::json(200, &body), request, guid()),
        Err(refusal) => refusal.into_reply(request),
    }
}

fn issue(request: &Recorded, tenant: &str, state: &State) -> Result<Value, Refusal> {
    if request.method != "POST" {
        let text = format!("The token endpoint takes POST requests only; this is a {} request.", request.method);
        return Err(Refusal::new(400, "invalid_request", 900561, text));
    }
    let form = Form::parse(request).map_err(malformed)?;
    let grant = required(&form, "grant_type")?;
    let client_id = required(&form, "client_id")?;
    // These stand for what was asked for when they were made.
    match grant {
        "authorization_code" => return code_grant::issue(request, tenant, &form, state),
        device_grant::GRANT_TYPE | "device_code" => return device_grant::issue(request, tenant, &form, state),
        _ => {}
    }
    let scope = required(&form, "scope")?;
    check_proofs(&form, state)?;
    match (grant, assertion_grant::saml_of(grant)) {
        ("refresh_token", _) => return refresh::issue(request, tenant, &form, state),
        ("password", _) => return password_grant::issue(request, tenant, &form, state),
        (_, Some(saml)) => return assertion_grant::issue(saml, request, tenant, &form, state),
        _ => {}
    }
    let organization = organization(tenant, state)?;
    let app = app(client_id, organization, state)?;
    if grant != "client_credentials" {
        let text = format!("The grant type '{grant}' is not supported by the local tenant.");
        return Err(Refusal::new(400, "unsupported_grant_type", 70003, text));
    }
    client_auth::check(app, &form, request).map_err(|stranger| strange(stranger, app, &form))?;
    let identifier = identifier(scope)?;
    let resource = resource(identifier, organization, state)?;
    check_policies(app)?;
    let subject = Subject { app, organization, resource, identifier };
    Ok(success(request, &subject, resource, state))
}

/// Refuses a password that is sent where an assertion proves who it is. Entra passes it over, and that is why clients which
/// send it are to be found out here: the test fails, whatever they make of the refusal.
fn check_proofs(form: &Form, state: &State) -> Result<(), Refusal> {
    let has_password = ["username", "password"].iter().any(|name| form.get(name).is_some());
    if form.get("assertion").is_none() || !has_password {
        return Ok(());
    }
    let text = "A request with an assertion has a user name or a password too, which is nobody's business here.";
    state.fault(text.to_owned());
    Err(Refusal::new(400, "invalid_request", 9_002_313, text))
}

fn success(request: &Recorded, subject: &Subject<'_>, resource: &Resource, state: &State) -> Value {
    body(&claims::of_app(subject, request, &state.directory), resource, state)
}

/// What all successes have: an access token and its times.
pub(crate) fn body(claims: &Value, resource: &Resource, state: &State) -> Value {
    let token = match resource.hashes_nonce {
        true => state.signer.sign_with_hashed_nonce(claims),
        false => state.signer.sign(claims),
    };
    let lifetime = state.directory.token_lifetime.as_secs();
    let mut body = json!({ "token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token });
    if let Some(time) = state.directory.refresh_in {
        body["refresh_in"] = json!(time.as_secs());
    }
    body
}

pub(crate) fn malformed(why: Malformed) -> Refusal {
    match why {
        // Entra does not read what is not a form, and so misses the first parameter.
        Malformed::NotAForm => missing("grant_type"),
        Malformed::BadEncoding => {
            Refusal::new(400, "invalid_request", 9002313, "The request is malformed: its body is not a form in UTF-8.")
        }
        Malformed::Repeated(name) => {
            let text = format!("The request is malformed: the parameter '{}' is there twice.", name.escape_debug());
            Refusal::new(400, "invalid_request", 9002313, text)
        }
    }
}

pub(crate) fn missing(name: &str) -> Refusal {
    let text = format!("The request body must contain the following parameter: '{name}'.");
    Refusal::new(400, "invalid_request", 900144, text)
}

pub(crate) fn required<'a>(form: &'a Form, name: &str) -> Result<&'a str, Refusal> {
    form.get(name).ok_or_else(|| missing(name))
}

/// The resource that an identifier names in a tenant.
pub(crate) fn resource<'a>(identifier: &str, organization: &Organization, state: &'a State) -> Result<&'a Resource, Refusal> {
    state.directory.find_resource(identifier, &organization.id).ok_or_else(|| {
        let text = format!(
            "The resource principal named {} was not found in the tenant named {}. It may be misspelt, or the request went to \
             another tenant.",
            identifier.escape_debug(),
            organization.name
        );
        Refusal::new(400, "invalid_resource", 500011, text)
    })
}

/// The organization; apps have no home in the tenants that stand for many.
pub(crate) fn organization<'a>(tenant: &str, state: &'a State) -> Result<&'a Organization, Refusal> {
    if SHARED_TENANTS.iter().any(|shared| shared.eq_ignore_ascii_case(tenant)) {
        return Err(shared_tenant(tenant));
    }
    state.directory.find_organization(tenant).ok_or_else(|| unknown_tenant("invalid_request", tenant))
}

fn shared_tenant(tenant: &str) -> Refusal {
    match tenant.eq_ignore_ascii_case("organizations") {
        true => Refusal::new(400, "invalid_request", 50059, "Nothing in the request or its credentials says which tenant is meant."),
        false => Refusal::new(
            400,
            "invalid_request",
            9001023,
            format!("The grant type is not supported on /{tenant}; use the tenant's own endpoint."),
        ),
    }
}

/// The error for a tenant that is not there, whose OAuth code depends on the endpoint.
pub(crate) fn unknown_tenant(error: &'static str, tenant: &str) -> Refusal {
    let is_name = tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    if is_name && tenant.contains('.') || uuid::Uuid::parse_str(tenant).is_ok() {
        let text = format!(
            "Tenant '{tenant}' not found. Check that the tenant id is right and that this is its cloud; a tenant without subscriptions may be gone."
        );
        Refusal::new(400, error, 90002, text)
    } else {
        let text = format!("The tenant identifier '{}' is neither an id nor a domain name.", tenant.escape_debug());
        Refusal::new(400, error, 900023, text)
    }
}

/// An app that exists in a tenant and is not switched off.
pub(crate) fn app<'a>(client_id: &str, organization: &Organization, state: &'a State) -> Result<&'a App, Refusal> {
    enabled(state.directory.find_app(client_id, &organization.id), client_id, &organization.name)
}

/// An app if it was found in the directory of that name and is not switched off.
pub(crate) fn enabled<'a>(found: Option<&'a App>, client_id: &str, directory: &str) -> Result<&'a App, Refusal> {
    let Some(app) = found else {
        let text = format!(
            "Application with identifier '{}' was not found in the directory '{directory}'. It may not be installed there, or \
             the request went to another tenant.",
            client_id.escape_debug()
        );
        return Err(Refusal::new(400, "unauthorized_client", 700016, text));
    };
    match app.is_under(Policy::Disabled) {
        true => {
            let text = format!("Application '{}'({}) is disabled.", app.client_id, app.name);
            Err(Refusal::new(400, "unauthorized_client", 7000112, text))
        }
        false => Ok(app),
    }
}

pub(crate) fn strange(stranger: Stranger, app: &App, form: &Form) -> Refusal {
    let id = &app.client_id;
    let refuse = |code, text: String| Refusal::new(401, "invalid_client", code, text);
    match stranger {
        Stranger::NoCredential => {
            refuse(7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.".to_owned())
        }
        Stranger::Public => refuse(700025, format!("The app '{id}' is a public client; it must send neither an assertion nor a secret.")),
        Stranger::UnknownCertificate => {
            refuse(700027, format!("The certificate that signed the assertion is not registered for the app '{id}'."))
        }
        Stranger::WrongSecret => {
            let advice = match client_auth::is_secret_id(app, form) {
                true => "What was sent is the secret's id; send its value",
                false => "Send the secret's value, not its id",
            };
            refuse(7000215, format!("Invalid client secret provided. {advice}, of a secret that was added to app '{id}'."))
        }
        Stranger::ExpiredSecret => {
            refuse(7000222, format!("The provided client secret keys for app '{id}' are expired. Add a new one to the app."))
        }
    }
}

/// The resource of a scope for client credentials: what stands before its last slash (Microsoft page "Scopes and
/// permissions", where a trailing slash of the identifier gives two).
fn identifier(scope: &str) -> Result<&str, Refusal> {
    let mut scopes: Vec<&str> = scope.split(' ').filter(|scope| !scope.is_empty() && !RESERVED_SCOPES.contains(scope)).collect();
    scopes.dedup();
    match scopes[..] {
        [] => Err(missing("scope")),
        [one] => one.strip_suffix("/.default").filter(|identifier| !identifier.is_empty()).ok_or_else(|| {
            let text = format!(
                "The provided value for scope {} is not valid. Client credentials need the resource's identifier with /.default behind it.",
                one.escape_debug()
            );
            Refusal::new(400, "invalid_scope", 1002012, text)
        }),
        _ => {
            let text = format!(
                "The provided value for the input parameter 'scope' is not valid: a token is for one resource. The scope {} is not valid.",
                scope.escape_debug()
            );
            Err(Refusal::new(400, "invalid_scope", 70011, text))
        }
    }
}

fn check_policies(app: &App) -> Result<(), Refusal> {
    for policy in &app.policies {
        match policy {
            Policy::BlockedByConditionalAccess => {
                return Err(blocked());
            }
            Policy::Throttled { retry_after } => return Err(throttled(*retry_after)),
            Policy::Disabled
            | Policy::PublicClient
            | Policy::RevokesReusedRefreshTokens
            | Policy::RequiresPkce
            | Policy::BlocksDeviceCode => {}
        }
    }
    Ok(())
}

/// The refusal where Conditional Access blocks.
pub(crate) fn blocked() -> Refusal {
    let text = "Access has been blocked by Conditional Access policies. They do not let this app have a token.";
    Refusal::new(400, "invalid_grant", 53003, text).with("suberror", "message_only").with("claims", policy_claims())
}

/// The refusal of an app that is over its limit.
pub(crate) fn throttled(retry_after: u32) -> Refusal {
    let text = "There are too many requests. Wait for the time that Retry-After says.";
    Refusal::new(429, "temporarily_unavailable", 90055, text).retry_after(retry_after)
}

/// What to send with the next request, so that the policy in the way is met (Microsoft page "Claims challenges, claims
/// requests and client capabilities").
pub(crate) fn policy_claims() -> String {
    json!({ "access_token": { "capolids": { "essential": true, "values": [guid().to_string()] } } }).to_string()
}
