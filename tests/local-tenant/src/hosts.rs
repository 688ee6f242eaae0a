//! The hosts that the tenant answers for, and what each of them is.

use crate::contoso;

/// What a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// Entra's login service in one of its clouds.
    Login,
    /// Azure AD B2C.
    B2c,
    /// Entra External ID for customers.
    Ciam,
    /// An AD FS farm.
    AdFs,
    /// Identity providers of federated domains, told apart by their path.
    Federation,
    /// An OpenID provider of another make.
    Oidc,
    /// Microsoft Graph.
    Graph,
    /// A Databricks workspace.
    Databricks,
    /// This machine: everything, told apart by its path.
    Loopback,
}

/// A cloud's login hosts as instance discovery lists them (Microsoft page "National clouds").
pub(crate) struct Cloud {
    pub(crate) preferred_network: &'static str,
    pub(crate) preferred_cache: &'static str,
    pub(crate) aliases: &'static [&'static str],
}

/// The clouds, the public one first.
pub(crate) const CLOUDS: &[Cloud] = &[
    Cloud {
        preferred_network: "login.microsoftonline.com",
        preferred_cache: "login.windows.net",
        aliases: &["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"],
    },
    Cloud {
        preferred_network: "login.partner.microsoftonline.cn",
        preferred_cache: "login.partner.microsoftonline.cn",
        aliases: &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
    },
    Cloud {
        preferred_network: "login.microsoftonline.us",
        preferred_cache: "login.microsoftonline.us",
        aliases: &["login.microsoftonline.us", "login.usgovcloudapi.net"],
    },
];

/// Host of the OpenID provider of another make.
pub const OIDC_HOST: &str = "login.contoso.example";

/// Host of the AD FS farm.
pub(crate) const AD_FS_HOST: &str = "adfs.contoso.com";
/// Host of the other identity providers of federated domains.
pub(crate) const FEDERATION_HOST: &str = "sts.contoso.com";

const OTHERS: &[(&str, Site)] = &[
    ("contoso.b2clogin.com", Site::B2c),
    ("contoso.ciamlogin.com", Site::Ciam),
    (AD_FS_HOST, Site::AdFs),
    (FEDERATION_HOST, Site::Federation),
    (OIDC_HOST, Site::Oidc),
    ("graph.microsoft.com", Site::Graph),
    ("graph.microsoft.us", Site::Graph),
    ("microsoftgraph.chinacloudapi.cn", Site::Graph),
    (contoso::DATABRICKS_HOST, Site::Databricks),
    ("localhost", Site::Loopback),
    ("127.0.0.1", Site::Loopback),
    ("::1", Site::Loopback),
];

/// All hosts.
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    let login = CLOUDS.iter().flat_map(|cloud| cloud.aliases.iter().copied());
    login.chain(OTHERS.iter().map(|(host, _)| *host))
}

/// What a host is; `None` if it is none of the tenant's. The name is without port and in lower case.
pub(crate) fn site(host: &str) -> Option<Site> {
    if cloud(host).is_some() {
        return Some(Site::Login);
    }
    OTHERS.iter().find(|(name, _)| *name == host).map(|(_, site)| *site)
}

/// The cloud of a login host.
pub(crate) fn cloud(host: &str) -> Option<&'static Cloud> {
    CLOUDS.iter().find(|cloud| cloud.aliases.contains(&host))
}
