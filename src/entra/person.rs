//! The person behind a sign-in, as `client_info` and the ID token tell.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// A person, as the cache and the output name one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Person {
    /// Object and home tenant (`uid.utid`); the subject where the platform has no such thing, as with AD FS.
    pub(crate) home_account_id: String,
    /// Whether the platform itself said who that is (`client_info`), and not the ID token's subject.
    pub(crate) is_certain: bool,
    /// The person's id in the tenant that was asked (`oid`, else `sub`).
    pub(crate) local_account_id: Option<String>,
    /// The name to sign in with.
    pub(crate) username: Option<String>,
    /// Another name that the person has signed in with.
    pub(crate) signed_in_as: Option<String>,
    /// The name to be called by.
    pub(crate) name: Option<String>,
    /// The tenant that issued the ID token.
    pub(crate) tenant: Option<String>,
}

#[derive(serde::Deserialize)]
struct ClientInfo {
    uid: String,
    utid: String,
}

#[derive(Default, serde::Deserialize)]
struct IdToken {
    sub: Option<String>,
    oid: Option<String>,
    tid: Option<String>,
    preferred_username: Option<String>,
    upn: Option<String>,
    email: Option<String>,
    emails: Option<Vec<String>>,
    name: Option<String>,
}

/// Who signed in; none where neither says so. The ID token came straight from the token endpoint over TLS, so its signature adds
/// nothing (OpenID Connect Core section 3.1.3.7).
pub(crate) fn person(client_info: Option<&str>, id_token: Option<&str>) -> Option<Person> {
    let info: Option<ClientInfo> = client_info.and_then(decoded);
    let info = info.filter(|info| [&info.uid, &info.utid].into_iter().all(|id| is_id(id)));
    let token: Option<IdToken> = id_token.and_then(claims);
    let is_certain = info.is_some();
    let subject = token.as_ref().and_then(|token| token.sub.clone());
    let home_account_id = info.map(|info| format!("{}.{}", info.uid, info.utid)).or(subject)?;
    let token = token.unwrap_or_default();
    Some(Person {
        home_account_id,
        is_certain,
        local_account_id: token.oid.or(token.sub),
        // Azure AD B2C has no such name, and one address or more.
        username: token.preferred_username.or(token.upn).or(token.email).or_else(|| token.emails.into_iter().flatten().next()),
        signed_in_as: None,
        name: token.name,
        tenant: token.tid,
    })
}

/// Whether a text has the form of the platform's ids: of people, of tenants, of people and policies.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 200 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// The claims of a JWT, unchecked.
pub(super) fn claims<T: DeserializeOwned>(token: &str) -> Option<T> {
    decoded(token.split('.').nth(1)?)
}

fn decoded<T: DeserializeOwned>(text: &str) -> Option<T> {
    let json = Zeroizing::new(URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?);
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(json: &str) -> String {
        URL_SAFE_NO_PAD.encode(json)
    }

    #[test]
    fn a_person_is_told_by_client_info_and_the_id_token() {
        let info = encoded(r#"{"uid":"u","utid":"t"}"#);
        let token =
            format!("h.{}.s", encoded(r#"{"sub":"s","oid":"o","tid":"t2","preferred_username":"a@b.c","upn":"x","name":"Ädel","exp":1}"#));
        let expected = Person {
            is_certain: true,
            home_account_id: "u.t".to_owned(),
            local_account_id: Some("o".to_owned()),
            username: Some("a@b.c".to_owned()),
            signed_in_as: None,
            name: Some("Ädel".to_owned()),
            tenant: Some("t2".to_owned()),
        };
        assert_eq!(person(Some(&info), Some(&token)), Some(expected));
        assert_eq!(person(Some(&format!("{info}==")), None).unwrap().home_account_id, "u.t", "padding does no harm");
        let subject = format!("h.{}.s", encoded(r#"{"sub":"s","upn":"a@b.c"}"#));
        let of_subject = person(None, Some(&subject)).unwrap();
        assert_eq!((of_subject.home_account_id.as_str(), of_subject.username.as_deref()), ("s", Some("a@b.c")));
    }

    #[test]
    fn what_says_nothing_is_nobody() {
        for (info, token) in [(None, None), (Some("?"), Some("a.?.c")), (Some("e30"), Some("h.e30.s")), (Some(""), Some(""))] {
            assert_eq!(person(info, token), None, "{info:?} {token:?}");
        }
    }
}
