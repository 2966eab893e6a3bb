//! What well-behaved clients ask, and what they get.

use super::*;

#[test]
fn a_request_passes_through_as_it_was_and_its_answer_comes_back() {
    let bench = Bench::new(short());
    let head = "POST /echo?a=1 HTTP/1.1\r\nHost: h:1\r\nX-Own: one\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
    let answer = bench.send(format!("{head}hello"));
    assert_eq!(statuses(&answer), [200]);
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer:?}");
    let asked = bench.seen().remove(0);
    assert_eq!(
        (asked.method.as_str(), asked.url.as_str(), asked.body.as_slice()),
        ("POST", "/echo?a=1", &b"hello"[..])
    );
    assert_eq!(asked.header("host"), Some("h:1"));
    assert_eq!(asked.header("x-own"), Some("one"));
    assert_eq!(asked.header("connection"), Some("close"));
    let id = asked.header(REQUEST_ID).unwrap();
    assert!(answer.contains(&format!("X-Request-Id: {id}\r\n")), "{answer:?} has another id than {id}");
    assert!(!answer.to_lowercase().contains("tiny"), "{answer:?} says what answers behind the gate");
}
