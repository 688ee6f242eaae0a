//! Who can lift a refusal, from all that it says: the code, the suberror, the claims challenge, the error.

use super::code::Code;
use super::explanation::Who;

/// What a suberror says of who can lift a refusal.
fn of_suberror(suberror: &str) -> Option<Who> {
    match suberror {
        // What belongs to another app is got anew by signing in to this one.
        "additional_action"
        | "bad_token"
        | "basic_action"
        | "client_mismatch"
        | "consent_required"
        | "token_expired"
        | "user_password_expired" => Some(Who::SignIn),
        "device_authentication_failed" | "message_only" | "protection_policy_required" => Some(Who::TenantAdmin),
        _ => None,
    }
}

/// Who can lift a refusal with this code.
///
/// The code says what is wrong, and the suberror what the tenant makes of it here. So where a code stands for a policy or for
/// something missing of a person's, the suberror decides between the person and the administrator; where it stands for a
/// setting, an assignment or a wrong value, the code does: an account that is not assigned to the app stays so whoever signs in.
pub(super) fn of_code(code: Code, suberror: Option<&str>) -> Option<Who> {
    /// No sign-in lifts it, whatever else is said.
    const BLOCKED: Code = Code::Aadsts(53003);
    let listed = code.explanation()?.who;
    let said = suberror.filter(|_| code != BLOCKED).and_then(of_suberror);
    Some(match (listed, said) {
        (Who::TenantAdmin, Some(Who::SignIn)) if is_of_policy(code) => Who::SignIn,
        (Who::SignIn, Some(Who::TenantAdmin)) => Who::TenantAdmin,
        _ => listed,
    })
}

/// Whether a code stands for a condition of the tenant's, on the device, the place, the risk or the way of signing in, which may
/// or may not be met by the person.
fn is_of_policy(code: Code) -> bool {
    let Code::Aadsts(number) = code else { return false };
    matches!(
        number,
        50005 | 50097 | 50127 | 50129 | 50131 | 50155 | 50158 | 50161 | 50178 | 50187 | 53000..=53011 | 130006..=130008 | 135011 | 530003 | 530004
            | 530032..=530036 | 700003
    )
}

/// Who can lift a refusal whose code nothing is known of.
pub(super) fn of_others(suberror: Option<&str>, has_claims: bool, error: &str) -> Who {
    if let Some(who) = suberror.and_then(of_suberror) {
        return who;
    }
    match error {
        // A challenge is to be answered by the next sign-in.
        _ if has_claims => Who::SignIn,
        "account_selection_required" | "consent_required" | "interaction_required" | "login_required" => Who::SignIn,
        "server_error" | "temporarily_unavailable" => Who::Platform,
        _ => Who::AppOwner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_suberror_decide_together() {
        use Who::{AppOwner, Caller, Platform, SignIn, TenantAdmin};
        for (number, suberror, expected) in [
            // Blocked is blocked.
            (53003, None, TenantAdmin),
            (53003, Some("basic_action"), TenantAdmin),
            (53003, Some("additional_action"), TenantAdmin),
            (53003, Some("message_only"), TenantAdmin),
            // What a person lacks: theirs, unless the tenant says that it is not.
            (50076, None, SignIn),
            (50076, Some("basic_action"), SignIn),
            (50079, Some("additional_action"), SignIn),
            (50055, Some("user_password_expired"), SignIn),
            (65001, Some("consent_required"), SignIn),
            (50173, Some("bad_token"), SignIn),
            (700082, Some("token_expired"), SignIn),
            (50076, Some("message_only"), TenantAdmin),
            (53000, Some("message_only"), TenantAdmin),
            (50097, Some("device_authentication_failed"), TenantAdmin),
            (70000, Some("protection_policy_required"), TenantAdmin),
            (70000, Some("client_mismatch"), SignIn),
            // A condition of the tenant's: the administrator's, unless the tenant says that a person can meet it.
            (50131, None, TenantAdmin),
            (50131, Some("additional_action"), SignIn),
            (53004, Some("basic_action"), SignIn),
            (530032, Some("message_only"), TenantAdmin),
            (530035, Some("basic_action"), SignIn),
            (700003, Some("bad_token"), SignIn),
            (53000, Some("additional_action"), SignIn),
            (53002, Some("protection_policy_required"), TenantAdmin),
            // What only an administrator changes, whoever signs in.
            (50057, Some("bad_token"), TenantAdmin),
            (50105, Some("basic_action"), TenantAdmin),
            (90094, Some("consent_required"), TenantAdmin),
            (50020, Some("basic_action"), TenantAdmin),
            // What is wrong with the call, the app or the platform.
            (50126, Some("basic_action"), Caller),
            (50126, Some("message_only"), Caller),
            (7000215, Some("basic_action"), AppOwner),
            (90033, Some("basic_action"), Platform),
            (50196, Some("message_only"), Platform),
            (50126, Some("odd"), Caller),
            (50131, Some(""), TenantAdmin),
        ] {
            assert_eq!(of_code(Code::Aadsts(number), suberror), Some(expected), "{number} {suberror:?}");
        }
        assert_eq!(of_code(Code::Aadsts(1), Some("basic_action")), None);
        assert_eq!(of_code(Code::Wif(3242), None), Some(Caller));
    }

    #[test]
    fn without_a_known_code_the_suberror_decides_then_the_challenge_then_the_error() {
        use Who::{AppOwner, Platform, SignIn, TenantAdmin};
        for (suberror, has_claims, error, expected) in [
            (Some("basic_action"), false, "invalid_grant", SignIn),
            (Some("message_only"), true, "interaction_required", TenantAdmin),
            (Some("client_mismatch"), false, "invalid_grant", SignIn),
            (Some("odd"), true, "invalid_grant", SignIn),
            (None, true, "invalid_grant", SignIn),
            (None, false, "interaction_required", SignIn),
            (None, false, "account_selection_required", SignIn),
            (None, false, "temporarily_unavailable", Platform),
            (None, false, "invalid_grant", AppOwner),
        ] {
            assert_eq!(of_others(suberror, has_claims, error), expected, "{suberror:?} {has_claims} {error}");
        }
    }
}
