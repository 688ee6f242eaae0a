//! What access tokens say (Microsoft page "Access token claims reference").

use serde_json::{Value, json};

use crate::directory::{App, Directory, Organization, Resource};
use crate::ids::{base64url, guid, guid_of, now};
use crate::record::Recorded;

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
    let mut claims = json!({
        // Entra dates tokens back by five minutes, for receivers whose clocks are slow.
        "iat": now() - 300,
        "nbf": now() - 300,
        "exp": now() + directory.token_lifetime.as_secs().cast_signed(),
        "aio": base64url([guid().into_bytes(), guid().into_bytes()].concat()),
        "idtyp": "app",
        "oid": object,
        "sub": object,
        "rh": format!("1.{}.", base64url([guid_of(tenant).into_bytes(), guid_of(&subject.app.client_id).into_bytes()].concat())),
        "tid": tenant,
        "uti": base64url(guid().as_bytes()),
    });
    let versioned = if subject.resource.takes_version_2 { version_2(subject, request) } else { version_1(subject, request) };
    for (name, value) in versioned {
        claims[name] = value;
    }
    let roles = subject.app.roles_in(&subject.resource.app_id);
    if !roles.is_empty() {
        claims["roles"] = json!(roles);
    }
    claims
}

/// The audience is what was asked for, to the last slash.
fn version_1(subject: &Subject<'_>, request: &Recorded) -> Vec<(&'static str, Value)> {
    let issuer = issuer_1(&request.host_name(), &subject.organization.id);
    vec![
        ("ver", json!("1.0")),
        ("aud", json!(subject.identifier)),
        ("idp", json!(issuer)),
        ("iss", json!(issuer)),
        ("app_displayname", json!(subject.app.name)),
        ("appid", json!(subject.app.client_id)),
        ("appidacr", json!("1")),
    ]
}

/// The audience is the resource's app id.
fn version_2(subject: &Subject<'_>, request: &Recorded) -> Vec<(&'static str, Value)> {
    vec![
        ("ver", json!("2.0")),
        ("aud", json!(subject.resource.app_id)),
        ("iss", json!(issuer_2(request, &subject.organization.id))),
        ("azp", json!(subject.app.client_id)),
        ("azpacr", json!("1")),
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
