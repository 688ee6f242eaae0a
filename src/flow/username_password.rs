//! A person's name and password, exchanged for tokens: by Entra itself (RFC 6749 section 4.3), or by the federation that checks the
//! password in its place, whose word Entra takes (WS-Trust 1.3 and 2005; RFC 7522).
//!
//! The password goes to whoever checks it and to nobody else: to a federation over WS-Trust alone, and with it no word to Entra. A
//! client with a credential of its own has Entra check it in any case, as MSAL.NET does.

use std::time::SystemTime;

use url::Url;

use super::client::Client;
use super::exchange::Exchange;
use crate::crypto;
use crate::entra::authority::{Authority, Endpoint, Kind, is_shared_tenant};
use crate::entra::client_auth::ClientAuth;
use crate::entra::grant::{Grant, TokenRequest};
use crate::entra::mex;
use crate::entra::person::Person;
use crate::entra::realm::{self, Federation, Realm};
use crate::entra::refusal::{self, Refusal};
use crate::entra::reply::Reply;
use crate::entra::token::TokenSet;
use crate::entra::wstrust::{self, Assertion, Fault, Issue, IssueError};
use crate::error::{Error, Exchanged, Refused, UsageError};
use crate::http::{Http, Repeat};
use crate::redact::{self, foreign};
use crate::secret::Secret;

/// Refuses the tenants that take no passwords, before anybody is asked for one.
///
/// # Errors
///
/// A `UsageError` that names the reason.
pub(crate) fn check_authority(authority: &Authority) -> Result<(), UsageError> {
    let is_taking = |tenant: &str| tenant.eq_ignore_ascii_case("organizations") || !is_shared_tenant(tenant);
    match (authority.kind(), authority.tenant()) {
        (Kind::Aad | Kind::Ciam | Kind::Other, Some(tenant)) if !is_taking(tenant) => {
            Err(UsageError::new(format!("the tenant {} takes no user names and passwords", foreign(tenant)))
                .why("it admits personal accounts, whose passwords are taken on Microsoft's own pages only (AADSTS90010)")
                .fix("name the account's own tenant with --tenant-id, by its id or a domain, or organizations for any; a personal account signs in with entra-token auth-code or entra-token device-code"))
        }
        _ => Ok(()),
    }
}

/// Gets the tokens of the person with that name and password.
///
/// # Errors
///
/// `Refused` by Entra or by the federation; `Usage` for a password that cannot be sent there; `Unreadable`, and what the network
/// gives.
pub(crate) async fn acquire(client: &Client, username: &str, password: &Secret, http: &Http) -> Result<TokenSet, Error> {
    let exchange =
        Exchange { exchanged: Exchanged::Password, ..Exchange::new(http, &client.authority, &client.client_id, &client.scopes)? };
    let endpoints = exchange.endpoints().await?;
    let endpoint = endpoints.get(Endpoint::Token)?;
    let attempt = Attempt { exchange: &exchange, username, password };
    let assertion = attempt.assertion(client).await?;
    let encoded = assertion.as_ref().map(Assertion::base64url);
    let grant = match (&assertion, &encoded) {
        (Some(assertion), Some(encoded)) => Grant::Saml { kind: assertion.kind, assertion: encoded },
        _ => Grant::Password { username, password },
    };
    if let Some(encoded) = &encoded {
        http.hide(encoded);
    }
    let request = TokenRequest {
        endpoint: &endpoint,
        client_id: &client.client_id,
        auth: &client.auth,
        grant,
        scopes: &client.scopes.with_reserved(),
        claims: client.claims.as_deref(),
        caller: exchange.caller,
    };
    // A wrong password that is repeated locks an account; the federation's word can be said again.
    let repeat = if assertion.is_some() { Repeat::Freely } else { Repeat::Unprocessed };
    let tokens = exchange.tokens(&endpoint, &request.to_http(), repeat).await.map_err(|error| answered(error, &exchange))?;
    exchange.check_id_token(&tokens, None, &endpoints)?;
    Ok(named(tokens, username))
}

/// What has a code has looked at the password, and gives an answer to it, whatever the status.
fn answered(error: Error, exchange: &Exchange<'_>) -> Error {
    match error {
        Error::Unavailable(busy) if busy.status == 500 && busy.refusal.as_ref().is_some_and(|refusal| !refusal.codes.is_empty()) => {
            busy.refusal.map_or_else(|| Error::Internal("no refusal".to_owned()), |refusal| exchange.refused(refusal))
        }
        error => error,
    }
}

/// Remembers the name that the person signed in with: it is theirs where the platform gives none, and may be another one of theirs.
fn named(tokens: TokenSet, username: &str) -> TokenSet {
    let named = |person: Person| {
        let is_another = person.username.as_ref().is_some_and(|name| !name.eq_ignore_ascii_case(username));
        let signed_in_as = is_another.then(|| username.to_owned());
        Person { username: person.username.or_else(|| Some(username.to_owned())), signed_in_as, ..person }
    };
    TokenSet { person: tokens.person.map(named), ..tokens }
}

/// A sign-in on its way.
struct Attempt<'a> {
    exchange: &'a Exchange<'a>,
    username: &'a str,
    password: &'a Secret,
}

impl Attempt<'_> {
    /// What the person's federation says of them; `None` where Entra checks the password itself.
    async fn assertion(&self, client: &Client) -> Result<Option<Assertion>, Error> {
        // No realm is asked for by a client with a credential of its own (MSAL.NET).
        if !realm::has_realms(&client.authority) || !matches!(client.auth, ClientAuth::Public) {
            return Ok(None);
        }
        match self.realm().await? {
            Realm::Managed => Ok(None),
            Realm::Federated(federation) => self.of_federation(&federation).await.map(Some),
            Realm::Personal => Err(self.refused("ropc_not_supported_for_msa", "")),
            Realm::Unknown => Err(self.refused("unknown_user_type", "")),
        }
    }

    /// Asks who checks the password.
    async fn realm(&self) -> Result<Realm, Error> {
        let (exchange, authority) = (self.exchange, self.exchange.authority);
        let request = realm::realm_request(authority, self.username, exchange.caller)
            .map_err(|what| UsageError::new(format!("the user name {what}")).fix("give the name that the person signs in with"))?;
        log::info!("asking {} who checks the password", request.host());
        let reply = exchange.send(&request, Repeat::Freely).await?;
        match reply.status {
            200 => realm::realm(&reply, authority).map_err(|what| exchange.unreadable(&request.url, &what)),
            404 if realm::may_lack_realms(authority, self.username) => Ok(Realm::Managed),
            status if refusal::refusal(&reply).is_none() && !matches!(status, 400 | 404) => {
                let what = format!("it says nothing of the account (status {status}): {}", redact::beginning(&reply.body));
                Err(exchange.unreadable(&request.url, &what))
            }
            status => {
                let asked = format!("Entra answered with status {status} when asked whose account that is");
                let text = format!("{asked}, as for a name that is not of the form someone@contoso.com");
                Err(self.refused("user_realm_discovery_failed", &text))
            }
        }
    }

    /// Has the federation check the password.
    async fn of_federation(&self, federation: &Federation) -> Result<Assertion, Error> {
        if let Some(other) = federation.protocol.as_ref().filter(|protocol| !protocol.eq_ignore_ascii_case("WSTrust")) {
            let text = format!("the account's federation speaks {}, by which programs hand over no passwords", foreign(other));
            return Err(self.refused("wstrust_endpoint_not_found", &text));
        }
        if !wstrust::is_sendable(self.username) || !wstrust::is_sendable(self.password.expose()) {
            return Err(UsageError::new("the name or the password has a control character in it")
                .why("the account's federation takes both in XML, which has no place for such characters")
                .fix("sign in with entra-token auth-code")
                .into());
        }
        let endpoint = self.endpoint(federation).await?;
        self.issued(&endpoint, &federation.audience).await
    }

    /// Where the federation takes names and passwords.
    async fn endpoint(&self, federation: &Federation) -> Result<wstrust::Endpoint, Error> {
        match (&federation.metadata, &federation.active) {
            (Some(metadata), _) => self.of_metadata(metadata).await,
            (None, Some(active)) => wstrust::Endpoint::of_active_url(active).ok_or_else(|| {
                let address = "the account's federation names an address that does not say which protocol is spoken there";
                self.refused("wstrust_endpoint_not_found", &format!("{address}, and no metadata that would"))
            }),
            (None, None) => Err(self.refused("missing_federation_metadata_url", "")),
        }
    }

    async fn of_metadata(&self, metadata: &Url) -> Result<wstrust::Endpoint, Error> {
        let exchange = self.exchange;
        let request = wstrust::mex_request(metadata, exchange.caller);
        log::info!("asking {} where it takes passwords", request.host());
        let reply = exchange.send(&request, Repeat::Freely).await?;
        if reply.status != 200 {
            let what = format!("it has no metadata document at {} (status {})", foreign(metadata.path()), reply.status);
            return Err(exchange.unreadable(metadata, &what));
        }
        let endpoint = mex::endpoint(&reply, metadata).map_err(|what| exchange.unreadable(metadata, &what))?;
        endpoint.ok_or_else(|| self.refused("wstrust_endpoint_not_found", ""))
    }

    /// Sends name and password, once: a wrong password that is repeated locks an account.
    async fn issued(&self, endpoint: &wstrust::Endpoint, audience: &str) -> Result<Assertion, Error> {
        let exchange = self.exchange;
        let message_id = crypto::random_id().map_err(|error| Error::System(error.to_string()))?;
        let created = SystemTime::now();
        let (username, password, caller) = (self.username, self.password, exchange.caller);
        let request = Issue { endpoint, username, password, audience, message_id, created, caller }.to_http();
        log::info!("asking {} to check the password ({})", request.host(), endpoint.version.name());
        // A federation answers a wrong password with status 500.
        let (reply, busy) = exchange.answer(&request, Repeat::Unsent).await?;
        let assertion = match (self.read(&reply), busy) {
            (Ok(assertion), _) => assertion,
            (Err(IssueError::Fault(fault)), _) => return Err(self.fault(&fault, reply.status, &endpoint.address)),
            (Err(IssueError::Unreadable(_)), Some(busy)) => return Err(exchange.unavailable(&request, &reply, &busy)),
            (Err(IssueError::Unreadable(what)), None) => return Err(exchange.unreadable(&endpoint.address, &what)),
        };
        exchange.http.hide(&assertion.xml);
        Ok(assertion)
    }

    /// The assertion, or why there is none: in the words of an answer without the password that it may have sent back, because what
    /// is quoted is cut, and half a password would not be found.
    fn read(&self, reply: &Reply) -> Result<Assertion, IssueError> {
        wstrust::assertion(reply).map_err(|error| match wstrust::assertion(&self.exchange.masked(reply)) {
            Err(masked) => masked,
            Ok(_) => error,
        })
    }

    /// The federation's refusal, in the platform's shape.
    fn fault(&self, fault: &Fault, status: u16, address: &Url) -> Error {
        let said = [Some(fault.reason.as_str()), fault.kind()];
        let said = said.into_iter().flatten().find(|text| !text.is_empty()).unwrap_or("the federation does not say why");
        // AD FS says so in the language of the server, and with a number not in all versions.
        let is_expired = fault.kind().is_some_and(|kind| kind.ends_with("ExpiredPassword")) && !said.contains("MSIS");
        let description = if is_expired { format!("MSIS3125: {said}") } else { said.to_owned() };
        // Who checks clocks says so of a message that comes too early or too late for it (WS-Security section 12).
        let description = match fault.kind() {
            Some("InvalidSecurity") => format!("{description} (as a rule a clock is wrong, this machine's or the server's)"),
            _ => description,
        };
        let (codes, error) = (refusal::codes_in(&description), "parsing_wstrust_response_failed".to_owned());
        let refusal = Refusal { status, error, codes, description, ..Refusal::default() };
        match self.exchange.refused(refusal) {
            Error::Refused(refused) => {
                let authority = address.origin().ascii_serialization();
                Error::Refused(Box::new(Refused { authority, ..*refused }))
            }
            error => error,
        }
    }

    /// What is known without asking for a token, under the name that MSAL has for it; in more words than the table has, where there
    /// are any.
    fn refused(&self, error: &str, description: &str) -> Error {
        let refusal = Refusal { error: error.to_owned(), description: description.to_owned(), ..Refusal::default() };
        self.exchange.refused(refusal)
    }
}
