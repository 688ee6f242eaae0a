//! An app that acts for a person.

use crate::entra::authority::Authority;
use crate::entra::client_auth::ClientAuth;
use crate::entra::scope::Scopes;

/// An app that acts for a person, and what it asks for.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) authority: Authority,
    pub(crate) client_id: String,
    pub(crate) auth: ClientAuth,
    pub(crate) scopes: Scopes,
    /// A claims request, as JSON.
    pub(crate) claims: Option<String>,
}
