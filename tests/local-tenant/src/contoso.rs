//! What the default directory holds: an organization with apps in every state that a client may meet.
//!
//! The secrets and passwords are fixed, begin with `local~` and open nothing but a local tenant.

use crate::directory::{App, Directory, Organization, Permission, Policy, Resource};
use crate::staff;
pub use crate::staff::*;

/// An app registration as its owner knows it: what is pasted into a client's configuration.
#[derive(Clone, Copy, Debug)]
pub struct Registration {
    /// The app's name in the directory.
    pub name: &'static str,
    /// Application (client) id.
    pub client_id: &'static str,
    /// The value of its secret; empty for an app without credentials.
    pub secret: &'static str,
    /// The id of the secret, which people paste in place of the value; empty for an app without credentials.
    pub secret_id: &'static str,
}

/// Contoso's tenant id.
pub const TENANT_ID: &str = "0587a79d-1516-432b-a35d-2869f97b9033";
/// Contoso's first verified domain.
pub const TENANT_DOMAIN: &str = "contoso.onmicrosoft.com";
/// Another organization, in which none of Contoso's apps exist.
pub const FABRIKAM_ID: &str = "d33c4af7-e2ca-4f38-9c3c-aec95ffc2883";
/// Fabrikam's first verified domain.
pub const FABRIKAM_DOMAIN: &str = "fabrikam.onmicrosoft.com";

/// A well-behaved daemon: may read users in Graph, uses SQL and ARM, is a member of the Databricks workspace, has an
/// app role in the custom API.
pub const DAEMON: Registration = Registration {
    name: "daemon",
    client_id: "6cce9505-8214-40ba-b75a-b49e21fbb586",
    secret: "local~daemon.PtYgjmUh_Bel31iEl2hpChYgCfr",
    secret_id: "163b77ba-b3f1-4301-8abe-ecf35f0a6e32",
};
/// The daemon's second secret, as during a rotation.
pub const DAEMON_SECOND_SECRET: &str = "local~second.TWDtkwtDDb~xHKas1VOq-g6YYZY";
/// Gets tokens, but was granted nothing: Graph answers 403.
pub const UNPRIVILEGED: Registration = Registration {
    name: "unprivileged",
    client_id: "fad69953-e8e0-4113-8097-c07974554be4",
    secret: "local~unpriv.L1spNxnyVmihA.2O76UMFxFkM.R",
    secret_id: "5fd9c6ca-a45d-4690-af3f-81a9dda6e9de",
};
/// Its only secret has expired (AADSTS7000222).
pub const EXPIRED: Registration = Registration {
    name: "expired-secret",
    client_id: "c6f2371b-58ca-4acb-8113-7871e221bf09",
    secret: "local~expired.5Kjp-1vRt~1fjORS.6ilI8ihN5",
    secret_id: "0cc7a393-9fbe-4bc1-a506-fafeeb21b147",
};
/// Switched off by an administrator (AADSTS7000112).
pub const DISABLED: Registration = Registration {
    name: "disabled",
    client_id: "666e0b70-edcb-4a63-ae14-7ff994a9591e",
    secret: "local~disabld.KXSc7Tvo.hBKqFYY.kv5ZJr3J1",
    secret_id: "18ff7f2a-cf6e-4937-9ed3-cadb1dcc6962",
};
/// A desktop app: a public client without credentials, in no family, that must send a code challenge. For people it may use
/// `User.Read` of Graph, ARM, Databricks, and `Orders.Read.All` of the custom API; for `Orders.Write` users are asked for consent.
pub const PUBLIC_APP: Registration =
    Registration { name: "desktop", client_id: "cd9e0245-eed7-4fa7-98d1-d89daf959234", secret: "", secret_id: "" };
/// Azure CLI, a public client of Microsoft's that is in the family of client ids.
pub const AZURE_CLI: Registration =
    Registration { name: "Microsoft Azure CLI", client_id: "04b07795-8ddb-461a-bbee-02f9e1bf7b46", secret: "", secret_id: "" };
/// Azure PowerShell, another of the family.
pub const AZURE_POWERSHELL: Registration =
    Registration { name: "Microsoft Azure PowerShell", client_id: "1950a258-227b-4e31-a9cf-717495945fc2", secret: "", secret_id: "" };
/// Blocked by a Conditional Access policy for workload identities (AADSTS53003).
pub const BLOCKED: Registration = Registration {
    name: "blocked-by-policy",
    client_id: "9d0c8f3e-2b57-4b0e-8f53-6a2c1f7de941",
    secret: "local~blocked.cFWZp2vXqk~8Tb_Yw0.RmHdUs4",
    secret_id: "3f1d5a86-77c4-4c0f-b7d2-0be94a6c5d18",
};
/// Over its limit: every token request is answered 429 with `Retry-After`.
pub const THROTTLED: Registration = Registration {
    name: "throttled",
    client_id: "b8e6f7a1-0d94-4f6b-9c55-e3d2a1b07c64",
    secret: "local~throttl.Qe7nYzKdW3~fLrX_b1.Vu9JmPc",
    secret_id: "5c2e9b70-18a3-4d6f-a4e1-c97f3b58d026",
};
/// Seconds that [`THROTTLED`] is told to wait.
pub const THROTTLED_RETRY_AFTER: u32 = 60;
/// Fabrikam's own daemon, unknown in Contoso (AADSTS700016).
pub const FABRIKAM_DAEMON: Registration = Registration {
    name: "fabrikam-daemon",
    client_id: "603def7d-b61e-43f9-bdcd-99f52a83856f",
    secret: "local~fabrik.n9ZhyiA4uoRgnatmUdjAWtGSU8p",
    secret_id: "72c43ee2-f6ea-4e6c-8f4b-f289e825e617",
};

/// The custom API's app id, which is the audience of its (version 2) tokens.
pub const API_ID: &str = "ce4f2c9b-faff-47d7-b531-215741d25e35";
/// The custom API's identifier URI.
pub const API_URI: &str = "api://ce4f2c9b-faff-47d7-b531-215741d25e35";
/// A custom API whose identifier URI ends with a slash, and which takes version 1 tokens.
pub const SLASHED_API_URI: &str = "https://orders.contoso.example/";
/// App id of the API with the slash.
pub const SLASHED_API_ID: &str = "2a6d4c11-9be3-4f0d-8d8c-5b7e60f31a92";

/// App id of Microsoft Graph, the same in every tenant.
pub const GRAPH_ID: &str = "00000003-0000-0000-c000-000000000000";
/// App id of Azure Databricks (Databricks page "Get Microsoft Entra ID tokens").
pub const DATABRICKS_ID: &str = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d";
/// Host of the Databricks workspace.
pub const DATABRICKS_HOST: &str = "adb-1234567890123456.7.azuredatabricks.net";
/// Azure resource id of the Databricks workspace.
pub const DATABRICKS_RESOURCE_ID: &str =
    "/subscriptions/7d5a3c1e-4b92-4e68-a0c7-9f13d26b85e4/resourceGroups/data/providers/Microsoft.Databricks/workspaces/contoso";

/// The tenant in which Microsoft registers its own apps.
const MICROSOFT_ID: &str = "f8cdef31-a31e-4b4a-93e4-5f571e91255a";
/// The redirect URI of apps that listen on the machine of their user.
const LOOPBACK: &str = "http://localhost";
const ARM_ID: &str = "797f4846-ba00-4fd7-ba43-dac1f8f63013";
const SQL_ID: &str = "022907d3-0f1b-48f7-badc-1ba6abab6d66";
const VAULT_ID: &str = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093";
const STORAGE_ID: &str = "e406a681-f3d4-42a8-90b6-c2b029497af1";

/// The default directory.
pub fn directory() -> Directory {
    microsoft_resources()
        .organization(staff::contoso())
        .organization(Organization::new(FABRIKAM_ID, "Fabrikam").domain(FABRIKAM_DOMAIN).users(staff::fabrikam_users()))
        .resource(
            Resource::new(API_ID, "Contoso orders API")
                .uri(API_URI)
                .scopes(&["Orders.Read.All", "Orders.Write", "user_impersonation"])
                .accepts_version_2()
                .only_in(TENANT_ID),
        )
        .resource(Resource::new(SLASHED_API_ID, "Contoso orders API, older").uri(SLASHED_API_URI).only_in(TENANT_ID))
        .app(
            registered(DAEMON, TENANT_ID)
                .secret("5e0b4d6a-93c7-4a1f-b2e8-7d60c1f9a835", DAEMON_SECOND_SECRET)
                .granted(Permission::new(GRAPH_ID, "User.Read.All"))
                .granted(Permission::new(API_ID, "Orders.Read"))
                .delegated(Permission::new(GRAPH_ID, "User.Read"))
                .delegated(Permission::new(API_ID, "Orders.Read.All"))
                .redirect_uri(LOOPBACK)
                .databricks_member()
                .arm_contributor(),
        )
        .app(registered(UNPRIVILEGED, TENANT_ID))
        .app(App::new(EXPIRED.client_id, EXPIRED.name, TENANT_ID).expired_secret(EXPIRED.secret_id, EXPIRED.secret))
        .app(registered(DISABLED, TENANT_ID).policy(Policy::Disabled))
        .app(
            App::new(PUBLIC_APP.client_id, PUBLIC_APP.name, TENANT_ID)
                .policy(Policy::PublicClient)
                .policy(Policy::RequiresPkce)
                .redirect_uri(LOOPBACK)
                .delegated(Permission::new(GRAPH_ID, "User.Read"))
                .delegated(Permission::new(ARM_ID, "user_impersonation"))
                .delegated(Permission::new(DATABRICKS_ID, "user_impersonation"))
                .delegated(Permission::new(API_ID, "Orders.Read.All")),
        )
        .app(microsofts(AZURE_CLI))
        .app(microsofts(AZURE_POWERSHELL))
        .app(registered(BLOCKED, TENANT_ID).policy(Policy::BlockedByConditionalAccess))
        .app(registered(THROTTLED, TENANT_ID).policy(Policy::Throttled { retry_after: THROTTLED_RETRY_AFTER }))
        .app(registered(FABRIKAM_DAEMON, FABRIKAM_ID).granted(Permission::new(GRAPH_ID, "User.Read.All")))
}

/// Further APIs of Microsoft's: app id, name, identifier URI.
const OTHER_APIS: &[(&str, &str, &str)] = &[
    ("6a0ec4d3-30cb-4a83-91c0-ae56bc0e3d26", "Azure Container Registry", "https://containerregistry.azure.net"),
    ("6dae42f8-4368-4678-94ff-3960e28e3630", "Azure Kubernetes Service AAD Server", ""),
    ("ddbf3205-c6bd-46ae-8127-60eb93363864", "Microsoft Azure Batch", "https://batch.core.windows.net/"),
    ("7d312290-28c8-473c-a0ed-8e53749b6d6d", "Microsoft Cognitive Services", "https://cognitiveservices.azure.com"),
    ("a232010e-820c-4083-83bb-3ace5fc29d0b", "Azure Cosmos DB", "https://cosmos.azure.com"),
    ("499b84ac-1321-427f-aa17-267ca6975798", "Azure DevOps", ""),
    ("80369ed6-5f11-4dd9-bef3-692475845e77", "Microsoft.EventHubs", "https://eventhubs.azure.net"),
    ("2746ea77-4702-4b45-80ca-3c97e680e8b7", "Azure Data Explorer", "https://kusto.kusto.windows.net"),
    ("ca7f3f0b-7d91-482c-8e09-c5d840d0eac5", "Log Analytics API", "https://api.loganalytics.io"),
    ("123cd850-d9df-40bd-94d5-c9f07b7fa203", "Azure OSSRDBMS Database", "https://ossrdbms-aad.database.windows.net"),
    ("880da380-985e-4198-81b9-e05b1cc53158", "Azure AI Search", "https://search.azure.com"),
    ("80a10ef9-8168-493d-abf9-3297c4ef6e3c", "Microsoft.ServiceBus", "https://servicebus.azure.net"),
];

/// The resources that Microsoft runs, which exist in every tenant; all of them take version 1 tokens.
fn microsoft_resources() -> Directory {
    let others = OTHER_APIS.iter().fold(Directory::empty(), |directory, (id, name, uri)| {
        let resource = Resource::new(id, name);
        directory.resource(if uri.is_empty() { resource } else { resource.uri(uri) })
    });
    others
        .resource(
            Resource::new("00000009-0000-0000-c000-000000000000", "Power BI Service")
                .uri("https://analysis.windows.net/powerbi/api")
                .uri("https://api.fabric.microsoft.com"),
        )
        .resource(
            Resource::new(GRAPH_ID, "Microsoft Graph")
                .uri("https://graph.microsoft.com")
                .uri("https://graph.microsoft.us")
                .uri("https://microsoftgraph.chinacloudapi.cn")
                .scopes(&["Directory.AccessAsUser.All", "User.Read", "User.Read.All"])
                .admin_scopes(&["Directory.AccessAsUser.All", "User.Read.All"])
                .hashes_nonce(),
        )
        .resource(
            Resource::new(ARM_ID, "Windows Azure Service Management API")
                .uri("https://management.azure.com/")
                .uri("https://management.core.windows.net/")
                .uri("https://management.usgovcloudapi.net/")
                .uri("https://management.chinacloudapi.cn/"),
        )
        .resource(
            Resource::new(SQL_ID, "Azure SQL Database")
                .uri("https://database.windows.net/")
                .uri("https://database.usgovcloudapi.net/")
                .uri("https://database.chinacloudapi.cn/"),
        )
        .resource(Resource::new(VAULT_ID, "Azure Key Vault").uri("https://vault.azure.net"))
        .resource(Resource::new(STORAGE_ID, "Azure Storage").uri("https://storage.azure.com/"))
        .resource(Resource::new(DATABRICKS_ID, "AzureDatabricks"))
}

fn registered(registration: Registration, tenant: &str) -> App {
    App::new(registration.client_id, registration.name, tenant).secret(registration.secret_id, registration.secret)
}

fn microsofts(registration: Registration) -> App {
    let app = App::new(registration.client_id, registration.name, MICROSOFT_ID).policy(Policy::PublicClient);
    app.first_party().family("1").redirect_uri(LOOPBACK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_the_length_of_real_ones_and_say_what_they_are() {
        let with_secret = [DAEMON, UNPRIVILEGED, EXPIRED, DISABLED, BLOCKED, THROTTLED, FABRIKAM_DAEMON];
        let mut secrets: Vec<&str> = with_secret.iter().map(|app| app.secret).collect();
        secrets.push(DAEMON_SECOND_SECRET);
        for secret in secrets {
            assert_eq!(secret.len(), 40, "{secret}");
            assert!(secret.starts_with("local~") && secret.contains('.'), "{secret}");
        }
    }
}
