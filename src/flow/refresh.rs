//! What a sign-in left behind, exchanged for new tokens: the refresh token grant (RFC 6749 section 6).

use super::client::Client;
use super::exchange::Exchange;
use crate::entra::authority::Endpoint;
use crate::entra::grant::{Grant, TokenRequest};
use crate::entra::token::TokenSet;
use crate::error::{Error, Exchanged};
use crate::http::{Http, Repeat};
use crate::secret::Secret;

/// Asks for new tokens. A token endpoint may take a refresh token once only, so one that may have arrived is not sent again.
///
/// # Errors
///
/// `Refused`, `Unreadable`, and what the network gives: `TimedOut`, `Transport`, `Unavailable`.
pub(crate) async fn acquire(client: &Client, refresh_token: &Secret, http: &Http) -> Result<TokenSet, Error> {
    let exchange =
        Exchange { exchanged: Exchanged::RefreshToken, ..Exchange::new(http, &client.authority, &client.client_id, &client.scopes)? };
    let endpoints = exchange.endpoints().await?;
    let endpoint = endpoints.get(Endpoint::Token)?;
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
    let tokens = exchange.tokens(&endpoint, &request.to_http(), Repeat::Unprocessed).await?;
    exchange.check_id_token(&tokens, None, &endpoints)?;
    Ok(tokens)
}
