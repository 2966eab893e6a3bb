//! Bodies in chunks.

use super::super::chunked::Chunked;
use super::*;

/// A request whose body is these bytes, chunks and all.
fn post(chunks: &str) -> String {
    format!(
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\nConnection: close\r\n\r\n{chunks}"
    )
}

/// What a body decodes to, the bytes given in two parts that are split at `split`.
fn decoded(bytes: &[u8], split: usize) -> Result<Vec<u8>, &'static str> {
    let (mut chunked, mut body) = (Chunked::new(), vec![]);
    let (first, second) = bytes.split_at(split);
    let mut used = chunked.decode(first, &mut body)?;
    if used == first.len() {
        used += chunked.decode(second, &mut body)?;
    }
    if chunked.is_done() && used == bytes.len() { Ok(body) } else { Err("is not the whole body") }
}

#[test]
fn chunks_reach_the_handler_as_one_body_with_a_length() {
    let bench = Bench::new(Limits::default());
    let answer = bench.send(post(
        "5\r\nhello\r\n000001;name=value\r\n \r\nA\r\nbig worlds\r\n0\r\nX-Trailer: dropped\r\n\r\n",
    ));
    assert!(answer.ends_with("\r\n\r\nhello big worlds"), "{answer}");
    let asked = bench.seen().remove(0);
    assert_eq!(asked.header("content-length"), Some("16"));
    assert!(asked.header("transfer-encoding").is_none() && asked.header("x-trailer").is_none());
}

#[test]
fn bad_chunks_have_one_answer_and_reach_no_handler() {
    let bench = Bench::new(Limits::default());
    let bad_sizes = [
        "x\r\n",
        "\r\n",
        "-1\r\na",
        "+1\r\na",
        "0x1\r\na",
        "1 \r\na",
        " 1\r\na",
        "1 ;a\r\nb",
        "1,\r\na",
        ";a\r\n",
    ];
    let bad_ends = [
        "1\r\nab\r\n0\r\n\r\n",
        "1\r\na0\r\n\r\n",
        "1\r\na\n0\r\n\r\n",
        "1\na\r\n0\r\n\r\n",
        "1\r\na\r0\r\n\r\n",
    ];
    let bad_trailers = [
        "0\r\nno colon\r\n\r\n",
        "0\r\n: x\r\n\r\n",
        "0\r\nX : y\r\n\r\n",
        "0\r\n x: y\r\n\r\n",
        "0\r\nX: \0\r\n\r\n",
    ];
    for chunks in bad_sizes.into_iter().chain(bad_ends).chain(bad_trailers) {
        let answer = bench.send(post(chunks) + "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(statuses(&answer), [400], "{chunks:?} was answered {answer:?}");
    }
    assert_eq!(bench.seen().len(), 0);
}

#[test]
fn endless_sizes_extensions_and_trailers_are_cut_short() {
    let bench = Bench::new(Limits::default());
    let long = "f".repeat(20_000);
    for chunks in [long.clone(), format!("0{long}"), format!("1;{long}"), format!("0\r\nX: {long}")] {
        assert_eq!(statuses(&bench.send(post(&chunks))), [400]);
    }
    let many = "1;eleven-more\r\na\r\n".repeat(1000);
    assert_eq!(statuses(&bench.send(post(&many))), [400], "extensions count together");
    let trailers = "X: y\r\n".repeat(4000);
    assert_eq!(statuses(&bench.send(post(&format!("0\r\n{trailers}")))), [400], "trailers count together");
    assert_eq!(bench.seen().len(), 0);
}

#[test]
fn a_size_beyond_all_numbers_is_refused() {
    let bench = Bench::new(Limits::default());
    for (size, status) in [("fffffffffffffff", 413), ("ffffffffffffffff", 400), ("10000000000000000", 400)] {
        assert_eq!(statuses(&bench.send(post(&format!("{size}\r\na")))), [status], "{size}");
    }
}

#[test]
fn where_the_bytes_are_split_changes_nothing() {
    let whole = b"5;x=y\r\nhello\r\n00c\r\n, two worlds\r\n0\r\nA: b\r\nC:\r\n\r\n";
    for split in 0..=whole.len() {
        assert_eq!(decoded(whole, split).as_deref(), Ok(&b"hello, two worlds"[..]), "split at {split}");
    }
    for end in 0..whole.len() {
        assert!(decoded(&whole[..end], end / 2).is_err(), "{end} bytes are not the whole body");
    }
}

#[test]
fn what_follows_a_body_is_left_for_the_next_request() {
    let (mut chunked, mut body) = (Chunked::new(), vec![]);
    assert_eq!(chunked.decode(b"1\r\na\r\n0\r\n\r\nGET", &mut body), Ok(11));
    assert!(chunked.is_done() && body == b"a");
}
