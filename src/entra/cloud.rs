//! Microsoft's national clouds: their names in the ecosystem, and their login hosts.
//!
//! Source: "National clouds" and "Microsoft Entra authentication & national clouds" in Microsoft's documentation, and the
//! instance metadata that the login hosts publish.

/// A cloud: a separate instance of Entra with hosts of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cloud {
    /// The worldwide cloud.
    #[default]
    Public,
    /// Azure for US Government.
    UsGov,
    /// Azure operated by 21Vianet in China.
    China,
}

/// The names that users may give, for error messages.
pub(crate) const NAMES: &str = "public, usgov, china";

/// Login hosts that are known for certain: their endpoints follow from host and tenant, so nothing is looked up.
/// The first of each cloud is the one that its authority is built with.
const LOGIN_HOSTS: &[(&str, Cloud)] = &[
    ("login.microsoftonline.com", Cloud::Public),
    ("login.windows.net", Cloud::Public),
    ("login.microsoft.com", Cloud::Public),
    ("sts.windows.net", Cloud::Public),
    ("login.microsoftonline.us", Cloud::UsGov),
    ("login.usgovcloudapi.net", Cloud::UsGov),
    ("login-us.microsoftonline.com", Cloud::UsGov),
    ("login.partner.microsoftonline.cn", Cloud::China),
    ("login.chinacloudapi.cn", Cloud::China),
];

impl Cloud {
    /// The cloud of that name, by any of the names that Azure's tools use, in any case.
    pub(crate) fn named(name: &str) -> Option<Cloud> {
        match name.to_ascii_lowercase().as_str() {
            "public" | "azurecloud" | "azurepublic" | "azurepubliccloud" => Some(Cloud::Public),
            "usgov" | "usgovernment" | "azureusgovernment" | "azureusgovernmentcloud" => Some(Cloud::UsGov),
            "china" | "azurechina" | "azurechinacloud" => Some(Cloud::China),
            _ => None,
        }
    }

    /// The host of this cloud's authority.
    pub(crate) fn login_host(self) -> &'static str {
        match self {
            Cloud::Public => "login.microsoftonline.com",
            Cloud::UsGov => "login.microsoftonline.us",
            Cloud::China => "login.partner.microsoftonline.cn",
        }
    }

    /// The cloud's name in our own words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Cloud::Public => "public",
            Cloud::UsGov => "usgov",
            Cloud::China => "china",
        }
    }

    /// The cloud of a login host that is known, compared whole; none for any other host.
    pub(crate) fn of_login_host(host: &str) -> Option<Cloud> {
        LOGIN_HOSTS.iter().find(|(known, _)| *known == host).map(|(_, cloud)| *cloud)
    }
}

/// The known login hosts.
pub(crate) fn login_hosts() -> impl Iterator<Item = &'static str> {
    LOGIN_HOSTS.iter().map(|(host, _)| *host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clouds_take_the_names_of_the_ecosystem() {
        for (name, cloud) in [
            ("public", Some(Cloud::Public)),
            ("AzureCloud", Some(Cloud::Public)),
            ("AzureUSGovernment", Some(Cloud::UsGov)),
            ("usgovernment", Some(Cloud::UsGov)),
            ("AzureChinaCloud", Some(Cloud::China)),
            ("germany", None),
            ("", None),
        ] {
            assert_eq!(Cloud::named(name), cloud, "{name}");
        }
    }

    #[test]
    fn each_cloud_knows_its_own_login_host() {
        for cloud in [Cloud::Public, Cloud::UsGov, Cloud::China] {
            assert_eq!(Cloud::of_login_host(cloud.login_host()), Some(cloud));
        }
        assert_eq!(Cloud::of_login_host("login.microsoftonline.com.evil.example"), None);
    }
}
