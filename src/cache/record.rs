//! What a token adds to a cache: entries as MSAL Python writes them, keys included. Pure: the time is an argument.

use std::time::SystemTime;

use serde::Serialize;

use super::document::Document;
use super::lookup::{self, Wanted, unix};
use super::schema::{self, Entry, Kind};
use crate::entra::authority::{Authority, Kind as AuthorityKind};
use crate::entra::token::TokenSet;

/// An access token's entry. Times are texts of seconds since 1970.
#[derive(Serialize)]
struct AccessToken<'a> {
    credential_type: &'static str,
    secret: &'a str,
    /// Null for an app's own token; MSAL Python looks for exactly that.
    home_account_id: Option<&'a str>,
    environment: &'a str,
    client_id: &'a str,
    target: &'a str,
    realm: &'a str,
    token_type: &'static str,
    cached_at: String,
    expires_on: String,
    extended_expires_on: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_on: Option<String>,
    /// As MSAL Node names it.
    #[serde(rename = "requestedClaimsHash", skip_serializing_if = "Option::is_none")]
    claims_hash: Option<&'a str>,
    /// Ours: what `environment` and `realm` do not say, a port, a policy, a domain in place of the tenant's id.
    authority: &'a str,
}

/// An app's entry, which MSAL writes with the first token.
#[derive(Serialize)]
struct AppMetadata<'a> {
    client_id: &'a str,
    environment: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    family_id: Option<&'a str>,
}

/// A refresh token's entry, which is good for every tenant.
#[derive(Serialize)]
struct RefreshToken<'a> {
    credential_type: &'static str,
    secret: &'a str,
    home_account_id: &'a str,
    environment: &'a str,
    client_id: &'a str,
    target: &'a str,
    last_modification_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    family_id: Option<&'a str>,
}

/// An ID token's entry.
#[derive(Serialize)]
struct IdToken<'a> {
    credential_type: &'static str,
    secret: &'a str,
    home_account_id: &'a str,
    environment: &'a str,
    realm: &'a str,
    client_id: &'a str,
}

/// An account's entry.
#[derive(Serialize)]
struct Account<'a> {
    home_account_id: &'a str,
    environment: &'a str,
    realm: &'a str,
    local_account_id: Option<&'a str>,
    username: &'a str,
    authority_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_in_as: Option<&'a str>,
}

/// Adds what a person's tokens say: the refresh token in place of the one that got them, the ID token, the account.
pub(crate) fn add_sign_in(document: &mut Document<'_>, wanted: &Wanted<'_>, tokens: &TokenSet, now: SystemTime) {
    let Some(home_account_id) = wanted.home_account_id else { return };
    let (environment, client_id) = (wanted.authority.host(), wanted.client_id);
    let realm = realm(wanted.authority, tokens);
    let key = |parts: &[&str]| parts.join("-").to_lowercase();
    if let Some(token) = &tokens.refresh_token {
        let target = target(wanted, tokens);
        document.remove(|kind, entry| kind == Kind::RefreshToken && wanted.is_refreshed_by(entry));
        let entry = RefreshToken {
            credential_type: "RefreshToken",
            secret: token.expose(),
            home_account_id,
            environment,
            client_id,
            target: &target,
            last_modification_time: unix(now).to_string(),
            family_id: tokens.family.as_deref(),
        };
        document.put(Kind::RefreshToken, key(&[home_account_id, environment, "refreshtoken", client_id, "", &target]), json(&entry));
    }
    if let Some(token) = &tokens.id_token {
        let secret = token.expose();
        let entry = IdToken { credential_type: "IdToken", secret, home_account_id, environment, realm: &realm, client_id };
        document.put(Kind::IdToken, key(&[home_account_id, environment, "idtoken", client_id, &realm, ""]), json(&entry));
    }
    if let Some(person) = &tokens.person {
        let key = key(&[home_account_id, environment, &realm]);
        let known = document.get(Kind::Account, &key).and_then(|json| serde_json::from_str::<Entry<'_>>(json).ok());
        let signed_in_as = signed_in_as(known.as_ref(), person.signed_in_as.as_deref());
        let entry = Account {
            home_account_id,
            environment,
            realm: &realm,
            local_account_id: person.local_account_id.as_deref(),
            username: person.username.as_deref().unwrap_or_default(),
            authority_type: if wanted.authority.kind() == AuthorityKind::AdFs { "ADFS" } else { "MSSTS" },
            name: person.name.as_deref(),
            signed_in_as: signed_in_as.as_deref(),
        };
        document.put(Kind::Account, key, json(&entry));
    }
    // A client that was given none is known to be in no family.
    let entry = AppMetadata { client_id, environment, family_id: tokens.family.as_deref() };
    document.put(Kind::AppMetadata, format!("appmetadata-{environment}-{client_id}"), json(&entry));
}

/// The other names of an account's person, one a line, with one more; the first ones go where there are too many.
fn signed_in_as(known: Option<&Entry<'_>>, name: Option<&str>) -> Option<String> {
    const MOST: usize = 16;
    let known = known.and_then(|entry| entry.signed_in_as.as_deref()).unwrap_or_default();
    let is_another = |other: &&str| name.is_none_or(|name| !other.eq_ignore_ascii_case(name));
    let names: Vec<&str> = known.lines().filter(is_another).chain(name).collect();
    let last = &names[names.len().saturating_sub(MOST)..];
    (!last.is_empty()).then(|| last.join("\n"))
}

/// Adds an access token, in place of the one that was got for the same and of those that have expired. A token of which
/// nobody knows when it ends is not added; whether it was is the result.
pub(crate) fn add_access_token(document: &mut Document<'_>, wanted: &Wanted<'_>, tokens: &TokenSet, now: SystemTime) -> bool {
    let Some(expires_at) = tokens.expires_at else { return false };
    let target = target(wanted, tokens);
    document.remove(|kind, entry| {
        let is_expired = schema::seconds(&entry.expires_on).is_some_and(|end| end <= unix(now));
        let is_same = || {
            let same = |text: &str| text.split(' ').filter(|scope| !scope.is_empty()).count() == target.split(' ').count();
            lookup::covers(&entry.target, wanted.scopes) && entry.target.as_deref().is_some_and(same)
        };
        kind == Kind::AccessToken && wanted.is_of(entry) && (is_expired || is_same())
    });
    let address = wanted.authority.address();
    let environment = wanted.authority.host();
    let realm = realm(wanted.authority, tokens);
    let text = |time: SystemTime| unix(time).to_string();
    let entry = AccessToken {
        credential_type: "AccessToken",
        secret: tokens.access_token.expose(),
        home_account_id: wanted.home_account_id,
        environment,
        client_id: wanted.client_id,
        target: &target,
        realm: &realm,
        token_type: "Bearer",
        cached_at: text(now),
        expires_on: text(expires_at),
        extended_expires_on: text(tokens.extended_expires_at.unwrap_or(expires_at).max(expires_at)),
        refresh_on: tokens.refresh_at.map(text),
        claims_hash: wanted.claims_hash,
        authority: address.as_str(),
    };
    let key = ["accesstoken", wanted.client_id, &realm, &target].join("-");
    let key = format!("{}-{environment}-{key}", wanted.home_account_id.unwrap_or_default()).to_lowercase();
    document.put(Kind::AccessToken, key, json(&entry));
    let key = format!("appmetadata-{environment}-{}", wanted.client_id);
    if document.get(Kind::AppMetadata, &key).is_none() {
        document.put(Kind::AppMetadata, key, json(&AppMetadata { client_id: wanted.client_id, environment, family_id: None }));
    }
    true
}

/// Writes the authority that tokens were found for beside them.
pub(crate) fn name_authority(document: &mut Document<'_>, wanted: &Wanted<'_>) {
    let address = wanted.authority.address().to_string();
    document.edit(
        Kind::AccessToken,
        |entry| wanted.is_of(entry),
        |fields| drop(fields.insert("authority".to_owned(), address.clone().into())),
    );
}

/// The scopes that a token is for: those that were granted and those that were asked for, because the platform names some in
/// other words, and the next request asks in the same words.
fn target(wanted: &Wanted<'_>, tokens: &TokenSet) -> String {
    let granted = tokens.scope.as_deref().unwrap_or_default().split_whitespace();
    // What a person did not consent to was not granted, and is to be asked for again.
    let is_granted = |scope: &&str| wanted.home_account_id.is_none() || tokens.scope.is_none() || scope.ends_with("/.default");
    let mut target: Vec<&str> = granted.chain(wanted.scopes.iter().filter(is_granted)).collect();
    target.sort_unstable();
    target.dedup_by(|one, other| one.eq_ignore_ascii_case(other));
    target.join(" ")
}

/// What stands for the tenant: its id, which MSAL learns from the tenant's OpenID document, and we from the tokens where the
/// authority has a domain or stands for many.
fn realm(authority: &Authority, tokens: &TokenSet) -> String {
    let has_id = authority.tenant().is_some_and(|tenant| uuid::Uuid::try_parse(tenant).is_ok());
    let is_entra = matches!(authority.kind(), AuthorityKind::Aad | AuthorityKind::Ciam);
    let told = || tokens.person.as_ref().and_then(|person| person.tenant.clone()).or_else(|| tokens.issuing_tenant());
    let issuer = if is_entra && !has_id { told() } else { None };
    let first = || authority.address().path_segments().and_then(|mut segments| segments.next().map(str::to_owned));
    let given = authority.realm().map(str::to_ascii_lowercase);
    issuer.or(given).or_else(first).unwrap_or_default()
}

fn json<T: Serialize>(entry: &T) -> String {
    // Larger than any entry: growing would leave copies of its secret behind.
    let mut text = Vec::with_capacity(16 << 10);
    serde_json::to_writer(&mut text, entry).expect("texts make JSON");
    String::from_utf8(text).expect("JSON is UTF-8")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::Engine as _;
    use serde_json::{Value, json};

    use super::*;
    use crate::cache::lookup::{Look, Now};
    use crate::entra::person::Person;
    use crate::entra::scope::Scopes;
    use crate::secret::Secret;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn tokens(secret: &str) -> TokenSet {
        TokenSet { expires_at: Some(at(4600)), ..TokenSet::new(Secret::new(secret.to_owned())) }
    }

    fn value(document: &Document<'_>) -> Value {
        serde_json::from_str(&document.to_text()).unwrap()
    }

    fn with(authority: &str, asked: &[&str], home: Option<&str>, test: impl FnOnce(&Wanted<'_>)) {
        let authority = Authority::parse(authority).unwrap();
        let scopes = Scopes::new(asked.iter().map(|scope| (*scope).to_owned()));
        test(&Wanted {
            authority: &authority,
            tenant_id: None,
            client_id: "My_App",
            scopes: &scopes,
            claims_hash: None,
            home_account_id: home,
        });
    }

    #[test]
    fn an_apps_token_is_written_as_msal_python_writes_it() {
        with("https://login.microsoftonline.com/0587A79D-1516-432b-a35d-2869f97b9033", &["b/.default"], None, |wanted| {
            let mut document = Document::default();
            assert!(add_access_token(&mut document, wanted, &tokens("eyJ"), at(1000)));
            let realm = "0587a79d-1516-432b-a35d-2869f97b9033";
            let key = format!("-login.microsoftonline.com-accesstoken-my_app-{realm}-b/.default");
            assert_eq!(
                value(&document),
                json!({
                    "AccessToken": {key: {
                        "credential_type": "AccessToken", "secret": "eyJ", "home_account_id": null,
                        "environment": "login.microsoftonline.com", "client_id": "My_App", "target": "b/.default", "realm": realm,
                        "token_type": "Bearer", "cached_at": "1000", "expires_on": "4600", "extended_expires_on": "4600",
                        "authority": "https://login.microsoftonline.com/0587A79D-1516-432b-a35d-2869f97b9033"}},
                    "AppMetadata": {"appmetadata-login.microsoftonline.com-My_App":
                        {"client_id": "My_App", "environment": "login.microsoftonline.com"}},
                })
            );
        });
    }

    #[test]
    fn what_is_written_is_found_again_whatever_the_authority() {
        let contoso = "0587a79d-1516-432b-a35d-2869f97b9033";
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json!({ "tid": contoso }).to_string());
        for (authority, realm) in [
            (format!("https://login.microsoftonline.com/{contoso}"), contoso),
            ("https://sts.windows.net/contoso.com".to_owned(), contoso),
            ("https://contoso.ciamlogin.com".to_owned(), contoso),
            ("https://contoso.b2clogin.com/contoso.onmicrosoft.com/B2C_1_in".to_owned(), "contoso.onmicrosoft.com"),
            ("https://adfs.contoso.com/adfs".to_owned(), "adfs"),
            ("https://localhost:4430/contoso.com".to_owned(), contoso),
        ] {
            with(&authority, &["r/.default"], None, |wanted| {
                let mut document = Document::default();
                let token = TokenSet { scope: Some("openid".to_owned()), ..tokens(&format!("eyJ.{claims}.s")) };
                add_access_token(&mut document, wanted, &token, at(1000));
                let text = document.to_text();
                let now = Now { time: at(1001), enough_since: None, min_ttl: Duration::ZERO };
                assert!(matches!(lookup::access_token(&text, wanted, now), Ok(Look::Fresh(_))), "{authority}: {text:?}");
                let entries = value(&document)["AccessToken"].clone();
                assert_eq!(entries.as_object().unwrap().values().next().unwrap()["realm"], realm, "{authority}");
            });
        }
    }

    #[test]
    fn a_token_takes_the_place_of_its_like_and_of_expired_ones_and_of_no_other() {
        with("https://login.microsoftonline.com/contoso.com", &["a/.default"], None, |wanted| {
            let mut document = Document::default();
            add_access_token(&mut document, wanted, &tokens("first"), at(1000));
            let other = Scopes::new(["b/.default".to_owned()]);
            let of_other = Wanted { scopes: &other, ..*wanted };
            add_access_token(&mut document, &of_other, &tokens("other"), at(1000));
            let stranger = Wanted { client_id: "Stranger", ..*wanted };
            add_access_token(&mut document, &stranger, &tokens("stranger"), at(1000));
            add_access_token(&mut document, wanted, &TokenSet { expires_at: Some(at(9000)), ..tokens("second") }, at(1001));
            let secrets = |document: &Document<'_>| {
                let entries = value(document)["AccessToken"].as_object().unwrap().clone();
                let mut secrets: Vec<String> = entries.values().map(|entry| entry["secret"].as_str().unwrap().to_owned()).collect();
                secrets.sort();
                secrets
            };
            assert_eq!(secrets(&document), ["other", "second", "stranger"]);
            add_access_token(&mut document, wanted, &TokenSet { expires_at: Some(at(9000)), ..tokens("third") }, at(5000));
            assert_eq!(secrets(&document), ["stranger", "third"], "one of ours that has expired goes, a stranger's is left alone");
            assert!(!add_access_token(&mut document, wanted, &TokenSet::new(Secret::new("endless".to_owned())), at(5000)));
        });
    }

    #[test]
    fn a_sign_in_is_written_as_msal_python_writes_it() {
        let host = "login.microsoftonline.com";
        with(&format!("https://{host}/contoso"), &["User.Read"], Some("uid.utid"), |wanted| {
            let tokens = TokenSet {
                scope: Some("User.Read profile openid".to_owned()),
                refresh_token: Some(Secret::new("rt".to_owned())),
                id_token: Some(Secret::new("idt".to_owned())),
                family: Some("1".to_owned()),
                person: Some(Person {
                    is_certain: true,
                    home_account_id: "uid.utid".to_owned(),
                    local_account_id: Some("oid".to_owned()),
                    username: Some("a@b.c".to_owned()),
                    ..Person::default()
                }),
                ..tokens("at")
            };
            let old = format!(
                r#"{{"RefreshToken": {{"old": {{"environment": "{host}", "client_id": "My_App", "home_account_id": "uid.utid"}}}}}}"#
            );
            let mut document = Document::parse(&old).unwrap();
            add_sign_in(&mut document, wanted, &tokens, at(1000));
            let written = value(&document);
            assert_eq!(
                written["RefreshToken"],
                json!({format!("uid.utid-{host}-refreshtoken-my_app--user.read openid profile"): {
                    "credential_type": "RefreshToken", "secret": "rt", "home_account_id": "uid.utid", "environment": host,
                    "client_id": "My_App", "target": "User.Read openid profile", "last_modification_time": "1000", "family_id": "1"}})
            );
            assert_eq!(
                written["IdToken"],
                json!({format!("uid.utid-{host}-idtoken-my_app-contoso-"): {"credential_type": "IdToken", "secret": "idt",
                    "home_account_id": "uid.utid", "environment": host, "realm": "contoso", "client_id": "My_App"}})
            );
            assert_eq!(
                written["Account"],
                json!({format!("uid.utid-{host}-contoso"): {"home_account_id": "uid.utid", "environment": host, "realm": "contoso",
                    "local_account_id": "oid", "username": "a@b.c", "authority_type": "MSSTS"}})
            );
            assert_eq!(written["AppMetadata"][format!("appmetadata-{host}-My_App")]["family_id"], "1");
            let account = |document: &Document<'_>| value(document)["Account"][format!("uid.utid-{host}-contoso")]["signed_in_as"].clone();
            for (signed_in_as, expected) in [
                (Some("one@b.c"), "one@b.c"),
                (None, "one@b.c"),
                (Some("two@b.c"), "one@b.c\ntwo@b.c"),
                (Some("ONE@b.c"), "two@b.c\nONE@b.c"),
            ] {
                let signed_in_as = signed_in_as.map(str::to_owned);
                let person = tokens.person.clone().map(|person| Person { signed_in_as, ..person });
                add_sign_in(&mut document, wanted, &TokenSet { person, ..super::tests::tokens("at") }, at(1000));
                assert_eq!(account(&document), expected, "every other name is remembered");
            }
        });
    }
}
