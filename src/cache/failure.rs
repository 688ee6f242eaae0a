//! The memory of a request that failed: who asks for the same a moment later gets the same answer, and the platform is left
//! alone. Pure: reading and writing are elsewhere, and the time is an argument.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::crypto;
use crate::error::{Cancelled, Error, Refused, Transport, TransportKind, Unavailable, Unreadable};
use crate::secret::Secret;

/// How long a refusal holds: as long as a script takes to start again, and no longer than a person to mend something.
const REFUSAL: Duration = Duration::from_secs(5);
/// The longest wait that is kept, whatever the platform asks for.
const LONGEST: Duration = Duration::from_hours(1);

/// A failure, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// What was asked, as a digest.
    request: String,
    /// Milliseconds since 1970 when the answer came.
    at: u64,
    /// Milliseconds since 1970 until which it holds for everybody. Who was waiting when it came takes it in any case.
    until: u64,
    answer: Answer,
    /// The password that it was answered to, where that was one that a person chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<Verifier>,
}

/// What a password is recognised by, and cannot be read from.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Verifier {
    salt: [u8; 32],
    digest: [u8; 32],
}

#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Cancelled(Cancelled),
    Refused(Box<Refused>),
    Transport(Box<Transport>),
    Unavailable(Box<Unavailable>),
    Unreadable(Box<Unreadable>),
    TimedOut { after: Duration, doing: String, correlation_id: Option<String> },
}

/// What is to be kept of an error, for some time at least; nothing of those that are our own or this command's alone.
pub(crate) fn of(error: &Error, request: &str, now: SystemTime, least: Duration) -> Option<Failure> {
    let (answer, holds) = match error {
        Error::Cancelled(cancelled) => (Answer::Cancelled(cancelled.clone()), Duration::ZERO),
        Error::Refused(refused) => (Answer::Refused(refused.clone()), REFUSAL),
        Error::Unavailable(busy) => (Answer::Unavailable(busy.clone()), busy.retry_after.unwrap_or_default().min(LONGEST)),
        // Of this machine rather than of the network.
        Error::Transport(transport) if transport.kind == TransportKind::NoAuthorities => return None,
        Error::Transport(transport) => (Answer::Transport(transport.clone()), Duration::ZERO),
        // Another command may have more time, unless it can do without.
        Error::TimedOut { after, doing, correlation_id } if !least.is_zero() => {
            let (doing, correlation_id) = (doing.clone(), correlation_id.clone());
            (Answer::TimedOut { after: *after, doing, correlation_id }, Duration::ZERO)
        }
        Error::Unreadable(unreadable) => (Answer::Unreadable(unreadable.clone()), Duration::ZERO),
        _ => return None,
    };
    Some(Failure { request: request.to_owned(), at: millis(now), until: millis(now + holds.max(least)), answer, password: None })
}

/// Whether the platform wants all requests of an app to wait, and not that one alone.
pub(crate) fn is_throttle(error: &Error) -> bool {
    matches!(error, Error::Unavailable(busy) if busy.status == 429 && busy.retry_after.is_some())
}

impl Failure {
    /// Reads what was kept; text that is no failure is none.
    pub(crate) fn parse(text: &[u8]) -> Option<Failure> {
        serde_json::from_slice(text).ok()
    }

    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The error for a command that wants the same, if it still holds for one that began at a certain time.
    pub(crate) fn for_request(self, request: &str, began: SystemTime, now: SystemTime) -> Option<Error> {
        let (now, began) = (millis(now), millis(began));
        // Stored in the future, it says nothing: the clock has been set back.
        let holds = self.at <= now && (self.until > now || self.at >= began) && self.until <= now + 1_000 * LONGEST.as_secs();
        if self.request != request || !holds {
            return None;
        }
        Some(match self.answer {
            Answer::Cancelled(cancelled) => Error::Cancelled(cancelled),
            Answer::Refused(refused) => Error::Refused(refused),
            Answer::Transport(transport) => Error::Transport(transport),
            Answer::TimedOut { after, doing, correlation_id } => Error::TimedOut { after, doing, correlation_id },
            Answer::Unreadable(unreadable) => Error::Unreadable(unreadable),
            Answer::Unavailable(mut busy) => {
                // In whole seconds, and never earlier than was asked for.
                busy.retry_after = busy.retry_after.map(|_| Duration::from_secs(self.until.saturating_sub(now).div_ceil(1_000)));
                Error::Unavailable(busy)
            }
        })
    }

    /// The same, for those alone who have the same password.
    pub(crate) fn for_password(self, password: &Secret, salt: [u8; 32]) -> Failure {
        let digest = crypto::stretched(password, &salt);
        Failure { password: Some(Verifier { salt, digest }), ..self }
    }

    /// Whether it is for such a request.
    pub(crate) fn is_for(&self, request: &str) -> bool {
        self.request == request
    }

    /// Whether it is for whoever has this password.
    pub(crate) fn fits(&self, password: Option<&Secret>) -> bool {
        match (&self.password, password) {
            (None, _) => true,
            (Some(verifier), Some(password)) => verifier.digest == crypto::stretched(password, &verifier.salt),
            (Some(_), None) => false,
        }
    }

    /// Whether it says nothing to anybody any more.
    pub(crate) fn is_over(&self, began: SystemTime, now: SystemTime) -> bool {
        self.until <= millis(now) && self.at < millis(began)
    }

    /// The same, for nobody but those who were waiting when it came.
    pub(crate) fn for_who_waited(self) -> Failure {
        Failure { until: self.at, ..self }
    }

    /// How long ago it was.
    pub(crate) fn age(&self, now: SystemTime) -> Duration {
        Duration::from_millis(millis(now).saturating_sub(self.at))
    }
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exchanged;

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }

    fn refused() -> Error {
        let text = || "x".to_owned();
        let refusal = crate::entra::refusal::Refusal { error: "invalid_client".to_owned(), codes: vec![7_000_215], ..Default::default() };
        Error::Refused(Box::new(Refused {
            refusal,
            authority: text(),
            client_id: text(),
            tenant: text(),
            scope: text(),
            exchanged: Exchanged::App,
        }))
    }

    fn busy(retry_after: Option<u64>) -> Error {
        let retry_after = retry_after.map(Duration::from_secs);
        Error::Unavailable(Box::new(Unavailable { host: "h".to_owned(), status: 429, retry_after, refusal: None, correlation_id: None }))
    }

    fn lost(kind: TransportKind) -> Error {
        Error::Transport(Box::new(Transport { host: "h".to_owned(), kind, detail: String::new(), correlation_id: None }))
    }

    /// What a command that began at a time is told about a failure at 10 seconds, through the file.
    fn told(error: &Error, request: &str, began: u64, now: u64) -> Option<Error> {
        let kept = of(error, "request", at(10_000), Duration::ZERO).unwrap();
        Failure::parse(kept.to_text().as_bytes()).unwrap().for_request(request, at(began), at(now))
    }

    #[test]
    fn a_failure_holds_for_who_waited_and_for_as_long_as_it_says() {
        for (error, began, now, holds) in [
            (refused(), 11_000, 14_999, true),
            (refused(), 15_000, 15_000, false),
            (refused(), 9_000, 20_000, true),
            (busy(Some(60)), 11_000, 69_999, true),
            (busy(Some(60)), 70_000, 70_000, false),
            (busy(None), 11_000, 11_000, false),
            (busy(None), 9_999, 11_000, true),
            (busy(Some(u64::MAX)), 11_000, 3_609_999, true),
            (busy(Some(u64::MAX)), 4_000_000, 4_000_000, false),
            (lost(TransportKind::Lost), 9_000, 11_000, true),
            (lost(TransportKind::Lost), 11_000, 11_000, false),
            (refused(), 9_000, 9_999, false),
        ] {
            assert_eq!(told(&error, "request", began, now).is_some(), holds, "{error} {began} {now}");
            assert!(told(&error, "another", began, now).is_none());
        }
    }

    #[test]
    fn what_can_wait_is_kept_for_longer() {
        let kept = |least| of(&lost(TransportKind::Lost), "request", at(10_000), least).unwrap();
        assert!(kept(Duration::from_secs(30)).for_request("request", at(11_000), at(39_999)).is_some());
        assert!(kept(Duration::ZERO).for_request("request", at(11_000), at(11_001)).is_none());
    }

    #[test]
    fn the_answer_is_the_same_and_the_wait_what_is_left_of_it() {
        let Some(Error::Unavailable(busy)) = told(&busy(Some(60)), "request", 11_000, 30_500) else { panic!() };
        assert_eq!(busy.retry_after, Some(Duration::from_secs(40)));
        let error = told(&refused(), "request", 11_000, 11_000).unwrap();
        assert_eq!((error.to_string(), crate::exit::code(&error)), (refused().to_string(), crate::exit::code(&refused())));
    }

    #[test]
    fn what_a_password_was_answered_is_for_that_password_and_does_not_tell_it() {
        let kept = || of(&refused(), "request", at(10_000), Duration::ZERO).unwrap();
        let password = |text: &str| Secret::new(text.to_owned());
        let text = kept().for_password(&password("Summer2026!"), [7; 32]).to_text();
        let read = || Failure::parse(text.as_bytes()).unwrap();
        assert!(read().fits(Some(&password("Summer2026!"))) && !read().fits(Some(&password("Summer2026"))) && !read().fits(None));
        assert!(kept().fits(None) && kept().fits(Some(&password("x"))));
        assert!(!text.contains("Summer") && !text.contains(&crypto::digest(["secret", "Summer2026!"])));
        assert_ne!(text, kept().for_password(&password("Summer2026!"), [8; 32]).to_text(), "each has a salt of its own");
        assert!(
            read().is_over(at(20_000), at(20_000)) && !read().is_over(at(9_000), at(20_000)) && !read().is_over(at(11_000), at(12_000))
        );
    }

    #[test]
    fn what_is_this_commands_own_is_not_kept() {
        let timed_out = Error::TimedOut { after: Duration::ZERO, doing: String::new(), correlation_id: None };
        for error in [timed_out, lost(TransportKind::NoAuthorities), Error::Internal("bug".to_owned())] {
            assert!(of(&error, "request", at(0), Duration::ZERO).is_none(), "{error}");
        }
        assert!(Failure::parse(b"{}").is_none() && Failure::parse(b"\xff").is_none());
    }
}
