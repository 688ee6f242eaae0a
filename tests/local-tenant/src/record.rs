//! What clients sent, kept for the tests to look at.

/// An HTTP request that arrived whole.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// `GET`, `POST`, ...
    pub method: String,
    /// `https`, or `http` for the plain listener.
    pub scheme: &'static str,
    /// The `Host` header as it came, with the port if there was one.
    pub host: String,
    /// Path, as it came.
    pub path: String,
    /// Query without the question mark, as it came.
    pub query: Option<String>,
    /// All headers, names in lower case, in the order of their arrival by name.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether it came through the CONNECT proxy.
    pub via_proxy: bool,
}

impl Recorded {
    /// The first header of a name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as a form, decoded.
    pub fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// The first form field of a name.
    pub fn field(&self, name: &str) -> Option<String> {
        self.form().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Whether it is a POST to a token endpoint of any of the tenant's kinds.
    pub(crate) fn is_token_request(&self) -> bool {
        self.method == "POST" && self.path.trim_end_matches('/').ends_with("/token")
    }

    /// The host without its port.
    pub(crate) fn host_name(&self) -> String {
        host_name(&self.host)
    }

    /// Scheme and host as the client wrote them: what documents build their addresses on.
    pub(crate) fn base(&self) -> String {
        format!("{}://{}", self.scheme, self.host)
    }

    /// A line for the log: method and address.
    pub(crate) fn line(&self) -> String {
        let query = self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{} {}{}{query}\n", self.method, self.base(), self.path)
    }

    /// The query's parameters, decoded.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.query.as_deref().unwrap_or_default().as_bytes()).into_owned().collect()
    }

    /// The token of the `Authorization` header (RFC 6750 section 2.1).
    pub(crate) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    }
}

/// A request to the proxy.
#[derive(Clone, Debug)]
pub struct Connect {
    /// `host:port` of a CONNECT; the whole target of any other request, which is refused.
    pub target: String,
    /// The `Proxy-Authorization` header.
    pub authorization: Option<String>,
}

/// A host without its port, in lower case; an IPv6 address without its brackets.
pub(crate) fn host_name(host: &str) -> String {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.to_ascii_lowercase()
}
