//! Over real sockets: what callers get, and what a crowd of them cannot do.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use super::request::{BODY_LIMIT, HEAD_LIMIT};
use super::*;

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

mod crowds;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn on(address: impl Into<IpAddr>, port: u16) -> SocketAddr {
    SocketAddr::new(address.into(), port)
}

fn connect(port: u16) -> StdStream {
    let stream = StdStream::connect(on(Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    stream
}

/// What comes back until the connection is closed.
fn read_all(mut stream: StdStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

fn ask(port: u16, request: impl AsRef<[u8]>) -> String {
    let mut stream = connect(port);
    stream.write_all(request.as_ref()).unwrap();
    read_all(stream)
}

fn status(answer: &str) -> u16 {
    answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok()).unwrap_or_default()
}

fn get(port: u16, target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n")
}

fn post(port: u16, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: localhost:{port}\r\n{FORM}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Takes the call with the right state, and gives its code.
fn judge(call: &Call) -> Verdict<String> {
    let text = |name| call.parameter(name).map(|value| value.expose().to_owned());
    match (text("state").as_deref(), text("code")) {
        (Some("right"), Some(code)) => Verdict::Taken(code, Page::Done),
        (Some("right"), None) => Verdict::Taken(String::new(), Page::Failed),
        _ => Verdict::NotOurs,
    }
}

fn bind() -> Listener {
    Listener::bind(None).unwrap()
}

/// Waits while callers do their part in a thread of their own; the last of what they do must be a call that is taken.
fn serve<T: Send>(listener: Listener, callers: impl FnOnce(u16) -> T + Send) -> (String, T) {
    let port = listener.port();
    thread::scope(|scope| {
        let callers = scope.spawn(move || callers(port));
        let code = wait(listener, judge);
        (code, callers.join().unwrap())
    })
}

fn wait<T>(listener: Listener, judge: impl FnMut(&Call) -> Verdict<T>) -> T {
    let waiting = async { timeout(Duration::from_secs(10), listener.wait("/", judge)).await };
    runtime().block_on(waiting).expect("no call was taken").unwrap()
}

#[test]
fn a_post_and_a_get_are_taken_in_both_families() {
    for address in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
        for method in ["POST", "GET"] {
            let listener = bind();
            if address.is_ipv6() && listener.sockets.len() == 1 {
                continue;
            }
            let (code, answer) = serve(listener, |port| {
                let form = "code=a%2Bb%20c+d%3d&state=right&empty&&session_state=";
                let request = if method == "POST" { post(port, form) } else { get(port, &format!("/?{form}")) };
                let mut stream = StdStream::connect(on(address, port)).unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
                stream.write_all(request.as_bytes()).unwrap();
                read_all(stream)
            });
            assert_eq!(code, "a+b c d=");
            assert_eq!(status(&answer), 200);
            assert!(answer.contains("You have signed in"), "{answer}");
        }
    }
}

#[test]
fn the_page_says_how_it_went_and_nothing_of_the_call() {
    let (code, answer) = serve(bind(), |port| ask(port, post(port, "state=right&error=%3Cb%3Ecanary")));
    assert_eq!(code, "");
    let (head, page) = answer.split_once("\r\n\r\n").unwrap();
    assert!(page.contains("You are not signed in") && !answer.contains("canary"), "{answer}");
    for header in [
        "Content-Type: text/html; charset=utf-8",
        &format!("Content-Length: {}", page.len()),
        "Connection: close",
        "Cache-Control: no-store",
        "Referrer-Policy: no-referrer",
        "X-Content-Type-Options: nosniff",
    ] {
        assert!(head.lines().any(|line| line == header), "{header}: {head}");
    }
    let policy = head.lines().find_map(|line| line.strip_prefix("Content-Security-Policy: ")).unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.ends_with("'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"), "{policy}");
    assert!(!head.contains("Access-Control"));
}

/// Requests that are not taken, each with the status that it gets.
fn refused(port: u16) -> Vec<(u16, String)> {
    let host = format!("Host: localhost:{port}");
    let good = "state=right&code=stolen";
    let with = |line: &str, headers: &str| format!("{line}\r\n{headers}\r\n\r\n");
    let to = |host: &str| with(&format!("GET /?{good} HTTP/1.1"), host);
    let form = |headers: &str, body: &str| format!("POST / HTTP/1.1\r\n{host}\r\n{headers}\r\n\r\n{body}");
    let length = good.len();
    let mut cases = vec![
        (400, get(port, "/")),
        (400, get(port, "/?state=wrong&code=x")),
        (400, get(port, "/?code=x")),
        (400, get(port, "/?state=right&state=right&code=x")),
        (400, get(port, "/?state=right&code=x&code=y")),
        (400, get(port, "/?state=right&code=x&c%6Fde=y")),
        (400, get(port, "/?state=right&code=%zz")),
        (400, get(port, "/?state=right&code=%f")),
        (400, get(port, "/?state=right&code=%ff")),
        (400, get(port, &format!("/?{good}&{}", (0..63).map(|number| format!("p{number}&")).collect::<String>()))),
        (400, post(port, "state=wrong&code=x")),
        (400, post(port, "state=right&code=x&code=x")),
        // The address of a POST is not its form.
        (400, post(port, "code=x").replace("POST /", "POST /?state=right")),
        (404, get(port, &format!("/favicon.ico?{good}"))),
        (404, get(port, &format!("//?{good}"))),
        (404, get(port, &format!("/%2f?{good}"))),
        (421, get(port, &format!("http://evil.example:{port}/?{good}"))),
        (421, get(port, &format!("http://a@localhost:{port}/?{good}"))),
        (421, get(port, &format!("https://localhost:{port}/?{good}"))),
        (400, get(port, &format!("localhost:{port}"))),
        (400, get(port, &format!("/?{good}#x"))),
        (421, to("X: y")),
        (421, to("Host: localhost")),
        (421, to(&format!("Host: localhost:{}", port.wrapping_add(1)))),
        (421, to(&format!("Host: localhost:0{port}"))),
        (421, to(&format!("Host: localhost.:{port}"))),
        (421, to(&format!("Host: evil.example:{port}"))),
        (421, to(&format!("Host: localhost:{port}.evil.example"))),
        (421, to(&format!("{host}\r\n{host}"))),
        (400, to(&format!("{host}\r\n{FORM}\r\nContent-Length: {length}"))),
        (400, to(&format!("{host}\r\nno colon"))),
        (400, to(&format!("{host}\r\nX : y"))),
        (400, to(&format!("{host}\r\nX: a\r\n b"))),
        (400, "\u{16}\u{3}\u{1}".to_owned()),
        (400, "GET / HTTP/2.0\r\n\r\n".to_owned()),
        (400, "GET /\r\n\r\n".to_owned()),
        (431, to(&format!("{host}\r\nX: {}", "x".repeat(HEAD_LIMIT)))),
        (431, to(&format!("{host}\r\n{}X: y", "A: b\r\n".repeat(101)))),
        (411, form(FORM, "")),
        (413, form(&format!("{FORM}\r\nContent-Length: {}", BODY_LIMIT + 1), &"x".repeat(BODY_LIMIT + 1))),
        (413, form(&format!("{FORM}\r\nContent-Length: 99999999999999999999999"), good)),
        (415, form(&format!("Content-Length: {length}"), good)),
        (415, form(&format!("Content-Type: text/plain\r\nContent-Length: {length}"), good)),
        (415, form(&format!("{FORM}-x\r\nContent-Length: {length}"), good)),
        (415, form(&format!("{FORM}\r\nContent-Encoding: gzip\r\nContent-Length: {length}"), good)),
        (417, form(&format!("{FORM}\r\nExpect: more\r\nContent-Length: {length}"), good)),
        (501, form(&format!("{FORM}\r\nTransfer-Encoding: chunked"), "0\r\n\r\n")),
        (501, form(&format!("{FORM}\r\nTransfer-Encoding: chunked\r\nContent-Length: {length}"), good)),
        (400, form(&format!("{FORM}\r\nContent-Length: {length}\r\nContent-Length: {length}"), good)),
    ];
    for odd in ["", "+23", "-1", "0x17", "23, 23", "2 3", "23.0"] {
        cases.push((400, form(&format!("{FORM}\r\nContent-Length: {odd}"), good)));
    }
    for method in ["PUT", "OPTIONS", "HEAD", "DELETE", "TRACE", "get"] {
        cases.push((405, with(&format!("{method} /?{good} HTTP/1.1"), &host)));
    }
    cases
}

#[test]
fn what_is_not_the_call_is_told_so_and_the_wait_goes_on() {
    let (code, answers) = serve(bind(), |port| {
        let answers: Vec<_> = refused(port).into_iter().map(|(expected, request)| (expected, ask(port, &request), request)).collect();
        ask(port, post(port, "state=right&code=good"));
        answers
    });
    assert_eq!(code, "good");
    for (expected, answer, request) in answers {
        assert_eq!(status(&answer), expected, "{}", request.get(..200).unwrap_or(&request));
        assert_eq!(answer.contains("Allow: GET, POST\r\n"), expected == 405);
        assert_eq!(answer.contains("This is not the answer that is waited for"), expected != 405);
        assert!(!answer.contains("stolen") && !answer.contains("right"), "{answer}");
    }
}

#[test]
fn every_name_of_this_machine_and_every_sound_form_is_good() {
    type Form = fn(u16) -> String;
    let good = "/?state=right&code=x";
    let forms: [Form; 8] = [
        |port| get(port, "/?state=right&code=x").replace("localhost", "LocalHost"),
        |port| get(port, "/?state=right&code=x").replace("localhost", "127.0.0.1"),
        |port| get(port, "/?state=right&code=x").replace("localhost", "[::1]"),
        |port| get(port, &format!("HTTP://LOCALHOST:{port}/?state=right&code=x")),
        |port| get(port, &format!("http://127.0.0.1:{port}?state=right&code=x")),
        |port| get(port, "/?state=right&code=x").replace("HTTP/1.1", "HTTP/1.0"),
        |port| post(port, "state=right&code=x").replace("urlencoded", "urlencoded ; charset=UTF-8").replace("Content-", "cONTENT-"),
        // What some send after a form is not part of it.
        |port| post(port, "state=right&code=x") + "\r\n",
    ];
    for (number, form) in forms.into_iter().enumerate() {
        let (code, answer) = serve(bind(), |port| ask(port, form(port)));
        assert_eq!((code.as_str(), status(&answer)), ("x", 200), "{number} {good}");
    }
}

#[test]
fn a_call_may_come_in_pieces_and_ask_for_a_word() {
    let (code, answer) = serve(bind(), |port| {
        let mut stream = connect(port);
        stream.set_nodelay(true).unwrap();
        let request = post(port, "state=right&code=slow");
        for byte in request.as_bytes() {
            stream.write_all(&[*byte]).unwrap();
        }
        read_all(stream)
    });
    assert_eq!((code.as_str(), status(&answer)), ("slow", 200));
    let (code, answer) = serve(bind(), |port| {
        let mut stream = connect(port);
        let request = post(port, "state=right&code=x").replace("\r\n\r\n", "\r\nExpect: 100-Continue\r\n\r\n");
        let (head, body) = request.split_at(request.find("state").unwrap());
        stream.write_all(head.as_bytes()).unwrap();
        let mut word = [0; 25];
        stream.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(body.as_bytes()).unwrap();
        read_all(stream)
    });
    assert_eq!((code.as_str(), status(&answer)), ("x", 200));
}

#[test]
fn who_is_turned_away_while_talking_is_heard_out() {
    serve(bind(), |port| {
        let mut stream = connect(port);
        stream.write_all(post(port, "").replace("Length: 0", "Length: 1000000").as_bytes()).unwrap();
        for _ in 0..5 {
            // A connection that was closed is broken by the first of these, and cannot take the next.
            stream.write_all(&[b'x'; 10_000]).unwrap();
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(status(&read_all(stream)), 413);
        ask(port, post(port, "state=right&code=x"));
    });
}

#[test]
fn the_port_is_closed_when_the_wait_is_over_or_given_up() {
    let refuses = |port| {
        [on(Ipv4Addr::LOCALHOST, port), on(Ipv6Addr::LOCALHOST, port)]
            .iter()
            .all(|address| StdStream::connect(address).is_err_and(|error| error.kind() != ErrorKind::TimedOut))
    };
    let listener = bind();
    let port = listener.port();
    let idle = connect(port);
    let mut stream = connect(port);
    stream.write_all(post(port, "state=right&code=x").as_bytes()).unwrap();
    let runtime = runtime();
    runtime.block_on(async {
        timeout(Duration::from_secs(10), listener.wait("/", judge)).await.unwrap().unwrap();
        assert!(refuses(port));
        // At once, and not when the runtime gets to it.
        assert_eq!(read_all(idle), "");
    });
    let listener = bind();
    let port = listener.port();
    let idle = connect(port);
    runtime.block_on(async {
        assert!(timeout(Duration::from_millis(50), listener.wait("/", judge)).await.is_err());
        assert!(refuses(port));
        tokio::task::yield_now().await;
    });
    assert_eq!(read_all(idle), "");
    // And it can be had again at once, by us or by anybody.
    drop(Listener::bind(Some(port)).unwrap());
}

#[test]
fn a_port_that_somebody_has_is_in_use() {
    let both = bind().sockets.len() == 2;
    let mut addresses = vec!["127.0.0.1:0", "0.0.0.0:0"];
    if both {
        addresses.extend(["[::1]:0", "[::]:0"]);
    }
    if !cfg!(target_os = "linux") {
        // Elsewhere one address and all addresses are different things.
        addresses.retain(|address| address.contains('1'));
    }
    for address in addresses {
        let other = StdListener::bind(address).unwrap();
        let port = other.local_addr().unwrap().port();
        let error = Listener::bind(Some(port)).unwrap_err();
        assert!(matches!(error, BindError::InUse { port: named } if named == port), "{address}: {error:?}");
    }
    let ours = bind();
    for address in ["127.0.0.1", "0.0.0.0", "::1", "::"] {
        let address: IpAddr = address.parse().unwrap();
        if (both || address.is_ipv4()) && (cfg!(target_os = "linux") || address.is_loopback()) {
            assert!(StdListener::bind(on(address, ours.port())).is_err(), "{address}");
        }
    }
    assert!(matches!(Listener::bind(Some(ours.port())), Err(BindError::InUse { .. })));
}

#[test]
fn any_port_is_one_that_is_free_in_both_families() {
    let mut half_free = Vec::new();
    let Ok(busy) = StdListener::bind(on(Ipv6Addr::LOCALHOST, 0)) else { return };
    let port = busy.local_addr().unwrap().port();
    // What happens when the system's pick for IPv4 is taken for IPv6.
    assert!(matches!(pair(port, &mut half_free), Err(BindError::InUse { .. })));
    assert_eq!(half_free.pop().unwrap().local_addr().unwrap(), on(Ipv4Addr::LOCALHOST, port));
    let listener = bind();
    let ports: Vec<u16> = listener.sockets.iter().map(|socket| socket.local_addr().unwrap().port()).collect();
    assert_eq!(ports, [listener.port(); 2]);
}

#[test]
fn debug_shows_no_value_of_a_call() {
    let listener = bind();
    let port = listener.port();
    let mut stream = connect(port);
    stream.write_all(post(port, "canary-name=canary-value").as_bytes()).unwrap();
    let shown = wait(listener, |call| Verdict::Taken(format!("{call:?}"), Page::Done));
    assert_eq!(shown, "Call { method: Post, .. }");
}
