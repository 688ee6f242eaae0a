//! The one file that names the HTTP library: a lazy client, limits, retries, a trace without secrets.
//!
//! What goes out is decided elsewhere; here it is sent, over TLS, with bounds on everything that comes back: no redirect is
//! followed, no compression is accepted, headers and bodies are limited, and one deadline holds for the whole command.

use std::cell::{Cell, OnceCell};
use std::error::Error as StdError;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::crypto;
use crate::error::{Error, Transport, TransportKind, Unreadable};
use crate::redact::{self, Masks};
use crate::request::{Method, Request};
use crate::secret::Secret;
use crate::trust::{Authorities, NoAuthorities, Verifier};

/// The largest sum of header names and values that is accepted, in bytes.
const HEADER_LIMIT: usize = 64 << 10;
/// The largest number of headers that is accepted.
const HEADERS_LIMIT: usize = 1_000;
/// How often a request is sent again after a failure that may pass.
const RETRIES: u32 = 2;
/// The wait before the first retry where the server names none; doubled each time, with up to as much again at random.
const BACKOFF: Duration = Duration::from_millis(400);

/// How servers are reached.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) authorities: Authorities,
    /// The proxy for https, with its scheme.
    pub(crate) proxy: Option<Secret>,
    /// Hosts that are reached without it, separated by commas.
    pub(crate) no_proxy: Option<String>,
    pub(crate) limit: Limit,
}

/// How long answers are waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// The time in whole, for messages.
    pub(crate) timeout: Duration,
    /// When it is up.
    pub(crate) deadline: Instant,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// How long the server asks to be left alone.
    pub(crate) retry_after: Option<Duration>,
    /// Wiped when dropped: it may hold a token.
    pub(crate) body: Zeroizing<Vec<u8>>,
    pub(crate) received_at: SystemTime,
}

impl Answer {
    /// Whether the server says "later": it throttles, or is out of order.
    pub(crate) fn is_busy(&self) -> bool {
        self.status == 429 || self.status >= 500
    }
}

/// The client, built when the first request is sent.
#[derive(Debug)]
pub(crate) struct Http {
    options: Options,
    masks: Masks,
    limit: Cell<Limit>,
    client: OnceCell<reqwest::Client>,
}

/// How often a request may reach its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// As often as it takes: the server gives each the same answer.
    Freely,
    /// Never, whatever comes of it: who asks knows when to ask again.
    Never,
    /// Where the server says that it has not looked at it, or has never seen it: what it carries may be used up.
    Unprocessed,
    /// Where it has never left this machine: what it carries is taken once.
    Unsent,
}

impl Repeat {
    /// Whether a request that was answered with this status may be sent again.
    fn allows(self, status: u16) -> bool {
        match self {
            Repeat::Freely => true,
            // Too many requests; the service is unavailable (RFC 6585 section 4, RFC 9110 section 15.6.4).
            Repeat::Unprocessed => matches!(status, 429 | 503),
            Repeat::Never | Repeat::Unsent => false,
        }
    }
}

/// What a single attempt came to.
enum Attempt {
    Answered(Answer),
    /// The connection did not come about or broke, which may pass.
    Lost(Box<Transport>),
}

impl Http {
    pub(crate) fn new(options: Options, masks: Masks) -> Http {
        Http { limit: Cell::new(options.limit), options, masks, client: OnceCell::new() }
    }

    /// Remembers a secret that came to be known after the beginning.
    pub(crate) fn hide(&self, secret: &Secret) {
        self.masks.add(secret);
    }

    /// Gives what is still to be sent so much time from now on; nothing changes where it is not said how much.
    pub(crate) fn extend(&self, time: Option<Duration>) {
        if let Some(timeout) = time {
            self.limit.set(Limit { timeout, deadline: Instant::now() + timeout });
        }
    }

    /// The secrets that no trace and no error may show.
    pub(crate) fn masks(&self) -> &Masks {
        &self.masks
    }

    /// Sends a request, and gives the answer whatever its status. Answers that mean "later" and lost connections are tried again,
    /// as far as the request may be repeated and the deadline allows.
    ///
    /// # Errors
    ///
    /// `TimedOut`, `Transport` and `Unreadable`.
    pub(crate) async fn send(&self, request: &Request, repeat: Repeat) -> Result<Answer, Error> {
        let host = request.host();
        let mut retries = 0;
        loop {
            let attempt = self.within_deadline(&host, self.attempt(request, &host)).await?;
            let asked = match &attempt {
                _ if repeat == Repeat::Never => None,
                Attempt::Answered(answer) if !answer.is_busy() || !repeat.allows(answer.status) => None,
                Attempt::Answered(answer) => Some(answer.retry_after),
                Attempt::Lost(transport) if repeat != Repeat::Freely && transport.kind == TransportKind::Lost => None,
                Attempt::Lost(_) => Some(None),
            };
            // A server that says "now" to everybody gets everybody at once.
            let wait = asked.map(|asked| asked.map_or_else(|| backoff(retries), |asked| asked.saturating_add(spread())));
            match (wait, attempt) {
                (Some(wait), _) if retries < RETRIES && self.has_time_for(wait) => {
                    log::info!("trying {host} again in {:.1} seconds", wait.as_secs_f64());
                    tokio::time::sleep(wait).await;
                    retries += 1;
                }
                (_, Attempt::Answered(answer)) => return Ok(answer),
                (_, Attempt::Lost(transport)) => return Err(Error::Transport(transport)),
            }
        }
    }

    fn has_time_for(&self, wait: Duration) -> bool {
        // A server may ask for a wait that is beyond all time.
        Instant::now().checked_add(wait).is_some_and(|end| end < self.limit.get().deadline)
    }

    async fn within_deadline<T>(&self, host: &str, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match tokio::time::timeout_at(self.limit.get().deadline, work).await {
            Ok(result) => result,
            Err(_) => Err(Error::TimedOut { after: self.limit.get().timeout, doing: format!("waiting for {host}"), correlation_id: None }),
        }
    }

    async fn attempt(&self, request: &Request, host: &str) -> Result<Attempt, Error> {
        let client = self.client(host)?;
        self.trace_request(request);
        let outgoing = outgoing(request)?;
        let response = match client.execute(outgoing).await {
            Ok(response) => response,
            Err(error) => return self.failed(&error, host),
        };
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        log::info!("{host} answered with status {status}");
        check_headers(status, &headers, host, &self.masks)?;
        let body = match read_body(response, request.answer_limit).await {
            Ok(Some(body)) => body,
            Ok(None) => return Err(unreadable(host, format!("it is larger than {} bytes", request.answer_limit))),
            Err(error) => return self.failed(&error, host),
        };
        // Masked before it is cut as well: half a secret would not be found.
        log::debug!("< {}", self.masks.apply(&redact::json(self.masks.apply(&String::from_utf8_lossy(&body)).as_bytes())));
        let received_at = SystemTime::now();
        Ok(Attempt::Answered(Answer { status, retry_after: retry_after(&headers, received_at), body, received_at }))
    }

    fn trace_request(&self, request: &Request) {
        if !log::log_enabled!(log::Level::Debug) {
            return;
        }
        log::debug!("> {} {}", request.method, redact::printable(request.url.as_str()));
        for (name, value) in &request.headers {
            log::debug!("> {name}: {}", self.masks.apply(value));
        }
        if request.is_form() {
            log::debug!("> {}", self.masks.apply(&redact::form(&request.body)));
        } else if !request.body.is_empty() {
            log::debug!("> ({} bytes)", request.body.len());
        }
    }

    /// Sorts a failure: what may pass is worth another attempt, what TLS refuses is not.
    fn failed(&self, error: &reqwest::Error, host: &str) -> Result<Attempt, Error> {
        let detail = redact::foreign(&self.masks.apply(&innermost(error)));
        log::info!("{host}: {detail}");
        let Some(kind) = kind(error) else { return Err(unreadable(host, format!("it is not HTTP ({detail})"))) };
        let transport = Box::new(Transport { host: host.to_owned(), kind, detail, correlation_id: None });
        if kind.may_pass() { Ok(Attempt::Lost(transport)) } else { Err(Error::Transport(transport)) }
    }

    fn client(&self, host: &str) -> Result<&reqwest::Client, Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = build(&self.options).map_err(|error| {
            let detail = redact::foreign(&self.masks.apply(&innermost(&error)));
            Error::Transport(Box::new(Transport { host: host.to_owned(), kind: TransportKind::Tls, detail, correlation_id: None }))
        })?;
        Ok(self.client.get_or_init(|| client))
    }
}

/// A request in the library's form.
fn outgoing(request: &Request) -> Result<reqwest::Request, Error> {
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
    };
    let mut outgoing = reqwest::Request::new(method, request.url.clone());
    for (name, value) in &request.headers {
        let value = HeaderValue::from_str(value).map_err(|error| Error::Internal(error.to_string()))?;
        outgoing.headers_mut().insert(HeaderName::from_static(name), value);
    }
    if !request.body.is_empty() {
        *outgoing.body_mut() = Some(request.body.to_vec().into());
    }
    Ok(outgoing)
}

fn build(options: &Options) -> Result<reqwest::Client, reqwest::Error> {
    let provider = crypto::tls_provider();
    let tls = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider supports the default versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier::new(options.authorities.clone(), provider)))
        .with_no_client_auth();
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .http1_max_headers(HEADERS_LIMIT)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // This name means this machine (RFC 6761 section 6.3), whatever a name service says: plain http is allowed there.
        .resolve_to_addrs("localhost", &[(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()])
        .no_proxy();
    if let Some(proxy) = &options.proxy {
        // This machine is never reached through a proxy: what is on it is not the proxy's to see.
        let no_proxy = format!("{},localhost,127.0.0.0/8,::1", options.no_proxy.as_deref().unwrap_or_default());
        builder = builder.proxy(reqwest::Proxy::https(proxy.expose())?.no_proxy(reqwest::NoProxy::from_string(&no_proxy)));
    }
    builder.build()
}

fn check_headers(status: u16, headers: &HeaderMap, host: &str, masks: &Masks) -> Result<(), Error> {
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if size > HEADER_LIMIT {
        return Err(unreadable(host, format!("its headers are larger than {HEADER_LIMIT} bytes")));
    }
    if (300..400).contains(&status) {
        let target = headers.get(LOCATION).and_then(|value| value.to_str().ok()).and_then(|text| url::Url::parse(text).ok());
        let target = target
            .as_ref()
            .and_then(url::Url::host_str)
            .map_or(String::new(), |target| format!(" to {}", redact::foreign(&masks.apply(target))));
        return Err(unreadable(host, format!("it is a redirect{target} (status {status}), and redirects are not followed")));
    }
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            let encoding = redact::foreign(&masks.apply(&String::from_utf8_lossy(encoding.as_bytes())));
            Err(unreadable(host, format!("it is compressed ({encoding}), which was not asked for")))
        }
        _ => Ok(()),
    }
}

/// The body, or `None` when it is larger than the limit.
async fn read_body(mut response: reqwest::Response, most: usize) -> Result<Option<Zeroizing<Vec<u8>>>, reqwest::Error> {
    let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
    if announced.is_some_and(|length| length > most) {
        return Ok(None);
    }
    // Growing leaves copies behind, and few answers are larger.
    let mut body = Zeroizing::new(Vec::with_capacity(announced.unwrap_or(16 << 10)));
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > most {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// `Retry-After` as seconds or as a date (RFC 9110 section 10.2.3), in whole seconds. A number or a date beyond what can be
/// counted is a wait beyond all time.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S GMT", text).ok()?.to_datetime().ok()?;
    let Ok(date) = date.to_zoned(jiff::tz::TimeZone::UTC) else { return Some(Duration::MAX) };
    let wait = SystemTime::from(date.timestamp()).duration_since(now).unwrap_or_default();
    Some(Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)))
}

/// A short time at random.
fn spread() -> Duration {
    Duration::from_millis(200).mul_f64(crypto::jitter())
}

fn backoff(retries: u32) -> Duration {
    BACKOFF.mul_f64(f64::from(2_u32.pow(retries)) * (1.0 + crypto::jitter()))
}

fn unreadable(host: &str, what: impl Into<String>) -> Error {
    Error::Unreadable(Box::new(Unreadable { host: host.to_owned(), what: what.into(), correlation_id: None }))
}

/// An error and what caused it, outermost first.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// What the innermost cause says: the outer ones repeat it and name the address.
fn innermost(error: &reqwest::Error) -> String {
    let said = chain(error).last().map(ToString::to_string).unwrap_or_default();
    // Some end with an address of documentation for programmers.
    said.split(": https://docs.rs/").next().unwrap_or_default().to_owned()
}

/// What kind of failure an error is; `None` where something answered, and not in HTTP. Below TLS the libraries tell kinds
/// apart in words only.
fn kind(error: &reqwest::Error) -> Option<TransportKind> {
    if let Some(tls) = chain(error).find_map(tls_error) {
        return Some(tls_kind(tls));
    }
    let said = chain(error).map(|cause| cause.to_string().to_ascii_lowercase()).collect::<Vec<_>>().join(": ");
    let says = |words: &str| said.contains(words);
    match () {
        () if says("proxy authorization required") => Some(TransportKind::ProxyCredentials),
        () if says("tunnel error") => Some(TransportKind::Proxy),
        () if says("dns error") => Some(TransportKind::NotFound),
        () if error.is_connect() => Some(TransportKind::Connect),
        () if says(": invalid ") || says(" parsed") || says("head is too large") || says("chunk") => None,
        () => Some(TransportKind::Lost),
    }
}

/// The TLS library's error in an error: itself, or wrapped in IO errors, which do not show it as their source.
fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    error.downcast_ref().or_else(|| tls_error(error.downcast_ref::<std::io::Error>()?.get_ref()?))
}

fn tls_kind(error: &rustls::Error) -> TransportKind {
    use rustls::CertificateError as Certificate;
    match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            Certificate::Expired | Certificate::ExpiredContext { .. } => TransportKind::CertificateExpired,
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => TransportKind::CertificateNotYetValid,
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => TransportKind::CertificateName,
            Certificate::UnknownIssuer | Certificate::BadSignature => TransportKind::CertificateUnknown,
            // A self-signed certificate as openssl makes it by default; the library has no variant for it.
            other if format!("{other:?}").contains("CaUsedAsEndEntity") => TransportKind::CertificateUnknown,
            _ => TransportKind::Tls,
        },
        rustls::Error::Other(other) if other.0.downcast_ref::<NoAuthorities>().is_some() => TransportKind::NoAuthorities,
        _ => TransportKind::Tls,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use rustls::{CertificateError, Error as TlsError, OtherError};

    use super::*;

    #[test]
    fn faults_of_tls_are_told_apart_however_deep_they_are_wrapped() {
        for (fault, expected) in [
            (CertificateError::Expired, TransportKind::CertificateExpired),
            (CertificateError::NotValidYet, TransportKind::CertificateNotYetValid),
            (CertificateError::NotValidForName, TransportKind::CertificateName),
            (CertificateError::UnknownIssuer, TransportKind::CertificateUnknown),
            (CertificateError::BadSignature, TransportKind::CertificateUnknown),
            (CertificateError::Revoked, TransportKind::Tls),
        ] {
            let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, TlsError::InvalidCertificate(fault)));
            assert_eq!(tls_error(&wrapped).map(tls_kind), Some(expected));
        }
        let none = TlsError::Other(OtherError(Arc::new(NoAuthorities)));
        assert_eq!(tls_kind(&none), TransportKind::NoAuthorities);
        assert!(tls_error(&io::Error::other("else")).is_none());
    }

    #[test]
    fn waits_are_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers, now).map(|wait| wait.as_secs())
        };
        assert_eq!(wait("120"), Some(120));
        assert_eq!(wait(" 0 "), Some(0));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(wait("Sun, 06 Nov 1994 08:40:37 GMT"), Some(0));
        assert_eq!(wait("99999999999999999999"), Some(u64::MAX));
        assert_eq!(wait("Fri, 31 Dec 9999 23:59:59 GMT"), Some(u64::MAX));
        assert_eq!((wait("-1"), wait("soon"), wait("1.5")), (None, None, None));
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn waits_between_attempts_grow_and_differ() {
        for retries in 0..RETRIES {
            let base = BACKOFF * 2_u32.pow(retries);
            let waits: Vec<Duration> = (0..20).map(|_| backoff(retries)).collect();
            assert!(waits.iter().all(|wait| (base..=base * 2).contains(wait)));
            assert!(waits.iter().any(|wait| *wait != waits[0]));
        }
    }
}
