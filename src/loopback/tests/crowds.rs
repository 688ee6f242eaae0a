//! Many who call at once: idle, slow, hostile, or more than there is room for.

use super::*;

#[test]
fn those_who_are_idle_slow_or_gone_delay_nobody() {
    let (_, took) = serve(bind(), |port| {
        let mut crowd: Vec<StdStream> = (0..300).map(|_| connect(port)).collect();
        for (number, stream) in crowd.iter_mut().enumerate() {
            let beginning = match number % 4 {
                0 => String::new(),
                1 => "GET /?state=ri".to_owned(),
                2 => post(port, "state=right&code=slow").trim_end_matches("slow").to_owned(),
                _ => format!("{}X: ", get(port, "/").trim_end_matches("\r\n")),
            };
            stream.write_all(beginning.as_bytes()).unwrap();
        }
        drop(crowd.drain(..50));
        let start = Instant::now();
        assert_eq!(status(&ask(port, post(port, "state=right&code=x"))), 200);
        let took = start.elapsed();
        // The others are hung up on, not left to wait.
        for mut stream in crowd {
            let end = stream.read(&mut [0]).map_err(|error| error.kind());
            assert!(matches!(end, Ok(0) | Err(ErrorKind::ConnectionReset)), "{end:?}");
        }
        took
    });
    assert!(took < Duration::from_millis(500), "{took:?}");
}

#[test]
fn a_connection_has_its_time_and_no_more() {
    let mut listener = bind();
    listener.limits.time = Duration::from_millis(150);
    serve(listener, |port| {
        let start = Instant::now();
        let (idle, mut slow) = (connect(port), connect(port));
        slow.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        assert_eq!((read_all(idle), read_all(slow)), (String::new(), String::new()));
        assert!((Duration::from_millis(140)..Duration::from_secs(2)).contains(&start.elapsed()));
        // A byte now and then buys no more.
        let mut drip = connect(port);
        let start = Instant::now();
        while drip.write_all(b"\r\n").is_ok() && start.elapsed() < Duration::from_secs(2) {
            thread::sleep(Duration::from_millis(20));
        }
        assert!(start.elapsed() < Duration::from_secs(1));
        ask(port, post(port, "state=right&code=x"));
    });
}

#[test]
fn beyond_the_limit_the_oldest_gives_way() {
    let mut listener = bind();
    listener.limits.connections = 8;
    serve(listener, |port| {
        let mut crowd: Vec<StdStream> = (0..12).map(|_| connect(port)).collect();
        let young = crowd.split_off(4);
        for old in crowd {
            assert_eq!(read_all(old), "");
        }
        for mut stream in young {
            stream.write_all(get(port, "/").as_bytes()).unwrap();
            assert_eq!(status(&read_all(stream)), 400);
        }
        ask(port, post(port, "state=right&code=x"));
    });
}

#[test]
fn a_flood_of_false_calls_drowns_no_true_one() {
    let calls = AtomicUsize::new(0);
    let (code, took) = serve(bind(), |port| {
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    // Until the port is closed.
                    while let Ok(mut stream) = StdStream::connect(on(Ipv4Addr::LOCALHOST, port)) {
                        let sent = stream.write_all(post(port, "state=wrong&code=bad").as_bytes());
                        let mut answer = Vec::new();
                        let read = sent.and_then(|()| stream.read_to_end(&mut answer));
                        if read.is_err() || answer.is_empty() {
                            break;
                        }
                        assert!(answer.starts_with(b"HTTP/1.1 400 "));
                        calls.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            while calls.load(Ordering::Relaxed) < 2_000 {
                thread::sleep(Duration::from_millis(1));
            }
            let start = Instant::now();
            assert_eq!(status(&ask(port, post(port, "state=right&code=good"))), 200);
            start.elapsed()
        })
    });
    assert_eq!(code, "good");
    assert!(took < Duration::from_millis(900), "{took:?}");
}

#[test]
fn the_first_call_wins_and_no_second_is_judged() {
    let listener = bind();
    let port = listener.port();
    let judged = AtomicUsize::new(0);
    let streams: Vec<StdStream> = (0..5)
        .map(|number| {
            let mut stream = connect(port);
            stream.write_all(post(port, &format!("state=right&code={number}")).as_bytes()).unwrap();
            stream
        })
        .collect();
    let counting = |call: &Call| {
        judged.fetch_add(1, Ordering::Relaxed);
        judge(call)
    };
    wait(listener, counting);
    assert_eq!(judged.load(Ordering::Relaxed), 1);
    let answers = streams.into_iter().map(|mut stream| {
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    });
    assert_eq!(answers.filter(|answer| !answer.is_empty()).count(), 1);
}

#[test]
fn a_browser_that_does_not_read_holds_nothing_up() {
    let listener = bind();
    let port = listener.port();
    let mut silent = connect(port);
    silent.write_all(post(port, "state=right&code=x").as_bytes()).unwrap();
    // More than was announced, which must not cost the page either.
    silent.write_all(&[b'x'; 5000]).unwrap();
    let start = Instant::now();
    assert_eq!(wait(listener, judge), "x");
    assert!(start.elapsed() < Duration::from_millis(100), "{:?}", start.elapsed());
    let answer = read_all(silent);
    assert!(answer.ends_with("</html>\n"), "{answer}");
}

#[test]
fn where_nothing_can_be_accepted_the_oldest_makes_room() {
    let runtime = runtime();
    runtime.block_on(async {
        let listener = bind();
        let clients = [connect(listener.port()), connect(listener.port())];
        let mut doors = Doors::new(listener.sockets).unwrap();
        let mut guests = Guests::new(Expected::new("/", listener.port), listener.limits);
        for _ in &clients {
            guests.receive(doors.accept().await.unwrap());
        }
        // A caller who has gone before it was let in costs nobody anything.
        guests.make_room(&ErrorKind::ConnectionAborted.into()).await;
        assert_eq!(guests.running.len(), 2);
        guests.make_room(&io::Error::other("too many open files")).await;
        assert_eq!(guests.running.len(), 1);
        let [old, young] = clients;
        assert_eq!(read_all(old), "");
        young.set_nonblocking(true).unwrap();
        assert_eq!((&young).read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        guests.make_room(&io::Error::other("too many open files")).await;
        let start = Instant::now();
        guests.make_room(&io::Error::other("too many open files")).await;
        assert!(start.elapsed() >= ACCEPT_PAUSE);
    });
}
