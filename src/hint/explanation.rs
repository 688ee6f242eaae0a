//! What an explanation consists of, and how it is made to speak of one request.
//!
//! `why`, `fix` and a command may hold `{authority}` (its address), `{client_id}`, `{tenant}` and `{scope}`, to be replaced by the
//! request's own values. Where a value is not known, its name in capitals (`CLIENT_ID`) reads well
//! in its place, as `RESOURCE` does throughout.

use super::code::Code;
use crate::entra::cloud::Cloud;

/// Who can lift a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Whoever made the call, by calling differently.
    Caller,
    /// The owner of the app registration.
    AppOwner,
    /// An administrator of a tenant, of the network or of the organisation's directory.
    TenantAdmin,
    /// A person, by signing in.
    SignIn,
    /// Nobody: it passes, so wait and try again.
    Platform,
}

impl Who {
    /// For people.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Who::Caller => "you, by calling differently",
            Who::AppOwner => "the owner of the app registration",
            Who::TenantAdmin => "an administrator of the tenant or of the organisation",
            Who::SignIn => "you, by signing in",
            Who::Platform => "nobody: it passes, so wait and try again",
        }
    }

    /// For scripts: these never change.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Who::Caller => "you",
            Who::AppOwner => "app_owner",
            Who::TenantAdmin => "tenant_admin",
            Who::SignIn => "sign_in",
            Who::Platform => "platform",
        }
    }
}

/// A command that would help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// A sign-in with the browser.
    AuthCode,
    /// One whose page asks for consent.
    AuthCodeConsent,
    /// One in another cloud.
    AuthCodeOtherCloud,
    /// One in another tenant.
    AuthCodeOtherTenant,
    /// One with a personal account.
    AuthCodePersonal,
    /// One for another resource.
    AuthCodeResource,
    /// One whose page asks for the account.
    AuthCodeSelect,
    /// The app's own identity.
    ClientCreds,
    /// A sign-in on another device.
    DeviceCode,
    /// A user name with a password.
    UsernamePassword,
    /// The same in another tenant.
    UsernamePasswordOtherTenant,
}

impl Command {
    /// The command line, with the request's values to be filled in.
    pub(crate) fn line(self) -> &'static str {
        match self {
            Command::AuthCode => "entra-token auth-code --client-id {client_id} --tenant-id {tenant} --scope {scope}",
            Command::AuthCodeConsent => {
                "entra-token auth-code --client-id {client_id} --tenant-id {tenant} --scope {scope} --prompt consent"
            }
            Command::AuthCodeOtherCloud => "entra-token auth-code --client-id {client_id} --tenant-id {tenant} --scope SCOPE --cloud CLOUD",
            Command::AuthCodeOtherTenant => "entra-token auth-code --client-id {client_id} --tenant-id TENANT --scope {scope}",
            Command::AuthCodePersonal => "entra-token auth-code --client-id {client_id} --tenant-id consumers --scope {scope}",
            Command::AuthCodeResource => "entra-token auth-code --client-id {client_id} --tenant-id {tenant} --resource RESOURCE",
            Command::AuthCodeSelect => {
                "entra-token auth-code --client-id {client_id} --tenant-id {tenant} --scope {scope} --prompt select_account"
            }
            Command::ClientCreds => {
                "entra-token client-creds --client-id {client_id} --tenant-id {tenant} --resource RESOURCE --secret-file PATH"
            }
            Command::DeviceCode => "entra-token device-code --client-id {client_id} --tenant-id {tenant} --scope {scope}",
            Command::UsernamePassword => {
                "entra-token username-password --client-id {client_id} --tenant-id {tenant} --scope {scope} --username NAME"
            }
            Command::UsernamePasswordOtherTenant => {
                "entra-token username-password --client-id {client_id} --tenant-id TENANT --scope {scope} --username NAME"
            }
        }
    }
}

/// One code, explained.
#[derive(Debug)]
pub(crate) struct Explanation {
    pub(crate) code: Code,
    /// What is wrong: a fragment that begins in lower case, without advice.
    pub(crate) what: &'static str,
    /// The usual cause.
    pub(crate) why: &'static str,
    /// Who can lift it.
    pub(crate) who: Who,
    /// The next step, as an instruction.
    pub(crate) fix: &'static str,
    /// The command that would help; `None` where nothing on a command line does.
    pub(crate) command: Option<Command>,
}

impl Explanation {
    /// The next step and the command that helps, for one who can lift it here: the table speaks for the usual one.
    pub(crate) fn remedy(&self, who: Option<Who>) -> (&'static str, Option<Command>) {
        match (self.who, who) {
            (Who::SignIn, Some(Who::TenantAdmin)) => (
                "ask an administrator of tenant {tenant}: the platform says that a sign-in does not lift this here, and the tenant's sign-in logs \
                 say why",
                None,
            ),
            (Who::TenantAdmin, Some(Who::SignIn)) => (
                "sign in with entra-token auth-code and do what the page asks; where that is not enough, ask an administrator of tenant {tenant}",
                Some(Command::AuthCode),
            ),
            _ => (self.fix, self.command),
        }
    }
}

/// What a request asked with, as far as it is known, in a form that can be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Values {
    pub(crate) authority: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) scope: Option<String>,
    /// The cloud, where it is another than the public one.
    pub(crate) cloud: Option<Cloud>,
}

impl Values {
    /// A command line with the values in their places.
    pub(crate) fn fill_command(&self, command: Command) -> String {
        let line = self.fill(command.line());
        match self.cloud.filter(|_| !line.contains("--cloud")) {
            Some(cloud) => format!("{line} --cloud {}", cloud.name()),
            None => line,
        }
    }

    /// The text with the values in their places.
    pub(crate) fn fill(&self, text: &str) -> String {
        let tenant = self.tenant.as_deref().unwrap_or("TENANT");
        let authority =
            self.authority.clone().unwrap_or_else(|| format!("https://{}/{tenant}", self.cloud.unwrap_or(Cloud::Public).login_host()));
        let client_id = self.client_id.as_deref().unwrap_or("CLIENT_ID");
        let scope = self.scope.as_deref().unwrap_or("SCOPE");
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        // Once over the text: what a value holds is not looked at again.
        while let Some((before, (name, after))) = rest.split_once('{').and_then(|(before, inside)| Some((before, inside.split_once('}')?)))
        {
            out.push_str(before);
            match name {
                "authority" => out.push_str(&authority),
                "client_id" => out.push_str(client_id),
                "tenant" => out.push_str(tenant),
                "scope" => out.push_str(scope),
                other => out.push_str(other),
            }
            rest = after;
        }
        out + rest
    }
}
