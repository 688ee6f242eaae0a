//! Authorization requests (RFC 6749 section 4.1.1; Microsoft page "Microsoft identity platform and OAuth 2.0 authorization
//! code flow"): what is checked before anybody is asked anything.

use serde_json::Value;

use crate::codes::Challenge;
use crate::directory::{App, Organization, Policy};
use crate::form::{Form, Malformed};
use crate::interaction::{self, Goal, Interaction};
use crate::pages;
use crate::people;
use crate::realm::{Kind, Realm};
use crate::record::Recorded;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::scopes::Asked;
use crate::state::State;
use crate::token_endpoint::{malformed, missing, required};
use crate::way::{self, Mode, Way};

/// What an app asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    pub(crate) client_id: String,
    pub(crate) scope: String,
    /// AD FS's parameter `resource`.
    pub(crate) resource: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) prompt: Prompt,
    pub(crate) login_hint: Option<String>,
    /// Seconds.
    pub(crate) max_age: Option<i64>,
    pub(crate) wants_client_info: bool,
}

/// What the user is to be asked in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Prompt {
    /// What is needed.
    #[default]
    Needed,
    /// Nothing.
    None,
    /// The password.
    Login,
    /// For consent.
    Consent,
    /// For the account.
    SelectAccount,
}

/// Answers a request to an authorization endpoint.
pub(crate) fn reply(realm: Realm, request: &Recorded, state: &State) -> Reply {
    let form = match Form::of_authorization(request) {
        Ok(form) => form,
        Err(why) => return pages::error(&realm, &unreadable(why), request),
    };
    let (organization, app, redirect_uri) = match client(&realm, &form, state) {
        Ok(found) => found,
        Err(refusal) => return pages::error(&realm, &refusal, request),
    };
    let mode = form.get("response_mode").map_or(Ok(Mode::Query), |name| mode(name, &realm));
    let way = Way {
        redirect_uri: redirect_uri.to_owned(),
        mode: mode.as_ref().copied().unwrap_or(Mode::Query),
        state: form.get("state").map(str::to_owned),
    };
    match mode.and_then(|_| wish(&form, &realm, organization, app, state)) {
        Ok(wish) => interaction::proceed(Interaction::new(realm, wish, Goal::Redirect(way)), request, state),
        Err(refusal) => way.refuse(&realm, &refusal, None, request),
    }
}

fn unreadable(why: Malformed) -> Refusal {
    match why {
        Malformed::NotAForm => missing("client_id"),
        why => malformed(why),
    }
}

/// Who asks, and where the answer goes. Until both are certain, nothing is sent anywhere.
fn client<'a>(realm: &Realm, form: &'a Form, state: &'a State) -> Result<(Option<&'a Organization>, &'a App, &'a str), Refusal> {
    let client_id = required(form, "client_id")?;
    let (organization, app) = realm.client(client_id, state)?;
    let redirect_uri = required(form, "redirect_uri")?;
    if app.redirect_uris.is_empty() {
        return Err(Refusal::new(400, "invalid_request", 500113, "No reply address is registered for the application."));
    }
    if !way::is_registered(app, redirect_uri) {
        let text = format!(
            "The redirect URI '{}' specified in the request does not match the redirect URIs configured for the application '{}'.",
            redirect_uri.escape_debug(),
            app.client_id
        );
        return Err(Refusal::new(400, "invalid_request", 50011, text));
    }
    Ok((organization, app, redirect_uri))
}

fn invalid(code: u32, text: impl Into<String>) -> Refusal {
    Refusal::new(400, "invalid_request", code, text)
}

/// A mode that this kind of authority has.
fn mode(name: &str, realm: &Realm) -> Result<Mode, Refusal> {
    let has = |mode: &Mode| match realm.kind {
        Kind::Entra | Kind::B2c => true,
        Kind::AdFs => *mode != Mode::Fragment,
        Kind::Oidc => *mode == Mode::Query,
    };
    Mode::of(name).filter(has).ok_or_else(|| invalid(70007, format!("The response_mode '{}' is not supported.", name.escape_debug())))
}

fn wish(form: &Form, realm: &Realm, organization: Option<&Organization>, app: &App, state: &State) -> Result<Wish, Refusal> {
    check_response_type(form, app)?;
    let scope = required(form, "scope")?;
    let resource = form.get("resource").filter(|_| realm.kind == Kind::AdFs);
    match (realm.kind, organization) {
        (Kind::Entra, Some(organization)) => {
            Asked::read_for_sign_in(scope, organization, state)?;
        }
        // Whose resources are meant is known when the user is.
        (Kind::Entra, None) => {}
        (kind, _) => {
            people::audience(kind, app, scope, resource, state)?;
        }
    }
    let challenge = challenge(form)?;
    if challenge.is_none() && app.is_under(Policy::RequiresPkce) {
        return Err(invalid(9002325, "Proof Key for Code Exchange is required for this app: the code_challenge is missing."));
    }
    check_claims(form)?;
    Ok(Wish {
        client_id: app.client_id.clone(),
        scope: scope.to_owned(),
        resource: resource.map(str::to_owned),
        nonce: form.get("nonce").map(str::to_owned),
        challenge,
        prompt: prompt(form)?,
        login_hint: form.get("login_hint").map(str::to_owned),
        max_age: max_age(form)?,
        wants_client_info: form.get("client_info") == Some("1"),
    })
}

fn check_response_type(form: &Form, app: &App) -> Result<(), Refusal> {
    let refuse = |code, text: String| Err(Refusal::new(400, "unsupported_response_type", code, text));
    let asked = required(form, "response_type")?;
    let types: Vec<&str> = asked.split(' ').collect();
    if asked == "code" {
        return Ok(());
    }
    if !types.iter().all(|it| matches!(*it, "code" | "id_token" | "token")) {
        return refuse(70005, format!("The response_type '{}' is not supported.", asked.escape_debug()));
    }
    if types.contains(&"id_token") && form.get("nonce").is_none() {
        return Err(missing("nonce"));
    }
    refuse(700054, format!("The response_type '{asked}' is not enabled for the application '{}'.", app.client_id))
}

/// RFC 7636 section 4.3; the method must be there, although it could be left out for `plain`.
fn challenge(form: &Form) -> Result<Option<Challenge>, Refusal> {
    let (text, method) = match (form.get("code_challenge"), form.get("code_challenge_method")) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(invalid(50147, "There is a code_challenge_method, and no code_challenge.")),
        (Some(text), method) => (text, method),
    };
    let is_hash = match method {
        Some("S256") => true,
        Some("plain") => false,
        _ => return Err(invalid(50149, "The code_challenge_method must be S256 or plain.")),
    };
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || !is_hash && matches!(byte, b'.' | b'~');
    let lengths = if is_hash { 43..=43 } else { 43..=128 };
    if !lengths.contains(&text.len()) || !text.bytes().all(is_letter) {
        return Err(invalid(501491, "The size or a character of the code_challenge is not valid."));
    }
    Ok(Some(Challenge { text: text.to_owned(), is_hash }))
}

fn check_claims(form: &Form) -> Result<(), Refusal> {
    let is_object = |claims: &str| serde_json::from_str::<Value>(claims).is_ok_and(|claims| claims.is_object());
    match form.get("claims").is_none_or(is_object) {
        true => Ok(()),
        false => Err(invalid(9002313, "The request is malformed: the parameter 'claims' is not a JSON object.")),
    }
}

fn prompt(form: &Form) -> Result<Prompt, Refusal> {
    match form.get("prompt") {
        None => Ok(Prompt::Needed),
        Some("none") => Ok(Prompt::None),
        Some("login" | "create") => Ok(Prompt::Login),
        Some("consent") => Ok(Prompt::Consent),
        Some("select_account") => Ok(Prompt::SelectAccount),
        Some(other) => Err(invalid(90023, format!("Unsupported prompt value: '{}'.", other.escape_debug()))),
    }
}

fn max_age(form: &Form) -> Result<Option<i64>, Refusal> {
    let parse = |text: &str| text.parse().ok().filter(|age| *age >= 0);
    match form.get("max_age").map(parse) {
        None => Ok(None),
        Some(Some(age)) => Ok(Some(age)),
        Some(None) => Err(invalid(90023, "The parameter 'max_age' is not a number of seconds.")),
    }
}
