//! What a test can make the tenant do wrong, once for each time it asks.

use std::collections::VecDeque;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

/// Something that goes wrong with one request.
#[derive(Clone, Debug)]
pub enum Misbehaviour {
    /// The proper answer, late.
    Delay(Duration),
    /// A well-formed answer with this content; its length is right.
    Status {
        /// HTTP status.
        status: u16,
        /// Headers beside `Content-Length` and `Date`.
        headers: Vec<(String, String)>,
        /// Body.
        body: Vec<u8>,
    },
    /// An error in the shape of Entra's token endpoint, for codes that the directory gives no cause for.
    Refusal {
        /// HTTP status.
        status: u16,
        /// OAuth error code.
        error: String,
        /// AADSTS numbers; the first is put in front of the description.
        codes: Vec<u32>,
        /// What went wrong; trace id, correlation id and time are put behind it.
        description: String,
        /// Further members (`suberror`, `claims`); a null takes one away.
        extra: Map<String, Value>,
    },
    /// The TCP connection ends and nothing was sent.
    CutBeforeAnswer,
    /// The TCP connection ends after so many bytes of the proper answer, its head included.
    CutAfter(usize),
    /// These bytes in place of an HTTP answer; then the connection is closed in good order.
    Raw(Vec<u8>),
    /// These bytes, then a chunk again and again until the client has gone or the limit is reached.
    Endless {
        /// Sent once, first.
        head: Vec<u8>,
        /// Sent over and over.
        chunk: Vec<u8>,
        /// Between two chunks.
        pause: Duration,
        /// How many bytes after the head; none is for ever.
        limit: Option<u64>,
    },
    /// The proper answer with these members of its JSON object replaced or added; a null takes one away.
    Token(Map<String, Value>),
    /// The proper answer with every occurrence of a text in its body replaced; it has to occur.
    Replace {
        /// What is replaced.
        from: String,
        /// By what.
        to: String,
    },
    /// The proper answer with its body made into another: encoded otherwise, cut, put together anew.
    Body(fn(&str) -> Vec<u8>),
    /// The proper answer, in whose id token these claims are replaced or added, nulls taking them away. It is signed all the
    /// same.
    IdToken(Map<String, Value>),
}

impl Misbehaviour {
    /// Panics on what HTTP cannot carry, so that a test fails where the mistake is.
    fn check(&self) {
        let status = match self {
            Misbehaviour::Status { status, headers, .. } => {
                for (name, value) in headers {
                    let is_header = HeaderName::from_bytes(name.as_bytes()).is_ok() && HeaderValue::from_str(value).is_ok();
                    assert!(is_header, "no HTTP header: {name:?}: {value:?}; send it with Misbehaviour::Raw");
                }
                *status
            }
            Misbehaviour::Refusal { status, .. } => *status,
            _ => return,
        };
        assert!((200..=999).contains(&status), "no final HTTP status: {status}; send it with Misbehaviour::Raw");
    }
}

/// Misbehaviours that wait for their request.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<(Option<String>, Misbehaviour)>,
}

impl Queue {
    /// Adds one, for any request or for those whose path contains a text.
    pub(crate) fn push(&mut self, path: Option<&str>, misbehaviour: Misbehaviour) {
        misbehaviour.check();
        self.waiting.push_back((path.map(str::to_owned), misbehaviour));
    }

    /// Takes the first that is meant for a path.
    pub(crate) fn take(&mut self, path: &str) -> Option<Misbehaviour> {
        let meant = self.waiting.iter().position(|(part, _)| part.as_deref().is_none_or(|part| path.contains(part)))?;
        self.waiting.remove(meant).map(|(_, misbehaviour)| misbehaviour)
    }

    /// The first that nobody met.
    pub(crate) fn left(&self) -> Option<&Misbehaviour> {
        self.waiting.front().map(|(_, misbehaviour)| misbehaviour)
    }
}
