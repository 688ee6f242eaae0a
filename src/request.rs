//! A request as a value, which can be looked at without a network.

use std::fmt;

use url::Url;
use zeroize::Zeroizing;

/// What is done with an address (RFC 9110 section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Method::Get => "GET",
            Method::Post => "POST",
        })
    }
}

/// A request, whose body is wiped when it is dropped.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// Names in lower case, and values without a secret.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Zeroizing<Vec<u8>>,
    /// The largest answer that makes sense, in bytes.
    pub(crate) answer_limit: usize,
}

/// The type of a form (URL Standard section 5).
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// The largest answer of a platform, in bytes: a token's has some kilobytes.
pub(crate) const ANSWER_LIMIT: usize = 1 << 20;

impl Request {
    /// Whether its body is a form, whose fields can be told apart.
    pub(crate) fn is_form(&self) -> bool {
        self.headers.iter().any(|(name, value)| *name == "content-type" && value == FORM)
    }

    /// The host that it goes to, with the port where it is not the usual one.
    pub(crate) fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

/// The body holds secrets.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} bytes)", self.method, self.url, self.body.len())
    }
}
