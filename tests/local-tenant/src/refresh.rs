//! Entra's token endpoint for refresh tokens (RFC 6749 section 6; Microsoft page "Microsoft identity platform and OAuth 2.0
//! authorization code flow", section on refreshing the access token).

use serde_json::{Value, json};

use crate::claims::{self, Subject};
use crate::client_auth;
use crate::contoso::GRAPH_ID;
use crate::directory::{App, Organization, Policy, Resource, User};
use crate::form::Form;
use crate::ids::base64url;
use crate::record::Recorded;
use crate::refusal::Refusal;
use crate::sign_in::{self, Known, Owner, SignIns};
use crate::state::{State, lock};
use crate::token_endpoint::{RESERVED_SCOPES, app, body, enabled, organization, policy_claims, required, resource, strange, throttled};

/// Tenants that stand for the user's own.
const HOME: &[&str] = &["common", "organizations"];

/// Answers a request with `grant_type=refresh_token`.
pub(crate) fn issue(request: &Recorded, tenant: &str, form: &Form, state: &State) -> Result<Value, Refusal> {
    let client_id = required(form, "client_id")?;
    let scope = required(form, "scope")?;
    let token = required(form, "refresh_token")?;
    let named = match HOME.iter().any(|home| home.eq_ignore_ascii_case(tenant)) {
        true => None,
        false => Some(organization(tenant, state)?),
    };
    let app = match named {
        Some(organization) => app(client_id, organization, state)?,
        None => enabled(state.directory.find_app_anywhere(client_id), client_id, tenant)?,
    };
    client_auth::check_either(app, form, request).map_err(|stranger| strange(stranger, app, form))?;
    if let Some(retry_after) = app.policies.iter().find_map(|policy| match policy {
        Policy::Throttled { retry_after } => Some(*retry_after),
        _ => None,
    }) {
        return Err(throttled(retry_after));
    }
    // Held to the end, so that no token is redeemed twice at once.
    let mut sign_ins = lock(&state.sign_ins);
    let known = valid(token, app, &mut sign_ins)?;
    let (organization, user) = place(&known, named, app, state)?;
    let asked = Asked::read(scope, organization, state)?;
    if user.needs_multi_factor {
        return Err(needs_multi_factor(asked.resource));
    }
    let granted = asked.granted(app)?;
    let next = sign_ins.redeem(token, &known, app);
    let subject = Subject { app, organization, resource: asked.resource, identifier: asked.identifier };
    let mut body = body(&claims::of_user(&subject, user, &asked.in_token(&granted), request, &state.directory), asked.resource, state);
    body["scope"] = json!(asked.in_answer(&granted).join(" "));
    body["refresh_token"] = json!(next);
    if asked.reserved.contains(&"openid") {
        body["id_token"] = json!(state.signer.sign(&claims::of_id_token(&subject, user, &asked.reserved, request, &state.directory)));
    }
    if form.get("client_info") == Some("1") {
        body["client_info"] = json!(base64url(json!({ "uid": user.id, "utid": known.tenant_id }).to_string()));
    }
    if let Some(family) = &app.family {
        body["foci"] = json!(family);
    }
    Ok(body)
}

fn invalid_grant(code: u32, text: impl Into<String>) -> Refusal {
    Refusal::new(400, "invalid_grant", code, text)
}

/// What is known of a refresh token, if the app may redeem it now.
fn valid(token: &str, app: &App, sign_ins: &mut SignIns) -> Result<Known, Refusal> {
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
fn place<'a>(known: &Known, named: Option<&'a Organization>, app: &App, state: &'a State) -> Result<(&'a Organization, &'a User), Refusal> {
    let organization = named.or_else(|| state.directory.find_organization(&known.tenant_id));
    let user = organization.and_then(|there| there.users.iter().find(|user| user.id == known.user_id));
    organization.zip(user).ok_or_else(|| {
        let text = format!(
            "The user account, whose identity provider is 'https://sts.windows.net/{}/', does not exist in the tenant '{}' and \
             cannot use the application '{}'({}) there.",
            known.tenant_id,
            organization.map(|there| there.name.as_str()).unwrap_or_default(),
            app.client_id,
            app.name
        );
        invalid_grant(50020, text)
    })
}

fn needs_multi_factor(resource: &Resource) -> Refusal {
    let text = format!("An administrator's policy wants multi-factor authentication for access to '{}'.", resource.app_id);
    invalid_grant(50076, text).with("suberror", "basic_action").with("claims", policy_claims())
}

/// What a scope asks for (Microsoft page "Scopes and permissions in the Microsoft identity platform").
struct Asked<'a> {
    /// `openid` and the like.
    reserved: Vec<&'a str>,
    resource: &'a Resource,
    /// What names the resource, as it was written; Graph's app id for bare permissions.
    identifier: &'a str,
    permissions: Vec<Wanted<'a>>,
}

/// One scope of a resource.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    /// What stands before the last slash; nothing does before Graph's permissions when they are bare.
    identifier: Option<&'a str>,
    name: &'a str,
}

impl Wanted<'_> {
    fn read(scope: &str) -> Result<Wanted<'_>, Refusal> {
        let wanted = match scope.rsplit_once('/') {
            Some((identifier, name)) => Wanted { identifier: Some(identifier), name },
            None => Wanted { identifier: None, name: scope },
        };
        // A resource without a permission: `https://graph.microsoft.com`.
        let is_half =
            wanted.name.is_empty() || wanted.identifier.is_some_and(|identifier| identifier.is_empty() || identifier.ends_with(":/"));
        if is_half {
            let text = format!(
                "The provided value for the input parameter 'scope' is not valid: {} names no permission of a resource.",
                scope.escape_debug()
            );
            return Err(Refusal::new(400, "invalid_scope", 70011, text));
        }
        Ok(wanted)
    }
}

impl<'a> Asked<'a> {
    fn read(scope: &'a str, organization: &Organization, state: &'a State) -> Result<Asked<'a>, Refusal> {
        let scopes = scope.split(' ').filter(|scope| !scope.is_empty());
        let (reserved, others): (Vec<&str>, Vec<&str>) = scopes.partition(|scope| RESERVED_SCOPES.contains(scope));
        let permissions = others.into_iter().map(Wanted::read).collect::<Result<Vec<_>, _>>()?;
        let identifiers = permissions.iter().map(|wanted| wanted.identifier.unwrap_or(GRAPH_ID));
        let named = identifiers.map(|identifier| Ok((identifier, resource(identifier, organization, state)?)));
        let named = named.collect::<Result<Vec<_>, Refusal>>()?;
        let Some(&(identifier, resource)) = named.first() else {
            let text = "The provided value for the input parameter 'scope' has no scope of a resource.";
            return Err(Refusal::new(400, "invalid_request", 28003, text));
        };
        if named.iter().any(|(_, other)| other.app_id != resource.app_id) {
            let text = format!(
                "The provided value for the input parameter 'scope' is not valid because it contains more than one resource: {}.",
                scope.escape_debug()
            );
            return Err(Refusal::new(400, "invalid_request", 28000, text));
        }
        let defaults = permissions.iter().filter(|wanted| wanted.name == ".default").count();
        if defaults > 0 && defaults < permissions.len() {
            let text =
                "The provided value for the input parameter 'scope' is not valid: .default cannot stand beside a resource's permissions.";
            return Err(Refusal::new(400, "invalid_scope", 70011, text));
        }
        Ok(Asked { reserved, resource, identifier, permissions })
    }

    /// All that users consented to in the resource, if what is asked for is among it.
    fn granted(&self, app: &App) -> Result<Vec<String>, Refusal> {
        let granted = app.scopes_in(self.resource);
        let is_granted =
            |wanted: &Wanted<'_>| wanted.name == ".default" || granted.iter().any(|name| name.eq_ignore_ascii_case(wanted.name));
        if !granted.is_empty() && self.permissions.iter().all(is_granted) {
            return Ok(granted);
        }
        let text = format!(
            "Neither the user nor an administrator has consented to the use of the application with the id '{}' named '{}'. \
             Send an interactive authorization request for this user and resource.",
            app.client_id, app.name
        );
        Err(invalid_grant(65001, text).with("suberror", "consent_required"))
    }

    /// The reserved scopes that count as Graph's, as `offline_access` does not.
    fn of_person(&self) -> impl Iterator<Item = String> {
        let is_graph = self.resource.app_id == GRAPH_ID;
        let visible = self.reserved.iter().filter(move |&&scope| is_graph && scope != "offline_access");
        visible.map(|&scope| scope.to_owned())
    }

    /// The claim `scp`.
    fn in_token(&self, granted: &[String]) -> Vec<String> {
        granted.iter().cloned().chain(self.of_person()).collect()
    }

    /// The answer's `scope`: everything granted, in the form in which it was asked for, and `.default` if that was asked for.
    fn in_answer(&self, granted: &[String]) -> Vec<String> {
        let is_bare = |name: &str| match self.permissions.iter().find(|wanted| wanted.name.eq_ignore_ascii_case(name)) {
            Some(wanted) => wanted.identifier.is_none(),
            None => self.permissions.iter().all(|wanted| wanted.identifier.is_none()),
        };
        let prefix = self.permissions.iter().find_map(|wanted| wanted.identifier).unwrap_or_default();
        let full = |name: &str| if is_bare(name) { name.to_owned() } else { format!("{prefix}/{name}") };
        let default = self.permissions.iter().find(|wanted| wanted.name == ".default").map(|wanted| wanted.name);
        self.of_person().chain(granted.iter().map(|name| full(name))).chain(default.map(full)).collect()
    }
}
