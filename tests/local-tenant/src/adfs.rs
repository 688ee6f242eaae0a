//! An AD FS farm (Microsoft page "AD FS OpenID Connect/OAuth concepts"). Its errors carry MSIS codes in their text.

use serde_json::{Value, json};

use crate::authorize;
use crate::client_auth::{self, Stranger};
use crate::devices;
use crate::form::Form;
use crate::ids::{guid, now};
use crate::people::{self, Issuer};
use crate::realm::{Kind, Realm};
use crate::record::Recorded;
use crate::reply::Reply;
use crate::state::State;

/// Answers below `/adfs`.
pub(crate) fn reply(path: &[&str], request: &Recorded, state: &State) -> Option<Reply> {
    match path {
        ["adfs", "oauth2", "token"] | ["adfs", "oauth2", "token", ""] => Some(token(request, state)),
        ["adfs", "oauth2", "authorize"] | ["adfs", "oauth2", "authorize", ""] => Some(authorize::reply(realm(), request, state)),
        ["adfs", "oauth2", "devicecode"] => Some(device_code(request, state)),
        ["adfs", ".well-known", "openid-configuration"] => Some(Reply::json(200, &document(request))),
        ["adfs", "discovery", "keys"] => Some(Reply::json(200, &state.signer.key_set(None))),
        _ => None,
    }
}

fn document(request: &Recorded) -> Value {
    let at = format!("{}/adfs", request.base());
    json!({
        "issuer": at,
        "access_token_issuer": access_token_issuer(request),
        "authorization_endpoint": format!("{at}/oauth2/authorize/"),
        "token_endpoint": format!("{at}/oauth2/token/"),
        "device_authorization_endpoint": format!("{at}/oauth2/devicecode"),
        "jwks_uri": format!("{at}/discovery/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "private_key_jwt"],
        "response_modes_supported": ["query", "form_post"],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "profile", "email", "offline_access", "user_impersonation"],
        "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "password",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

fn realm() -> Realm {
    Realm { kind: Kind::AdFs, tenant: String::new() }
}

/// A refusal of what all kinds of authority have in common.
fn shared(refusal: &crate::refusal::Refusal, request: &Recorded) -> Refusal {
    (refusal.status(), refusal.error(), realm().described(refusal, request))
}

fn device_code(request: &Recorded, state: &State) -> Reply {
    let reply = match devices::begin(realm(), request, state) {
        Ok(body) => Reply::json(200, &body),
        Err(refusal) => {
            let (status, error, text) = shared(&refusal, request);
            Reply::json(status, &json!({ "error": error, "error_description": text }))
        }
    };
    reply.header("cache-control", "no-store").header("pragma", "no-cache")
}

/// A name, not an address: AD FS gives it the scheme http.
fn access_token_issuer(request: &Recorded) -> String {
    format!("http://{}/adfs/services/trust", request.host)
}

fn token(request: &Recorded, state: &State) -> Reply {
    let reply = match issue(request, state) {
        Ok(body) => Reply::json(200, &body),
        Err((status, error, text)) => Reply::json(status, &json!({ "error": error, "error_description": text })),
    };
    reply.header("cache-control", "no-store").header("pragma", "no-cache")
}

type Refusal = (u16, &'static str, String);

fn issue(request: &Recorded, state: &State) -> Result<Value, Refusal> {
    let bad_request = |text: &str| (400, "invalid_request", format!("MSIS9605: {text}"));
    if request.method != "POST" {
        return Err(bad_request("The token endpoint takes POST requests only."));
    }
    let form = Form::parse(request).map_err(|_| bad_request("The request is not a proper form."))?;
    let grant = form.get("grant_type").ok_or_else(|| bad_request("The parameter 'grant_type' is missing."))?;
    if people::is_grant(grant) {
        let (realm, identity) = (realm(), format!("{}/adfs", request.base()));
        let issuer = Issuer { realm: &realm, access: access_token_issuer(request), identity };
        return people::token(&issuer, request, &form, state).map_err(|refusal| shared(&refusal, request));
    }
    if grant != "client_credentials" {
        let text = format!("MSIS9611: The grant_type '{}' is not supported.", grant.escape_debug());
        return Err((400, "unsupported_grant_type", text));
    }
    let app = form.get("client_id").and_then(|id| state.directory.find_app_anywhere(id)).ok_or_else(|| {
        (400, "invalid_client", "MSIS9607: The parameter 'client_id' is not valid: no client is registered with it.".to_owned())
    })?;
    client_auth::check(app, &form, request).map_err(strange)?;
    let identifier = resource_identifier(&form);
    let resource = identifier.and_then(|identifier| state.directory.find_resource(identifier, &app.tenant_id));
    let (Some(identifier), Some(_)) = (identifier, resource) else {
        let text = "MSIS9602: The parameter 'resource' is not valid: no resource is registered with that identifier.";
        return Err((400, "invalid_resource", text.to_owned()));
    };
    let lifetime = state.directory.token_lifetime.as_secs();
    let token = state.signer.sign(&json!({
        "aud": identifier,
        "iss": access_token_issuer(request),
        "iat": now(),
        "nbf": now(),
        "exp": now() + lifetime.cast_signed(),
        "apptype": "Confidential",
        "appid": app.client_id,
        "authmethod": "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password",
        "jti": guid().to_string(),
        "ver": "1.0",
    }));
    Ok(json!({ "access_token": token, "token_type": "bearer", "expires_in": lifetime }))
}

fn strange(stranger: Stranger) -> Refusal {
    match stranger {
        Stranger::NoCredential => (400, "invalid_client", "MSIS9608: The client is confidential and sent no credential.".to_owned()),
        _ => (400, "invalid_client", "MSIS9622: Client authentication failed. Check the credential of the client.".to_owned()),
    }
}

/// The parameter `resource`, else what stands before the last slash of the scope.
fn resource_identifier(form: &Form) -> Option<&str> {
    form.get("resource").or_else(|| {
        let scope = form.get("scope")?.split(' ').find(|scope| scope.contains('/'))?;
        scope.rsplit_once('/').map(|(resource, _)| resource)
    })
}
