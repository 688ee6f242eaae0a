//! SOAP 1.2 as AD FS answers with it: envelopes and faults (W3C SOAP 1.2 part 1 section 5; WS-Addressing 1.0).

use jiff::{SignedDuration, Timestamp};

use crate::html::escape;
use crate::reply::Reply;

/// The envelope.
pub(crate) const ENVELOPE: &str = "http://www.w3.org/2003/05/soap-envelope";
/// WS-Addressing.
pub(crate) const ADDRESSING: &str = "http://www.w3.org/2005/08/addressing";
/// Who waits for the answer at no address of its own.
pub(crate) const ANONYMOUS: &str = "http://www.w3.org/2005/08/addressing/anonymous";
/// WS-Security.
pub(crate) const SECURITY: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
/// What WS-Security shares with others: times and ids.
pub(crate) const UTILITY: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
/// WS-Policy.
pub(crate) const POLICY: &str = "http://schemas.xmlsoap.org/ws/2004/09/policy";
/// AD FS itself.
const IDENTITY_SERVER: &str = "http://schemas.microsoft.com/ws/2009/12/identityserver/";

/// A time as XML Schema has it, so many seconds from now.
pub(crate) fn time(seconds: i64) -> String {
    let time = Timestamp::now().saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// A whole envelope; the body is XML already.
pub(crate) fn envelope(action: &str, relates_to: Option<&str>, body: &str) -> String {
    let relates_to = relates_to.map(|id| format!("<a:RelatesTo>{}</a:RelatesTo>", escape(id))).unwrap_or_default();
    format!(
        "<s:Envelope xmlns:s=\"{ENVELOPE}\" xmlns:a=\"{ADDRESSING}\" xmlns:u=\"{UTILITY}\"><s:Header>\
         <a:Action s:mustUnderstand=\"1\">{action}</a:Action>{relates_to}\
         <o:Security s:mustUnderstand=\"1\" xmlns:o=\"{SECURITY}\"><u:Timestamp u:Id=\"_0\"><u:Created>{}</u:Created>\
         <u:Expires>{}</u:Expires></u:Timestamp></o:Security></s:Header><s:Body>{body}</s:Body></s:Envelope>",
        time(0),
        time(300),
        action = escape(action),
    )
}

/// An envelope as an answer.
pub(crate) fn reply(status: u16, envelope: String) -> Reply {
    Reply::raw(status, vec![("content-type".to_owned(), "application/soap+xml; charset=utf-8".to_owned())], envelope.into_bytes())
}

/// What the sender did wrong.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    namespace: &'static str,
    subcode: &'static str,
    text: String,
    /// XML.
    detail: String,
}

impl Fault {
    pub(crate) fn new(namespace: &'static str, subcode: &'static str, text: impl Into<String>) -> Fault {
        Fault { namespace, subcode, text: text.into(), detail: String::new() }
    }

    /// Wrong password or unknown user; it does not say which.
    pub(crate) fn failed_authentication() -> Fault {
        Fault::new(SECURITY, "FailedAuthentication", "ID3242: The security token could not be authenticated or authorized.")
    }

    /// The password was right once.
    pub(crate) fn expired_password(name: &str) -> Fault {
        let user_name = escape(name);
        let detail = format!(
            "<s:Detail><UserAccountPasswordExpiredFault xmlns=\"{IDENTITY_SERVER}\" \
             xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"><PasswordChangeEndpoint i:nil=\"true\"/>\
             <UserAccountName>{user_name}</UserAccountName></UserAccountPasswordExpiredFault></s:Detail>"
        );
        let text = format!("MSIS3125: The password for {name} has expired.");
        Fault { detail, ..Fault::new(IDENTITY_SERVER, "FailedAuthentication.ExpiredPassword", text) }
    }

    /// The answer. AD FS gives the status 500 to the client's mistakes too.
    pub(crate) fn into_reply(self, relates_to: Option<&str>) -> Reply {
        let body = format!(
            "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value xmlns:a=\"{}\">a:{}</s:Value></s:Subcode></s:Code>\
             <s:Reason><s:Text xml:lang=\"en-US\">{}</s:Text></s:Reason>{}</s:Fault>",
            self.namespace,
            self.subcode,
            escape(&self.text),
            self.detail,
        );
        reply(500, envelope("http://www.w3.org/2005/08/addressing/soap/fault", relates_to, &body))
    }
}
