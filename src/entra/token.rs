//! Token replies (RFC 6749 section 5.1).

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::de::{self, Deserializer, Visitor};

use super::person::{self, Person};
use super::refusal::{self, Refusal};
use super::reply::Reply;
use crate::secret::Secret;

/// What the platform gave.
#[derive(Debug)]
pub(crate) struct TokenSet {
    pub(crate) access_token: Secret,
    /// When the access token ends to be valid; `None` where the platform gave no usable lifetime.
    pub(crate) expires_at: Option<SystemTime>,
    /// Until when resources take the access token while the platform is down (`ext_expires_in`).
    pub(crate) extended_expires_at: Option<SystemTime>,
    /// From when on the platform wants the access token renewed (`refresh_in`).
    pub(crate) refresh_at: Option<SystemTime>,
    /// What gets the next access token (RFC 6749 section 6).
    pub(crate) refresh_token: Option<Secret>,
    /// Who signed in, as a JWT (OpenID Connect Core section 2).
    pub(crate) id_token: Option<Secret>,
    /// Who signed in, for the cache.
    pub(crate) person: Option<Person>,
    /// The family of clients that may use each other's refresh tokens (`foci`).
    pub(crate) family: Option<String>,
    /// The scopes that were granted, where the platform names them; else they are those that were asked for.
    pub(crate) scope: Option<String>,
}

impl TokenSet {
    /// An access token of which nothing more is known.
    pub(crate) fn new(access_token: Secret) -> TokenSet {
        TokenSet {
            access_token,
            expires_at: None,
            extended_expires_at: None,
            refresh_at: None,
            refresh_token: None,
            id_token: None,
            person: None,
            family: None,
            scope: None,
        }
    }

    /// The tenant that issued the access token, where it says so in its claims, as Entra's do. Resources alone are to read
    /// them, so nothing may depend on it.
    pub(crate) fn issuing_tenant(&self) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Claims {
            tid: String,
        }
        let claims: Claims = person::claims(self.access_token.expose())?;
        uuid::Uuid::try_parse(&claims.tid).ok().map(|id| id.to_string())
    }
}

/// Why a reply gives no token.
#[derive(Debug)]
pub(crate) enum ReplyError {
    /// The platform said no.
    Refused(Box<Refusal>),
    /// The reply is not what it claims to be; a fragment says how.
    Unreadable(String),
}

/// The longest lifetime that is believed: a year.
pub(crate) const LONGEST_LIFETIME: Duration = Duration::from_hours(8760);

#[derive(serde::Deserialize)]
struct Body {
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default, deserialize_with = "lifetime")]
    expires_in: Option<f64>,
    #[serde(default, deserialize_with = "lifetime")]
    ext_expires_in: Option<f64>,
    #[serde(default, deserialize_with = "lifetime")]
    refresh_in: Option<f64>,
    #[serde(default)]
    refresh_token: Option<String>,
    #[serde(default)]
    id_token: Option<String>,
    #[serde(default)]
    client_info: Option<String>,
    #[serde(default)]
    foci: Option<String>,
    #[serde(default)]
    scope: Option<String>,
}

/// Reads a reply of the token endpoint.
pub(crate) fn tokens(reply: &Reply) -> Result<TokenSet, ReplyError> {
    if let Some(refusal) = refusal::refusal(reply) {
        return Err(ReplyError::Refused(Box::new(refusal)));
    }
    if reply.status != 200 {
        let what = reply.json::<de::IgnoredAny>().err();
        return Err(ReplyError::Unreadable(
            what.unwrap_or_else(|| format!("its status is {}, and it says neither why nor gives a token", reply.status)),
        ));
    }
    read(reply).map_err(ReplyError::Unreadable)
}

fn read(reply: &Reply) -> Result<TokenSet, String> {
    let body: Body = reply.json()?;
    let access_token = Secret::new(body.access_token.ok_or("it holds no access_token")?);
    let token_type = body.token_type.ok_or("it holds no token_type")?;
    if !is_b64token(access_token.expose()) {
        return Err("its access_token holds characters that no bearer token has".to_owned());
    }
    if !token_type.eq_ignore_ascii_case("Bearer") {
        return Err(format!("its token_type is {}, not Bearer", crate::redact::foreign(&token_type)));
    }
    let end = |lifetime: Option<f64>| {
        let seconds = lifetime.filter(|seconds| *seconds > 0.0)?;
        Some(reply.received_at + Duration::from_secs_f64(seconds.min(LONGEST_LIFETIME.as_secs_f64())))
    };
    Ok(TokenSet {
        access_token,
        expires_at: end(body.expires_in),
        extended_expires_at: end(body.ext_expires_in),
        refresh_at: end(body.refresh_in),
        person: person::person(body.client_info.as_deref(), body.id_token.as_deref()),
        refresh_token: body.refresh_token.filter(|token| !token.is_empty()).map(Secret::new),
        id_token: body.id_token.filter(|token| !token.is_empty()).map(Secret::new),
        family: body.foci.filter(|family| !family.is_empty()),
        scope: body.scope.filter(|scope| !scope.is_empty()),
    })
}

/// The characters of a bearer token (RFC 6750 section 2.1), which no header, shell or file can misread.
pub(crate) fn is_b64token(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

/// A number of seconds: an integer, a float, or either as a string, as different versions of the platform write it.
pub(super) fn lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    struct Seconds;
    impl Visitor<'_> for Seconds {
        type Value = Option<f64>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number of seconds")
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
            Ok(Some(value))
        }
        #[expect(clippy::cast_precision_loss, reason = "lifetimes beyond 2^53 seconds are clamped anyway")]
        fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
            Ok(Some(value as f64))
        }
        #[expect(clippy::cast_precision_loss, reason = "a negative lifetime is no lifetime")]
        fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
            Ok(Some(value as f64))
        }
        fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
            value.trim().parse().map(Some).map_err(|_| E::custom("not a number"))
        }
    }
    deserializer.deserialize_any(Seconds)
}

#[cfg(test)]
mod tests {
    use super::super::reply;
    use super::*;

    fn read(expires_in: &str) -> Result<Option<u64>, String> {
        let body = format!(r#"{{"token_type":"bearer","access_token":"eyJ.a-_~+/b==","unknown":{{"x":[]}}{expires_in}}}"#);
        match tokens(&reply::of(200, body)) {
            Ok(set) => Ok(set.expires_at.map(|at| at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() - 1_000)),
            Err(ReplyError::Unreadable(what)) => Err(what),
            Err(ReplyError::Refused(refusal)) => panic!("{refusal:?}"),
        }
    }

    #[test]
    fn lifetimes_come_in_many_forms() {
        for (member, expected) in [
            (r#","expires_in":3599"#, Some(3599)),
            (r#","expires_in":"3599""#, Some(3599)),
            (r#","expires_in":3599.9"#, Some(3599)),
            (r#","expires_in":"86399.5""#, Some(86399)),
            (r#","expires_in":1e300"#, Some(LONGEST_LIFETIME.as_secs())),
            (r#","expires_in":18446744073709551615"#, Some(LONGEST_LIFETIME.as_secs())),
            (r#","expires_in":0"#, None),
            (r#","expires_in":-5"#, None),
            (r#","expires_in":null"#, None),
            (r#","expires_in":"NaN""#, None),
            ("", None),
        ] {
            assert_eq!(read(member), Ok(expected), "{member}");
        }
        for member in [r#","expires_in":"soon""#, r#","expires_in":[1]"#, r#","expires_in":true"#, r#","expires_in":1,"expires_in":2"#] {
            assert!(read(member).is_err(), "{member}");
        }
    }

    #[test]
    fn a_reply_that_is_no_token_is_unreadable() {
        for (status, body, what) in [
            (200, r#"{"token_type":"Bearer"}"#, "it holds no access_token"),
            (200, r#"{"access_token":"a"}"#, "it holds no token_type"),
            (200, r#"{"token_type":"Bearer","access_token":"a\r\nX: y"}"#, "its access_token holds characters that no bearer token has"),
            (200, r#"{"token_type":"Bearer","access_token":""}"#, "its access_token holds characters that no bearer token has"),
            (200, r#"{"token_type":"mac","access_token":"a"}"#, "its token_type is mac, not Bearer"),
            (
                200,
                r#"{"token_type":"Bearer","access_token":"a","access_token":"b"}"#,
                "its JSON is not what it should be (access_token stands twice)",
            ),
            (201, r#"{"token_type":"Bearer","access_token":"a"}"#, "its status is 201, and it says neither why nor gives a token"),
            (400, r#"{"error":{"code":"x"}}"#, "its status is 400, and it says neither why nor gives a token"),
            (403, "<title>Blocked</title>", "it is not JSON (status 403): Blocked"),
        ] {
            match tokens(&reply::of(status, body)) {
                Err(ReplyError::Unreadable(said)) => assert_eq!(said, what),
                other => panic!("{body}: {other:?}"),
            }
        }
    }

    #[test]
    fn an_error_member_is_a_refusal_whatever_the_status() {
        assert!(matches!(tokens(&reply::of(200, r#"{"error":"invalid_client"}"#)), Err(ReplyError::Refused(_))));
    }
}
