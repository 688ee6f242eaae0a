//! Who has signed in, and what is left of that: the refresh tokens that a client may use. Pure.

use super::lookup::{is_same_client, is_same_environment, says};
use super::schema::{self, Broken, Entry, Kind, Text};
use crate::secret::Secret;

/// A person who has signed in, and what is left of that.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    pub(crate) home_account_id: String,
    /// The name to sign in with, where it is known.
    pub(crate) username: Option<String>,
    /// The names that it has in any tenant.
    pub(crate) usernames: Vec<String>,
    /// Other names that have been signed in with.
    pub(crate) signed_in_as: Vec<String>,
    /// The name to be called by, where it is known.
    pub(crate) name: Option<String>,
    /// ID tokens, each with the realm that it is of.
    pub(crate) id_tokens: Vec<(String, Secret)>,
    /// Refresh tokens that a client may use: its own, newest first, then those of its family.
    pub(crate) refresh_tokens: Vec<RefreshToken>,
}

/// What a sign-in left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    pub(crate) secret: Secret,
    /// Whether it was given to the client itself, and not to another of its family.
    pub(crate) is_own: bool,
}

/// The people who have signed in to a client at a host, or to one of the family that it may belong to.
///
/// # Errors
///
/// `Broken`, for a text that is no cache.
pub(crate) fn people(text: &str, host: &str, client_id: &str) -> Result<Vec<SignedIn>, Broken> {
    let mut tokens: Vec<(bool, u64, Entry<'_>)> = Vec::new();
    let mut names: Vec<Entry<'_>> = Vec::new();
    let mut id_tokens: Vec<Entry<'_>> = Vec::new();
    let mut may_be_in_family = true;
    schema::scan(text, &mut |kind, entry| {
        let is_ours = entry.client_id.as_deref().is_some_and(|id| is_same_client(id, client_id));
        if !entry.environment.as_deref().is_some_and(|environment| is_same_environment(environment, host)) {
            return;
        }
        match kind {
            Kind::RefreshToken if says(&entry.secret) && says(&entry.home_account_id) && (is_ours || says(&entry.family_id)) => {
                let age = u64::MAX - schema::seconds(&entry.last_modification_time).unwrap_or_default();
                tokens.push((!is_ours, age, entry));
            }
            Kind::Account => names.push(entry),
            Kind::IdToken if is_ours && says(&entry.secret) && says(&entry.home_account_id) => id_tokens.push(entry),
            // What the platform said when it was asked last.
            Kind::AppMetadata if is_ours => may_be_in_family = says(&entry.family_id),
            _ => {}
        }
    })?;
    tokens.sort_by_key(|(is_familys, age, _)| (*is_familys, *age));
    let mut found: Vec<SignedIn> = Vec::new();
    for (is_familys, _, entry) in tokens.into_iter().filter(|(is_familys, ..)| !is_familys || may_be_in_family) {
        let home_account_id = entry.home_account_id.unwrap_or_default().into_owned();
        let secret = Secret::new(entry.secret.unwrap_or_default().into_owned());
        let refresh_token = RefreshToken { secret, is_own: !is_familys };
        if let Some(known) = found.iter_mut().find(|known| known.home_account_id == home_account_id) {
            known.refresh_tokens.push(refresh_token);
            continue;
        }
        found.push(SignedIn { refresh_tokens: vec![refresh_token], ..named(home_account_id, &names) });
    }
    // Some platforms give no refresh token, and what they gave can be used while it lasts.
    for entry in id_tokens {
        let home_account_id = entry.home_account_id.unwrap_or_default().into_owned();
        let secret = Secret::new(entry.secret.unwrap_or_default().into_owned());
        let id_token = (entry.realm.unwrap_or_default().into_owned(), secret);
        match found.iter_mut().find(|known| known.home_account_id == home_account_id) {
            Some(known) => known.id_tokens.push(id_token),
            None => found.push(SignedIn { id_tokens: vec![id_token], ..named(home_account_id, &names) }),
        }
    }
    Ok(found)
}

/// An account with its names, as far as they are known.
fn named(home_account_id: String, accounts: &[Entry<'_>]) -> SignedIn {
    let own = || accounts.iter().filter(|account| account.home_account_id.as_deref() == Some(&home_account_id));
    let said = |text: &Text<'_>| text.as_deref().filter(|text| !text.is_empty()).map(str::to_owned);
    let usernames: Vec<String> = own().filter_map(|account| said(&account.username)).collect();
    let others = own().flat_map(|account| account.usernames().skip(usize::from(says(&account.username))).map(str::to_owned));
    let name = own().find_map(|account| said(&account.name));
    let username = usernames.first().cloned();
    let signed_in_as = others.collect();
    SignedIn { home_account_id, username, usernames, signed_in_as, name, id_tokens: Vec::new(), refresh_tokens: Vec::new() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn who_has_signed_in_is_told_with_the_tokens_that_a_client_may_use() {
        let token = |client: &str, home: &str, secret: &str, time: u32, family: Option<&str>| {
            json!({"credential_type": "RefreshToken", "environment": "login.windows.net", "client_id": client, "home_account_id": home,
                "secret": secret, "last_modification_time": time.to_string(), "family_id": family})
        };
        let mut cache = json!({
            "RefreshToken": {"1": token("app", "u.t", "old", 1, None), "2": token("app", "u.t", "new", 2, None),
                "3": token("sister", "u.t", "family", 9, Some("1")), "4": token("other", "v.t", "alien", 9, None),
                "5": token("sister", "w.t", "only family", 1, Some("1")), "6": {"environment": "login.microsoftonline.us", "client_id": "app",
                "home_account_id": "x.t", "secret": "other cloud"}},
            "Account": {"a": {"environment": "login.microsoftonline.com", "home_account_id": "u.t", "username": "u@contoso.com"}},
        });
        let found = |cache: &Value| {
            let people = people(&cache.to_string(), "login.microsoftonline.com", "app").unwrap();
            let tokens = |person: SignedIn| (person.home_account_id, person.username, person.refresh_tokens);
            people.into_iter().map(tokens).collect::<Vec<_>>()
        };
        let token = |text: &str, is_own| RefreshToken { secret: Secret::new(text.to_owned()), is_own };
        let own = || vec![token("new", true), token("old", true)];
        let ours = ("u.t".to_owned(), Some("u@contoso.com".to_owned()), [own(), vec![token("family", false)]].concat());
        assert_eq!(found(&cache), [ours, ("w.t".to_owned(), None, vec![token("only family", false)])]);
        cache["AppMetadata"] = json!({"m": {"environment": "login.microsoftonline.com", "client_id": "app", "family_id": ""}});
        let ours = ("u.t".to_owned(), Some("u@contoso.com".to_owned()), own());
        assert_eq!(found(&cache), [ours], "a client that is known to be in no family has its own alone");
    }
}
