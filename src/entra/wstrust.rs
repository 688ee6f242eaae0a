//! WS-Trust: a user name and a password become a SAML assertion at the federation service of the user's domain, which the platform
//! then takes for a token (OASIS WS-Trust 1.3, and its draft of February 2005).

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use roxmltree::{Document, Node};
use url::Url;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::address::{self, is_loopback};
use super::grant::Caller;
use super::reply::Reply;
use super::xml::{self, Tag, children, content, is};
use crate::redact::foreign;
use crate::request::{ANSWER_LIMIT, Method, Request};
use crate::secret::Secret;

/// The namespaces of both versions.
const TRUST: &[&str] = &["http://docs.oasis-open.org/ws-sx/ws-trust/200512", "http://schemas.xmlsoap.org/ws/2005/02/trust"];
/// SOAP 1.2, which is asked in, and SOAP 1.1, which some answer in.
const SOAP: &[&str] = &["http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/"];
/// How long a request can be used. Clocks may be some minutes apart.
const LIFETIME: Duration = Duration::from_mins(10);
/// The largest description, in bytes. AD FS has 70 kilobytes.
const METADATA_LIMIT: usize = 2 << 20;
/// The most that is kept of what a service says, in bytes.
const LONGEST_TEXT: usize = 1_000;

/// The versions of WS-Trust that federation services speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V13,
    V2005,
}

impl Version {
    /// For a person.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Version::V13 => "WS-Trust 1.3",
            Version::V2005 => "WS-Trust 2005",
        }
    }

    /// What a request asks for, as SOAP's action.
    pub(crate) fn action(self) -> &'static str {
        match self {
            Version::V13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue",
            Version::V2005 => "http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue",
        }
    }

    /// The version whose action that is; some services differ in the case of letters.
    pub(super) fn of_action(action: &str) -> Option<Version> {
        [Version::V13, Version::V2005].into_iter().find(|version| action.trim().eq_ignore_ascii_case(version.action()))
    }

    fn namespace(self) -> &'static str {
        match self {
            Version::V13 => TRUST[0],
            Version::V2005 => TRUST[1],
        }
    }

    /// An assertion that whoever holds it may use: no key has to be proven (WS-Trust 1.3 section 9.2).
    fn key_type(self) -> &'static str {
        match self {
            Version::V13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Bearer",
            Version::V2005 => "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey",
        }
    }

    fn request_type(self) -> &'static str {
        match self {
            Version::V13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Issue",
            Version::V2005 => "http://schemas.xmlsoap.org/ws/2005/02/trust/Issue",
        }
    }
}

/// Where a federation service takes user names and passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) address: Url,
    pub(crate) version: Version,
}

impl Endpoint {
    /// The endpoint at an address that says by its path which version it speaks. Whether a password may go there, `check_address`
    /// says.
    pub(crate) fn of_active_url(url: &Url) -> Option<Endpoint> {
        let path = url.path().to_ascii_lowercase();
        let version = match path {
            _ if path.contains("/trust/13/usernamemixed") => Version::V13,
            _ if path.contains("/trust/2005/usernamemixed") => Version::V2005,
            _ => return None,
        };
        Some(Endpoint { address: url.clone(), version })
    }
}

/// Whether a federation service may be spoken to at an address that was learned from another, or why not, as a fragment that
/// follows what it is the address of: "its WS-Trust endpoint for user names ".
///
/// That is over https alone. A service on this very machine may be without it, where the word on it came from here the same way.
pub(crate) fn check_address(address: &Url, source: &Url) -> Result<(), String> {
    let is_local = |url: &Url| url.scheme() == "http" && is_loopback(url);
    if !address.username().is_empty() || address.password().is_some() {
        return Err("has an address with a user name".to_owned());
    }
    if address.scheme() != "https" && !(is_local(address) && is_local(source)) {
        return Err(format!("is at {}, which is not https", foreign(address.as_str())));
    }
    if address.fragment().is_some() {
        return Err("has an address with a fragment".to_owned());
    }
    if !address::is_sendable(address) {
        return Err("has an address that no request can be sent to".to_owned());
    }
    Ok(())
}

/// The GET for a federation service's description.
pub(crate) fn mex_request(url: &Url, caller: Caller) -> Request {
    Request { method: Method::Get, url: url.clone(), headers: headers(caller), body: Zeroizing::default(), answer_limit: METADATA_LIMIT }
}

/// What a federation service may know of who asks: it is no server of Microsoft's, and the names by which the platform knows this
/// program are none of its business.
fn headers(caller: Caller) -> Vec<(&'static str, String)> {
    vec![
        ("accept", "*/*".to_owned()),
        ("accept-encoding", "identity".to_owned()),
        // AD FS has it in its logs.
        ("client-request-id", caller.request_id.to_string()),
    ]
}

/// Whether XML can carry a text at all (XML 1.0 section 2.2): no reference stands for the other control characters.
pub(crate) fn is_sendable(text: &str) -> bool {
    !text.chars().any(|character| match character {
        '\t' | '\n' | '\r' => false,
        other => other < ' ' || matches!(other, '\u{fffe}' | '\u{ffff}'),
    })
}

/// Everything that a request for an assertion says (WS-Trust 1.3 section 4).
#[derive(Debug)]
pub(crate) struct Issue<'a> {
    pub(crate) endpoint: &'a Endpoint,
    /// `is_sendable`, as is the password.
    pub(crate) username: &'a str,
    pub(crate) password: &'a Secret,
    /// Who the assertion is for: the platform's name among federation services.
    pub(crate) audience: &'a str,
    /// Identifies the message.
    pub(crate) message_id: Uuid,
    pub(crate) created: SystemTime,
    pub(crate) caller: Caller,
}

impl Issue<'_> {
    /// The POST.
    pub(crate) fn to_http(&self) -> Request {
        let mut headers = headers(self.caller);
        headers.push(("content-type", "application/soap+xml; charset=utf-8".to_owned()));
        headers.push(("soapaction", self.endpoint.version.action().to_owned()));
        Request { method: Method::Post, url: self.endpoint.address.clone(), headers, body: self.body(), answer_limit: ANSWER_LIMIT }
    }

    /// A SOAP 1.2 envelope (WS-Addressing 1.0 for the header, WS-Security `UsernameToken` Profile 1.0 for the password).
    fn body(&self) -> Zeroizing<Vec<u8>> {
        let version = self.endpoint.version;
        let address = self.endpoint.address.as_str();
        let values = [address, self.username, self.password.expose(), self.audience];
        // Large enough even if each character is written as a reference: growing would leave copies behind.
        let mut out = Zeroizing::new(String::with_capacity(4_096 + values.map(|value| 6 * value.len()).iter().sum::<usize>()));
        for part in [
            Part::Markup(
                "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:wsa=\"http://www.w3.org/2005/08/addressing\" \
                 xmlns:wsu=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd\">\
                 <s:Header><wsa:Action s:mustUnderstand=\"1\">",
            ),
            Part::Value(version.action()),
            Part::Markup("</wsa:Action><wsa:MessageID>urn:uuid:"),
            Part::Value(&self.message_id.to_string()),
            Part::Markup(
                "</wsa:MessageID><wsa:ReplyTo><wsa:Address>http://www.w3.org/2005/08/addressing/anonymous</wsa:Address>\
                 </wsa:ReplyTo><wsa:To s:mustUnderstand=\"1\">",
            ),
            Part::Value(address),
            Part::Markup(
                "</wsa:To><wsse:Security s:mustUnderstand=\"1\" \
                 xmlns:wsse=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\">\
                 <wsu:Timestamp wsu:Id=\"_0\"><wsu:Created>",
            ),
            Part::Value(&time(self.created)),
            Part::Markup("</wsu:Created><wsu:Expires>"),
            Part::Value(&time(self.created.checked_add(LIFETIME).unwrap_or(self.created))),
            Part::Markup("</wsu:Expires></wsu:Timestamp><wsse:UsernameToken wsu:Id=\"_1\"><wsse:Username>"),
            Part::Value(self.username),
            Part::Markup("</wsse:Username><wsse:Password>"),
            Part::Value(self.password.expose()),
            Part::Markup("</wsse:Password></wsse:UsernameToken></wsse:Security></s:Header><s:Body><wst:RequestSecurityToken xmlns:wst=\""),
            Part::Value(version.namespace()),
            Part::Markup(
                "\"><wsp:AppliesTo xmlns:wsp=\"http://schemas.xmlsoap.org/ws/2004/09/policy\"><wsa:EndpointReference><wsa:Address>",
            ),
            Part::Value(self.audience),
            Part::Markup("</wsa:Address></wsa:EndpointReference></wsp:AppliesTo><wst:KeyType>"),
            Part::Value(version.key_type()),
            Part::Markup("</wst:KeyType><wst:RequestType>"),
            Part::Value(version.request_type()),
            Part::Markup("</wst:RequestType></wst:RequestSecurityToken></s:Body></s:Envelope>"),
        ] {
            part.write(&mut out);
        }
        Zeroizing::new(std::mem::take(&mut *out).into_bytes())
    }
}

/// A part of a message.
enum Part<'a> {
    Markup(&'a str),
    /// Text, which is to mean nothing as markup.
    Value(&'a str),
}

impl Part<'_> {
    fn write(&self, out: &mut String) {
        let text = match self {
            Part::Markup(markup) => return out.push_str(markup),
            Part::Value(text) => text,
        };
        for character in text.chars() {
            match character {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&apos;"),
                // As they stand, a parser would take them for other white space (XML 1.0 section 2.11).
                '\t' => out.push_str("&#9;"),
                '\n' => out.push_str("&#10;"),
                '\r' => out.push_str("&#13;"),
                other => out.push(other),
            }
        }
    }
}

/// A time in whole seconds, as WS-Security has it (SOAP Message Security 1.0 section 10).
fn time(at: SystemTime) -> String {
    // A clock that is so far off is wrong in any case, and the service says so.
    let seconds = Timestamp::try_from(at).map_or(0, Timestamp::as_second);
    Timestamp::from_second(seconds).unwrap_or_default().to_string()
}

/// The kinds of assertions that the platform takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AssertionKind {
    Saml11,
    Saml20,
}

impl AssertionKind {
    /// How the platform is told of it (RFC 7522 section 2.1; Microsoft's own for SAML 1.1).
    pub(crate) fn grant_type(self) -> &'static str {
        match self {
            AssertionKind::Saml11 => "urn:ietf:params:oauth:grant-type:saml1_1-bearer",
            AssertionKind::Saml20 => "urn:ietf:params:oauth:grant-type:saml2-bearer",
        }
    }

    /// How a federation service tells of it: by the namespace, or as the SAML Token Profile 1.1 has it (section 3.1).
    fn of_token_type(name: &str) -> Option<AssertionKind> {
        match name {
            "urn:oasis:names:tc:SAML:1.0:assertion" | "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1" => {
                Some(AssertionKind::Saml11)
            }
            "urn:oasis:names:tc:SAML:2.0:assertion" | "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0" => {
                Some(AssertionKind::Saml20)
            }
            _ => None,
        }
    }

    /// What an element is by its name. SAML 1.1 has the namespace of 1.0.
    fn of_element(node: Node<'_, '_>) -> Option<AssertionKind> {
        let tag = node.tag_name();
        match (tag.namespace(), tag.name()) {
            (Some("urn:oasis:names:tc:SAML:1.0:assertion"), "Assertion") => Some(AssertionKind::Saml11),
            (Some("urn:oasis:names:tc:SAML:2.0:assertion"), "Assertion") => Some(AssertionKind::Saml20),
            _ => None,
        }
    }
}

/// What a federation service gave.
#[derive(Debug)]
pub(crate) struct Assertion {
    pub(crate) kind: AssertionKind,
    /// As the service wrote it, to the byte: it is signed.
    pub(crate) xml: Secret,
}

impl Assertion {
    /// As a token request carries it (RFC 7522 section 2.1).
    pub(crate) fn base64url(&self) -> Secret {
        Secret::new(URL_SAFE_NO_PAD.encode(self.xml.expose()))
    }
}

/// Why a federation service's answer gives no assertion.
#[derive(Debug)]
pub(crate) enum IssueError {
    /// The service said no.
    Fault(Fault),
    /// The answer is not what it should be; a fragment says how.
    Unreadable(String),
}

/// A refusal, as the service wrote it. Both texts are foreign: they go through `redact::foreign` to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What kind of refusal it is, a name with a prefix that the service chose.
    pub(crate) subcode: Option<String>,
    /// What it says to a person; empty where it says nothing.
    pub(crate) reason: String,
}

impl Fault {
    /// The kind of refusal, without the prefix: `FailedAuthentication` and others (WS-Trust 1.3 section 11).
    pub(crate) fn kind(&self) -> Option<&str> {
        self.subcode.as_deref()?.rsplit(':').next()
    }
}

/// Reads the answer to a request for an assertion, whatever its status: federation services answer 500 to a wrong password.
pub(crate) fn assertion(reply: &Reply) -> Result<Assertion, IssueError> {
    let document = xml::document(reply).map_err(IssueError::Unreadable)?;
    if let Some(fault) = outside_tokens(&document, SOAP, "Fault").next() {
        return Err(IssueError::Fault(read_fault(fault)));
    }
    let mut chosen = None;
    for response in outside_tokens(&document, TRUST, "RequestSecurityTokenResponse") {
        match (read_response(response), &chosen) {
            (Ok(assertion), _) if assertion.kind == AssertionKind::Saml11 => return Ok(assertion),
            (found, None) | (found @ Ok(_), Some(Err(_))) => chosen = Some(found),
            _ => {}
        }
    }
    let nothing = || Err(format!("it holds neither an assertion nor a fault (status {})", reply.status));
    chosen.unwrap_or_else(nothing).map_err(IssueError::Unreadable)
}

/// The elements of that name, other than those that are part of an assertion.
fn outside_tokens<'a, 'input>(
    document: &'a Document<'input>,
    namespaces: &'static [&'static str],
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    let is_inside = |node: Node<'_, '_>| node.ancestors().any(|outer| is(outer, TRUST, "RequestedSecurityToken"));
    document.descendants().filter(move |node| is(*node, namespaces, name) && !is_inside(*node))
}

/// The assertion of one response (WS-Trust 1.3 section 4.4), or what is wrong with it.
fn read_response(response: Node<'_, '_>) -> Result<Assertion, String> {
    let mut tokens = children(response, TRUST, "RequestedSecurityToken");
    let token = tokens.next().ok_or("its response holds no RequestedSecurityToken")?;
    if tokens.next().is_some() {
        return Err("its response holds more than one RequestedSecurityToken".to_owned());
    }
    let mut elements = token.children().filter(Node::is_element);
    let element = elements.next().ok_or("its RequestedSecurityToken holds no assertion")?;
    if elements.next().is_some() || !content(token).is_empty() {
        return Err("its RequestedSecurityToken holds more than one assertion, or text beside it".to_owned());
    }
    let own_kind = AssertionKind::of_element(element);
    let token_type = children(response, TRUST, "TokenType").map(content).find(|name| !name.is_empty());
    let kind = match &token_type {
        Some(name) => AssertionKind::of_token_type(name).ok_or_else(|| format!("its TokenType is unknown: {}", foreign(name)))?,
        // It may be left out (WS-Trust 1.3 section 4.4), and the assertion says itself what it is.
        None => {
            own_kind.ok_or_else(|| format!("it has no TokenType, and its token is of the kind {}", foreign(element.tag_name().name())))?
        }
    };
    if own_kind.is_some_and(|own| own != kind) {
        return Err("its TokenType is not that of its assertion".to_owned());
    }
    // As it stands, also where a namespace is declared around it: to write that into it would be to change what is signed.
    Ok(Assertion { kind, xml: Secret::new(inner(token).to_owned()) })
}

/// What stands between an element's tags, to the byte.
fn inner<'input>(element: Node<'_, 'input>) -> &'input str {
    let whole = &element.document().input_text()[element.range()];
    let start = Tag::read(whole).map_or(whole.len(), |tag| tag.end);
    // The end tag holds no other. An element without one has nothing inside.
    let end = whole.rfind("</").unwrap_or(start);
    whole.get(start..end).unwrap_or_default()
}

/// A fault of SOAP 1.2 (section 5.4) or SOAP 1.1 (section 4.4), any part of which may be missing.
fn read_fault(fault: Node<'_, '_>) -> Fault {
    let code = children(fault, SOAP, "Code").flat_map(|code| children(code, SOAP, "Subcode"));
    let subcode = code.flat_map(|subcode| children(subcode, SOAP, "Value")).map(content).next();
    let reasons: Vec<Node<'_, '_>> = children(fault, SOAP, "Reason").flat_map(|reason| children(reason, SOAP, "Text")).collect();
    let is_english = |node: &&Node<'_, '_>| {
        node.attribute(("http://www.w3.org/XML/1998/namespace", "lang")).is_some_and(|language| language.starts_with("en"))
    };
    let reason = reasons.iter().find(is_english).or(reasons.first()).map(|reason| content(*reason));
    // Those of SOAP 1.1 have no namespace.
    let older = |name: &str| fault.children().find(|child| child.is_element() && child.tag_name().name() == name).map(content);
    // Those that SOAP 1.1 itself defines (section 4.4.1) say no more than that it is a fault.
    let is_telling = |code: &String| !matches!(code.rsplit(':').next(), Some("Client" | "Server" | "MustUnderstand" | "VersionMismatch"));
    let subcode = subcode.or_else(|| older("faultcode").filter(is_telling)).filter(|code| !code.is_empty());
    let reason = reason.or_else(|| older("faultstring")).unwrap_or_default();
    Fault { subcode: subcode.map(bounded), reason: bounded(reason) }
}

fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST_TEXT));
    text
}

#[cfg(test)]
#[path = "wstrust_tests.rs"]
mod tests;
