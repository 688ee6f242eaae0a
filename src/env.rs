//! Every environment variable that is read, what it means, and the one place that reads them.

use std::path::PathBuf;

/// A documented environment variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Variable(pub(crate) &'static str);

/// Host of the authority, with or without a trailing slash (Azure SDKs). The tenant comes from elsewhere.
pub(crate) const AZURE_AUTHORITY_HOST: Variable = Variable("AZURE_AUTHORITY_HOST");
/// Application (client) id (Azure SDKs).
pub(crate) const AZURE_CLIENT_ID: Variable = Variable("AZURE_CLIENT_ID");
/// Client secret (Azure SDKs); wins over a certificate, which wins over a federated token.
pub(crate) const AZURE_CLIENT_SECRET: Variable = Variable("AZURE_CLIENT_SECRET");
/// Path of a certificate with its key (Azure SDKs).
pub(crate) const AZURE_CLIENT_CERTIFICATE_PATH: Variable = Variable("AZURE_CLIENT_CERTIFICATE_PATH");
/// Path of a federated token (workload identity).
pub(crate) const AZURE_FEDERATED_TOKEN_FILE: Variable = Variable("AZURE_FEDERATED_TOKEN_FILE");
/// Tenant id or domain (Azure SDKs).
pub(crate) const AZURE_TENANT_ID: Variable = Variable("AZURE_TENANT_ID");
/// Application (client) id (Terraform).
pub(crate) const ARM_CLIENT_ID: Variable = Variable("ARM_CLIENT_ID");
/// Client secret (Terraform).
pub(crate) const ARM_CLIENT_SECRET: Variable = Variable("ARM_CLIENT_SECRET");
/// Path of a certificate with its key (Terraform).
pub(crate) const ARM_CLIENT_CERTIFICATE_PATH: Variable = Variable("ARM_CLIENT_CERTIFICATE_PATH");
/// Name of the cloud (Terraform): `public`, `usgovernment`, `china`.
pub(crate) const ARM_ENVIRONMENT: Variable = Variable("ARM_ENVIRONMENT");
/// Tenant id or domain (Terraform).
pub(crate) const ARM_TENANT_ID: Variable = Variable("ARM_TENANT_ID");
/// Proxy for every scheme, when `HTTPS_PROXY` is not set. The lower-case name wins, as with curl.
pub(crate) const ALL_PROXY: Variable = Variable("ALL_PROXY");
/// Proxy for https, reached with CONNECT. The lower-case name wins, as with curl.
pub(crate) const HTTPS_PROXY: Variable = Variable("HTTPS_PROXY");
/// Hosts that are reached without the proxy, separated by commas; `*` is every host. The lower-case name wins.
pub(crate) const NO_PROXY: Variable = Variable("NO_PROXY");
/// Colours are off where this is set to anything (<https://no-color.org>).
pub(crate) const NO_COLOR: Variable = Variable("NO_COLOR");
/// `dumb` turns colours off.
pub(crate) const TERM: Variable = Variable("TERM");
/// What kubectl tells its credential plugins: the `apiVersion` to answer in.
pub(crate) const KUBERNETES_EXEC_INFO: Variable = Variable("KUBERNETES_EXEC_INFO");
/// PEM file that takes the place of the platform's certificate authorities, as with OpenSSL.
pub(crate) const SSL_CERT_FILE: Variable = Variable("SSL_CERT_FILE");
/// Folder of PEM files that takes the place of the platform's certificate authorities, as with OpenSSL.
pub(crate) const SSL_CERT_DIR: Variable = Variable("SSL_CERT_DIR");
/// Programs that open an address in a browser, separated by `:` (`;` on Windows) and tried in turn; `%s` stands for the address,
/// which else is added at the end. No shell is involved.
pub(crate) const BROWSER: Variable = Variable("BROWSER");
/// Where windows of X11 are shown.
pub(crate) const DISPLAY: Variable = Variable("DISPLAY");
/// Where windows of Wayland are shown.
pub(crate) const WAYLAND_DISPLAY: Variable = Variable("WAYLAND_DISPLAY");
/// Who became another user by `sudo`.
#[cfg_attr(not(unix), expect(dead_code, reason = "documented on every system, read where there is sudo"))]
pub(crate) const SUDO_USER: Variable = Variable("SUDO_USER");

/// A refresh token, for `refresh`.
pub(crate) const ENTRA_TOKEN_REFRESH_TOKEN: Variable = Variable("ENTRA_TOKEN_REFRESH_TOKEN");
/// The name that a person signs in with (Azure SDKs).
pub(crate) const AZURE_USERNAME: Variable = Variable("AZURE_USERNAME");
/// The password that goes with it (Azure SDKs), for `username-password`.
pub(crate) const AZURE_PASSWORD: Variable = Variable("AZURE_PASSWORD");
/// Where tokens are kept: a file, a folder, or `none`.
pub(crate) const ENTRA_TOKEN_CACHE: Variable = Variable("ENTRA_TOKEN_CACHE");
/// The folder of what a user's programs keep between runs (XDG Base Directory Specification).
pub(crate) const XDG_STATE_HOME: Variable = Variable("XDG_STATE_HOME");
/// The user's home folder.
pub(crate) const HOME: Variable = Variable("HOME");
/// The folder of what a user's programs keep between runs, on Windows.
#[cfg_attr(not(windows), expect(dead_code, reason = "documented on every system, read on one"))]
pub(crate) const LOCALAPPDATA: Variable = Variable("LOCALAPPDATA");

/// The operating system that this program was built for.
pub(crate) const OS: &str = std::env::consts::OS;

/// The environment: the process's own, or a given one, so that what depends on it stays a pure function.
#[derive(Debug)]
pub(crate) enum Env {
    Process,
    #[cfg(test)]
    Fixed(std::collections::HashMap<&'static str, &'static str>),
}

/// A variable holds bytes that are not UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotUtf8;

impl Env {
    /// The value of a variable. One that is empty counts as not set: CI systems cannot unset.
    pub(crate) fn get(&self, variable: Variable) -> Result<Option<String>, NotUtf8> {
        self.named(variable.0)
    }

    /// The value of a variable that the parameters name (`{"env": "NAME"}`), by the same rule.
    pub(crate) fn named(&self, name: &str) -> Result<Option<String>, NotUtf8> {
        let value = match self {
            // A name with `=` or NUL is no variable, and asking for one would panic.
            Env::Process if name.is_empty() || name.contains(['=', '\0']) => None,
            Env::Process => std::env::var_os(name),
            #[cfg(test)]
            Env::Fixed(map) => map.get(name).map(|value| (*value).into()),
        };
        match value.map(std::ffi::OsString::into_string) {
            None => Ok(None),
            Some(Ok(value)) if value.is_empty() => Ok(None),
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(_)) => Err(NotUtf8),
        }
    }

    /// A variable that is a path, which need not be UTF-8.
    pub(crate) fn path(&self, variable: Variable) -> Option<PathBuf> {
        match self {
            Env::Process => std::env::var_os(variable.0).filter(|path| !path.is_empty()).map(PathBuf::from),
            #[cfg(test)]
            Env::Fixed(map) => map.get(variable.0).filter(|path| !path.is_empty()).map(PathBuf::from),
        }
    }

    /// The user's home folder: `HOME`, else what the system knows about the user.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.path(HOME).or_else(|| match self {
            Env::Process => std::env::home_dir().filter(|path| !path.as_os_str().is_empty()),
            #[cfg(test)]
            Env::Fixed(_) => None,
        })
    }

    /// A proxy variable: the lower-case name wins, as with curl.
    pub(crate) fn either_case(&self, variable: Variable) -> Result<Option<String>, NotUtf8> {
        let lower = self.named(&variable.0.to_ascii_lowercase())?;
        lower.map_or_else(|| self.get(variable), |value| Ok(Some(value)))
    }
}

#[cfg(test)]
mod tests {
    /// The names that this file declares.
    fn declared() -> Vec<&'static str> {
        let lines = include_str!("env.rs").lines().filter(|line| line.starts_with("pub(crate) const "));
        lines.filter_map(|line| line.split('"').nth(1)).collect()
    }

    #[test]
    fn the_readme_has_each_variable_and_no_other() {
        let readme = include_str!("../README.md");
        let rows = readme.lines().filter(|line| line.starts_with("| `")).flat_map(|line| line.split('`').skip(1).step_by(2));
        let is_variable = |name: &&str| name.len() > 3 && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        let mut documented: Vec<&str> = rows.filter(is_variable).collect();
        documented.sort_unstable();
        documented.dedup();
        let mut declared = declared();
        declared.sort_unstable();
        assert_eq!(documented, declared);
    }
}
