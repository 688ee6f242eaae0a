//! What is registered: organizations, their apps and users, and the resources that tokens are for.
//!
//! A directory is built once and does not change while a tenant runs.

use std::time::Duration;

use crate::federation::Federation;
use crate::user::User;

/// Everything that a local tenant knows.
#[derive(Clone, Debug)]
pub struct Directory {
    pub(crate) organizations: Vec<Organization>,
    pub(crate) apps: Vec<App>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) token_lifetime: Duration,
    pub(crate) refresh_in: Option<Duration>,
    pub(crate) answers_after: Duration,
    pub(crate) person: Option<String>,
    pub(crate) device_interval: Duration,
    pub(crate) device_lifetime: Duration,
}

impl Default for Directory {
    fn default() -> Directory {
        crate::contoso::directory()
    }
}

impl Directory {
    /// A directory without anything, not even Microsoft's own resources.
    pub fn empty() -> Directory {
        Directory {
            organizations: Vec::new(),
            apps: Vec::new(),
            resources: Vec::new(),
            token_lifetime: Duration::from_secs(3599),
            refresh_in: None,
            answers_after: Duration::ZERO,
            person: None,
            device_interval: Duration::from_secs(5),
            device_lifetime: Duration::from_mins(15),
        }
    }

    /// Adds an organization.
    pub fn organization(mut self, organization: Organization) -> Directory {
        self.organizations.push(organization);
        self
    }

    /// Registers an app; one with the same client id is replaced.
    pub fn app(mut self, app: App) -> Directory {
        self.apps.retain(|other| !other.client_id.eq_ignore_ascii_case(&app.client_id));
        self.apps.push(app);
        self
    }

    /// Registers a resource; one with the same app id is replaced.
    pub fn resource(mut self, resource: Resource) -> Directory {
        self.resources.retain(|other| !other.app_id.eq_ignore_ascii_case(&resource.app_id));
        self.resources.push(resource);
        self
    }

    /// How long tokens live (3599 seconds, if not said otherwise; Microsoft page "Configurable token lifetimes").
    pub fn token_lifetime(mut self, lifetime: Duration) -> Directory {
        self.token_lifetime = lifetime;
        self
    }

    /// Makes Entra's token answers say when to refresh (`refresh_in`, in seconds): long-lived tokens are to be renewed
    /// before their end.
    pub fn refresh_in(mut self, time: Duration) -> Directory {
        self.refresh_in = Some(time);
        self
    }

    /// Makes every token request wait before it is looked at, so that many can be under way at once.
    pub fn answers_after(mut self, time: Duration) -> Directory {
        self.answers_after = time;
        self
    }

    /// Seats somebody at every browser who signs in by themself: pages that would ask for something are answered for them at
    /// once, consent is given, and device codes are approved after the first poll. Everything is checked all the same.
    pub fn person(mut self, user_principal_name: &str) -> Directory {
        self.person = Some(user_principal_name.to_owned());
        self
    }

    /// Seconds between two polls for a device code (5, if not said otherwise). That an answer writes it as text, or not at
    /// all, is for [`crate::Misbehaviour::Token`].
    pub fn device_interval(mut self, seconds: u64) -> Directory {
        self.device_interval = Duration::from_secs(seconds);
        self
    }

    /// How long device codes live (15 minutes, if not said otherwise).
    pub fn device_lifetime(mut self, lifetime: Duration) -> Directory {
        self.device_lifetime = lifetime;
        self
    }

    /// The organization that a tenant id or a verified domain names.
    pub(crate) fn find_organization(&self, name: &str) -> Option<&Organization> {
        self.organizations.iter().find(|organization| {
            organization.id.eq_ignore_ascii_case(name) || organization.domains.iter().any(|domain| domain.eq_ignore_ascii_case(name))
        })
    }

    /// An app that exists in a tenant.
    pub(crate) fn find_app(&self, client_id: &str, tenant_id: &str) -> Option<&App> {
        self.find_app_anywhere(client_id).filter(|app| app.is_first_party || app.tenant_id.eq_ignore_ascii_case(tenant_id))
    }

    /// The identity provider of a federated domain.
    pub(crate) fn find_federation(&self, domain: &str) -> Option<&Federation> {
        let mut federations = self.organizations.iter().flat_map(|organization| &organization.federations);
        federations.find(|(name, _)| name.eq_ignore_ascii_case(domain)).map(|(_, federation)| federation)
    }

    /// A user by their sign-in name, and the organization that is their home.
    pub(crate) fn find_user(&self, user_principal_name: &str) -> Option<(&Organization, &User)> {
        self.organizations.iter().find_map(|organization| {
            let mut users = organization.users.iter();
            users.find(|user| user.user_principal_name.eq_ignore_ascii_case(user_principal_name)).map(|user| (organization, user))
        })
    }

    /// A user by their object id, and the organization that is their home.
    pub(crate) fn find_user_by_id(&self, id: &str) -> Option<(&Organization, &User)> {
        self.organizations
            .iter()
            .find_map(|organization| organization.users.iter().find(|user| user.id == id).map(|user| (organization, user)))
    }

    /// An app by its client id alone, for issuers without tenants.
    pub(crate) fn find_app_anywhere(&self, client_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.client_id.eq_ignore_ascii_case(client_id))
    }

    /// The resource that an identifier names: its app id or one of its URIs, where one slash at the end does not
    /// count (Azure SQL is found with and without; only the audience differs).
    pub(crate) fn find_resource(&self, identifier: &str, tenant_id: &str) -> Option<&Resource> {
        let bare = |text: &str| text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
        let wanted = bare(identifier);
        self.resources.iter().find(|resource| {
            let is_there = resource.tenant_id.as_deref().is_none_or(|only| only.eq_ignore_ascii_case(tenant_id));
            let is_named = resource.app_id.eq_ignore_ascii_case(identifier) || resource.uris.iter().any(|uri| bare(uri) == wanted);
            is_there && is_named
        })
    }
}

/// An organization: a tenant of the directory. ([`crate::Tenant`] is the running server.)
#[derive(Clone, Debug)]
pub struct Organization {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) domains: Vec<String>,
    pub(crate) users: Vec<User>,
    pub(crate) federations: Vec<(String, Federation)>,
}

impl Organization {
    /// An organization with a tenant id and a display name.
    pub fn new(id: &str, name: &str) -> Organization {
        Organization { id: id.to_owned(), name: name.to_owned(), domains: Vec::new(), users: Vec::new(), federations: Vec::new() }
    }

    /// Adds a verified domain.
    pub fn domain(mut self, domain: &str) -> Organization {
        self.domains.push(domain.to_owned());
        self
    }

    /// Adds a verified domain whose users another identity provider signs in.
    pub fn federated_domain(mut self, domain: &str, federation: Federation) -> Organization {
        self.federations.push((domain.to_owned(), federation));
        self.domain(domain)
    }

    /// Adds users.
    pub fn users(mut self, users: Vec<User>) -> Organization {
        self.users.extend(users);
        self
    }
}

/// An app registration together with its service principal in its tenant.
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) client_id: String,
    pub(crate) name: String,
    pub(crate) tenant_id: String,
    pub(crate) secrets: Vec<Secret>,
    pub(crate) permissions: Vec<Permission>,
    pub(crate) delegated: Vec<Permission>,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) policies: Vec<Policy>,
    pub(crate) family: Option<String>,
    pub(crate) is_first_party: bool,
    pub(crate) is_databricks_member: bool,
    pub(crate) is_arm_contributor: bool,
}

/// A client secret.
#[derive(Clone, Debug)]
pub(crate) struct Secret {
    pub(crate) id: String,
    pub(crate) value: String,
    pub(crate) is_expired: bool,
}

impl App {
    /// An app without credentials and permissions.
    pub fn new(client_id: &str, name: &str, tenant_id: &str) -> App {
        App {
            client_id: client_id.to_owned(),
            name: name.to_owned(),
            tenant_id: tenant_id.to_owned(),
            secrets: Vec::new(),
            permissions: Vec::new(),
            delegated: Vec::new(),
            redirect_uris: Vec::new(),
            policies: Vec::new(),
            family: None,
            is_first_party: false,
            is_databricks_member: false,
            is_arm_contributor: false,
        }
    }

    /// Adds a secret that is in force; an app may have several.
    pub fn secret(self, id: &str, value: &str) -> App {
        self.with_secret(id, value, false)
    }

    /// Adds a secret that has expired.
    pub fn expired_secret(self, id: &str, value: &str) -> App {
        self.with_secret(id, value, true)
    }

    fn with_secret(mut self, id: &str, value: &str, is_expired: bool) -> App {
        self.secrets.push(Secret { id: id.to_owned(), value: value.to_owned(), is_expired });
        self
    }

    /// Grants an application permission, with administrator consent.
    pub fn granted(mut self, permission: Permission) -> App {
        self.permissions.push(permission);
        self
    }

    /// Grants a delegated permission, with consent for every user beforehand.
    pub fn delegated(mut self, permission: Permission) -> App {
        self.delegated.push(permission);
        self
    }

    /// Registers a redirect URI. Of `http://localhost`, with a path or without, the port does not count; anything else counts to
    /// the letter.
    pub fn redirect_uri(mut self, uri: &str) -> App {
        self.redirect_uris.push(uri.to_owned());
        self
    }

    /// Makes the app one of Microsoft's: it exists in every tenant, and every user has consented to all that the resources
    /// which exist in every tenant let apps do for people.
    pub fn first_party(mut self) -> App {
        self.is_first_party = true;
        self
    }

    /// Puts the app into a family of client ids, whose members redeem each other's refresh tokens (`foci` in answers).
    pub fn family(mut self, family: &str) -> App {
        self.family = Some(family.to_owned());
        self
    }

    /// Puts the app under a policy.
    pub fn policy(mut self, policy: Policy) -> App {
        self.policies.push(policy);
        self
    }

    /// Adds the app to the Databricks workspace.
    pub fn databricks_member(mut self) -> App {
        self.is_databricks_member = true;
        self
    }

    /// Makes the app a contributor of the workspace's Azure resource.
    pub fn arm_contributor(mut self) -> App {
        self.is_arm_contributor = true;
        self
    }

    pub(crate) fn is_under(&self, policy: Policy) -> bool {
        self.policies.contains(&policy)
    }

    /// The app roles granted in a resource, in the order of their grant.
    pub(crate) fn roles_in(&self, resource_id: &str) -> Vec<String> {
        granted_in(&self.permissions, resource_id)
    }

    /// What users let the app do for them in a resource.
    pub(crate) fn scopes_in(&self, resource: &Resource) -> Vec<String> {
        match self.is_first_party && resource.tenant_id.is_none() {
            true => resource.scopes.clone(),
            false => granted_in(&self.delegated, &resource.app_id),
        }
    }
}

fn granted_in(permissions: &[Permission], resource_id: &str) -> Vec<String> {
    let there = permissions.iter().filter(|permission| permission.resource_id.eq_ignore_ascii_case(resource_id));
    there.map(|permission| permission.role.clone()).collect()
}

/// A permission in a resource: an app role, or a scope when it is delegated.
#[derive(Clone, Debug)]
pub struct Permission {
    pub(crate) resource_id: String,
    pub(crate) role: String,
}

impl Permission {
    /// A role or a scope of the resource with that app id.
    pub fn new(resource_id: &str, role: &str) -> Permission {
        Permission { resource_id: resource_id.to_owned(), role: role.to_owned() }
    }
}

/// What a token can be for: an app that has identifier URIs.
#[derive(Clone, Debug)]
pub struct Resource {
    pub(crate) app_id: String,
    pub(crate) name: String,
    pub(crate) uris: Vec<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) admin_scopes: Vec<String>,
    pub(crate) takes_version_2: bool,
    pub(crate) tenant_id: Option<String>,
    pub(crate) hashes_nonce: bool,
}

impl Resource {
    /// A resource that exists in every tenant and takes version 1 tokens.
    pub fn new(app_id: &str, name: &str) -> Resource {
        Resource {
            app_id: app_id.to_owned(),
            name: name.to_owned(),
            uris: Vec::new(),
            scopes: vec!["user_impersonation".to_owned()],
            admin_scopes: Vec::new(),
            takes_version_2: false,
            tenant_id: None,
            hashes_nonce: false,
        }
    }

    /// Adds an identifier URI. One that ends with a slash keeps it.
    pub fn uri(mut self, uri: &str) -> Resource {
        self.uris.push(uri.to_owned());
        self
    }

    /// What it lets apps do for people, in place of `user_impersonation`.
    pub fn scopes(mut self, scopes: &[&str]) -> Resource {
        self.scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        self
    }

    /// Makes some of its scopes ones that administrators alone can consent to.
    pub fn admin_scopes(mut self, scopes: &[&str]) -> Resource {
        self.admin_scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        self
    }

    /// Makes its tokens version 2 (`requestedAccessTokenVersion` in the app manifest): the audience is the app id.
    pub fn accepts_version_2(mut self) -> Resource {
        self.takes_version_2 = true;
        self
    }

    /// Makes it known in one tenant only.
    pub fn only_in(mut self, tenant_id: &str) -> Resource {
        self.tenant_id = Some(tenant_id.to_owned());
        self
    }

    /// Makes its tokens verifiable by itself only, as Graph's are: the signature covers the hash of a `nonce` in the
    /// header, so that a plain JWT check fails.
    pub fn hashes_nonce(mut self) -> Resource {
        self.hashes_nonce = true;
        self
    }
}

/// What an administrator or the platform decided about an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Sign-in is switched off for the service principal (AADSTS7000112).
    Disabled,
    /// The app is a public client: it must not send credentials (AADSTS700025).
    PublicClient,
    /// Conditional Access for workload identities blocks it (AADSTS53003).
    BlockedByConditionalAccess,
    /// A refresh token that was redeemed and comes again ends the whole sign-in (RFC 9700 section 4.14.2). Entra itself lets
    /// people's older refresh tokens live on.
    RevokesReusedRefreshTokens,
    /// Authorization requests without a code challenge are refused (AADSTS9002325), as they are for single-page apps.
    RequiresPkce,
    /// Conditional Access blocks the device code flow (AADSTS53003): after the approval, at the token endpoint.
    BlocksDeviceCode,
    /// It is over its limit: 429 with `Retry-After` in seconds.
    Throttled {
        /// Seconds to wait.
        retry_after: u32,
    },
}
