//! An app that waits for its redirect, and what it asks for.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use local_tenant::{Tenant, contoso};

use crate::client::encode;

/// 43 letters, as verifiers have.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The challenge of the verifier (RFC 7636 appendix B).
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A listener on loopback that answers everything and tells what came.
pub(crate) struct Callback {
    pub uri: String,
    came: Receiver<String>,
}

/// What the browser brought.
#[derive(Debug)]
pub(crate) struct Brought {
    pub head: String,
    pub values: Vec<(String, String)>,
}

impl Brought {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn code(&self) -> String {
        self.get("code").unwrap_or_else(|| panic!("no code: {self:?}")).to_owned()
    }

    /// Error and number.
    pub(crate) fn error(&self) -> (String, String) {
        let description = self.get("error_description").unwrap_or_else(|| panic!("no error: {self:?}"));
        (self.get("error").unwrap_or_default().to_owned(), description.split(':').next().unwrap_or_default().to_owned())
    }
}

impl Callback {
    pub(crate) fn start() -> Callback {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let uri = format!("http://localhost:{}", listener.local_addr().expect("it is bound").port());
        let (sender, came) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut request = Vec::new();
                let mut bytes = [0; 4096];
                while !is_whole(&request) {
                    let Ok(count @ 1..) = stream.read(&mut bytes) else { break };
                    request.extend(&bytes[..count]);
                }
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncame back");
                if sender.send(String::from_utf8_lossy(&request).into_owned()).is_err() {
                    return;
                }
            }
        });
        Callback { uri, came }
    }

    pub(crate) fn next(&self) -> Brought {
        let request = self.came.recv_timeout(Duration::from_secs(20)).expect("the browser comes back");
        let (head, body) = request.split_once("\r\n\r\n").expect("an HTTP request");
        let query = head.split(' ').nth(1).and_then(|target| target.split_once('?')).map(|(_, query)| query).unwrap_or_default();
        let values = form_urlencoded::parse(if body.is_empty() { query } else { body }.as_bytes()).into_owned().collect();
        Brought { head: head.to_owned(), values }
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok());
    body.len() >= length.unwrap_or_default()
}

/// A proper authorization request of the desktop app, with parameters replaced; an empty value takes one away.
pub(crate) fn wish<'a>(redirect_uri: &'a str, changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut wish = vec![
        ("client_id", contoso::PUBLIC_APP.client_id),
        ("response_type", "code"),
        ("redirect_uri", redirect_uri),
        ("scope", "User.Read openid profile offline_access"),
        ("state", "a state & <more>\"'"),
        ("nonce", "a nonce"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("client_info", "1"),
    ];
    for (name, value) in changes {
        wish.retain(|(key, _)| key != name);
        if !value.is_empty() {
            wish.push((name, value));
        }
    }
    wish
}

/// The address of such a request to Contoso.
pub(crate) fn address(tenant: &Tenant, redirect_uri: &str, changes: &[(&str, &str)]) -> String {
    format!("{}/oauth2/v2.0/authorize?{}", tenant.authority(), encode(&wish(redirect_uri, changes)))
}
