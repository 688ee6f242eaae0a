//! Answers, before they are HTTP.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Map, Value};

use crate::jwt::{self, Signer};

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    /// JSON.
    pub(crate) fn json(status: u16, body: &Value) -> Reply {
        Reply::raw(status, vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())], body.to_string().into_bytes())
    }

    /// Plain text.
    pub(crate) fn text(status: u16, body: &str) -> Reply {
        Reply::raw(status, vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())], body.into())
    }

    /// A page, which nobody is to keep or to frame.
    pub(crate) fn html(status: u16, body: String) -> Reply {
        Reply::raw(status, vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())], body.into_bytes())
            .header("cache-control", "no-store")
            .header("pragma", "no-cache")
            .header("x-frame-options", "DENY")
            .header("x-content-type-options", "nosniff")
    }

    /// Just these.
    pub(crate) fn raw(status: u16, headers: Vec<(String, String)>, body: Vec<u8>) -> Reply {
        Reply { status, headers, body }
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Reply {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Status, headers and body.
    pub(crate) fn into_parts(self) -> (u16, Vec<(String, String)>, Vec<u8>) {
        (self.status, self.headers, self.body)
    }

    /// As HTTP. Values that no header can hold cannot come from here: clients' values are checked before they are
    /// echoed and tests' values when they are queued.
    pub(crate) fn into_http(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from(self.body)));
        *response.status_mut() = StatusCode::from_u16(self.status).expect("statuses are checked before they get here");
        for (name, value) in self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("header names are checked before they get here");
            let value = HeaderValue::from_str(&value).expect("header values are checked before they get here");
            response.headers_mut().append(name, value);
        }
        response
    }
}

/// A successful JSON object with members replaced or added, nulls taking them away; anything else comes back as it is.
pub(crate) fn merged(reply: Reply, members: Map<String, Value>) -> Result<Reply, Reply> {
    match serde_json::from_slice(&reply.body) {
        Ok(Value::Object(mut object)) if reply.status == 200 => {
            merge(&mut object, members);
            Ok(Reply { body: Value::Object(object).to_string().into_bytes(), ..reply })
        }
        _ => Err(reply),
    }
}

/// An answer whose body holds a text, with another in place of it; anything else comes back as it is.
pub(crate) fn replaced(reply: Reply, from: &str, to: &str) -> Result<Reply, Reply> {
    match std::str::from_utf8(&reply.body) {
        Ok(body) if body.contains(from) => Ok(Reply { body: body.replace(from, to).into_bytes(), ..reply }),
        _ => Err(reply),
    }
}

/// An answer with its body made into another.
pub(crate) fn with_body(reply: Reply, change: fn(&str) -> Vec<u8>) -> Reply {
    Reply { body: change(&String::from_utf8_lossy(&reply.body)), ..reply }
}

/// The same for the claims of the answer's id token, which is signed anew.
pub(crate) fn with_id_token(reply: Reply, members: Map<String, Value>, signer: &Signer) -> Result<Reply, Reply> {
    let body: Option<Value> = serde_json::from_slice(&reply.body).ok();
    let claims = body.as_ref().and_then(|body| jwt::claims(body["id_token"].as_str()?));
    let (Some(mut body), Some(mut claims)) = (body, claims) else { return Err(reply) };
    merge(&mut claims, members);
    body["id_token"] = Value::String(signer.sign(&Value::Object(claims)));
    Ok(Reply { body: body.to_string().into_bytes(), ..reply })
}

/// Replaces and adds members; a null takes one away.
pub(crate) fn merge(object: &mut Map<String, Value>, members: Map<String, Value>) {
    for (name, value) in members {
        match value {
            Value::Null => object.remove(&name),
            value => object.insert(name, value),
        };
    }
}
