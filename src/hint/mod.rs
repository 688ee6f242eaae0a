//! What to do about an error: why it came, who can lift it, the next step.

mod aadsts;
mod b2c;
mod code;
mod explanation;
mod find;
mod msis;
mod names;
#[cfg(test)]
mod tables_tests;
mod values;
mod who;
mod wif;

use std::time::Duration;

pub(crate) use code::Code;
pub(crate) use explanation::{Explanation, Values, Who};
pub(crate) use find::{Found, found};

use crate::entra::refusal::Refusal;
use crate::error::{Cancelled, Error, Exchanged, Refused, Transport, TransportKind, Unavailable};
use crate::redact::{foreign, printable};

/// Advice beside an error.
#[derive(Debug, Default)]
pub(crate) struct Advice {
    /// The cause.
    pub(crate) why: Option<String>,
    /// The next step.
    pub(crate) fix: Option<String>,
}

/// The code that says most about a refusal: Entra's own, else that of B2C or of a federation server in the description, else
/// MSAL's name for the failure.
fn principal(refusal: &Refusal) -> Option<Code> {
    let codes = || refusal.codes.iter().copied().map(Code::Aadsts);
    let specific = || codes().filter(|code| !code.is_frame());
    let own = specific().find(|code| code.explanation().is_some()).or_else(|| specific().next()).or_else(|| codes().next());
    own.or_else(|| find::first(&refusal.description)).or_else(|| Code::named(&refusal.error).filter(|code| code.is_of_msal()))
}

/// What MSAL calls the fault of a federation's server.
const FAULT: &str = "parsing_wstrust_response_failed";

/// The explanation of a refusal. Where the code of a federation server is not known, MSAL's name still says what failed.
fn explanation(refusal: &Refusal) -> Option<&'static Explanation> {
    let name = Code::named(&refusal.error).filter(|code| code.is_of_msal());
    principal(refusal).and_then(Code::explanation).or_else(|| name.and_then(Code::explanation))
}

/// What happened, for a refusal: in our words where the code is known, in the platform's where it is not.
pub(crate) fn what(refusal: &Refusal) -> String {
    let code = principal(refusal);
    let words = foreign(refusal.words());
    let what = match explanation(refusal) {
        // Nothing is known of it but that it is a federation server's, whose own words say more.
        Some(explanation) if Some(explanation.code) != code && !words.is_empty() => {
            format!("the federation server refused: {}", words.trim_end_matches('.'))
        }
        Some(explanation) => explanation.what.to_owned(),
        None if words.is_empty() => "the platform refused without saying why".to_owned(),
        None => format!("the platform refused: {}", words.trim_end_matches('.')),
    };
    let number = code.filter(|code| !matches!(code, Code::Name(_))).map(|code| code.to_string());
    let label: Vec<String> = number.into_iter().chain([foreign(&refusal.error)]).collect();
    format!("{what} ({})", label.join(" "))
}

/// Who can lift a refusal, which decides the exit code.
pub(crate) fn who(refusal: &Refusal) -> Who {
    let suberror = refusal.suberror.as_deref();
    let of_code = explanation(refusal).and_then(|explanation| who::of_code(explanation.code, suberror));
    of_code.unwrap_or_else(|| who::of_others(suberror, refusal.claims.is_some(), &refusal.error))
}

/// Who can lift what a code of a text stands for; `None` where nothing says so.
pub(crate) fn who_of(code: Code, found: &Found) -> Option<Who> {
    let says_more = found.suberror.is_some() || found.has_claims;
    who::of_code(code, found.suberror).or_else(|| says_more.then(|| who::of_others(found.suberror, found.has_claims, "")))
}

/// Who can lift a refusal of what was asked for: a refresh token that is not taken any more is got anew by signing in.
pub(crate) fn who_can_lift(refused: &Refused) -> Who {
    match who(&refused.refusal) {
        Who::TenantAdmin if refused.exchanged == Exchanged::RefreshToken && is_of_another_tenant(&refused.refusal) => Who::SignIn,
        Who::Caller | Who::AppOwner if refused.exchanged == Exchanged::RefreshToken && refused.refusal.error == "invalid_grant" => {
            Who::SignIn
        }
        who => who,
    }
}

/// Whether a refusal is of the password, or of the account whatever it asks for: another try gets the same, and counts.
pub(crate) fn is_of_password(refusal: &Refusal) -> bool {
    match principal(refusal) {
        Some(Code::Aadsts(code)) => matches!(code, 50034 | 50053 | 50055..=50057 | 50126 | 50144),
        Some(Code::B2c(code)) => matches!(code, 90053 | 90054 | 90225),
        Some(Code::Msis(code)) => matches!(code, 3019 | 3125 | 3127 | 3173 | 7068 | 9659),
        Some(Code::Wif(_)) => true,
        Some(Code::Name(name)) => name == FAULT,
        None => false,
    }
}

/// Whether a refusal wants something of a person that no password gives: a second factor, a consent, a device, another place.
pub(crate) fn wants_more_than_a_password(refusal: &Refusal) -> bool {
    let is_such = |code: &u32| matches!(code, 50072 | 50074 | 50076 | 50078 | 50079 | 50158 | 65001) || is_conditional(*code);
    refusal.codes.iter().any(is_such)
}

/// Whether an account was refused because it is not one of the tenant's: another one may be.
pub(crate) fn is_of_another_tenant(refusal: &Refusal) -> bool {
    const CODES: [u32; 4] = [50_020, 51_004, 90_072, 500_213];
    refusal.codes.iter().any(|code| CODES.contains(code))
}

/// The advice for an error.
pub(crate) fn advice(error: &Error) -> Advice {
    match error {
        Error::Cache(cache) => fix(cache.fix),
        Error::Cancelled(cancelled) => of_cancelled(cancelled),
        Error::Internal(_) => fix("this is a bug: please report it, with what you typed and without your secrets"),
        Error::Interrupted(_) => Advice::default(),
        Error::Output(output) => fix(output.fix),
        Error::Refused(refused) => of_device(refused, of_refusal(refused)),
        Error::System(_) => fix("see what limits this process has (ulimit -a), and what else runs on the machine"),
        Error::TimedOut { .. } => fix("try again, or allow more time with --timeout SECONDS"),
        Error::Transport(transport) => of_transport(transport),
        Error::Unavailable(unavailable) => of_unavailable(unavailable),
        Error::Unreadable(unreadable) if unreadable.what.contains("this machine's clock") => fix("set this machine's clock, and try again"),
        Error::Unreadable(unreadable) => Advice {
            why: Some("what answered may be a proxy, a sign-in page of the network, or not the kind of server that is meant".to_owned()),
            fix: Some(format!("check that {} is the host you mean and what stands between; -vv shows the exchange", unreadable.host)),
        },
        Error::Interaction(usage) | Error::Usage(usage) => Advice { why: usage.why.clone(), fix: usage.fix.clone() },
    }
}

fn fix(fix: impl Into<String>) -> Advice {
    Advice { why: None, fix: Some(fix.into()) }
}

fn of_cancelled(cancelled: &Cancelled) -> Advice {
    match cancelled {
        Cancelled::AnotherPerson { signed_in, .. } => Advice {
            why: Some("a browser may choose an account by itself".to_owned()),
            fix: Some(format!(
                "choose the account on the page (auth-code --prompt select_account asks for it), or give --username {}",
                foreign(signed_in)
            )),
        },
        Cancelled::CodeExpired | Cancelled::Declined => fix("run the command again"),
        Cancelled::NoAnswer { .. } => fix(
            "run the command again, or give the answer beforehand: a client secret with --secret-file PATH, a person with --username NAME, their password with --password-file PATH",
        ),
        Cancelled::NoSignIn { .. } => fix("run the command again, and allow more time with --timeout SECONDS where it is needed"),
        Cancelled::NothingGiven => fix("run the command where an address can be pasted, or use entra-token device-code"),
    }
}

/// Codes by which Conditional Access says that a sign-in does not meet its conditions, of which the way of signing in is one.
fn is_conditional(code: u32) -> bool {
    matches!(code, 50_097 | 50_131 | 53_000..=53_009 | 530_032..=530_036)
}

/// What is special about a refusal on another device.
fn of_device(refused: &Refused, advice: Advice) -> Advice {
    if refused.exchanged != Exchanged::Device || !refused.refusal.codes.iter().any(|code| is_conditional(*code)) {
        return advice;
    }
    let why = advice.why.map_or_else(String::new, |why| format!("{why}; "));
    Advice {
        why: Some(format!("{why}many tenants forbid sign-ins on another device, because codes are used for phishing")),
        fix: Some(
            "sign in with entra-token auth-code, on a machine that the policy accepts (with --manual where this one has no browser)"
                .to_owned(),
        ),
    }
}

fn of_refusal(refused: &Refused) -> Advice {
    let refusal = &refused.refusal;
    if let Some(explanation) = explanation(refusal) {
        let shown = |value: &str| Some(printable(value));
        let values = Values {
            authority: shown(&refused.authority),
            client_id: shown(&refused.client_id),
            tenant: shown(&refused.tenant),
            scope: shown(&refused.scope),
            cloud: None,
        };
        let fill = |text: &str| values.fill(text);
        let mut why = fill(explanation.why);
        // Some codes stand for many causes, and only the platform's own words tell them apart.
        let words = foreign(refusal.words());
        if !words.is_empty() && (explanation.why.contains("description") || explanation.fix.contains("description")) {
            why = format!("{why}: {words}");
        }
        // What was found out before anything was asked for has words of our own.
        if matches!(explanation.code, Code::Name(_)) && refusal.error != FAULT && !words.is_empty() {
            why.clone_from(&words);
        }
        // What refused is no server of the authority's.
        if refusal.error == FAULT {
            why = format!("{why} (asked at {})", printable(&refused.authority));
        }
        // The page was told not to ask.
        let fix = match explanation.code {
            Code::Aadsts(65001) if refused.exchanged != Exchanged::App => fill(
                "sign in with entra-token auth-code and accept what the page asks; where that takes an administrator, they accept at \
                 {authority}/adminconsent?client_id={client_id}",
            ),
            Code::Aadsts(50058) if refused.exchanged == Exchanged::Browser => {
                "leave --prompt none out, so that the page may ask".to_owned()
            }
            _ => fill(explanation.remedy(Some(who_can_lift(refused))).0),
        };
        return Advice { why: Some(why), fix: Some(fix) };
    }
    let fix = match who_can_lift(refused) {
        Who::SignIn => "sign in to this app once, with entra-token auth-code or entra-token device-code",
        Who::Platform => "try again later",
        Who::Caller | Who::AppOwner | Who::TenantAdmin => {
            "look the code up at https://login.microsoftonline.com/error, and show the ids to whoever runs the tenant"
        }
    };
    Advice {
        why: Some(format!(
            "asked as app {} in tenant {} for {}",
            foreign(&refused.client_id),
            foreign(&refused.tenant),
            foreign(&refused.scope)
        )),
        fix: Some(fix.to_owned()),
    }
}

fn of_transport(transport: &Transport) -> Advice {
    let fix = match transport.kind {
        TransportKind::CertificateExpired | TransportKind::CertificateNotYetValid => {
            "check this machine's clock; if it is right, the server's operator has to renew the certificate"
        }
        TransportKind::CertificateName => "check the host's name in the authority; a network may also be redirecting it",
        TransportKind::CertificateUnknown => {
            "if a proxy of your network inspects TLS, or the server's certificate is self-signed, give the certificate authority with --ca-file PEM or install it in the system"
        }
        TransportKind::Connect => "check the network, and whether a proxy is needed (--proxy or HTTPS_PROXY)",
        TransportKind::Lost => "try again; if it stays, a proxy or firewall may be ending the connection",
        TransportKind::NoAuthorities => {
            "where SSL_CERT_FILE or SSL_CERT_DIR is set, check that it leads to certificates; else install the system's (on Debian the package ca-certificates), or give a PEM file with --ca-file"
        }
        TransportKind::NotFound => {
            "check the spelling of the host, the network's name service, and whether a proxy is needed (--proxy or HTTPS_PROXY)"
        }
        TransportKind::Proxy => {
            "check the proxy's address, and whether it lets this host through; NO_PROXY names hosts to reach without it"
        }
        TransportKind::ProxyCredentials => "put them into the address in HTTPS_PROXY, as in http://USER:PASSWORD@HOST:PORT",
        TransportKind::Tls => {
            "the server may speak only old versions of TLS, ask for a client's certificate, or not speak TLS at all: check the address and the proxy"
        }
    };
    let why = (!transport.detail.is_empty()).then(|| transport.detail.clone());
    Advice { why, fix: Some(fix.to_owned()) }
}

fn of_unavailable(unavailable: &Unavailable) -> Advice {
    let said = unavailable.refusal.as_ref().filter(|refusal| !refusal.words().is_empty()).map(what);
    let fix = match unavailable.retry_after {
        Some(wait) if !wait.is_zero() => format!("try again in {}{}", crate::error::seconds(wait), until(wait)),
        _ => "try again later".to_owned(),
    };
    Advice { why: said.or(Some("the service is busy or out of order, and stayed so".to_owned())), fix: Some(fix) }
}

/// The time of day that a wait ends at.
fn until(wait: Duration) -> String {
    let end = jiff::SignedDuration::try_from(wait).ok().and_then(|wait| jiff::Timestamp::now().checked_add(wait).ok());
    end.map_or(String::new(), |end| format!(", at {}", end.strftime("%Y-%m-%d %H:%M:%SZ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(codes: &[u32], error: &str, suberror: Option<&str>) -> Refusal {
        Refusal {
            codes: codes.to_vec(),
            error: error.to_owned(),
            suberror: suberror.map(str::to_owned),
            description: "AADSTS1: Server words.".to_owned(),
            ..Refusal::default()
        }
    }

    #[test]
    fn a_known_code_is_said_in_our_words_and_an_unknown_one_in_the_platforms() {
        assert_eq!(what(&refusal(&[7_000_215], "invalid_client", None)), "the client secret is not right (AADSTS7000215 invalid_client)");
        assert_eq!(what(&refusal(&[1], "odd\u{1b}", None)), "the platform refused: Server words (AADSTS1 odd\\u{1b})");
        assert_eq!(principal(&refusal(&[70_002, 50_126], "invalid_grant", None)), Some(Code::Aadsts(50126)));
        assert_eq!(principal(&refusal(&[70_002], "invalid_client", None)), Some(Code::Aadsts(70002)));
    }

    #[test]
    fn a_code_of_the_federation_or_of_msal_counts_where_entra_gives_none() {
        let said = |error: &str, description: &str| {
            let refusal = Refusal { error: error.to_owned(), description: description.to_owned(), ..Refusal::default() };
            (what(&refusal), who(&refusal))
        };
        let fault = "ID3242: The security token could not be authenticated or authorized.";
        for (error, description, expected, by) in [
            (
                "parsing_wstrust_response_failed",
                fault,
                "the user name or password is not right at the federation's own server (ID3242 parsing_wstrust_response_failed)",
                Who::Caller,
            ),
            (
                "a:RequestFailed",
                "MSIS3127: The specified request failed.",
                "the federation server refused the request (MSIS3127 a:RequestFailed)",
                Who::Caller,
            ),
            ("unknown_user_type", "x", "Entra does not know what kind of account this is (unknown_user_type)", Who::Caller),
            (
                "access_denied",
                "AADB2C90118: The user has forgotten.",
                "the person has forgotten the password (AADB2C90118 access_denied)",
                Who::SignIn,
            ),
            ("invalid_grant", "AADB2C1: Odd.", "the platform refused: Odd (AADB2C1 invalid_grant)", Who::AppOwner),
            ("invalid_grant", "Words of theirs.", "the platform refused: Words of theirs (invalid_grant)", Who::AppOwner),
        ] {
            assert_eq!(said(error, description), (expected.to_owned(), by));
        }
    }

    #[test]
    fn who_can_lift_it_follows_from_code_then_suberror_then_error() {
        for (codes, error, suberror, expected) in [
            (&[7_000_215][..], "invalid_client", None, false),
            (&[53_003], "interaction_required", Some("message_only"), false),
            (&[65_001], "invalid_grant", None, true),
            (&[50_076], "interaction_required", None, true),
            (&[50_055], "invalid_grant", None, true),
            (&[1], "invalid_grant", Some("basic_action"), true),
            (&[1], "invalid_grant", Some("protection_policy_required"), false),
            (&[], "interaction_required", None, true),
            (&[], "invalid_grant", None, false),
        ] {
            let who = who(&refusal(codes, error, suberror));
            assert_eq!(who == Who::SignIn, expected, "{codes:?} {error}: {who:?}");
        }
        assert_eq!(who(&refusal(&[], "temporarily_unavailable", None)), Who::Platform);
    }
}
