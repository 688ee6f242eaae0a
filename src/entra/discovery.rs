//! OpenID documents: where an authority that is not known has its token endpoint (OpenID Connect Discovery 1.0).

use url::Url;

use super::address::is_sendable;
use super::authority::Authority;
use super::cloud::Cloud;
use super::reply::Reply;

#[derive(serde::Deserialize)]
struct Document {
    issuer: String,
    token_endpoint: String,
}

/// The token endpoint that an authority's document names, or what is wrong with the document, as a fragment.
///
/// A document can only say where on the authority's own host the endpoint is. One that points elsewhere is refused: a
/// secret goes to the host that the user chose, and to no other.
pub(crate) fn token_endpoint(reply: &Reply, authority: &Authority) -> Result<Url, String> {
    let document: Document = reply.json()?;
    let tenant = authority.tenant().unwrap_or_default();
    let fill = |text: &str| text.replace("{tenantid}", tenant).replace("{tenant}", tenant);
    if authority.tenant().is_none() && document.token_endpoint.contains("{tenant") {
        return Err("its token_endpoint has a place for a tenant, and the authority has none".to_owned());
    }
    let issuer = Url::parse(&fill(&document.issuer)).map_err(|_| "its issuer is not a URL".to_owned())?;
    if !may_issue(authority, &issuer) {
        return Err(format!("its issuer is {}, which is not the authority's", shown(&issuer)));
    }
    let endpoint = Url::parse(&fill(&document.token_endpoint)).map_err(|_| "its token_endpoint is not a URL".to_owned())?;
    if endpoint.scheme() != authority.address().scheme() {
        return Err(format!("its token_endpoint is {}, which is not https", shown(&endpoint)));
    }
    if endpoint.fragment().is_some() || !is_sendable(&endpoint) {
        return Err("its token_endpoint is no address that a request can be sent to".to_owned());
    }
    if !endpoint.username().is_empty() || endpoint.password().is_some() {
        return Err("its token_endpoint holds a user name".to_owned());
    }
    if !authority.is_same_origin(&endpoint) && !is_alias(authority, &endpoint) {
        return Err(format!("its token_endpoint is at {}, another host than the authority's", shown(&endpoint)));
    }
    Ok(endpoint)
}

/// The tenant's id in the address of a token endpoint.
pub(crate) fn tenant_in(endpoint: &Url) -> Option<String> {
    let first = endpoint.path_segments()?.next()?;
    uuid::Uuid::try_parse(first).ok().map(|id| id.to_string())
}

/// Whether an issuer can be that of an authority: on its origin, or one of Microsoft's own (regional hosts and Entra
/// External ID included), which stand behind custom domains.
fn may_issue(authority: &Authority, issuer: &Url) -> bool {
    if authority.is_same_origin(issuer) {
        return true;
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
        token_endpoint(&reply::of(200, body), &Authority::parse_oidc(authority).unwrap()).map(String::from)
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
