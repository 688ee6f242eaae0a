//! A token as text, in each of the forms that its consumers read.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;
use zeroize::Zeroizing;

use crate::entra::token::TokenSet;
use crate::secret::Secret;

/// The form of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Token,
    Json,
    Header,
    Curl,
    /// `export NAME='…'`.
    Env {
        name: String,
    },
    Az,
    /// In that apiVersion.
    ExecCredential {
        api_version: &'static str,
    },
    None,
}

/// Where a token came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Cache,
    Network,
    RefreshToken,
}

impl Source {
    fn name(self) -> &'static str {
        match self {
            Source::Cache => "cache",
            Source::Network => "network",
            Source::RefreshToken => "refresh_token",
        }
    }
}

/// The last second that can be written as a date: the end of the year 9999.
pub(super) const LATEST: u64 = 253_402_300_799;

/// A token, and what it was asked for.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) tokens: TokenSet,
    pub(crate) client_id: String,
    pub(crate) tenant: Option<String>,
    /// The scopes that were asked for.
    pub(crate) scope: String,
    pub(crate) source: Source,
}

/// The result as it is written, final line break included. It holds the token, so it is wiped when dropped.
pub(crate) fn render(format: &Format, issued: &Issued, now: SystemTime) -> Secret {
    let token = issued.tokens.access_token.expose();
    Secret::new(match format {
        Format::Token => format!("{token}\n"),
        Format::Json => lines(&json(issued, now)),
        Format::Header => format!("Authorization: Bearer {token}\n"),
        Format::Curl => format!("header = \"Authorization: Bearer {token}\"\n"),
        // A bearer token's characters (RFC 6750) hold no quote, so nothing can end the quoting.
        Format::Env { name } => format!("export {name}='{token}'\n"),
        Format::Az => lines(&az(issued)),
        Format::ExecCredential { api_version } => lines(&exec_credential(issued, api_version)),
        Format::None => String::new(),
    })
}

fn lines(value: &serde_json::Value) -> String {
    let text = Zeroizing::new(format!("{value:#}\n"));
    super::report::ascii(&text)
}

fn json(issued: &Issued, now: SystemTime) -> serde_json::Value {
    let expires_at = issued.tokens.expires_at;
    let mut object = json!({
        "access_token": issued.tokens.access_token.expose(),
        "token_type": "Bearer",
        "expires_in": expires_at.map(|at| at.duration_since(now).unwrap_or_default().as_secs()),
        "expires_on": expires_at.map(unix),
        "expires_at": expires_at.map(rfc3339),
        "scope": issued.tokens.scope.as_deref().unwrap_or(&issued.scope),
        "client_id": issued.client_id,
        "tenant_id": issued.tenant,
        "source": issued.source.name(),
    });
    if let Some(token) = &issued.tokens.refresh_token {
        object["refresh_token"] = token.expose().into();
    }
    if let Some(token) = &issued.tokens.id_token {
        object["id_token"] = token.expose().into();
    }
    if let Some(person) = &issued.tokens.person {
        object["account"] = json!({
            "username": person.username,
            "home_account_id": person.home_account_id,
            "name": person.name,
        });
    }
    object
}

/// What `az account get-access-token` prints: `expiresOn` is local time with six digits of fraction, which the SDKs that
/// call it parse; `expires_on` is the same in Unix seconds.
fn az(issued: &Issued) -> serde_json::Value {
    let expires_at = issued.tokens.expires_at;
    let local = expires_at.map(|at| timestamp(at).to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S.000000").to_string());
    json!({
        "accessToken": issued.tokens.access_token.expose(),
        "expiresOn": local,
        "expires_on": expires_at.map(unix),
        "tenant": issued.tenant,
        "tokenType": "Bearer",
    })
}

/// kubectl's client-go credential (<https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins>).
fn exec_credential(issued: &Issued, api_version: &str) -> serde_json::Value {
    let mut status = json!({ "token": issued.tokens.access_token.expose() });
    // Without a lifetime kubectl keeps the token until the server refuses it.
    if let Some(at) = issued.tokens.expires_at {
        status["expirationTimestamp"] = rfc3339(at).into();
    }
    json!({ "apiVersion": api_version, "kind": "ExecCredential", "status": status })
}

fn unix(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn timestamp(at: SystemTime) -> Timestamp {
    Timestamp::from_second(unix(at).try_into().unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX)
}

pub(super) fn rfc3339(at: SystemTime) -> String {
    timestamp(at).to_string()
}

/// The apiVersion that kubectl asks for in `KUBERNETES_EXEC_INFO`; `v1beta1` where it says nothing, as kubelogin does.
/// `Err` is a version that is not known.
pub(crate) fn exec_api_version(exec_info: Option<&str>) -> Result<&'static str, String> {
    const V1: &str = "client.authentication.k8s.io/v1";
    const V1BETA1: &str = "client.authentication.k8s.io/v1beta1";
    let Some(info) = exec_info else { return Ok(V1BETA1) };
    let info: serde_json::Value = serde_json::from_str(info).map_err(|_| "is not JSON".to_owned())?;
    match info["apiVersion"].as_str() {
        Some(V1) => Ok(V1),
        Some(V1BETA1) => Ok(V1BETA1),
        Some(other) => Err(format!("asks for the apiVersion {}, which is not known", crate::redact::foreign(other))),
        None => Err("names no apiVersion".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn issued(expires_at: Option<u64>) -> Issued {
        let expires_at = expires_at.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
        Issued {
            tokens: TokenSet { expires_at, ..TokenSet::new(Secret::new("eyJ.a.b".to_owned())) },
            client_id: "app".to_owned(),
            tenant: Some("contoso.com".to_owned()),
            scope: "r/.default".to_owned(),
            source: Source::Network,
        }
    }

    fn text(format: &Format, expires_at: Option<u64>) -> String {
        render(format, &issued(expires_at), UNIX_EPOCH + Duration::from_secs(1_000)).expose().to_owned()
    }

    #[test]
    fn line_forms_are_exact() {
        for (format, expected) in [
            (Format::Token, "eyJ.a.b\n"),
            (Format::Header, "Authorization: Bearer eyJ.a.b\n"),
            (Format::Curl, "header = \"Authorization: Bearer eyJ.a.b\"\n"),
            (Format::Env { name: "T".to_owned() }, "export T='eyJ.a.b'\n"),
            (Format::None, ""),
        ] {
            assert_eq!(text(&format, Some(4_600)), expected);
        }
    }

    #[test]
    fn json_forms_are_exact() {
        let value = |format: &Format, at| serde_json::from_str::<serde_json::Value>(&text(format, at)).unwrap();
        assert_eq!(
            value(&Format::Json, Some(4_600)),
            json!({"access_token": "eyJ.a.b", "token_type": "Bearer", "expires_in": 3600, "expires_on": 4600, "expires_at": "1970-01-01T01:16:40Z",
                "scope": "r/.default", "client_id": "app", "tenant_id": "contoso.com", "source": "network"})
        );
        assert_eq!(value(&Format::Json, None)["expires_on"], json!(null));
        let v1 = Format::ExecCredential { api_version: "client.authentication.k8s.io/v1" };
        assert_eq!(
            value(&v1, Some(4_600)),
            json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
                "status": {"token": "eyJ.a.b", "expirationTimestamp": "1970-01-01T01:16:40Z"}})
        );
        assert_eq!(value(&v1, None)["status"], json!({"token": "eyJ.a.b"}));
        assert_eq!(value(&Format::Az, Some(4_600))["expires_on"], json!(4600));
    }

    #[test]
    fn kubectl_is_answered_in_its_own_version() {
        let info = |version: &str| {
            format!(r#"{{"apiVersion":"client.authentication.k8s.io/{version}","kind":"ExecCredential","spec":{{"interactive":false}}}}"#)
        };
        assert_eq!(exec_api_version(None), Ok("client.authentication.k8s.io/v1beta1"));
        assert_eq!(exec_api_version(Some(&info("v1"))), Ok("client.authentication.k8s.io/v1"));
        assert_eq!(exec_api_version(Some(&info("v1beta1"))), Ok("client.authentication.k8s.io/v1beta1"));
        assert!(
            exec_api_version(Some(&info("v1alpha1"))).is_err()
                && exec_api_version(Some("{}")).is_err()
                && exec_api_version(Some("x")).is_err()
        );
    }
}
