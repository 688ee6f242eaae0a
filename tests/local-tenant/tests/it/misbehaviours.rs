//! What can go wrong on purpose, to the byte; and the tenant's complaints about tests.

use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use local_tenant::{Misbehaviour, Tenant};
use serde_json::{Map, json};

use crate::client::{Answer, LOGIN, connect, daemon_form, encode, exchange, get, port, post, request, tls, token_path};

const SCOPE: &str = "https://vault.azure.net/.default";
const DOCUMENT: &str = "/contoso.com/v2.0/.well-known/openid-configuration";

fn raw(tenant: &Tenant) -> (Vec<u8>, bool) {
    let stream = tls(tenant, LOGIN, connect(port(&tenant.origin())));
    exchange(stream, &request("GET", LOGIN, DOCUMENT, &[], ""))
}

#[test]
fn answers_can_be_late_or_other_ones() {
    let tenant = Tenant::start();
    tenant.next(Misbehaviour::Delay(Duration::from_millis(300)));
    let start = Instant::now();
    assert_eq!(get(&tenant, LOGIN, DOCUMENT).status, 200);
    assert!(start.elapsed() >= Duration::from_millis(300));
    let headers = vec![("Retry-After".to_owned(), "7".to_owned())];
    tenant.next(Misbehaviour::Status { status: 503, headers, body: b"busy".to_vec() });
    let answer = get(&tenant, LOGIN, DOCUMENT);
    assert_eq!((answer.status, answer.header("retry-after"), answer.body.as_str()), (503, Some("7"), "busy"));
    assert_eq!(answer.header("content-length"), Some("4"));
    let members = Map::from_iter([("expires_in".to_owned(), json!("3599")), ("ext_expires_in".to_owned(), json!(null))]);
    tenant.next(Misbehaviour::Token(members));
    let json = post(&tenant, LOGIN, &token_path(), &daemon_form(SCOPE)).json();
    assert_eq!((&json["expires_in"], json.get("ext_expires_in")), (&json!("3599"), None));
}

#[test]
fn answers_can_be_cut_at_any_byte() {
    let tenant = Tenant::start();
    for bytes in [0, 1, 9, 100, 700] {
        tenant.next(if bytes == 0 { Misbehaviour::CutBeforeAnswer } else { Misbehaviour::CutAfter(bytes) });
        let (answer, in_order) = raw(&tenant);
        assert_eq!((answer.len(), in_order), (bytes, false));
        assert!(b"HTTP/1.1 200 OK\r\n".starts_with(&answer[..bytes.min(17)]));
    }
    // A shorter answer comes whole, and the connection ends although the client would keep it.
    tenant.next(Misbehaviour::CutAfter(100_000));
    let stream = tls(&tenant, LOGIN, connect(port(&tenant.origin())));
    let (answer, _) = exchange(stream, format!("GET {DOCUMENT} HTTP/1.1\r\nHost: {LOGIN}\r\n\r\n").as_bytes());
    assert!(Answer::parse(&answer).json()["issuer"].is_string());
    assert_eq!(tenant.requests().len(), 6);
}

#[test]
fn answers_can_be_no_http() {
    let tenant = Tenant::start();
    let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort\0".to_vec();
    tenant.next(Misbehaviour::Raw(bytes.clone()));
    assert_eq!(raw(&tenant), (bytes, true));
}

#[test]
fn answers_can_be_endless() {
    let tenant = Tenant::start();
    let endless =
        |limit| Misbehaviour::Endless { head: b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), chunk: b"abc".to_vec(), pause: Duration::ZERO, limit };
    tenant.next(endless(Some(10)));
    let (answer, in_order) = raw(&tenant);
    assert_eq!((answer.as_slice(), in_order), (b"HTTP/1.1 200 OK\r\n\r\nabcabcabca".as_slice(), true));
    assert_eq!(tenant.endless_bytes_sent(), 10);
    tenant.next(endless(None));
    let mut stream = tls(&tenant, LOGIN, connect(port(&tenant.origin())));
    stream.write_all(&request("GET", LOGIN, DOCUMENT, &[], "")).expect("the tenant reads");
    let mut some = [0; 5000];
    stream.read_exact(&mut some).expect("there is more and more");
    drop(stream);
    assert!(tenant.endless_bytes_sent() > 4000);
}

#[test]
fn misbehaviours_wait_for_their_path() {
    let tenant = Tenant::start();
    let status = |status| Misbehaviour::Status { status, headers: Vec::new(), body: Vec::new() };
    tenant.next_for("/token", status(500));
    tenant.next_for(".well-known", status(502));
    tenant.next(status(503));
    assert_eq!(get(&tenant, LOGIN, DOCUMENT).status, 502);
    assert_eq!(get(&tenant, LOGIN, DOCUMENT).status, 503);
    assert_eq!(get(&tenant, LOGIN, DOCUMENT).status, 200);
    assert_eq!(post(&tenant, LOGIN, &token_path(), &daemon_form(SCOPE)).status, 500);
}

#[test]
fn a_connection_carries_several_requests_and_bodies_that_ask_first() {
    let tenant = Tenant::start();
    let mut stream = connect(port(&tenant.http_origin()));
    let body = encode(&daemon_form(SCOPE));
    let mut answers = Vec::new();
    for _ in 0..2 {
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
            token_path(),
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("the tenant reads");
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).expect("the tenant says to go on");
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(body.as_bytes()).expect("the tenant reads");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("the tenant answers");
            answer.extend(byte);
        }
        let length = Answer::parse(&answer).header("content-length").and_then(|length| length.parse().ok());
        stream.read_exact(&mut vec![0; length.expect("a length")]).expect("the tenant answers");
        answers.push(Answer::parse(&answer).status);
    }
    assert_eq!(answers, [200, 200]);
    let recorded = tenant.token_requests();
    assert_eq!(recorded.len(), 2);
    assert_eq!((recorded[1].scheme, recorded[1].via_proxy), ("http", false));
    assert_eq!(recorded[1].field("scope").as_deref(), Some(SCOPE));
    assert_eq!(recorded[1].header("EXPECT"), Some("100-continue"));
}

/// What the tenant says when it is dropped.
fn complaint(tenant: Tenant) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(|| drop(tenant))).err()?;
    Some(panic.downcast_ref::<String>().cloned().unwrap_or_default())
}

#[test]
fn a_test_that_does_not_do_what_it_planned_fails() {
    assert!(complaint(Tenant::start()).is_some_and(|text| text.contains("no request came")));
    let idle = Tenant::start();
    idle.allow_idle();
    assert_eq!(complaint(idle), None);
    let waiting = Tenant::start();
    waiting.next(Misbehaviour::CutAfter(77));
    assert!(complaint(waiting).is_some_and(|text| text.contains("CutAfter(77)")));
    let pointless = Tenant::start();
    pointless.next(Misbehaviour::Token(Map::new()));
    assert_eq!(get(&pointless, LOGIN, "/").status, 404);
    assert!(complaint(pointless).is_some_and(|text| text.contains("Misbehaviour::Token")));
    let used = Tenant::start();
    get(&used, LOGIN, DOCUMENT);
    assert_eq!(complaint(used), None);
}

#[test]
fn what_http_cannot_carry_is_refused_when_it_is_queued() {
    let tenant = Tenant::start();
    tenant.allow_idle();
    for (status, header) in [(99, "x"), (200, "a b")] {
        let headers = vec![(header.to_owned(), String::new())];
        let queued = catch_unwind(AssertUnwindSafe(|| tenant.next(Misbehaviour::Status { status, headers, body: Vec::new() })));
        assert!(queued.is_err(), "{status} {header}");
    }
}
