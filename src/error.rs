//! What can go wrong. `Display` says what happened, in a lower-case fragment without advice; advice is in `hint`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::entra::refusal::Refusal;

/// Why a command did not end well. One exhaustive mapping in `exit` turns it into an exit code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// The cache could not be read or changed as a command about it asked for.
    #[error("{}", .0.what)]
    Cache(OutputError),

    /// The person who was asked did not act in time.
    #[error("nobody answered within {}", seconds(*after))]
    Cancelled {
        /// How long was waited.
        after: Duration,
    },

    /// Nothing that is stored answers: a person has to sign in, or the command must be allowed to ask.
    #[error("{}", .0.what)]
    Interaction(UsageError),

    /// A state that the code rules out: a bug.
    #[error("{0}")]
    Internal(String),

    /// Ended by a signal, Ctrl-C for instance.
    #[error("{}", match .0 { Signal::Interrupt => "interrupted", Signal::Terminate => "terminated" })]
    Interrupted(Signal),

    /// The result exists but could not be delivered: a full disk, a folder that cannot be written.
    #[error("{}", .0.what)]
    Output(OutputError),

    /// The platform understood the request and said no, in the shape of RFC 6749 section 5.2.
    #[error("{}", crate::hint::what(&.0.refusal))]
    Refused(Box<Refused>),

    /// The system refused what every program needs: descriptors, threads, random numbers.
    #[error("{0}")]
    System(String),

    /// The command's time was up.
    #[error("no answer within {} while {doing}", seconds(*after))]
    TimedOut {
        /// The whole command's time limit.
        after: Duration,
        /// What it was waiting for, as a fragment that follows "while".
        doing: String,
        /// The `client-request-id` that was sent, where one was.
        correlation_id: Option<String>,
    },

    /// The server could not be reached, or was not the one it should be.
    #[error("{}", transport(.0))]
    Transport(Box<Transport>),

    /// The service is throttling or down, and stayed so for as long as we may wait.
    #[error("{} answered with status {}{}", .0.host, .0.status, if .0.status == 429 { ": too many requests" } else { "" })]
    Unavailable(Box<Unavailable>),

    /// An answer came, and it is not what it claims to be: a proxy's page, a cut document, a wrong type.
    #[error("the answer of {} cannot be used: {}", .0.host, .0.what)]
    Unreadable(Box<Unreadable>),

    /// The command line, the parameters or the environment are wrong or incomplete.
    #[error("{}", .0.what)]
    Usage(UsageError),
}

/// A signal that ends a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// What asks a process to end.
    Terminate,
}

impl Signal {
    /// The signal's number (POSIX).
    pub(crate) fn number(self) -> u8 {
        match self {
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
    /// Whether a refresh token was refused, or an app with what it was to get.
    pub(crate) is_refresh: bool,
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
