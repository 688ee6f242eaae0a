//! People, and what stands in the way of their sign-ins.

use crate::refusal::Refusal;
use crate::soap::Fault;
use crate::token_endpoint::policy_claims;

/// A user, as Graph lists them.
#[derive(Clone, Debug)]
pub struct User {
    /// Object id.
    pub id: String,
    /// Name shown to people.
    pub display_name: String,
    /// Sign-in name.
    pub user_principal_name: String,
    /// Conditional Access wants multi-factor authentication (AADSTS50076), which sign-ins have had only where a page asked for
    /// the code of it.
    pub needs_multi_factor: bool,
    /// What they type into the sign-in page.
    pub password: String,
    /// Why their sign-in comes to nothing although the password is right.
    pub trouble: Option<Trouble>,
}

impl User {
    /// A user whom nothing stands in the way of.
    pub fn new(id: &str, display_name: &str, user_principal_name: &str, password: &str) -> User {
        User {
            id: id.to_owned(),
            display_name: display_name.to_owned(),
            user_principal_name: user_principal_name.to_owned(),
            needs_multi_factor: false,
            password: password.to_owned(),
            trouble: None,
        }
    }

    /// Makes a policy want multi-factor authentication of them.
    pub fn multi_factor(mut self) -> User {
        self.needs_multi_factor = true;
        self
    }

    /// Puts something in their way.
    pub fn with_trouble(mut self, trouble: Trouble) -> User {
        self.trouble = Some(trouble);
        self
    }

    /// Makes Entra refuse them with an AADSTS number, an OAuth error code and a suberror.
    pub fn refused_with(self, code: u32, error: &'static str, suberror: Option<&'static str>) -> User {
        let trouble = Trouble::new(code, error, "Sign-in was refused.");
        self.with_trouble(Trouble { suberror, ..trouble })
    }

    /// The domain of their sign-in name.
    pub(crate) fn domain(&self) -> &str {
        self.user_principal_name.rsplit_once('@').map(|(_, domain)| domain).unwrap_or_default()
    }
}

/// Why a sign-in comes to nothing although the password is right: an error of Entra's token endpoint (Microsoft page
/// "Microsoft Entra authentication and authorization error codes"), and for federated users perhaps a fault of their
/// identity provider, which answers first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    code: u32,
    error: &'static str,
    suberror: Option<&'static str>,
    has_claims: bool,
    text: &'static str,
    fault: Option<At>,
}

/// What the identity provider of a federated user says to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// As to a wrong password.
    Password,
    /// That the password has expired.
    Expiry,
    /// That its rules do not permit the user.
    Rules,
}

impl Trouble {
    /// They have to set up multi-factor authentication first.
    pub const MULTI_FACTOR_REGISTRATION: Trouble =
        Trouble::new(50079, "invalid_grant", "A change of the configuration makes multi-factor authentication necessary; set it up first.")
            .suberror("basic_action");
    /// Their password has expired. Of federated users the identity provider knows it (MSIS3125).
    pub const PASSWORD_EXPIRED: Trouble =
        Trouble::new(50055, "invalid_grant", "The password is expired.").suberror("user_password_expired").fault(At::Expiry);
    /// They tried too often. AD FS tells nobody: to it this is a wrong password.
    pub const LOCKED: Trouble =
        Trouble::new(50053, "invalid_grant", "The account is locked: there were too many sign-ins with a wrong user id or password.")
            .fault(At::Password);
    /// An administrator switched the account off. AD FS answers as to a wrong password.
    pub const DISABLED: Trouble = Trouble::new(50057, "invalid_grant", "The user account is disabled.").fault(At::Password);
    /// The app is for users who are assigned to it.
    pub const NOT_ASSIGNED: Trouble =
        Trouble::new(50105, "invalid_grant", "The application is for users who are assigned to it, and this one is not.");
    /// Conditional Access blocks.
    pub const BLOCKED: Trouble =
        Trouble::new(53003, "invalid_grant", "Access has been blocked by Conditional Access policies. They do not allow token issuance.")
            .suberror("message_only")
            .claims();
    /// Conditional Access wants a device that is managed.
    pub const DEVICE_NOT_COMPLIANT: Trouble =
        Trouble::new(53000, "invalid_grant", "A policy wants the device to be managed for access to this resource.")
            .suberror("message_only")
            .claims();
    /// Multi-factor authentication cannot be set up, because the sign-in looks suspicious.
    pub const RISKY: Trouble =
        Trouble::new(53004, "invalid_grant", "Setting up multi-factor authentication is blocked: there was suspicious activity.")
            .suberror("message_only");
    /// Their account is another tenant's, and they are no guest of this one.
    pub const EXTERNAL: Trouble = Trouble::new(
        90072,
        "invalid_grant",
        "The user account of another identity provider does not exist in the tenant; it has to be added as an external user first.",
    );
    /// The rules of their identity provider do not permit them (MSIS7068). Without one it is [`Trouble::NOT_ASSIGNED`].
    pub const NOT_PERMITTED: Trouble = Trouble::NOT_ASSIGNED.fault(At::Rules);

    /// A refusal by Entra alone.
    pub const fn new(code: u32, error: &'static str, text: &'static str) -> Trouble {
        Trouble { code, error, suberror: None, has_claims: false, text, fault: None }
    }

    /// Adds a suberror.
    pub const fn suberror(mut self, suberror: &'static str) -> Trouble {
        self.suberror = Some(suberror);
        self
    }

    /// Adds `claims`.
    pub const fn claims(mut self) -> Trouble {
        self.has_claims = true;
        self
    }

    const fn fault(mut self, at: At) -> Trouble {
        self.fault = Some(at);
        self
    }

    /// The AADSTS number.
    pub(crate) fn code(&self) -> u32 {
        self.code
    }

    /// What went wrong, in a sentence.
    pub(crate) fn text(&self) -> &'static str {
        self.text
    }

    /// What Entra's token endpoint answers.
    pub(crate) fn refusal(&self) -> Refusal {
        let mut refusal = Refusal::new(400, self.error, self.code, self.text);
        if let Some(suberror) = self.suberror {
            refusal = refusal.with("suberror", suberror);
        }
        match self.has_claims {
            true => refusal.with("claims", policy_claims()),
            false => refusal,
        }
    }

    /// What the identity provider of a federated user answers, unless it does not know of it.
    pub(crate) fn at_provider(&self, user: &User, trust_namespace: &'static str) -> Option<Fault> {
        self.fault.map(|at| match at {
            At::Password => Fault::failed_authentication(),
            At::Expiry => Fault::expired_password(&user.user_principal_name),
            At::Rules => Fault::new(trust_namespace, "FailedAuthentication", "MSIS7068: Access denied."),
        })
    }
}
