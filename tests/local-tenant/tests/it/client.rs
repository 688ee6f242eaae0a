//! A client that shows every byte: TLS from rustls, HTTP by hand.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local_tenant::{Tenant, contoso};
use serde_json::Value;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// The usual host of the login service.
pub(crate) const LOGIN: &str = "login.microsoftonline.com";

/// An answer.
pub(crate) struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub(crate) fn parse(bytes: &[u8]) -> Answer {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP answer: {text:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Answer { status: status.expect("a status line"), head: head.to_owned(), body: body.to_owned() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The access token of a successful answer.
    pub(crate) fn token(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.body);
        self.json()["access_token"].as_str().expect("an access token").to_owned()
    }
}

/// The port of an origin.
pub(crate) fn port(origin: &str) -> u16 {
    origin.rsplit(':').next().and_then(|port| port.parse().ok()).expect("an origin with a port")
}

fn config(tenant: &Tenant) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(tenant.ca_file()).expect("the CA file is PEM")).expect("an authority");
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("ring has them");
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Connects to a port of this machine.
pub(crate) fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the tenant listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
    stream
}

/// TLS to a host, over a connection.
pub(crate) fn tls(tenant: &Tenant, host: &str, stream: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
    let name = ServerName::try_from(host.to_owned()).expect("a server name");
    StreamOwned::new(ClientConnection::new(config(tenant), name).expect("a TLS client"), stream)
}

/// Sends bytes and reads to the end, whichever way it comes; says whether it came in good order.
pub(crate) fn exchange<S: Read + Write>(mut stream: S, request: &[u8]) -> (Vec<u8>, bool) {
    stream.write_all(request).expect("the tenant reads");
    stream.flush().expect("the tenant reads");
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => (answer, true),
        Err(error) if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => (answer, false),
        Err(error) => panic!("after {} bytes: {error}", answer.len()),
    }
}

/// A request as bytes, the connection to be closed after it.
pub(crate) fn request(method: &str, host: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
        .into_bytes()
}

/// One request to a host of the tenant.
pub(crate) fn send(tenant: &Tenant, method: &str, host: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let name = host.split(':').next().expect("a host");
    let stream = tls(tenant, name, connect(port(&tenant.origin())));
    Answer::parse(&exchange(stream, &request(method, host, target, headers, body)).0)
}

pub(crate) fn get(tenant: &Tenant, host: &str, target: &str) -> Answer {
    send(tenant, "GET", host, target, &[], "")
}

/// A form by POST.
pub(crate) fn post(tenant: &Tenant, host: &str, target: &str, form: &[(&str, &str)]) -> Answer {
    send(tenant, "POST", host, target, &[("Content-Type", "application/x-www-form-urlencoded")], &encode(form))
}

pub(crate) fn encode(form: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

/// A proper request of the daemon for a scope.
pub(crate) fn daemon_form(scope: &str) -> Vec<(&str, &str)> {
    vec![
        ("grant_type", "client_credentials"),
        ("client_id", contoso::DAEMON.client_id),
        ("client_secret", contoso::DAEMON.secret),
        ("scope", scope),
    ]
}

/// The token path of Contoso.
pub(crate) fn token_path() -> String {
    format!("/{}/oauth2/v2.0/token", contoso::TENANT_ID)
}

/// The daemon's token for a scope.
pub(crate) fn daemon_token(tenant: &Tenant, scope: &str) -> String {
    post(tenant, LOGIN, &token_path(), &daemon_form(scope)).token()
}

/// A part of a token, unverified.
pub(crate) fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}
