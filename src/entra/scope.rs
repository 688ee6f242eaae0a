//! Scopes: what a token is asked for.

/// The suffix that asks for all permissions which were granted to an app beforehand.
const DEFAULT: &str = "/.default";

/// Scopes about a person, which are asked for beside any others and name no permission in a resource.
const RESERVED: &[&str] = &["openid", "profile", "offline_access", "email"];

/// The scopes of a request: each once, sorted, so that two requests for the same are the same (as MSAL Python sends them).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scopes(Vec<String>);

impl Scopes {
    pub(crate) fn new(scopes: impl IntoIterator<Item = String>) -> Scopes {
        let mut scopes: Vec<String> = scopes.into_iter().collect();
        scopes.sort();
        scopes.dedup();
        Scopes(scopes)
    }

    /// These and the scopes about the person that every sign-in asks for, so that the answer says who it is and brings a new
    /// refresh token.
    pub(crate) fn with_reserved(&self) -> Scopes {
        let sign_in = ["offline_access", "openid", "profile"].map(str::to_owned);
        Scopes::new(self.0.iter().cloned().chain(sign_in))
    }

    /// The first scope that cannot be asked for with client credentials: one that does not end in `/.default`
    /// (AADSTS1002012).
    pub(crate) fn not_default(&self) -> Option<&str> {
        self.iter().find(|scope| resource_of(scope).is_none_or(str::is_empty))
    }

    /// Two scopes of different resources, if there are: a token has one audience (AADSTS28000).
    pub(crate) fn two_resources(&self) -> Option<(&str, &str)> {
        let first = self.iter().next()?;
        let other = self.iter().find(|scope| resource_of(scope) != resource_of(first))?;
        Some((first, other))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// The form that the `scope` parameter takes: separated by single spaces (RFC 6749 section 3.3).
impl std::fmt::Display for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// The resource of a `/.default` scope: everything before that suffix.
fn resource_of(scope: &str) -> Option<&str> {
    let at = scope.len().checked_sub(DEFAULT.len())?;
    let (resource, suffix) = scope.split_at_checked(at)?;
    suffix.eq_ignore_ascii_case(DEFAULT).then_some(resource)
}

/// Whether a scope is one of those about a person.
pub(crate) fn is_reserved(scope: &str) -> bool {
    RESERVED.iter().any(|reserved| scope.eq_ignore_ascii_case(reserved))
}

/// Whether the characters are those that RFC 6749 section 3.3 allows in one scope.
pub(crate) fn is_scope_token(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// The `/.default` scope that was most likely meant by another one.
pub(crate) fn suggestion(scope: &str) -> String {
    match scope.rsplit_once('/') {
        Some((resource, _)) if resource.contains(':') && !resource.ends_with('/') => format!("{resource}{DEFAULT}"),
        _ if scope.contains(':') || uuid::Uuid::try_parse(scope).is_ok() => format!("{scope}{DEFAULT}"),
        _ => format!("https://graph.microsoft.com{DEFAULT}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(list: &[&str]) -> Scopes {
        Scopes::new(list.iter().map(|scope| (*scope).to_owned()))
    }

    #[test]
    fn scopes_are_sorted_and_stand_once() {
        assert_eq!(scopes(&["b/.default", "a", "b/.default"]).to_string(), "a b/.default");
    }

    #[test]
    fn scopes_that_client_credentials_cannot_ask_for_are_found() {
        assert_eq!(scopes(&["https://database.windows.net//.default"]).not_default(), None);
        assert_eq!(scopes(&["https://graph.microsoft.com/.Default"]).not_default(), None);
        for bad in ["User.Read", "https://graph.microsoft.com/User.Read", "/.default", ".default", "é/.default/x", "é"] {
            assert_eq!(scopes(&[bad]).not_default(), Some(bad));
        }
        assert_eq!(scopes(&["a/.default", "b/.default"]).two_resources(), Some(("a/.default", "b/.default")));
        assert_eq!(scopes(&["a/.default"]).two_resources(), None);
    }

    #[test]
    fn the_scope_that_was_meant_is_suggested() {
        assert_eq!(suggestion("https://graph.microsoft.com/User.Read"), "https://graph.microsoft.com/.default");
        assert_eq!(suggestion("https://vault.azure.net"), "https://vault.azure.net/.default");
        assert_eq!(suggestion("User.Read"), "https://graph.microsoft.com/.default");
        assert_eq!(suggestion("api://app/read"), "api://app/.default");
    }
}
