//! What the codes of Entra's refusals mean, why they usually come, and what to do about them.
//!
//! A refusal carries a number, written `AADSTS` and digits. The numbers and their meanings are
//! those of Microsoft's page "Microsoft Entra authentication and authorization error codes" and of
//! the service's own descriptions; the sentences are ours. Microsoft changes the codes without
//! notice, so this table explains a refusal to a person and decides the exit status, and an
//! unlisted code is nothing unusual.
//!
//! `why` and `fix` may hold `{authority}` (its address), `{client_id}`, `{tenant}` and `{scope}`, to be replaced by the
//! request's own values. Where a value is not known, its name in capitals (`CLIENT_ID`) reads well
//! in its place, as `RESOURCE` does throughout.

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

/// One code of Entra's, explained.
#[derive(Debug)]
pub(crate) struct Explanation {
    /// The digits after `AADSTS`.
    pub(crate) code: u32,
    /// What is wrong: a fragment that begins in lower case, without advice.
    pub(crate) what: &'static str,
    /// The usual cause.
    pub(crate) why: &'static str,
    /// Who can lift it.
    pub(crate) who: Who,
    /// The next step, as an instruction.
    pub(crate) fix: &'static str,
}

/// The explanation of a code, where there is one.
pub(crate) fn explanation(code: u32) -> Option<&'static Explanation> {
    EXPLANATIONS.binary_search_by_key(&code, |entry| entry.code).ok().map(|index| &EXPLANATIONS[index])
}

/// Every explained code, in strictly ascending order.
pub(crate) static EXPLANATIONS: &[Explanation] = &[
    Explanation {
        code: 16000,
        what: "the signed-in account is not known in this tenant",
        why: "the browser offered an account that tenant {tenant} has no entry for, often a personal account or one of \
              another organisation",
        who: Who::SignIn,
        fix: "sign in again and choose an account of tenant {tenant}, or have an administrator invite the account as a \
              guest",
    },
    Explanation {
        code: 28000,
        what: "the scope names more than one resource",
        why: "an access token is for one API only, and \"{scope}\" asks for permissions of several",
        who: Who::Caller,
        fix: "request one resource at a time: run once for each API, each with its own --scope or --resource",
    },
    Explanation {
        code: 28002,
        what: "the scope is not valid for an access token",
        why: "\"{scope}\" is not a permission that an API in tenant {tenant} offers, or it is misspelt",
        who: Who::Caller,
        fix: "check the API's address and the permission's name; RESOURCE/.default asks for everything already consented \
              to",
    },
    Explanation {
        code: 28003,
        what: "the scope is empty",
        why: "an authorization code was redeemed without saying which API the token is for",
        who: Who::Caller,
        fix: "name the API with --scope or --resource",
    },
    Explanation {
        code: 50000,
        what: "the sign-in service could not issue the token",
        why: "the failure is inside Entra and says nothing about the request",
        who: Who::Platform,
        fix: "try again later; if it stays, give Microsoft's support the correlation id and the time",
    },
    Explanation {
        code: 50001,
        what: "the resource does not exist or is disabled",
        why: "no API with the address in \"{scope}\" is available in tenant {tenant}",
        who: Who::Caller,
        fix: "check the resource's address to the letter, a final slash included, and that {tenant} is the right tenant",
    },
    Explanation {
        code: 50002,
        what: "the network's proxy does not admit this tenant",
        why: "a proxy on the way restricts which tenants may be signed in to, and {tenant} is not among them",
        who: Who::TenantAdmin,
        fix: "ask whoever runs the proxy to add tenant {tenant} to the permitted ones, or use another network",
    },
    Explanation {
        code: 50005,
        what: "a Conditional Access policy does not support this platform",
        why: "the policy of tenant {tenant} is limited to certain operating systems, and the sign-in came from another",
        who: Who::TenantAdmin,
        fix: "sign in from a platform that the policy names, or ask the tenant's administrator to widen it",
    },
    Explanation {
        code: 50010,
        what: "the audience of the app could not be checked",
        why: "the API has no identifier address configured, or the token presented is for another one",
        who: Who::AppOwner,
        fix: "set the Application ID URI under \"Expose an API\" of the API's app registration",
    },
    Explanation {
        code: 50011,
        what: "the redirect address is not one of the app's",
        why: "app {client_id} has no such redirect address in its registration; scheme, host and path must match to the \
              letter",
        who: Who::AppOwner,
        fix: "add the address under \"Authentication\" of the app registration, for a tool like this one as \"Mobile and \
              desktop applications\" with http://localhost",
    },
    Explanation {
        code: 50012,
        what: "the client certificate or assertion was not accepted",
        why: "the signature, the certificate's chain or subject, or the times of the assertion do not fit what app \
              {client_id} has registered",
        who: Who::AppOwner,
        fix: "check that the registered certificate and the private key belong together, that it has not expired, and \
              that this machine's clock is right",
    },
    Explanation {
        code: 50013,
        what: "the assertion is not valid",
        why: "the token handed over has expired, is malformed, is for another audience, or was not issued by tenant \
              {tenant}",
        who: Who::Caller,
        fix: "hand over a fresh access token that was issued for app {client_id}",
    },
    Explanation {
        code: 50014,
        what: "the guest account has not been redeemed yet",
        why: "the account was invited to tenant {tenant}, but the invitation is still pending or the wrong tenant was \
              chosen",
        who: Who::TenantAdmin,
        fix: "accept the invitation first, or check that {tenant} is the tenant you meant",
    },
    Explanation {
        code: 50020,
        what: "the account does not exist in this tenant",
        why: "the account comes from another tenant or is a personal one, and tenant {tenant} has no guest entry for it",
        who: Who::TenantAdmin,
        fix: "sign in with an account of tenant {tenant}, name the account's own tenant with --tenant-id, or have an \
              administrator invite it as a guest",
    },
    Explanation {
        code: 50027,
        what: "the token that was sent is not a valid one",
        why: "the JWT lacks a claim, has an unexpected issuer or audience, is outside its times, or its format is damaged",
        who: Who::Caller,
        fix: "get a new token and pass it whole, without quotes or line breaks",
    },
    Explanation {
        code: 50033,
        what: "the sign-in service had a passing fault",
        why: "the failure is temporary and not caused by the request",
        who: Who::Platform,
        fix: "try again in a moment",
    },
    Explanation {
        code: 50034,
        what: "no such account in this tenant",
        why: "the name is misspelt, or the account belongs to another tenant than {tenant}",
        who: Who::Caller,
        fix: "check the user name and the tenant; someone from outside must be invited as a guest first",
    },
    Explanation {
        code: 50048,
        what: "the subject of the client assertion does not match its issuer",
        why: "in an assertion signed by the app itself, the claims \"iss\" and \"sub\" must both be {client_id}",
        who: Who::Caller,
        fix: "set both claims to the app's id and sign the assertion again",
    },
    Explanation {
        code: 50049,
        what: "the authority is not known to Entra",
        why: "the host in the authority's address is not a Microsoft sign-in host",
        who: Who::Caller,
        fix: "check --authority for a misspelling, or name the cloud with --cloud: public, usgov or china",
    },
    Explanation {
        code: 50050,
        what: "the request to look up the authority is malformed",
        why: "the authority's address does not have the form https://HOST/TENANT",
        who: Who::Caller,
        fix: "correct the authority, or leave it out and give --tenant-id",
    },
    Explanation {
        code: 50053,
        what: "the account is locked, or the address it comes from is blocked",
        why: "too many sign-ins with a wrong password, or the sign-in came from a network address known for attacks",
        who: Who::TenantAdmin,
        fix: "stop retrying and wait for the lock to pass; if it stays, an administrator finds the reason in the sign-in \
              logs and can unblock the account",
    },
    Explanation {
        code: 50055,
        what: "the password has expired",
        why: "the account's password is older than tenant {tenant} permits",
        who: Who::SignIn,
        fix: "sign in with a browser, where a new password can be set, or ask an administrator to reset it",
    },
    Explanation {
        code: 50056,
        what: "the account has no usable password in this tenant",
        why: "no password was sent, or the tenant does not hold one for this account, as with guests and passwordless \
              accounts",
        who: Who::Caller,
        fix: "enter the password again; an account without one has to sign in with a browser",
    },
    Explanation {
        code: 50057,
        what: "the account is disabled",
        why: "an administrator has switched this account off, in tenant {tenant} or in the directory it is synchronised \
              from",
        who: Who::TenantAdmin,
        fix: "ask an administrator to enable the account, or use another one",
    },
    Explanation {
        code: 50058,
        what: "nobody is signed in",
        why: "the request forbids a sign-in page, and there is no session to continue",
        who: Who::SignIn,
        fix: "sign in with entra-token auth-code",
    },
    Explanation {
        code: 50059,
        what: "the request does not say which tenant it is for",
        why: "the authority names no tenant and none follows from the credentials; an app has no home tenant of its own \
              to fall back to",
        who: Who::Caller,
        fix: "name the tenant with --tenant-id: its id or one of its domains",
    },
    Explanation {
        code: 50072,
        what: "a second factor must be set up first",
        why: "tenant {tenant} requires multi-factor authentication, and this account has none registered",
        who: Who::SignIn,
        fix: "sign in with a browser and complete the registration, then run the command again",
    },
    Explanation {
        code: 50074,
        what: "multi-factor authentication is required and was not passed",
        why: "the resource or tenant {tenant} asks for a second factor, which only a person can give",
        who: Who::SignIn,
        fix: "sign in with entra-token auth-code and answer the challenge; for unattended work use an app's own identity",
    },
    Explanation {
        code: 50076,
        what: "multi-factor authentication is required",
        why: "a policy, a changed setting or a new location makes tenant {tenant} ask for a second factor, which a \
              password or a refresh token alone cannot give",
        who: Who::SignIn,
        fix: "sign in with entra-token auth-code; for unattended work use an app's own identity",
    },
    Explanation {
        code: 50078,
        what: "the multi-factor authentication is too old",
        why: "the second factor was given, but longer ago than the policy of tenant {tenant} permits",
        who: Who::SignIn,
        fix: "sign in again interactively to renew it",
    },
    Explanation {
        code: 50079,
        what: "multi-factor authentication has to be set up or passed",
        why: "tenant {tenant} requires a second factor: a managed account must register one, a federated account must \
              bring it from its own identity provider",
        who: Who::SignIn,
        fix: "sign in with a browser and complete what is asked; for unattended work use an app's own identity",
    },
    Explanation {
        code: 50087,
        what: "the second factor could not be checked just now",
        why: "a temporary fault during strong authentication",
        who: Who::Platform,
        fix: "try again in a moment",
    },
    Explanation {
        code: 50088,
        what: "the limit of multi-factor calls and messages is reached",
        why: "too many phone verifications were sent in a short time",
        who: Who::Platform,
        fix: "wait a few minutes and try again",
    },
    Explanation {
        code: 50089,
        what: "the sign-in took too long or its session has ended",
        why: "codes, refresh tokens and sessions expire over time, and a user or an administrator can revoke them",
        who: Who::SignIn,
        fix: "sign in again",
    },
    Explanation {
        code: 50097,
        what: "the device has to identify itself",
        why: "the policy of tenant {tenant} wants proof of which device is used, and the request carried none",
        who: Who::SignIn,
        fix: "sign in on a device that is registered in the tenant, in a browser that can prove it",
    },
    Explanation {
        code: 50105,
        what: "the account is not assigned to the app",
        why: "app {client_id} requires assignment, and neither this account nor a group it is directly in has been \
              assigned",
        who: Who::TenantAdmin,
        fix: "have an administrator add the account under \"Users and groups\" of the enterprise application",
    },
    Explanation {
        code: 50107,
        what: "the identity provider that issued the assertion is not known",
        why: "the issuer of the token or SAML assertion is not configured as a federation of tenant {tenant}",
        who: Who::TenantAdmin,
        fix: "check the tenant and the domain; the tenant's administrator sets up the federation",
    },
    Explanation {
        code: 50125,
        what: "the sign-in was interrupted by a password reset or registration",
        why: "the account has to renew its password or register how it can be reset",
        who: Who::SignIn,
        fix: "sign in with a browser, complete what is asked, then run the command again",
    },
    Explanation {
        code: 50126,
        what: "the user name or the password is wrong",
        why: "the credentials do not match an account of tenant {tenant}; a federated account whose password is not \
              synchronised fails the same way",
        who: Who::Caller,
        fix: "check both, and the tenant; mind that every failed try counts towards a lock of the account",
    },
    Explanation {
        code: 50127,
        what: "the policy requires a broker app",
        why: "Conditional Access of tenant {tenant} wants the sign-in to go through Microsoft's broker on a registered \
              device, which a command line does not have",
        who: Who::TenantAdmin,
        fix: "ask the administrator for an exception for app {client_id}, or use an app's own identity",
    },
    Explanation {
        code: 50128,
        what: "no tenant could be found for the name given",
        why: "the domain is misspelt or not registered with Entra, or the request names no tenant at all",
        who: Who::Caller,
        fix: "give the tenant with --tenant-id: its id or one of its verified domains",
    },
    Explanation {
        code: 50129,
        what: "the device is not registered with the organisation",
        why: "the policy of tenant {tenant} requires a workplace-joined device",
        who: Who::SignIn,
        fix: "register the device, then sign in with a browser on it, or use a device that already is registered",
    },
    Explanation {
        code: 50131,
        what: "a Conditional Access policy refused the sign-in",
        why: "the device's state, the place, or activity that looks suspicious did not satisfy tenant {tenant}",
        who: Who::TenantAdmin,
        fix: "look the correlation id up in the tenant's sign-in logs, which name the policy; an administrator can change \
              it",
    },
    Explanation {
        code: 50132,
        what: "the session is no longer valid",
        why: "the password has expired or been changed since the session began",
        who: Who::SignIn,
        fix: "sign in again",
    },
    Explanation {
        code: 50133,
        what: "the session has been revoked",
        why: "the password has expired or been changed, which ends the sessions that were open",
        who: Who::SignIn,
        fix: "sign in again",
    },
    Explanation {
        code: 50135,
        what: "the password has to be changed because the account is at risk",
        why: "tenant {tenant} considers the account compromised",
        who: Who::SignIn,
        fix: "sign in with a browser and set a new password, then run the command again",
    },
    Explanation {
        code: 50140,
        what: "the sign-in stopped at the question whether to stay signed in",
        why: "the page \"Stay signed in?\" was shown and not answered",
        who: Who::SignIn,
        fix: "sign in again and answer it; if it repeats, give Microsoft's support the correlation id",
    },
    Explanation {
        code: 50144,
        what: "the password of the on-premises account has expired",
        why: "the account is synchronised from Active Directory, where its password is too old",
        who: Who::SignIn,
        fix: "change the password, in the organisation or by self-service reset, then sign in again",
    },
    Explanation {
        code: 50147,
        what: "the PKCE code challenge is not valid",
        why: "the parameter code_challenge is missing or has a wrong length",
        who: Who::Caller,
        fix: "begin the sign-in anew; a code cannot be redeemed with a challenge from another attempt",
    },
    Explanation {
        code: 50155,
        what: "the device could not be authenticated",
        why: "the device's registration is missing, disabled or not valid for this account",
        who: Who::TenantAdmin,
        fix: "have an administrator check the device in tenant {tenant}, or sign in from another one",
    },
    Explanation {
        code: 50158,
        what: "a check by an outside provider has not been passed",
        why: "Conditional Access of tenant {tenant} sends the sign-in to another service, such as a third party's second \
              factor",
        who: Who::SignIn,
        fix: "sign in with entra-token auth-code and complete that step; it cannot be done without a browser",
    },
    Explanation {
        code: 50166,
        what: "the outside claims provider could not be reached",
        why: "the request that tenant {tenant} makes to an external provider is being limited",
        who: Who::Platform,
        fix: "try again later",
    },
    Explanation {
        code: 50173,
        what: "the refresh token has been revoked",
        why: "the user or an administrator ended the account's sessions, for instance by changing the password",
        who: Who::SignIn,
        fix: "sign in again; the old refresh token is of no further use",
    },
    Explanation {
        code: 50178,
        what: "a session control of the tenant's policy does not work for this account",
        why: "the account comes from outside tenant {tenant}, and the policy's session control is not available for such \
              accounts",
        who: Who::TenantAdmin,
        fix: "use an account of tenant {tenant} itself, or ask its administrator to exclude this one from the policy",
    },
    Explanation {
        code: 50187,
        what: "the device gave no information about itself",
        why: "the policy of tenant {tenant} needs the device to be authenticated, and that failed",
        who: Who::TenantAdmin,
        fix: "sign in on a device that is registered in the tenant, or ask its administrator which devices are accepted",
    },
    Explanation {
        code: 50194,
        what: "the app belongs to one tenant, but the request names none",
        why: "app {client_id} is registered for a single tenant, so \"common\" does not work for it",
        who: Who::Caller,
        fix: "name its tenant with --tenant-id, or have the app's owner make it a multitenant one",
    },
    Explanation {
        code: 50196,
        what: "too many identical requests in a short time",
        why: "Entra takes the repetition for a loop and refuses more for a while, which happens when a script asks anew \
              instead of using the cached token",
        who: Who::Platform,
        fix: "wait some minutes; then use each token until it ends, instead of asking for a new one every time",
    },
    Explanation {
        code: 50197,
        what: "the account could not be found",
        why: "the sign-in ran into conflicting identities",
        who: Who::SignIn,
        fix: "sign in again and choose the account anew",
    },
    Explanation {
        code: 50199,
        what: "the sign-in has to be confirmed by the person",
        why: "for its safety Entra asks whether this is the app that was meant to be signed in to",
        who: Who::SignIn,
        fix: "sign in with entra-token auth-code and confirm the question on the page",
    },
    Explanation {
        code: 51004,
        what: "the account is not in this tenant's directory",
        why: "the wrong tenant was chosen, or tenant {tenant} has no guest entry for the account",
        who: Who::TenantAdmin,
        fix: "check the tenant, or have its administrator invite the account as a guest",
    },
    Explanation {
        code: 53000,
        what: "the device does not comply with the tenant's policy",
        why: "Conditional Access of tenant {tenant} requires a compliant device, and this one is not, or could not prove \
              it",
        who: Who::SignIn,
        fix: "enrol the device in the organisation's management, then sign in with a browser on it, or use a compliant \
              device",
    },
    Explanation {
        code: 53001,
        what: "the device is not joined to the organisation's domain",
        why: "Conditional Access of tenant {tenant} requires a domain-joined device, and this one is not, or could not \
              prove it",
        who: Who::SignIn,
        fix: "sign in with a browser on a domain-joined device, or ask the administrator for an exception",
    },
    Explanation {
        code: 53002,
        what: "the app is not one that the tenant's policy approves",
        why: "Conditional Access of tenant {tenant} admits certain apps only, and {client_id} is not among them",
        who: Who::TenantAdmin,
        fix: "ask the administrator to approve the app or to exclude it from the policy; signing in again does not help",
    },
    Explanation {
        code: 53003,
        what: "Conditional Access blocked the token",
        why: "a policy of tenant {tenant} forbids this combination of account or app, resource, place and device; for an \
              app's own identity it is a policy for workload identities",
        who: Who::TenantAdmin,
        fix: "look the correlation id up in the tenant's sign-in logs, which name the policy; an administrator can change \
              it, signing in again does not help",
    },
    Explanation {
        code: 53004,
        what: "a second factor has to be registered, but the sign-in is too risky for that",
        why: "tenant {tenant} requires multi-factor authentication and does not let it be set up from here",
        who: Who::TenantAdmin,
        fix: "register from a known device and network, or ask an administrator to check the account's risk",
    },
    Explanation {
        code: 53010,
        what: "a second factor cannot be set up from here",
        why: "tenant {tenant} permits the registration of security information only from certain places or devices",
        who: Who::TenantAdmin,
        fix: "register the second factor from a place the organisation trusts, or ask an administrator for a temporary \
              access pass",
    },
    Explanation {
        code: 53011,
        what: "the account is blocked because of risk in its home tenant",
        why: "the organisation that owns the account considers it compromised",
        who: Who::TenantAdmin,
        fix: "have an administrator of the account's home tenant clear the risk",
    },
    Explanation {
        code: 54005,
        what: "the authorization code has been used already",
        why: "a code is good for one redemption; a second try, or a page loaded twice, is refused",
        who: Who::SignIn,
        fix: "begin the sign-in anew",
    },
    Explanation {
        code: 65001,
        what: "consent for the app is missing",
        why: "nobody has permitted app {client_id} to use what \"{scope}\" stands for in tenant {tenant}",
        who: Who::SignIn,
        fix: "for an app's own identity an administrator must consent: at \
              {authority}/adminconsent?client_id={client_id} or under \"API permissions\"; \
              a person can also sign in with entra-token auth-code and consent",
    },
    Explanation {
        code: 65002,
        what: "the app belongs to Microsoft and is not preauthorised for this API",
        why: "{client_id} is one of Microsoft's own apps, which may call only the APIs that have approved it",
        who: Who::AppOwner,
        fix: "register an app of your own and use its id",
    },
    Explanation {
        code: 65004,
        what: "consent was declined",
        why: "the person who signed in did not accept the permissions app {client_id} asks for",
        who: Who::SignIn,
        fix: "sign in again and accept, or ask for fewer permissions; an administrator can consent for the whole tenant",
    },
    Explanation {
        code: 65005,
        what: "the app's permissions do not fit the request",
        why: "app {client_id} asks for a resource or a permission that its registration does not list, or that the \
              resource does not offer",
        who: Who::AppOwner,
        fix: "add the permission under \"API permissions\" of the app registration, then have it consented to",
    },
    Explanation {
        code: 70000,
        what: "the grant is not valid",
        why: "the refresh token, the code or the assertion has expired, was revoked, is damaged, or does not cover what \
              \"{scope}\" asks for",
        who: Who::SignIn,
        fix: "sign in again, or pass a fresh token whole",
    },
    Explanation {
        code: 70001,
        what: "the app is disabled or not known in this tenant",
        why: "{client_id} is misspelt, or the app has not been added to tenant {tenant}, or it is switched off there",
        who: Who::Caller,
        fix: "check the app's id and the tenant; an administrator adds or enables the app under \"Enterprise \
              applications\"",
    },
    Explanation {
        code: 70002,
        what: "the app's credentials were not accepted",
        why: "the secret is wrong or missing, or a user's credentials failed, in which case a second code says more",
        who: Who::Caller,
        fix: "check the secret's value; for a flow without a secret, set \"Allow public client flows\" to yes under \
              \"Authentication\" of the app registration",
    },
    Explanation {
        code: 70003,
        what: "this kind of grant is not supported",
        why: "the app or the endpoint does not accept the grant type that was sent",
        who: Who::Caller,
        fix: "use another flow, and check that the authority is an Entra tenant",
    },
    Explanation {
        code: 70004,
        what: "the redirect address is not valid",
        why: "it matches none of the addresses in the registration of app {client_id}",
        who: Who::AppOwner,
        fix: "add the address under \"Authentication\" of the app registration, or use one that is there",
    },
    Explanation {
        code: 70007,
        what: "the response mode is not supported",
        why: "the request asks for a response_mode that Entra does not know here",
        who: Who::Caller,
        fix: "leave the response mode out of the request",
    },
    Explanation {
        code: 70008,
        what: "the refresh token or the code has expired",
        why: "a refresh token that is not used for long, or a code that is not redeemed within minutes, becomes invalid",
        who: Who::SignIn,
        fix: "sign in again",
    },
    Explanation {
        code: 70011,
        what: "the scope is not valid",
        why: "\"{scope}\" does not have a form this flow accepts: a misspelt permission, a missing resource, or \
              permissions where an app needs RESOURCE/.default",
        who: Who::Caller,
        fix: "write the scope as RESOURCE/PERMISSION; an app's own identity needs RESOURCE/.default, which --resource \
              makes",
    },
    Explanation {
        code: 70012,
        what: "the service for personal accounts had a fault",
        why: "a server error while a personal Microsoft account was being authenticated",
        who: Who::Platform,
        fix: "try again later; if it stays, give Microsoft's support the correlation id",
    },
    Explanation {
        code: 70016,
        what: "the sign-in on the other device is still pending",
        why: "nobody has entered the device code yet, or the sign-in there is not finished",
        who: Who::SignIn,
        fix: "enter the code on the page that was shown and finish the sign-in",
    },
    Explanation {
        code: 70018,
        what: "the code that was typed in is wrong",
        why: "the code on the page does not match the one that was shown here",
        who: Who::SignIn,
        fix: "begin again and enter the new code exactly as shown",
    },
    Explanation {
        code: 70019,
        what: "the device code has expired",
        why: "the sign-in was not finished in time",
        who: Who::SignIn,
        fix: "run the command again and enter the new code within its time",
    },
    Explanation {
        code: 70020,
        what: "the device code is no longer valid",
        why: "it has expired before the sign-in was finished",
        who: Who::SignIn,
        fix: "run the command again and enter the new code within its time",
    },
    Explanation {
        code: 70021,
        what: "no federated credential matches the assertion",
        why: "app {client_id} has no federated credential with the issuer, subject and audience of the token that was sent",
        who: Who::AppOwner,
        fix: "compare the three values, case and slashes included, with \"Federated credentials\" under \"Certificates & \
              secrets\"",
    },
    Explanation {
        code: 70043,
        what: "the refresh token is too old for the sign-in frequency policy",
        why: "Conditional Access of tenant {tenant} wants a new sign-in after a set time",
        who: Who::SignIn,
        fix: "sign in again; this repeats at the policy's interval, so unattended work needs an app's own identity",
    },
    Explanation {
        code: 70044,
        what: "the session is too old for the sign-in frequency policy",
        why: "Conditional Access of tenant {tenant} wants a new sign-in after a set time",
        who: Who::SignIn,
        fix: "sign in again; this repeats at the policy's interval, so unattended work needs an app's own identity",
    },
    Explanation {
        code: 80001,
        what: "the organisation's Active Directory cannot be reached",
        why: "the agent that checks passwords for tenant {tenant} has no connection to its directory",
        who: Who::TenantAdmin,
        fix: "ask the organisation's administrator to check the authentication agents",
    },
    Explanation {
        code: 80002,
        what: "the organisation's password check took too long",
        why: "the agent that asks the on-premises directory did not answer in time",
        who: Who::Platform,
        fix: "try again; if it stays, the organisation's administrator checks the authentication agents",
    },
    Explanation {
        code: 80007,
        what: "the organisation's password check failed",
        why: "the agent that asks the on-premises directory could not validate the password",
        who: Who::TenantAdmin,
        fix: "try again once; if it stays, the organisation's administrator finds the reason in the agent's logs",
    },
    Explanation {
        code: 80012,
        what: "the account may not sign in at this hour",
        why: "the on-premises directory restricts the account's logon hours",
        who: Who::TenantAdmin,
        fix: "sign in within those hours, or ask the organisation's administrator to change them",
    },
    Explanation {
        code: 90002,
        what: "there is no such tenant",
        why: "\"{tenant}\" is misspelt, is a domain that no tenant has verified, or belongs to another cloud",
        who: Who::Caller,
        fix: "check the tenant's id or domain; for a US government or China tenant name the cloud with --cloud",
    },
    Explanation {
        code: 90004,
        what: "the request is not properly formed",
        why: "a parameter has a form that Entra does not accept",
        who: Who::Caller,
        fix: "check the parameters for stray quotes, blanks and line breaks; -vv shows what is sent",
    },
    Explanation {
        code: 90006,
        what: "the sign-in service is unavailable for the moment",
        why: "a server that Entra depends on did not answer",
        who: Who::Platform,
        fix: "try again later",
    },
    Explanation {
        code: 90008,
        what: "the app lacks consent for its own sign-in",
        why: "the app asks for a token to itself, but has no permission to sign in and read the user's profile",
        who: Who::AppOwner,
        fix: "add Microsoft Graph's delegated permission User.Read under \"API permissions\" and have it consented to",
    },
    Explanation {
        code: 90009,
        what: "an app that asks for a token to itself must name itself by its id",
        why: "\"{scope}\" refers to the app by another identifier than its application id",
        who: Who::Caller,
        fix: "use {client_id}/.default as the scope",
    },
    Explanation {
        code: 90010,
        what: "the tenant named does not support this grant",
        why: "\"common\" and \"consumers\" do not work for a user name with a password, among others",
        who: Who::Caller,
        fix: "name the tenant with --tenant-id: its id, one of its domains, or \"organizations\" where a person signs in",
    },
    Explanation {
        code: 90012,
        what: "the request timed out inside Entra",
        why: "the service took too long to answer",
        who: Who::Platform,
        fix: "try again in a moment",
    },
    Explanation {
        code: 90013,
        what: "a value that was entered is not valid",
        why: "a parameter, such as the user name or the tenant, has a form that Entra does not accept",
        who: Who::Caller,
        fix: "check the values for misspellings and stray characters",
    },
    Explanation {
        code: 90014,
        what: "a required field is missing",
        why: "the description says which: often the scope, the app's id or the credential came out empty",
        who: Who::Caller,
        fix: "give the missing value; -v shows where each setting came from",
    },
    Explanation {
        code: 90015,
        what: "the address of the request is too long",
        why: "the query holds more than Entra accepts, for instance very many scopes or a long claims value",
        who: Who::Caller,
        fix: "ask for fewer scopes, or for RESOURCE/.default in place of the list",
    },
    Explanation {
        code: 90016,
        what: "the token that was sent lacks a claim",
        why: "the access token handed over does not contain what this request needs",
        who: Who::Caller,
        fix: "get a new token for the right API",
    },
    Explanation {
        code: 90019,
        what: "the tenant cannot be told from the request",
        why: "neither the authority nor the credentials say which tenant is meant",
        who: Who::Caller,
        fix: "name the tenant with --tenant-id",
    },
    Explanation {
        code: 90023,
        what: "the request is not valid",
        why: "the description says more; often a secret is sent for a public client, or the redirect address is of the \
              wrong kind",
        who: Who::Caller,
        fix: "compare the request with the app's platform under \"Authentication\" of the app registration",
    },
    Explanation {
        code: 90024,
        what: "the sign-in service had a passing fault",
        why: "the request used up the time or the resources that Entra gives it",
        who: Who::Platform,
        fix: "try again in a moment",
    },
    Explanation {
        code: 90033,
        what: "Microsoft's directory service is not available",
        why: "Entra could not reach the directory that holds the tenant's data",
        who: Who::Platform,
        fix: "try again later",
    },
    Explanation {
        code: 90038,
        what: "the tenant belongs to another cloud",
        why: "{tenant} is a tenant of a national cloud, which the host asked does not serve",
        who: Who::Caller,
        fix: "name that cloud with --cloud: usgov or china",
    },
    Explanation {
        code: 90055,
        what: "the tenant is being throttled",
        why: "too many requests arrive for tenant {tenant}",
        who: Who::Platform,
        fix: "wait and try again, with fewer requests; the cache spares one for every token still valid",
    },
    Explanation {
        code: 90072,
        what: "the outside account does not exist in this tenant",
        why: "the account cannot satisfy the second factor of tenant {tenant}, as it has no entry there",
        who: Who::TenantAdmin,
        fix: "have an administrator invite it as a guest, or sign in with another account; for a synchronised account, \
              check its immutable id",
    },
    Explanation {
        code: 90090,
        what: "the directory service is unavailable for the moment",
        why: "a temporary fault on the way to the tenant's data",
        who: Who::Platform,
        fix: "try again later",
    },
    Explanation {
        code: 90093,
        what: "the directory forbids what was asked",
        why: "the account's rights in tenant {tenant} are not enough, for instance to consent to these permissions",
        who: Who::TenantAdmin,
        fix: "have an administrator consent or grant the right, at \
              {authority}/adminconsent?client_id={client_id} for consent",
    },
    Explanation {
        code: 90094,
        what: "an administrator has to consent",
        why: "app {client_id} asks for permissions that a user of tenant {tenant} cannot grant alone",
        who: Who::TenantAdmin,
        fix: "an administrator opens {authority}/adminconsent?client_id={client_id}, or \
              grants consent under \"API permissions\" of the app registration",
    },
    Explanation {
        code: 90095,
        what: "an administrator's consent has to be requested",
        why: "tenant {tenant} lets users ask for an app, and an administrator decides",
        who: Who::TenantAdmin,
        fix: "send the request from the sign-in page, or have an administrator open \
              {authority}/adminconsent?client_id={client_id}",
    },
    Explanation {
        code: 90099,
        what: "the app is not authorised in the customer's tenant",
        why: "partners who administer tenant {tenant} can use an app there only after it has been consented to",
        who: Who::TenantAdmin,
        fix: "have the customer consent first, or consent in advance through Partner Center",
    },
    Explanation {
        code: 90100,
        what: "a parameter is empty or not valid",
        why: "the description names the parameter",
        who: Who::Caller,
        fix: "give that parameter a value; -v shows where each setting came from",
    },
    Explanation {
        code: 90102,
        what: "an address is not a valid one",
        why: "a parameter that must be an absolute address, such as redirect_uri, is not",
        who: Who::Caller,
        fix: "write it in full, with its scheme: https://… or http://localhost",
    },
    Explanation {
        code: 90119,
        what: "the device code that was entered is empty",
        why: "the page got no code to look up",
        who: Who::SignIn,
        fix: "open the page again and enter the code that is shown",
    },
    Explanation {
        code: 90120,
        what: "the device code has been answered already",
        why: "the sign-in with this code was approved or declined before",
        who: Who::SignIn,
        fix: "run the command again for a new code",
    },
    Explanation {
        code: 90123,
        what: "the identity provider denied the request",
        why: "the provider of the identity or of its claims refused to let a token be issued",
        who: Who::TenantAdmin,
        fix: "ask the administrator of tenant {tenant}, or of the federated provider, for the reason",
    },
    Explanation {
        code: 90124,
        what: "the resource does not work with \"common\" or \"consumers\"",
        why: "the API is for work and school accounts only",
        who: Who::Caller,
        fix: "name the tenant with --tenant-id: its id, one of its domains, or \"organizations\" where a person signs in",
    },
    Explanation {
        code: 90130,
        what: "the app does not work with \"common\" or \"consumers\"",
        why: "app {client_id} is registered for work and school accounts only",
        who: Who::Caller,
        fix: "name the tenant with --tenant-id: its id, one of its domains, or \"organizations\" where a person signs in",
    },
    Explanation {
        code: 90133,
        what: "the device code flow does not work with this tenant name",
        why: "\"common\" or \"consumers\" was refused for it",
        who: Who::Caller,
        fix: "name the tenant with --tenant-id: its id, one of its domains, or \"organizations\"",
    },
    Explanation {
        code: 100007,
        what: "the regional sign-in service does not serve this app",
        why: "Entra's regional endpoints are for managed identities and certain apps inside Microsoft's infrastructure",
        who: Who::Caller,
        fix: "use the global authority: leave the region out",
    },
    Explanation {
        code: 240002,
        what: "an id token cannot be exchanged on behalf of the user",
        why: "the exchange needs an access token whose audience is app {client_id}",
        who: Who::Caller,
        fix: "pass the access token that the caller got for app {client_id}, not its id token",
    },
    Explanation {
        code: 500011,
        what: "the resource is not known in this tenant",
        why: "\"{scope}\" is misspelt, the tenant is the wrong one, or the API has never been added to tenant {tenant}",
        who: Who::Caller,
        fix: "check the resource's address to the letter and the tenant; otherwise an administrator adds the API to \
              tenant {tenant} by consenting to it",
    },
    Explanation {
        code: 500014,
        what: "the resource is disabled in this tenant",
        why: "the service principal of the API that \"{scope}\" names is switched off in tenant {tenant}, or a \
              subscription behind it has lapsed",
        who: Who::TenantAdmin,
        fix: "have an administrator enable it under \"Enterprise applications\", or renew the subscription",
    },
    Explanation {
        code: 500021,
        what: "access to this tenant is denied by tenant restrictions",
        why: "a proxy on the way permits certain tenants only, and {tenant} is not in its list",
        who: Who::TenantAdmin,
        fix: "ask whoever runs the network to add tenant {tenant}, or use another network",
    },
    Explanation {
        code: 500022,
        what: "access to this tenant is denied by tenant restrictions",
        why: "the network or the device permits certain tenants only, and {tenant} is not among them",
        who: Who::TenantAdmin,
        fix: "ask whoever runs the network to add tenant {tenant}, or use another network",
    },
    Explanation {
        code: 500131,
        what: "the token to exchange was not issued for this app",
        why: "its audience is another one than app {client_id}, which is making the exchange",
        who: Who::Caller,
        fix: "have the caller request its token for app {client_id}, and exchange that one",
    },
    Explanation {
        code: 500133,
        what: "the token to exchange is outside its time of validity",
        why: "it has expired, or this token is not valid yet",
        who: Who::Caller,
        fix: "get a fresh access token from the caller and exchange it at once",
    },
    Explanation {
        code: 500200,
        what: "personal accounts are not accepted here",
        why: "the account is a personal Microsoft account, and the app or the resource is for work and school accounts, \
              unless invited as a guest",
        who: Who::Caller,
        fix: "sign in with a work or school account, or name the tenant that has invited the account with --tenant-id",
    },
    Explanation {
        code: 500207,
        what: "this type of account cannot be used for the resource",
        why: "the resource in \"{scope}\" does not serve the kind of tenant or account in use, as with an external tenant \
              asked for a workforce API",
        who: Who::Caller,
        fix: "check that authority and resource belong together, and use an account and tenant that the resource accepts",
    },
    Explanation {
        code: 500208,
        what: "the domain is not a sign-in domain for this type of account",
        why: "a personal account was used where tenant {tenant} takes work accounts, or the other way round",
        who: Who::Caller,
        fix: "sign in with an account of the type the tenant accepts, or correct the tenant",
    },
    Explanation {
        code: 500212,
        what: "the account's own organisation does not permit access to this tenant",
        why: "its cross-tenant policy for outbound access excludes tenant {tenant}",
        who: Who::TenantAdmin,
        fix: "ask an administrator of the account's home tenant to permit it",
    },
    Explanation {
        code: 500213,
        what: "this tenant does not admit accounts from the other organisation",
        why: "the cross-tenant policy of tenant {tenant} for inbound access excludes the account",
        who: Who::TenantAdmin,
        fix: "ask an administrator of tenant {tenant} to permit it",
    },
    Explanation {
        code: 500341,
        what: "the account has been deleted from the tenant",
        why: "a token or a name of an account was used that tenant {tenant} no longer has",
        who: Who::TenantAdmin,
        fix: "use another account, or have an administrator restore this one",
    },
    Explanation {
        code: 501051,
        what: "the app is not assigned to a role of the resource",
        why: "the API in \"{scope}\" requires assignment, and app {client_id} has no app role there",
        who: Who::TenantAdmin,
        fix: "give app {client_id} an app role of the API under \"API permissions\" and have an administrator grant \
              consent, or drop \"Assignment required\" on the API",
    },
    Explanation {
        code: 501481,
        what: "the PKCE code verifier does not match",
        why: "the code was redeemed with the verifier of another sign-in attempt",
        who: Who::Caller,
        fix: "begin the sign-in anew, and redeem the code of that attempt only",
    },
    Explanation {
        code: 501491,
        what: "the PKCE code challenge has a wrong size",
        why: "the value sent in code_challenge was cut off or altered",
        who: Who::Caller,
        fix: "begin the sign-in anew, using the whole address that is shown",
    },
    Explanation {
        code: 530003,
        what: "the device has to be managed by the organisation",
        why: "Conditional Access of tenant {tenant} requires a managed device, and this one is not, or could not prove it",
        who: Who::SignIn,
        fix: "sign in on a managed device, in a browser that can prove it; containers and remote machines usually cannot",
    },
    Explanation {
        code: 530032,
        what: "a security policy of the tenant blocks the request",
        why: "the request does not meet what an administrator of tenant {tenant} has set for all sign-ins",
        who: Who::TenantAdmin,
        fix: "ask the tenant's administrator which policy it is and what it requires",
    },
    Explanation {
        code: 530033,
        what: "the device code flow is blocked by a policy on devices",
        why: "Conditional Access of tenant {tenant} requires a managed device, which a sign-in on another device cannot \
              prove",
        who: Who::SignIn,
        fix: "sign in on a managed device",
    },
    Explanation {
        code: 530034,
        what: "the partner's administrator is blocked because of risk",
        why: "suspicious activity was seen for the delegated administrator's account in its home tenant",
        who: Who::TenantAdmin,
        fix: "have an administrator of the account's home tenant clear the risk",
    },
    Explanation {
        code: 530035,
        what: "security defaults block the request",
        why: "tenant {tenant} uses security defaults, which refuse old ways of signing in and requests they consider \
              unsafe",
        who: Who::TenantAdmin,
        fix: "use a sign-in with a browser and a second factor, or ask the administrator about the defaults",
    },
    Explanation {
        code: 530036,
        what: "the refresh token is blocked by a policy on sign-in flows",
        why: "Conditional Access of tenant {tenant} forbids the flow the token came from, usually the device code flow",
        who: Who::SignIn,
        fix: "sign in again in a browser; the old refresh token stays blocked",
    },
    Explanation {
        code: 650052,
        what: "the organisation has not enabled the service the app needs",
        why: "the API that app {client_id} uses has no subscription or service principal in tenant {tenant}",
        who: Who::TenantAdmin,
        fix: "have an administrator subscribe to the service, or add it to the tenant by consenting to it",
    },
    Explanation {
        code: 650053,
        what: "the resource does not offer that permission",
        why: "a permission in \"{scope}\" is misspelt, or belongs to another resource; one without a resource counts as \
              Microsoft Graph's",
        who: Who::Caller,
        fix: "check the name under \"Expose an API\" of the resource, and write the scope as RESOURCE/PERMISSION",
    },
    Explanation {
        code: 650054,
        what: "the resource has been removed",
        why: "app {client_id} asks for permissions of an API that tenant {tenant} no longer has",
        who: Who::AppOwner,
        fix: "remove the permission from the app registration, or have the API added to the tenant again",
    },
    Explanation {
        code: 650056,
        what: "the app is misconfigured for this request",
        why: "its registration lists no permission for the resource, the administrator has not consented, or {client_id} \
              is not the app that was meant",
        who: Who::AppOwner,
        fix: "check the app's id, add the permission under \"API permissions\", and have an administrator consent",
    },
    Explanation {
        code: 650057,
        what: "the resource is not among the app's permissions",
        why: "the registration of app {client_id} does not list the API that \"{scope}\" names",
        who: Who::AppOwner,
        fix: "add the API under \"API permissions\" of the app registration and have it consented to",
    },
    Explanation {
        code: 700003,
        what: "the device is not known in this tenant",
        why: "the device was deleted, or registered elsewhere than in tenant {tenant}, so what was signed in on it is void",
        who: Who::TenantAdmin,
        fix: "register the device again and sign in anew, or sign in from another device",
    },
    Explanation {
        code: 700005,
        what: "the authorization code is for another tenant",
        why: "a code must be redeemed at the tenant, or the \"common\", that it was requested from",
        who: Who::Caller,
        fix: "use the same tenant for the sign-in and for the redemption",
    },
    Explanation {
        code: 700011,
        what: "the app does not exist in this tenant",
        why: "app {client_id} has not been added to the directory that was asked",
        who: Who::Caller,
        fix: "check the app's id and the tenant; an administrator adds an app of another tenant by consenting to it",
    },
    Explanation {
        code: 700016,
        what: "the app is not known in this tenant",
        why: "{client_id} is misspelt, the tenant is the wrong one, or the app has never been added to tenant {tenant}",
        who: Who::Caller,
        fix: "compare both with the app registration's overview: application (client) id and directory (tenant) id; an \
              app of another tenant is added by consenting to it",
    },
    Explanation {
        code: 700020,
        what: "a person has to sign in",
        why: "the grant cannot be used without interaction",
        who: Who::SignIn,
        fix: "sign in with entra-token auth-code",
    },
    Explanation {
        code: 700022,
        what: "the scope names more than one resource",
        why: "an access token is for one API only, and \"{scope}\" asks for permissions of several",
        who: Who::Caller,
        fix: "request one resource at a time: run once for each API, each with its own --scope or --resource",
    },
    Explanation {
        code: 700023,
        what: "the scope names no resource",
        why: "\"{scope}\" does not say which API the access token is for",
        who: Who::Caller,
        fix: "name the API with --resource, or write the scope as RESOURCE/PERMISSION",
    },
    Explanation {
        code: 700024,
        what: "the client assertion is outside its time of validity",
        why: "the assertion has expired or is not valid yet: a federated token that was kept too long, or a wrong clock",
        who: Who::Caller,
        fix: "fetch a new assertion right before each request, and check this machine's clock",
    },
    Explanation {
        code: 700025,
        what: "the app is a public client, which must not send a secret or an assertion",
        why: "the redirect address, or the registration of app {client_id}, makes it a public client",
        who: Who::AppOwner,
        fix: "leave the credential out, or register the redirect address under \"Web\" if the app is meant to have one",
    },
    Explanation {
        code: 700026,
        what: "the app has no credentials registered",
        why: "the registration of app {client_id} holds no certificate that the assertion could be checked with",
        who: Who::AppOwner,
        fix: "upload the certificate under \"Certificates & secrets\" of the app registration",
    },
    Explanation {
        code: 700027,
        what: "the signature of the client assertion is not valid",
        why: "the certificate used is not registered for app {client_id}, or the private key does not belong to it",
        who: Who::AppOwner,
        fix: "upload the certificate under \"Certificates & secrets\" and compare its thumbprint with the one in use",
    },
    Explanation {
        code: 700030,
        what: "the certificate's subject is not authorised",
        why: "the names in the certificate are not among those app {client_id} trusts, or an intermediate certificate was \
              sent first",
        who: Who::AppOwner,
        fix: "use a certificate with a trusted subject, with the app's own certificate first in the file",
    },
    Explanation {
        code: 700038,
        what: "the app's id is not a valid one",
        why: "\"{client_id}\" is not an application id; a sample's placeholder, or zeros, look like this",
        who: Who::Caller,
        fix: "copy \"Application (client) ID\" from the overview of the app registration and give it with --client-id",
    },
    Explanation {
        code: 700054,
        what: "the app does not permit id tokens from the authorization page",
        why: "the response type id_token was asked for, which the registration of app {client_id} has not enabled",
        who: Who::AppOwner,
        fix: "use the code flow, or enable id tokens under \"Authentication\" of the app registration",
    },
    Explanation {
        code: 700082,
        what: "the refresh token has expired because it was not used",
        why: "a refresh token must be used within its time of inactivity, usually 90 days",
        who: Who::SignIn,
        fix: "sign in again",
    },
    Explanation {
        code: 700084,
        what: "the refresh token of a single-page app has expired",
        why: "such a token has a short, fixed life that use does not extend",
        who: Who::SignIn,
        fix: "sign in again; register the redirect address under \"Mobile and desktop applications\" to get longer-lived \
              ones",
    },
    Explanation {
        code: 700211,
        what: "no federated credential matches the issuer of the assertion",
        why: "app {client_id} has no federated credential for the \"iss\" of the token that was sent",
        who: Who::AppOwner,
        fix: "compare the issuer, slashes included, with \"Federated credentials\" under \"Certificates & secrets\"; one \
              just added takes minutes to work",
    },
    Explanation {
        code: 700212,
        what: "no federated credential matches the audience of the assertion",
        why: "the token's \"aud\" differs from the one in the federated credential of app {client_id}",
        who: Who::AppOwner,
        fix: "request the token for the audience in the credential, usually api://AzureADTokenExchange, or change the \
              credential",
    },
    Explanation {
        code: 700213,
        what: "no federated credential matches the subject of the assertion",
        why: "the token's \"sub\" differs from that in each federated credential of app {client_id}: another branch, \
              environment, repository or service account",
        who: Who::AppOwner,
        fix: "compare the subject, case included, with \"Federated credentials\" under \"Certificates & secrets\"",
    },
    Explanation {
        code: 700229,
        what: "the federated assertion is a user's token",
        why: "where Entra itself is the issuer, only a token of an app or a managed identity can serve as a client \
              assertion",
        who: Who::Caller,
        fix: "use a token that an app or a managed identity got for itself",
    },
    Explanation {
        code: 900023,
        what: "the tenant's name is not a valid one",
        why: "\"{tenant}\" is neither a tenant's id nor a domain name",
        who: Who::Caller,
        fix: "give --tenant-id as the id from the overview of the tenant, or as one of its verified domains",
    },
    Explanation {
        code: 900144,
        what: "a required parameter is missing from the request",
        why: "the description names it; an authority that is not an Entra one can cause it too",
        who: Who::Caller,
        fix: "give the missing value; -v shows where each setting came from",
    },
    Explanation {
        code: 900382,
        what: "the app and the resource are in different clouds",
        why: "a client with a secret or a certificate cannot get tokens across clouds",
        who: Who::Caller,
        fix: "name the cloud of tenant {tenant} with --cloud, and use the resource's address in that cloud",
    },
    Explanation {
        code: 900384,
        what: "the signature of a token is not valid",
        why: "the JWT that was sent was altered, cut off, or signed with another key than expected",
        who: Who::Caller,
        fix: "get a new token and pass it whole; the description says more",
    },
    Explanation {
        code: 900432,
        what: "the app and the tenant are in different clouds",
        why: "a client with a secret or a certificate cannot get tokens across clouds",
        who: Who::Caller,
        fix: "name the cloud of tenant {tenant} with --cloud, and use an app that is registered there",
    },
    Explanation {
        code: 900561,
        what: "the endpoint was called with the wrong method",
        why: "something on the way turned the request into another kind, for instance a redirect by a proxy",
        who: Who::Caller,
        fix: "check the authority's address and the proxy",
    },
    Explanation {
        code: 900971,
        what: "there is no redirect address",
        why: "neither the request nor the registration of app {client_id} names one",
        who: Who::Caller,
        fix: "register http://localhost under \"Mobile and desktop applications\"",
    },
    Explanation {
        code: 901002,
        what: "the parameter \"resource\" is not supported here",
        why: "the v2.0 endpoint takes a scope, not a resource",
        who: Who::Caller,
        fix: "ask with the scope RESOURCE/.default, which --resource makes",
    },
    Explanation {
        code: 1000031,
        what: "the app cannot be accessed at this time",
        why: "tenant {tenant} does not let app {client_id} be used",
        who: Who::TenantAdmin,
        fix: "ask the tenant's administrator",
    },
    Explanation {
        code: 1000502,
        what: "the client certificate is outside its time of validity",
        why: "the certificate of app {client_id} has expired or is not valid yet",
        who: Who::AppOwner,
        fix: "make a new certificate, upload it under \"Certificates & secrets\" of the app registration, and use its key",
    },
    Explanation {
        code: 1002012,
        what: "an app's scope must end in /.default",
        why: "\"{scope}\" names single permissions, but an app's own identity gets all that its registration was granted",
        who: Who::Caller,
        fix: "ask for RESOURCE/.default, which --resource makes; the permissions are granted under \"API permissions\"",
    },
    Explanation {
        code: 1002016,
        what: "the connection uses an outdated version of TLS",
        why: "Entra refuses TLS 1.0, TLS 1.1 and 3DES, which here can only come from a proxy that opens the connection",
        who: Who::Caller,
        fix: "go without that proxy, or have it speak TLS 1.2 or later",
    },
    Explanation {
        code: 5000224,
        what: "the tenant is not available",
        why: "tenant {tenant} has been deleted or shut down, or the app cannot be reached in it",
        who: Who::Caller,
        fix: "check the tenant's id or domain, and that its subscription is alive",
    },
    Explanation {
        code: 7000112,
        what: "the app is disabled",
        why: "app {client_id} has been switched off, by its owner, by an administrator of tenant {tenant}, or by Microsoft",
        who: Who::TenantAdmin,
        fix: "have an administrator enable it under \"Properties\" of the enterprise application",
    },
    Explanation {
        code: 7000114,
        what: "an app's own token cannot be exchanged on behalf of a user",
        why: "the token handed over belongs to an app, not to a person, or app {client_id} may not make such exchanges",
        who: Who::Caller,
        fix: "exchange a token that a signed-in user's client sent; without a user, request the token as the app itself",
    },
    Explanation {
        code: 7000214,
        what: "the client certificate has been revoked",
        why: "the certificate that app {client_id} signed with is no longer trusted",
        who: Who::AppOwner,
        fix: "make a new certificate, upload it under \"Certificates & secrets\" of the app registration, and use its key",
    },
    Explanation {
        code: 7000215,
        what: "the client secret is not right",
        why: "the value sent does not match a secret of app {client_id} in tenant {tenant}",
        who: Who::AppOwner,
        fix: "use the secret's value, not its id; a new one comes from \"Certificates & secrets\" of the app registration",
    },
    Explanation {
        code: 7000216,
        what: "the app's credential is missing",
        why: "an app's own identity needs a secret, a certificate or a federated assertion, and none arrived",
        who: Who::Caller,
        fix: "give a client secret with --secret-file, the parameters' \"secret\", or AZURE_CLIENT_SECRET",
    },
    Explanation {
        code: 7000218,
        what: "the request needs a client secret or an assertion",
        why: "app {client_id} is registered as a confidential client, and no credential was sent",
        who: Who::AppOwner,
        fix: "send the app's credential, or for a flow without one set \"Allow public client flows\" to yes under \
              \"Authentication\" of the app registration",
    },
    Explanation {
        code: 7000222,
        what: "the client secret has expired",
        why: "the secret of app {client_id} is past its end date",
        who: Who::AppOwner,
        fix: "make a new one under \"Certificates & secrets\" of the app registration and use its value; a certificate or \
              a federated credential spares the renewal",
    },
    Explanation {
        code: 7000229,
        what: "the app has no service principal in this tenant",
        why: "app {client_id} is registered, but has never been added to tenant {tenant} as an enterprise application",
        who: Who::TenantAdmin,
        fix: "an administrator adds it: `az ad sp create --id {client_id}`, or by consenting to an app of another tenant; \
              check the tenant first",
    },
    Explanation {
        code: 7002138,
        what: "the subject of the assertion differs in case from the federated credential's",
        why: "the comparison minds upper and lower case, and that is all the two differ in",
        who: Who::AppOwner,
        fix: "write the subject in the credential of app {client_id} exactly as the token has it",
    },
    Explanation {
        code: 7002381,
        what: "the tenant does not accept federated tokens from this source",
        why: "a policy of tenant {tenant} requires certain claims from the issuer, such as the GitHub enterprise, and the \
              token lacks them",
        who: Who::TenantAdmin,
        fix: "run from a repository or an organisation that the policy names, or ask the tenant's administrator",
    },
    Explanation {
        code: 9001023,
        what: "this grant does not work with \"common\" or \"consumers\"",
        why: "the request must name an organisation's tenant",
        who: Who::Caller,
        fix: "name the tenant with --tenant-id: its id, one of its domains, or \"organizations\" where a person signs in",
    },
    Explanation {
        code: 9002313,
        what: "the request is malformed",
        why: "a value holds something Entra cannot read, for instance a line break at a secret's end, a token cut off, or \
              a redirect address of the wrong form",
        who: Who::Caller,
        fix: "check the values for stray characters; -vv shows what is sent",
    },
    Explanation {
        code: 9002325,
        what: "a single-page app must use PKCE",
        why: "the redirect address is registered under \"Single-page application\", which is for scripts in a browser",
        who: Who::AppOwner,
        fix: "register the redirect address under \"Mobile and desktop applications\" of the app registration instead",
    },
    Explanation {
        code: 9002326,
        what: "only a single-page app may redeem a code from a web page",
        why: "the request carried an Origin, and the redirect address is not registered under \"Single-page application\"",
        who: Who::AppOwner,
        fix: "let nothing on the way add an Origin header; a page in a browser needs the address under \"Single-page \
              application\"",
    },
    Explanation {
        code: 9002327,
        what: "the tokens of a single-page app can be redeemed only in a browser",
        why: "the code or refresh token came through a redirect address registered under \"Single-page application\"",
        who: Who::AppOwner,
        fix: "register the redirect address under \"Mobile and desktop applications\" and sign in again",
    },
    Explanation {
        code: 9002332,
        what: "the app is for work and school accounts only",
        why: "the request went to \"consumers\", which serves personal accounts",
        who: Who::Caller,
        fix: "name the tenant with --tenant-id: its id, one of its domains, or \"organizations\" where a person signs in",
    },
    Explanation {
        code: 9002341,
        what: "the person has to permit single sign-on",
        why: "the account has not agreed yet to let the app use its sign-in",
        who: Who::SignIn,
        fix: "sign in with entra-token auth-code and agree on the page",
    },
    Explanation {
        code: 9002346,
        what: "the app is for personal accounts only",
        why: "app {client_id} is registered for Microsoft accounts, which do not live in tenant {tenant}",
        who: Who::Caller,
        fix: "use --tenant-id consumers, or have the app's owner admit work and school accounts",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    const PLACEHOLDERS: &[&str] = &["authority", "client_id", "tenant", "scope"];

    /// The commands that this build has.
    const COMMANDS: &[&str] = &["auth-code", "cache", "client-creds", "device-code", "refresh"];

    const OPTIONS: &[&str] = &["--authority", "--client-id", "--cloud", "--resource", "--scope", "--secret-file", "--tenant-id"];

    fn texts(entry: &Explanation) -> [(&'static str, &'static str, usize); 3] {
        [("what", entry.what, 90), ("why", entry.why, 240), ("fix", entry.fix, 240)]
    }

    /// The text between every `open` and the `close` that follows it.
    fn enclosed(text: &str, open: char, close: char) -> Vec<&str> {
        text.split(open)
            .skip(1)
            .map(|rest| match rest.split_once(close) {
                Some((inside, _)) => inside,
                None => panic!("{open} without {close} in {text:?}"),
            })
            .collect()
    }

    #[test]
    fn the_codes_that_users_meet_most_are_there() {
        let common = [
            50020, 50034, 50076, 50079, 50126, 50196, 53003, 65001, 70002, 70011, 90002, 90010, 500011, 500207, 700016, 700024, 700027,
            900144, 1002012, 7000112, 7000215, 7000218, 7000222,
        ];
        assert!(common.iter().all(|code| explanation(*code).is_some()));
    }

    #[test]
    fn codes_ascend_strictly() {
        for pair in EXPLANATIONS.windows(2) {
            assert!(pair[0].code < pair[1].code, "{} is before {}", pair[0].code, pair[1].code);
        }
    }

    #[test]
    fn every_code_is_found_and_no_other() {
        for entry in EXPLANATIONS {
            let found = explanation(entry.code).expect("a listed code is found");
            assert_eq!(found.code, entry.code);
        }
        assert!(explanation(0).is_none());
        assert!(explanation(7000217).is_none());
        assert!(explanation(u32::MAX).is_none());
    }

    #[test]
    fn every_entry_is_complete_and_bounded() {
        for entry in EXPLANATIONS {
            for (name, text, longest) in texts(entry) {
                let code = entry.code;
                assert!(!text.is_empty(), "{code}: {name} is empty");
                assert_eq!(text, text.trim(), "{code}: {name} has blanks around it");
                assert!(!text.contains("  "), "{code}: {name} has a double blank");
                assert!(!text.chars().any(char::is_control), "{code}: {name} has a control character");
                assert!(!text.ends_with('.'), "{code}: {name} ends with a full stop");
                let length = text.chars().count();
                assert!(length <= longest, "{code}: {name} has {length} characters, more than {longest}");
            }
        }
    }

    #[test]
    fn what_is_a_lower_case_fragment_without_values() {
        for entry in EXPLANATIONS {
            let first = entry.what.chars().next().expect("what is not empty");
            let proper_name = ["Conditional Access", "Microsoft"].iter().any(|name| entry.what.starts_with(name));
            assert!(first.is_lowercase() || proper_name, "{}: {:?}", entry.code, entry.what);
            assert!(!entry.what.contains('{'), "{}: a value in what", entry.code);
        }
    }

    #[test]
    fn placeholders_are_known() {
        for entry in EXPLANATIONS {
            for (_, text, _) in texts(entry) {
                for name in enclosed(text, '{', '}') {
                    assert!(PLACEHOLDERS.contains(&name), "{}: {{{name}}}", entry.code);
                }
                assert_eq!(text.matches('{').count(), text.matches('}').count(), "{}: braces", entry.code);
            }
        }
    }

    #[test]
    fn quotes_are_closed() {
        for entry in EXPLANATIONS {
            for (name, text, _) in texts(entry) {
                for quote in ['"', '`'] {
                    assert_eq!(text.matches(quote).count() % 2, 0, "{}: {name} leaves {quote} open", entry.code);
                }
            }
        }
    }

    #[test]
    fn commands_and_options_exist() {
        for entry in EXPLANATIONS {
            for (_, text, _) in texts(entry) {
                for rest in text.split("entra-token").skip(1) {
                    let command: String = rest.trim_start().chars().take_while(|c| c.is_ascii_alphabetic() || *c == '-').collect();
                    assert!(COMMANDS.contains(&command.as_str()), "{}: no command {command:?}", entry.code);
                }
                // What stands in backquotes is a command line as a whole; if it is another
                // program's, its options are not ours.
                for (index, part) in text.split('`').enumerate() {
                    if index % 2 == 1 && !part.starts_with("entra-token ") {
                        continue;
                    }
                    for rest in part.split("--").skip(1) {
                        let name: String = rest.chars().take_while(|c| c.is_ascii_alphabetic() || *c == '-').collect();
                        let option = format!("--{name}");
                        assert!(OPTIONS.contains(&option.as_str()), "{}: no option {option}", entry.code);
                    }
                }
            }
        }
    }

    #[test]
    fn the_contract_names_who_lifts_these() {
        let who = |code| explanation(code).expect("a listed code").who;
        for code in [50055, 50058, 50076, 50079, 65001, 70008, 700082] {
            assert_eq!(who(code), Who::SignIn, "{code}");
        }
        for code in [50196, 90012, 90033] {
            assert_eq!(who(code), Who::Platform, "{code}");
        }
        assert_eq!(who(53003), Who::TenantAdmin);
        assert_eq!(who(7000215), Who::AppOwner);
    }
}
