//! The way of a sign-in through the browser (RFC 6749 section 4.1): the address that it begins at, and what comes back.

use url::Url;

use super::pkce;
use super::refusal::Refusal;
use super::scope::Scopes;
use crate::secret::Secret;

/// How the answer comes back (OAuth 2.0 Multiple Response Type Encoding Practices; OAuth 2.0 Form Post Response Mode).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    /// In the body of a POST: a code is then in no address, and so in no history and no `Referer`.
    FormPost,
    /// In the address.
    Query,
}

impl ResponseMode {
    /// The value of the parameter `response_mode`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ResponseMode::FormPost => "form_post",
            ResponseMode::Query => "query",
        }
    }
}

/// What a person may be asked by the sign-in page, and who is expected there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hints {
    /// What the page asks for whatever it knows: `login`, `consent`, `select_account`, `create` or `none`.
    pub(crate) prompt: Option<String>,
    /// The name to sign in with.
    pub(crate) login_hint: Option<String>,
    /// Where accounts of that kind sign in: `organizations`, `consumers`, or a domain.
    pub(crate) domain_hint: Option<String>,
}

/// Everything that the first address of a sign-in says.
#[derive(Debug)]
pub(crate) struct AuthorizeRequest<'a> {
    pub(crate) endpoint: &'a Url,
    pub(crate) client_id: &'a str,
    pub(crate) redirect_uri: &'a str,
    pub(crate) response_mode: ResponseMode,
    pub(crate) scopes: &'a Scopes,
    /// Comes back unchanged, so that the answer is known to be to this request (RFC 6749 section 10.12).
    pub(crate) state: &'a Secret,
    /// Comes back within the ID token (OpenID Connect Core section 15.5.2).
    pub(crate) nonce: &'a str,
    pub(crate) code_challenge: &'a str,
    pub(crate) hints: &'a Hints,
    /// A claims request, as JSON (OpenID Connect Core section 5.5).
    pub(crate) claims: Option<&'a str>,
}

impl AuthorizeRequest<'_> {
    /// The address to open.
    pub(crate) fn url(&self) -> Url {
        let mut url = self.endpoint.clone();
        let scopes = self.scopes.to_string();
        let optional = [
            ("prompt", self.hints.prompt.as_deref()),
            ("login_hint", self.hints.login_hint.as_deref()),
            ("domain_hint", self.hints.domain_hint.as_deref()),
            ("claims", self.claims),
        ];
        url.query_pairs_mut()
            .append_pair("client_id", self.client_id)
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", self.redirect_uri)
            .append_pair("response_mode", self.response_mode.name())
            .append_pair("scope", &scopes)
            .append_pair("state", self.state.expose())
            .append_pair("nonce", self.nonce)
            .append_pair("code_challenge", self.code_challenge)
            .append_pair("code_challenge_method", pkce::METHOD)
            .append_pair("client_info", "1")
            .extend_pairs(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        url
    }
}

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// What is exchanged for tokens, once.
    Code(Secret),
    /// The person cancelled or declined.
    Declined,
    /// The platform said no.
    Refused(Box<Refusal>),
}

/// Reads the parameters that came to the redirect URI; `None` where they do not answer the request with this state, whatever
/// else they say. `is_shown` tells that they came in the address, where a code is taken only if it may be (`takes_shown`).
pub(crate) fn answer<'a>(parameter: impl Fn(&str) -> Option<&'a str>, state: &Secret, takes_shown: bool, is_shown: bool) -> Option<Answer> {
    if !state.is(parameter("state")?) {
        return None;
    }
    if let Some(error) = parameter("error").filter(|error| !error.is_empty()) {
        let of = |name| parameter(name).unwrap_or_default();
        let refusal =
            Refusal::of_redirect(error, of("error_description"), parameter("suberror").or(parameter("error_subcode")), parameter("claims"));
        return Some(if is_declined(&refusal) { Answer::Declined } else { Answer::Refused(Box::new(refusal)) });
    }
    let code = parameter("code").filter(|code| !code.is_empty())?;
    (!is_shown || takes_shown).then(|| Answer::Code(Secret::new(code.to_owned())))
}

/// Whether a refusal is the person's own (RFC 6749 section 4.1.2.1), and not that of a policy.
pub(crate) fn is_declined(refusal: &Refusal) -> bool {
    /// The user declined to consent.
    const DECLINED: u32 = 65004;
    /// The user has cancelled, in Azure AD B2C.
    const CANCELLED_B2C: &str = "AADB2C90091";
    let is_of_nobody_else = match refusal.b2c_code() {
        Some(code) => code == CANCELLED_B2C,
        None => refusal.codes.is_empty() || refusal.codes.contains(&DECLINED),
    };
    refusal.error == "access_denied" && (is_of_nobody_else || refusal.suberror.as_deref() == Some("cancel"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(hints: &Hints, claims: Option<&str>) -> Url {
        AuthorizeRequest {
            endpoint: &Url::parse("https://login.microsoftonline.com/contoso.com/oauth2/v2.0/authorize?p=x").unwrap(),
            client_id: "cd9e0245-eed7-4fa7-98d1-d89daf959234",
            redirect_uri: "http://localhost:40123",
            response_mode: ResponseMode::FormPost,
            scopes: &Scopes::new(["User.Read".to_owned()]).with_reserved(),
            state: &Secret::new("st&te".to_owned()),
            nonce: "n",
            code_challenge: "c-_",
            hints,
            claims,
        }
        .url()
    }

    #[test]
    fn the_address_byte_for_byte() {
        let base = "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/authorize?p=x\
            &client_id=cd9e0245-eed7-4fa7-98d1-d89daf959234&response_type=code&redirect_uri=http%3A%2F%2Flocalhost%3A40123\
            &response_mode=form_post&scope=User.Read+offline_access+openid+profile&state=st%26te&nonce=n\
            &code_challenge=c-_&code_challenge_method=S256&client_info=1";
        assert_eq!(request(&Hints::default(), None).as_str(), base);
        let hints = Hints {
            prompt: Some("select_account".to_owned()),
            login_hint: Some("adele+1@contoso.com".to_owned()),
            domain_hint: Some("contoso.com".to_owned()),
        };
        let end = "&prompt=select_account&login_hint=adele%2B1%40contoso.com&domain_hint=contoso.com&claims=%7B%7D";
        assert_eq!(request(&hints, Some("{}")).as_str(), format!("{base}{end}"));
    }

    fn read(parameters: &[(&str, &str)], takes_shown: bool, is_shown: bool) -> Option<Answer> {
        let parameter = |name: &str| parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        answer(parameter, &Secret::new("right".to_owned()), takes_shown, is_shown)
    }

    #[test]
    fn a_code_counts_with_the_right_state_and_by_the_way_that_was_asked_for() {
        let code = || Some(Answer::Code(Secret::new("c".to_owned())));
        let right = [("state", "right"), ("code", "c")];
        assert_eq!(read(&right, false, false), code());
        assert_eq!(read(&right, false, true), None);
        assert_eq!(read(&right, true, true), code());
        for wrong in [
            &[("code", "c")][..],
            &[("state", "wrong"), ("code", "c")],
            &[("state", ""), ("code", "c")],
            &[("state", "righ"), ("code", "c")],
            &[("state", "right")],
            &[("state", "right"), ("code", "")],
            &[("error", "access_denied")],
            &[("state", "left"), ("error", "access_denied")],
        ] {
            assert_eq!(read(wrong, false, false), None, "{wrong:?}");
        }
    }

    #[test]
    fn an_error_is_the_persons_or_the_platforms() {
        for (parameters, is_declined) in [
            (&[("error", "access_denied"), ("state", "right")][..], true),
            (&[("error", "access_denied"), ("error_description", "AADSTS65004: No."), ("state", "right")], true),
            (&[("error", "access_denied"), ("error_subcode", "cancel"), ("error_description", "AADSTS1: x"), ("state", "right")], true),
            (&[("error", "access_denied"), ("error_description", "AADB2C90091: Cancelled."), ("state", "right")], true),
            (&[("error", "access_denied"), ("error_description", "AADB2C90118: Forgotten."), ("state", "right")], false),
            (&[("error", "access_denied"), ("error_description", "AADSTS53003: Blocked."), ("state", "right")], false),
            (&[("error", "server_error"), ("state", "right"), ("code", "c")], false),
        ] {
            for is_shown in [true, false] {
                let answer = read(parameters, false, is_shown);
                assert_eq!(answer == Some(Answer::Declined), is_declined, "{parameters:?}");
                assert_eq!(matches!(answer, Some(Answer::Refused(_))), !is_declined, "{parameters:?}");
            }
        }
    }
}
