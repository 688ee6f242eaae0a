//! The CONNECT proxy, and TLS.

use std::io::{Read, Write};
use std::net::TcpStream;

use local_tenant::Tenant;

use crate::client::{Answer, LOGIN, connect, exchange, port, request, tls};

const DOCUMENT: &str = "/contoso.com/v2.0/.well-known/openid-configuration";

/// Opens a tunnel; gives the status line, and the connection.
fn tunnel(tenant: &Tenant, target: &str, headers: &str) -> (String, TcpStream) {
    let mut stream = connect(port(&tenant.proxy_url()));
    write!(stream, "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{headers}\r\n").expect("the proxy reads");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("the proxy answers");
        head.extend(byte);
    }
    let head = String::from_utf8(head).expect("text");
    (head.lines().next().expect("a status line").to_owned(), stream)
}

#[test]
fn real_host_names_lead_to_the_tenant() {
    let tenant = Tenant::start();
    let local = format!("localhost:{}", port(&tenant.origin()));
    for target in ["login.microsoftonline.com:443", "graph.microsoft.com:443", local.as_str()] {
        let host = target.split(':').next().expect("a host");
        let (status, stream) = tunnel(&tenant, target, "");
        assert!(status.starts_with("HTTP/1.1 200 "), "{target}: {status}");
        let (answer, _) = exchange(tls(&tenant, host, stream), &request("GET", host, DOCUMENT, &[], ""));
        assert_eq!(Answer::parse(&answer).status, if host == "graph.microsoft.com" { 401 } else { 200 }, "{target}");
    }
    assert!(tenant.requests().iter().all(|request| request.via_proxy && request.scheme == "https"));
    assert_eq!(tenant.connects()[0].target, "login.microsoftonline.com:443");
}

#[test]
fn other_hosts_and_ports_are_refused_and_recorded() {
    let tenant = Tenant::start();
    for target in ["www.example.com:443", "login.microsoftonline.com:80", "localhost:1", "login.microsoftonline.com.evil.example:443"] {
        assert_eq!(tunnel(&tenant, target, "").0, "HTTP/1.1 502 Bad Gateway", "{target}");
        assert_eq!(tenant.connects().last().map(|connect| connect.target.clone()).as_deref(), Some(target));
    }
    let (answer, _) = exchange(connect(port(&tenant.proxy_url())), b"GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!(Answer::parse(&answer).status, 405);
    assert!(tenant.requests().is_empty());
}

#[test]
fn credentials_are_asked_for() {
    let tenant = Tenant::builder().proxy_credentials("user", "pass").start();
    for (headers, status) in [
        ("", "HTTP/1.1 407 Proxy Authentication Required"),
        ("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n", "HTTP/1.1 200 Connection established"),
        ("Proxy-Authorization: Basic dXNlcjp4\r\n", "HTTP/1.1 407 Proxy Authentication Required"),
    ] {
        assert_eq!(tunnel(&tenant, "login.microsoftonline.com:443", headers).0, status, "{headers}");
    }
    let seen: Vec<_> = tenant.connects().into_iter().map(|connect| connect.authorization).collect();
    assert_eq!(seen[..2], [None, Some("Basic dXNlcjpwYXNz".to_owned())]);
}

#[test]
fn hosts_that_are_not_served_have_no_certificate() {
    let tenant = Tenant::start();
    tenant.allow_idle();
    let mut stream = tls(&tenant, "www.example.com", connect(port(&tenant.origin())));
    assert!(stream.write_all(b"GET / HTTP/1.1\r\n\r\n").and_then(|()| stream.flush()).is_err());
    assert_eq!(tenant.requests().len(), 0);
}

#[test]
fn both_loopback_addresses_answer_on_one_port() {
    let tenant = Tenant::start();
    for address in ["127.0.0.1", "::1"] {
        let Ok(stream) = TcpStream::connect((address, port(&tenant.origin()))) else {
            assert_eq!(address, "::1", "IPv4 is always there");
            tenant.allow_idle();
            continue;
        };
        let (answer, _) = exchange(tls(&tenant, address, stream), &request("GET", LOGIN, DOCUMENT, &[], ""));
        assert_eq!(Answer::parse(&answer).status, 200, "{address}");
    }
}
