//! The way back to the app: the redirect URI and the mode in which it is told how the sign-in ended (OAuth 2.0 Multiple
//! Response Type Encoding Practices; OAuth 2.0 Form Post Response Mode).

use crate::directory::App;
use crate::html;
use crate::realm::Realm;
use crate::record::Recorded;
use crate::refusal::Refusal;
use crate::reply::Reply;

/// How the app is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// In the query of a redirect.
    Query,
    /// In its fragment.
    Fragment,
    /// By a form that a page sends on by itself.
    FormPost,
}

impl Mode {
    /// The mode of a name.
    pub(crate) fn of(name: &str) -> Option<Mode> {
        match name {
            "query" => Some(Mode::Query),
            "fragment" => Some(Mode::Fragment),
            "form_post" => Some(Mode::FormPost),
            _ => None,
        }
    }
}

/// A way back.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) redirect_uri: String,
    pub(crate) mode: Mode,
    pub(crate) state: Option<String>,
}

impl Way {
    /// Sends the browser back with these values and the state.
    pub(crate) fn send(&self, values: &[(&str, String)]) -> Reply {
        let mut values: Vec<(String, String)> = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        values.extend(self.state.iter().map(|state| ("state".to_owned(), state.clone())));
        let encoded = || form_urlencoded::Serializer::new(String::new()).extend_pairs(&values).finish();
        let address = match self.mode {
            Mode::FormPost => return Reply::html(200, html::form_post(&self.redirect_uri, &values)),
            Mode::Query if self.redirect_uri.contains('?') => format!("{}&{}", self.redirect_uri, encoded()),
            Mode::Query => format!("{}?{}", with_path(&self.redirect_uri), encoded()),
            Mode::Fragment => format!("{}#{}", with_path(&self.redirect_uri), encoded()),
        };
        Reply::html(302, String::new()).header("location", address)
    }

    /// Sends it back with an error.
    pub(crate) fn refuse(&self, realm: &Realm, refusal: &Refusal, subcode: Option<&str>, request: &Recorded) -> Reply {
        let mut values = vec![("error", refusal.error().to_owned()), ("error_description", realm.described(refusal, request))];
        values.extend(subcode.map(|subcode| ("error_subcode", subcode.to_owned())));
        if realm.kind == crate::realm::Kind::Entra {
            values.push(("error_uri", format!("{}/error?code={}", request.base(), refusal.code())));
        }
        self.send(&values)
    }
}

/// An address without a path gets the shortest one (Microsoft page "Redirect URI (reply URL) best practices and
/// limitations").
fn with_path(uri: &str) -> String {
    let has_path = uri.split_once("://").is_none_or(|(_, rest)| rest.contains('/'));
    if has_path { uri.to_owned() } else { format!("{uri}/") }
}

/// Whether a redirect URI is one of an app's. What a header cannot hold is none.
pub(crate) fn is_registered(app: &App, uri: &str) -> bool {
    let is_plain = uri.bytes().all(|byte| byte.is_ascii_graphic());
    is_plain && !uri.contains('#') && app.redirect_uris.iter().any(|known| known == uri || is_same_loopback(known, uri))
}

/// Whether two are the same address of `http://localhost`, the port aside (RFC 8252 section 7.3).
fn is_same_loopback(known: &str, uri: &str) -> bool {
    let parts = |uri: &str| -> Option<String> {
        let rest = uri.strip_prefix("http://localhost")?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (port, path) = rest.split_at(end);
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        is_port.then(|| path.to_owned())
    };
    parts(known).is_some_and(|known| parts(uri) == Some(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_addresses_differ_in_their_port_alone() {
        let app = App::new("id", "app", "tenant").redirect_uri("http://localhost/in").redirect_uri("http://127.0.0.1:8400");
        for (uri, is_one) in [
            ("http://localhost/in", true),
            ("http://localhost:1/in", true),
            ("http://localhost:65535/in", true),
            ("http://127.0.0.1:8400", true),
            ("http://127.0.0.1:8401", false),
            ("http://localhost:1", false),
            ("http://localhost:1/in/", false),
            ("http://localhost:1/in?x=y", false),
            ("http://localhost:1/In", false),
            ("http://localhost:65536/in", false),
            ("http://localhost:/in", false),
            ("http://localhost.evil.example:1/in", false),
            ("http://localhost:1@evil.example/in", false),
            ("https://localhost:1/in", false),
            ("http://localhost:1/in#x", false),
        ] {
            assert_eq!(is_registered(&app, uri), is_one, "{uri}");
        }
    }
}
