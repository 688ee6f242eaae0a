//! The CONNECT proxy (RFC 9110 section 9.3.6): leads the real host names to this tenant.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::hosts::{self, Site};
use crate::record::{Connect, host_name};
use crate::server;
use crate::state::State;

/// Larger heads are nobody's CONNECT.
const HEAD_LIMIT: usize = 16 * 1024;

/// Serves one connection to the proxy: one CONNECT, then the tunnel, whose other end is this tenant's TLS.
pub(crate) async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let Some(head) = read_head(&mut stream).await else { return };
    let Some((connect, is_connect)) = parse(&head) else {
        refuse(&mut stream, "400 Bad Request", "").await;
        return;
    };
    state.connected(connect.clone());
    if !is_connect {
        refuse(&mut stream, "405 Method Not Allowed", "Allow: CONNECT\r\n").await;
    } else if !is_allowed(&connect, &state) {
        refuse(&mut stream, "407 Proxy Authentication Required", "Proxy-Authenticate: Basic realm=\"local tenant\"\r\n").await;
    } else if !is_served(&connect.target, &state) {
        refuse(&mut stream, "502 Bad Gateway", "").await;
    } else if stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.is_ok() {
        server::serve_tls(stream, state, true).await;
    }
}

/// Reads to the empty line and not a byte further: what follows is the tunnel's.
async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == HEAD_LIMIT {
            return None;
        }
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// The request, and whether it is a CONNECT.
fn parse(head: &str) -> Option<(Connect, bool)> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let authorization = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("proxy-authorization"))
        .map(|(_, value)| value.trim().to_owned());
    Some((Connect { target: target.to_owned(), authorization }, method == "CONNECT"))
}

/// Whether the credentials are those that were asked for, if any were (RFC 7617).
fn is_allowed(connect: &Connect, state: &State) -> bool {
    let Some((user, password)) = &state.proxy_credentials else { return true };
    let given = connect.authorization.as_deref().and_then(|text| text.strip_prefix("Basic "));
    given == Some(STANDARD.encode(format!("{user}:{password}")).as_str())
}

fn is_served(target: &str, state: &State) -> bool {
    let Some((host, port)) = target.rsplit_once(':') else { return false };
    match hosts::site(&host_name(host)) {
        None => false,
        Some(Site::Loopback) => port == state.ports.https.to_string(),
        Some(_) => port == "443",
    }
}

async fn refuse(stream: &mut TcpStream, status: &str, headers: &str) {
    let answer = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}
