//! A sign-in on another device (RFC 8628): the code that a person enters there, and the polls until it is used.

use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::address::{is_loopback, is_sendable};
use super::refusal::{self, Refusal};
use super::reply::Reply;
use super::token::{self, ReplyError, TokenSet};
use crate::secret::Secret;

/// The wait between polls where the platform names none (section 3.2).
const INTERVAL: Duration = Duration::from_secs(5);
/// What a poll that came too soon adds to the wait, for good (section 3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// The longest wait that is believed, in seconds: beyond it a person would not see that they are done.
const LONGEST_INTERVAL: f64 = 60.0;
/// How long a code lives where the platform does not say.
const LIFETIME: Duration = Duration::from_mins(15);
/// The longest life that is believed.
const LONGEST_LIFETIME: Duration = Duration::from_hours(24);

/// What the platform gives to begin with (section 3.2).
#[derive(Debug)]
pub(crate) struct DeviceCode {
    /// What is polled with.
    pub(crate) device_code: Secret,
    /// What the person enters, as the platform writes it: foreign text.
    pub(crate) user_code: String,
    /// Where the person enters it.
    pub(crate) verification_uri: Url,
    /// How long it can be used, from now on.
    pub(crate) expires_in: Duration,
    /// The wait between polls.
    pub(crate) interval: Duration,
}

#[derive(Deserialize)]
struct Body {
    device_code: String,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    #[serde(default, deserialize_with = "token::lifetime")]
    expires_in: Option<f64>,
    #[serde(default, deserialize_with = "token::lifetime")]
    interval: Option<f64>,
}

/// Reads the reply of the device authorization endpoint.
pub(crate) fn device_code(reply: &Reply) -> Result<DeviceCode, ReplyError> {
    // Some versions of the platform refuse with status 200.
    if let Some(refusal) = refusal::refusal(reply) {
        return Err(ReplyError::Refused(Box::new(refusal)));
    }
    read(reply).map_err(ReplyError::Unreadable)
}

fn read(reply: &Reply) -> Result<DeviceCode, String> {
    let body: Body = reply.json()?;
    if reply.status != 200 {
        return Err(format!("its status is {}, and it does not say why", reply.status));
    }
    let is_plain = |code: &str| !code.is_empty() && code.len() <= 64 && code.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if body.device_code.is_empty() || !is_plain(body.user_code.trim()) {
        return Err("its codes are empty, or have characters that nobody can enter".to_owned());
    }
    let page = Url::parse(&body.verification_uri).map_err(|_| "its verification_uri is not a URL".to_owned())?;
    if page.scheme() != "https" && !(page.scheme() == "http" && is_loopback(&page)) || !page.username().is_empty() {
        return Err("its verification_uri is not https".to_owned());
    }
    if !is_sendable(&page) || page.fragment().is_some() {
        return Err("its verification_uri is no address of a page".to_owned());
    }
    let time = |seconds: Option<f64>| seconds.filter(|seconds| *seconds > 0.0).map(|seconds| seconds.min(LONGEST_LIFETIME.as_secs_f64()));
    Ok(DeviceCode {
        device_code: Secret::new(body.device_code),
        user_code: body.user_code.trim().to_owned(),
        verification_uri: page,
        expires_in: time(body.expires_in).map_or(LIFETIME, Duration::from_secs_f64),
        interval: time(body.interval).map_or(INTERVAL, |seconds| Duration::from_secs_f64(seconds.clamp(1.0, LONGEST_INTERVAL))),
    })
}

/// What a poll came to.
#[derive(Debug)]
pub(crate) enum Poll {
    /// The person signed in.
    Done(Box<TokenSet>),
    /// Not yet; so long until the next one, and between all that follow.
    Wait(Duration),
    /// The person declined.
    Declined,
    /// The code's life has ended.
    Expired,
}

/// Reads the reply to a poll that came after a wait (section 3.5).
pub(crate) fn after_poll(reply: &Reply, interval: Duration) -> Result<Poll, ReplyError> {
    match token::tokens(reply) {
        Ok(tokens) => Ok(Poll::Done(Box::new(tokens))),
        Err(ReplyError::Refused(refusal)) => after_refusal(&refusal, interval).ok_or(ReplyError::Refused(refusal)),
        Err(unreadable) => Err(unreadable),
    }
}

/// What a refusal of a poll means; `None` where it is final.
pub(crate) fn after_refusal(refusal: &Refusal, interval: Duration) -> Option<Poll> {
    /// The code has expired: of the person, of the device.
    const EXPIRED: [u32; 2] = [70019, 70020];
    match refusal.error.as_str() {
        "authorization_pending" => Some(Poll::Wait(interval)),
        "slow_down" => Some(Poll::Wait(interval + SLOWER)),
        "authorization_declined" | "access_denied" if !is_policy(refusal) => Some(Poll::Declined),
        "expired_token" | "code_expired" => Some(Poll::Expired),
        _ if refusal.codes.iter().any(|code| EXPIRED.contains(code)) => Some(Poll::Expired),
        _ => None,
    }
}

/// Whether a policy, and not the person, declined.
fn is_policy(refusal: &Refusal) -> bool {
    refusal.codes.iter().any(|code| (53000..54000).contains(code) || (530_000..540_000).contains(code))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::reply;
    use super::*;

    fn begun(change: &Value) -> Result<(String, u64, u64), String> {
        let mut body = json!({"device_code": "d", "user_code": "ABC123DEF", "verification_uri": "https://microsoft.com/devicelogin",
            "expires_in": 900, "interval": 5, "message": "m"});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        match device_code(&reply::of(200, body.to_string())) {
            Ok(code) => Ok((code.user_code, code.expires_in.as_secs(), code.interval.as_secs())),
            Err(ReplyError::Unreadable(what)) => Err(what),
            Err(ReplyError::Refused(refusal)) => Err(refusal.error),
        }
    }

    #[test]
    fn codes_come_with_times_in_many_forms() {
        let plain = |expires_in, interval| Ok(("ABC123DEF".to_owned(), expires_in, interval));
        for (change, expected) in [
            (json!({}), plain(900, 5)),
            (json!({"interval": "7", "expires_in": "60"}), plain(60, 7)),
            (json!({"interval": null, "expires_in": null}), plain(900, 5)),
            (json!({"interval": 0, "expires_in": -1}), plain(900, 5)),
            (json!({"interval": 0.2}), plain(900, 1)),
            (json!({"interval": 1e300, "expires_in": 1e300}), plain(86_400, 60)),
            (json!({"verification_uri": "http://microsoft.com/devicelogin"}), Err("its verification_uri is not https".to_owned())),
            (json!({"verification_uri": "javascript:x"}), Err("its verification_uri is not https".to_owned())),
            (json!({"verification_uri": "https://x/##vso[task]"}), Err("its verification_uri is no address of a page".to_owned())),
            (
                json!({"verification_uri": format!("https://x/{}", "a".repeat(5_000))}),
                Err("its verification_uri is no address of a page".to_owned()),
            ),
            (json!({"verification_uri": "page"}), Err("its verification_uri is not a URL".to_owned())),
            (json!({"error": "unauthorized_client"}), Err("unauthorized_client".to_owned())),
        ] {
            assert_eq!(begun(&change), expected, "{change}");
        }
        for code in ["", "A\u{1b}[2JB", "А", &"A".repeat(65)] {
            assert!(begun(&json!({"user_code": code})).is_err(), "{code:?}");
        }
        assert!(begun(&json!({"device_code": ""})).is_err());
    }

    #[test]
    fn polls_go_on_slow_down_or_end() {
        let interval = Duration::from_secs(5);
        let after = |error: &str, codes: &[u32]| {
            let body = json!({"error": error, "error_codes": codes, "error_description": "x"});
            match after_poll(&reply::of(400, body.to_string()), interval) {
                Ok(poll) => format!("{poll:?}"),
                Err(ReplyError::Refused(refusal)) => format!("refused: {}", refusal.error),
                Err(ReplyError::Unreadable(what)) => what,
            }
        };
        for (error, codes, expected) in [
            ("authorization_pending", &[70016][..], "Wait(5s)"),
            ("slow_down", &[], "Wait(10s)"),
            ("authorization_declined", &[70018], "Declined"),
            ("access_denied", &[], "Declined"),
            ("access_denied", &[53003], "refused: access_denied"),
            ("expired_token", &[70020], "Expired"),
            ("invalid_grant", &[70019], "Expired"),
            ("bad_verification_code", &[], "refused: bad_verification_code"),
            ("invalid_grant", &[530_036], "refused: invalid_grant"),
        ] {
            assert_eq!(after(error, codes), expected, "{error} {codes:?}");
        }
        let done = after_poll(&reply::of(200, r#"{"access_token":"a","token_type":"Bearer"}"#), interval);
        assert!(matches!(done, Ok(Poll::Done(_))));
    }
}
