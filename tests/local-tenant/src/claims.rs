//! What tokens say (Microsoft pages "Access token claims reference" and "ID token claims reference").

use serde_json::{Value, json};

use crate::directory::{App, Directory, Organization, Policy, Resource};
use crate::ids::{base64url, guid, guid_of, now, pairwise};
use crate::record::Recorded;
use crate::user::User;

/// Whom a token is about, what it is for, and who asks where.
pub(crate) struct Subject<'a> {
    pub(crate) app: &'a App,
    pub(crate) organization: &'a Organization,
    pub(crate) resource: &'a Resource,
    /// The identifier by which the resource was asked for.
    pub(crate) identifier: &'a str,
}

/// The claims of an app's own token, in the version that the resource takes.
pub(crate) fn of_app(subject: &Subject<'_>, request: &Recorded, directory: &Directory) -> Value {
    let tenant = &subject.organization.id;
    let object = guid_of(&format!("{}/{tenant}", subject.app.client_id)).to_string();
    let mut claims = of_any(subject, directory);
    add(&mut claims, versioned(subject, request));
    claims["idtyp"] = json!("app");
    claims["oid"] = json!(object);
    claims["sub"] = json!(object);
    if !subject.resource.takes_version_2 {
        claims["idp"] = claims["iss"].clone();
    }
    let roles = subject.app.roles_in(&subject.resource.app_id);
    if !roles.is_empty() {
        claims["roles"] = json!(roles);
    }
    claims
}

/// The claims of a token for a user, in the version that the resource takes.
pub(crate) fn of_user(subject: &Subject<'_>, user: &User, scopes: &[String], request: &Recorded, directory: &Directory) -> Value {
    let mut claims = of_any(subject, directory);
    add(&mut claims, versioned(subject, request));
    claims["name"] = json!(user.display_name);
    claims["oid"] = json!(user.id);
    claims["scp"] = json!(scopes.join(" "));
    claims["sub"] = json!(pairwise(&user.id, &subject.resource.app_id));
    if subject.resource.takes_version_2 {
        claims["preferred_username"] = json!(user.user_principal_name);
    } else {
        let name = json!(user.user_principal_name);
        add(&mut claims, vec![("amr", json!(["pwd"])), ("idtyp", json!("user")), ("unique_name", name.clone()), ("upn", name)]);
    }
    claims
}

/// The claims of an id token, which is for the app itself, is always of version 2 and says what the OpenID scopes ask for
/// (Microsoft page "Scopes and permissions in the Microsoft identity platform", section on OpenID Connect scopes).
pub(crate) fn of_id_token(subject: &Subject<'_>, user: &User, asked: &[&str], request: &Recorded, directory: &Directory) -> Value {
    let mut claims = of_any(subject, directory);
    claims["aud"] = json!(subject.app.client_id);
    claims["iss"] = json!(issuer_2(request, &subject.organization.id));
    claims["sub"] = json!(pairwise(&user.id, &subject.app.client_id));
    claims["ver"] = json!("2.0");
    if asked.contains(&"profile") {
        claims["name"] = json!(user.display_name);
        claims["oid"] = json!(user.id);
        claims["preferred_username"] = json!(user.user_principal_name);
    }
    if asked.contains(&"email") {
        claims["email"] = json!(user.user_principal_name);
    }
    claims
}

/// What all tokens say.
fn of_any(subject: &Subject<'_>, directory: &Directory) -> Value {
    let tenant = &subject.organization.id;
    json!({
        // Entra dates tokens back by five minutes, for receivers whose clocks are slow.
        "iat": now() - 300,
        "nbf": now() - 300,
        "exp": now() + directory.token_lifetime.as_secs().cast_signed(),
        "aio": base64url([guid().into_bytes(), guid().into_bytes()].concat()),
        "rh": format!("1.{}.", base64url([guid_of(tenant).into_bytes(), guid_of(&subject.app.client_id).into_bytes()].concat())),
        "tid": tenant,
        "uti": base64url(guid().as_bytes()),
    })
}

fn add(claims: &mut Value, more: Vec<(&'static str, Value)>) {
    for (name, value) in more {
        claims[name] = value;
    }
}

fn versioned(subject: &Subject<'_>, request: &Recorded) -> Vec<(&'static str, Value)> {
    if subject.resource.takes_version_2 { version_2(subject, request) } else { version_1(subject, request) }
}

/// How the app proved itself: not at all, or with a secret.
fn proof(app: &App) -> Value {
    if app.is_under(Policy::PublicClient) { json!("0") } else { json!("1") }
}

/// The audience is what was asked for, to the last slash.
fn version_1(subject: &Subject<'_>, request: &Recorded) -> Vec<(&'static str, Value)> {
    let issuer = issuer_1(&request.host_name(), &subject.organization.id);
    vec![
        ("ver", json!("1.0")),
        ("aud", json!(subject.identifier)),
        ("iss", json!(issuer)),
        ("app_displayname", json!(subject.app.name)),
        ("appid", json!(subject.app.client_id)),
        ("appidacr", proof(subject.app)),
    ]
}

/// The audience is the resource's app id.
fn version_2(subject: &Subject<'_>, request: &Recorded) -> Vec<(&'static str, Value)> {
    vec![
        ("ver", json!("2.0")),
        ("aud", json!(subject.resource.app_id)),
        ("iss", json!(issuer_2(request, &subject.organization.id))),
        ("azp", json!(subject.app.client_id)),
        ("azpacr", proof(subject.app)),
    ]
}

/// Who issues version 1 tokens.
pub(crate) fn issuer_1(host: &str, tenant: &str) -> String {
    let sts = if matches!(host.rsplit_once('.'), Some((_, "cn"))) { "sts.chinacloudapi.cn" } else { "sts.windows.net" };
    format!("https://{sts}/{tenant}/")
}

/// Who issues version 2 tokens: the login host, or for customers' tenants a host named after the tenant's id.
pub(crate) fn issuer_2(request: &Recorded, tenant: &str) -> String {
    match request.host_name().ends_with(".ciamlogin.com") {
        true => format!("https://{tenant}.ciamlogin.com/{tenant}/v2.0"),
        false => format!("{}/{tenant}/v2.0", request.base()),
    }
}
