//! What an authority's OpenID document tells beside its endpoints.

use super::exchange::Exchange;
use crate::entra::authority::{Authority, Endpoint};
use crate::entra::discovery;
use crate::entra::grant;
use crate::entra::scope::Scopes;
use crate::error::Error;
use crate::http::{Http, Repeat};

/// Asks for the id of the authority's tenant; none where the document does not tell.
///
/// # Errors
///
/// What the network gives: `TimedOut`, `Transport`, `Unavailable`, `Unreadable`.
pub(crate) async fn tenant_id(authority: &Authority, http: &Http) -> Result<Option<String>, Error> {
    let scopes = Scopes::new([]);
    let exchange = Exchange::new(http, authority, "", &scopes)?;
    let document = authority.openid_document();
    log::info!("asking {document} for the tenant's id");
    let reply = exchange.send(&grant::document_request(&document, exchange.caller), Repeat::Freely).await?;
    let endpoint = discovery::discovered(&reply, authority).and_then(|found| found.endpoint(authority, Endpoint::Token));
    Ok(endpoint.ok().and_then(|endpoint| discovery::tenant_in(&endpoint)))
}
