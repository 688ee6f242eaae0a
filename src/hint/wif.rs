//! The codes that a federation server's faults carry (WS-Trust 1.3 section 11), written `ID` and digits.
//!
//! They come from Windows Identity Foundation, which AD FS is built on; its texts are public, the sentences are ours.

use super::code::Code::Wif;
use super::explanation::{Command, Explanation, Who};

/// Every explained code, in strictly ascending order.
pub(super) static TABLE: &[Explanation] = &[
    Explanation {
        code: Wif(3035),
        what: "the request is not valid or malformed",
        why: "the federation server could not read it, or a rule of the server changed what it expects",
        who: Who::Caller,
        fix: "check the user name for stray characters; if it stays, ask the administrator of the federation server",
        command: None,
    },
    Explanation {
        code: Wif(3082),
        what: "the federation server does not serve what the token is to be for",
        why: "it has no relying party of the name that was asked for, urn:federation:MicrosoftOnline as a rule",
        who: Who::TenantAdmin,
        fix: "ask the organisation's administrator to check the federation server's relying party trust for Microsoft \
              365",
        command: None,
    },
    Explanation {
        code: Wif(3242),
        what: "the user name or password is not right at the federation's own server",
        why: "the account's organisation checks passwords itself, and its server did not accept these; it also says so \
              of a locked account",
        who: Who::Caller,
        fix: "type the password again, or correct the file of --password-file, and check the user name; the \
              organisation's administrator can see why it failed",
        command: Some(Command::UsernamePassword),
    },
    Explanation {
        code: Wif(4063),
        what: "the user name or password is not right",
        why: "the federation server could not log the account on to Windows",
        who: Who::Caller,
        fix: "type the password again, or correct the file of --password-file, and check the user name",
        command: Some(Command::UsernamePassword),
    },
    Explanation {
        code: Wif(4223),
        what: "the assertion of the federation server has expired",
        why: "its time of validity is over, or a clock is wrong",
        who: Who::Caller,
        fix: "sign in again at once, and check the clocks of this machine and of the server",
        command: Some(Command::UsernamePassword),
    },
];
