//! The app's own identity: the client credentials grant (RFC 6749 section 4.4).

use url::Url;
use uuid::Uuid;

use crate::crypto;
use crate::entra::authority::{Authority, Kind};
use crate::entra::client_auth::{self, ClientAuth, Flaw};
use crate::entra::discovery;
use crate::entra::grant::{self, Grant, Request, TokenRequest};
use crate::entra::refusal;
use crate::entra::reply::Reply;
use crate::entra::scope::Scopes;
use crate::entra::token::{self, ReplyError, TokenSet};
use crate::error::{Error, Refused, Unavailable, Unreadable, UsageError};
use crate::http::{Answer, Http};

/// An app, and what it asks for.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) authority: Authority,
    pub(crate) client_id: String,
    pub(crate) auth: ClientAuth,
    pub(crate) scopes: Scopes,
    pub(crate) claims: Option<String>,
}

/// What can be told to be wrong before anything is sent. `place` is where the secret was given.
///
/// # Errors
///
/// `Usage`.
pub(crate) fn check(app: &App, place: &str) -> Result<(), UsageError> {
    let ClientAuth::Secret(secret) = &app.auth;
    match client_auth::flaw(secret) {
        Some(Flaw::Empty) => Err(UsageError::new(format!("the client secret of {place} is empty"))),
        Some(Flaw::ControlCharacter) => {
            Err(UsageError::new(format!("the client secret of {place} has a line break or another control character in it"))
                .fix("give the secret's value alone, on one line"))
        }
        // Other providers may well have GUIDs for secrets.
        Some(Flaw::LooksLikeAnId) if !matches!(app.authority.kind(), Kind::AdFs | Kind::Oidc | Kind::Other) => {
            Err(UsageError::new(format!("the client secret of {place} looks like a secret's id: it is a GUID"))
                .why("the portal shows each secret's value once, and its id for ever")
                .fix("use the value; if nobody has it, make a new secret under \"Certificates & secrets\" of the app registration"))
        }
        _ => Ok(()),
    }
}

/// Asks for a token: where the endpoint is not plain from the authority, its document is asked first.
///
/// # Errors
///
/// `Refused`, and what `Http::send` gives.
pub(crate) async fn acquire(app: &App, http: &Http) -> Result<TokenSet, Error> {
    let request_id = crypto::random_id().map_err(|error| Error::Internal(error.to_string()))?;
    log::info!("client-request-id {request_id}");
    let endpoint = match app.authority.token_endpoint() {
        Some(endpoint) => endpoint,
        None => discover(app, http, request_id).await?,
    };
    log::info!("asking {endpoint} for a token");
    let request = TokenRequest {
        endpoint: &endpoint,
        client_id: &app.client_id,
        auth: &app.auth,
        grant: Grant::ClientCredentials,
        scopes: &app.scopes,
        claims: app.claims.as_deref(),
        request_id,
    };
    let reply = exchange(app, http, &request.to_http(), request_id).await?;
    token::tokens(&reply).map_err(|error| match error {
        ReplyError::Refused(refusal) => refused(app, http, *refusal, request_id),
        ReplyError::Unreadable(what) => unreadable(http, &endpoint, &what, request_id),
    })
}

async fn discover(app: &App, http: &Http, request_id: Uuid) -> Result<Url, Error> {
    let document = app.authority.openid_document();
    log::info!("asking {document} where the token endpoint is");
    let reply = exchange(app, http, &grant::document_request(&document, request_id), request_id).await?;
    if let Some(refusal) = refusal::refusal(&reply) {
        return Err(refused(app, http, refusal, request_id));
    }
    let endpoint = if reply.status == 200 {
        discovery::token_endpoint(&reply, &app.authority)
    } else {
        Err(format!("it has no OpenID document at {} (status {})", document.path(), reply.status))
    };
    endpoint.map_err(|what| unreadable(http, &document, &what, request_id))
}

async fn exchange(app: &App, http: &Http, request: &Request, request_id: Uuid) -> Result<Reply, Error> {
    let answer = http.send(request).await.map_err(|error| with_id(error, request_id))?;
    let busy = answer.is_busy();
    let Answer { status, retry_after, body, received_at } = answer;
    let reply = Reply { status, body, received_at };
    if !busy {
        return Ok(reply);
    }
    let refusal = refusal::refusal(&reply).map(|refusal| refusal.masked(http.masks()));
    let host = request.uri().authority().map(ToString::to_string).unwrap_or_else(|| app.authority.host().to_owned());
    Err(Error::Unavailable(Box::new(Unavailable { host, status, retry_after, refusal, correlation_id: Some(request_id.to_string()) })))
}

fn refused(app: &App, http: &Http, refusal: refusal::Refusal, request_id: Uuid) -> Error {
    let mut refusal = refusal.masked(http.masks());
    refusal.correlation_id.get_or_insert_with(|| request_id.to_string());
    let tenant = app.authority.tenant().unwrap_or_else(|| app.authority.host()).to_owned();
    let authority = app.authority.address().as_str().trim_end_matches('/').to_owned();
    Error::Refused(Box::new(Refused { refusal, authority, client_id: app.client_id.clone(), tenant, scope: app.scopes.to_string() }))
}

fn unreadable(http: &Http, url: &Url, what: &str, request_id: Uuid) -> Error {
    let host = url
        .port()
        .map_or_else(|| url.host_str().unwrap_or_default().to_owned(), |port| format!("{}:{port}", url.host_str().unwrap_or_default()));
    Error::Unreadable(Box::new(Unreadable { host, what: http.masks().apply(what), correlation_id: Some(request_id.to_string()) }))
}

/// The platform's logs know an exchange by the id that was sent, whatever came back.
fn with_id(mut error: Error, request_id: Uuid) -> Error {
    let slot = match &mut error {
        Error::Transport(transport) => &mut transport.correlation_id,
        Error::Unreadable(unreadable) => &mut unreadable.correlation_id,
        _ => return error,
    };
    *slot = Some(request_id.to_string());
    error
}
