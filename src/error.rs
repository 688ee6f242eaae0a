//! What can go wrong. `Display` says what happened, in a lower-case fragment without advice; advice is in `hint`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::entra::refusal::Refusal;
use crate::redact::foreign;

/// Why a command did not end well. One exhaustive mapping in `exit` turns it into an exit code.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum Error {
    /// The cache could not be read or changed as a command about it asked for.
    Cache(OutputError),

    /// The person who was asked declined, or did not act in time.
    Cancelled(Cancelled),

    /// Nothing that is stored answers: a person has to sign in, or the command must be allowed to ask.
    Interaction(UsageError),

    /// A state that the code rules out: a bug.
    Internal(String),

    /// Ended by a signal, Ctrl-C for instance.
    Interrupted(Signal),

    /// The result exists but could not be delivered: a full disk, a folder that cannot be written.
    Output(OutputError),

    /// The platform understood the request and said no, in the shape of RFC 6749 section 5.2.
    Refused(Box<Refused>),

    /// The system refused what every program needs: descriptors, threads, random numbers.
    System(String),

    /// The command's time was up.
    TimedOut {
        /// The whole command's time limit.
        after: Duration,
        /// What it was waiting for, as a fragment that follows "while".
        doing: String,
        /// The `client-request-id` that was sent, where one was.
        correlation_id: Option<String>,
    },

    /// The server could not be reached, or was not the one it should be.
    Transport(Box<Transport>),

    /// The service is throttling or down, and stayed so for as long as we may wait.
    Unavailable(Box<Unavailable>),

    /// An answer came, and it is not what it claims to be: a proxy's page, a cut document, a wrong type.
    Unreadable(Box<Unreadable>),

    /// The command line, the parameters or the environment are wrong or incomplete.
    Usage(UsageError),
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Cache(error) | Error::Output(error) => f.write_str(&error.what),
            Error::Cancelled(cancelled) => write!(f, "{cancelled}"),
            Error::Interaction(usage) | Error::Usage(usage) => f.write_str(&usage.what),
            Error::Internal(what) | Error::System(what) => f.write_str(what),
            Error::Interrupted(Signal::Hangup) => f.write_str("the terminal has gone"),
            Error::Interrupted(Signal::Interrupt) => f.write_str("interrupted"),
            Error::Interrupted(Signal::Terminate) => f.write_str("terminated"),
            Error::Refused(refused) => f.write_str(&crate::hint::what(&refused.refusal)),
            Error::TimedOut { after, doing, .. } => write!(f, "no answer within {} while {doing}", seconds(*after)),
            Error::Transport(failed) => f.write_str(&transport(failed)),
            Error::Unavailable(busy) => {
                let what = if busy.status == 429 { ": too many requests" } else { "" };
                write!(f, "{} answered with status {}{what}", busy.host, busy.status)
            }
            Error::Unreadable(unreadable) => write!(f, "the answer of {} cannot be used: {}", unreadable.host, unreadable.what),
        }
    }
}

/// How a person came not to do what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cancelled {
    /// Another person than the one that was named has signed in.
    AnotherPerson { signed_in: String, wanted: String },
    /// The device code's life ended before anybody used it.
    CodeExpired,
    /// The person declined, in the browser or on the other device.
    Declined,
    /// Nobody answered a question on the terminal.
    NoAnswer {
        /// How long was waited.
        after: Duration,
    },
    /// Nobody signed in.
    NoSignIn {
        /// How long was waited.
        after: Duration,
    },
    /// Standard input ended where an answer was expected.
    NothingGiven,
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cancelled::AnotherPerson { signed_in, wanted } => {
                write!(f, "{} has signed in, and {} was expected", foreign(signed_in), foreign(wanted))
            }
            Cancelled::CodeExpired => f.write_str("the code expired before anybody signed in with it"),
            Cancelled::Declined => f.write_str("the sign-in was cancelled or declined"),
            Cancelled::NoAnswer { after } => write!(f, "nobody answered within {}", seconds(*after)),
            Cancelled::NoSignIn { after } => write!(f, "nobody signed in within {}", seconds(*after)),
            Cancelled::NothingGiven => f.write_str("standard input ended before an address was pasted"),
        }
    }
}

/// A signal that ends a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The terminal has gone.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "whether it is ignored cannot be told there"))]
    Hangup,
    /// Ctrl-C.
    Interrupt,
    /// What asks a process to end.
    #[cfg_attr(not(unix), expect(dead_code, reason = "no such signal comes there"))]
    Terminate,
}

impl Signal {
    /// The signal's number (POSIX).
    pub(crate) fn number(self) -> u8 {
        match self {
            Signal::Hangup => 1,
            Signal::Interrupt => 2,
            Signal::Terminate => 15,
        }
    }
}

/// What is wrong with the call, and how to mend it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct UsageError {
    /// What is wrong, with the place (file, line and key; flag; variable).
    pub(crate) what: String,
    /// The cause, where it is not plain from `what`.
    pub(crate) why: Option<String>,
    /// The next step.
    pub(crate) fix: Option<String>,
}

impl UsageError {
    pub(crate) fn new(what: impl Into<String>) -> UsageError {
        UsageError { what: what.into(), why: None, fix: None }
    }

    pub(crate) fn why(self, why: impl Into<String>) -> UsageError {
        UsageError { why: Some(why.into()), ..self }
    }

    pub(crate) fn fix(self, fix: impl Into<String>) -> UsageError {
        UsageError { fix: Some(fix.into()), ..self }
    }
}

impl From<UsageError> for Error {
    fn from(error: UsageError) -> Error {
        Error::Usage(error)
    }
}

/// Where the result was to go, and why it could not.
#[derive(Debug)]
pub(crate) struct OutputError {
    pub(crate) what: String,
    pub(crate) fix: &'static str,
}

/// A refusal, and what was asked for, so that advice can name it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    /// The authority's address, without a final slash.
    pub(crate) authority: String,
    pub(crate) client_id: String,
    pub(crate) tenant: String,
    pub(crate) scope: String,
    /// What was to be exchanged.
    pub(crate) exchanged: Exchanged,
}

/// What a token was asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Exchanged {
    /// What the app itself has.
    App,
    /// A sign-in with a browser.
    Browser,
    /// A sign-in on another device.
    Device,
    /// A name and a password, at the platform or at the federation that the account belongs to.
    Password,
    /// What a sign-in left behind.
    RefreshToken,
}

/// A connection that did not come about, or was lost.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Transport {
    /// Host, with the port where it is not the usual one.
    pub(crate) host: String,
    pub(crate) kind: TransportKind,
    /// What the library says, bounded and harmless.
    pub(crate) detail: String,
    /// The `client-request-id` that was sent, for the platform's logs.
    pub(crate) correlation_id: Option<String>,
}

/// What kind of thing went wrong below HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TransportKind {
    /// The server's certificate is past its last day, or ours is a clock that is ahead.
    CertificateExpired,
    /// The server's certificate is for another name.
    CertificateName,
    /// The server's certificate is not valid yet, or ours is a clock that is behind.
    CertificateNotYetValid,
    /// No certificate authority that is believed here has signed the server's certificate.
    CertificateUnknown,
    /// Nobody listens there, or no way leads there.
    Connect,
    /// The connection ended before the answer was complete.
    Lost,
    /// There is no certificate authority on this machine to believe in.
    NoAuthorities,
    /// The name has no address.
    NotFound,
    /// The proxy could not be used.
    Proxy,
    /// The proxy asks for a user name and password.
    ProxyCredentials,
    /// Any other failure of TLS.
    Tls,
}

impl TransportKind {
    /// Whether another attempt may fare better: what TLS or a proxy refuses, they refuse again.
    pub(crate) fn may_pass(self) -> bool {
        matches!(self, TransportKind::Connect | TransportKind::Lost | TransportKind::NotFound)
    }
}

/// A service that is throttling or down.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Unavailable {
    pub(crate) host: String,
    pub(crate) status: u16,
    /// How long the service asks to be left alone.
    pub(crate) retry_after: Option<Duration>,
    /// What the service said, where it said it in the usual shape.
    pub(crate) refusal: Option<Refusal>,
    pub(crate) correlation_id: Option<String>,
}

/// An answer that is not what it claims.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Unreadable {
    pub(crate) host: String,
    /// What is wrong with it, as a fragment.
    pub(crate) what: String,
    pub(crate) correlation_id: Option<String>,
}

fn transport(transport: &Transport) -> String {
    let host = &transport.host;
    match transport.kind {
        TransportKind::CertificateExpired => format!("the certificate of {host} has expired"),
        TransportKind::CertificateName => format!("the certificate presented for {host} is for another name"),
        TransportKind::CertificateNotYetValid => format!("the certificate of {host} is not valid yet"),
        TransportKind::CertificateUnknown => format!("the certificate of {host} is not signed by an authority that is trusted here"),
        TransportKind::Connect => format!("cannot connect to {host}"),
        TransportKind::Lost => format!("the connection to {host} was lost before the answer was complete"),
        TransportKind::NoAuthorities => "no certificate authorities were found on this machine".to_owned(),
        TransportKind::NotFound => format!("the host {host} cannot be found"),
        TransportKind::Proxy => format!("cannot reach {host} through the proxy"),
        TransportKind::ProxyCredentials => format!("the proxy on the way to {host} asks for a user name and password"),
        TransportKind::Tls => format!("no secure connection to {host} could be made"),
    }
}

/// A duration as a person writes it.
pub(crate) fn seconds(duration: Duration) -> String {
    match (duration.as_secs(), duration.subsec_nanos()) {
        (1, 0) => "1 second".to_owned(),
        (whole, 0) => format!("{whole} seconds"),
        _ => format!("{} seconds", duration.as_secs_f64()),
    }
}
