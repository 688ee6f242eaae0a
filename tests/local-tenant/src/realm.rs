//! The authorities that people sign in to: which apps and people each knows, and how it words its errors.

use crate::directory::{App, Organization};
use crate::ids::{guid, timestamp};
use crate::record::Recorded;
use crate::refresh::{invalid_grant, named};
use crate::refusal::Refusal;
use crate::state::State;
use crate::user::User;

/// The make of an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Entra, External ID among it.
    Entra,
    /// A policy of Azure AD B2C.
    B2c,
    /// An AD FS farm.
    AdFs,
    /// An OpenID provider of another make.
    Oidc,
}

/// An authority.
#[derive(Clone, Debug)]
pub(crate) struct Realm {
    pub(crate) kind: Kind,
    /// Its tenant as the client named it; empty for authorities without tenants.
    pub(crate) tenant: String,
}

impl Realm {
    /// The tenant that is meant, if it is one, and an app that exists in it.
    pub(crate) fn client<'a>(&self, client_id: &str, state: &'a State) -> Result<(Option<&'a Organization>, &'a App), Refusal> {
        if self.kind == Kind::Entra {
            return named(&self.tenant, client_id, state);
        }
        let organization = state.directory.find_organization(&self.tenant);
        let app = match organization {
            Some(there) => state.directory.find_app(client_id, &there.id),
            None => state.directory.find_app_anywhere(client_id),
        };
        let unknown = || Refusal::new(400, "unauthorized_client", 700016, "No client is registered with this client_id.");
        app.map(|app| (organization, app)).ok_or_else(unknown)
    }

    /// Refuses people of other organizations, and apps that their own does not know.
    pub(crate) fn admit<'a>(&self, app: &App, home: &'a Organization, user: &User, state: &'a State) -> Result<(), Refusal> {
        let (named, _) = self.client(&app.client_id, state)?;
        let there = named.unwrap_or(home);
        let is_known = match self.kind {
            Kind::AdFs | Kind::Oidc => true,
            Kind::Entra | Kind::B2c => there.id == home.id && state.directory.find_app(&app.client_id, &home.id).is_some(),
        };
        if is_known {
            return Ok(());
        }
        let text = format!(
            "The user account '{}' of the tenant '{}' cannot use the application '{}'({}) in the tenant '{}'.",
            user.user_principal_name, home.name, app.client_id, app.name, there.name
        );
        Err(invalid_grant(50020, text))
    }

    /// What a refusal says in its `error_description`.
    pub(crate) fn described(&self, refusal: &Refusal, request: &Recorded) -> String {
        match self.kind {
            Kind::Entra => refusal.described(request),
            Kind::B2c => {
                let (code, text) = (of_b2c(refusal), refusal.text());
                format!("AADB2C{code}: {text}\r\nCorrelation ID: {}\r\nTimestamp: {}\r\n", guid(), timestamp())
            }
            Kind::AdFs => format!("MSIS{}: {}", of_ad_fs(refusal), refusal.text()),
            Kind::Oidc => refusal.text().to_owned(),
        }
    }
}

/// B2C's number for what Entra numbers otherwise (Microsoft page "Error codes: Azure Active Directory B2C").
pub(crate) fn of_b2c(refusal: &Refusal) -> u32 {
    match refusal.code() {
        50011 => 90006,
        50126 => 90225,
        700016 => 90018,
        65004 => 90091,
        50058 => 90077,
        50148 | 501481 => 90183,
        7000218 => 90079,
        7000215 | 7000222 | 700025 | 700027 => 90081,
        _ if refusal.error() == "invalid_grant" => 90080,
        _ if refusal.error() == "invalid_scope" => 90117,
        _ => 90043,
    }
}

/// The same for AD FS.
pub(crate) fn of_ad_fs(refusal: &Refusal) -> u32 {
    match refusal.code() {
        50011 => 9224,
        50126 => 9659,
        700016 => 9223,
        7000218 => 9608,
        7000215 | 7000222 | 700025 | 700027 => 9622,
        _ if refusal.error() == "invalid_grant" => 9612,
        _ if refusal.error() == "invalid_resource" => 9602,
        _ => 9605,
    }
}
