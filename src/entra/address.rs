//! Addresses that a person wrote and a secret will be sent to: read once, strictly, and refused where they only look like the one
//! that is meant.

use url::{Host, Url};

use super::cloud::{self, Cloud};

/// Why a text is no authority, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// A fragment that follows the place: "is not a URL".
    pub(crate) what: String,
    pub(crate) fix: String,
}

pub(super) fn malformed(what: impl Into<String>, fix: impl Into<String>) -> Malformed {
    Malformed { what: what.into(), fix: fix.into() }
}

/// The usual form, for advice.
pub(super) const USUAL: &str = "write it as https://login.microsoftonline.com/TENANT";

/// Whether an address leads to this very machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether a request can be sent to an address: some that are URLs have characters that no request's target may have (RFC 3986
/// section 2), or are too long for any server.
pub(super) fn is_sendable(url: &Url) -> bool {
    const LONGEST: usize = 2_000;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    url.as_str().len() <= LONGEST && url.as_str().bytes().all(is_allowed)
}

/// Reads an address strictly: https (or loopback), one host in its plain form, no user name, no fragment.
pub(super) fn parse(text: &str) -> Result<Url, Malformed> {
    if text.chars().any(|character| character.is_whitespace() || character.is_control() || character == '\\') {
        return Err(malformed("holds a space, a backslash or a control character", USUAL));
    }
    // The parser would resolve them, and the authority would not be the one that is read.
    if text.contains("..") || text.to_ascii_lowercase().contains("%2e") {
        return Err(malformed("has two dots in a row", USUAL));
    }
    if !text.contains("://") {
        return Err(malformed("is not a URL", "begin it with https://, as in https://login.microsoftonline.com/TENANT"));
    }
    let url = Url::parse(text).map_err(|error| malformed(format!("is not a URL: {error}"), USUAL))?;
    if text.contains('@') {
        return Err(malformed("holds a user name", "leave out everything between :// and @"));
    }
    if url.fragment().is_some() {
        return Err(malformed("has a fragment", "leave out everything from the # on"));
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err(malformed("is not https", "secrets are sent over https only; plain http works for localhost alone")),
        _ => return Err(malformed("is not https", USUAL)),
    }
    check_host(text, &url)?;
    if !is_sendable(&url) {
        return Err(malformed("is no address that a request can be sent to", USUAL));
    }
    Ok(url)
}

/// Refuses hosts that only look like the ones meant.
fn check_host(text: &str, url: &Url) -> Result<(), Malformed> {
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() || host.ends_with('.') {
        return Err(malformed("has no complete host name", USUAL));
    }
    let written = text.split("://").nth(1).unwrap_or_default().split(['/', '?', '#']).next().unwrap_or_default();
    if written.is_empty() {
        return Err(malformed("has no host name", USUAL));
    }
    if !written.is_ascii() || written.contains('%') {
        return Err(malformed(
            format!("has a host name in other than plain letters, which is {host}"),
            "if that is the host you mean, write it in that form",
        ));
    }
    let (name, _) = written.rsplit_once(':').filter(|_| !written.ends_with(']')).unwrap_or((written, ""));
    if !name.eq_ignore_ascii_case(host) {
        return Err(malformed(
            format!("has a host in an unusual form, which is {host}"),
            "if that is the host you mean, write it in that form",
        ));
    }
    if Cloud::of_login_host(host).is_some() {
        return match url.port() {
            Some(port) => Err(malformed(format!("names port {port}, which {host} does not use"), "leave the port out")),
            None => Ok(()),
        };
    }
    if matches!(url.host(), Some(Host::Domain(_))) && !is_loopback(url) {
        for known in cloud::login_hosts() {
            let within = host.contains(known) && !host.ends_with(&format!(".{known}"));
            if within || strsim::osa_distance(host, known) <= 2 {
                return Err(malformed(
                    format!("names the host {host}, which only looks like {known}"),
                    format!("write {known} if that is the one you mean"),
                ));
            }
        }
    }
    Ok(())
}
