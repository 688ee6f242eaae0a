//! Answers that are not what they claim, that do not end, or that say "later".

use std::time::{Duration, Instant};

use local_tenant::{Misbehaviour, Tenant, contoso};
use serde_json::{Value, json};

use crate::sandbox::{Ran, Sandbox};

fn status(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Misbehaviour {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Misbehaviour::Status { status, headers, body: body.into() }
}

fn token(members: &[(&str, Value)]) -> Misbehaviour {
    Misbehaviour::Token(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

/// One run against one misbehaviour.
fn run(misbehaviour: Misbehaviour, more: &[&str]) -> Ran {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    tenant.next(misbehaviour);
    sandbox.client_creds(&tenant, more.iter().copied())
}

#[test]
fn an_answer_that_is_not_what_it_claims_is_refused() {
    let zipped = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let good = json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "eyJ.e30.c2ln"}).to_string();
    let deep = format!("{{\"access_token\": \"a\", \"x\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for (misbehaviour, said) in [
        (status(200, &[("content-type", "text/html")], "<html><title>Sign in to the WiFi</title>"), "Sign in to the WiFi"),
        (status(200, &[], ""), "it is empty"),
        (status(200, &[], &good.as_bytes()[..20]), "cut off after 20 bytes"),
        (status(200, &[], [0xff, 0xfe, b'{']), "not UTF-8"),
        (status(200, &[], "[]"), "not JSON"),
        (status(200, &[], "{}"), "holds no access_token"),
        (status(200, &[], "null"), "not JSON"),
        (status(200, &[], deep), "nested deeper"),
        (status(200, &[], "{\"access_token\":\"a\",\"access_token\":\"b\",\"token_type\":\"Bearer\"}"), "access_token stands twice"),
        (status(200, &[("content-encoding", "gzip")], zipped), "compressed (gzip)"),
        (status(200, &[("content-encoding", "br")], good.clone()), "compressed (br)"),
        (status(204, &[], ""), "empty"),
        (status(200, &[("x-large", &"a".repeat(70_000))], good.clone()), "headers are larger"),
        (status(400, &[], "{\"error\": {\"code\": \"x\"}}"), "status is 400"),
        (status(403, &[("content-type", "text/html")], "<title>Blocked by policy</title>"), "Blocked by policy"),
        (status(302, &[("location", "https://evil.example/x?y")], ""), "a redirect to evil.example (status 302)"),
        (token(&[("access_token", json!(7))]), "not what it should be"),
        (token(&[("access_token", json!(["a"]))]), "not what it should be"),
        (token(&[("access_token", json!("a\r\nSet-Cookie: b"))]), "characters that no bearer token has"),
        (token(&[("access_token", json!("$(id)'"))]), "characters that no bearer token has"),
        (token(&[("access_token", json!(""))]), "characters that no bearer token has"),
        (token(&[("token_type", json!("mac"))]), "not Bearer"),
        (token(&[("token_type", Value::Null)]), "no token_type"),
        (token(&[("expires_in", json!({}))]), "not what it should be"),
        (Misbehaviour::Raw([b"HTTP/1.1 200 OK\r\n".as_slice(), &b"a: b\r\n".repeat(2_000), b"\r\n{}"].concat()), "not HTTP"),
        (Misbehaviour::Raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_vec()), "not HTTP"),
        (Misbehaviour::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}}".to_vec()), "not HTTP"),
        (Misbehaviour::Raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), "not HTTP"),
    ] {
        let ran = run(misbehaviour, &[]);
        ran.refused(5).says(said).says("\n  ids:  correlation ");
        assert!(!ran.stderr.contains(contoso::DAEMON.secret) && !ran.stderr.contains("c2ln"), "{ran:?}");
    }
}

#[test]
fn every_kind_of_redirect_is_refused_and_never_followed() {
    let tenant = Tenant::start();
    let sandbox = Sandbox::new();
    for code in [301, 302, 303, 307, 308] {
        let target = format!("{}/elsewhere", tenant.origin());
        tenant.next(status(code, &[("location", &target)], ""));
        sandbox.client_creds(&tenant, []).refused(5).says("redirect");
    }
    assert_eq!(tenant.requests().len(), 5, "nothing was sent to the target");
}

#[test]
fn an_endless_answer_ends_early_and_takes_no_memory() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"access_token\":\"".to_vec();
    tenant.next(Misbehaviour::Endless { head, chunk: vec![b'a'; 64 << 10], pause: Duration::ZERO, limit: Some(10 << 30) });
    let start = Instant::now();
    sandbox.client_creds(&tenant, []).refused(5).says("larger than 1048576 bytes");
    assert!(start.elapsed() < Duration::from_secs(20));
    assert!(tenant.endless_bytes_sent() < 64 << 20, "{} bytes were taken", tenant.endless_bytes_sent());
    // Ten gigabytes, announced: refused before the first byte of them.
    tenant.next(Misbehaviour::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n{".to_vec()));
    sandbox.client_creds(&tenant, []).refused(5).says("larger than 1048576 bytes");
}

#[test]
fn a_slow_answer_ends_with_the_commands_time() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let drip = |head: &str, chunk: &[u8]| Misbehaviour::Endless {
        head: head.into(),
        chunk: chunk.to_vec(),
        pause: Duration::from_millis(50),
        limit: None,
    };
    for misbehaviour in [
        Misbehaviour::Delay(Duration::from_secs(5)),
        drip("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{", b" "),
        drip("HTTP/1.1 200 OK\r\nx-header: ", b"a"),
        drip("", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ] {
        tenant.next(misbehaviour);
        let start = Instant::now();
        let ran = sandbox.client_creds(&tenant, ["--timeout", "0.7"]);
        ran.refused(5).says("no answer within 0.7 seconds").says("--timeout").says("ids:  correlation ");
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    }
}

#[test]
fn what_may_pass_is_tried_again() {
    for misbehaviour in [
        status(503, &[("retry-after", "0")], "busy"),
        status(500, &[], ""),
        status(429, &[("retry-after", "1")], "{}"),
        Misbehaviour::CutBeforeAnswer,
        Misbehaviour::CutAfter(40),
    ] {
        let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
        tenant.next(misbehaviour);
        sandbox.client_creds(&tenant, []).token();
        assert_eq!(tenant.token_requests().len(), 2);
    }
}

#[test]
fn what_stays_is_given_up_after_three_attempts() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    for _ in 0..3 {
        tenant.next(status(503, &[("retry-after", "0")], "<html>"));
    }
    sandbox.client_creds(&tenant, []).refused(5).says("status 503").says("try again later");
    assert_eq!(tenant.requests().len(), 3);
}

#[test]
fn a_wait_that_does_not_fit_ends_the_command_at_once_and_says_until_when() {
    let tenant = Tenant::start();
    let sandbox = Sandbox::new();
    let throttled = sandbox.parameters(&tenant.authority(), contoso::THROTTLED.client_id, contoso::THROTTLED.secret);
    let start = Instant::now();
    let ran = sandbox.client_creds_with(&tenant, &throttled, ["--timeout", "30"]);
    ran.refused(5).says("too many requests").says("try again in 60 seconds, at 20");
    assert!(start.elapsed() < Duration::from_secs(5));
    let ran = sandbox.client_creds_with(&tenant, &throttled, ["--timeout", "30", "--error-format=json"]);
    let object: Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!((&object["retry_after"], &object["exit_code"]), (&json!(60), &json!(5)));
    assert_eq!(tenant.requests().len(), 2, "nothing was asked again");
    tenant.next(status(503, &[("retry-after", "18446744073709551615")], ""));
    sandbox.client_creds(&tenant, []).refused(5).says("try again in 18446744073709551615 seconds");
    tenant.next(status(503, &[("retry-after", "Fri, 31 Dec 2100 23:59:59 GMT")], ""));
    sandbox.client_creds(&tenant, []).refused(5).says("at 2100-12-31 23:59:59Z");
}

#[test]
fn odd_lifetimes_still_give_the_token_with_a_word_on_it() {
    for (lifetime, known) in
        [(json!("3599"), true), (json!(3599.5), true), (json!(1e18), true), (json!(0), false), (json!(-1), false), (Value::Null, false)]
    {
        let ran = run(token(&[("expires_in", lifetime.clone()), ("unknown", json!({"a": [1]}))]), &["-o", "json"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let object: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(object["expires_in"].is_u64(), known, "{lifetime}: {object}");
        assert_eq!(ran.stderr.contains("warning: the platform named no usable lifetime"), !known, "{ran:?}");
        assert!(object["expires_in"].as_u64().is_none_or(|seconds| seconds <= 365 * 24 * 3600));
    }
}

#[test]
fn server_text_reaches_the_terminal_harmless() {
    let nasty: String = (0..=0x9f).filter_map(char::from_u32).collect();
    let nasty =
        format!("{nasty}\u{1b}]52;c;QQ==\u{7}\u{202e}\u{2028}\n::add-mask::x\n##vso[task.setvariable variable=a]b{}", "z".repeat(100_000));
    let misbehaviour = Misbehaviour::Status {
        status: 400,
        headers: Vec::new(),
        body: json!({"error": nasty, "error_description": nasty, "suberror": nasty, "trace_id": nasty, "correlation_id": nasty, "timestamp": nasty})
            .to_string()
            .into_bytes(),
    };
    for more in [&[][..], &["-vv"], &["--error-format", "json"]] {
        let ran = run(misbehaviour.clone(), more);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""));
        let bad = |character: char| character.is_control() && character != '\n' || matches!(character, '\u{202e}' | '\u{2028}');
        assert!(!ran.stderr.contains(bad), "{:?}", ran.stderr);
        assert!(!ran.stderr.contains("##vso[") && !ran.stderr.contains("::add-mask"), "{}", ran.stderr);
        assert!(ran.stderr.len() < 12_000, "{} bytes", ran.stderr.len());
    }
}

#[test]
fn a_secret_that_a_server_echoes_is_not_shown() {
    let secret = contoso::DAEMON.secret;
    let encoded = secret.replace('~', "%7E");
    let body =
        json!({"error": "invalid_client", "error_description": format!("You sent {secret} or {encoded}"), "trace_id": secret}).to_string();
    for (misbehaviour, code) in
        [(status(401, &[], body), 3), (status(403, &[], format!("<title>{secret}</title>")), 5), (status(200, &[], secret), 5)]
    {
        let ran = run(misbehaviour, &["-vv"]);
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(!ran.stderr.contains(secret) && !ran.stderr.contains(&encoded), "{ran:?}");
    }
}

#[test]
fn a_wait_that_the_server_asks_for_is_kept() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    tenant.next(status(429, &[("retry-after", "2")], "{}"));
    let start = Instant::now();
    sandbox.client_creds(&tenant, []).token();
    assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn a_connection_that_cannot_be_made_is_tried_again() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    tenant.allow_idle();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    // It listens again a moment later, and answers with a refusal.
    let server = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        let (mut stream, _) = std::net::TcpListener::bind(address).unwrap().accept().unwrap();
        std::io::Read::read(&mut stream, &mut [0; 4096]).unwrap();
        let body = "{\"error\":\"invalid_client\"}";
        let answer = format!("HTTP/1.1 401 No\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        std::io::Write::write_all(&mut stream, answer.as_bytes()).unwrap();
    });
    let parameters = sandbox.parameters(&format!("http://{address}/t"), contoso::DAEMON.client_id, contoso::DAEMON.secret);
    sandbox.client_creds_with(&tenant, &parameters, []).refused(3).says("invalid_client");
    server.join().unwrap();
}

#[test]
fn an_echo_is_masked_wherever_a_text_is_cut() {
    let (tenant, sandbox) = (Tenant::start(), Sandbox::new());
    let secret = contoso::DAEMON.secret;
    for before in [0, 250, 280, 290, 299, 310] {
        let padding = "y".repeat(before);
        for misbehaviour in [
            token(&[("token_type", json!(format!("{padding}{secret}")))]),
            status(200, &[], format!("<title>{padding} {secret}</title>")),
            status(400, &[], json!({"error": "x", "error_description": format!("{padding}{secret}")}).to_string()),
        ] {
            tenant.next(misbehaviour);
            let ran = sandbox.client_creds(&tenant, ["-vv"]);
            assert!(!ran.stderr.contains(&secret[..10]), "{before}: {ran:?}");
        }
    }
}
