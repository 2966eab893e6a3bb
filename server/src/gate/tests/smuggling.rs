//! A second request hidden in the first one: under no reading may the handler see two where the client hears of
//! one, or see the hidden one.

use super::*;

const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n";

/// Sends headers, a body and the hidden request: one answer, at most one request, and never the hidden one.
fn nothing_is_smuggled(headers: &str, body: &str) {
    let bench = Bench::new(Limits::default());
    let answer = bench.send(format!("POST /echo HTTP/1.1\r\nHost: h\r\n{headers}\r\n{body}{HIDDEN}"));
    assert_eq!(statuses(&answer), [400], "{headers:?} was answered {answer:?}");
    assert_eq!(bench.seen().len(), 0, "{headers:?} reached a handler: {:?}", bench.seen());
}

#[test]
fn behind_a_length_with_a_letter() {
    nothing_is_smuggled("Content-Length: 3x\r\n", "abc");
}

#[test]
fn behind_a_negative_length() {
    nothing_is_smuggled("Content-Length: -1\r\n", "");
}

#[test]
fn behind_a_length_with_a_plus() {
    nothing_is_smuggled("Content-Length: +3\r\n", "abc");
}

#[test]
fn between_two_lengths() {
    nothing_is_smuggled("Content-Length: 0\r\nContent-Length: 33\r\n", "");
    nothing_is_smuggled("Content-Length: 33\r\nContent-Length: 0\r\n", "");
    nothing_is_smuggled("Content-Length: 0, 33\r\n", "");
}

#[test]
fn between_a_length_and_chunks() {
    nothing_is_smuggled("Content-Length: 38\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n");
    nothing_is_smuggled("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "21\r\n");
}

#[test]
fn behind_an_encoding_that_only_looks_like_chunked() {
    let encodings =
        ["xchunked", "chunked, identity", "identity", "gzip", "chunked;", " chunked\u{b}", "chunked\0"];
    for encoding in encodings {
        nothing_is_smuggled(&format!("Transfer-Encoding: {encoding}\r\n"), "0\r\n\r\n");
    }
}

#[test]
fn behind_an_encoding_with_a_crooked_name() {
    let names =
        ["Transfer-Encoding ", " Transfer-Encoding", "Transfer-Encoding\t", "X: y\rTransfer-Encoding"];
    for name in names {
        nothing_is_smuggled(&format!("{name}: chunked\r\n"), "0\r\n\r\n");
        nothing_is_smuggled(&format!("Content-Length: 5\r\n{name}: chunked\r\n"), "0\r\n\r\n");
    }
    nothing_is_smuggled("X: y\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n");
    nothing_is_smuggled("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n");
}

#[test]
fn in_a_chunk_with_a_false_end() {
    nothing_is_smuggled("Transfer-Encoding: chunked\r\n", "1\r\nabc\r\n0\r\n\r\n");
    nothing_is_smuggled("Transfer-Encoding: chunked\r\n", "1\nX\r\n0\r\n\r\n");
    nothing_is_smuggled("Transfer-Encoding: chunked\r\n", "zz\r\n\r\n");
    nothing_is_smuggled("Transfer-Encoding: chunked\r\n", "0\r\n \r\n\r\n");
    nothing_is_smuggled("Transfer-Encoding: chunked\r\n", "1;a=\"\n\"\r\nX\r\n0\r\n\r\n");
}

#[test]
fn behind_a_header_that_only_looks_like_a_length() {
    // A name of its own, and so no length: what follows is, for everybody, the next request.
    let bench = Bench::new(Limits::default());
    let first = "POST /echo HTTP/1.1\r\nHost: h\r\nContent_Length: 33\r\nConnection: close\r\n\r\n";
    assert_eq!(statuses(&bench.send(format!("{first}{HIDDEN}"))), [200]);
    assert_eq!(bench.seen().len(), 1);
}

#[test]
fn in_an_ordinary_body() {
    let bench = Bench::new(Limits::default());
    let first = format!(
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        HIDDEN.len()
    );
    assert_eq!(statuses(&bench.send(format!("{first}{HIDDEN}"))[..20]), [200]);
    let chunk = format!("{:x}\r\n{HIDDEN}\r\n0\r\n\r\n", HIDDEN.len());
    let second = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    assert_eq!(statuses(&bench.send(format!("{second}{chunk}"))[..20]), [200]);
    let seen = bench.seen();
    assert!(
        seen.len() == 2 && seen.iter().all(|asked| asked.url == "/echo" && asked.body == HIDDEN.as_bytes())
    );
}
