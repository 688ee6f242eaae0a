//! Entra's token endpoint for refresh tokens (RFC 6749 section 6; Microsoft page "Microsoft identity platform and OAuth 2.0
//! authorization code flow", section on refreshing the access token).

use serde_json::{Value, json};

use crate::claims::{self, Subject};
use crate::client_auth;
use crate::directory::{App, Organization, Policy};
use crate::form::Form;
use crate::ids::base64url;
use crate::record::Recorded;
use crate::refusal::Refusal;
use crate::scopes::Asked;
use crate::sign_in::{self, Known, Owner, SignIns};
use crate::state::{State, lock};
use crate::token_endpoint::{app, body, enabled, organization, policy_claims, required, strange, throttled};
use crate::user::User;

/// Tenants that stand for the user's own.
const HOME: &[&str] = &["common", "organizations"];

/// Answers a request with `grant_type=refresh_token`.
pub(crate) fn issue(request: &Recorded, tenant: &str, form: &Form, state: &State) -> Result<Value, Refusal> {
    let client_id = required(form, "client_id")?;
    let scope = required(form, "scope")?;
    let token = required(form, "refresh_token")?;
    let (named, app) = client(request, tenant, client_id, form, state)?;
    // Held to the end, so that no token is redeemed twice at once.
    let mut sign_ins = lock(&state.sign_ins);
    let known = valid(token, app, &mut sign_ins)?;
    let (organization, user) = place(&known.user_id, &known.tenant_id, named, app, state)?;
    let asked = Asked::read(scope, organization, state)?;
    check_multi_factor(known.has_multi_factor, user, &asked, state)?;
    let granted = asked.granted(app, user, state)?;
    let next = sign_ins.redeem(token, &known, app);
    let mut body = answer(request, &Party { app, organization, user }, &asked, &granted, None, state);
    body["refresh_token"] = json!(next);
    add_client_info(&mut body, form, &known.user_id, &known.tenant_id);
    Ok(body)
}

/// The tenant that a request for a person names, if it is one, and the app, which has proved itself.
pub(crate) fn client<'a>(
    request: &Recorded,
    tenant: &str,
    client_id: &str,
    form: &Form,
    state: &'a State,
) -> Result<(Option<&'a Organization>, &'a App), Refusal> {
    let (named, app) = named(tenant, client_id, state)?;
    client_auth::check_either(app, form, request).map_err(|stranger| strange(stranger, app, form))?;
    if let Some(retry_after) = app.policies.iter().find_map(|policy| match policy {
        Policy::Throttled { retry_after } => Some(*retry_after),
        _ => None,
    }) {
        return Err(throttled(retry_after));
    }
    Ok((named, app))
}

/// The tenant that a request for a person names, if it is one, and the app in it.
pub(crate) fn named<'a>(tenant: &str, client_id: &str, state: &'a State) -> Result<(Option<&'a Organization>, &'a App), Refusal> {
    let named = match HOME.iter().any(|home| home.eq_ignore_ascii_case(tenant)) {
        true => None,
        false => Some(organization(tenant, state)?),
    };
    let app = match named {
        Some(organization) => app(client_id, organization, state)?,
        None => enabled(state.directory.find_app_anywhere(client_id), client_id, tenant)?,
    };
    Ok((named, app))
}

/// A person in a tenant, and the app that asks for them.
pub(crate) struct Party<'a> {
    pub(crate) app: &'a App,
    pub(crate) organization: &'a Organization,
    pub(crate) user: &'a User,
}

/// What all successes for people have, refresh tokens aside.
pub(crate) fn answer(
    request: &Recorded,
    party: &Party<'_>,
    asked: &Asked<'_>,
    granted: &[String],
    nonce: Option<&str>,
    state: &State,
) -> Value {
    let Party { app, organization, user } = *party;
    let subject = Subject { app, organization, resource: asked.resource, identifier: asked.identifier };
    let mut body = body(&claims::of_user(&subject, user, &asked.in_token(granted), request, &state.directory), asked.resource, state);
    body["scope"] = json!(asked.in_answer(granted).join(" "));
    if asked.reserved.contains(&"openid") {
        let mut claims = claims::of_id_token(&subject, user, &asked.reserved, request, &state.directory);
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        body["id_token"] = json!(state.signer.sign(&claims));
    }
    if let Some(family) = &app.family {
        body["foci"] = json!(family);
    }
    body
}

/// Adds who signed in, if the form asks for it.
pub(crate) fn add_client_info(body: &mut Value, form: &Form, user_id: &str, home_id: &str) {
    if form.get("client_info") == Some("1") {
        body["client_info"] = json!(client_info(user_id, home_id));
    }
}

/// Object id and home tenant, as `client_info` has them.
pub(crate) fn client_info(user_id: &str, home_id: &str) -> String {
    base64url(json!({ "uid": user_id, "utid": home_id }).to_string())
}

pub(crate) fn invalid_grant(code: u32, text: impl Into<String>) -> Refusal {
    Refusal::new(400, "invalid_grant", code, text)
}

/// What is known of a refresh token, if the app may redeem it now.
pub(crate) fn valid(token: &str, app: &App, sign_ins: &mut SignIns) -> Result<Known, Refusal> {
    if !sign_in::is_well_formed(token) {
        return Err(invalid_grant(9002313, "Invalid request. What was sent as a refresh token is none, or not the whole of one."));
    }
    let known =
        sign_ins.find(token, app).ok_or_else(|| invalid_grant(70000, "The grant is invalid: this refresh token was not issued here."))?;
    let other = "The grant was issued for a different client id.";
    match known.owner {
        Owner::App => {}
        // MSAL Python looks for the word in the list, other libraries look at the suberror.
        Owner::Family => {
            return Err(invalid_grant(700007, other)
                .with("suberror", "client_mismatch")
                .with("error_additional_info", json!(["client_mismatch"])));
        }
        Owner::Other => return Err(invalid_grant(700007, other)),
    }
    let is_reuse = known.is_redeemed && app.is_under(Policy::RevokesReusedRefreshTokens);
    if is_reuse {
        sign_ins.revoke(&known);
    }
    if known.is_revoked || is_reuse {
        let text = "The grant has been revoked, and a new sign-in is needed. The user may have changed or reset their password.";
        return Err(invalid_grant(50173, text).with("suberror", "bad_token"));
    }
    if known.is_expired {
        let text = "The refresh token has expired due to inactivity. It was inactive for 90.00:00:00.";
        return Err(invalid_grant(700082, text).with("suberror", "bad_token"));
    }
    Ok(known)
}

/// The tenant that the token is to be for, and the user in it: the one that was named, else the user's own.
pub(crate) fn place<'a>(
    user_id: &str,
    home_id: &str,
    named: Option<&'a Organization>,
    app: &App,
    state: &'a State,
) -> Result<(&'a Organization, &'a User), Refusal> {
    let organization = named.or_else(|| state.directory.find_organization(home_id));
    let user = organization.and_then(|there| there.users.iter().find(|user| user.id == user_id));
    organization.zip(user).ok_or_else(|| {
        let text = format!(
            "The user account, whose identity provider is 'https://sts.windows.net/{home_id}/', does not exist in the tenant '{}' and \
             cannot use the application '{}'({}) there.",
            organization.map(|there| there.name.as_str()).unwrap_or_default(),
            app.client_id,
            app.name
        );
        invalid_grant(50020, text)
    })
}

/// Refuses a sign-in without the second factor where a policy wants one.
pub(crate) fn check_multi_factor(has_one: bool, user: &User, asked: &Asked<'_>, state: &State) -> Result<(), Refusal> {
    if has_one || !state.needs_multi_factor(user) {
        return Ok(());
    }
    let text = format!("An administrator's policy wants multi-factor authentication for access to '{}'.", asked.resource.app_id);
    Err(invalid_grant(50076, text).with("suberror", "basic_action").with("claims", policy_claims()))
}
