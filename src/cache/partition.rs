//! Names for identities: each has files of its own in the cache's folder, so the time to find a token does not grow with how
//! many there are, and two identities never meet in one.

use crate::crypto;
use crate::entra::authority::Authority;
use crate::entra::cloud::Cloud;
use crate::entra::scope::Scopes;
use crate::secret::Secret;

/// The names of an identity's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Partition(String);

/// Ending of the files with tokens.
const TOKENS: &str = ".json";
/// Ending of the files that locks are on.
const LOCK: &str = ".lock";
/// Ending of the files that remember failures.
const FAILURE: &str = ".failure";
/// What the names of the memories of passwords begin with.
const PASSWORD: &str = "password-";
/// Ending of the files that say which accounts a client has.
const PEOPLE: &str = ".people";

/// A credential, told from others by its digest.
#[derive(Clone, Debug)]
pub(crate) struct Credential(String);

impl Credential {
    /// A secret, by its value.
    pub(crate) fn secret(secret: &Secret) -> Credential {
        Credential(crypto::digest(["secret", secret.expose()]))
    }

    /// How something is asked for, where the answer depends on it.
    pub(crate) fn circumstances(words: &[&str]) -> Credential {
        Credential(crypto::digest(["circumstances"].into_iter().chain(words.iter().copied())))
    }

    /// What a program writes, by the program: it may take seconds or ask a person, and is not run for a token that is cached.
    pub(crate) fn program(words: &[String]) -> Credential {
        Credential(crypto::digest(["program"].into_iter().chain(words.iter().map(String::as_str))))
    }
}

impl Partition {
    /// An app's own tokens, got with one credential and one set of claims.
    pub(crate) fn of_app(authority: &Authority, client_id: &str, credential: &Credential, claims: Option<&str>) -> Partition {
        let digest = crypto::digest(["app", &canonical(authority), client_id, &credential.0, claims.unwrap_or_default()]);
        Partition(format!("app-{}", &digest[..32]))
    }

    /// The tokens that a client has for an account, of whatever tenant.
    pub(crate) fn of_person(authority: &Authority, client_id: &str, home_account_id: &str) -> Partition {
        let (client, account) = (crypto::digest([&canonical_host(authority), client_id]), crypto::digest([home_account_id]));
        Partition(format!("user-{}{}", &client[..16], &account[..16]))
    }

    /// A sign-in to a client, in one way, by the name of who is to sign in where that is known: what one person at a time is asked
    /// for.
    pub(crate) fn of_sign_in(authority: &Authority, client_id: &str, way: &str, username: Option<&str>) -> Partition {
        let username = username.unwrap_or_default().to_lowercase();
        let digest = crypto::digest(["sign-in", &canonical_host(authority), client_id, way, &username]);
        Partition(format!("sign-{}", &digest[..32]))
    }

    /// What was said of a person's passwords, whatever app or tenant they were for: the places for so many.
    pub(crate) fn of_passwords(authority: &Authority, username: &str) -> [Partition; 4] {
        let digest = crypto::digest(["password", &canonical_host(authority), &username.to_lowercase()]);
        [0, 1, 2, 3].map(|place| Partition(format!("{PASSWORD}{}-{place}", &digest[..32])))
    }

    /// Whether a file is the memory of a password.
    pub(crate) fn is_of_password(file: &str) -> bool {
        file.starts_with(PASSWORD) && file.ends_with(FAILURE)
    }

    /// The throttling of a client's sign-ins.
    pub(crate) fn of_throttling(authority: &Authority, client_id: &str) -> Partition {
        Partition::of_sign_in(authority, client_id, "throttled", None)
    }

    /// What takes its place where whoever has its lock stands still.
    pub(crate) fn successor(&self) -> Partition {
        Partition(format!("{}-next", self.0))
    }

    /// Whether it may be an account's of the same client at the same host as another partition.
    pub(crate) fn is_of_client_of(&self, other: &Partition) -> bool {
        let client = "user-".len() + 16;
        self.0.get(..client).is_some_and(|prefix| other.0.starts_with(prefix)) && self.is_of_person()
    }

    /// What is of a client, and of no account of it in particular: `user-` and the digest of host and client.
    pub(crate) fn of_all_people(&self) -> Option<Partition> {
        let client = self.0.get(.."user-".len() + 16).filter(|_| self.is_of_person())?;
        Some(Partition(client.to_owned()))
    }

    /// The file that says which accounts a client has.
    pub(crate) fn people(&self) -> String {
        format!("{}{PEOPLE}", self.0)
    }

    /// The part of an account's name that is its own.
    pub(crate) fn account(&self) -> &str {
        self.0.get("user-".len() + 16..).unwrap_or_default()
    }

    /// The account of a client by that part of its name.
    pub(crate) fn with_account(&self, account: &str) -> Option<Partition> {
        Partition::of_file(&format!("{}{account}{TOKENS}", self.0))
    }

    /// Whether it is an account's.
    pub(crate) fn is_of_person(&self) -> bool {
        self.0.starts_with("user-")
    }

    /// One request of an app, which is asked by one process and remembered by itself: requests for other scopes need not wait.
    pub(crate) fn for_scopes(&self, scopes: &Scopes) -> Partition {
        Partition(format!("{}-{}", self.0, &crypto::digest(["scopes", &scopes.to_string().to_lowercase()])[..16]))
    }

    /// One request, by its fingerprint, whose failure is remembered.
    pub(crate) fn for_request(&self, fingerprint: &str) -> Partition {
        Partition(format!("{}-{}", self.0, &fingerprint[..16]))
    }

    /// The same within a file that is shared with other programs, where locks and failures are ours alone.
    pub(crate) fn within(&self, file: &str) -> Partition {
        Partition(format!("in-{}", &crypto::digest([file, &self.0])[..32]))
    }

    /// All that is in a file which is shared with other programs.
    pub(crate) fn whole() -> Partition {
        Partition("whole".to_owned())
    }

    pub(crate) fn tokens(&self) -> String {
        format!("{}{TOKENS}", self.0)
    }

    pub(crate) fn lock(&self) -> String {
        format!("{}{LOCK}", self.0)
    }

    pub(crate) fn failure(&self) -> String {
        format!("{}{FAILURE}", self.0)
    }

    /// The partition that a file with tokens is of.
    pub(crate) fn of_file(name: &str) -> Option<Partition> {
        let name = name.strip_suffix(TOKENS)?;
        let (kind, digest) = name.split_once('-')?;
        let is_ours = matches!(kind, "app" | "user") && digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_ours.then(|| Partition(name.to_owned()))
    }

    /// Whether a file in the cache's folder is one of ours that goes when the cache is cleared. Locks stay: who waits for one
    /// would wait on a file that nobody else sees.
    pub(crate) fn is_cleared(name: &str) -> bool {
        let name = name.strip_prefix('.').unwrap_or(name);
        let ours = |kind: &str| name.strip_prefix(kind).is_some_and(|rest| rest.as_bytes().first().is_some_and(u8::is_ascii_hexdigit));
        ["app-", "user-", "in-", "sign-"].into_iter().any(ours) && !name.ends_with(LOCK)
    }
}

/// What tells one request from another: the same one, sent again, would get the same answer. All that it proves itself with
/// counts, and where it goes.
pub(crate) fn fingerprint(partition: &Partition, authority: &Authority, scopes: &Scopes, credentials: &[&Credential]) -> String {
    let (authority, scopes) = (canonical(authority), scopes.to_string());
    let fixed = ["request", &partition.0, &authority, &scopes];
    crypto::digest(fixed.into_iter().chain(credentials.iter().map(|credential| credential.0.as_str())))
}

/// Hash of the claims that a token is asked for with, as it is kept beside the token.
pub(crate) fn claims_hash(claims: &str) -> String {
    crypto::digest(["claims", claims])
}

/// Where people sign in, with one name for the hosts of a cloud.
fn canonical_host(authority: &Authority) -> String {
    match Cloud::of_login_host(authority.host()) {
        Some(cloud) => cloud.login_host().to_owned(),
        None if authority.has_tenants() => authority.origin().to_owned(),
        None => authority.address().to_string(),
    }
}

/// The authority's address, with one name for the hosts of a cloud.
fn canonical(authority: &Authority) -> String {
    match Cloud::of_login_host(authority.host()) {
        Some(cloud) => format!("{}/{}", cloud.login_host(), authority.tenant().unwrap_or_default().to_ascii_lowercase()),
        None => authority.address().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(authority: &str, client_id: &str, secret: &str, claims: Option<&str>) -> Partition {
        let credential = Credential::secret(&Secret::new(secret.to_owned()));
        Partition::of_app(&Authority::parse(authority).unwrap(), client_id, &credential, claims)
    }

    #[test]
    fn every_part_of_an_identity_makes_another_partition() {
        let base = app("https://login.microsoftonline.com/contoso.com", "a", "s", None);
        for other in [
            app("https://login.microsoftonline.us/contoso.com", "a", "s", None),
            app("https://login.microsoftonline.com/fabrikam.com", "a", "s", None),
            app("https://login.microsoftonline.com/common", "a", "s", None),
            app("https://login.microsoftonline.com/contoso.com", "b", "s", None),
            app("https://login.microsoftonline.com/contoso.com", "a", "t", None),
            app("https://login.microsoftonline.com/contoso.com", "a", "s", Some("{}")),
            app("https://localhost:1/contoso.com", "a", "s", None),
            base.within("/a/file"),
        ] {
            assert_ne!(base, other);
        }
        assert_ne!(app("https://localhost:1/x", "a", "s", None), app("https://localhost:2/x", "a", "s", None));
        assert_ne!(base.within("/a/file"), base.within("/another/file"));
    }

    #[test]
    fn names_of_one_tenant_in_one_cloud_are_one() {
        let base = app("https://login.microsoftonline.com/contoso.com", "a", "s", None);
        for same in ["https://login.windows.net/contoso.com", "https://login.microsoftonline.com/Contoso.com/"] {
            assert_eq!(base, app(same, "a", "s", None), "{same}");
        }
    }

    #[test]
    fn a_program_is_a_credential_of_its_own() {
        let words = ["s".to_owned()];
        assert_ne!(Credential::program(&words).0, Credential::secret(&Secret::new("s".to_owned())).0);
    }

    #[test]
    fn files_are_known_by_their_names() {
        let partition = app("https://login.microsoftonline.com/contoso.com", "a", "s", None);
        assert_eq!(Partition::of_file(&partition.tokens()), Some(partition.clone()));
        let corrupt = format!("{}.corrupt-1", partition.tokens());
        let temporary = format!(".{}.0.tmp", partition.tokens());
        for cleared in [partition.tokens(), partition.failure(), corrupt, temporary, partition.within("f").failure()] {
            assert!(Partition::is_cleared(&cleared), "{cleared}");
        }
        for kept in [partition.lock(), partition.within("f").lock(), "notes.json".to_owned(), "app-ly.json".to_owned(), ".".to_owned()] {
            assert!(!Partition::is_cleared(&kept) && Partition::of_file(&kept).is_none(), "{kept}");
        }
    }
}
