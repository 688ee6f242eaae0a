//! What a cache holds, for a person: everything but the secrets. And which of it a person means. Pure.

use super::document::Document;
use super::lookup::is_same_client;
use super::schema::{self, Broken, Entry, Kind, Text};
use super::store;
use crate::entra::authority::Authority;

/// An entry, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) kind: Kind,
    /// The account; none for an app's own tokens.
    pub(crate) home_account_id: Option<String>,
    /// The name that the account signs in with, where it is known.
    pub(crate) username: Option<String>,
    pub(crate) client_id: Option<String>,
    /// The tenant's id, or what stands for it.
    pub(crate) tenant: Option<String>,
    /// The host of the authority.
    pub(crate) environment: Option<String>,
    pub(crate) scopes: Vec<String>,
    /// Seconds since 1970.
    pub(crate) expires_on: Option<u64>,
    /// The file that it is in.
    pub(crate) file: String,
}

/// Lists a cache's entries in order of their kinds; what says nothing to a person is left out.
///
/// # Errors
///
/// `Broken`, for what is no cache.
pub(crate) fn items(content: &[u8], file: &str) -> Result<Vec<Item>, Broken> {
    let mut items = Vec::new();
    let mut names: Vec<(String, String)> = Vec::new();
    schema::scan(store::text(content)?, &mut |kind, entry| {
        if let (Kind::Account, Some(id), Some(name)) = (kind, says(&entry.home_account_id), says(&entry.username)) {
            names.push((id, name));
        }
        if kind != Kind::AppMetadata {
            items.push(Item {
                kind,
                home_account_id: says(&entry.home_account_id),
                username: says(&entry.username),
                client_id: says(&entry.client_id),
                tenant: says(&entry.realm),
                environment: says(&entry.environment),
                scopes: entry.target.as_deref().unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
                expires_on: schema::seconds(&entry.expires_on),
                file: file.to_owned(),
            });
        }
    })?;
    for item in &mut items {
        let name = names.iter().find(|(id, _)| item.home_account_id.as_ref() == Some(id)).map(|(_, name)| name.clone());
        item.username = item.username.take().or(name);
    }
    items.sort_by(|one, other| (one.kind, &one.username, &one.client_id).cmp(&(other.kind, &other.username, &other.client_id)));
    Ok(items)
}

fn says(text: &Text<'_>) -> Option<String> {
    text.as_deref().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Which entries are meant: those that everything fits that is given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selection<'a> {
    pub(crate) client_id: Option<&'a str>,
    pub(crate) username: Option<&'a str>,
    /// An id or a domain name.
    pub(crate) tenant: Option<&'a str>,
}

impl Selection<'_> {
    /// Whether nothing is given, so that everything would fit.
    pub(crate) fn is_everything(&self) -> bool {
        self.client_id.is_none() && self.username.is_none() && self.tenant.is_none()
    }

    fn fits(&self, kind: Kind, entry: &Entry<'_>, known: &Known) -> bool {
        let client = self.client_id.is_none_or(|id| entry.client_id.as_deref().is_some_and(|own| is_same_client(own, id)));
        let account = entry.home_account_id.as_deref();
        let person = self.username.is_none_or(|_| account.is_some_and(|id| known.accounts.iter().any(|known| known == id)));
        // What is known of an app is no token, and goes with the app only.
        client
            && person
            && self.tenant.is_none_or(|tenant| is_of_tenant(entry, tenant) || known.tenants.iter().any(|id| is_of_tenant(entry, id)))
            && (kind != Kind::AppMetadata || self.client_id.is_some())
    }
}

/// Whether an entry is of a tenant. A refresh token gets tokens for any, and is of the tenant that the person is at home in.
fn is_of_tenant(entry: &Entry<'_>, tenant: &str) -> bool {
    let home = entry.home_account_id.as_deref().and_then(|id| id.split_once('.')).map(|(_, home)| home);
    let home = home.filter(|_| entry.realm.as_deref().is_none_or(str::is_empty));
    let authority = entry.authority.as_deref().and_then(|address| Authority::parse(address).ok());
    let asked = authority.as_ref().and_then(Authority::tenant);
    entry.realm.as_deref().into_iter().chain(asked).chain(home).any(|own| own.eq_ignore_ascii_case(tenant))
}

/// What the names in a selection stand for, as far as the cache knows.
#[derive(Default)]
struct Known {
    /// The accounts that sign in with the name.
    accounts: Vec<String>,
    /// The ids of the tenant that is named by a domain.
    tenants: Vec<String>,
}

fn known(content: &str, selection: &Selection<'_>) -> Known {
    let mut known = Known::default();
    // A cache that is broken ends early; what follows is in no account that is known.
    let _ = schema::scan(content, &mut |kind, entry| {
        let is_named =
            kind == Kind::Account && selection.username.is_some_and(|name| entry.usernames().any(|own| own.eq_ignore_ascii_case(name)));
        known.accounts.extend(says(&entry.home_account_id).filter(|_| is_named));
        if selection.tenant.is_some_and(|tenant| is_of_tenant(&entry, tenant)) {
            known.tenants.extend(says(&entry.realm));
        }
    });
    known
}

/// Whether a cache holds anything that is meant.
pub(crate) fn has(content: &[u8], selection: &Selection<'_>) -> bool {
    let Ok(text) = store::text(content) else { return false };
    let known = known(text, selection);
    let mut has = false;
    let _ = schema::scan(text, &mut |kind, entry| has |= selection.fits(kind, &entry, &known));
    has
}

/// Removes what is meant, and the accounts that no token is left of. Tells how many entries that were.
pub(crate) fn remove(document: &mut Document<'_>, selection: &Selection<'_>) -> usize {
    let text = document.to_text();
    let known = known(&text, selection);
    let tokens = document.remove(|kind, entry| selection.fits(kind, entry, &known));
    if selection.client_id.is_none() || tokens == 0 {
        return tokens;
    }
    let mut left = Vec::new();
    let text = document.to_text();
    let _ = schema::scan(&text, &mut |kind, entry| left.extend(says(&entry.home_account_id).filter(|_| kind != Kind::Account)));
    tokens + document.remove(|kind, entry| kind == Kind::Account && says(&entry.home_account_id).is_none_or(|id| !left.contains(&id)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TENANT: &str = "0587a79d-1516-432b-a35d-2869f97b9033";

    fn cache() -> String {
        json!({
            "AccessToken": {
                "1": {"secret": "S", "home_account_id": "u.t", "client_id": "one", "realm": TENANT, "target": "a b", "expires_on": "9"},
                "2": {"secret": "S", "home_account_id": "v.t", "client_id": "one", "realm": "other", "target": "a"},
                "3": {"secret": "S", "client_id": "two", "realm": TENANT, "target": "a",
                    "authority": "https://login.microsoftonline.com/contoso.com"},
            },
            "RefreshToken": {"1": {"secret": "S", "home_account_id": "u.t", "client_id": "one"}},
            "Account": {
                "1": {"home_account_id": "u.t", "username": "Ann@contoso.com", "realm": TENANT},
                "2": {"home_account_id": "v.t", "username": "bob@contoso.com", "realm": "other"},
            },
            "AppMetadata": {"1": {"client_id": "one"}, "2": {"client_id": "two"}},
        })
        .to_string()
    }

    #[test]
    fn everything_is_shown_but_the_secrets() {
        let items = items(cache().as_bytes(), "f.json").unwrap();
        assert_eq!(items.len(), 6);
        assert!(!format!("{items:?}").contains("\"S\""));
        let token = items.iter().find(|item| item.home_account_id.as_deref() == Some("u.t")).unwrap();
        assert_eq!((token.username.as_deref(), token.expires_on, token.scopes.len()), (Some("Ann@contoso.com"), Some(9), 2));
    }

    #[test]
    fn what_everything_fits_that_is_given_goes_and_nothing_else() {
        let none = Selection { client_id: None, username: None, tenant: None };
        assert!(none.is_everything());
        for (selection, removed, left) in [
            (Selection { client_id: Some("one"), ..none }, 6, 2),
            (Selection { client_id: Some("two"), ..none }, 2, 6),
            (Selection { username: Some("ann@CONTOSO.com"), ..none }, 3, 5),
            (Selection { username: Some("nobody"), ..none }, 0, 8),
            (Selection { tenant: Some(TENANT), ..none }, 3, 5),
            (Selection { tenant: Some("contoso.com"), ..none }, 3, 5),
            (Selection { tenant: Some("t"), ..none }, 1, 7),
            (Selection { username: Some("ann@contoso.com"), client_id: Some("one"), tenant: None }, 3, 5),
            (Selection { username: Some("ann@contoso.com"), client_id: Some("two"), tenant: None }, 0, 8),
        ] {
            let text = cache();
            let mut document = Document::parse(&text).unwrap();
            assert_eq!(has(text.as_bytes(), &selection), removed > 0, "{selection:?}");
            assert_eq!(remove(&mut document, &selection), removed, "{selection:?}");
            let mut entries = 0;
            schema::scan(&document.to_text(), &mut |_, _| entries += 1).unwrap();
            assert_eq!(entries, left, "{selection:?}");
        }
    }
}
