//! Well-known resources: the short names that users may give, and the exact scope of each in each cloud.
//!
//! A scope for an app token is the resource's identifier followed by `/.default`; Entra takes everything before the last
//! slash for the identifier. An identifier that itself ends in a slash therefore gives a double slash, and leaving one out
//! gives a token that the resource refuses.

use super::cloud::Cloud;

/// A resource, and its scope for an app token in each cloud (`None` where it is not offered or not known).
struct WellKnown {
    names: &'static [&'static str],
    public: &'static str,
    usgov: Option<&'static str>,
    china: Option<&'static str>,
}

const fn everywhere(names: &'static [&'static str], scope: &'static str) -> WellKnown {
    WellKnown { names, public: scope, usgov: Some(scope), china: Some(scope) }
}

const fn by_cloud(names: &'static [&'static str], public: &'static str, usgov: &'static str, china: &'static str) -> WellKnown {
    WellKnown { names, public, usgov: Some(usgov), china: Some(china) }
}

const WELL_KNOWN: &[WellKnown] = &[
    everywhere(&["acr"], "https://containerregistry.azure.net/.default"),
    everywhere(&["aks"], "6dae42f8-4368-4678-94ff-3960e28e3630/.default"),
    by_cloud(
        &["arm", "management"],
        "https://management.azure.com//.default",
        "https://management.usgovcloudapi.net//.default",
        "https://management.chinacloudapi.cn//.default",
    ),
    by_cloud(
        &["batch"],
        "https://batch.core.windows.net//.default",
        "https://batch.core.usgovcloudapi.net//.default",
        "https://batch.chinacloudapi.cn//.default",
    ),
    by_cloud(
        &["cognitive", "cognitiveservices"],
        "https://cognitiveservices.azure.com/.default",
        "https://cognitiveservices.azure.us/.default",
        "https://cognitiveservices.azure.cn/.default",
    ),
    WellKnown { names: &["cosmos"], public: "https://cosmos.azure.com/.default", usgov: None, china: None },
    everywhere(&["databricks"], "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d/.default"),
    everywhere(&["devops"], "499b84ac-1321-427f-aa17-267ca6975798/.default"),
    everywhere(&["eventhubs"], "https://eventhubs.azure.net/.default"),
    WellKnown { names: &["fabric"], public: "https://api.fabric.microsoft.com/.default", usgov: None, china: None },
    by_cloud(
        &["graph"],
        "https://graph.microsoft.com/.default",
        "https://graph.microsoft.us/.default",
        "https://microsoftgraph.chinacloudapi.cn/.default",
    ),
    by_cloud(
        &["keyvault", "vault"],
        "https://vault.azure.net/.default",
        "https://vault.usgovcloudapi.net/.default",
        "https://vault.azure.cn/.default",
    ),
    WellKnown { names: &["kusto"], public: "https://kusto.kusto.windows.net/.default", usgov: None, china: None },
    by_cloud(
        &["loganalytics"],
        "https://api.loganalytics.io/.default",
        "https://api.loganalytics.us/.default",
        "https://api.loganalytics.azure.cn/.default",
    ),
    by_cloud(
        &["postgres", "postgresql", "mysql", "ossrdbms"],
        "https://ossrdbms-aad.database.windows.net/.default",
        "https://ossrdbms-aad.database.usgovcloudapi.net/.default",
        "https://ossrdbms-aad.database.chinacloudapi.cn/.default",
    ),
    by_cloud(
        &["powerbi"],
        "https://analysis.windows.net/powerbi/api/.default",
        "https://analysis.usgovcloudapi.net/powerbi/api/.default",
        "https://analysis.chinacloudapi.cn/powerbi/api/.default",
    ),
    by_cloud(&["search"], "https://search.azure.com/.default", "https://search.azure.us/.default", "https://search.azure.cn/.default"),
    everywhere(&["servicebus"], "https://servicebus.azure.net/.default"),
    by_cloud(
        &["sql"],
        "https://database.windows.net//.default",
        "https://database.usgovcloudapi.net//.default",
        "https://database.chinacloudapi.cn//.default",
    ),
    everywhere(&["storage"], "https://storage.azure.com/.default"),
];

/// What a `resource` setting means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    /// Its scope for an app token.
    Scope(String),
    /// A well-known name that has no meaning in that cloud.
    NotInCloud,
    /// Neither a well-known name nor an identifier; the nearest well-known name.
    Unknown(&'static str),
}

/// The scope of a resource: of a well-known name by the table, of an identifier (a URI or an application's id) by
/// appending `/.default` to it as it stands.
pub(crate) fn scope(resource: &str, cloud: Cloud) -> Resource {
    let name = resource.to_ascii_lowercase();
    if let Some(known) = WELL_KNOWN.iter().find(|known| known.names.contains(&name.as_str())) {
        let scope = match cloud {
            Cloud::Public => Some(known.public),
            Cloud::UsGov => known.usgov,
            Cloud::China => known.china,
        };
        return scope.map_or(Resource::NotInCloud, |scope| Resource::Scope(scope.to_owned()));
    }
    let is_identifier = resource.contains([':', '.', '/']) || uuid::Uuid::try_parse(resource).is_ok();
    if is_identifier {
        return Resource::Scope(format!("{resource}/.default"));
    }
    let nearest = names().max_by(|a, b| strsim::jaro_winkler(a, &name).total_cmp(&strsim::jaro_winkler(b, &name)));
    Resource::Unknown(nearest.unwrap_or_default())
}

/// The well-known names, without their synonyms.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    WELL_KNOWN.iter().map(|known| known.names[0])
}

/// Whether that is one of the well-known names.
pub(crate) fn is_well_known(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    WELL_KNOWN.iter().any(|known| known.names.contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_exact() {
        for (resource, cloud, expected) in [
            ("graph", Cloud::Public, "https://graph.microsoft.com/.default"),
            ("Graph", Cloud::UsGov, "https://graph.microsoft.us/.default"),
            ("graph", Cloud::China, "https://microsoftgraph.chinacloudapi.cn/.default"),
            ("databricks", Cloud::China, "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d/.default"),
            ("sql", Cloud::Public, "https://database.windows.net//.default"),
            ("arm", Cloud::UsGov, "https://management.usgovcloudapi.net//.default"),
            ("https://database.windows.net/", Cloud::Public, "https://database.windows.net//.default"),
            ("https://database.windows.net", Cloud::Public, "https://database.windows.net/.default"),
            ("api://b7a1/x", Cloud::Public, "api://b7a1/x/.default"),
            ("6dae42f8-4368-4678-94ff-3960e28e3630", Cloud::Public, "6dae42f8-4368-4678-94ff-3960e28e3630/.default"),
        ] {
            assert_eq!(scope(resource, cloud), Resource::Scope(expected.to_owned()), "{resource}");
        }
    }

    #[test]
    fn what_is_no_resource_is_not_asked_for() {
        assert_eq!(scope("grahp", Cloud::Public), Resource::Unknown("graph"));
        assert_eq!(scope("fabric", Cloud::China), Resource::NotInCloud);
    }

    #[test]
    fn every_name_stands_once_in_lower_case() {
        let mut names: Vec<&str> = WELL_KNOWN.iter().flat_map(|known| known.names).copied().collect();
        assert!(names.iter().all(|name| *name == name.to_ascii_lowercase()));
        names.sort_unstable();
        let before = names.len();
        names.dedup();
        assert_eq!(names.len(), before);
    }
}
