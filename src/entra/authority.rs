//! Authorities: where a tenant's tokens come from, and how its endpoints follow from the address.
//!
//! Hosts are compared whole. For kinds that Microsoft runs the endpoints are built from host and tenant; any other host is asked
//! for its OpenID document first.

use url::Url;

use super::address::{Malformed, USUAL, is_loopback, malformed, parse};
use super::cloud::Cloud;

/// The kinds of authorities, which differ in their endpoints and rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A tenant of Entra, on a known login host or on loopback.
    Aad,
    /// Active Directory Federation Services, recognised by the path `/adfs`.
    AdFs,
    /// Azure AD B2C: a tenant and a policy.
    B2c,
    /// Entra External ID: a host below `ciamlogin.com`.
    Ciam,
    /// Any OpenID provider, named as one by `oidc_authority`.
    Oidc,
    /// A host that is not known: its OpenID document says where the endpoints are.
    Other,
}

/// What an authority has an address for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Where a person signs in (RFC 6749 section 3.1).
    Authorization,
    /// Where a sign-in on another device begins (RFC 8628 section 3.1).
    DeviceAuthorization,
    /// Where tokens are given (RFC 6749 section 3.2).
    Token,
}

impl Endpoint {
    /// Its name in an OpenID document (RFC 8414 section 2).
    pub(crate) fn name(self) -> &'static str {
        match self {
            Endpoint::Authorization => "authorization_endpoint",
            Endpoint::DeviceAuthorization => "device_authorization_endpoint",
            Endpoint::Token => "token_endpoint",
        }
    }
}

/// An authority: an origin, and what its path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    kind: Kind,
    /// Scheme, host and port; path `/`, no query.
    origin: Url,
    /// The tenant, where the kind has one and it is known.
    tenant: Option<String>,
    /// Whether the tenant is only what the host's name suggests.
    derived: bool,
    /// What stands before (`tfp`) and after (a B2C policy) the tenant in the path; the whole path for kinds without one.
    before: Vec<String>,
    after: Vec<String>,
    /// The B2C policy that is given as `?p=`.
    policy: Option<String>,
}

/// Endings of the hosts of Azure AD B2C, one a cloud.
const B2C_SUFFIXES: &[&str] = &[".b2clogin.com", ".b2clogin.us", ".b2clogin.cn", ".b2clogin.de"];

/// Ending of the hosts of Entra External ID.
const CIAM_SUFFIX: &str = ".ciamlogin.com";

impl Authority {
    /// The authority of a tenant in a cloud.
    pub(crate) fn of_cloud(cloud: Cloud) -> Authority {
        let origin = Url::parse(&format!("https://{}/", cloud.login_host())).expect("the known login hosts make URLs");
        Authority { kind: Kind::Aad, origin, tenant: None, derived: false, before: Vec::new(), after: Vec::new(), policy: None }
    }

    /// Reads an `authority` setting. The tenant may be missing: it can come from another setting.
    pub(crate) fn parse(text: &str) -> Result<Authority, Malformed> {
        let url = parse(text)?;
        let segments = segments(&url)?;
        let policy = policy(&url)?;
        let mut authority = Authority {
            kind: kind(&url, &segments, policy.is_some()),
            origin: origin(&url),
            tenant: None,
            derived: false,
            before: Vec::new(),
            after: Vec::new(),
            policy,
        };
        authority.read_path(segments)?;
        Ok(authority)
    }

    /// Reads an `oidc_authority` setting: the issuer, or the address of its OpenID document.
    pub(crate) fn parse_oidc(text: &str) -> Result<Authority, Malformed> {
        let issuer = text.trim_end_matches('/').trim_end_matches("/.well-known/openid-configuration");
        let url = parse(issuer)?;
        if url.query().is_some() {
            return Err(malformed("has a query", "leave out everything from the question mark on"));
        }
        let after = segments(&url)?;
        Ok(Authority { kind: Kind::Oidc, origin: origin(&url), tenant: None, derived: false, before: Vec::new(), after, policy: None })
    }

    fn read_path(&mut self, mut segments: Vec<String>) -> Result<(), Malformed> {
        if matches!(self.kind, Kind::Aad | Kind::Other) && segments.last().is_some_and(|last| last.eq_ignore_ascii_case("v2.0")) {
            segments.pop();
        }
        match self.kind {
            Kind::AdFs | Kind::Oidc => {
                self.after = segments;
                return Ok(());
            }
            Kind::B2c if segments.first().is_some_and(|first| first.eq_ignore_ascii_case("tfp")) => {
                self.before.push(segments.remove(0));
            }
            Kind::Ciam if segments.is_empty() => {
                let host = self.origin.host_str().unwrap_or_default();
                self.derived = true;
                self.tenant = Some(format!("{}.onmicrosoft.com", host.trim_end_matches(CIAM_SUFFIX)));
                return Ok(());
            }
            Kind::Ciam if segments.last().is_some_and(|last| last.eq_ignore_ascii_case("v2.0")) => {
                segments.pop();
            }
            _ => {}
        }
        let mut segments = segments.into_iter();
        self.tenant = segments.next();
        self.after = segments.collect();
        match self.kind {
            Kind::Aad | Kind::Ciam if !self.after.is_empty() => Err(malformed(
                "has more than a tenant in its path",
                format!("leave out everything after {}", self.tenant.as_deref().unwrap_or_default()),
            )),
            Kind::B2c if self.after.is_empty() && self.policy.is_none() => {
                Err(malformed("names no B2C policy", "write it as https://NAME.b2clogin.com/NAME.onmicrosoft.com/POLICY"))
            }
            _ => match &self.tenant {
                Some(tenant) if !is_tenant(tenant) => Err(malformed("does not have a tenant's id or domain name in its path", USUAL)),
                _ => Ok(()),
            },
        }
    }

    /// The same with another tenant; kinds without tenants stay as they are.
    pub(crate) fn with_tenant(mut self, tenant: &str) -> Authority {
        if self.has_tenants() {
            self.tenant = Some(tenant.to_owned());
            self.derived = false;
        }
        self
    }

    /// Whether accounts of a tenant can sign in: personal ones are told from those of organizations, where the authority does that.
    pub(crate) fn admits(&self, home_tenant: &str) -> bool {
        let is_personal = home_tenant.eq_ignore_ascii_case(PERSONAL_ACCOUNTS);
        match self.tenant().map(str::to_ascii_lowercase).as_deref() {
            Some("consumers" | PERSONAL_ACCOUNTS) => is_personal,
            Some("organizations") => !is_personal,
            _ => true,
        }
    }

    /// Whether an account's id can be one of the policy's: Azure AD B2C has one for each policy that a person signs in by, with the
    /// policy's name behind it.
    pub(crate) fn has_policy_of(&self, id: &str) -> bool {
        let (id, policy) = (id.to_ascii_lowercase(), self.policy.as_deref().or(self.after.first().map(String::as_str)));
        match policy.filter(|_| self.kind == Kind::B2c && id.contains("-b2c_1")) {
            Some(policy) => id.ends_with(&format!("-{}", policy.to_ascii_lowercase())),
            None => true,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the kind has tenants in its path.
    pub(crate) fn has_tenants(&self) -> bool {
        !matches!(self.kind, Kind::AdFs | Kind::Oidc)
    }

    /// The tenant that the address itself names.
    pub(crate) fn given_tenant(&self) -> Option<&str> {
        self.tenant().filter(|_| !self.derived)
    }

    pub(crate) fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// Scheme, host and port, with a slash behind.
    pub(crate) fn origin(&self) -> &str {
        self.origin.as_str()
    }

    /// What stands for the tenant in MSAL's cache: the first part of the path, which is `adfs` for AD FS. None for providers
    /// whose path says nothing about tenants.
    pub(crate) fn realm(&self) -> Option<&str> {
        match self.kind {
            Kind::AdFs => Some("adfs"),
            Kind::Oidc => None,
            Kind::Aad | Kind::B2c | Kind::Ciam | Kind::Other => self.tenant(),
        }
    }

    /// The cloud that the host belongs to; the public one where that cannot be told.
    pub(crate) fn cloud(&self) -> Cloud {
        let host = self.origin.host_str().unwrap_or_default();
        Cloud::of_login_host(host).unwrap_or(match host.rsplit_once('.') {
            Some((_, "us")) if matches!(self.kind, Kind::B2c | Kind::Ciam) => Cloud::UsGov,
            Some((_, "cn")) if matches!(self.kind, Kind::B2c | Kind::Ciam) => Cloud::China,
            _ => Cloud::Public,
        })
    }

    /// The address, as it is written in messages.
    pub(crate) fn address(&self) -> Url {
        self.at(&[])
    }

    /// An endpoint, where it follows from the address (Microsoft's pages "v2-oauth2-auth-code-flow", "v2-oauth2-device-code" and
    /// "v2-oauth2-client-creds-grant-flow" for Entra, "AD FS OpenID Connect/OAuth concepts" for AD FS); `None` where the OpenID
    /// document must be asked.
    pub(crate) fn endpoint(&self, endpoint: Endpoint) -> Option<Url> {
        let name = match endpoint {
            Endpoint::Authorization => "authorize",
            Endpoint::DeviceAuthorization => "devicecode",
            Endpoint::Token => "token",
        };
        match self.kind {
            Kind::Aad | Kind::B2c | Kind::Ciam => Some(self.at(&["oauth2", "v2.0", name])),
            Kind::AdFs => Some(self.at(&["oauth2", name])),
            Kind::Oidc | Kind::Other => None,
        }
    }

    /// The address of the OpenID document (OpenID Connect Discovery 1.0 section 4; Entra's has `v2.0` in it).
    pub(crate) fn openid_document(&self) -> Url {
        match self.kind {
            Kind::AdFs | Kind::Oidc => self.at(&[".well-known", "openid-configuration"]),
            _ => self.at(&["v2.0", ".well-known", "openid-configuration"]),
        }
    }

    /// Whether an address has the same scheme, host and port.
    pub(crate) fn is_same_origin(&self, other: &Url) -> bool {
        self.origin.scheme() == other.scheme()
            && self.origin.host() == other.host()
            && self.origin.port_or_known_default() == other.port_or_known_default()
    }

    /// The host, which is all lower case.
    pub(crate) fn host(&self) -> &str {
        self.origin.host_str().unwrap_or_default()
    }

    /// The host, with the port where it is not the usual one.
    pub(crate) fn address_host(&self) -> String {
        self.origin.port().map_or_else(|| self.host().to_owned(), |port| format!("{}:{port}", self.host()))
    }

    fn at(&self, end: &[&str]) -> Url {
        let mut url = self.origin.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().extend(&self.before).extend(self.tenant.as_deref()).extend(&self.after).extend(end);
        }
        if let Some(policy) = &self.policy {
            url.query_pairs_mut().append_pair("p", policy);
        }
        url
    }
}

/// Whether a text can name a tenant: an id or a domain name, by the rule of the Azure SDKs.
pub(crate) fn is_tenant(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    text.bytes().all(allowed) && text.bytes().any(|byte| byte.is_ascii_alphanumeric()) && text.len() <= 253
}

/// The tenant of personal accounts.
const PERSONAL_ACCOUNTS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Whether a tenant is named by its id.
pub(crate) fn is_tenant_id(tenant: &str) -> bool {
    uuid::Uuid::try_parse(tenant).is_ok()
}

/// Whether a tenant stands for many (`common`, `organizations`) or for personal accounts (`consumers`, also by its id).
pub(crate) fn is_shared_tenant(tenant: &str) -> bool {
    ["common", "organizations", "consumers", PERSONAL_ACCOUNTS].iter().any(|shared| tenant.eq_ignore_ascii_case(shared))
}

fn origin(url: &Url) -> Url {
    let mut origin = url.clone();
    origin.set_path("/");
    origin.set_query(None);
    origin
}

fn segments(url: &Url) -> Result<Vec<String>, Malformed> {
    let segments: Vec<String> =
        url.path_segments().into_iter().flatten().filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~');
    match segments.iter().all(|segment| segment.bytes().all(allowed)) {
        true => Ok(segments),
        false => Err(malformed("has characters in its path that no authority has", USUAL)),
    }
}

/// The policy of the form `?p=POLICY`, which is the only query that an authority may have.
fn policy(url: &Url) -> Result<Option<String>, Malformed> {
    let mut pairs = url.query_pairs();
    match (pairs.next(), pairs.next()) {
        (None, _) => Ok(None),
        (Some((name, value)), None) if name == "p" && !value.is_empty() => Ok(Some(value.into_owned())),
        _ => Err(malformed("has a query", "leave out everything from the question mark on")),
    }
}

fn kind(url: &Url, segments: &[String], has_policy: bool) -> Kind {
    let host = url.host_str().unwrap_or_default();
    let first = segments.first().map(|segment| segment.to_ascii_lowercase());
    let second = segments.get(1).map(|segment| segment.to_ascii_lowercase());
    if first.as_deref() == Some("adfs") {
        return Kind::AdFs;
    }
    let is_b2c_path = first.as_deref() == Some("tfp") || second.is_some_and(|segment| segment.starts_with("b2c_"));
    if has_policy || is_b2c_path || B2C_SUFFIXES.iter().any(|suffix| host.ends_with(suffix)) {
        return Kind::B2c;
    }
    if host.ends_with(CIAM_SUFFIX) {
        return Kind::Ciam;
    }
    // On loopback nobody but the user's own programs can answer, and they stand in for a tenant.
    let is_known = Cloud::of_login_host(host).is_some() || is_loopback(url);
    if is_known && first.as_deref() != Some("dstsv2") { Kind::Aad } else { Kind::Other }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> (Kind, Option<String>) {
        let authority = Authority::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        (authority.kind(), authority.endpoint(Endpoint::Token).map(String::from))
    }

    #[test]
    fn endpoints_follow_from_the_address() {
        for (text, kind, expected) in [
            ("https://login.microsoftonline.com/contoso.com", Kind::Aad, "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token"),
            (
                "https://LOGIN.microsoftonline.com/contoso.com/",
                Kind::Aad,
                "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token",
            ),
            (
                "https://login.microsoftonline.com:443/contoso.com/v2.0",
                Kind::Aad,
                "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token",
            ),
            ("https://login.microsoftonline.us/a", Kind::Aad, "https://login.microsoftonline.us/a/oauth2/v2.0/token"),
            ("http://localhost:8080/t", Kind::Aad, "http://localhost:8080/t/oauth2/v2.0/token"),
            ("https://[::1]:8443/t", Kind::Aad, "https://[::1]:8443/t/oauth2/v2.0/token"),
            ("https://adfs.contoso.com/adfs", Kind::AdFs, "https://adfs.contoso.com/adfs/oauth2/token"),
            (
                "https://contoso.b2clogin.com/contoso.onmicrosoft.com/B2C_1_in",
                Kind::B2c,
                "https://contoso.b2clogin.com/contoso.onmicrosoft.com/B2C_1_in/oauth2/v2.0/token",
            ),
            (
                "https://contoso.b2clogin.com/tfp/contoso.onmicrosoft.com/B2C_1_in",
                Kind::B2c,
                "https://contoso.b2clogin.com/tfp/contoso.onmicrosoft.com/B2C_1_in/oauth2/v2.0/token",
            ),
            (
                "https://contoso.b2clogin.com/contoso.onmicrosoft.com?p=B2C_1_in",
                Kind::B2c,
                "https://contoso.b2clogin.com/contoso.onmicrosoft.com/oauth2/v2.0/token?p=B2C_1_in",
            ),
            ("https://contoso.ciamlogin.com", Kind::Ciam, "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/oauth2/v2.0/token"),
            ("https://contoso.ciamlogin.com/1234", Kind::Ciam, "https://contoso.ciamlogin.com/1234/oauth2/v2.0/token"),
        ] {
            assert_eq!(endpoint(text), (kind, Some(expected.to_owned())), "{text}");
        }
    }

    #[test]
    fn unknown_hosts_are_asked_for_their_document() {
        for (text, document) in [
            ("https://sts.contoso.example/t", "https://sts.contoso.example/t/v2.0/.well-known/openid-configuration"),
            ("https://sts.contoso.example/t/v2.0", "https://sts.contoso.example/t/v2.0/.well-known/openid-configuration"),
            ("https://westus.login.microsoft.com/t", "https://westus.login.microsoft.com/t/v2.0/.well-known/openid-configuration"),
        ] {
            assert_eq!(endpoint(text), (Kind::Other, None));
            assert_eq!(Authority::parse(text).unwrap().openid_document().as_str(), document);
        }
        for text in ["https://idp.example/a/", "https://idp.example/a/.well-known/openid-configuration"] {
            let oidc = Authority::parse_oidc(text).unwrap();
            assert_eq!(oidc.openid_document().as_str(), "https://idp.example/a/.well-known/openid-configuration");
        }
    }

    #[test]
    fn a_tenant_can_be_put_in() {
        let authority = Authority::parse("https://login.microsoftonline.com/").unwrap();
        assert_eq!(authority.tenant(), None);
        assert_eq!(authority.with_tenant("a.b").endpoint(Endpoint::Token).unwrap().path(), "/a.b/oauth2/v2.0/token");
        let b2c = Authority::parse("https://contoso.b2clogin.com/tfp/x.com/B2C_1_in").unwrap();
        assert_eq!(b2c.with_tenant("y.com").endpoint(Endpoint::Token).unwrap().path(), "/tfp/y.com/B2C_1_in/oauth2/v2.0/token");
    }

    #[test]
    fn what_only_looks_right_is_refused() {
        for text in [
            "login.microsoftonline.com/t",
            "http://login.microsoftonline.com/t",
            "ftp://login.microsoftonline.com/t",
            "https://login.microsoftonline.com.evil.example/t",
            "https://evil-login.microsoftonline.com/t",
            "https://login.microsoftonline.com@evil.example/t",
            "https://user:pass@login.microsoftonline.com/t",
            "https://login.microsoftonline.com./t",
            "https://login.microsoftonline.com:8443/t",
            "https://login.microsoftonline.com\\@evil.example/t",
            "https://login.microsoftonline.com/t#x",
            "https://login.microsoftonline.com/t?x=y",
            "https://login.microsoftonline.com/t/oauth2/v2.0/token",
            "https://login.microsoftonlin.com/t",
            "https://login.micr\u{43e}softonline.com/t",
            "https://login%2Emicrosoftonline.com/t",
            "https://login.microsoftonline.com/a b",
            "https://login.microsoftonline.com/a%2fb",
            "https:///t",
            "https://a\"b.example/t",
            "https://@login.microsoftonline.com/t",
            "https://0x7f.1/t",
            "https://2130706433/t",
            "https://login.microsoftonline.com/t/../../x",
            "https://login.microsoftonline.com/%2e%2e/x",
            "https://contoso.b2clogin.com/contoso.onmicrosoft.com",
        ] {
            assert!(Authority::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_account_of_b2c_is_one_of_a_policy() {
        for authority in [
            "https://contoso.b2clogin.com/contoso.onmicrosoft.com/B2C_1_in",
            "https://contoso.b2clogin.com/contoso.onmicrosoft.com?p=B2C_1_In",
        ] {
            let authority = Authority::parse(authority).unwrap();
            assert!(
                authority.has_policy_of("0123-b2c_1_in") && authority.has_policy_of("0123") && !authority.has_policy_of("0123-b2c_1_up")
            );
        }
        assert!(Authority::parse("https://login.microsoftonline.com/t").unwrap().has_policy_of("0123-b2c_1_up"));
    }

    #[test]
    fn tenants_are_ids_or_domains() {
        assert!(is_tenant("contoso.onmicrosoft.com") && is_tenant("11111111-2222-3333-4444-555555555555"));
        assert!(!is_tenant("") && !is_tenant("..") && !is_tenant("a/b") && !is_tenant("a b") && !is_tenant("é"));
        assert!(is_shared_tenant("Common") && is_shared_tenant("9188040D-6c67-4c5b-b112-36a304b66dad") && !is_shared_tenant("contoso.com"));
    }
}
