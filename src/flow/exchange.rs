//! What every flow does with the platform: find the endpoint, send a request, read what comes back as an answer or an error.

use url::Url;

use crate::crypto;
use crate::entra::authority::Authority;
use crate::entra::discovery;
use crate::entra::grant::{self, Caller, Request};
use crate::entra::refusal::{self, Refusal};
use crate::entra::reply::Reply;
use crate::entra::scope::Scopes;
use crate::entra::token::{self, ReplyError, TokenSet};
use crate::env;
use crate::error::{Error, Refused, Unavailable, Unreadable};
use crate::http::{Answer, Http, Repeat};
use crate::redact;

/// One acquisition: the network, who asks for what, and the id that the platform's logs know it by.
pub(super) struct Exchange<'a> {
    pub(super) http: &'a Http,
    pub(super) authority: &'a Authority,
    pub(super) client_id: &'a str,
    pub(super) scopes: &'a Scopes,
    pub(super) caller: Caller,
    /// What the person's sign-in left behind is what is exchanged.
    pub(super) is_refresh: bool,
}

impl<'a> Exchange<'a> {
    /// # Errors
    ///
    /// `System`, when it has no randomness.
    pub(super) fn new(http: &'a Http, authority: &'a Authority, client_id: &'a str, scopes: &'a Scopes) -> Result<Exchange<'a>, Error> {
        let request_id = crypto::random_id().map_err(|error| Error::System(error.to_string()))?;
        log::info!("client-request-id {request_id}");
        let caller = Caller { request_id, os: env::OS };
        Ok(Exchange { http, authority, client_id, scopes, caller, is_refresh: false })
    }

    /// The token endpoint: built where the kind of authority allows it, else asked for.
    pub(super) async fn token_endpoint(&self) -> Result<Url, Error> {
        if let Some(endpoint) = self.authority.token_endpoint() {
            return Ok(endpoint);
        }
        let document = self.authority.openid_document();
        log::info!("asking {document} where the token endpoint is");
        let reply = self.send(&grant::document_request(&document, self.caller), Repeat::Freely).await?;
        if let Some(refusal) = refusal::refusal(&reply) {
            return Err(self.refused(refusal));
        }
        let endpoint = match reply.status {
            200 => discovery::token_endpoint(&self.masked(&reply), self.authority),
            status => Err(format!("it has no OpenID document at {} (status {status})", document.path())),
        };
        endpoint.map_err(|what| self.unreadable(&document, &what))
    }

    /// Sends a token request and reads the tokens from the reply.
    pub(super) async fn tokens(&self, endpoint: &Url, request: &Request) -> Result<TokenSet, Error> {
        log::info!("asking {} for a token", redact::foreign(endpoint.as_str()));
        let reply = self.send(request, if self.is_refresh { Repeat::Unsent } else { Repeat::Freely }).await?;
        token::tokens(&reply).map_err(|error| match error {
            ReplyError::Refused(refusal) => self.refused(*refusal),
            ReplyError::Unreadable(what) => {
                let masked = token::tokens(&self.masked(&reply)).err();
                let what = masked.map_or(what, |error| match error {
                    ReplyError::Unreadable(what) => what,
                    ReplyError::Refused(refusal) => refusal.words().to_owned(),
                });
                self.unreadable(endpoint, &what)
            }
        })
    }

    pub(super) async fn send(&self, request: &Request, repeat: Repeat) -> Result<Reply, Error> {
        let answer = self.http.send(request, repeat).await.map_err(|error| self.with_id(error))?;
        let busy = answer.is_busy();
        let Answer { status, retry_after, body, received_at } = answer;
        let reply = Reply { status, body, received_at };
        if !busy {
            return Ok(reply);
        }
        let refusal = refusal::refusal(&reply).map(|refusal| refusal.masked(self.http.masks()));
        let host = request.uri().authority().map_or_else(|| self.authority.host().to_owned(), ToString::to_string);
        let correlation_id = Some(self.caller.request_id.to_string());
        Err(Error::Unavailable(Box::new(Unavailable { host, status, retry_after, refusal, correlation_id })))
    }

    /// The same reply without the secrets that were sent: what is quoted of it is cut, and half a secret would not be found.
    fn masked(&self, reply: &Reply) -> Reply {
        // Nothing is quoted of what is no text.
        let body =
            str::from_utf8(&reply.body).map_or_else(|_| reply.body.clone(), |text| self.http.masks().apply(text).into_bytes().into());
        Reply { status: reply.status, body, received_at: reply.received_at }
    }

    fn refused(&self, refusal: Refusal) -> Error {
        let mut refusal = refusal.masked(self.http.masks());
        refusal.correlation_id.get_or_insert_with(|| self.caller.request_id.to_string());
        Error::Refused(Box::new(Refused {
            refusal,
            authority: self.authority.address().as_str().trim_end_matches('/').to_owned(),
            client_id: self.client_id.to_owned(),
            tenant: self.authority.tenant().unwrap_or_else(|| self.authority.host()).to_owned(),
            scope: self.scopes.to_string(),
            is_refresh: self.is_refresh,
        }))
    }

    fn unreadable(&self, url: &Url, what: &str) -> Error {
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let what = self.http.masks().apply(what);
        Error::Unreadable(Box::new(Unreadable { host, what, correlation_id: Some(self.caller.request_id.to_string()) }))
    }

    /// The platform's logs know an exchange by the id that was sent, whatever came back.
    fn with_id(&self, mut error: Error) -> Error {
        let slot = match &mut error {
            Error::TimedOut { correlation_id, .. } => correlation_id,
            Error::Transport(transport) => &mut transport.correlation_id,
            Error::Unreadable(unreadable) => &mut unreadable.correlation_id,
            _ => return error,
        };
        *slot = Some(self.caller.request_id.to_string());
        error
    }
}
