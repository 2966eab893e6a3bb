//! What well-behaved clients ask, and what they get.

use std::net::Shutdown;

use super::*;

#[test]
fn a_request_passes_through_as_it_was_and_its_answer_comes_back() {
    let bench = Bench::new(short());
    let head = "POST /echo?a=1 HTTP/1.1\r\nHost: h:1\r\nX-Own: one\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
    let answer = bench.send(format!("{head}hello"));
    assert_eq!(statuses(&answer), [200]);
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer:?}");
    let asked = bench.seen().remove(0);
    assert_eq!((asked.method.as_str(), asked.url.as_str()), ("POST", "/echo?a=1"));
    assert_eq!(asked.body, b"hello");
    assert_eq!(asked.header("host"), Some("h:1"));
    assert_eq!(asked.header("x-own"), Some("one"));
    assert_eq!(asked.header("connection"), Some("close"));
    let id = asked.header(REQUEST_ID).unwrap();
    assert!(answer.contains(&format!("X-Request-Id: {id}\r\n")), "{answer:?} has another id than {id}");
    assert!(!answer.to_lowercase().contains("tiny"), "{answer:?} says what answers behind the gate");
}

#[test]
fn headers_of_the_connection_and_of_the_gate_are_not_passed_on() {
    let bench = Bench::new(short());
    let secret = "X-Fulmen-Client: mine\r\nX-Request-Id: mine\r\nUpgrade: websocket\r\nKeep-Alive: 5\r\nTE: trailers\r\n";
    let head = format!(
        "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close, X-Hop, Host\r\nX-Hop: 1\r\n{secret}\r\n"
    );
    assert_eq!(statuses(&bench.send(head)), [200]);
    let asked = bench.seen().remove(0);
    let of = |name| asked.headers.iter().filter(|(key, _)| key == name).collect::<Vec<_>>();
    for name in ["x-hop", "upgrade", "keep-alive", "te"] {
        assert!(of(name).is_empty(), "{name} was passed on: {:?}", asked.headers);
    }
    for name in [TOKEN, REQUEST_ID, "host"] {
        assert!(of(name).len() == 1 && of(name)[0].1 != "mine", "{name}: {:?}", asked.headers);
    }
}

#[test]
fn an_empty_header_value_is_nothing_to_refuse() {
    let bench = Bench::new(short());
    let answer = bench.send("GET /echo HTTP/1.1\r\nHost: h\r\nCookie:\r\nX: \r\nConnection: close\r\n\r\n");
    assert_eq!(statuses(&answer), [200]);
    assert_eq!(bench.seen()[0].header("cookie"), Some(""));
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let bench = Bench::new(short());
    let mut socket = bench.connect();
    for number in 0..20 {
        let body = format!("request {number}");
        write!(socket, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            .unwrap();
        let (head, echoed) = one_answer(&mut socket);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && !head.contains("Connection:"), "{head}");
        assert_eq!(String::from_utf8(echoed).unwrap(), body);
    }
}

#[test]
fn an_http_1_0_client_is_kept_only_if_it_asks() {
    let bench = Bench::new(short());
    let answer = bench.send("GET /echo HTTP/1.0\r\n\r\n");
    assert!(answer.contains("Connection: close\r\n"), "{answer}");
    let mut socket = bench.connect();
    socket.write_all(b"GET /echo HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").unwrap();
    assert!(one_answer(&mut socket).0.contains("Connection: keep-alive\r\n"));
    socket.write_all(b"GET /echo HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(statuses(&rest(socket)), [200]);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let bench = Bench::new(short());
    let one = |body: &str| format!("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n{body}");
    let last = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\nd\r\n0\r\n\r\n";
    let answers = bench.send([one("a"), one("b"), one("c"), last.into()].concat());
    let bodies: Vec<_> = answers.split("\r\n\r\n").skip(1).map(|part| &part[..1]).collect();
    assert_eq!(bodies, ["a", "b", "c", "d"]);
}

#[test]
fn an_empty_line_after_a_body_is_passed_over_once() {
    let bench = Bench::new(short());
    let post = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na\r\n";
    let get = "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    assert_eq!(statuses(&bench.send(format!("{post}{get}"))), [200, 200]);
    assert_eq!(statuses(&bench.send(format!("\r\n\r\n{get}"))), [400]);
}

#[test]
fn a_head_answer_has_a_length_and_no_body() {
    let bench = Bench::new(short());
    let mut socket = bench.connect();
    socket.write_all(b"HEAD /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let answer = rest(socket);
    assert!(answer.contains("Content-Length: 5242880\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    assert!(!answer.contains("Transfer-Encoding"), "{answer}");
    let refused = bench.send("HEAD h/ HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(statuses(&refused), [400]);
}

#[test]
fn an_answer_without_content_has_no_length() {
    let bench = Bench::new(short());
    let answer = bench.send("DELETE /nothing HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"), "{answer}");
    assert!(!answer.contains("Content-Length") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn a_chunked_answer_is_given_its_length() {
    let bench = Bench::new(short());
    let mut socket = bench.connect();
    socket.write_all(b"GET /chunked HTTP/1.1\r\nHost: h\r\nTE: chunked\r\n\r\n").unwrap();
    let (head, body) = one_answer(&mut socket);
    assert!(head.contains("Content-Length: 100000\r\n") && !head.contains("Transfer-Encoding"), "{head}");
    assert_eq!(body, vec![b'y'; 100_000]);
}

#[test]
fn events_arrive_as_they_are_written() {
    let bench = Bench::new(short());
    let started = Instant::now();
    let mut socket = bench.connect();
    socket.write_all(b"GET /events HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let mut seen = String::new();
    while !seen.contains("data: 0\n\n") {
        let mut block = [0; 1024];
        let read = socket.read(&mut block).unwrap();
        seen.push_str(std::str::from_utf8(&block[..read]).unwrap());
    }
    let first = started.elapsed();
    seen.push_str(&rest(socket));
    let last = started.elapsed();
    assert!(
        first + Duration::from_millis(250) < last,
        "the first event came after {first:?}, the last after {last:?}"
    );
    assert!(seen.contains("Transfer-Encoding: chunked\r\n") && seen.ends_with("\r\n0\r\n\r\n"), "{seen}");
}

#[test]
fn an_http_1_0_client_gets_events_without_chunks() {
    let bench = Bench::new(short());
    let answer = bench.send("GET /events HTTP/1.0\r\n\r\n");
    let events = "data: 0\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n";
    assert!(answer.ends_with(&format!("\r\n\r\n{events}")), "{answer}");
    assert!(!answer.contains("Transfer-Encoding"), "{answer}");
}

#[test]
fn a_handler_learns_that_its_client_hung_up() {
    let bench = Bench::new(short());
    let mut socket = bench.connect();
    socket.write_all(b"POST /work HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").unwrap();
    thread::sleep(Duration::from_millis(100));
    assert!(!bench.seen()[0].client.is_gone(), "nobody hung up yet");
    drop(socket);
    assert!(bench.gate.wait_idle(Duration::from_secs(2)), "the handler went on working");
    assert!(bench.seen()[0].client.is_gone());
}

#[test]
fn a_handler_learns_that_the_listener_to_its_events_hung_up() {
    let bench = Bench::new(short());
    let mut socket = bench.connect();
    socket.write_all(b"GET /events?many HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    socket.read_exact(&mut [0; 64]).unwrap();
    drop(socket);
    assert!(bench.gate.wait_idle(Duration::from_secs(2)), "the handler went on writing");
    assert!(bench.seen()[0].client.is_gone());
}

#[test]
fn a_client_that_closed_its_sending_half_counts_as_gone_but_is_answered() {
    let bench = Bench::new(short());
    let mut socket = bench.connect();
    socket.write_all(b"GET /work HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let answer = rest(socket);
    assert!(answer.ends_with("worked"), "{answer:?}");
    assert!(bench.seen()[0].client.is_gone());
}

#[test]
fn a_stopped_gate_finishes_what_it_has_begun() {
    let bench = Bench::new(Limits::default());
    let mut idle = bench.connect();
    let mut working = bench.connect();
    working.write_all(b"GET /nap HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    thread::sleep(Duration::from_millis(100));
    bench.gate.stop_accepting();
    assert!(TcpStream::connect(bench.gate.address()).is_err(), "somebody still listens");
    assert_eq!(idle.read(&mut [0]).unwrap_or(0), 0, "an idle connection is closed");
    assert!(!bench.gate.wait_idle(Duration::from_millis(50)), "a handler is at work");
    let answer = rest(working);
    assert!(answer.contains("Connection: close\r\n") && answer.ends_with("slept"), "{answer}");
    assert!(bench.gate.wait_idle(Duration::from_secs(1)));
}
