//! Entra's token endpoint for authorization codes (Microsoft page "Microsoft identity platform and OAuth 2.0 authorization
//! code flow"; RFC 6749 section 4.1.3).

use serde_json::{Value, json};

use crate::codes::{self, Ticket};
use crate::directory::{App, Organization};
use crate::form::Form;
use crate::realm::Kind;
use crate::record::Recorded;
use crate::refresh::{Party, add_client_info, answer, check_multi_factor, client, invalid_grant, place};
use crate::refusal::Refusal;
use crate::scopes::Asked;
use crate::state::State;
use crate::token_endpoint::required;
use crate::user::User;

/// Answers a request with `grant_type=authorization_code`.
pub(crate) fn issue(request: &Recorded, tenant: &str, form: &Form, state: &State) -> Result<Value, Refusal> {
    let (named, app) = client(request, tenant, required(form, "client_id")?, form, state)?;
    let ticket = codes::check(form, app, Kind::Entra, state)?;
    let redeem = |user: &User, home: &Organization| codes::redeem(form, &ticket, app, user, home, state);
    success(request, form, &ticket, named, app, &redeem, state)
}

/// The answer for a ticket that was checked; it is redeemed when nothing more is in the way.
pub(crate) fn success(
    request: &Recorded,
    form: &Form,
    ticket: &Ticket,
    named: Option<&Organization>,
    app: &App,
    redeem: &dyn Fn(&User, &Organization) -> String,
    state: &State,
) -> Result<Value, Refusal> {
    let account = &ticket.account;
    let home = state.directory.find_user_by_id(&account.user_id).map(|(home, _)| home);
    let home = home.ok_or_else(|| invalid_grant(50034, "The user account does not exist in the directory."))?;
    let (organization, user) = place(&account.user_id, &home.id, named, app, state)?;
    let scope = form.get("scope").unwrap_or(&ticket.scope);
    let asked = Asked::read_for_sign_in(scope, organization, state)?;
    check_multi_factor(account.has_multi_factor, user, &asked, state)?;
    let granted = asked.granted(app, user, state)?;
    let refresh_token = redeem(user, home);
    let mut body = answer(request, &Party { app, organization, user }, &asked, &granted, ticket.nonce.as_deref(), state);
    if asked.reserved.contains(&"offline_access") {
        body["refresh_token"] = json!(refresh_token);
    }
    add_client_info(&mut body, form, &user.id, &home.id);
    Ok(body)
}
