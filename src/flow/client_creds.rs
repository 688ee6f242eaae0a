//! The app's own identity: the client credentials grant (RFC 6749 section 4.4).

use super::exchange::Exchange;
use crate::entra::authority::{Authority, Kind};
use crate::entra::client_auth::{self, ClientAuth, Flaw};
use crate::entra::grant::{Grant, TokenRequest};
use crate::entra::scope::Scopes;
use crate::entra::token::TokenSet;
use crate::error::{Error, UsageError};
use crate::http::{Http, Repeat};
use crate::secret::Secret;

/// An app, and what it asks for.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) authority: Authority,
    pub(crate) client_id: String,
    pub(crate) auth: ClientAuth,
    pub(crate) scopes: Scopes,
    pub(crate) claims: Option<String>,
}

/// Asks for a token.
///
/// # Errors
///
/// `Refused`, `Unreadable`, and what the network gives: `TimedOut`, `Transport`, `Unavailable`.
pub(crate) async fn acquire(app: &App, http: &Http) -> Result<TokenSet, Error> {
    let exchange = Exchange::new(http, &app.authority, &app.client_id, &app.scopes)?;
    let endpoint = exchange.token_endpoint().await?;
    let request = TokenRequest {
        endpoint: &endpoint,
        client_id: &app.client_id,
        auth: &app.auth,
        grant: Grant::ClientCredentials,
        scopes: &app.scopes,
        claims: app.claims.as_deref(),
        caller: exchange.caller,
    };
    exchange.tokens(&endpoint, &request.to_http(), Repeat::Freely).await
}

/// What can be told to be wrong with a secret before it is sent. `place` is where it was given.
///
/// # Errors
///
/// `Usage`.
pub(crate) fn check(secret: &Secret, authority: &Authority, place: &str) -> Result<(), UsageError> {
    match client_auth::flaw(secret) {
        Some(Flaw::Empty) => Err(UsageError::new(format!("the client secret from {place} is empty"))),
        Some(Flaw::ControlCharacter) => {
            Err(UsageError::new(format!("the client secret from {place} has a line break or another control character in it"))
                .fix("give the secret's value alone, on one line"))
        }
        // Other providers may well have GUIDs for secrets.
        Some(Flaw::LooksLikeAnId) if !matches!(authority.kind(), Kind::AdFs | Kind::Oidc | Kind::Other) => {
            Err(UsageError::new(format!("the client secret from {place} looks like a secret's id: it is a GUID"))
                .why("the portal shows each secret's value once, and its id for ever")
                .fix("use the value; if nobody has it, make a new secret under \"Certificates & secrets\" of the app registration"))
        }
        _ => Ok(()),
    }
}
