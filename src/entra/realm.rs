//! Who checks the password of an account: Entra itself, or the federation that the account's domain belongs to (user realm
//! discovery, as MSAL asks for it).

use url::Url;

use super::address;
use super::authority::{Authority, Kind};
use super::cloud::Cloud;
use super::grant::{self, Caller};
use super::reply::Reply;
use super::wstrust;
use crate::redact::foreign;
use crate::request::Request;

/// What an assertion is for, where the answer does not say.
const AUDIENCE: &str = "urn:federation:MicrosoftOnline";

/// The domain that stands for personal accounts, whatever theirs is.
const PERSONAL: &str = "live.com";

/// Who checks an account's password.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Realm {
    /// The identity provider of the account's domain.
    Federated(Box<Federation>),
    /// Entra.
    Managed,
    /// Microsoft's service for personal accounts, which takes passwords on its own pages only.
    Personal,
    /// Nobody that is known: the domain is not one of an organization.
    Unknown,
}

/// An identity provider that an organization runs by itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Federation {
    /// Where its metadata (MEX) document is.
    pub(crate) metadata: Option<Url>,
    /// Where it takes names and passwords; for those without metadata.
    pub(crate) active: Option<Url>,
    /// Whom its assertions are to be for.
    pub(crate) audience: String,
    /// How it speaks: `WSTrust`, or something that takes no passwords from programs.
    pub(crate) protocol: Option<String>,
}

/// Whether an authority knows of realms: Entra alone does, and the others check passwords themselves.
pub(crate) fn has_realms(authority: &Authority) -> bool {
    matches!(authority.kind(), Kind::Aad | Kind::Other)
}

/// Whether an authority that knows nothing at all of a name's realm may check its password: not all that speak Entra's protocols
/// know of realms, but Microsoft's own do.
pub(crate) fn may_lack_realms(authority: &Authority, username: &str) -> bool {
    Cloud::of_login_host(authority.host()).is_none() && username.contains('@')
}

/// The GET that asks for an account's realm. The name is encoded whole: it may hold whatever a person types.
///
/// # Errors
///
/// A fragment on the name, where it makes no address.
pub(crate) fn realm_request(authority: &Authority, username: &str, caller: Caller) -> Result<Request, String> {
    let name: String = url::form_urlencoded::byte_serialize(username.as_bytes()).collect();
    let name = name.replace('+', "%20");
    // A parser takes them for folders.
    if matches!(name.as_str(), "" | "." | "..") {
        return Err("is not one that anybody has".to_owned());
    }
    let url = Url::parse(&format!("{}common/userrealm/{name}?api-version=1.0", authority.origin()));
    let url = url.ok().filter(address::is_sendable).ok_or("is longer than any")?;
    Ok(grant::document_request(&url, caller))
}

#[derive(serde::Deserialize)]
struct Body {
    account_type: String,
    domain_name: Option<String>,
    federation_protocol: Option<String>,
    federation_metadata_url: Option<String>,
    federation_active_auth_url: Option<String>,
    cloud_audience_urn: Option<String>,
}

/// Reads the answer.
///
/// # Errors
///
/// A fragment that follows "the answer cannot be used: ".
pub(crate) fn realm(reply: &Reply, authority: &Authority) -> Result<Realm, String> {
    let body: Body = reply.json()?;
    if body.domain_name.is_some_and(|name| name.eq_ignore_ascii_case(PERSONAL)) {
        return Ok(Realm::Personal);
    }
    match body.account_type.to_ascii_lowercase().as_str() {
        "managed" => Ok(Realm::Managed),
        "unknown" => Ok(Realm::Unknown),
        "federated" => {
            let url = |name: &str, text: Option<String>| {
                text.filter(|text| !text.is_empty()).map(|text| endpoint(name, &text, authority)).transpose()
            };
            Ok(Realm::Federated(Box::new(Federation {
                metadata: url("federation_metadata_url", body.federation_metadata_url)?,
                active: url("federation_active_auth_url", body.federation_active_auth_url)?,
                audience: body.cloud_audience_urn.filter(|urn| !urn.is_empty()).unwrap_or_else(|| AUDIENCE.to_owned()),
                protocol: body.federation_protocol.filter(|protocol| !protocol.is_empty()),
            })))
        }
        other => Err(format!("the account's type is {}, which is none that is known", foreign(other))),
    }
}

/// A password goes to no address but https ones; plain http is for authorities that are on this machine themselves.
fn endpoint(name: &str, text: &str, authority: &Authority) -> Result<Url, String> {
    let url = Url::parse(text.trim()).map_err(|_| format!("its {name} is not a URL"))?;
    wstrust::check_address(&url, &authority.address()).map_err(|what| format!("its {name} {what}"))?;
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::super::reply;
    use super::*;
    use uuid::Uuid;

    fn of(body: &str) -> Result<Realm, String> {
        realm(&reply::of(200, body), &Authority::parse("https://login.microsoftonline.com/organizations").unwrap())
    }

    #[test]
    fn a_name_is_encoded_whole() {
        let authority = Authority::parse("https://login.microsoftonline.com/contoso.com").unwrap();
        let caller = Caller { request_id: Uuid::nil(), os: "linux" };
        let url = |name: &str| realm_request(&authority, name, caller).map(|request| String::from(request.url));
        for (name, expected) in [
            ("adele@contoso.com", "adele%40contoso.com"),
            ("o'neil+x@contoso.com", "o%27neil%2Bx%40contoso.com"),
            ("a b/../?c#d%2f@x.y", "a%20b%2F..%2F%3Fc%23d%252f%40x.y"),
            ("jürgen@münchen.de", "j%C3%BCrgen%40m%C3%BCnchen.de"),
            ("+49 89 1234", "%2B49%2089%201234"),
        ] {
            let expected = format!("https://login.microsoftonline.com/common/userrealm/{expected}?api-version=1.0");
            assert_eq!(url(name), Ok(expected), "{name}");
        }
        for name in ["", ".", "..", &"x".repeat(3000)] {
            assert!(url(name).is_err(), "{name}");
        }
    }

    #[test]
    fn an_account_is_managed_federated_personal_or_unknown() {
        assert_eq!(of(r#"{"ver":"1.0","account_type":"Managed","domain_name":"contoso.com"}"#), Ok(Realm::Managed));
        assert_eq!(of(r#"{"account_type":"managed"}"#), Ok(Realm::Managed));
        assert_eq!(of(r#"{"ver":"1.0","account_type":"Unknown"}"#), Ok(Realm::Unknown));
        assert_eq!(
            of(r#"{"account_type":"Federated","domain_name":"LIVE.com","federation_metadata_url":"http://x"}"#),
            Ok(Realm::Personal)
        );
        let federation = |metadata: &str| Federation {
            metadata: Some(Url::parse(metadata).unwrap()),
            active: None,
            audience: AUDIENCE.to_owned(),
            protocol: Some("WSTrust".to_owned()),
        };
        assert_eq!(
            of(r#"{"account_type":"Federated","federation_protocol":"WSTrust","federation_active_auth_url":"",
                "federation_metadata_url":"https://sts.contoso.com/adfs/services/trust/mex"}"#),
            Ok(Realm::Federated(Box::new(federation("https://sts.contoso.com/adfs/services/trust/mex"))))
        );
    }

    #[test]
    fn a_password_is_sent_to_no_odd_address() {
        for address in [
            "http://sts.contoso.com/mex",
            "http://localhost/mex",
            "https://user:pass@sts.contoso.com/mex",
            "ftp://sts.contoso.com",
            "//sts.contoso.com",
            "/mex",
        ] {
            for member in ["federation_metadata_url", "federation_active_auth_url"] {
                let what = of(&format!(r#"{{"account_type":"Federated","{member}":"{address}"}}"#)).unwrap_err();
                assert!(what.starts_with(&format!("its {member} ")), "{what}");
            }
        }
        let local = Authority::parse("http://localhost:8080/t").unwrap();
        let body = r#"{"account_type":"Federated","federation_metadata_url":"http://127.0.0.1:9/mex"}"#;
        assert!(realm(&reply::of(200, body), &local).is_ok());
        let local = Authority::parse("https://localhost:8080/t").unwrap();
        assert!(realm(&reply::of(200, body), &local).is_err(), "what began with https goes on with https");
    }

    #[test]
    fn who_is_not_microsofts_may_know_of_no_realms() {
        for (authority, name, expected) in [
            ("https://login.microsoftonline.com/t", "a@b.c", false),
            ("https://login.microsoftonline.us/t", "a@b.c", false),
            ("https://localhost:8443/t", "a@b.c", true),
            ("https://sts.contoso.example/t", "a@b.c", true),
            ("https://localhost:8443/t", "+49 89 1234", false),
        ] {
            assert_eq!(may_lack_realms(&Authority::parse(authority).unwrap(), name), expected, "{authority} {name}");
        }
    }

    #[test]
    fn what_does_not_say_is_not_guessed() {
        for body in ["", "{}", "<html>", r#"{"account_type":7}"#, r#"{"account_type":"Odd"}"#, "[]"] {
            assert!(of(body).is_err(), "{body}");
        }
    }
}
