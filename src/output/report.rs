//! Errors in their one shape: as lines for a person, or as one JSON object for a script.

use serde_json::{Value, json};

use crate::entra::refusal::Refusal;
use crate::error::Error;
use crate::redact::foreign;
use crate::{exit, hint};

/// The parts of a report, for a person: a headline, and labelled lines below it.
pub(crate) struct Text {
    pub(crate) headline: String,
    pub(crate) lines: Vec<(&'static str, String)>,
}

/// The error for a person.
pub(crate) fn text(error: &Error) -> Text {
    let advice = hint::advice(error);
    let mut lines = Vec::new();
    lines.extend(advice.why.map(|why| ("why", bounded(why))));
    lines.extend(advice.fix.map(|fix| ("fix", bounded(fix))));
    let ids = Ids::of(error);
    let mut parts = Vec::new();
    parts.extend(ids.correlation.map(|id| format!("correlation {id}")));
    parts.extend(ids.trace.map(|id| format!("trace {id}")));
    parts.extend(ids.timestamp.map(|at| format!("at {at}")));
    if !parts.is_empty() {
        lines.push(("ids", parts.join(" ")));
    }
    Text { headline: bounded(error.to_string()), lines }
}

/// As much of a text as anybody reads: a setting that it quotes may be of any length.
pub(crate) fn bounded(mut text: String) -> String {
    const LONGEST: usize = 1_000;
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push('…');
    }
    text
}

/// The error for a script: every field is always there, and null where it has nothing to say.
pub(crate) fn json(error: &Error, warnings: &[String]) -> String {
    let advice = hint::advice(error);
    let ids = Ids::of(error);
    let refusal = refusal(error);
    let retry_after = match error {
        Error::Unavailable(unavailable) => unavailable.retry_after.map(|wait| wait.as_secs()),
        _ => None,
    };
    let mut object = json!({
        "error": refusal.map_or_else(|| kind(error).to_owned(), |refusal| foreign(&refusal.error)),
        "error_codes": refusal.map_or(&[][..], |refusal| &refusal.codes),
        "message": bounded(error.to_string()),
        "why": advice.why.map(bounded),
        "fix": advice.fix.map(bounded),
        "correlation_id": ids.correlation,
        "trace_id": ids.trace,
        "timestamp": ids.timestamp,
        "suberror": refusal.and_then(|refusal| refusal.suberror.as_deref()).map(foreign),
        // Handed back to the platform as it is, so it is not shortened; JSON escapes what a terminal must not see.
        "claims": refusal.and_then(|refusal| refusal.claims.as_deref()),
        "exit_code": exit::code(error),
        "retry_after": retry_after,
    });
    if !warnings.is_empty() {
        object["warnings"] = Value::from(warnings);
    }
    ascii(&object.to_string())
}

/// JSON, on one line or several, with everything beyond ASCII escaped, so that no terminal can misread it, and with what CI
/// systems take for commands (`##[command]`, `##vso[command]`, `::command::`). Parsers see no difference.
pub(crate) fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        // Neither `#` nor a second colon stands outside a string.
        let is_command = character == '#' || character == ':' && out.ends_with(':');
        if matches!(character, '\n' | ' '..='~') && !is_command {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

/// What the platform's logs know an exchange by.
#[derive(Default)]
struct Ids {
    correlation: Option<String>,
    trace: Option<String>,
    timestamp: Option<String>,
}

impl Ids {
    fn of(error: &Error) -> Ids {
        let sent = match error {
            Error::Transport(transport) => transport.correlation_id.clone(),
            Error::TimedOut { correlation_id, .. } => correlation_id.clone(),
            Error::Unavailable(unavailable) => unavailable.correlation_id.clone(),
            Error::Unreadable(unreadable) => unreadable.correlation_id.clone(),
            _ => None,
        };
        let shown = |text: &Option<String>| text.as_deref().map(foreign);
        refusal(error)
            .map_or_else(Ids::default, |refusal| Ids {
                correlation: shown(&refusal.correlation_id),
                trace: shown(&refusal.trace_id),
                timestamp: shown(&refusal.timestamp),
            })
            .or(sent)
    }

    fn or(self, sent: Option<String>) -> Ids {
        Ids { correlation: self.correlation.or(sent), ..self }
    }
}

fn refusal(error: &Error) -> Option<&Refusal> {
    match error {
        Error::Refused(refused) => Some(&refused.refusal),
        Error::Unavailable(unavailable) => unavailable.refusal.as_ref(),
        _ => None,
    }
}

/// The error's kind, where the platform has given it no name.
fn kind(error: &Error) -> &'static str {
    match error {
        Error::Cache(_) => "cache",
        Error::Cancelled(_) => "cancelled",
        Error::Interaction(_) => "interaction_required",
        Error::Internal(_) => "internal",
        Error::Interrupted(_) => "interrupted",
        Error::Output(_) => "output",
        Error::Refused(_) => "refused",
        Error::System(_) => "system",
        Error::TimedOut { .. } => "timed_out",
        Error::Transport(_) => "transport",
        Error::Unavailable(_) => "unavailable",
        Error::Unreadable(_) => "unreadable",
        Error::Usage(_) => "usage",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::UsageError;

    #[test]
    fn json_has_every_field_on_one_line_of_ascii() {
        let error = Error::Usage(UsageError::new("bad \u{1b}é\u{1f600}").fix("mend it"));
        let line = json(&error, &["careful".to_owned()]);
        assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{line}");
        let object: Value = serde_json::from_str(&line).unwrap();
        for field in [
            "error",
            "error_codes",
            "message",
            "why",
            "fix",
            "correlation_id",
            "trace_id",
            "timestamp",
            "suberror",
            "claims",
            "exit_code",
            "retry_after",
        ] {
            assert!(object.get(field).is_some(), "{field}");
        }
        assert_eq!(
            (object["error"].as_str(), object["exit_code"].as_u64(), object["message"].as_str()),
            (Some("usage"), Some(2), Some("bad \u{1b}é\u{1f600}"))
        );
        assert_eq!(object["warnings"][0], "careful");
    }
}
