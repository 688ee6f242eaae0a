//! Entra's token endpoint for device codes (Microsoft page "Microsoft identity platform and the OAuth 2.0 device
//! authorization grant flow"; RFC 8628 section 3.4).

use serde_json::Value;

use crate::code_grant::success;
use crate::codes::Ticket;
use crate::devices;
use crate::directory::{Organization, Policy};
use crate::form::Form;
use crate::interaction;
use crate::realm::Kind;
use crate::record::Recorded;
use crate::refresh::client;
use crate::refusal::Refusal;
use crate::scopes::Asked;
use crate::state::{State, lock};
use crate::token_endpoint::{blocked, required};
use crate::user::User;

/// The grant's name; Entra also takes `device_code` alone.
pub(crate) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Answers a request with that grant.
pub(crate) fn issue(request: &Recorded, tenant: &str, form: &Form, state: &State) -> Result<Value, Refusal> {
    let (named, app) = client(request, tenant, required(form, "client_id")?, form, state)?;
    let (account, device) = devices::check(form, app, Kind::Entra, state)?;
    if app.is_under(Policy::BlocksDeviceCode) {
        return Err(blocked());
    }
    // Who sits at every browser consents to everything there.
    if let (Some(person), Some((home, user))) = (interaction::person(state), state.directory.find_user_by_id(&account.user_id))
        && person.user_id == account.user_id
    {
        let asked = Asked::read_for_sign_in(&device.scope, named.unwrap_or(home), state)?;
        let missing = asked.missing(app, user, state)?;
        let allowed: Vec<String> = missing.into_iter().filter(|scope| !asked.resource.admin_scopes.contains(scope)).collect();
        lock(&state.consents).add(app, user, &asked.resource.app_id, &allowed);
    }
    let ticket = Ticket { kind: Kind::Entra, client_id: device.client_id, account, scope: device.scope, resource: None, nonce: None };
    let redeem = |user: &User, home: &Organization| {
        let mut front = lock(&state.front);
        front.devices.redeem(form.get("device_code").unwrap_or_default());
        lock(&state.sign_ins).begin(app, user, home, ticket.account.has_multi_factor).1
    };
    success(request, form, &ticket, named, app, &redeem, state)
}
