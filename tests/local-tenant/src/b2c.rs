//! Azure AD B2C (Microsoft pages "Set up OAuth 2.0 client credentials flow in Azure AD B2C" and "Error codes: Azure
//! Active Directory B2C"): a tenant and a policy, given in the path or as `?p=`.

use serde_json::{Value, json};

use crate::authorize;
use crate::client_auth::{self, Stranger};
use crate::directory::{App, Organization};
use crate::form::Form;
use crate::ids::{guid, guid_of, now, timestamp};
use crate::people::{self, Issuer};
use crate::realm::{Kind, Realm, of_b2c};
use crate::record::Recorded;
use crate::reply::Reply;
use crate::state::State;

/// Answers requests for a policy; `None` if the request names none.
pub(crate) fn reply(path: &[&str], request: &Recorded, state: &State) -> Option<Reply> {
    // The older form of the address.
    let path = path.strip_prefix(&["tfp"]).unwrap_or(path);
    let (tenant, rest) = path.split_first()?;
    let in_query = request.parameters().into_iter().find(|(name, _)| name == "p").map(|(_, policy)| policy);
    let (policy, rest) = match in_query {
        Some(policy) => (policy, rest),
        None => rest.split_first().map(|(policy, rest)| ((*policy).to_owned(), rest))?,
    };
    let place = Place { request, tenant, policy: &policy, state };
    match rest {
        ["oauth2", "v2.0", "authorize"] => Some(place.authorize()),
        ["oauth2", "v2.0", "token"] => Some(place.token()),
        ["v2.0", ".well-known", "openid-configuration"] => Some(place.document()),
        ["discovery", "v2.0", "keys"] => Some(Reply::json(200, &state.signer.key_set(None))),
        _ => None,
    }
}

/// A request to a policy of a tenant.
struct Place<'a> {
    request: &'a Recorded,
    tenant: &'a str,
    policy: &'a str,
    state: &'a State,
}

type Refusal = (&'static str, u32, String);

impl Place<'_> {
    fn organization(&self) -> Result<&Organization, Refusal> {
        let is_policy = self.policy.to_ascii_lowercase().starts_with("b2c_1");
        self.state.directory.find_organization(self.tenant).filter(|_| is_policy).ok_or_else(|| {
            let text = format!(
                "There is no metadata for the policy '{}' in the tenant '{}'.",
                self.policy.escape_debug(),
                self.tenant.escape_debug()
            );
            ("invalid_request", 90022, text)
        })
    }

    fn issuer(&self, organization: &Organization) -> String {
        format!("{}/{}/v2.0/", self.request.base(), organization.id)
    }

    fn document(&self) -> Reply {
        let organization = match self.organization() {
            Ok(organization) => organization,
            Err(refusal) => return refuse(404, refusal),
        };
        let at = format!("{}/{}/{}", self.request.base(), self.tenant, self.policy.to_ascii_lowercase());
        let document = json!({
            "issuer": self.issuer(organization),
            "authorization_endpoint": format!("{at}/oauth2/v2.0/authorize"),
            "token_endpoint": format!("{at}/oauth2/v2.0/token"),
            "jwks_uri": format!("{at}/discovery/v2.0/keys"),
            "response_modes_supported": ["query", "fragment", "form_post"],
            "response_types_supported": ["code", "id_token", "token"],
            "scopes_supported": ["openid", "profile", "offline_access"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        });
        Reply::json(200, &document)
    }

    fn realm(&self) -> Realm {
        Realm { kind: Kind::B2c, tenant: self.tenant.to_owned() }
    }

    fn authorize(&self) -> Reply {
        match self.organization() {
            Ok(_) => authorize::reply(self.realm(), self.request, self.state),
            Err(refusal) => refuse(404, refusal),
        }
    }

    /// The members that are B2C's own are added to what all kinds of authority answer.
    fn of_person(&self, organization: &Organization, form: &Form) -> Result<Value, Refusal> {
        let (realm, name) = (self.realm(), self.issuer(organization));
        let issuer = Issuer { realm: &realm, access: name.clone(), identity: name };
        let body = people::token(&issuer, self.request, form, self.state);
        let mut body = body.map_err(|refusal| (refusal.error(), of_b2c(&refusal), refusal.text().to_owned()))?;
        let lifetime = body["expires_in"].clone();
        body["not_before"] = json!(now());
        if body.get("access_token").is_some() {
            body["expires_on"] = json!(now() + lifetime.as_i64().unwrap_or_default());
        }
        if body.get("id_token").is_some() {
            body["id_token_expires_in"] = lifetime;
        }
        if body.get("refresh_token").is_some() {
            body["refresh_token_expires_in"] = json!(14 * 24 * 3600);
        }
        Ok(body)
    }

    fn token(&self) -> Reply {
        match self.issue() {
            Ok(body) => Reply::json(200, &body).header("cache-control", "private").header("x-ms-gateway-requestid", guid().to_string()),
            Err(refusal) => refuse(400, refusal),
        }
    }

    fn issue(&self) -> Result<Value, Refusal> {
        let organization = self.organization()?;
        let unreadable = || ("invalid_request", 90007, "The request is not a proper form by POST.".to_owned());
        if self.request.method != "POST" {
            return Err(unreadable());
        }
        let form = Form::parse(self.request).map_err(|_| unreadable())?;
        let grant = form.get("grant_type").unwrap_or_default();
        if matches!(grant, "authorization_code" | "refresh_token") || self.takes_password(grant, &form)? {
            return self.of_person(organization, &form);
        }
        if grant != "client_credentials" {
            let text = format!("The supplied grant_type [{}] is not supported.", grant.escape_debug());
            return Err(("unsupported_grant_type", 90086, text));
        }
        let client_id = form.get("client_id").unwrap_or_default();
        let app = self.state.directory.find_app(client_id, &organization.id).ok_or_else(|| {
            let text = format!("The client id '{}' is not registered in tenant '{}'.", client_id.escape_debug(), self.tenant);
            ("invalid_request", 90018, text)
        })?;
        client_auth::check(app, &form, self.request).map_err(strange)?;
        let scope = form.get("scope").unwrap_or_default();
        let identifier = scope.split(' ').find_map(|scope| scope.strip_suffix("/.default"));
        let resource = identifier.and_then(|identifier| self.state.directory.find_resource(identifier, &organization.id));
        let resource = resource.ok_or_else(|| {
            let text = format!("The scope '{}' provided in the request is not supported.", scope.escape_debug());
            ("invalid_request", 90117, text)
        })?;
        Ok(self.success(app, organization, &resource.app_id))
    }

    /// Whether the grant is for passwords, and the policy is made for it (Microsoft page "Set up a resource owner password
    /// credentials flow in Azure Active Directory B2C").
    fn takes_password(&self, grant: &str, form: &Form) -> Result<bool, Refusal> {
        if grant != "password" || !self.policy.to_ascii_lowercase().starts_with("b2c_1_ropc") {
            return Ok(false);
        }
        let response_type = form.get("response_type").unwrap_or("token id_token");
        if response_type.split(' ').all(|kind| matches!(kind, "token" | "id_token")) {
            return Ok(true);
        }
        let text = format!("The requested response type '{}' provided in the request is not supported.", response_type.escape_debug());
        Err(("invalid_request", 90013, text))
    }

    fn success(&self, app: &App, organization: &Organization, audience: &str) -> Value {
        let lifetime = self.state.directory.token_lifetime.as_secs().cast_signed();
        let token = self.state.signer.sign(&json!({
            "iss": self.issuer(organization),
            "exp": now() + lifetime,
            "nbf": now(),
            "iat": now(),
            "aud": audience,
            "sub": guid_of(&app.client_id).to_string(),
            "azp": app.client_id,
            "tfp": self.policy,
            "jti": guid().to_string(),
            "ver": "1.0",
        }));
        json!({
            "access_token": token,
            "token_type": "Bearer",
            "not_before": now(),
            "expires_in": lifetime,
            "expires_on": now() + lifetime,
            "resource": audience,
        })
    }
}

fn strange(stranger: Stranger) -> Refusal {
    match stranger {
        Stranger::NoCredential => {
            ("invalid_request", 90079, "Clients must send a client_secret when redeeming a confidential grant.".to_owned())
        }
        _ => ("invalid_client", 90081, "The specified client_secret does not match the expected value for this client.".to_owned()),
    }
}

/// B2C's errors have two members only, and lines in their description.
fn refuse(status: u16, (error, code, text): Refusal) -> Reply {
    let description = format!("AADB2C{code}: {text}\r\nCorrelation ID: {}\r\nTimestamp: {}\r\n", guid(), timestamp());
    Reply::json(status, &json!({ "error": error, "error_description": description }))
}
