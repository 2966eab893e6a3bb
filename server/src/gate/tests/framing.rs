//! Requests that are not quite HTTP, or more than is allowed: each has exactly one answer, reaches no handler, and
//! ends its connection.

use super::*;

/// Sends the bytes, and checks that they are refused with this status at once, not by a deadline.
fn refused(bench: &Bench, bytes: impl AsRef<[u8]>, status: u16) {
    let bytes = bytes.as_ref();
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned();
    let before = bench.seen().len();
    let answer = bench.send(bytes);
    assert_eq!(statuses(&answer), [status], "{shown:?} was answered {answer:?}");
    assert!(answer.contains("Connection: close\r\n") && answer.contains("X-Request-Id: "), "{answer:?}");
    assert!(answer.contains(r#"{"error":{"#) && answer.contains("Date: "), "{answer:?}");
    assert_eq!(bench.seen().len(), before, "{shown:?} reached a handler");
}

/// Limits that are long, so that nothing in these tests is decided by a deadline.
fn bench() -> Bench {
    Bench::new(Limits::default())
}

/// A request with these header lines, each with its own end, behind `Host`.
fn with(headers: &str) -> String {
    format!("POST /echo HTTP/1.1\r\nHost: h\r\n{headers}\r\n")
}

#[test]
fn a_bare_line_feed_is_refused() {
    let bench = bench();
    refused(&bench, "GET /echo HTTP/1.1\nHost: h\n\n", 400);
    refused(&bench, "GET /echo HTTP/1.1\r\nHost: h\n\r\n", 400);
    refused(&bench, "GET /echo HTTP/1.1\r\nHost: h\r\n\n", 400);
    refused(&bench, "\nGET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 400);
}

#[test]
fn a_bare_carriage_return_is_refused() {
    let bench = bench();
    refused(&bench, with("X: a\rContent-Length: 3\r\n"), 400);
    refused(&bench, "GET /echo HTTP/1.1\rHost: h\r\n\r\n", 400);
    refused(&bench, with("X: a\r\r\n"), 400);
}

#[test]
fn folded_lines_and_leading_spaces_are_refused() {
    let bench = bench();
    refused(&bench, with("X: a\r\n b\r\n"), 400);
    refused(&bench, with("X: a\r\n\tb\r\n"), 400);
    refused(&bench, "GET /echo HTTP/1.1\r\n Host: h\r\n\r\n", 400);
    refused(&bench, " GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 400);
    refused(&bench, with(" \r\n"), 400);
}

#[test]
fn names_of_headers_are_tokens_right_before_the_colon() {
    let bench = bench();
    for line in ["Content-Length : 3", "X\t: 3", ": 3", "no colon", "X(: 3", "X Y: 3", "\"X\": 3", "X@: 3"] {
        refused(&bench, with(&format!("{line}\r\n")), 400);
    }
}

#[test]
fn values_with_control_characters_or_beyond_ascii_are_refused() {
    let bench = bench();
    for byte in [0_u8, 1, 8, 11, 12, 27, 127, 128, 200, 255] {
        let mut bytes = b"GET /echo HTTP/1.1\r\nHost: h\r\nX: a".to_vec();
        bytes.push(byte);
        bytes.extend_from_slice(b"b\r\n\r\n");
        refused(&bench, bytes, 400);
    }
    refused(&bench, with("X: é\r\n"), 400);
}

#[test]
fn a_length_is_digits_only() {
    let bench = bench();
    for length in ["+3", "-1", "3x", "x", "", " ", "0x3", "3 3", "3,3", "3, 3", "3;", "1e1", "3.0", "３"] {
        refused(&bench, with(&format!("Content-Length: {length}\r\n")) + "abc", 400);
    }
}

#[test]
fn one_length_or_none() {
    let bench = bench();
    refused(&bench, with("Content-Length: 3\r\nContent-Length: 30\r\n") + "abc", 400);
    refused(&bench, with("Content-Length: 3\r\nContent-Length: 3\r\n") + "abc", 400);
    refused(&bench, with("Content-Length: 3\r\nCONTENT-LENGTH: 0\r\n") + "abc", 400);
}

#[test]
fn a_length_beside_a_transfer_encoding_is_refused() {
    let bench = bench();
    refused(&bench, with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400);
    refused(&bench, with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") + "0\r\n\r\n", 400);
    refused(&bench, with("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n") + "0\r\n\r\n", 400);
}

#[test]
fn the_one_transfer_encoding_is_chunked() {
    let bench = bench();
    let others = [
        "gzip",
        "gzip, chunked",
        "chunked, chunked",
        "chunked, identity",
        "identity",
        "xchunked",
        "chunked;q=1",
    ];
    for encoding in others.into_iter().chain(["", "\"chunked\"", "chunke", "chunked,", "\tchunked x"]) {
        refused(&bench, with(&format!("Transfer-Encoding: {encoding}\r\n")) + "0\r\n\r\n", 400);
    }
    refused(&bench, with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400);
    refused(&bench, "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
}

#[test]
fn there_is_one_host() {
    let bench = bench();
    refused(&bench, "GET /echo HTTP/1.1\r\n\r\n", 400);
    refused(&bench, "GET /echo HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400);
    refused(&bench, "GET /echo HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", 400);
}

#[test]
fn other_versions_of_http_are_told_so() {
    let bench = bench();
    for version in ["HTTP/2.0", "HTTP/3.0", "HTTP/0.9", "HTTP/1.2"] {
        refused(&bench, format!("GET /echo {version}\r\nHost: h\r\n\r\n"), 505);
    }
    refused(&bench, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
    for version in ["http/1.1", "HTTP/1.10", "HTTP/1", "HTTX/1.1", "HTTP/1.1x", "HTTP/ 1.1", "ICY"] {
        refused(&bench, format!("GET /echo {version}\r\nHost: h\r\n\r\n"), 400);
    }
}

#[test]
fn a_request_line_has_a_method_a_path_and_a_version() {
    let bench = bench();
    let lines = [
        "GET http://elsewhere/echo",
        "GET ftp://h/echo",
        "GET http://user@h/echo",
        "GET h:1",
        "CONNECT h:443",
        "GET *",
        "OPTIONS *x",
        "GET /a#b",
        "GET  /echo",
        "GET /a b",
    ];
    let methods = ["G(T /echo", "/echo", "SEVENTEENLETTERSX /echo", "\u{c9} /echo", "GET\t/echo"];
    for line in lines.into_iter().chain(methods) {
        refused(&bench, format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
    }
    refused(&bench, "GET /echo\r\n\r\n", 400);
    refused(&bench, "GET /echo HTTP/1.1 \r\nHost: h\r\n\r\n", 400);
    assert_eq!(statuses(&bench.send("OPTIONS * HTTP/1.0\r\n\r\n")), [200]);
    let whole = ["GET http://H/echo HTTP/1.1\r\nHost: h\r\nConnection: close", "GET http://h/echo HTTP/1.0"];
    for head in whole {
        assert_eq!(statuses(&bench.send(format!("{head}\r\n\r\n"))), [200], "{head}");
    }
}

#[test]
fn long_targets_long_heads_and_many_headers_are_refused() {
    let bench = bench();
    refused(&bench, format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(8 << 10)), 414);
    refused(&bench, format!("GET /{}", "x".repeat(20 << 10)), 414);
    refused(&bench, with(&format!("X: {}\r\n", "x".repeat(16 << 10))), 431);
    refused(&bench, with(&format!("X: {}", "x".repeat(16 << 10))), 431);
    refused(&bench, with(&"X: y\r\n".repeat(100)), 431);
    let longest = format!("GET /{} HTTP/1.0\r\n\r\n", "x".repeat((8 << 10) - 1));
    assert_eq!(statuses(&bench.send(longest)), [200]);
}

#[test]
fn only_a_hundred_continue_can_be_expected() {
    let bench = bench();
    refused(&bench, with("Content-Length: 3\r\nExpect: 200-ok\r\n"), 417);
    refused(&bench, with("Content-Length: 3\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n"), 417);
    refused(&bench, with("Content-Length: 99999999\r\nExpect: 100-continue\r\n"), 413);
}

#[test]
fn who_sends_on_after_a_refusal_is_listened_to_for_a_moment_and_sees_it() {
    let bench = bench();
    let mut socket = bench.connect();
    socket.write_all(with("Content-Length: 99999999\r\n").as_bytes()).unwrap();
    // A socket that was closed at once would be reset by these bytes, and the answer lost on some systems.
    let sent = socket.write_all(&vec![b'x'; 8 << 20]);
    assert!(sent.is_ok(), "{sent:?}");
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(statuses(&rest(socket)), [413]);
}

#[test]
fn who_waits_for_a_word_before_the_body_gets_it() {
    let bench = bench();
    let mut socket = bench.connect();
    let head = with("Content-Length: 3\r\nExpect: 100-Continue\r\nConnection: close\r\n");
    socket.write_all(head.as_bytes()).unwrap();
    let mut word = [0; 25];
    socket.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
    socket.write_all(b"abc").unwrap();
    assert!(rest(socket).ends_with("\r\n\r\nabc"));
}

#[test]
fn bodies_of_any_method_are_read() {
    let bench = bench();
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "PATCH"] {
        let head = format!("{method} /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 33\r\n\r\n");
        let body = "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n";
        let next = "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        assert_eq!(statuses(&bench.send(format!("{head}{body}{next}"))), [200, 200]);
    }
    assert!(bench.seen().iter().all(|asked| asked.url == "/echo"));
}

#[test]
fn a_body_of_the_largest_size_passes_and_one_byte_more_does_not() {
    let bench = Bench::new(Limits { body: 1 << 20, ..Limits::default() });
    let body = "x".repeat(1 << 20);
    let whole = with(&format!("Content-Length: {}\r\nConnection: close\r\n", body.len()));
    assert_eq!(statuses(&bench.send(whole + &body)), [200]);
    assert_eq!(bench.seen()[0].body.len(), 1 << 20);
    refused(&bench, with("Content-Length: 1048577\r\n"), 413);
    let chunked = with("Transfer-Encoding: chunked\r\n");
    refused(&bench, format!("{chunked}80000\r\n{}\r\n80001\r\n", &body[..1 << 19]), 413);
    refused(&bench, format!("{chunked}100001\r\n"), 413);
}

#[test]
fn large_bodies_share_a_budget_and_small_ones_do_not_need_it() {
    let bench = Bench::new(Limits { bodies: 4_000_000, ..Limits::default() });
    let half = "x".repeat(1 << 20);
    let mut holding = bench.connect();
    let head = with("Content-Length: 2000000\r\n");
    holding.write_all((head + &half).as_bytes()).unwrap();
    thread::sleep(Duration::from_millis(200));
    let answer = bench.send(with("Content-Length: 1000000\r\n") + &half[..1_000_000]);
    assert_eq!(statuses(&answer), [503]);
    assert!(answer.contains("Retry-After: "));
    let small = with("Content-Length: 60000\r\nConnection: close\r\n") + &half[..60_000];
    assert_eq!(statuses(&bench.send(small)), [200]);
    drop(holding);
    assert!(bench.gate.wait_idle(Duration::from_secs(1)));
    let large = with("Content-Length: 1000000\r\nConnection: close\r\n") + &half[..1_000_000];
    assert_eq!(statuses(&bench.send(large)), [200]);
}

#[test]
fn what_is_refused_before_it_is_read_has_its_familys_shape() {
    let bench = Bench::with(Policy { mount: "/draw".into(), limits: short(), ..Policy::default() });
    let long = "x".repeat(20 << 10);
    for (path, member) in [
        ("/generations", "code"),
        ("/draw/api/rest/v1/generations/7", "code"),
        ("/v1/images/imagine", "type"),
        ("/draw/v1/images/7/publish", "type"),
        ("/v1/images/generations", "error.param"),
    ] {
        for rest in [
            "HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n\r\n".into(),
            "HTTP/1.1\r\nHost: h\r\nContent-Length: 3x\r\n\r\n".into(),
            "HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n".into(),
            "HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc".into(),
            "HTTP/1.1\r\nHost: h\r\nX: a".into(),
            format!("HTTP/1.1\r\nHost: h\r\nX: {long}\r\n\r\n"),
            "HTTP/1.1\r\n\r\n".into(),
            "HTTP/2.0\r\nHost: h\r\n\r\n".into(),
        ] {
            let answer = bench.send(format!("POST {path} {rest}"));
            let body: serde_json::Value =
                serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
            let found = member.split('.').try_fold(&body, |value, name| value.get(name));
            assert!(found.is_some(), "{path} {rest:.60}: {body}");
        }
    }
}
