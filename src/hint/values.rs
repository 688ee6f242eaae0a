//! What a request asked with, found in a text about it: ids, domains and scopes, by the words before them and by their form.

use super::Values;
use crate::entra::cloud::Cloud;

/// Looks for an app, a tenant and a scope. What does not have the form of one is not taken, whatever stands before it: the place
/// of an id may hold a secret.
pub(super) fn of(text: &str) -> Values {
    let mut values = Values::default();
    let unescaped = text.replace("\\u0027", "'");
    let lower = unescaped.to_ascii_lowercase();
    for (at, id) in guids(&lower) {
        match owner(&lower[..at]) {
            Some(Owner::App) => values.client_id.get_or_insert_with(|| id.to_owned()),
            Some(Owner::Tenant) => values.tenant.get_or_insert_with(|| id.to_owned()),
            None => continue,
        };
    }
    if values.tenant.is_none() {
        values.tenant = behind(&unescaped, &lower, BEFORE_TENANT, is_domain).or_else(|| {
            let path = behind(&unescaped, &lower, LOGIN_HOSTS, |path| path.split('/').next().is_some_and(is_domain))?;
            path.split('/').next().map(str::to_owned)
        });
    }
    let hosts = ["login.microsoftonline.us", "login.usgovcloudapi.net", "login.partner.microsoftonline.cn", "login.chinacloudapi.cn"];
    let other = hosts.into_iter().find(|host| lower.contains(host) && !lower.contains("login.microsoftonline.com"));
    values.cloud = other.and_then(Cloud::of_login_host);
    values.scope = behind(&unescaped, &lower, BEFORE_SCOPE, is_scope);
    values
}

/// What an id belongs to.
#[derive(Clone, Copy)]
enum Owner {
    App,
    Tenant,
}

/// The words that say what an id belongs to. Where none does, or one of the others is nearer, it is not taken: those name a
/// request, a person, or a secret.
const OWNERS: &[(&str, Option<Owner>)] = &[
    ("app", Some(Owner::App)),
    ("client", Some(Owner::App)),
    ("identifier", Some(Owner::App)),
    ("directory", Some(Owner::Tenant)),
    ("login.microsoftonline.", Some(Owner::Tenant)),
    ("tenant", Some(Owner::Tenant)),
    ("account", None),
    ("assertion", None),
    ("claim", None),
    ("code", None),
    ("correlation", None),
    ("key", None),
    ("object", None),
    ("passw", None),
    ("principal", None),
    ("request", None),
    ("resource", None),
    ("scope", None),
    ("secret", None),
    ("session", None),
    ("token", None),
    ("trace", None),
    ("user", None),
];

/// What an id belongs to, by the nearest word before it.
fn owner(before: &str) -> Option<Owner> {
    const NEAR: usize = 40;
    let near = &before[before.ceil_char_boundary(before.len().saturating_sub(NEAR))..];
    let nearest = OWNERS.iter().filter_map(|(word, owner)| near.rfind(word).map(|at| (at, *owner))).max_by_key(|(at, _)| *at);
    nearest.and_then(|(_, owner)| owner)
}

/// Every GUID that stands alone, with its place.
fn guids(lower: &str) -> impl Iterator<Item = (usize, &str)> {
    const LENGTH: usize = 36;
    let dashes = lower.match_indices('-').filter_map(|(dash, _)| dash.checked_sub(8));
    dashes.filter_map(move |at| {
        let id = lower.get(at..at + LENGTH)?;
        let is_part = |character: char| character.is_alphanumeric() || character == '-';
        let is_alone = !lower[..at].ends_with(is_part) && !lower[at + LENGTH..].starts_with(is_part);
        (is_alone && is_guid(id)).then_some((at, id))
    })
}

fn is_guid(text: &str) -> bool {
    let is_dash = |at| matches!(at, 8 | 13 | 18 | 23);
    text.len() == 36 && text.bytes().enumerate().all(|(at, byte)| if is_dash(at) { byte == b'-' } else { byte.is_ascii_hexdigit() })
}

const BEFORE_TENANT: &[&str] =
    &["directory '", "in tenant ", "the tenant ", "tenant named ", "tenant '", "\"tenant_id\":\"", "\"tenant_id\": \""];

/// What stands before a tenant in an address.
const LOGIN_HOSTS: &[&str] =
    &["login.microsoftonline.com/", "login.microsoftonline.us/", "login.partner.microsoftonline.cn/", "login.chinacloudapi.cn/"];

const BEFORE_SCOPE: &[&str] =
    &["the scope ", "scope '", "scope \"", "scope=", "\"scope\":\"", "\"scope\": \"", "resource principal named ", "resource '"];

/// The most that is looked at behind a word, in bytes: what is longer is no value.
const LONGEST: usize = 150;

/// The first text behind one of the words that has the form wanted.
fn behind(text: &str, lower: &str, words: &[&str], is_wanted: impl Fn(&str) -> bool) -> Option<String> {
    let places = words.iter().flat_map(|word| lower.match_indices(word).map(|(at, word)| at + word.len()));
    let mut places: Vec<usize> = places.collect();
    places.sort_unstable();
    let ends = |character: char| character.is_whitespace() || "'\"\\<>&,;()".contains(character);
    let value = |at: usize| {
        let near = &text[at..text.floor_char_boundary(at + LONGEST)];
        near.trim_start_matches(['\'', '"']).split(ends).next().unwrap_or_default().trim_end_matches(['.', '/'])
    };
    places.into_iter().map(value).find(|value| is_wanted(value)).map(str::to_owned)
}

/// Whether a text has the form of a domain (RFC 1035 section 2.3.1), or is a name for many tenants.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let last_is_name = text.rsplit('.').next().is_some_and(|last| last.len() >= 2 && last.bytes().all(|byte| byte.is_ascii_alphabetic()));
    let is_for_many = ["common", "consumers", "organizations"].contains(&text);
    is_for_many || text.len() <= 100 && text.contains('.') && text.split('.').all(is_label) && last_is_name
}

/// Whether a text has the form of a scope: an API's address and perhaps a permission, or a permission of Microsoft Graph's
/// (`Mail.Read`).
fn is_scope(text: &str) -> bool {
    let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./_-".contains(&byte));
    let address = ["https://", "api://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let is_permission = text.contains('.') && text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'.');
    text.len() <= 120 && !text.contains("eyJ") && (address.is_some_and(|rest| !rest.is_empty() && is_plain(rest)) || is_permission)
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "535fb089-9ff3-47b6-9bfb-4f1264799865";
    const TENANT: &str = "11111111-2222-3333-4444-555555555555";

    fn all(text: &str) -> (Option<String>, Option<String>, Option<String>) {
        let values = of(text);
        (values.client_id, values.tenant, values.scope)
    }

    #[test]
    fn values_are_found_as_entra_words_them() {
        let app = || Some(APP.to_owned());
        let owned = |text: &str| Some(text.to_owned());
        for (text, expected) in [
            (
                format!("AADSTS700016: Application with identifier '{APP}' was not found in the directory '{TENANT}'."),
                (app(), owned(TENANT), None),
            ),
            (
                format!("Application with identifier '{APP}' was not found in the directory 'contoso.onmicrosoft.com'. Trace ID: {TENANT}"),
                (app(), owned("contoso.onmicrosoft.com"), None),
            ),
            (format!("use the application with ID '{APP}' named 'x'"), (app(), None, None)),
            (
                "AADSTS70011: The scope https://example.contoso.com/activity.read isn't valid.".to_owned(),
                (None, None, owned("https://example.contoso.com/activity.read")),
            ),
            (
                format!("The resource principal named https://x.example/ was not found in the tenant named {TENANT}."),
                (None, owned(TENANT), owned("https://x.example")),
            ),
            (format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/authorize?client_id={APP}&x"), (app(), owned(TENANT), None)),
            (
                format!("{{\"client_id\": \"{APP}\", \"tenant_id\":\"contoso.com\", \"scope\":\"Mail.Read\"}}"),
                (app(), owned("contoso.com"), owned("Mail.Read")),
            ),
            (format!("Application with identifier \\u0027{APP}\\u0027"), (app(), None, None)),
            ("POST https://login.microsoftonline.us/contoso.com/oauth2/v2.0/token: 400".to_owned(), (None, owned("contoso.com"), None)),
        ] {
            assert_eq!(all(&text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_id_or_belongs_to_something_else_is_not_taken() {
        for text in [
            format!("Trace ID: {APP} Correlation ID: {APP}"),
            format!("client_secret={APP}"),
            format!("password '{APP}' of the user"),
            format!("client {APP}x app x{APP}"),
            "directory 'Contoso Ltd' directory 'a b.c' directory '$(id).com'".to_owned(),
            "the scope p4ss/word scope=$(id) the scope https://a?b=c scope 'https://u:p@h/x' the scope https://eyJhbGciOiJ.x".to_owned(),
        ] {
            assert_eq!(all(&text), (None, None, None), "{text}");
        }
    }
}
