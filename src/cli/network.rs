//! How servers are reached: the proxy and the certificate authorities, resolved from flags and environment.

use std::path::PathBuf;

use crate::env::{self, Env, Variable};
use crate::error::UsageError;
use crate::secret::Secret;

/// The way to the servers.
#[derive(Debug, Default)]
pub(crate) struct Network {
    /// The proxy for https, a complete address; it may hold a password.
    pub(crate) proxy: Option<Secret>,
    /// The password in it, decoded.
    pub(crate) proxy_password: Option<Secret>,
    /// Hosts that are reached without it, separated by commas.
    pub(crate) no_proxy: Option<String>,
    /// A PEM file in place of the platform's authorities.
    pub(crate) bundle: Option<PathBuf>,
    /// A folder in place of the platform's authorities.
    pub(crate) folder: Option<PathBuf>,
}

/// Resolves the network's settings: the flag, then `HTTPS_PROXY`, then `ALL_PROXY`.
///
/// # Errors
///
/// When the proxy's address cannot be used. It is not quoted, because it may hold a password.
pub(crate) fn network(flag: Option<&str>, environment: &Env) -> Result<Network, UsageError> {
    let named =
        |variable: Variable| environment.either_case(variable).map_err(|_| UsageError::new(format!("{} is not UTF-8 text", variable.0)));
    let given = match flag {
        Some(value) => Some((value.to_owned(), "--proxy")),
        None => match named(env::HTTPS_PROXY)? {
            Some(value) => Some((value, env::HTTPS_PROXY.0)),
            None => named(env::ALL_PROXY)?.map(|value| (value, env::ALL_PROXY.0)),
        },
    };
    let proxy = given.map(|(value, from)| check_proxy(&value, from)).transpose()?;
    let (proxy, proxy_password) = proxy.unzip();
    let path = |variable| environment.get(variable).ok().flatten().map(PathBuf::from);
    Ok(Network {
        proxy,
        proxy_password: proxy_password.flatten(),
        no_proxy: named(env::NO_PROXY)?.map(|list| exceptions(&list)),
        bundle: path(env::SSL_CERT_FILE),
        folder: path(env::SSL_CERT_DIR),
    })
}

/// The exceptions in the forms that every tool takes: `*.example.com` is `.example.com`, and a port is left out.
fn exceptions(list: &str) -> String {
    let entries = list.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty());
    let entries = entries.map(|entry| {
        let host = entry.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(entry);
        match host.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => host,
        }
    });
    entries.collect::<Vec<_>>().join(",")
}

/// The proxy's complete address, and the password in it.
fn check_proxy(proxy: &str, from: &str) -> Result<(Secret, Option<Secret>), UsageError> {
    // A bare host and port are an http proxy's, as with curl.
    let address = if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") };
    let Some(url) = url::Url::parse(&address).ok().filter(url::Url::has_host) else {
        return Err(UsageError::new(format!("the proxy of {from} is not a URL")).fix("write it as http://HOST:PORT"));
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(UsageError::new(format!("the proxy of {from} is of a kind that is not supported: {}", url.scheme()))
            .fix("use an http or https proxy"));
    }
    log::info!(
        "proxy {}://{}:{} (from {from})",
        url.scheme(),
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or_default()
    );
    let password = url.password().map(|password| {
        // A form's decoding, without its meaning of the plus sign.
        let form = format!("={}", password.replace('+', "%2B"));
        url::form_urlencoded::parse(form.as_bytes()).map(|(_, value)| value.into_owned()).collect()
    });
    Ok((Secret::new(address), password.map(Secret::new)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn proxy(flag: Option<&str>, environment: &[(&'static str, &'static str)]) -> Result<Option<String>, String> {
        let environment = Env::Fixed(environment.iter().copied().collect::<HashMap<_, _>>());
        let network = network(flag, &environment).map_err(|error| error.what)?;
        Ok(network.proxy.map(|proxy| proxy.expose().to_owned()))
    }

    #[test]
    fn the_flag_wins_then_https_then_all_and_lower_case_wins() {
        let all = [("ALL_PROXY", "http://all"), ("HTTPS_PROXY", "http://upper"), ("https_proxy", "http://lower")];
        for (flag, environment, expected) in [
            (Some("http://flag:1"), &all[..], Some("http://flag:1")),
            (None, &all, Some("http://lower")),
            (None, &all[..2], Some("http://upper")),
            (None, &all[..1], Some("http://all")),
            (None, &[("HTTP_PROXY", "http://x"), ("http_proxy", "http://y")], None),
            (None, &[("HTTPS_PROXY", "host:8080")], Some("http://host:8080")),
            (None, &[("HTTPS_PROXY", "")], None),
        ] {
            assert_eq!(proxy(flag, environment), Ok(expected.map(str::to_owned)), "{environment:?}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_not_quoted() {
        for bad in ["socks5://u:CNRY@h:1", "http://", "http://[CNRY", "CNRY://h"] {
            assert!(!proxy(Some(bad), &[]).unwrap_err().contains("CNRY"), "{bad}");
        }
    }

    #[test]
    fn exceptions_take_the_forms_of_other_tools() {
        assert_eq!(exceptions("*.a.example, b.example:443 10.0.0.0/8,::1,*"), ".a.example,b.example,10.0.0.0/8,::1,*");
    }

    #[test]
    fn a_password_is_decoded() {
        let network = network(Some("http://u:p%40a+b@h:1"), &Env::Fixed(HashMap::new())).unwrap();
        assert_eq!(network.proxy_password.unwrap().expose(), "p@a+b");
    }
}
