//! Token requests: what is sent to the token endpoint, as a value that can be looked at without a network.

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use url::Url;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::client_auth::ClientAuth;
use super::scope::Scopes;
use crate::secret::Secret;

/// What is exchanged for a token (RFC 6749 section 1.3).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Grant<'a> {
    /// The client's own identity (RFC 6749 section 4.4).
    ClientCredentials,
    /// What a person's sign-in left behind (RFC 6749 section 6).
    RefreshToken(&'a Secret),
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

/// A request whose body is wiped when it is dropped.
pub(crate) type Request = http::Request<Zeroizing<Vec<u8>>>;

impl TokenRequest<'_> {
    /// The POST. `client_info` and the headers are those of MSAL Python, so that the platform treats both alike.
    pub(crate) fn to_http(&self) -> Request {
        request(&http::Method::POST, self.endpoint, self.caller, self.body())
    }

    fn body(&self) -> Zeroizing<Vec<u8>> {
        // Large enough for any secret: growing would leave copies behind.
        let mut form = url::form_urlencoded::Serializer::new(String::with_capacity(8192));
        form.append_pair("client_id", self.client_id).append_pair("scope", &self.scopes.to_string());
        match self.auth {
            ClientAuth::Public => {}
            ClientAuth::Secret(secret) => drop(form.append_pair("client_secret", secret.expose())),
        }
        match self.grant {
            Grant::ClientCredentials => form.append_pair("grant_type", "client_credentials"),
            Grant::RefreshToken(token) => form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", token.expose()),
        };
        form.append_pair("client_info", "1");
        if let Some(claims) = self.claims {
            form.append_pair("claims", claims);
        }
        Zeroizing::new(form.finish().into_bytes())
    }
}

/// The GET for an OpenID document.
pub(crate) fn document_request(document: &Url, caller: Caller) -> Request {
    request(&http::Method::GET, document, caller, Zeroizing::default())
}

fn request(method: &http::Method, url: &Url, caller: Caller, body: Zeroizing<Vec<u8>>) -> Request {
    let mut request = http::Request::builder()
        .method(method)
        .uri(url.as_str())
        .header(ACCEPT, "application/json")
        .header(ACCEPT_ENCODING, "identity")
        .header("client-request-id", caller.request_id.to_string())
        .header("return-client-request-id", "true")
        .header("x-client-sku", env!("CARGO_PKG_NAME"))
        .header("x-client-ver", env!("CARGO_PKG_VERSION"))
        .header("x-client-os", caller.os);
    if *method == http::Method::POST {
        // The capability makes the platform answer 429 with Retry-After where it would otherwise let requests fail later.
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").header("x-ms-lib-capability", "retry-after, h429");
    }
    request.body(body).expect("a parsed URL and constant headers make a request")
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
        assert_eq!(request.method(), http::Method::POST);
        assert_eq!(request.uri(), "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token");
        assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(request.headers()["client-request-id"], "00000000-0000-0000-0000-000000000000");
        assert_eq!(
            String::from_utf8_lossy(request.body()),
            "client_id=535fb089-9ff3-47b6-9bfb-4f1264799865\
             &scope=https%3A%2F%2Fgraph.microsoft.com%2F.default\
             &client_secret=q%7EW.g%26d%2BY+%C3%BC\
             &grant_type=client_credentials\
             &client_info=1\
             &claims=%7B%7D"
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
            String::from_utf8_lossy(request.body()),
            "client_id=04b07795-8ddb-461a-bbee-02f9e1bf7b46\
             &scope=https%3A%2F%2Fvault.azure.net%2F.default+offline_access+openid+profile\
             &grant_type=refresh_token\
             &refresh_token=1.AXs-_%2F%2B\
             &client_info=1"
        );
    }
}
