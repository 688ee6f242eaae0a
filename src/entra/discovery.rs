//! OpenID documents: where an authority that is not known has its endpoints (OpenID Connect Discovery 1.0).

use url::Url;

use super::address::{is_loopback, is_sendable};
use super::authority::{Authority, Endpoint};
use super::authorize::ResponseMode;
use super::cloud::Cloud;
use super::reply::Reply;

/// An OpenID document whose issuer is the authority's.
#[derive(Debug)]
pub(crate) struct Discovered {
    document: Document,
    tenant: Option<String>,
}

#[derive(Debug, serde::Deserialize)]
struct Document {
    issuer: String,
    token_endpoint: String,
    authorization_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
    #[serde(default)]
    response_modes_supported: Vec<String>,
}

/// Reads an authority's document, or says what is wrong with it, as a fragment.
pub(crate) fn discovered(reply: &Reply, authority: &Authority) -> Result<Discovered, String> {
    let document: Document = reply.json()?;
    let discovered = Discovered { document, tenant: authority.tenant().map(str::to_owned) };
    let issuer = Url::parse(&discovered.filled(&discovered.document.issuer)).map_err(|_| "its issuer is not a URL".to_owned())?;
    match may_issue(authority, &issuer) {
        true => Ok(discovered),
        false => Err(format!("its issuer is {}, which is not the authority's", shown(&issuer))),
    }
}

impl Discovered {
    /// Who issues tokens there; it may have a place for a tenant (`{tenantid}`).
    pub(crate) fn issuer(&self) -> &str {
        &self.document.issuer
    }

    /// How the authority can answer through the browser: by form where it says that it does.
    pub(crate) fn response_mode(&self) -> ResponseMode {
        match self.document.response_modes_supported.iter().any(|mode| mode == ResponseMode::FormPost.name()) {
            true => ResponseMode::FormPost,
            false => ResponseMode::Query,
        }
    }

    /// An endpoint that the document names, or what is wrong with it, as a fragment.
    ///
    /// A document can only say where on the authority's own host the endpoint is. One that points elsewhere is refused: a
    /// secret goes to the host that the user chose, and to no other.
    pub(crate) fn endpoint(&self, authority: &Authority, endpoint: Endpoint) -> Result<Url, String> {
        let name = endpoint.name();
        let text = match endpoint {
            Endpoint::Authorization => self.document.authorization_endpoint.as_deref(),
            Endpoint::DeviceAuthorization => self.document.device_authorization_endpoint.as_deref(),
            Endpoint::Token => Some(self.document.token_endpoint.as_str()),
        };
        let text = text.ok_or_else(|| format!("it names no {name}"))?;
        if self.tenant.is_none() && text.contains("{tenant") {
            return Err(format!("its {name} has a place for a tenant, and the authority has none"));
        }
        let address = Url::parse(&self.filled(text)).map_err(|_| format!("its {name} is not a URL"))?;
        if address.scheme() != authority.address().scheme() {
            return Err(format!("its {name} is {}, which is not https", shown(&address)));
        }
        if address.fragment().is_some() || !is_sendable(&address) {
            return Err(format!("its {name} is no address that a request can be sent to"));
        }
        if !address.username().is_empty() || address.password().is_some() {
            return Err(format!("its {name} holds a user name"));
        }
        if !authority.is_same_origin(&address) && !is_alias(authority, &address) {
            return Err(format!("its {name} is at {}, another host than the authority's", shown(&address)));
        }
        Ok(address)
    }

    fn filled(&self, text: &str) -> String {
        let tenant = self.tenant.as_deref().unwrap_or_default();
        text.replace("{tenantid}", tenant).replace("{tenant}", tenant)
    }
}

/// The tenant's id in the address of a token endpoint.
pub(crate) fn tenant_in(endpoint: &Url) -> Option<String> {
    let first = endpoint.path_segments()?.next()?;
    uuid::Uuid::try_parse(first).ok().map(|id| id.to_string())
}

/// Whether an issuer can be that of an authority: on its origin, or one of Microsoft's own (regional hosts and Entra
/// External ID included), which stand behind custom domains.
pub(super) fn may_issue(authority: &Authority, issuer: &Url) -> bool {
    if authority.is_same_origin(issuer) {
        return true;
    }
    // This machine has several names, and servers that run on it tell by the port alone who they are.
    let here = authority.address();
    if is_loopback(&here) && is_loopback(issuer) {
        return here.scheme() == issuer.scheme() && here.port_or_known_default() == issuer.port_or_known_default();
    }
    let host = issuer.host_str().unwrap_or_default();
    let central = host.split_once('.').map_or("", |(_, rest)| rest);
    let is_microsofts = Cloud::of_login_host(host).is_some() || Cloud::of_login_host(central).is_some() || central == "ciamlogin.com";
    issuer.scheme() == "https" && issuer.port().is_none() && is_microsofts
}

/// Whether both are login hosts of the same cloud.
fn is_alias(authority: &Authority, endpoint: &Url) -> bool {
    let cloud = Cloud::of_login_host(authority.host());
    cloud.is_some() && endpoint.port().is_none() && endpoint.host_str().and_then(Cloud::of_login_host) == cloud
}

fn shown(url: &Url) -> String {
    let mut origin = url.clone();
    // An address that cannot lose its user name or path has neither.
    let _ = origin.set_username("");
    let _ = origin.set_password(None);
    origin.set_query(None);
    origin.set_fragment(None);
    crate::redact::foreign(origin.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::reply;
    use super::*;

    fn read(authority: &str, issuer: &str, endpoint: &str) -> Result<String, String> {
        let body = serde_json::json!({"issuer": issuer, "token_endpoint": endpoint, "other": [1]}).to_string();
        let authority = Authority::parse_oidc(authority).unwrap();
        discovered(&reply::of(200, body), &authority)?.endpoint(&authority, Endpoint::Token).map(String::from)
    }

    #[test]
    fn the_endpoint_is_taken_from_the_authoritys_own_host() {
        let here = "https://idp.example/a/token";
        assert_eq!(read("https://idp.example/a", "https://idp.example/a", here).as_deref(), Ok(here));
        assert_eq!(read("https://idp.example/a", "https://t.ciamlogin.com/t/v2.0", here).as_deref(), Ok(here));
        assert_eq!(read("https://idp.example/a", "https://login.microsoftonline.com/t/v2.0", here).as_deref(), Ok(here));
        let alias = "https://login.windows.net/t/oauth2/v2.0/token";
        assert_eq!(
            read("https://login.microsoftonline.com/t/v2.0", "https://login.microsoftonline.com/t/v2.0", alias).as_deref(),
            Ok(alias)
        );
    }

    #[test]
    fn the_way_of_the_answer_is_by_form_where_that_is_offered() {
        let authority = Authority::parse_oidc("https://idp.example/a").unwrap();
        let read = |more: serde_json::Value| {
            let mut body = serde_json::json!({"issuer": "https://idp.example/a", "token_endpoint": "https://idp.example/t"});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            discovered(&reply::of(200, body.to_string()), &authority).unwrap()
        };
        assert_eq!(read(serde_json::json!({})).response_mode(), ResponseMode::Query);
        assert_eq!(read(serde_json::json!({"response_modes_supported": ["query", "form_post"]})).response_mode(), ResponseMode::FormPost);
        assert_eq!(read(serde_json::json!({"response_modes_supported": ["query"]})).response_mode(), ResponseMode::Query);
        let none = read(serde_json::json!({})).endpoint(&authority, Endpoint::Authorization);
        assert_eq!(none.unwrap_err(), "it names no authorization_endpoint");
        let elsewhere = read(serde_json::json!({"device_authorization_endpoint": "https://evil.example/d"}));
        assert!(elsewhere.endpoint(&authority, Endpoint::DeviceAuthorization).unwrap_err().contains("another host"));
    }

    #[test]
    fn a_document_that_points_elsewhere_is_refused() {
        let own = "https://idp.example/a";
        for (issuer, endpoint) in [
            (own, "http://idp.example/token"),
            (own, "https://evil.example/token"),
            (own, "https://idp.example:8443/token"),
            (own, "https://idp.example.evil.example/token"),
            (own, "https://idp.example@evil.example/token"),
            (own, "https://user@idp.example/token"),
            (own, "https://login.microsoftonline.com/t/oauth2/v2.0/token"),
            (own, "/token"),
            (own, "https://idp.example/token#x"),
            (own, "https://idp.example/{tenant}/token"),
            (own, &format!("https://idp.example/{}", "a".repeat(70_000))),
            ("https://evil.example", "https://idp.example/token"),
            ("http://idp.example/a", "https://idp.example/token"),
            ("https://login.microsoftonline.com.evil.example/", "https://idp.example/token"),
            ("https://login.microsoftonline.com:444/", "https://idp.example/token"),
            ("idp", "https://idp.example/token"),
        ] {
            assert!(read(own, issuer, endpoint).is_err(), "{issuer} {endpoint}");
        }
    }
}
