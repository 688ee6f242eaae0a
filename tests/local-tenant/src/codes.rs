//! Authorization codes (RFC 6749 section 4.1.2; RFC 7636): what each stands for, and who may redeem it.

use std::collections::HashMap;

use ring::digest::{self, SHA256};

use crate::directory::{App, Organization};
use crate::form::Form;
use crate::front::Account;
use crate::ids::{base64url, now, random};
use crate::realm::Kind;
use crate::refresh::invalid_grant;
use crate::refusal::Refusal;
use crate::state::{State, lock};
use crate::token_endpoint::required;
use crate::user::User;

/// Seconds that a code lives.
const LIFETIME: i64 = 600;

/// What a sign-in in a browser was for, and whose it was.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) kind: Kind,
    pub(crate) client_id: String,
    pub(crate) account: Account,
    pub(crate) scope: String,
    /// AD FS's parameter `resource`.
    pub(crate) resource: Option<String>,
    pub(crate) nonce: Option<String>,
}

/// What the verifier must match (RFC 7636 section 4.2).
#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    pub(crate) text: String,
    pub(crate) is_hash: bool,
}

impl Challenge {
    fn is_met_by(&self, verifier: &str) -> bool {
        match self.is_hash {
            true => self.text == base64url(digest::digest(&SHA256, verifier.as_bytes())),
            false => self.text == verifier,
        }
    }
}

/// All codes.
#[derive(Debug, Default)]
pub(crate) struct Codes(HashMap<String, Code>);

#[derive(Debug)]
struct Code {
    ticket: Ticket,
    redirect_uri: String,
    challenge: Option<Challenge>,
    expires: i64,
    /// The sign-in that it gave, once it was redeemed.
    sign_in: Option<usize>,
}

impl Codes {
    /// Makes a code.
    pub(crate) fn issue(&mut self, ticket: Ticket, redirect_uri: &str, challenge: Option<Challenge>) -> String {
        let text = format!("1.AX0A{}.AgABBAIA{}", base64url(random::<32>()), base64url(random::<420>()));
        let code = Code { ticket, redirect_uri: redirect_uri.to_owned(), challenge, expires: now() + LIFETIME, sign_in: None };
        self.0.insert(text.clone(), code);
        text
    }

    /// Lets all codes expire.
    pub(crate) fn expire(&mut self) {
        for code in self.0.values_mut() {
            code.expires = 0;
        }
    }
}

/// Checks a request that redeems a code; gives what the code stands for. A code that comes again ends what it gave (RFC 6749
/// section 4.1.2).
pub(crate) fn check(form: &Form, app: &App, kind: Kind, state: &State) -> Result<Ticket, Refusal> {
    let text = required(form, "code")?;
    let redirect_uri = required(form, "redirect_uri")?;
    let front = lock(&state.front);
    let Some(code) = front.codes.0.get(text).filter(|code| code.ticket.kind == kind) else {
        return Err(invalid_grant(70000, "The grant is invalid: this authorization code was not issued here."));
    };
    if !code.ticket.client_id.eq_ignore_ascii_case(&app.client_id) {
        return Err(invalid_grant(700007, "The grant was issued for a different client id."));
    }
    if let Some(sign_in) = code.sign_in {
        lock(&state.sign_ins).end(sign_in);
        return Err(invalid_grant(54005, "The authorization code was already redeemed. Ask for a new one, or use a refresh token."));
    }
    if code.expires <= now() {
        return Err(invalid_grant(70008, "The authorization code has expired. A new sign-in is needed."));
    }
    if code.redirect_uri != redirect_uri {
        let text = format!(
            "The reply address '{}' is not the reply address '{}' of the authorization request.",
            redirect_uri.escape_debug(),
            code.redirect_uri.escape_debug()
        );
        return Err(invalid_grant(500112, text));
    }
    match (&code.challenge, form.get("code_verifier")) {
        (None, None) => {}
        (Some(challenge), Some(verifier)) if challenge.is_met_by(verifier) => {}
        (Some(_), Some(_)) => return Err(invalid_grant(501481, "The code_verifier does not match the code_challenge.")),
        (Some(_), None) => return Err(invalid_grant(50148, "There was a code_challenge, and the code_verifier for it is missing.")),
        (None, Some(_)) => {
            let text = "There is a code_verifier, and there was no code_challenge.";
            return Err(Refusal::new(400, "invalid_request", 9002313, text));
        }
    }
    Ok(code.ticket.clone())
}

/// Redeems a code that was checked; gives the first refresh token.
pub(crate) fn redeem(form: &Form, ticket: &Ticket, app: &App, user: &User, home: &Organization, state: &State) -> String {
    let mut front = lock(&state.front);
    let (sign_in, token) = lock(&state.sign_ins).begin(app, user, home, ticket.account.has_multi_factor);
    if let Some(code) = form.get("code").and_then(|text| front.codes.0.get_mut(text)) {
        code.sign_in = Some(sign_in);
    }
    token
}
