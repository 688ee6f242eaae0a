//! The codes that refusals are known by, and the one look-up that explains them.

use std::fmt;

use super::explanation::Explanation;
use super::{aadsts, b2c, msis, names, wif};

/// A code of a refusal, sorted as it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Code {
    /// Entra's: `AADSTS` and digits.
    Aadsts(u32),
    /// Azure AD B2C's: `AADB2C` and digits.
    B2c(u32),
    /// AD FS's: `MSIS` and digits.
    Msis(u32),
    /// Windows Identity Foundation's, in the faults of a federation server: `ID` and digits.
    Wif(u32),
    /// An error, suberror or failure that has a name only: one of the table's.
    Name(&'static str),
}

/// Codes that only frame a more specific one beside them.
const FRAMES: &[u32] = &[50000, 70002];

/// What MSAL calls the failures of a sign-in with a user name and a password (`MsalError` of MSAL.NET). They say more than the
/// words beside them; the names of OAuth say less.
pub(super) const OF_MSAL: &[&str] = &[
    "accessing_ws_metadata_exchange_failed",
    "federated_service_returned_error",
    "missing_federation_metadata_url",
    "parsing_ws_metadata_exchange_failed",
    "parsing_wstrust_response_failed",
    "password_required_for_managed_user",
    "ropc_not_supported_for_msa",
    "unknown_user",
    "unknown_user_type",
    "user_realm_discovery_failed",
    "wstrust_endpoint_not_found",
];

/// Entra's suberrors, which refine an error without saying what is wrong.
pub(super) const SUBERRORS: &[&str] = &[
    "additional_action",
    "bad_token",
    "basic_action",
    "client_mismatch",
    "consent_required",
    "device_authentication_failed",
    "message_only",
    "protection_policy_required",
    "token_expired",
    "user_password_expired",
];

impl Code {
    /// The explanation, where there is one.
    pub(crate) fn explanation(self) -> Option<&'static Explanation> {
        let table = match self {
            Code::Aadsts(_) => aadsts::TABLE,
            Code::B2c(_) => b2c::TABLE,
            Code::Msis(_) => msis::TABLE,
            Code::Wif(_) => wif::TABLE,
            Code::Name(_) => names::TABLE,
        };
        table.binary_search_by_key(&self, |entry| entry.code).ok().map(|index| &table[index])
    }

    /// A name of the table, in whatever case it is written.
    pub(crate) fn named(name: &str) -> Option<Code> {
        let name = name.to_ascii_lowercase();
        let order = |entry: &Explanation| if let Code::Name(own) = entry.code { own.cmp(&name) } else { std::cmp::Ordering::Less };
        names::TABLE.binary_search_by(order).ok().map(|index| names::TABLE[index].code)
    }

    /// Whether it only frames a more specific code beside it.
    pub(crate) fn is_frame(self) -> bool {
        matches!(self, Code::Aadsts(number) if FRAMES.contains(&number))
    }

    /// Whether it is one of MSAL's own names.
    pub(crate) fn is_of_msal(self) -> bool {
        matches!(self, Code::Name(name) if OF_MSAL.contains(&name))
    }

    /// Whether the person's own choice or delay is behind it, so that a command that meets it has been cancelled.
    pub(crate) fn is_own_choice(self) -> bool {
        match self {
            Code::Aadsts(number) => [65004, 70016, 70018, 70019, 70020].contains(&number),
            Code::B2c(number) => number == 90091,
            Code::Msis(_) | Code::Wif(_) => false,
            Code::Name(name) => {
                ["access_denied", "authorization_declined", "authorization_pending", "code_expired", "expired_token"].contains(&name)
            }
        }
    }

    /// Where Microsoft explains it.
    pub(crate) fn page(self) -> Option<String> {
        match self {
            Code::Aadsts(number) => Some(format!("https://login.microsoftonline.com/error?code={number}")),
            _ => None,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Code::Aadsts(number) => write!(f, "AADSTS{number}"),
            Code::B2c(number) => write!(f, "AADB2C{number}"),
            Code::Msis(number) => write!(f, "MSIS{number}"),
            Code::Wif(number) => write!(f, "ID{number}"),
            Code::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_explained_by_its_own_table() {
        for (code, what) in [
            (Code::Aadsts(50126), "the user name or password is not right"),
            (Code::B2c(90091), "the sign-in was cancelled"),
            (Code::Msis(7068), "the federation server denies access"),
            (Code::Wif(3242), "the user name or password is not right at the federation's own server"),
            (Code::Name("login_required"), "a person has to sign in"),
        ] {
            assert_eq!(code.explanation().map(|entry| entry.what), Some(what), "{code}");
        }
        for code in [Code::Aadsts(0), Code::Aadsts(7000217), Code::Aadsts(u32::MAX), Code::B2c(50126), Code::Wif(7068), Code::Name("x")] {
            assert!(code.explanation().is_none(), "{code}");
        }
        assert_eq!(Code::named("Unknown_User_Type"), Some(Code::Name("unknown_user_type")));
        assert!(OF_MSAL.iter().chain(SUBERRORS).all(|name| Code::named(name).is_some()));
        assert_eq!(Code::named("unknown"), None);
    }
}
