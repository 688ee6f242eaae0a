//! Entra's token endpoint for user names and passwords (Microsoft page "Microsoft identity platform and OAuth 2.0 Resource
//! Owner Password Credentials"; RFC 6749 section 4.3).

use serde_json::Value;

use crate::code_grant;
use crate::codes::Ticket;
use crate::directory::{App, Organization};
use crate::federation::Federation;
use crate::form::Form;
use crate::front::Account;
use crate::realm::Kind;
use crate::record::Recorded;
use crate::refresh::{client, invalid_grant};
use crate::refusal::Refusal;
use crate::state::{State, lock};
use crate::token_endpoint::{is_personal, required};
use crate::user::User;

/// Answers a request with `grant_type=password`.
pub(crate) fn issue(request: &Recorded, tenant: &str, form: &Form, state: &State) -> Result<Value, Refusal> {
    let (name, password) = (required(form, "username")?, required(form, "password")?);
    let (named, app) = client_of_people(request, tenant, form, state)?;
    let (home, user) = state.directory.find_user(name).ok_or_else(|| {
        let text = format!(
            "The user account {{EUII Hidden}} does not exist in the {} directory. To sign in to this application, the account must be \
             added to the directory.",
            named.map_or(tenant, |there| &there.name)
        );
        invalid_grant(50034, text)
    })?;
    // Of federated users Entra has no password, unless it is synchronized.
    let is_checked = state.directory.find_federation(user.domain()).is_none_or(Federation::has_synchronized);
    if !is_checked || user.password != password {
        return Err(invalid_grant(50126, "Error validating credentials due to invalid username or password."));
    }
    signed_in(request, form, named, app, (home, user), state)
}

/// The client of a request for a person that a tenant is needed for.
pub(crate) fn client_of_people<'a>(
    request: &Recorded,
    tenant: &str,
    form: &Form,
    state: &'a State,
) -> Result<(Option<&'a Organization>, &'a App), Refusal> {
    if tenant.eq_ignore_ascii_case("common") || is_personal(tenant) {
        let text = "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or \
                    tenant-specific endpoint.";
        return Err(Refusal::new(400, "invalid_request", 9_001_023, text));
    }
    client(request, tenant, required(form, "client_id")?, form, state)
}

/// The answer for a person who proved who they are, if nothing else is in their way.
pub(crate) fn signed_in(
    request: &Recorded,
    form: &Form,
    named: Option<&Organization>,
    app: &App,
    (home, user): (&Organization, &User),
    state: &State,
) -> Result<Value, Refusal> {
    if let Some(trouble) = state.trouble_of(user) {
        return Err(trouble.refusal());
    }
    let ticket = Ticket {
        kind: Kind::Entra,
        client_id: app.client_id.clone(),
        account: Account::new(&user.id),
        scope: required(form, "scope")?.to_owned(),
        resource: None,
        nonce: None,
    };
    let redeem = |user: &User, _: &Organization| lock(&state.sign_ins).begin(app, user, home, false).1;
    code_grant::success(request, form, &ticket, named, app, &redeem, state)
}
