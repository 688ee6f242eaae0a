//! ID tokens: what has to be right with the word on who signed in (OpenID Connect Core section 3.1.3.7).
//!
//! The token came straight from the token endpoint over TLS, which stands for its signature.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::authority::{Authority, Kind, is_shared_tenant};
use super::discovery;
use super::person;
use crate::redact::foreign;
use crate::secret::Secret;

/// How far this machine's clock and the platform's may be apart.
const SLACK: Duration = Duration::from_mins(5);

/// What an ID token is held against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) authority: &'a Authority,
    /// The issuer that the authority's OpenID document names, where it was read.
    pub(crate) issuer: Option<&'a str>,
    /// Who the platform itself says it is, where it does.
    pub(crate) home_account_id: Option<&'a str>,
    /// What the sign-in was begun with; none where tokens are renewed.
    pub(crate) nonce: Option<&'a str>,
    /// When a sign-in ended that this is the word on; none where tokens are renewed: what that gave has to be kept, whatever this
    /// machine's clock says.
    pub(crate) now: Option<SystemTime>,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    aud: Option<Value>,
    azp: Option<String>,
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
    nonce: Option<String>,
    tid: Option<String>,
    oid: Option<String>,
}

/// Checks audience, issuer, times and nonce.
///
/// # Errors
///
/// What is wrong, as a fragment that follows "the answer cannot be used: ".
pub(crate) fn check(token: &Secret, expected: &Expected<'_>) -> Result<(), String> {
    let claims: Claims = person::claims(token.expose()).ok_or("its id_token cannot be read")?;
    check_audience(&claims, expected.client_id)?;
    check_issuer(&claims, expected)?;
    check_person(&claims, expected.home_account_id)?;
    expected.now.map_or(Ok(()), |now| check_times(&claims, now))?;
    match expected.nonce {
        Some(nonce) if claims.nonce.as_deref() != Some(nonce) => Err("its id_token is of another sign-in (nonce)".to_owned()),
        _ => Ok(()),
    }
}

fn check_audience(claims: &Claims, client_id: &str) -> Result<(), String> {
    let is_ours = |text: &str| text.eq_ignore_ascii_case(client_id);
    let named = match &claims.aud {
        Some(Value::String(one)) => is_ours(one),
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).any(is_ours),
        _ => false,
    };
    match named && claims.azp.as_deref().is_none_or(is_ours) {
        true => Ok(()),
        false => Err("its id_token is for another app (aud)".to_owned()),
    }
}

fn check_issuer(claims: &Claims, expected: &Expected<'_>) -> Result<(), String> {
    let Some(text) = claims.iss.as_deref() else { return Err("its id_token does not say who issued it (iss)".to_owned()) };
    let wrong = || Err(format!("its id_token is of another issuer (iss): {}", foreign(text)));
    let Ok(issuer) = Url::parse(text) else { return wrong() };
    let is_right = match expected.issuer {
        Some(known) => {
            let tenant = claims.tid.as_deref().unwrap_or_default();
            text == known.replace("{tenantid}", tenant).replace("{tenant}", tenant)
        }
        None => discovery::may_issue(expected.authority, &issuer),
    };
    match is_right && is_of_tenant(&issuer, claims.tid.as_deref(), expected.authority) {
        true => Ok(()),
        false => wrong(),
    }
}

/// In the home tenant a person has one id, which Azure AD B2C puts the policy behind.
fn check_person(claims: &Claims, home_account_id: Option<&str>) -> Result<(), String> {
    let (Some((uid, home)), Some(oid), Some(tid)) =
        (home_account_id.and_then(|id| id.split_once('.')), claims.oid.as_deref(), claims.tid.as_deref())
    else {
        return Ok(());
    };
    let is_same = uid.get(..oid.len()).is_some_and(|start| start.eq_ignore_ascii_case(oid))
        && matches!(uid.as_bytes().get(oid.len()), None | Some(b'-'));
    match is_same || !tid.eq_ignore_ascii_case(home) {
        true => Ok(()),
        false => Err("its id_token and its client_info name two people (oid)".to_owned()),
    }
}

/// Whether an issuer's tenant is the one that the token names, and the one that was asked for where that is known by its id.
fn is_of_tenant(issuer: &Url, named: Option<&str>, authority: &Authority) -> bool {
    let id = |text: &str| Uuid::try_parse(text).ok();
    let named = named.and_then(id);
    let of_issuer = issuer.path_segments().and_then(|mut path| path.find_map(id));
    let agrees = of_issuer.is_none() || named.is_none() || of_issuer == named;
    let is_by_tenant = matches!(authority.kind(), Kind::Aad | Kind::Ciam);
    let asked = authority.tenant().filter(|tenant| is_by_tenant && !is_shared_tenant(tenant)).and_then(id);
    agrees && asked.is_none_or(|asked| named.or(of_issuer).is_none_or(|named| named == asked))
}

fn check_times(claims: &Claims, now: SystemTime) -> Result<(), String> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let slack = SLACK.as_secs_f64();
    let Some(end) = claims.exp else { return Err("its id_token does not say when it ends (exp)".to_owned()) };
    if end + slack < now {
        return Err("its id_token has expired; this machine's clock may be ahead".to_owned());
    }
    let begin = claims.nbf.unwrap_or_default().max(claims.iat.unwrap_or_default());
    if begin - slack > now {
        return Err("its id_token is not valid yet; this machine's clock may be behind".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    const TENANT: &str = "0587a79d-1516-432b-a35d-2869f97b9033";
    const HOME: &str = "8a5f0001-4f2a-4c1b-9d3e-5a6b7c8d9e0f-b2c_1_x.0587a79d-1516-432b-a35d-2869f97b9033";

    fn checked(authority: &str, issuer: Option<&str>, change: &Value) -> Result<(), String> {
        let iss = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
        let mut claims = json!({"iss": iss, "aud": "app", "exp": 5_000, "nbf": 1_000, "iat": 1_000, "nonce": "n", "tid": TENANT});
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let token = Secret::new(format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims.to_string())));
        let authority = Authority::parse(authority).unwrap();
        let now = Some(UNIX_EPOCH + Duration::from_secs(2_000));
        check(&token, &Expected { client_id: "app", authority: &authority, issuer, home_account_id: Some(HOME), nonce: Some("n"), now })
    }

    #[test]
    fn what_is_right_passes() {
        let by_id = format!("https://login.microsoftonline.com/{TENANT}");
        for (authority, issuer, change) in [
            (by_id.as_str(), None, json!({})),
            ("https://login.microsoftonline.com/organizations", None, json!({})),
            ("https://login.microsoftonline.com/contoso.com", None, json!({"aud": ["other", "app"]})),
            (&by_id, None, json!({"iss": format!("https://sts.windows.net/{TENANT}/"), "aud": "APP", "azp": "app"})),
            (&by_id, None, json!({"exp": 1_701, "nbf": 2_299, "iat": 2_299.5})),
            (&by_id, None, json!({"nbf": null, "iat": null})),
            (&by_id, None, json!({"oid": "8A5F0001-4f2a-4c1b-9d3e-5a6b7c8d9e0f"})),
            ("https://localhost:8443/contoso.com", None, json!({"iss": format!("https://localhost:8443/{TENANT}/v2.0")})),
            ("https://localhost:8443/contoso.com", None, json!({"iss": format!("https://127.0.0.1:8443/{TENANT}/v2.0")})),
            ("https://fs.example/adfs", None, json!({"iss": "https://fs.example/adfs", "tid": null})),
            ("https://idp.example/x", Some("https://idp.example/x"), json!({"iss": "https://idp.example/x", "tid": null})),
            (
                "https://idp.example/x",
                Some("https://idp.example/{tenantid}/v2.0"),
                json!({"iss": format!("https://idp.example/{TENANT}/v2.0")}),
            ),
        ] {
            assert_eq!(checked(authority, issuer, &change), Ok(()), "{authority} {change}");
        }
    }

    #[test]
    fn what_is_wrong_is_refused() {
        let by_id = format!("https://login.microsoftonline.com/{TENANT}");
        let other = "d33c4af7-e2ca-4f38-9c3c-aec95ffc2883";
        for (authority, issuer, change, word) in [
            (by_id.as_str(), None, json!({"aud": "other"}), "aud"),
            (&by_id, None, json!({"aud": null}), "aud"),
            (&by_id, None, json!({"aud": ["app", "other"], "azp": "other"}), "aud"),
            (&by_id, None, json!({"iss": "https://evil.example/x"}), "iss"),
            (&by_id, None, json!({"iss": "http://login.microsoftonline.com/x"}), "iss"),
            (&by_id, None, json!({"iss": null}), "iss"),
            (&by_id, None, json!({"iss": format!("https://login.microsoftonline.com/{other}/v2.0")}), "iss"),
            (&by_id, None, json!({"iss": format!("https://login.microsoftonline.com/{other}/v2.0"), "tid": other}), "iss"),
            ("https://idp.example/x", Some("https://idp.example/x"), json!({"iss": "https://idp.example/y", "tid": null}), "iss"),
            ("https://localhost:8443/contoso.com", None, json!({"iss": format!("https://127.0.0.1:8444/{TENANT}/v2.0")}), "iss"),
            ("https://fs.example/adfs", None, json!({"iss": "https://127.0.0.1/adfs", "tid": null}), "iss"),
            (&by_id, None, json!({"exp": 1_699}), "expired"),
            (&by_id, None, json!({"exp": null}), "exp"),
            (&by_id, None, json!({"nbf": 2_301}), "not valid yet"),
            (&by_id, None, json!({"iat": 2_301}), "not valid yet"),
            (&by_id, None, json!({"nonce": "m"}), "nonce"),
            (&by_id, None, json!({"oid": "8a5f0002-4f2a-4c1b-9d3e-5a6b7c8d9e0f"}), "oid"),
            (&by_id, None, json!({"nonce": null}), "nonce"),
        ] {
            let what = checked(authority, issuer, &change).expect_err(&change.to_string());
            assert!(what.contains(word), "{change}: {what}");
        }
        let authority = Authority::parse(&by_id).unwrap();
        let expected = Expected { client_id: "app", authority: &authority, issuer: None, home_account_id: None, nonce: None, now: None };
        for text in ["", "a.b.c", "a"] {
            assert!(check(&Secret::new(text.to_owned()), &expected).is_err(), "{text}");
        }
    }
}
