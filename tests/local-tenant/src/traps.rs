//! Answers that nobody should trust, for places where clients read XML and follow addresses.

use serde_json::Map;

use crate::misbehave::Misbehaviour;
use crate::soap::Fault;

impl Misbehaviour {
    /// A well-formed answer with status 200, a media type and a body.
    pub fn content(content_type: &str, body: impl Into<Vec<u8>>) -> Misbehaviour {
        Misbehaviour::Status { status: 200, headers: vec![("content-type".to_owned(), content_type.to_owned())], body: body.into() }
    }

    /// A redirect to an address.
    pub fn redirect(status: u16, location: &str) -> Misbehaviour {
        Misbehaviour::Status { status, headers: vec![("location".to_owned(), location.to_owned())], body: Vec::new() }
    }

    /// The page of a gateway before a server that is too busy, with `Retry-After` in seconds.
    pub fn busy(status: u16, retry_after: u32) -> Misbehaviour {
        let headers = vec![("retry-after".to_owned(), retry_after.to_string()), ("content-type".to_owned(), "text/html".to_owned())];
        let body = "<html><body><h1>Service Unavailable</h1><p>Try again later.<br></body></html>";
        Misbehaviour::Status { status, headers, body: body.into() }
    }

    /// A refusal of Entra's token endpoint with status 400 and further members (`suberror`, `claims`).
    pub fn refused(code: u32, error: &str, members: &[(&str, &str)]) -> Misbehaviour {
        let extra: Map<_, _> = members.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let description = "The request was refused.".to_owned();
        Misbehaviour::Refusal { status: 400, error: error.to_owned(), codes: vec![code], description, extra }
    }

    /// A fault of an AD FS farm with a subcode of WS-Trust and a text of the server's choice: what was sent to it, perhaps.
    pub fn fault(subcode: &'static str, text: &str) -> Misbehaviour {
        let reply = Fault::new("http://schemas.xmlsoap.org/ws/2005/02/trust", subcode, text).into_reply(None);
        let (status, headers, body) = reply.into_parts();
        Misbehaviour::Status { status, headers, body }
    }

    /// XML whose entities would become gigabytes ("billion laughs").
    pub fn entity_bomb() -> Misbehaviour {
        let entities: String = (1..10)
            .map(|level| {
                let ten = format!("&e{};", level - 1).repeat(10);
                format!("<!ENTITY e{level} \"{ten}\">")
            })
            .collect();
        let text = format!("<?xml version=\"1.0\"?><!DOCTYPE definitions [<!ENTITY e0 \"ha\">{entities}]><definitions>&e9;</definitions>");
        Misbehaviour::content("text/xml; charset=UTF-8", text)
    }

    /// XML with an entity of an external file or address.
    pub fn external_entity(address: &str) -> Misbehaviour {
        let text = format!("<?xml version=\"1.0\"?><!DOCTYPE d [<!ENTITY x SYSTEM \"{address}\">]><definitions>&x;</definitions>");
        Misbehaviour::content("text/xml; charset=UTF-8", text)
    }

    /// XML with so many elements in each other.
    pub fn nested_xml(depth: usize) -> Misbehaviour {
        Misbehaviour::content("text/xml; charset=UTF-8", format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth)))
    }

    /// Well-formed XML of at least so many bytes.
    pub fn large_xml(bytes: usize) -> Misbehaviour {
        Misbehaviour::content("text/xml; charset=UTF-8", format!("<definitions>{}</definitions>", " ".repeat(bytes)))
    }

    /// The proper answer in UTF-16 with a byte order mark, whatever its media type says.
    pub fn utf_16() -> Misbehaviour {
        Misbehaviour::Body(|text| [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect())
    }

    /// The proper answer in ISO 8859-1, whatever its media type says, with a letter that is not ASCII in a comment behind it.
    pub fn latin_1() -> Misbehaviour {
        Misbehaviour::Body(|text| {
            let letters = text.chars().map(|letter| u8::try_from(letter).unwrap_or(b'?'));
            letters.chain(*b"<!-- \xfc -->").collect()
        })
    }

    /// The proper answer with its assertion twice.
    pub fn two_assertions() -> Misbehaviour {
        Misbehaviour::Body(|text| with_assertion(text, |assertion| format!("{assertion}{assertion}")))
    }

    /// The proper answer without its assertion.
    pub fn no_assertion() -> Misbehaviour {
        Misbehaviour::Body(|text| with_assertion(text, |_| String::new()))
    }

    /// The proper answer with its token, said twice: a client has to decide which of the two it takes.
    pub fn two_tokens() -> Misbehaviour {
        Misbehaviour::Body(|text| {
            let (open, close) = ("<t:RequestedSecurityToken>", "</t:RequestedSecurityToken>");
            let token = text.find(open).zip(text.find(close)).map(|(start, end)| &text[start..end + close.len()]);
            token.map_or_else(|| text.into(), |token| text.replacen(token, &format!("{token}{token}"), 1).into_bytes())
        })
    }

    /// A metadata document without bindings that a client could use.
    pub fn no_soap_12() -> Misbehaviour {
        Misbehaviour::Body(|text| text.replace("<soap12:binding ", "<soap12:other ").into_bytes())
    }
}

/// An answer with what is in its `RequestedSecurityToken` made into something else.
fn with_assertion(text: &str, change: fn(&str) -> String) -> Vec<u8> {
    let (open, close) = ("<t:RequestedSecurityToken>", "</t:RequestedSecurityToken>");
    let Some((before, rest)) = text.split_once(open) else { return text.into() };
    let Some((assertion, after)) = rest.split_once(close) else { return text.into() };
    format!("{before}{open}{}{close}{after}", change(assertion)).into_bytes()
}
