//! Documents about tenants and clouds: OpenID Connect Discovery 1.0, and Microsoft's instance discovery.

use serde_json::{Value, json};

use crate::claims::{issuer_1, issuer_2};
use crate::hosts::{self, CLOUDS, Site};
use crate::ids::guid;
use crate::record::{Recorded, host_name};
use crate::refusal::{Refusal, with_login_headers};
use crate::reply::Reply;
use crate::state::State;
use crate::token_endpoint::unknown_tenant;

/// What stands for the tenant in the issuer of `common` and `organizations`.
const PLACEHOLDER: &str = "{tenantid}";

/// `/{tenant}/v2.0/.well-known/openid-configuration`.
pub(crate) fn document_2(request: &Recorded, tenant: &str, state: &State) -> Reply {
    document(request, tenant, state, |tenant, in_issuer| {
        let at = format!("{}/{tenant}", request.base());
        json!({
            "issuer": issuer_2(request, in_issuer),
            "authorization_endpoint": format!("{at}/oauth2/v2.0/authorize"),
            "token_endpoint": format!("{at}/oauth2/v2.0/token"),
            "device_authorization_endpoint": format!("{at}/oauth2/v2.0/devicecode"),
            "jwks_uri": format!("{at}/discovery/v2.0/keys"),
        })
    })
}

/// `/{tenant}/.well-known/openid-configuration`, whose tokens are of version 1.
pub(crate) fn document_1(request: &Recorded, tenant: &str, state: &State) -> Reply {
    document(request, tenant, state, |tenant, in_issuer| {
        let at = format!("{}/{tenant}", request.base());
        json!({
            "issuer": issuer_1(&request.host_name(), in_issuer),
            "authorization_endpoint": format!("{at}/oauth2/authorize"),
            "token_endpoint": format!("{at}/oauth2/token"),
            "device_authorization_endpoint": format!("{at}/oauth2/devicecode"),
            "jwks_uri": format!("{}/common/discovery/keys", request.base()),
        })
    })
}

/// A document with what differs filled in by the tenant for paths and the one for the issuer.
fn document(request: &Recorded, tenant: &str, state: &State, differs: impl Fn(&str, &str) -> Value) -> Reply {
    let (in_path, in_issuer) = match names(tenant, state) {
        Ok(names) => names,
        Err(refusal) => return refusal.into_reply(request),
    };
    let mut document = json!({
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "request_uri_parameter_supported": false,
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "tid", "ver"],
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
        "msgraph_host": "graph.microsoft.com",
    });
    for (name, value) in differs(&in_path, &in_issuer).as_object().into_iter().flatten() {
        document[name] = value.clone();
    }
    with_login_headers(Reply::json(200, &document), request, guid())
}

/// A tenant's name in paths and in the issuer: its id in both, where it is one tenant.
fn names(tenant: &str, state: &State) -> Result<(String, String), Refusal> {
    const PERSONAL_ACCOUNTS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
    match tenant.to_ascii_lowercase().as_str() {
        shared @ ("common" | "organizations") => Ok((shared.to_owned(), PLACEHOLDER.to_owned())),
        shared @ ("consumers" | PERSONAL_ACCOUNTS) => Ok((shared.to_owned(), PERSONAL_ACCOUNTS.to_owned())),
        _ => match state.directory.find_organization(tenant) {
            Some(organization) => Ok((organization.id.clone(), organization.id.clone())),
            None => Err(unknown_tenant("invalid_tenant", tenant)),
        },
    }
}

/// `/{tenant}/discovery/v2.0/keys`.
pub(crate) fn keys(request: &Recorded, tenant: &str, state: &State) -> Reply {
    match names(tenant, state) {
        Ok((_, in_issuer)) => {
            let keys = state.signer.key_set(Some(&issuer_2(request, &in_issuer)));
            with_login_headers(Reply::json(200, &keys), request, guid())
        }
        Err(refusal) => refusal.into_reply(request),
    }
}

/// `/common/discovery/instance`: whether a host is a login host, and which hosts are aliases of each other.
pub(crate) fn instance(request: &Recorded) -> Reply {
    let parameters = request.parameters();
    let get = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if !matches!(get("api-version"), Some("1.0" | "1.1")) {
        let refusal = Refusal::new(400, "invalid_request", 900144, "The request must contain the parameter 'api-version', 1.0 or 1.1.");
        return refusal.into_reply(request);
    }
    let Some((host, tenant)) = get("authorization_endpoint").and_then(|endpoint| known_host(endpoint)) else {
        let refusal = Refusal::new(400, "invalid_instance", 50049, "Unknown or invalid instance.");
        return refusal.into_reply(request);
    };
    let metadata: Vec<Value> = CLOUDS
        .iter()
        .map(|cloud| {
            json!({
                "preferred_network": cloud.preferred_network,
                "preferred_cache": cloud.preferred_cache,
                "aliases": cloud.aliases,
            })
        })
        .collect();
    let document = json!({
        "tenant_discovery_endpoint": format!("https://{host}/{tenant}/v2.0/.well-known/openid-configuration"),
        "api-version": get("api-version"),
        "metadata": metadata,
    });
    with_login_headers(Reply::json(200, &document), request, guid())
}

/// Host and tenant of an authorization endpoint, if the host is a login host.
fn known_host(endpoint: &str) -> Option<(&str, &str)> {
    let (host, path) = endpoint.strip_prefix("https://")?.split_once('/')?;
    let tenant = path.split('/').next().filter(|tenant| !tenant.is_empty())?;
    (hosts::site(&host_name(host)) == Some(Site::Login)).then_some((host, tenant))
}
