//! The port that the answer of a sign-in comes to, and whoever else calls there.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use local_tenant::{Tenant, contoso};

use crate::auth_code::arguments;
use crate::sandbox::Sandbox;
use crate::waiting::{Waiting, parameter, port};

/// Sends a request; gives what comes back.
fn call(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect((IpAddr::from(Ipv4Addr::LOCALHOST), port)).expect("the port is open");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time is set");
    // Who is refused early may not read all of it.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(port: u16, host: &str, form: &str) -> String {
    let length = form.len();
    call(
        port,
        &format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
        ),
    )
}

#[test]
fn nobody_but_the_awaited_answer_ends_the_wait() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let mut waiting = Waiting::start(sandbox.command(arguments("auth-code", &tenant, &["--no-browser"])));
    let url = waiting.url();
    let (port, state) = (port(&url), parameter(&url, "state").unwrap());
    let host = format!("localhost:{port}");
    let idle: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    for (form, what) in [
        ("code=stolen".to_owned(), "no state"),
        ("code=stolen&state=wrong".to_owned(), "a wrong state"),
        (format!("code=stolen&state={}", &state[..42]), "half of the state"),
        (format!("code=stolen&state={state}x"), "more than the state"),
        (format!("code=stolen&state={state}&state={state}"), "two states"),
        (format!("state={state}"), "neither code nor error"),
        ("error=access_denied&state=wrong".to_owned(), "a forged error"),
        ("error=access_denied".to_owned(), "an error without a state"),
    ] {
        let answer = post(port, &host, &form);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{what}: {answer}");
        assert!(!answer.contains("stolen") && !answer.contains("access_denied"), "{what}: {answer}");
    }
    let code_in_address = format!("GET /?code=stolen&state={state} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    assert!(call(port, &code_in_address).starts_with("HTTP/1.1 400 "), "a code that everybody could see on its way is not taken");
    assert!(post(port, "evil.example", &format!("code=stolen&state={state}")).starts_with("HTTP/1.1 421 "), "another host's name");
    assert!(call(port, &format!("GET /favicon.ico HTTP/1.1\r\nHost: {host}\r\n\r\n")).starts_with("HTTP/1.1 404 "));
    assert!(call(port, &format!("GET / HTTP/1.1\r\nHost: {host}\r\nX: {}\r\n\r\n", "x".repeat(20_000))).starts_with("HTTP/1.1 431 "));
    for _ in 0..500 {
        post(port, &host, "code=stolen&state=wrong");
    }
    assert!(tenant.token_requests().is_empty(), "none of them led to a request");
    let start = Instant::now();
    tenant.browser().sign_in(&url, contoso::USER, contoso::USER_PASSWORD);
    assert_eq!(waiting.ended().code, Some(0));
    assert!(start.elapsed() < Duration::from_secs(5), "connections that say nothing hold nothing up");
    drop(idle);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody listens any more");
    let sent = tenant.token_requests();
    assert_eq!(sent.len(), 1);
    assert!(sent[0].field("code").is_some_and(|code| code != "stolen") && sent[0].field("code_verifier").is_some());
}

#[test]
fn an_error_in_the_address_counts_with_the_right_state() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    tenant.allow_idle();
    let mut waiting = Waiting::start(sandbox.command(arguments("auth-code", &tenant, &["--no-browser"])));
    let url = waiting.url();
    let (port, state) = (port(&url), parameter(&url, "state").unwrap());
    let hostile = "AADSTS50105%3A+%1b%5d52%3Bc%3Bx%07+%0a%23%23vso%5Btask.setvariable%5D";
    let target = format!("/?error=interaction_required&error_description={hostile}&state={state}");
    let answer = call(port, &format!("GET {target} HTTP/1.1\r\nHost: [::1]:{port}\r\n\r\n"));
    assert!(answer.contains("You are not signed in") && !answer.contains("AADSTS"), "{answer}");
    let ran = waiting.ended();
    ran.refused(3).says("AADSTS50105");
    assert!(!ran.stderr.contains("##vso["), "{ran:?}");
}
