//! Redirect URIs: where the platform sends the answer of a sign-in (RFC 6749 section 3.1.2, RFC 8252 section 7.3).

use url::Url;

use super::address::is_loopback;

/// The redirect URI of who registers none of their own: its port does not count where the platform compares it.
pub(crate) const DEFAULT: &str = "http://localhost";

/// A redirect URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Redirect {
    /// A port of this machine: the text before and after it, and the port where one is named.
    Here { before: String, port: Option<u16>, after: String },
    /// Anywhere else.
    Elsewhere(String),
}

impl Default for Redirect {
    fn default() -> Redirect {
        Redirect::Here { before: DEFAULT.to_owned(), port: None, after: String::new() }
    }
}

impl Redirect {
    /// Reads a redirect URI.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as a fragment that follows its place.
    pub(crate) fn parse(text: &str) -> Result<Redirect, &'static str> {
        let url = Url::parse(text).map_err(|_| "is not a URL")?;
        if text.chars().any(|character| character.is_whitespace() || character.is_control() || character == '\\') || !text.is_ascii() {
            return Err("has characters that no redirect URI has");
        }
        if url.fragment().is_some() {
            return Err("has a fragment, which no redirect URI may have");
        }
        if !is_loopback(&url) || url.scheme() != "http" {
            return match url.scheme() {
                "https" | "http" if !url.has_host() => Err("has no host name"),
                _ => Ok(Redirect::Elsewhere(text.to_owned())),
            };
        }
        // Of the addresses of this machine these are listened on.
        if !matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
            return Err("names an address of this machine that nobody listens on; localhost is the usual one");
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err("has more than a host, a port and a path");
        }
        // The parser drops a port that is the usual one, and a path that is missing is not the same as an empty one.
        let (before, rest) = text.split_once("://").ok_or("is not a URL")?;
        let (host_and_port, after) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        if !after.is_empty() && after != url.path() {
            return Err("has a path that browsers write in another way");
        }
        let (host, port) = match host_and_port.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (host_and_port, None),
        };
        let port = port.filter(|port| !port.is_empty()).map(str::parse).transpose().map_err(|_| "has a port that is none")?;
        Ok(Redirect::Here { before: format!("{before}://{host}"), port: port.filter(|port| *port != 0), after: after.to_owned() })
    }

    /// The path that the answer comes to.
    pub(crate) fn path(&self) -> &str {
        match self {
            Redirect::Here { after, .. } if !after.is_empty() => after,
            Redirect::Here { .. } | Redirect::Elsewhere(_) => "/",
        }
    }

    /// The whole address, with the port that is listened on.
    pub(crate) fn with_port(&self, port: Option<u16>) -> String {
        match self {
            Redirect::Here { before, port: named, after } => {
                let port = port.or(*named).map_or_else(String::new, |port| format!(":{port}"));
                format!("{before}{port}{after}")
            }
            Redirect::Elsewhere(text) => text.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_here_keeps_everything_but_the_port() {
        for (text, path, with_port, without) in [
            ("http://localhost", "/", "http://localhost:7", "http://localhost"),
            ("http://localhost/", "/", "http://localhost:7/", "http://localhost/"),
            ("http://localhost/a/b", "/a/b", "http://localhost:7/a/b", "http://localhost/a/b"),
            ("http://localhost:80/a", "/a", "http://localhost:7/a", "http://localhost:80/a"),
            ("http://127.0.0.1:8400", "/", "http://127.0.0.1:7", "http://127.0.0.1:8400"),
            ("http://[::1]", "/", "http://[::1]:7", "http://[::1]"),
            ("http://[::1]:9/x", "/x", "http://[::1]:7/x", "http://[::1]:9/x"),
        ] {
            let redirect = Redirect::parse(text).unwrap();
            assert_eq!(
                (redirect.path(), redirect.with_port(Some(7)).as_str(), redirect.with_port(None).as_str()),
                (path, with_port, without)
            );
        }
        let port = |text| match Redirect::parse(text) {
            Ok(Redirect::Here { port, .. }) => port,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!((port("http://localhost"), port("http://localhost:80"), port("http://localhost:0")), (None, Some(80), None));
    }

    #[test]
    fn other_addresses_are_elsewhere_or_wrong() {
        for elsewhere in [
            "https://login.microsoftonline.com/common/oauth2/nativeclient",
            "https://localhost:1/x",
            "http://example.com",
            "msal1://auth",
            "urn:ietf:wg:oauth:2.0:oob",
        ] {
            assert_eq!(Redirect::parse(elsewhere), Ok(Redirect::Elsewhere(elsewhere.to_owned())));
        }
        for wrong in [
            "",
            "localhost",
            "http://localhost#x",
            "http://localhost?x=1",
            "http://u@localhost",
            "http://localhost:x",
            "http://loc alhost",
            "http://localhost:99999",
        ] {
            assert!(Redirect::parse(wrong).is_err(), "{wrong}");
        }
    }
}
