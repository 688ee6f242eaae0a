//! What every flow does with the platform: find the endpoint, send a request, read what comes back as an answer or an error.

use std::time::{Duration, SystemTime};

use url::Url;

use crate::crypto;
use crate::entra::authority::{Authority, Endpoint};
use crate::entra::authorize::ResponseMode;
use crate::entra::discovery::{self, Discovered};
use crate::entra::grant::{self, Caller};
use crate::entra::id_token::{self, Expected};
use crate::entra::refusal::{self, Refusal};
use crate::entra::reply::Reply;
use crate::entra::scope::Scopes;
use crate::entra::token::{self, ReplyError, TokenSet};
use crate::env;
use crate::error::{Error, Exchanged, Refused, Unavailable, Unreadable};
use crate::http::{Answer, Http, Repeat};
use crate::redact;
use crate::request::Request;

/// One acquisition: the network, who asks for what, and the id that the platform's logs know it by.
pub(super) struct Exchange<'a> {
    pub(super) http: &'a Http,
    pub(super) authority: &'a Authority,
    pub(super) client_id: &'a str,
    pub(super) scopes: &'a Scopes,
    pub(super) caller: Caller,
    /// What the person's sign-in left behind is what is exchanged.
    pub(super) exchanged: Exchanged,
}

impl<'a> Exchange<'a> {
    /// # Errors
    ///
    /// `System`, when it has no randomness.
    pub(super) fn new(http: &'a Http, authority: &'a Authority, client_id: &'a str, scopes: &'a Scopes) -> Result<Exchange<'a>, Error> {
        let request_id = crypto::random_id().map_err(|error| Error::System(error.to_string()))?;
        log::info!("client-request-id {request_id}");
        let caller = Caller { request_id, os: env::OS };
        Ok(Exchange { http, authority, client_id, scopes, caller, exchanged: Exchanged::App })
    }

    /// The token endpoint: built where the kind of authority allows it, else asked for.
    pub(super) async fn token_endpoint(&self) -> Result<Url, Error> {
        self.endpoints().await?.get(Endpoint::Token)
    }

    /// Where the authority has its endpoints: known from its address, or asked for.
    pub(super) async fn endpoints(&self) -> Result<Endpoints<'_>, Error> {
        if self.authority.endpoint(Endpoint::Token).is_some() {
            return Ok(Endpoints { exchange: self, discovered: None });
        }
        let document = self.authority.openid_document();
        log::info!("asking {document} where the endpoints are");
        let reply = self.send(&grant::document_request(&document, self.caller), Repeat::Freely).await?;
        if let Some(refusal) = refusal::refusal(&reply) {
            return Err(self.refused(refusal));
        }
        let discovered = match reply.status {
            200 => discovery::discovered(&self.masked(&reply), self.authority),
            status => Err(format!("it has no OpenID document at {} (status {status})", document.path())),
        };
        let discovered = discovered.map_err(|what| self.unreadable(&document, &what))?;
        Ok(Endpoints { exchange: self, discovered: Some(discovered) })
    }

    /// Sends a token request and reads the tokens from the reply.
    pub(super) async fn tokens(&self, endpoint: &Url, request: &Request, repeat: Repeat) -> Result<TokenSet, Error> {
        log::info!("asking {} for a token", redact::foreign(endpoint.as_str()));
        let reply = self.send(request, repeat).await?;
        token::tokens(&reply).map_err(|error| self.failed(error, &reply, endpoint))
    }

    /// What an answer that gives no tokens comes to.
    pub(super) fn failed(&self, error: ReplyError, reply: &Reply, endpoint: &Url) -> Error {
        match error {
            ReplyError::Refused(refusal) => self.refused(refusal::refusal(&self.masked(reply)).unwrap_or(*refusal)),
            ReplyError::Unreadable(what) => {
                let masked = token::tokens(&self.masked(reply)).err();
                let what = masked.map_or(what, |error| match error {
                    ReplyError::Unreadable(what) => what,
                    ReplyError::Refused(refusal) => refusal.words().to_owned(),
                });
                self.unreadable(endpoint, &what)
            }
        }
    }

    /// Checks the word on who signed in, where there is one. `issuer` is the OpenID document's, where that was read.
    pub(super) fn check_id_token(&self, tokens: &TokenSet, nonce: Option<&str>, endpoints: &Endpoints<'_>) -> Result<(), Error> {
        let Some(token) = &tokens.id_token else { return Ok(()) };
        let issuer = endpoints.discovered.as_ref().map(Discovered::issuer);
        let (client_id, authority) = (self.client_id, self.authority);
        let now = (self.exchanged != Exchanged::RefreshToken).then(SystemTime::now);
        let certain = tokens.person.as_ref().filter(|person| person.is_certain);
        let home_account_id = certain.map(|person| person.home_account_id.as_str());
        let expected = Expected { client_id, authority, issuer, home_account_id, nonce, now };
        id_token::check(token, &expected).map_err(|what| self.unreadable(&self.authority.address(), &what))
    }

    /// Sends a request, and gives the answer unless it is that the service is busy.
    pub(super) async fn send(&self, request: &Request, repeat: Repeat) -> Result<Reply, Error> {
        match self.answer(request, repeat).await? {
            (reply, None) => Ok(reply),
            (reply, Some(busy)) => Err(self.unavailable(request, &reply, &busy)),
        }
    }

    /// Sends a request, and gives the answer whatever its status, and whether it is that the service is busy.
    pub(super) async fn answer(&self, request: &Request, repeat: Repeat) -> Result<(Reply, Option<Busy>), Error> {
        let answer = self.http.send(request, repeat).await.map_err(|error| self.with_id(error))?;
        let busy = answer.is_busy().then_some(Busy { retry_after: answer.retry_after });
        let Answer { status, body, received_at, .. } = answer;
        Ok((Reply { status, body, received_at }, busy))
    }

    /// The error for a busy service, which has perhaps said why.
    pub(super) fn unavailable(&self, request: &Request, reply: &Reply, busy: &Busy) -> Error {
        let retry_after = busy.retry_after;
        let refusal = refusal::refusal(reply).map(|refusal| refusal.masked(self.http.masks()));
        let correlation_id = Some(self.caller.request_id.to_string());
        Error::Unavailable(Box::new(Unavailable { host: request.host(), status: reply.status, retry_after, refusal, correlation_id }))
    }

    /// The same reply without the secrets that were sent: what is quoted of it is cut, and half a secret would not be found.
    pub(super) fn masked(&self, reply: &Reply) -> Reply {
        // Nothing is quoted of what is no text.
        let body =
            str::from_utf8(&reply.body).map_or_else(|_| reply.body.clone(), |text| self.http.masks().apply(text).into_bytes().into());
        Reply { status: reply.status, body, received_at: reply.received_at }
    }

    pub(super) fn refused(&self, refusal: Refusal) -> Error {
        let mut refusal = refusal.masked(self.http.masks());
        refusal.correlation_id.get_or_insert_with(|| self.caller.request_id.to_string());
        Error::Refused(Box::new(Refused {
            refusal,
            authority: self.authority.address().as_str().trim_end_matches('/').to_owned(),
            client_id: self.client_id.to_owned(),
            tenant: self.authority.tenant().unwrap_or_else(|| self.authority.host()).to_owned(),
            scope: self.scopes.to_string(),
            exchanged: self.exchanged,
        }))
    }

    pub(super) fn unreadable(&self, url: &Url, what: &str) -> Error {
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

/// A service throttles, or is out of order.
pub(super) struct Busy {
    /// How long it wants to be left alone.
    retry_after: Option<Duration>,
}

/// The endpoints of an authority.
pub(super) struct Endpoints<'a> {
    exchange: &'a Exchange<'a>,
    discovered: Option<Discovered>,
}

impl Endpoints<'_> {
    pub(super) fn get(&self, endpoint: Endpoint) -> Result<Url, Error> {
        let (exchange, authority) = (self.exchange, self.exchange.authority);
        match &self.discovered {
            Some(discovered) => discovered
                .endpoint(authority, endpoint)
                .map_err(|what| exchange.unreadable(&authority.openid_document(), &exchange.http.masks().apply(&what))),
            None => authority.endpoint(endpoint).ok_or_else(|| Error::Internal(format!("no {}", endpoint.name()))),
        }
    }

    /// How an answer through the browser is asked for, and whether it may come in no other way. AD FS of before 2019 knows of no
    /// ways, and answers in the address.
    pub(super) fn response_mode(&self) -> ResponseMode {
        self.discovered.as_ref().map_or(ResponseMode::FormPost, Discovered::response_mode)
    }
}
