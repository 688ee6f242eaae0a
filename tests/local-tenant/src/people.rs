//! Tokens for people at the authorities that are not Entra: codes, device codes and refresh tokens redeemed, passwords
//! checked.

use serde_json::{Value, json};

use crate::client_auth;
use crate::codes;
use crate::device_grant;
use crate::devices;
use crate::directory::{App, Organization};
use crate::form::Form;
use crate::ids::{guid, now, pairwise};
use crate::realm::{Kind, Realm};
use crate::record::Recorded;
use crate::refresh::{invalid_grant, valid};
use crate::refusal::Refusal;
use crate::state::{State, lock};
use crate::token_endpoint::{RESERVED_SCOPES, required, strange};
use crate::user::User;

/// What AD FS gives a token for when nothing else is asked for.
const USER_INFO: &str = "urn:microsoft:userinfo";

/// Whether a grant is for people.
pub(crate) fn is_grant(grant: &str) -> bool {
    matches!(grant, "authorization_code" | "password" | "refresh_token" | device_grant::GRANT_TYPE)
}

/// The audience of the access token for a scope; B2C gives no such token when nothing is asked for.
pub(crate) fn audience(kind: Kind, app: &App, scope: &str, resource: Option<&str>, state: &State) -> Result<Option<String>, Refusal> {
    let others: Vec<&str> = scope.split(' ').filter(|scope| !scope.is_empty() && !RESERVED_SCOPES.contains(scope)).collect();
    let prefix = others.iter().find_map(|scope| scope.rsplit_once('/')).map(|(prefix, _)| prefix);
    let found = |identifier: &str| state.directory.find_resource(identifier, &app.tenant_id);
    match kind {
        Kind::Oidc | Kind::Entra => Ok(Some(app.client_id.clone())),
        Kind::AdFs => match resource.or(prefix) {
            None => Ok(Some(USER_INFO.to_owned())),
            Some(identifier) if found(identifier).is_some() => Ok(Some(identifier.to_owned())),
            Some(_) => Err(Refusal::new(400, "invalid_resource", 500011, "No resource is registered with that identifier.")),
        },
        Kind::B2c if others.is_empty() => Ok(None),
        Kind::B2c if others == [app.client_id.as_str()] => Ok(Some(app.client_id.clone())),
        Kind::B2c => prefix.and_then(found).map(|resource| Some(resource.app_id.clone())).ok_or_else(|| {
            let text = format!("The scope '{}' provided in the request is not supported.", scope.escape_debug());
            Refusal::new(400, "invalid_scope", 70011, text)
        }),
    }
}

/// Whose tokens they are to be.
pub(crate) struct Issuer<'a> {
    pub(crate) realm: &'a Realm,
    /// In access tokens.
    pub(crate) access: String,
    /// In id tokens.
    pub(crate) identity: String,
}

/// Who signed in, and what for.
struct Grant<'a> {
    home: &'a Organization,
    user: &'a User,
    scope: String,
    resource: Option<String>,
    nonce: Option<String>,
    refresh_token: String,
}

/// Answers a request with a grant for people.
pub(crate) fn token(issuer: &Issuer<'_>, request: &Recorded, form: &Form, state: &State) -> Result<Value, Refusal> {
    let (_, app) = issuer.realm.client(required(form, "client_id")?, state)?;
    client_auth::check_either(app, form, request).map_err(|stranger| strange(stranger, app, form))?;
    let grant = match required(form, "grant_type")? {
        "authorization_code" => of_code(issuer.realm.kind, form, app, state)?,
        "refresh_token" => of_refresh_token(form, app, state)?,
        "password" => of_password(issuer.realm, form, app, state)?,
        _ => of_device(issuer.realm.kind, form, app, state)?,
    };
    let audience = audience(issuer.realm.kind, app, &grant.scope, grant.resource.as_deref(), state)?;
    Ok(body(issuer, app, &grant, audience, state))
}

fn person<'a>(user_id: &str, state: &'a State) -> Result<(&'a Organization, &'a User), Refusal> {
    let found = state.directory.find_user_by_id(user_id);
    found.ok_or_else(|| invalid_grant(50034, "The user account does not exist in the directory."))
}

fn of_code<'a>(kind: Kind, form: &Form, app: &App, state: &'a State) -> Result<Grant<'a>, Refusal> {
    let ticket = codes::check(form, app, kind, state)?;
    let (home, user) = person(&ticket.account.user_id, state)?;
    let refresh_token = codes::redeem(form, &ticket, app, user, home, state);
    Ok(Grant { home, user, scope: ticket.scope, resource: ticket.resource, nonce: ticket.nonce, refresh_token })
}

fn of_device<'a>(kind: Kind, form: &Form, app: &App, state: &'a State) -> Result<Grant<'a>, Refusal> {
    let (account, device) = devices::check(form, app, kind, state)?;
    let (home, user) = person(&account.user_id, state)?;
    lock(&state.front).devices.redeem(form.get("device_code").unwrap_or_default());
    let (_, refresh_token) = lock(&state.sign_ins).begin(app, user, home, account.has_multi_factor);
    Ok(Grant { home, user, scope: device.scope, resource: None, nonce: None, refresh_token })
}

/// RFC 6749 section 4.3. None of these authorities says what was wrong with user name or password.
fn of_password<'a>(realm: &Realm, form: &Form, app: &App, state: &'a State) -> Result<Grant<'a>, Refusal> {
    let (name, password) = (required(form, "username")?, required(form, "password")?);
    let found = state.directory.find_user(name);
    let found = found.filter(|(_, user)| user.password == password && state.trouble_of(user).is_none() && !state.needs_multi_factor(user));
    let (home, user) = found.ok_or_else(|| match realm.kind {
        Kind::B2c => Refusal::new(400, "access_denied", 50126, "The username or password provided in the request are invalid."),
        Kind::AdFs => invalid_grant(50126, "Invalid 'username' or 'password'."),
        Kind::Oidc | Kind::Entra => invalid_grant(50126, "user name or password are wrong"),
    })?;
    realm.admit(app, home, user, state)?;
    let (_, refresh_token) = lock(&state.sign_ins).begin(app, user, home, false);
    let scope = form.get("scope").unwrap_or("openid").to_owned();
    Ok(Grant { home, user, scope, resource: form.get("resource").map(str::to_owned), nonce: None, refresh_token })
}

fn of_refresh_token<'a>(form: &Form, app: &App, state: &'a State) -> Result<Grant<'a>, Refusal> {
    let token = required(form, "refresh_token")?;
    let mut sign_ins = lock(&state.sign_ins);
    let known = valid(token, app, &mut sign_ins)?;
    let (home, user) = person(&known.user_id, state)?;
    let refresh_token = sign_ins.redeem(token, &known, app);
    // Without a scope it would be the first one; that it was asked for offline is known.
    let scope = form.get("scope").unwrap_or("openid");
    let scope = if scope.contains("offline_access") { scope.to_owned() } else { format!("{scope} offline_access") };
    Ok(Grant { home, user, scope, resource: form.get("resource").map(str::to_owned), nonce: None, refresh_token })
}

fn body(issuer: &Issuer<'_>, app: &App, grant: &Grant<'_>, audience: Option<String>, state: &State) -> Value {
    let lifetime = state.directory.token_lifetime.as_secs().cast_signed();
    let asks_for = |scope: &str| grant.scope.split(' ').any(|asked| asked == scope);
    let common = |issuer: &str, audience: &str| {
        json!({
            "iss": issuer,
            "aud": audience,
            "sub": pairwise(&grant.user.id, audience),
            "iat": now(),
            "nbf": now(),
            "exp": now() + lifetime,
            "jti": guid().to_string(),
        })
    };
    let mut body = json!({ "token_type": "Bearer", "expires_in": lifetime, "scope": grant.scope });
    if let Some(audience) = audience {
        let mut claims = common(&issuer.access, &audience);
        claims["client_id"] = json!(app.client_id);
        claims["scp"] = json!(grant.scope);
        claims["upn"] = json!(grant.user.user_principal_name);
        body["access_token"] = json!(state.signer.sign(&claims));
    }
    if asks_for("openid") {
        let mut claims = common(&issuer.identity, &app.client_id);
        claims["oid"] = json!(grant.user.id);
        claims["name"] = json!(grant.user.display_name);
        claims["preferred_username"] = json!(grant.user.user_principal_name);
        if issuer.realm.kind == Kind::B2c {
            claims["tid"] = json!(grant.home.id);
        }
        if let Some(nonce) = &grant.nonce {
            claims["nonce"] = json!(nonce);
        }
        body["id_token"] = json!(state.signer.sign(&claims));
    }
    if asks_for("offline_access") {
        body["refresh_token"] = json!(grant.refresh_token);
    }
    body
}
