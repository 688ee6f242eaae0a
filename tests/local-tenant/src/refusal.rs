//! Errors as Entra's token endpoint gives them (Microsoft page "Microsoft Entra authentication and authorization error
//! codes"). The codes are Entra's, the sentences are ours.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::ids::{guid, timestamp};
use crate::record::Recorded;
use crate::reply::{self, Reply};

/// A refusal: HTTP status, OAuth error code, AADSTS number, sentence.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    status: u16,
    error: &'static str,
    code: u32,
    text: String,
    extra: Map<String, Value>,
    retry_after: Option<u32>,
}

impl Refusal {
    pub(crate) fn new(status: u16, error: &'static str, code: u32, text: impl Into<String>) -> Refusal {
        Refusal { status, error, code, text: text.into(), extra: Map::new(), retry_after: None }
    }

    /// Adds a member.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Refusal {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    /// Adds `Retry-After`, in seconds.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Refusal {
        self.retry_after = Some(seconds);
        self
    }

    /// The OAuth error code.
    pub(crate) fn error(&self) -> &'static str {
        self.error
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// The AADSTS number.
    pub(crate) fn code(&self) -> u32 {
        self.code
    }

    /// The sentence alone.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The sentence as answers have it: the number before it, ids and time behind it.
    pub(crate) fn described(&self, request: &Recorded) -> String {
        description(&[self.code], &self.text, guid(), correlation(request), &timestamp())
    }

    pub(crate) fn into_reply(self, request: &Recorded) -> Reply {
        let reply = arbitrary(request, self.status, self.error, &[self.code], &self.text, self.extra);
        match self.retry_after {
            Some(seconds) => reply.header("retry-after", seconds.to_string()),
            None => reply,
        }
    }
}

/// A refusal with any content.
pub(crate) fn arbitrary(request: &Recorded, status: u16, error: &str, codes: &[u32], text: &str, extra: Map<String, Value>) -> Reply {
    let (trace, correlation, time) = (guid(), correlation(request), timestamp());
    let description = description(codes, text, trace, correlation, &time);
    let mut body = Map::from_iter([
        ("error".to_owned(), json!(error)),
        ("error_description".to_owned(), json!(description)),
        ("error_codes".to_owned(), json!(codes)),
        ("timestamp".to_owned(), json!(time)),
        ("trace_id".to_owned(), json!(trace.to_string())),
        ("correlation_id".to_owned(), json!(correlation.to_string())),
    ]);
    if let Some(code) = codes.first() {
        body.insert("error_uri".to_owned(), json!(format!("{}/error?code={code}", request.base())));
    }
    reply::merge(&mut body, extra);
    with_login_headers(Reply::json(status, &Value::Object(body)), request, trace)
}

/// One line today; older answers had a line for each of the four parts.
fn description(codes: &[u32], text: &str, trace: Uuid, correlation: Uuid, time: &str) -> String {
    let prefix = codes.first().map(|code| format!("AADSTS{code}: ")).unwrap_or_default();
    format!("{prefix}{text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}")
}

/// Adds the headers that all answers of the login service have. No `Strict-Transport-Security`: a browser would keep
/// it for localhost.
pub(crate) fn with_login_headers(reply: Reply, request: &Recorded, trace: Uuid) -> Reply {
    let reply = reply
        .header("cache-control", "no-store, no-cache")
        .header("pragma", "no-cache")
        .header("expires", "-1")
        .header("x-content-type-options", "nosniff")
        .header("x-ms-request-id", trace.to_string())
        .header("x-ms-ests-server", "2.1.0 - LOCAL ProdSlices")
        .header("set-cookie", "fpc=local-cookie-not-to-be-logged; path=/; secure; HttpOnly; SameSite=None");
    match request.header("return-client-request-id") {
        Some(wish) if wish.eq_ignore_ascii_case("true") => reply.header("client-request-id", correlation(request).to_string()),
        _ => reply,
    }
}

/// The client's own id for the request, if it is a GUID.
fn correlation(request: &Recorded) -> Uuid {
    request.header("client-request-id").and_then(|id| Uuid::parse_str(id).ok()).unwrap_or_else(guid)
}
