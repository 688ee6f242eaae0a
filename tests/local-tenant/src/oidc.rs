//! An OpenID provider that is not Microsoft's: errors and answers as the RFCs have them, nothing more.

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

/// Answers for two issuers: the bare host, and `/oidc` on it, for clients that want a path (MSAL does).
pub(crate) fn reply(path: &[&str], request: &Recorded, state: &State) -> Option<Reply> {
    let (issuer, path) = match path {
        ["oidc", path @ ..] => (format!("{}/oidc", request.base()), path),
        _ => (request.base(), path),
    };
    match path {
        [".well-known", "openid-configuration"] => Some(Reply::json(200, &document(&issuer))),
        ["connect", "authorize"] => Some(authorize::reply(realm(), request, state)),
        ["connect", "deviceauthorization"] => Some(device_code(request, state)),
        ["connect", "token"] => Some(token(&issuer, request, state)),
        ["connect", "keys"] => Some(Reply::json(200, &state.signer.key_set(None))),
        _ => None,
    }
}

fn document(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/connect/authorize"),
        "token_endpoint": format!("{issuer}/connect/token"),
        "device_authorization_endpoint": format!("{issuer}/connect/deviceauthorization"),
        "jwks_uri": format!("{issuer}/connect/keys"),
        "grant_types_supported": [
            "client_credentials",
            "authorization_code",
            "password",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "code_challenge_methods_supported": ["S256", "plain"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    })
}

fn realm() -> Realm {
    Realm { kind: Kind::Oidc, tenant: String::new() }
}

/// RFC 8628 sections 3.1 and 3.2.
fn device_code(request: &Recorded, state: &State) -> Reply {
    let reply = match devices::begin(realm(), request, state) {
        Ok(body) => Reply::json(200, &body),
        Err(refusal) => Reply::json(refusal.status(), &json!({ "error": refusal.error(), "error_description": refusal.text() })),
    };
    reply.header("cache-control", "no-store").header("pragma", "no-cache")
}

/// RFC 6749 sections 5.1 and 5.2.
fn token(issuer: &str, request: &Recorded, state: &State) -> Reply {
    let reply = match issue(issuer, request, state) {
        Ok(body) => Reply::json(200, &body),
        Err((status, error, text)) => Reply::json(status, &json!({ "error": error, "error_description": text })),
    };
    reply.header("cache-control", "no-store").header("pragma", "no-cache")
}

fn issue(issuer: &str, request: &Recorded, state: &State) -> Result<Value, (u16, &'static str, String)> {
    if let Some(form) = Form::parse(request).ok().filter(|form| form.get("grant_type").is_some_and(people::is_grant)) {
        let realm = realm();
        let issuer = Issuer { realm: &realm, access: issuer.to_owned(), identity: issuer.to_owned() };
        return people::token(&issuer, request, &form, state)
            .map_err(|refusal| (refusal.status(), refusal.error(), refusal.text().to_owned()));
    }
    of_app(issuer, request, state).map_err(|(status, error, text)| (status, error, text.to_owned()))
}

fn of_app(issuer: &str, request: &Recorded, state: &State) -> Result<Value, (u16, &'static str, &'static str)> {
    if request.method != "POST" {
        return Err((405, "invalid_request", "only POST"));
    }
    let form = Form::parse(request).map_err(|_| (400, "invalid_request", "not a proper form"))?;
    match form.get("grant_type") {
        Some("client_credentials") => {}
        Some(_) => return Err((400, "unsupported_grant_type", "no such grant")),
        None => return Err((400, "invalid_request", "no grant_type")),
    }
    let app = form.get("client_id").and_then(|id| state.directory.find_app_anywhere(id));
    let app = app.ok_or((401, "invalid_client", "unknown client"))?;
    client_auth::check(app, &form, request).map_err(|stranger| match stranger {
        Stranger::NoCredential => (401, "invalid_client", "no client_secret in the body"),
        _ => (401, "invalid_client", "client authentication failed"),
    })?;
    let scope = form.get("scope").unwrap_or("default");
    let lifetime = state.directory.token_lifetime.as_secs();
    let token = state.signer.sign(&json!({
        "iss": issuer,
        "sub": app.client_id,
        "client_id": app.client_id,
        "aud": format!("{issuer}/resources"),
        "scope": scope,
        "iat": now(),
        "nbf": now(),
        "exp": now() + lifetime.cast_signed(),
        "jti": guid().to_string(),
    }));
    Ok(json!({ "access_token": token, "token_type": "Bearer", "expires_in": lifetime, "scope": scope }))
}
