//! Which entry of a cache answers a request, and if none does, why. Pure: the text, the request and the time are arguments.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::schema::{self, Broken, Entry, Kind, Text};
use crate::entra::authority::Authority;
use crate::entra::cloud::Cloud;
use crate::entra::scope::Scopes;
use crate::entra::token::{LONGEST_LIFETIME, TokenSet};
use crate::secret::Secret;

/// How far ahead of this clock another process's may have been when it stored a token.
const TOLERANCE: Duration = Duration::from_mins(1);

/// Whose token, and what for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) authority: &'a Authority,
    /// The id of the authority's tenant, where the authority has a domain for it and somebody asked.
    pub(crate) tenant_id: Option<&'a str>,
    pub(crate) client_id: &'a str,
    pub(crate) scopes: &'a Scopes,
    /// Hash of the claims that the token is asked for with.
    pub(crate) claims_hash: Option<&'a str>,
    /// The account that the token is for; none for the app's own.
    pub(crate) home_account_id: Option<&'a str>,
}

/// What the time says about a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) time: SystemTime,
    /// A token that was got since then lives as long as any that could be got now.
    pub(crate) enough_since: Option<SystemTime>,
    /// How long a token must still live.
    pub(crate) min_ttl: Duration,
}

/// What a cache has to say.
#[derive(Debug)]
pub(crate) enum Look {
    /// A token that can be handed out.
    Fresh(Hit),
    /// The same, and the platform wants it renewed from now on (`refresh_in` of its reply).
    Aging(Hit),
    Miss(Miss),
}

/// A cached token.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    pub(crate) access_token: Secret,
    pub(crate) expires_at: SystemTime,
    /// The scopes that it is for.
    pub(crate) scope: String,
}

impl Hit {
    /// How long it still lives.
    pub(crate) fn lifetime(&self, now: SystemTime) -> Duration {
        self.expires_at.duration_since(now).unwrap_or_default()
    }
}

impl From<Hit> for TokenSet {
    fn from(hit: Hit) -> TokenSet {
        TokenSet { expires_at: Some(hit.expires_at), scope: Some(hit.scope), ..TokenSet::new(hit.access_token) }
    }
}

/// Why no token of a cache can be handed out, nearest miss last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Miss {
    /// Nobody wanted to know (`--force-refresh`).
    NotLookedAt,
    /// There is no such file.
    NoFile,
    /// It is no cache.
    Broken,
    /// There is no token of that app, in that tenant, for that account.
    NoToken,
    /// There are tokens of another tenant, which may be the same by another name.
    OtherTenant,
    /// There are tokens for other scopes.
    OtherScopes,
    /// It says that it was stored in the future: the clock has been set back, and its end cannot be believed.
    FromTheFuture,
    /// It lives for so many seconds, which are too few.
    TooShort(u64),
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Miss::NotLookedAt => f.write_str("it was not looked at"),
            Miss::NoFile => f.write_str("nothing is stored yet"),
            Miss::Broken => f.write_str("it cannot be read"),
            Miss::NoToken => f.write_str("it holds no such token"),
            Miss::OtherTenant => f.write_str("its tokens are of other tenants"),
            Miss::OtherScopes => f.write_str("its tokens are for other scopes"),
            Miss::FromTheFuture => f.write_str("its token was stored in the future, or ends too far in it"),
            Miss::TooShort(0) => f.write_str("its token has expired"),
            Miss::TooShort(seconds) => write!(f, "its token lives for {seconds} seconds only"),
        }
    }
}

/// Looks for an access token. Of several that fit, the one that lives longest.
///
/// # Errors
///
/// `Broken`, for a text that is no cache.
pub(crate) fn access_token(text: &str, wanted: &Wanted<'_>, now: Now) -> Result<Look, Broken> {
    let mut best: Option<(u64, Entry<'_>)> = None;
    let mut miss = Miss::NoToken;
    schema::scan(text, &mut |kind, entry| {
        if kind != Kind::AccessToken || !wanted.is_of(&entry) {
            if kind == Kind::AccessToken && wanted.is_of_other_tenant(&entry) && usable(&entry, wanted, now).is_ok() {
                miss = miss.max(Miss::OtherTenant);
            }
            return;
        }
        match usable(&entry, wanted, now) {
            Ok(expires_on) if best.as_ref().is_none_or(|(other, _)| *other < expires_on) => best = Some((expires_on, entry)),
            Ok(_) => {}
            Err(nearer) => miss = miss.max(nearer),
        }
    })?;
    let Some((expires_on, entry)) = best else { return Ok(Look::Miss(miss)) };
    let is_aging = schema::seconds(&entry.refresh_on).is_some_and(|at| at <= unix(now.time));
    let hit = Hit {
        access_token: Secret::new(entry.secret.unwrap_or_default().into_owned()),
        expires_at: SystemTime::UNIX_EPOCH + Duration::from_secs(expires_on),
        scope: entry.target.unwrap_or_default().into_owned(),
    };
    Ok(if is_aging { Look::Aging(hit) } else { Look::Fresh(hit) })
}

/// Whether a field says anything.
pub(super) fn says(text: &Text<'_>) -> bool {
    text.as_deref().is_some_and(|text| !text.is_empty())
}

/// When an entry's token ends, if it can be handed out.
fn usable(entry: &Entry<'_>, wanted: &Wanted<'_>, now: Now) -> Result<u64, Miss> {
    if !covers(&entry.target, wanted.scopes) {
        return Err(Miss::OtherScopes);
    }
    let (Some(secret), Some(expires_on)) = (&entry.secret, schema::seconds(&entry.expires_on)) else { return Err(Miss::NoToken) };
    // A cache that others write to is foreign text: nothing else may reach a header or a shell.
    if !crate::entra::token::is_b64token(secret) {
        return Err(Miss::NoToken);
    }
    let time = unix(now.time);
    let cached_at = schema::seconds(&entry.cached_at).unwrap_or_default();
    if cached_at > time + TOLERANCE.as_secs() || expires_on > time + (LONGEST_LIFETIME + TOLERANCE).as_secs() {
        return Err(Miss::FromTheFuture);
    }
    match expires_on.checked_sub(time) {
        Some(left) if left > 0 && (left >= now.min_ttl.as_secs() || now.enough_since.is_some_and(|since| cached_at >= unix(since))) => {
            Ok(expires_on)
        }
        left => Err(Miss::TooShort(left.unwrap_or_default())),
    }
}

impl Wanted<'_> {
    /// Whether an entry would be what is wanted if its tenant were, which is stored by its id and was asked for by a domain.
    fn is_of_other_tenant(&self, entry: &Entry<'_>) -> bool {
        let is_domain = || self.tenant_id.is_none() && self.authority.tenant().is_some_and(|tenant| uuid::Uuid::try_parse(tenant).is_err());
        let is_id = || entry.realm.as_deref().is_some_and(|realm| uuid::Uuid::try_parse(realm).is_ok());
        let is_ours = entry.client_id.as_deref().is_some_and(|id| is_same_client(id, self.client_id));
        is_ours && is_domain() && is_id() && Wanted { tenant_id: entry.realm.as_deref(), ..*self }.is_of(entry)
    }

    /// Whether a refresh token is the one that the client has for the account.
    pub(super) fn is_refreshed_by(&self, entry: &Entry<'_>) -> bool {
        is_same_account(&entry.home_account_id, self.home_account_id)
            && entry.client_id.as_deref().is_some_and(|id| is_same_client(id, self.client_id))
            && entry.environment.as_deref().is_some_and(|environment| is_same_environment(environment, self.authority.host()))
    }

    /// Whether an access token is one of the same app, for the same account, asked for in the same way; scopes aside.
    pub(super) fn is_of(&self, entry: &Entry<'_>) -> bool {
        let is_plain = !says(&entry.bound_to)
            && entry.credential_type.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case("AccessToken"))
            && entry.token_type.as_deref().is_none_or(|kind| kind.is_empty() || kind.eq_ignore_ascii_case("Bearer"));
        is_plain
            && entry.client_id.as_deref().is_some_and(|id| is_same_client(id, self.client_id))
            && is_same_account(&entry.home_account_id, self.home_account_id)
            && entry.claims_hash.as_deref().filter(|hash| !hash.is_empty()) == self.claims_hash
            && is_from(entry, self.authority, self.tenant_id)
    }
}

/// Whether an account is the one that is wanted; a field that is empty or missing is an app's own. Subjects of AD FS are other ones
/// in other letters.
fn is_same_account(account: &Text<'_>, wanted: Option<&str>) -> bool {
    account.as_deref().filter(|account| !account.is_empty()) == wanted
}

/// Whether two client ids are one. Those of Entra are GUIDs, in any case; those of other providers are any text.
pub(super) fn is_same_client(one: &str, other: &str) -> bool {
    one == other || one.eq_ignore_ascii_case(other) && uuid::Uuid::try_parse(one).is_ok()
}

/// Whether two hosts are names of one: the login hosts of a cloud share their tokens.
pub(super) fn is_same_environment(environment: &str, host: &str) -> bool {
    let cloud = |host: &str| Cloud::of_login_host(&host.to_ascii_lowercase());
    environment.eq_ignore_ascii_case(host) || cloud(environment).is_some_and(|of| cloud(host) == Some(of))
}

/// Whether an entry comes from an authority: from its host by any of its names, and from its tenant. `common` and the like are
/// tenants of their own, which never stand for another.
fn is_from(entry: &Entry<'_>, authority: &Authority, tenant_id: Option<&str>) -> bool {
    if !entry.environment.as_deref().is_some_and(|environment| is_same_environment(environment, authority.host())) {
        return false;
    }
    let address = authority.address();
    match entry.authority.as_deref() {
        // A path is another in other letters; the host is in small ones.
        Some(own) if own == address.as_str() => true,
        // The field names port and path, which `environment` and `realm` do not.
        Some(_) if Cloud::of_login_host(authority.host()).is_none() => false,
        _ => tenant_id.or(authority.realm()).zip(entry.realm.as_deref()).is_some_and(|(realm, own)| own.eq_ignore_ascii_case(realm)),
    }
}

/// Whether a token's scopes hold all that are asked for. What every sign-in asks for beside them names no permission.
pub(super) fn covers(target: &Text<'_>, asked: &Scopes) -> bool {
    let target: Vec<&str> = target.as_deref().unwrap_or_default().split_whitespace().collect();
    let asked = asked.iter().filter(|scope| !crate::entra::scope::is_reserved(scope));
    asked.into_iter().all(|scope| target.iter().any(|held| held.eq_ignore_ascii_case(scope)))
}

/// Seconds since 1970.
pub(crate) fn unix(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const HOST: &str = "https://login.microsoftonline.com";
    const TENANT: &str = "0587a79d-1516-432b-a35d-2869f97b9033";
    const APP: &str = "6cce9505-8214-40ba-b75a-b49e21fbb586";

    fn entry() -> Value {
        json!({"credential_type": "AccessToken", "secret": "eyJ.a.b", "home_account_id": null, "environment": "login.microsoftonline.com",
            "client_id": APP, "target": "https://graph.microsoft.com/.default", "realm": TENANT, "token_type": "Bearer",
            "cached_at": "1000", "expires_on": "4600", "extended_expires_on": "4600"})
    }

    fn changed(changes: &Value) -> Value {
        let mut entry = entry();
        for (name, value) in changes.as_object().unwrap() {
            entry[name] = value.clone();
        }
        entry
    }

    fn cache(entries: &[Value]) -> String {
        let entries: serde_json::Map<String, Value> =
            entries.iter().enumerate().map(|(at, entry)| (at.to_string(), entry.clone())).collect();
        json!({ "AccessToken": entries }).to_string()
    }

    fn scopes(list: &[&str]) -> Scopes {
        Scopes::new(list.iter().map(|scope| (*scope).to_owned()))
    }

    fn now() -> Now {
        Now { time: SystemTime::UNIX_EPOCH + Duration::from_secs(2000), enough_since: None, min_ttl: Duration::from_mins(5) }
    }

    fn look(text: &str, authority: &str, change: impl FnOnce(&mut Wanted<'_>)) -> Look {
        let authority = Authority::parse(authority).unwrap();
        let scopes = scopes(&["https://graph.microsoft.com/.default"]);
        let mut wanted =
            Wanted { authority: &authority, tenant_id: None, client_id: APP, scopes: &scopes, claims_hash: None, home_account_id: None };
        change(&mut wanted);
        access_token(text, &wanted, now()).unwrap()
    }

    fn of_entry(changes: &Value) -> Look {
        look(&cache(&[changed(changes)]), &format!("{HOST}/{TENANT}"), |_| {})
    }

    #[test]
    fn a_token_is_known_by_its_fields_in_the_forms_of_every_library() {
        for changes in [
            json!({}),
            json!({"environment": "login.windows.net"}),
            json!({"environment": "STS.Windows.NET"}),
            json!({"target": "https://graph.microsoft.com/User.Read HTTPS://GRAPH.microsoft.com/.Default"}),
            json!({"client_id": APP.to_uppercase(), "realm": TENANT.to_uppercase()}),
            json!({"token_type": null}),
            json!({"token_type": "bearer", "home_account_id": ""}),
            json!({"expires_on": 4600, "cached_at": null}),
            json!({"authority": format!("{HOST}/contoso.onmicrosoft.com")}),
        ] {
            let Look::Fresh(hit) = of_entry(&changes) else { panic!("{changes}") };
            assert_eq!((hit.access_token.expose(), hit.lifetime(now().time).as_secs()), ("eyJ.a.b", 2600), "{changes}");
        }
    }

    #[test]
    fn what_is_anothers_or_of_another_kind_is_never_handed_out() {
        for changes in [
            json!({"environment": "login.microsoftonline.us"}),
            json!({"environment": "login.microsoftonline.com.evil.example"}),
            json!({"environment": null}),
            json!({"client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46"}),
            json!({"client_id": null}),
            json!({"realm": "d33c4af7-e2ca-4f38-9c3c-aec95ffc2883"}),
            json!({"realm": "common"}),
            json!({"realm": null}),
            json!({"home_account_id": "uid.utid"}),
            json!({"credential_type": "AccessToken_With_AuthScheme"}),
            json!({"token_type": "pop"}),
            json!({"key_id": "k"}),
            json!({"kid": "k"}),
            json!({"user_assertion_hash": "h"}),
            json!({"userAssertionHash": "h"}),
            json!({"ext_cache_key": "h"}),
            json!({"requestedClaimsHash": "h"}),
            json!({"secret": "a\r\nX: y"}),
            json!({"secret": "$(id)'"}),
            json!({"secret": ""}),
            json!({"secret": null}),
            json!({"expires_on": "soon"}),
            json!({"expires_on": null}),
        ] {
            assert!(matches!(of_entry(&changes), Look::Miss(Miss::NoToken)), "{changes}");
        }
    }

    #[test]
    fn a_miss_says_what_was_nearest() {
        for (changes, miss) in [
            (json!({"target": "https://vault.azure.net/.default"}), Miss::OtherScopes),
            (json!({"target": null}), Miss::OtherScopes),
            (json!({"expires_on": "2000"}), Miss::TooShort(0)),
            (json!({"expires_on": "1000"}), Miss::TooShort(0)),
            (json!({"expires_on": "2299"}), Miss::TooShort(299)),
            (json!({"cached_at": "2061", "expires_on": "5600"}), Miss::FromTheFuture),
            (json!({"expires_on": "99999999999"}), Miss::FromTheFuture),
            (json!({"expires_on": u64::MAX}), Miss::FromTheFuture),
        ] {
            assert!(matches!(of_entry(&changes), Look::Miss(found) if found == miss), "{changes}");
        }
        assert!(matches!(of_entry(&json!({"expires_on": "2300"})), Look::Fresh(_)));
        assert!(matches!(look("{}", &format!("{HOST}/{TENANT}"), |_| {}), Look::Miss(Miss::NoToken)));
    }

    #[test]
    fn a_domain_is_told_from_the_id_it_may_be_another_name_of() {
        let text = cache(&[entry()]);
        assert!(matches!(look(&text, &format!("{HOST}/contoso.com"), |_| {}), Look::Miss(Miss::OtherTenant)));
        assert!(matches!(look(&text, &format!("{HOST}/contoso.com"), |wanted| wanted.tenant_id = Some(TENANT)), Look::Fresh(_)));
        let other = Some("d33c4af7-e2ca-4f38-9c3c-aec95ffc2883");
        assert!(matches!(look(&text, &format!("{HOST}/contoso.com"), |wanted| wanted.tenant_id = other), Look::Miss(Miss::NoToken)));
    }

    #[test]
    fn a_port_or_a_path_that_only_our_own_field_names_keeps_authorities_apart() {
        let entry = changed(&json!({"environment": "localhost", "authority": format!("https://localhost:1/{TENANT}")}));
        let text = cache(&[entry]);
        assert!(matches!(look(&text, &format!("https://localhost:1/{TENANT}"), |_| {}), Look::Fresh(_)));
        assert!(matches!(look(&text, &format!("https://localhost:2/{TENANT}"), |_| {}), Look::Miss(Miss::NoToken)));
    }

    #[test]
    fn what_differs_in_its_letters_alone_can_be_anothers() {
        let text = cache(&[changed(&json!({"environment": "sso.example", "authority": "https://sso.example/realms/A"}))]);
        let of = |issuer: &str| {
            let (authority, scopes) = (Authority::parse_oidc(issuer).unwrap(), scopes(&["https://graph.microsoft.com/.default"]));
            let wanted = Wanted {
                authority: &authority,
                tenant_id: None,
                client_id: APP,
                scopes: &scopes,
                claims_hash: None,
                home_account_id: None,
            };
            access_token(&text, &wanted, now()).unwrap()
        };
        assert!(matches!(of("https://SSO.example/realms/A"), Look::Fresh(_)));
        assert!(matches!(of("https://sso.example/realms/a"), Look::Miss(Miss::NoToken)));
        let text = cache(&[changed(&json!({"home_account_id": "Subject"}))]);
        assert!(matches!(look(&text, &format!("{HOST}/{TENANT}"), |wanted| wanted.home_account_id = Some("Subject")), Look::Fresh(_)));
        assert!(matches!(look(&text, &format!("{HOST}/{TENANT}"), |wanted| wanted.home_account_id = Some("subject")), Look::Miss(_)));
    }

    #[test]
    fn of_several_tokens_the_longest_lived_is_taken() {
        let text = cache(&[changed(&json!({"secret": "short", "expires_on": "3000"})), entry(), changed(&json!({"expires_on": "1"}))]);
        let Look::Fresh(hit) = look(&text, &format!("{HOST}/{TENANT}"), |_| {}) else { panic!() };
        assert_eq!(hit.access_token.expose(), "eyJ.a.b");
    }

    #[test]
    fn a_token_that_the_platform_wants_renewed_is_told_from_a_fresh_one() {
        assert!(matches!(of_entry(&json!({"refresh_on": "2000"})), Look::Aging(_)));
        assert!(matches!(of_entry(&json!({"refresh_on": "2001"})), Look::Fresh(_)));
        assert!(matches!(of_entry(&json!({"refresh_on": "1000", "expires_on": "2100"})), Look::Miss(Miss::TooShort(100))));
    }

    #[test]
    fn a_token_that_was_got_meanwhile_is_good_enough_however_short() {
        let text = cache(&[changed(&json!({"cached_at": "1990", "expires_on": "2100"}))]);
        let (authority, scopes) =
            (Authority::parse(&format!("{HOST}/{TENANT}")).unwrap(), scopes(&["https://graph.microsoft.com/.default"]));
        let wanted =
            Wanted { authority: &authority, tenant_id: None, client_id: APP, scopes: &scopes, claims_hash: None, home_account_id: None };
        for (since, is_enough) in [(1989, true), (1990, true), (1991, false)] {
            let enough_since = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(since));
            let look = access_token(&text, &wanted, Now { enough_since, ..now() }).unwrap();
            assert_eq!(matches!(look, Look::Fresh(_)), is_enough, "{since}");
        }
    }
}
