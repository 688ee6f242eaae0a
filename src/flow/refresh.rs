//! What a sign-in left behind, exchanged for new tokens: the refresh token grant (RFC 6749 section 6).

use super::exchange::Exchange;
use crate::entra::authority::Authority;
use crate::entra::client_auth::ClientAuth;
use crate::entra::grant::{Grant, TokenRequest};
use crate::entra::scope::Scopes;
use crate::entra::token::TokenSet;
use crate::error::Error;
use crate::http::Http;
use crate::secret::Secret;

/// An app that acts for a person, and what it asks for.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) authority: Authority,
    pub(crate) client_id: String,
    pub(crate) auth: ClientAuth,
    pub(crate) scopes: Scopes,
    pub(crate) claims: Option<String>,
}

/// Asks for new tokens. A token endpoint may take a refresh token once only, so one that may have arrived is not sent again.
///
/// # Errors
///
/// `Refused`, `Unreadable`, and what the network gives: `TimedOut`, `Transport`, `Unavailable`.
pub(crate) async fn acquire(client: &Client, refresh_token: &Secret, http: &Http) -> Result<TokenSet, Error> {
    let exchange = Exchange { is_refresh: true, ..Exchange::new(http, &client.authority, &client.client_id, &client.scopes)? };
    let endpoint = exchange.token_endpoint().await?;
    let scopes = client.scopes.with_reserved();
    let request = TokenRequest {
        endpoint: &endpoint,
        client_id: &client.client_id,
        auth: &client.auth,
        grant: Grant::RefreshToken(refresh_token),
        scopes: &scopes,
        claims: client.claims.as_deref(),
        caller: exchange.caller,
    };
    exchange.tokens(&endpoint, &request.to_http()).await
}
