//! Token requests: what is sent to the token endpoint, as a value that can be looked at without a network.

use url::Url;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::client_auth::ClientAuth;
use super::scope::Scopes;
use super::wstrust::AssertionKind;
use crate::request::{ANSWER_LIMIT, FORM, Method, Request};
use crate::secret::Secret;

/// What is exchanged for a token (RFC 6749 section 1.3).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Grant<'a> {
    /// What a sign-in through the browser gave (RFC 6749 section 4.1.3; RFC 7636 section 4.5).
    AuthorizationCode { code: &'a Secret, redirect_uri: &'a str, code_verifier: &'a Secret },
    /// The client's own identity (RFC 6749 section 4.4).
    ClientCredentials,
    /// A sign-in on another device (RFC 8628 section 3.4).
    DeviceCode(&'a Secret),
    /// A person's name and password (RFC 6749 section 4.3).
    Password { username: &'a str, password: &'a Secret },
    /// What a person's sign-in left behind (RFC 6749 section 6).
    RefreshToken(&'a Secret),
    /// What a person's federation says of them (RFC 7522 section 2.1, and its older sibling for SAML 1.1): the assertion in base64url.
    Saml { kind: AssertionKind, assertion: &'a Secret },
}

/// Everything that a token request says.
#[derive(Debug)]
pub(crate) struct TokenRequest<'a> {
    pub(crate) endpoint: &'a Url,
    pub(crate) client_id: &'a str,
    pub(crate) auth: &'a ClientAuth,
    pub(crate) grant: Grant<'a>,
    pub(crate) scopes: &'a Scopes,
    /// A claims request, as JSON (OpenID Connect Core section 5.5).
    pub(crate) claims: Option<&'a str>,
    pub(crate) caller: Caller,
}

/// Who sends a request, as the platform's logs have it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    /// Identifies the request.
    pub(crate) request_id: Uuid,
    /// The operating system.
    pub(crate) os: &'static str,
}

impl TokenRequest<'_> {
    /// The POST. `client_info` and the headers are those of MSAL Python, so that the platform treats both alike.
    pub(crate) fn to_http(&self) -> Request {
        request(Method::Post, self.endpoint, self.caller, self.body())
    }

    fn body(&self) -> Zeroizing<Vec<u8>> {
        // Large enough for any secret: growing would leave copies behind.
        let largest = match self.grant {
            Grant::Saml { assertion, .. } => assertion.expose().len(),
            // A byte may take three.
            Grant::Password { password, .. } => 3 * password.expose().len(),
            _ => 0,
        };
        let mut form = url::form_urlencoded::Serializer::new(String::with_capacity(8192 + largest));
        form.append_pair("client_id", self.client_id);
        // A device code has the scopes that it was asked for with (RFC 8628 section 3.4).
        if !matches!(self.grant, Grant::DeviceCode(_)) {
            form.append_pair("scope", &self.scopes.to_string());
        }
        match self.auth {
            ClientAuth::Public => {}
            ClientAuth::Secret(secret) => drop(form.append_pair("client_secret", secret.expose())),
        }
        match self.grant {
            Grant::AuthorizationCode { code, redirect_uri, code_verifier } => form
                .append_pair("grant_type", "authorization_code")
                .append_pair("code", code.expose())
                .append_pair("redirect_uri", redirect_uri)
                .append_pair("code_verifier", code_verifier.expose()),
            Grant::ClientCredentials => form.append_pair("grant_type", "client_credentials"),
            Grant::DeviceCode(code) => {
                form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:device_code").append_pair("device_code", code.expose())
            }
            Grant::Password { username, password } => {
                form.append_pair("grant_type", "password").append_pair("username", username).append_pair("password", password.expose())
            }
            Grant::RefreshToken(token) => form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", token.expose()),
            Grant::Saml { kind, assertion } => {
                form.append_pair("grant_type", kind.grant_type()).append_pair("assertion", assertion.expose())
            }
        };
        form.append_pair("client_info", "1");
        if let Some(claims) = self.claims {
            form.append_pair("claims", claims);
        }
        Zeroizing::new(form.finish().into_bytes())
    }
}

/// The POST that begins a sign-in on another device (RFC 8628 section 3.1).
pub(crate) fn device_request(endpoint: &Url, client_id: &str, scopes: &Scopes, claims: Option<&str>, caller: Caller) -> Request {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("client_id", client_id).append_pair("scope", &scopes.to_string());
    if let Some(claims) = claims {
        form.append_pair("claims", claims);
    }
    request(Method::Post, endpoint, caller, Zeroizing::new(form.finish().into_bytes()))
}

/// The GET for a document in JSON.
pub(crate) fn document_request(document: &Url, caller: Caller) -> Request {
    request(Method::Get, document, caller, Zeroizing::default())
}

fn request(method: Method, url: &Url, caller: Caller, body: Zeroizing<Vec<u8>>) -> Request {
    let mut headers = vec![
        ("accept", "application/json".to_owned()),
        ("accept-encoding", "identity".to_owned()),
        ("client-request-id", caller.request_id.to_string()),
        ("return-client-request-id", "true".to_owned()),
        ("x-client-sku", env!("CARGO_PKG_NAME").to_owned()),
        ("x-client-ver", env!("CARGO_PKG_VERSION").to_owned()),
        ("x-client-os", caller.os.to_owned()),
    ];
    if method == Method::Post {
        headers.push(("content-type", FORM.to_owned()));
        // The capability makes the platform answer 429 with Retry-After where it would otherwise let requests fail later.
        headers.push(("x-ms-lib-capability", "retry-after, h429".to_owned()));
    }
    Request { method, url: url.clone(), headers, body, answer_limit: ANSWER_LIMIT }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_credentials_with_a_secret_byte_for_byte() {
        let request = TokenRequest {
            endpoint: &Url::parse("https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token").unwrap(),
            client_id: "535fb089-9ff3-47b6-9bfb-4f1264799865",
            auth: &ClientAuth::Secret(Secret::new("q~W.g&d+Y ü".to_owned())),
            grant: Grant::ClientCredentials,
            scopes: &Scopes::new(["https://graph.microsoft.com/.default".to_owned()]),
            claims: Some("{}"),
            caller: Caller { request_id: Uuid::nil(), os: "linux" },
        }
        .to_http();
        assert_eq!(request.method, Method::Post);
        assert_eq!(request.url.as_str(), "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token");
        let header = |wanted: &str| request.headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str());
        assert_eq!(header("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(header("client-request-id"), Some("00000000-0000-0000-0000-000000000000"));
        assert_eq!(
            String::from_utf8_lossy(&request.body),
            "client_id=535fb089-9ff3-47b6-9bfb-4f1264799865\
             &scope=https%3A%2F%2Fgraph.microsoft.com%2F.default\
             &client_secret=q%7EW.g%26d%2BY+%C3%BC\
             &grant_type=client_credentials\
             &client_info=1\
             &claims=%7B%7D"
        );
    }

    fn body(grant: Grant<'_>, auth: &ClientAuth) -> String {
        let request = TokenRequest {
            endpoint: &Url::parse("https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token").unwrap(),
            client_id: "app",
            auth,
            grant,
            scopes: &Scopes::new(["User.Read".to_owned()]).with_reserved(),
            claims: None,
            caller: Caller { request_id: Uuid::nil(), os: "linux" },
        };
        String::from_utf8_lossy(&request.body()).into_owned()
    }

    #[test]
    fn a_code_and_a_device_code_byte_for_byte() {
        let (code, verifier) = (Secret::new("0.A&c".to_owned()), Secret::new("v-_".to_owned()));
        let grant = Grant::AuthorizationCode { code: &code, redirect_uri: "http://localhost:40123", code_verifier: &verifier };
        let start = "client_id=app&scope=User.Read+offline_access+openid+profile";
        assert_eq!(
            body(grant, &ClientAuth::Public),
            format!(
                "{start}&grant_type=authorization_code&code=0.A%26c&redirect_uri=http%3A%2F%2Flocalhost%3A40123&code_verifier=v-_&client_info=1"
            )
        );
        let secret = ClientAuth::Secret(Secret::new("s".to_owned()));
        assert!(body(grant, &secret).starts_with(&format!("{start}&client_secret=s&grant_type=authorization_code")));
        assert_eq!(
            body(Grant::DeviceCode(&code), &ClientAuth::Public),
            "client_id=app&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=0.A%26c&client_info=1"
        );
    }

    #[test]
    fn a_refresh_token_of_a_public_client_byte_for_byte() {
        let request = TokenRequest {
            endpoint: &Url::parse("https://login.microsoftonline.com/organizations/oauth2/v2.0/token").unwrap(),
            client_id: "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
            auth: &ClientAuth::Public,
            grant: Grant::RefreshToken(&Secret::new("1.AXs-_/+".to_owned())),
            scopes: &Scopes::new(["https://vault.azure.net/.default".to_owned()]).with_reserved(),
            claims: None,
            caller: Caller { request_id: Uuid::nil(), os: "linux" },
        }
        .to_http();
        assert_eq!(
            String::from_utf8_lossy(&request.body),
            "client_id=04b07795-8ddb-461a-bbee-02f9e1bf7b46\
             &scope=https%3A%2F%2Fvault.azure.net%2F.default+offline_access+openid+profile\
             &grant_type=refresh_token\
             &refresh_token=1.AXs-_%2F%2B\
             &client_info=1"
        );
    }
}
