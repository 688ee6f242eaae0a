//! The platform's refusals (RFC 6749 section 5.2, with Entra's additions).

use serde_json::Value;
use serde_json::value::RawValue;

use super::reply::Reply;
use crate::redact::Masks;

/// A refusal, as the platform wrote it. Every text in it is foreign: it goes through `redact::foreign` to be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Refusal {
    /// HTTP status; 0 for one that came through the browser.
    pub(crate) status: u16,
    /// OAuth's code, `invalid_client` for instance.
    pub(crate) error: String,
    /// Entra's own codes, the numbers after `AADSTS`.
    pub(crate) codes: Vec<u32>,
    pub(crate) description: String,
    /// Refines `error`: `consent_required`, `basic_action`, `bad_token` and others.
    pub(crate) suberror: Option<String>,
    /// A claims challenge, JSON to be handed back with the next request.
    pub(crate) claims: Option<String>,
    pub(crate) correlation_id: Option<String>,
    pub(crate) trace_id: Option<String>,
    /// When the platform refused, as it writes it: `YYYY-MM-DD HH:MM:SSZ`.
    pub(crate) timestamp: Option<String>,
}

/// The members that mean something, as they stand: a member of an odd type does no harm to the others, and what is not
/// listed takes no memory.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Members<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    error_codes: Option<&'a RawValue>,
    #[serde(borrow)]
    error_description: Option<&'a RawValue>,
    #[serde(borrow)]
    suberror: Option<&'a RawValue>,
    #[serde(borrow)]
    claims: Option<&'a RawValue>,
    #[serde(borrow)]
    correlation_id: Option<&'a RawValue>,
    #[serde(borrow)]
    trace_id: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
}

/// The refusal in a reply; `None` where the body is not a refusal in the standard's shape.
pub(crate) fn refusal(reply: &Reply) -> Option<Refusal> {
    let members: Members<'_> = reply.json().ok()?;
    let description = text(members.error_description).unwrap_or_default();
    let mut codes = numbers(members.error_codes);
    if codes.is_empty() {
        codes = codes_in(&description);
    }
    let id = |member| text(member).filter(|text| is_id(text));
    Some(Refusal {
        status: reply.status,
        error: text(members.error)?,
        codes,
        suberror: text(members.suberror),
        // Half a challenge is none.
        claims: text(members.claims).filter(|claims| claims.len() < KEPT),
        correlation_id: id(members.correlation_id),
        trace_id: id(members.trace_id),
        timestamp: id(members.timestamp),
        description,
    })
}

/// The most of a text that is kept, in bytes: more than anybody reads, and than Entra writes.
const KEPT: usize = 8 << 10;

/// A member that is a text and says something, as much of it as is kept.
fn text(member: Option<&RawValue>) -> Option<String> {
    let mut text: String = serde_json::from_str(member?.get()).ok()?;
    text.truncate(text.floor_char_boundary(KEPT));
    text.shrink_to_fit();
    Some(text).filter(|text| !text.is_empty())
}

/// Whether a text has the form of the platform's ids and times. Anything else in their place is of no use to anybody.
fn is_id(text: &str) -> bool {
    text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-:. ".contains(&byte))
}

impl Refusal {
    /// A refusal that came through the browser (RFC 6749 section 4.1.2.1): its ids stand at the end of the description.
    pub(crate) fn of_redirect(error: &str, description: &str, suberror: Option<&str>, claims: Option<&str>) -> Refusal {
        let kept = |text: &str| text[..text.floor_char_boundary(KEPT)].to_owned();
        let id = |label: &str| {
            let text = description.split_once(label)?.1.trim_start();
            // A time has a space in it.
            let words = if label.starts_with("Timestamp") { 2 } else { 1 };
            let text = text.split_whitespace().take(words).collect::<Vec<_>>().join(" ");
            Some(text).filter(|text| is_id(text) && !text.is_empty())
        };
        Refusal {
            status: 0,
            error: kept(error),
            codes: codes_in(description),
            suberror: suberror.filter(|text| !text.is_empty()).map(kept),
            claims: claims.filter(|claims| !claims.is_empty() && claims.len() < KEPT).map(str::to_owned),
            correlation_id: id("Correlation ID:"),
            trace_id: id("Trace ID:"),
            timestamp: id("Timestamp:"),
            description: kept(description),
        }
    }

    /// The same without the secrets that were sent: a server, or what stands in front of it, may have echoed them.
    pub(crate) fn masked(mut self, masks: &Masks) -> Refusal {
        let texts = [Some(&mut self.error), Some(&mut self.description), self.suberror.as_mut(), self.claims.as_mut()];
        let ids = [self.correlation_id.as_mut(), self.trace_id.as_mut(), self.timestamp.as_mut()];
        for text in texts.into_iter().chain(ids).flatten() {
            *text = masks.apply(text);
        }
        self
    }

    /// What the platform says, without its code at the beginning and the ids at the end.
    pub(crate) fn words(&self) -> &str {
        let words = self.description.split_once(": ").filter(|(code, _)| is_code(code)).map_or(&*self.description, |(_, words)| words);
        words.split("Trace ID:").next().unwrap_or(words).trim()
    }

    /// Azure AD B2C's own code (`AADB2C90086`).
    pub(crate) fn b2c_code(&self) -> Option<&str> {
        let code = self.description.split(':').next()?;
        (code.starts_with("AADB2C") && is_code(code)).then_some(code)
    }
}

/// Whether a text is a code of Microsoft's: letters and digits that begin with `AAD` or `MSIS`, or `ID` and digits.
fn is_code(text: &str) -> bool {
    let is_fault = text.strip_prefix("ID").is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()));
    let begins_so = is_fault || text.starts_with("AAD") || text.starts_with("MSIS");
    begins_so && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn numbers(member: Option<&RawValue>) -> Vec<u32> {
    const LONGEST: usize = 256;
    let Some(list) = member.map(RawValue::get).filter(|list| list.len() <= LONGEST) else { return Vec::new() };
    let list: Vec<Value> = serde_json::from_str(list).unwrap_or_default();
    let number = |code: &Value| code.as_u64().or_else(|| code.as_str()?.parse().ok());
    list.iter().filter_map(number).filter_map(|code| u32::try_from(code).ok()).take(8).collect()
}

/// The codes that stand in a description, in order.
pub(crate) fn codes_in(text: &str) -> Vec<u32> {
    let after = text.split("AADSTS").skip(1);
    after.filter_map(|rest| rest.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()).take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::super::reply;
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn a_refusal_of_entra_is_read_whole() {
        let body = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Not the right secret. Trace ID: t Correlation ID: c",
            "error_codes":[7000215],"timestamp":"2026-11-21 02:09:00Z","trace_id":"t","correlation_id":"c","suberror":"x","claims":"{}","more":[{}]}"#;
        let refusal = refusal(&reply::of(401, body)).unwrap();
        assert_eq!(refusal.codes, [7_000_215]);
        assert_eq!(refusal.words(), "Not the right secret.");
        assert_eq!(
            (refusal.error.as_str(), refusal.suberror.as_deref(), refusal.claims.as_deref()),
            ("invalid_client", Some("x"), Some("{}"))
        );
        assert_eq!((refusal.trace_id.as_deref(), refusal.correlation_id.as_deref()), (Some("t"), Some("c")));
    }

    #[test]
    fn a_refusal_through_the_browser_has_its_ids_in_its_text() {
        let text =
            "AADSTS50105: Not assigned.\r\nTrace ID: 41f7be02-0000\r\nCorrelation ID: 9b0c44f1-1111\r\nTimestamp: 2026-11-21 02:09:00Z";
        let refusal = Refusal::of_redirect("interaction_required", text, None, Some("{}"));
        assert_eq!((refusal.codes.as_slice(), refusal.words()), (&[50_105][..], "Not assigned."));
        assert_eq!((refusal.trace_id.as_deref(), refusal.correlation_id.as_deref()), (Some("41f7be02-0000"), Some("9b0c44f1-1111")));
        assert_eq!((refusal.timestamp.as_deref(), refusal.claims.as_deref()), (Some("2026-11-21 02:09:00Z"), Some("{}")));
        let odd = Refusal::of_redirect("x", "Trace ID: \u{1b}[2J Correlation ID:", Some(""), Some(""));
        assert_eq!((odd.trace_id, odd.correlation_id, odd.suberror, odd.claims), (None, None, None, None));
    }

    #[test]
    fn odd_members_do_no_harm_and_codes_are_found_in_the_text() {
        let body =
            r#"{"error":"invalid_grant","error_codes":"none","timestamp":5,"error_description":"AADSTS70002: Bad. AADSTS50126: Wrong."}"#;
        let refusal = refusal(&reply::of(400, body)).unwrap();
        assert_eq!(refusal.codes, [70_002, 50_126]);
        assert_eq!(refusal.timestamp, None);
    }

    #[test]
    fn what_stands_in_the_place_of_an_id_is_not_taken_for_one() {
        let body = r#"{"error":"x","trace_id":"eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJhIn0.c2lnbmF0dXJl","correlation_id":"a\nb","timestamp":"2026-11-21 02:09:00Z"}"#;
        let refusal = refusal(&reply::of(400, body)).unwrap();
        assert_eq!((refusal.trace_id, refusal.correlation_id), (None, None));
        assert_eq!(refusal.timestamp.as_deref(), Some("2026-11-21 02:09:00Z"));
    }

    #[test]
    fn what_is_no_refusal_is_not_read_as_one() {
        for body in ["", "<html>", "{}", "[]", r#"{"error":{"code":"x"}}"#, r#"{"error":""}"#, r#"{"error":"#] {
            assert_eq!(refusal(&reply::of(400, body)), None, "{body}");
        }
    }

    #[test]
    fn an_echoed_secret_is_masked() {
        let masks = Masks::default();
        masks.add(&Secret::new("CANARY".to_owned()));
        let body = r#"{"error":"CANARY","error_description":"you sent CANARY","suberror":"CANARY"}"#;
        let refusal = refusal(&reply::of(400, body)).unwrap().masked(&masks);
        assert!(!format!("{refusal:?}").contains("CANARY"));
    }

    #[test]
    fn b2c_codes_are_told_apart() {
        let refusal = refusal(&reply::of(400, r#"{"error":"invalid_grant","error_description":"AADB2C90086: Not this grant."}"#)).unwrap();
        assert_eq!((refusal.b2c_code(), refusal.words()), (Some("AADB2C90086"), "Not this grant."));
        let fault = Refusal { description: "ID3242: Not this password.".to_owned(), ..Refusal::default() };
        assert_eq!((fault.b2c_code(), fault.words()), (None, "Not this password."));
    }
}
