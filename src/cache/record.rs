//! What a token adds to a cache: entries as MSAL Python writes them, keys included. Pure: the time is an argument.

use std::time::SystemTime;

use serde::Serialize;

use super::lookup::{self, Wanted, unix};
use super::schema::{self, Document, Kind};
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

/// An app's entry. It says nothing yet, and MSAL writes it with the first token.
#[derive(Serialize)]
struct AppMetadata<'a> {
    client_id: &'a str,
    environment: &'a str,
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
        let entry = Account {
            home_account_id,
            environment,
            realm: &realm,
            local_account_id: person.local_account_id.as_deref(),
            username: person.username.as_deref().unwrap_or_default(),
            authority_type: if wanted.authority.kind() == AuthorityKind::AdFs { "ADFS" } else { "MSSTS" },
            name: person.name.as_deref(),
        };
        document.put(Kind::Account, key(&[home_account_id, environment, &realm]), json(&entry));
    }
    if let Some(family) = &tokens.family {
        let key = format!("appmetadata-{environment}-{client_id}");
        let entry = serde_json::json!({ "client_id": client_id, "environment": environment, "family_id": family });
        document.put(Kind::AppMetadata, key, entry.to_string());
    }
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
        document.put(Kind::AppMetadata, key, json(&AppMetadata { client_id: wanted.client_id, environment }));
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
    serde_json::to_string(entry).expect("texts make JSON")
}
