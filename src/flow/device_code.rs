//! A person signs in on another device: the device authorization grant (RFC 8628).

use std::time::Duration;

use tokio::time::Instant;

use super::client::Client;
use super::exchange::Exchange;
use super::patience::Patience;
use crate::entra::authority::{Endpoint, Kind};
use crate::entra::device::{self, DeviceCode, Poll};
use crate::entra::grant::{self, Grant, TokenRequest};
use crate::entra::token::{ReplyError, TokenSet};
use crate::error::{Cancelled, Error, Exchanged, UsageError, seconds};
use crate::http::{Http, Repeat};
use crate::redact::foreign;
use crate::request::Request;
use crate::terminal::Terminal;

/// The longest wait between two polls that a busy platform is granted: there is a person who may be done.
const BUSY: Duration = Duration::from_mins(1);
/// How long a single poll may take: one that hangs is as good as lost.
const POLL: Duration = Duration::from_secs(30);

/// Has a person sign in elsewhere, and gets their tokens.
///
/// # Errors
///
/// `Cancelled` by the person; `Refused`, `Unreadable`, `Usage` for an authority without this flow, and what the network gives.
pub(crate) async fn acquire(client: &Client, patience: Patience, http: &Http, terminal: &Terminal) -> Result<TokenSet, Error> {
    if client.authority.kind() == Kind::B2c {
        return Err(UsageError::new("Azure AD B2C has no device codes").fix("sign in with entra-token auth-code").into());
    }
    let exchange = Exchange { exchanged: Exchanged::Device, ..Exchange::new(http, &client.authority, &client.client_id, &client.scopes)? };
    let endpoints = exchange.endpoints().await?;
    let code = begin(client, &exchange, &endpoints.get(Endpoint::DeviceAuthorization)?).await?;
    http.hide(&code.device_code);
    let wait = Wait::of(&code, patience);
    show(client, &code, wait, terminal);
    http.extend(Some(wait.end.saturating_duration_since(Instant::now()) + POLL));
    let endpoint = endpoints.get(Endpoint::Token)?;
    let request = TokenRequest {
        endpoint: &endpoint,
        client_id: &client.client_id,
        auth: &client.auth,
        grant: Grant::DeviceCode(&code.device_code),
        scopes: &client.scopes.with_reserved(),
        claims: client.claims.as_deref(),
        caller: exchange.caller,
    };
    let tokens = poll(&exchange, &request.to_http(), &endpoint, code.interval, wait, terminal).await;
    terminal.end_countdown();
    let tokens = tokens?;
    exchange.check_id_token(&tokens, None, &endpoints)?;
    Ok(tokens)
}

async fn begin(client: &Client, exchange: &Exchange<'_>, endpoint: &url::Url) -> Result<DeviceCode, Error> {
    log::info!("asking {} for a code", foreign(endpoint.as_str()));
    let scopes = client.scopes.with_reserved();
    let request = grant::device_request(endpoint, &client.client_id, &scopes, client.claims.as_deref(), exchange.caller);
    let reply = exchange.send(&request, Repeat::Freely).await?;
    device::device_code(&reply).map_err(|error| match error {
        ReplyError::Refused(refusal) => exchange.refused(*refusal),
        ReplyError::Unreadable(what) => exchange.unreadable(endpoint, &what),
    })
}

/// How long there is to wait for the person.
#[derive(Clone, Copy, Debug)]
struct Wait {
    end: Instant,
    /// Why it ends then.
    cause: Ending,
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Code,
    Patience(Duration),
}

impl Wait {
    fn of(code: &DeviceCode, patience: Patience) -> Wait {
        let of_code = Instant::now() + code.expires_in;
        match of_code <= patience.deadline() {
            true => Wait { end: of_code, cause: Ending::Code },
            false => Wait { end: patience.deadline(), cause: Ending::Patience(patience.time()) },
        }
    }

    fn left(self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    fn over(self) -> Error {
        Error::Cancelled(match self.cause {
            Ending::Code => Cancelled::CodeExpired,
            Ending::Patience(after) => Cancelled::NoSignIn { after },
        })
    }
}

/// Says what the person is to do. Who asks is said too, so that a code which somebody else sent is seen for what it is.
fn show(client: &Client, code: &DeviceCode, wait: Wait, terminal: &Terminal) {
    let tenant = client.authority.tenant().unwrap_or_else(|| client.authority.host());
    terminal.say("To sign in, open this page in a browser, on any device:");
    terminal.say(code.verification_uri.as_str());
    terminal.say("and enter this code there:");
    terminal.say(&foreign(&code.user_code));
    terminal.say(&format!(
        "It signs you in to app {} in tenant {} at {}. Go on only if it was you who began this.",
        foreign(&client.client_id),
        foreign(tenant),
        foreign(client.authority.host())
    ));
    terminal.say(&format!("There are {} for it.", span(wait.left())));
}

/// Polls until the person has signed in, or declined, or the time is up (RFC 8628 section 3.5).
async fn poll(
    exchange: &Exchange<'_>,
    request: &Request,
    endpoint: &url::Url,
    mut interval: Duration,
    wait: Wait,
    terminal: &Terminal,
) -> Result<TokenSet, Error> {
    let mut pause = interval;
    // A connection that is lost passes, within the code's life; each loss in a row doubles the wait.
    let mut losses = 0_u32;
    let mut trouble: Option<Error> = None;
    loop {
        if !pass(pause, wait, terminal).await {
            // Where the last that was heard is that nothing can be heard, nobody knows what the person did.
            return Err(trouble.unwrap_or_else(|| wait.over()));
        }
        trouble = None;
        let time = POLL.min(wait.left());
        let polled = match tokio::time::timeout(time, exchange.send(request, Repeat::Never)).await {
            Ok(Ok(reply)) => Polled::Said(device::after_poll(&reply, interval).map_err(|error| exchange.failed(error, &reply, endpoint))?),
            Ok(Err(error)) => {
                let polled = after_failure(&error, interval);
                match polled {
                    Some(Polled::Said(_)) => {}
                    Some(_) => trouble = Some(error),
                    None => return Err(error),
                }
                polled.unwrap_or(Polled::Lost)
            }
            Err(_) => {
                let after = Duration::from_secs(time.as_secs().max(1));
                let (doing, id) = (format!("waiting for {}", request.host()), exchange.caller.request_id.to_string());
                trouble = Some(Error::TimedOut { after, doing, correlation_id: Some(id) });
                Polled::Lost
            }
        };
        losses = if matches!(polled, Polled::Lost) { losses.saturating_add(1) } else { 0 };
        pause = match polled {
            Polled::Said(Poll::Done(tokens)) => return Ok(*tokens),
            Polled::Said(Poll::Declined) => return Err(Error::Cancelled(Cancelled::Declined)),
            Polled::Said(Poll::Expired) => return Err(Error::Cancelled(Cancelled::CodeExpired)),
            Polled::Said(Poll::Wait(next)) => {
                interval = next;
                next
            }
            Polled::Busy(asked) => asked.map_or(interval, |asked| asked.min(BUSY).max(interval)),
            Polled::Lost => interval.saturating_mul(2_u32.pow(losses.min(4))),
        };
    }
}

/// What a poll came to.
enum Polled {
    /// The platform answered it.
    Said(Poll),
    /// The platform has no time for it now, and may want to be left alone for so long.
    Busy(Option<Duration>),
    /// Nothing came.
    Lost,
}

/// What a poll that was not answered properly means; `None` where it is the end.
fn after_failure(error: &Error, interval: Duration) -> Option<Polled> {
    match error {
        Error::Unavailable(busy) => {
            let said = busy.refusal.as_ref().and_then(|refusal| device::after_refusal(refusal, interval));
            Some(said.map_or(Polled::Busy(busy.retry_after), Polled::Said))
        }
        Error::Transport(transport) if transport.kind.may_pass() => Some(Polled::Lost),
        _ => None,
    }
}

/// Waits, with a countdown where a person watches; whether there is time left after it.
async fn pass(pause: Duration, wait: Wait, terminal: &Terminal) -> bool {
    let next = Instant::now().checked_add(pause).unwrap_or(wait.end).min(wait.end);
    if terminal.counts_down() {
        while Instant::now() < next {
            terminal.countdown(&format!("Waiting for the sign-in: {} left", span(wait.left())));
            let second = Instant::now() + Duration::from_secs(1);
            tokio::time::sleep_until(second.min(next)).await;
        }
    } else {
        tokio::time::sleep_until(next).await;
    }
    Instant::now() < wait.end
}

/// A time as a clock shows it: 14:59 minutes.
fn span(time: Duration) -> String {
    let whole = (time + Duration::from_millis(500)).as_secs();
    if whole < 60 { seconds(Duration::from_secs(whole)) } else { format!("{}:{:02} minutes", whole / 60, whole % 60) }
}
