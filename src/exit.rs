//! The exit codes. They are API: scripts branch on them, so a number never changes its meaning.

use crate::error::Error;
use crate::hint::Who;

/// Done.
pub(crate) const OK: u8 = 0;
/// Anything that has no code of its own, a bug included.
pub(crate) const OTHER: u8 = 1;
/// The command line or the parameters are wrong or incomplete: fix the call.
pub(crate) const USAGE: u8 = 2;
/// The identity platform refused, and signing in does not help: fix the registration.
pub(crate) const REFUSED: u8 = 3;
/// A person can lift the refusal by signing in: run an interactive flow.
pub(crate) const INTERACTION: u8 = 4;
/// The network, TLS, a proxy, a time-out, a throttled or unavailable service, or an answer that is not what it claims: try again later.
pub(crate) const UNAVAILABLE: u8 = 5;
/// The person declined, cancelled or did not act in time: ask again.
pub(crate) const CANCELLED: u8 = 6;
/// The token was got, but could not be written where it was to go, or the cache could not be changed: free the path.
pub(crate) const OUTPUT: u8 = 7;
/// Ended by a signal: this plus the signal's number (130 for Ctrl-C).
pub(crate) const SIGNAL: u8 = 128;

/// The code that an error ends the process with.
pub(crate) fn code(error: &Error) -> u8 {
    match error {
        Error::Cache(_) | Error::Output(_) => OUTPUT,
        Error::Cancelled(_) => CANCELLED,
        Error::Interaction(_) => INTERACTION,
        Error::Internal(_) | Error::System(_) => OTHER,
        Error::Interrupted(signal) => SIGNAL + signal.number(),
        Error::Refused(refused) => of_refusal(crate::hint::who_can_lift(refused)),
        Error::TimedOut { .. } | Error::Transport(_) | Error::Unavailable(_) | Error::Unreadable(_) => UNAVAILABLE,
        Error::Usage(_) => USAGE,
    }
}

/// The code that a refusal ends the process with, by who can lift it.
pub(crate) fn of_refusal(who: Who) -> u8 {
    match who {
        Who::SignIn => INTERACTION,
        Who::Platform => UNAVAILABLE,
        Who::Caller | Who::AppOwner | Who::TenantAdmin => REFUSED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Signal;

    #[test]
    fn the_readme_has_each_exit_code_and_no_other() {
        let readme = include_str!("../README.md");
        let table = readme
            .split("## Exit codes")
            .nth(1)
            .and_then(|rest| rest.split("\n## ").next())
            .expect("the README has a section on exit codes");
        let documented: Vec<u8> = table.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok()).collect();
        assert_eq!(
            documented,
            [
                OK,
                OTHER,
                USAGE,
                REFUSED,
                INTERACTION,
                UNAVAILABLE,
                CANCELLED,
                OUTPUT,
                SIGNAL + Signal::Hangup.number(),
                SIGNAL + Signal::Interrupt.number(),
                SIGNAL + Signal::Terminate.number()
            ]
        );
    }
}
