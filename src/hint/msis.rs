//! The codes of AD FS, the federation server that organisations run themselves: written `MSIS` and digits.
//!
//! Microsoft publishes no list. The meanings are those of the server's own texts, as its documentation and public error
//! reports quote them; the sentences are ours.

use super::code::Code::Msis;
use super::explanation::{Command, Explanation, Who};

/// Every explained code, in strictly ascending order.
pub(super) static TABLE: &[Explanation] = &[
    Explanation {
        code: Msis(3019),
        what: "the federation server could not check who signs in",
        why: "the user name or password is not right, or the account may not log on",
        who: Who::Caller,
        fix: "type the password again, or correct the file of --password-file; the server may want the name with its \
              domain",
        command: Some(Command::UsernamePassword),
    },
    Explanation {
        code: Msis(3125),
        what: "the password has expired",
        why: "the account's organisation checks passwords itself, and its server wants a new one",
        who: Who::SignIn,
        fix: "set a new password where the organisation offers that, on a computer of its domain for instance, or sign in with \
              entra-token auth-code, whose page may ask for it",
        command: Some(Command::AuthCode),
    },
    Explanation {
        code: Msis(3127),
        what: "the federation server refused the request",
        why: "the server gives no reason: often a wrong password, a locked account, or a rule that wants another way \
              of signing in",
        who: Who::Caller,
        fix: "check the user name and password, then ask the administrator of the federation server, whose event log \
              has the reason",
        command: Some(Command::UsernamePassword),
    },
    Explanation {
        code: Msis(3173),
        what: "the federation server could not check the account in Active Directory",
        why: "the directory is out of reach, or the account is disabled, locked or expired",
        who: Who::TenantAdmin,
        fix: "ask the organisation's administrator, who finds the reason in the event log of the federation server (AD \
              FS)",
        command: None,
    },
    Explanation {
        code: Msis(5015),
        what: "the federation server did not accept the token presented to it",
        why: "a token was bound to another connection, which a proxy that opens TLS causes",
        who: Who::TenantAdmin,
        fix: "ask the organisation's administrator about the proxy and the event log of the federation server (AD FS)",
        command: None,
    },
    Explanation {
        code: Msis(7012),
        what: "the federation server could not process the request",
        why: "an error inside the server, whose event log has the reason",
        who: Who::TenantAdmin,
        fix: "ask the organisation's administrator for the event log of the federation server (AD FS) at this time",
        command: None,
    },
    Explanation {
        code: Msis(7042),
        what: "the federation server was asked too often",
        why: "the same browser session came back several times within seconds, as in a loop",
        who: Who::Platform,
        fix: "close the browser and try again in some minutes; if it stays, the app and the server disagree about the \
              token",
        command: None,
    },
    Explanation {
        code: Msis(7065),
        what: "the federation server has nothing at this address",
        why: "no protocol is served at the path that was asked",
        who: Who::Caller,
        fix: "check the authority's address: AD FS serves https://HOST/adfs",
        command: None,
    },
    Explanation {
        code: Msis(7068),
        what: "the federation server denies access",
        why: "a rule of the federation server forbids this account, place or way of signing in; a wrong password can \
              look the same",
        who: Who::TenantAdmin,
        fix: "ask the organisation's administrator, or sign in with entra-token auth-code from a place that the rules \
              admit",
        command: Some(Command::AuthCode),
    },
    Explanation {
        code: Msis(9221),
        what: "there is no redirect address",
        why: "the request to the federation server names none",
        who: Who::Caller,
        fix: "give --redirect-uri as it is registered at the federation server",
        command: Some(Command::AuthCode),
    },
    Explanation {
        code: Msis(9223),
        what: "the app is not known to the federation server",
        why: "no client with the id {client_id} is registered there",
        who: Who::Caller,
        fix: "check the app's id; the server's administrator registers it (Add-AdfsNativeClientApplication)",
        command: None,
    },
    Explanation {
        code: Msis(9224),
        what: "the redirect address is not one of the app's",
        why: "the federation server has no such address for app {client_id}",
        who: Who::AppOwner,
        fix: "add the address to the app's registration at the federation server, or give the registered one with \
              --redirect-uri",
        command: Some(Command::AuthCode),
    },
    Explanation {
        code: Msis(9321),
        what: "the app may not access the resource",
        why: "the federation server has no permission of app {client_id} for it",
        who: Who::AppOwner,
        fix: "have the administrator of the federation server grant it (Grant-AdfsApplicationPermission)",
        command: None,
    },
    Explanation {
        code: Msis(9329),
        what: "the resource is not known to the federation server",
        why: "no relying party has the address that was asked for",
        who: Who::Caller,
        fix: "check the resource's address to the letter, a final slash included",
        command: None,
    },
    Explanation {
        code: Msis(9602),
        what: "the resource is not known to the federation server",
        why: "no registered resource has the address that was asked for",
        who: Who::Caller,
        fix: "check the resource's address to the letter, a final slash included",
        command: None,
    },
    Explanation {
        code: Msis(9604),
        what: "the federation server could not fulfil the request",
        why: "an error inside the server, often in the rules that issue claims",
        who: Who::TenantAdmin,
        fix: "ask the organisation's administrator for the event log of the federation server (AD FS) at this time",
        command: None,
    },
    Explanation {
        code: Msis(9605),
        what: "the app may not access the resource",
        why: "the federation server has no permission of app {client_id} for the resource or the scope",
        who: Who::AppOwner,
        fix: "have the administrator of the federation server grant it (Grant-AdfsApplicationPermission)",
        command: None,
    },
    Explanation {
        code: Msis(9607),
        what: "the app is not known to the federation server",
        why: "no client with the id {client_id} is registered there",
        who: Who::Caller,
        fix: "check the app's id with the administrator of the federation server",
        command: None,
    },
    Explanation {
        code: Msis(9611),
        what: "this kind of grant is not supported by the federation server",
        why: "older servers know only authorization codes and refresh tokens",
        who: Who::Caller,
        fix: "sign in with entra-token auth-code",
        command: Some(Command::AuthCode),
    },
    Explanation {
        code: Msis(9612),
        what: "the authorization code is not valid",
        why: "it was used already, has expired, or was issued for another redirect address or client",
        who: Who::SignIn,
        fix: "sign in again",
        command: Some(Command::AuthCode),
    },
    Explanation {
        code: Msis(9615),
        what: "the refresh token has expired",
        why: "the federation server limits how long a sign-in lasts",
        who: Who::SignIn,
        fix: "sign in again",
        command: Some(Command::AuthCode),
    },
    Explanation {
        code: Msis(9622),
        what: "the app's credential was not accepted by the federation server",
        why: "the secret is wrong or missing, or the app is registered there in another way",
        who: Who::AppOwner,
        fix: "compare the secret and the kind of app with the registration at the federation server",
        command: None,
    },
    Explanation {
        code: Msis(9623),
        what: "the app's credential is not of the kind that is registered",
        why: "the federation server expects another kind of credential, or none",
        who: Who::AppOwner,
        fix: "send the kind of credential that the registration at the federation server names, or none for a native \
              app",
        command: None,
    },
    Explanation {
        code: Msis(9659),
        what: "the user name or password is not right",
        why: "the federation server checked them against Active Directory and refused",
        who: Who::Caller,
        fix: "type the password again, or correct the file of --password-file; the server may want the name with its \
              domain",
        command: Some(Command::UsernamePassword),
    },
];
