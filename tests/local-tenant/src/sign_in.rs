//! Who signed in, and the refresh tokens that came of it.

use std::collections::HashMap;

use uuid::Uuid;

use crate::directory::{App, Organization};
use crate::ids::{base64url, random};
use crate::user::User;

/// All sign-ins and all their refresh tokens.
#[derive(Debug, Default)]
pub(crate) struct SignIns {
    sign_ins: Vec<SignIn>,
    tokens: HashMap<String, RefreshToken>,
}

/// A sign-in: what all refresh tokens have in common that came of each other.
#[derive(Debug)]
struct SignIn {
    user_id: String,
    tenant_id: String,
    has_multi_factor: bool,
    is_revoked: bool,
}

/// A refresh token.
#[derive(Debug)]
struct RefreshToken {
    sign_in: usize,
    client_id: String,
    family: Option<String>,
    is_redeemed: bool,
    is_expired: bool,
}

/// What is known of a refresh token.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own; no two make a state")]
pub(crate) struct Known {
    sign_in: usize,
    /// Object id of the user.
    pub(crate) user_id: String,
    /// The user's home tenant.
    pub(crate) tenant_id: String,
    /// A page asked for the second factor.
    pub(crate) has_multi_factor: bool,
    /// Whose it is, seen from the app that sent it.
    pub(crate) owner: Owner,
    /// It was redeemed before.
    pub(crate) is_redeemed: bool,
    /// It was not used for too long.
    pub(crate) is_expired: bool,
    /// Its whole sign-in is over.
    pub(crate) is_revoked: bool,
}

/// Whose a refresh token is, for an app that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The app, or another member of its family.
    App,
    /// A family that the app is not in.
    Family,
    /// Another app.
    Other,
}

impl SignIns {
    /// Signs a user in to an app; gives the sign-in and its first refresh token.
    pub(crate) fn begin(&mut self, app: &App, user: &User, home: &Organization, has_multi_factor: bool) -> (usize, String) {
        let sign_in = SignIn { user_id: user.id.clone(), tenant_id: home.id.clone(), has_multi_factor, is_revoked: false };
        self.sign_ins.push(sign_in);
        let number = self.sign_ins.len() - 1;
        (number, self.issue(number, app))
    }

    /// Ends a sign-in by its number.
    pub(crate) fn end(&mut self, sign_in: usize) {
        self.sign_ins[sign_in].is_revoked = true;
    }

    /// What is known of a refresh token that an app sent.
    pub(crate) fn find(&self, token: &str, app: &App) -> Option<Known> {
        let found = self.tokens.get(token)?;
        let sign_in = &self.sign_ins[found.sign_in];
        let owner = match &found.family {
            _ if found.client_id.eq_ignore_ascii_case(&app.client_id) => Owner::App,
            Some(family) if app.family.as_ref() == Some(family) => Owner::App,
            Some(_) => Owner::Family,
            None => Owner::Other,
        };
        Some(Known {
            sign_in: found.sign_in,
            user_id: sign_in.user_id.clone(),
            tenant_id: sign_in.tenant_id.clone(),
            has_multi_factor: sign_in.has_multi_factor,
            owner,
            is_redeemed: found.is_redeemed,
            is_expired: found.is_expired,
            is_revoked: sign_in.is_revoked,
        })
    }

    /// Redeems a refresh token; gives the next, which is the redeeming app's.
    pub(crate) fn redeem(&mut self, token: &str, known: &Known, app: &App) -> String {
        if let Some(found) = self.tokens.get_mut(token) {
            found.is_redeemed = true;
        }
        self.issue(known.sign_in, app)
    }

    /// Ends a sign-in.
    pub(crate) fn revoke(&mut self, known: &Known) {
        self.end(known.sign_in);
    }

    /// Ends all sign-ins of a user.
    pub(crate) fn revoke_all_of(&mut self, user_id: &str) {
        for sign_in in self.sign_ins.iter_mut().filter(|sign_in| sign_in.user_id == user_id) {
            sign_in.is_revoked = true;
        }
    }

    /// Lets a token expire; says whether there is such a token.
    pub(crate) fn expire(&mut self, token: &str) -> bool {
        let found = self.tokens.get_mut(token);
        found.map(|token| token.is_expired = true).is_some()
    }

    fn issue(&mut self, sign_in: usize, app: &App) -> String {
        let token = new_token(&self.sign_ins[sign_in].tenant_id, &app.client_id);
        let family = app.family.clone();
        let issued = RefreshToken { sign_in, client_id: app.client_id.clone(), family, is_redeemed: false, is_expired: false };
        self.tokens.insert(token.clone(), issued);
        token
    }
}

/// A token of the look of Entra's. Clients are to find nothing in it: only the beginning is not random.
fn new_token(tenant_id: &str, client_id: &str) -> String {
    let bytes = |id: &str| Uuid::parse_str(id).unwrap_or_default().to_bytes_le();
    let head = [&[1, 0x7d, 0][..], &bytes(tenant_id), &bytes(client_id), &random::<4>()].concat();
    format!("1.{}.AgABAwEAAAB{}", base64url(head), base64url(random::<480>()))
}

/// Whether a text could be a refresh token.
pub(crate) fn is_well_formed(token: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (token.starts_with("0.A") || token.starts_with("1.A")) && token.len() >= 100 && token.bytes().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contoso;

    #[test]
    fn tokens_look_like_entras_and_no_two_are_alike() {
        let [one, other] = [(); 2].map(|()| new_token(contoso::TENANT_ID, contoso::AZURE_CLI.client_id));
        assert_ne!(one, other);
        assert!(one.starts_with("1.AX0A") && (500..1000).contains(&one.len()), "{one}");
        assert!(is_well_formed(&one));
        for (what, token) in [("short", &one[..99]), ("other start", &one[1..]), ("other letters", &one.replace('.', "~"))] {
            assert!(!is_well_formed(token), "{what}");
        }
    }
}
