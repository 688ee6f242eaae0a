//! What people are in the middle of: sign-ins under way, sessions of browsers, codes that wait to be redeemed.

use std::collections::HashMap;

use crate::codes::Codes;
use crate::devices::Devices;
use crate::ids::{base64url, now, random};
use crate::interaction::Interaction;
use crate::record::Recorded;

/// The cookie that names a browser's session.
const COOKIE: &str = "ESTSAUTH";

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Front {
    interactions: HashMap<String, Interaction>,
    sessions: HashMap<String, Vec<Account>>,
    pub(crate) codes: Codes,
    pub(crate) devices: Devices,
}

/// Somebody who signed in.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// Object id.
    pub(crate) user_id: String,
    /// A page asked for the second factor.
    pub(crate) has_multi_factor: bool,
    /// When, in seconds since 1970.
    pub(crate) since: i64,
}

impl Account {
    /// Somebody who signs in now.
    pub(crate) fn new(user_id: &str) -> Account {
        Account { user_id: user_id.to_owned(), has_multi_factor: false, since: now() }
    }
}

impl Front {
    /// Keeps an interaction for the page that goes on with it; gives its name.
    pub(crate) fn keep(&mut self, interaction: Interaction) -> String {
        let name = base64url(random::<24>());
        self.interactions.insert(name.clone(), interaction);
        name
    }

    /// An interaction that goes on. It stays, for the browser's way back.
    pub(crate) fn interaction(&self, name: &str) -> Option<Interaction> {
        self.interactions.get(name).cloned()
    }

    /// Who is signed in in the browser of a request.
    pub(crate) fn accounts(&self, request: &Recorded) -> Vec<Account> {
        session(request).and_then(|name| self.sessions.get(&name)).cloned().unwrap_or_default()
    }

    /// Adds somebody to the session of a browser, which may be new; gives the cookie.
    pub(crate) fn sign_in(&mut self, account: Account, request: &Recorded) -> String {
        let known = session(request).filter(|name| self.sessions.contains_key(name));
        let name = known.unwrap_or_else(|| base64url(random::<24>()));
        let accounts = self.sessions.entry(name.clone()).or_default();
        accounts.retain(|other| other.user_id != account.user_id);
        accounts.push(account);
        format!("{COOKIE}={name}; path=/; secure; HttpOnly; SameSite=None")
    }
}

fn session(request: &Recorded) -> Option<String> {
    let cookies = request.headers.iter().filter(|(name, _)| name == "cookie").flat_map(|(_, value)| value.split(';'));
    let mut named = cookies.filter_map(|cookie| cookie.trim().split_once('='));
    named.find(|(name, _)| *name == COOKIE).map(|(_, value)| value.to_owned())
}
