//! Requests for security tokens, read strictly (WS-Trust 1.3 sections 3 and 4; WS-Security 1.1; OASIS Username Token
//! Profile 1.1). What is wrong with them is said as Windows Communication Foundation does, which AD FS is built on.

use jiff::{SignedDuration, Timestamp};
use roxmltree::{Document, Node};

use crate::federation::TrustVersion;
use crate::record::Recorded;
use crate::soap::{ADDRESSING, ANONYMOUS, ENVELOPE, Fault, POLICY, SECURITY, UTILITY};

const PASSWORD_TEXT: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText";
/// How far a client's clock may be ahead, and how long a request may be good for.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
const LONGEST: SignedDuration = SignedDuration::from_mins(15);

/// A request for a token.
#[derive(Debug)]
pub(crate) struct TrustRequest {
    pub(crate) message_id: String,
    pub(crate) user_name: String,
    pub(crate) password: String,
    pub(crate) applies_to: String,
}

/// Why it is none.
#[derive(Debug)]
pub(crate) enum Flaw {
    /// HTTP can tell.
    Status(u16),
    /// SOAP can tell.
    Fault(Fault),
}

impl From<Fault> for Flaw {
    fn from(fault: Fault) -> Flaw {
        Flaw::Fault(fault)
    }
}

impl TrustRequest {
    /// Reads what came to an endpoint with that address.
    pub(crate) fn read(request: &Recorded, version: TrustVersion, address: &str) -> Result<TrustRequest, Flaw> {
        if request.method != "POST" {
            return Err(Flaw::Status(405));
        }
        if !is_soap(request.header("content-type").unwrap_or_default()) {
            return Err(Flaw::Status(415));
        }
        let text = std::str::from_utf8(&request.body).map_err(|_| Flaw::Status(400))?;
        // The parser takes no document type.
        let document = Document::parse(text).map_err(|_| Flaw::Status(400))?;
        let envelope = document.root_element();
        if !envelope.has_tag_name((ENVELOPE, "Envelope")) {
            return Err(Flaw::Status(400));
        }
        let header = only(envelope, ENVELOPE, "Header").ok_or(Flaw::Status(400))?;
        let body = only(envelope, ENVELOPE, "Body").ok_or(Flaw::Status(400))?;
        let message_id = addressed(header, request, version, address)?;
        let (user_name, password) = secured(header)?;
        let applies_to = asked(body, version)?;
        Ok(TrustRequest { message_id, user_name, password, applies_to })
    }
}

/// `application/soap+xml`, and UTF-8.
fn is_soap(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let is_type = parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/soap+xml"));
    let charset = parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.eq_ignore_ascii_case("charset"));
    is_type && charset.is_some_and(|(_, charset)| charset.trim_matches('"').eq_ignore_ascii_case("utf-8"))
}

/// The child of a name, if it is the only one.
fn only<'a, 'input>(parent: Node<'a, 'input>, namespace: &str, name: &str) -> Option<Node<'a, 'input>> {
    let mut found = parent.children().filter(|child| child.has_tag_name((namespace, name)));
    found.next().filter(|_| found.next().is_none())
}

/// The text of that child, which has no elements, to the letter.
fn text(parent: Node<'_, '_>, namespace: &str, name: &str) -> Option<String> {
    let child = only(parent, namespace, name)?;
    let is_plain = child.children().all(|part| part.is_text());
    is_plain.then(|| child.children().filter_map(|part| part.text()).collect())
}

fn at<'a, 'input>(start: Node<'a, 'input>, path: &[(&str, &str)]) -> Option<Node<'a, 'input>> {
    path.iter().try_fold(start, |node, (namespace, name)| only(node, namespace, name))
}

/// WS-Addressing: which message it is, where it goes, what it wants.
fn addressed(header: Node<'_, '_>, request: &Recorded, version: TrustVersion, address: &str) -> Result<String, Fault> {
    let action = text(header, ADDRESSING, "Action").unwrap_or_default();
    let in_http = request.header("soapaction").unwrap_or_default();
    let in_http = in_http.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(in_http);
    if action != version.action() || in_http != action {
        let reason = format!(
            "The message with Action '{action}' cannot be processed at the receiver, due to a ContractFilter mismatch at the \
             EndpointDispatcher. The SOAPAction is '{in_http}'."
        );
        return Err(Fault::new(ADDRESSING, "ActionNotSupported", reason));
    }
    let to = text(header, ADDRESSING, "To").unwrap_or_default();
    if to != address {
        let reason = format!(
            "The message with To '{to}' cannot be processed at the receiver, due to an AddressFilter mismatch at the EndpointDispatcher."
        );
        return Err(Fault::new(ADDRESSING, "DestinationUnreachable", reason));
    }
    let id = text(header, ADDRESSING, "MessageID").unwrap_or_default();
    let is_id = id.strip_prefix("urn:uuid:").is_some_and(|id| id.len() == 36 && uuid::Uuid::parse_str(id).is_ok());
    let reply_to = only(header, ADDRESSING, "ReplyTo").and_then(|reply_to| text(reply_to, ADDRESSING, "Address"));
    if !is_id || reply_to.as_deref() != Some(ANONYMOUS) {
        let reason = "A header representing a Message Addressing Property is not valid and the message cannot be processed.";
        return Err(Fault::new(ADDRESSING, "InvalidAddressingHeader", reason));
    }
    Ok(id)
}

/// WS-Security: user name and password, and their time.
fn secured(header: Node<'_, '_>) -> Result<(String, String), Fault> {
    let invalid = || Fault::new(SECURITY, "InvalidSecurity", "An error occurred when verifying security for the message.");
    let security = only(header, SECURITY, "Security").ok_or_else(invalid)?;
    let is_in_time = only(security, UTILITY, "Timestamp").is_some_and(is_in_time);
    if security.attribute((ENVELOPE, "mustUnderstand")) != Some("1") || !is_in_time {
        return Err(invalid());
    }
    let token = only(security, SECURITY, "UsernameToken").ok_or_else(invalid)?;
    let password = only(token, SECURITY, "Password").ok_or_else(invalid)?;
    if password.attribute("Type").is_some_and(|kind| kind != PASSWORD_TEXT) {
        return Err(invalid());
    }
    let user_name = text(token, SECURITY, "Username").ok_or_else(invalid)?;
    Ok((user_name, text(token, SECURITY, "Password").ok_or_else(invalid)?))
}

fn is_in_time(timestamp: Node<'_, '_>) -> bool {
    let time = |name: &str| text(timestamp, UTILITY, name).and_then(|time| time.parse::<Timestamp>().ok());
    let (Some(created), Some(expires)) = (time("Created"), time("Expires")) else { return false };
    let now = Timestamp::now();
    created.duration_since(now) <= SKEW && expires > now && created < expires && expires.duration_since(created) <= LONGEST
}

/// WS-Trust: what is asked for; gives what the token is to be for.
fn asked(body: Node<'_, '_>, version: TrustVersion) -> Result<String, Fault> {
    let wrong = || Fault::new(version.namespace(), "RequestFailed", "MSIS3127: The specified request failed.");
    let request = only(body, version.namespace(), "RequestSecurityToken").ok_or_else(wrong)?;
    let is_fitting = text(request, version.namespace(), "KeyType").as_deref() == Some(version.key_type())
        && text(request, version.namespace(), "RequestType") == Some(version.request_type());
    let reference = at(request, &[(POLICY, "AppliesTo"), (ADDRESSING, "EndpointReference")]);
    match reference.and_then(|reference| text(reference, ADDRESSING, "Address")) {
        Some(applies_to) if is_fitting => Ok(applies_to),
        _ => Err(wrong()),
    }
}
