//! Addresses of pages, as far as a browser of the local tenant meets them (RFC 3986).

/// An http or https address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) is_https: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Path and query.
    pub(crate) target: String,
}

impl Address {
    /// Reads an absolute address; its fragment stays in the browser.
    pub(crate) fn parse(text: &str) -> Option<Address> {
        let text = text.split('#').next()?;
        let (is_https, rest) = match text.split_once("://")? {
            ("https", rest) => (true, rest),
            ("http", rest) => (false, rest),
            _ => return None,
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let default = if is_https { 443 } else { 80 };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
            _ => (authority, default),
        };
        let is_host = !host.is_empty() && !authority.contains('@');
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        is_host.then(|| Address { is_https, host: host.to_ascii_lowercase(), port, target })
    }

    /// The address that a reference on a page of this address means.
    pub(crate) fn join(&self, reference: &str) -> Option<Address> {
        let path = self.target.split('?').next().unwrap_or_default();
        match reference {
            _ if reference.contains("://") => Address::parse(reference),
            "" => Some(self.clone()),
            _ if reference.starts_with('/') => Address::parse(&format!("{}{reference}", self.origin())),
            _ if reference.starts_with('?') => Address::parse(&format!("{}{path}{reference}", self.origin())),
            _ => {
                let folder = path.rsplit_once('/').map(|(folder, _)| folder).unwrap_or_default();
                Address::parse(&format!("{}{folder}/{reference}", self.origin()))
            }
        }
    }

    /// Host and port, as the `Host` header has them.
    pub(crate) fn authority(&self) -> String {
        match (self.is_https, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            _ => format!("{}:{}", self.host, self.port),
        }
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", if self.is_https { "https" } else { "http" }, self.authority())
    }

    /// Whether the host is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        matches!(self.host.as_str(), "localhost" | "127.0.0.1" | "[::1]")
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}{}", self.origin(), self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_apart_and_together() {
        for (text, authority, shown) in [
            ("https://a.example/b?c=d#e", "a.example", "https://a.example/b?c=d"),
            ("http://localhost:8400", "localhost:8400", "http://localhost:8400/"),
            ("http://[::1]:1?x", "[::1]:1", "http://[::1]:1/?x"),
            ("https://A.example:443/", "a.example", "https://a.example/"),
        ] {
            let address = Address::parse(text).expect(text);
            assert_eq!((address.authority().as_str(), address.to_string().as_str()), (authority, shown), "{text}");
        }
        for text in ["ftp://a/", "a", "https://", "https://u@a/", "http://a:b/"] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
        let page = Address::parse("https://a.example/b/c?d").expect("an address");
        for (reference, whole) in [
            ("/x", "https://a.example/x"),
            ("x", "https://a.example/b/x"),
            ("?x", "https://a.example/b/c?x"),
            ("", "https://a.example/b/c?d"),
            ("http://b/", "http://b/"),
        ] {
            assert_eq!(page.join(reference).map(|address| address.to_string()).as_deref(), Some(whole), "{reference}");
        }
    }
}
