//! A file as browsers, caches and downloads ask for it.

use super::*;
use crate::http::Client;

const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

fn asked(method: Method, headers: &[(&str, &str)]) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let client = Client::default();
    let request = Request {
        id: "a".into(),
        method,
        path: "/".into(),
        query: vec![],
        headers,
        body: vec![].into(),
        client,
        memory: crate::budget::Memory::default(),
    };
    let file = File {
        media_type: "image/png",
        bytes: b"0123456789".to_vec(),
        modified: Timestamp::from_millisecond(784_111_777_712).unwrap(),
        headers: vec![("Cache-Control", "private".into())],
        share: request.memory.for_answer(10).unwrap(),
    };
    file.answer(&request, Family::OpenAi)
}

fn get(headers: &[(&str, &str)]) -> Answer {
    asked(Method::Get, headers)
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
}

fn body(answer: &Answer) -> &[u8] {
    let Body::Bytes(bytes) = &answer.body else { panic!("a file is bytes") };
    bytes
}

fn own_tag() -> String {
    header(&get(&[]), "ETag").unwrap().to_owned()
}

#[test]
fn the_whole_file_says_what_it_can_be_asked_for_with() {
    for method in [Method::Get, Method::Head] {
        let answer = asked(method, &[]);
        assert_eq!((answer.status, body(&answer)), (200, &b"0123456789"[..]));
        assert_eq!(header(&answer, "Content-Type"), Some("image/png"));
        assert_eq!(header(&answer, "Accept-Ranges"), Some("bytes"));
        assert_eq!(header(&answer, "Last-Modified"), Some(MODIFIED));
        assert_eq!(header(&answer, "Cache-Control"), Some("private"));
        assert!(header(&answer, "ETag").is_some_and(|tag| tag.starts_with('"') && tag.len() > 20));
    }
}

#[test]
fn programs_that_know_of_no_pictures_ask_for_bytes() {
    let answer = get(&[("accept", "application/octet-stream")]);
    assert_eq!((answer.status, body(&answer)), (200, &b"0123456789"[..]));
    assert_eq!(header(&answer, "Content-Type"), Some(BYTES));
    assert_eq!(header(&answer, "Cache-Control"), None, "no cache gives it to others");
    for accept in ["image/*,*/*;q=0.8", "*/*", "application/octet-stream, image/png", ""] {
        assert_eq!(header(&get(&[("accept", accept)]), "Content-Type"), Some("image/png"), "{accept}");
    }
}

#[test]
fn who_has_it_is_sent_nothing() {
    let tag = own_tag();
    let (weak, many) = (format!("W/{tag}"), format!("\"other\", {tag}"));
    for known in [
        &[("if-none-match", tag.as_str())][..],
        &[("if-none-match", weak.as_str())],
        &[("if-none-match", many.as_str())],
        &[("if-none-match", "*")],
        &[("if-modified-since", MODIFIED)],
        &[("if-modified-since", "Sunday, 06-Nov-94 08:49:37 GMT")],
        &[("if-modified-since", "Sun, 06 Nov 2094 08:49:37 GMT")],
        // The tag is asked first.
        &[("if-none-match", tag.as_str()), ("if-modified-since", "Sun, 06 Nov 1970 08:49:37 GMT")],
        &[("if-none-match", tag.as_str()), ("range", "bytes=0-1")],
    ] {
        for method in [Method::Get, Method::Head] {
            let answer = asked(method, known);
            assert_eq!((answer.status, body(&answer)), (304, &b""[..]), "{known:?}");
            assert_eq!(header(&answer, "ETag"), Some(tag.as_str()));
            assert_eq!(header(&answer, "Cache-Control"), Some("private"));
            assert_eq!(header(&answer, "Content-Type"), None);
        }
    }
}

#[test]
fn who_has_another_one_is_sent_it() {
    for unknown in [
        &[("if-none-match", "\"other\"")][..],
        &[("if-none-match", "")],
        &[("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT")],
        &[("if-modified-since", "yesterday")],
        &[("if-none-match", "\"other\""), ("if-modified-since", MODIFIED)],
    ] {
        assert_eq!(get(unknown).status, 200, "{unknown:?}");
    }
}

#[test]
fn a_part_is_sent_where_it_is_asked_for() {
    let tag = own_tag();
    for (more, range, said, bytes) in [
        (&[][..], "bytes=2-4", "bytes 2-4/10", &b"234"[..]),
        (&[], "bytes=7-", "bytes 7-9/10", b"789"),
        (&[], "bytes=-2", "bytes 8-9/10", b"89"),
        (&[("if-range", tag.as_str())], "bytes=0-0", "bytes 0-0/10", b"0"),
        (&[("if-range", MODIFIED)], "bytes=0-0", "bytes 0-0/10", b"0"),
        (&[("if-match", tag.as_str())], "bytes=0-0", "bytes 0-0/10", b"0"),
    ] {
        let answer = get(&[more, &[("range", range)]].concat());
        assert_eq!((answer.status, body(&answer)), (206, bytes), "{more:?} {range}");
        assert_eq!(header(&answer, "Content-Range"), Some(said));
        assert_eq!(header(&answer, "ETag"), Some(tag.as_str()), "of the whole");
    }
}

#[test]
fn the_whole_is_sent_where_a_part_would_not_fit_what_the_client_has() {
    let weak = format!("W/{}", own_tag());
    for headers in [
        &[("range", "bytes=2-4"), ("if-range", "\"other\"")][..],
        &[("range", "bytes=2-4"), ("if-range", weak.as_str())],
        &[("range", "bytes=2-4"), ("if-range", "Sun, 06 Nov 1994 08:49:38 GMT")],
        &[("range", "bytes=2-4"), ("if-range", "x")],
        &[("range", "bytes=2-4"), ("range", "bytes=5-6")],
        &[("range", "bytes=0-1,3-4")],
        &[("range", "chapters=1-2")],
    ] {
        let answer = get(headers);
        assert_eq!((answer.status, body(&answer)), (200, &b"0123456789"[..]), "{headers:?}");
        assert_eq!(header(&answer, "Content-Range"), None);
    }
    assert_eq!(asked(Method::Head, &[("range", "bytes=2-4")]).status, 200, "ranges are of GET alone");
}

#[test]
fn what_is_not_there_is_said_with_the_length() {
    let answer = get(&[("range", "bytes=10-")]);
    assert_eq!(answer.status, 416);
    assert_eq!(header(&answer, "Content-Range"), Some("bytes */10"));
    assert_eq!(header(&answer, "Cache-Control"), None, "an error is not kept");
    assert!(String::from_utf8_lossy(body(&answer)).contains("10 bytes"));
}

#[test]
fn who_wants_another_one_is_told_that_there_is_only_this() {
    let weak = format!("W/{}", own_tag());
    for headers in [
        &[("if-match", "\"other\"")][..],
        &[("if-match", weak.as_str())],
        &[("if-unmodified-since", "Sun, 06 Nov 1994 08:49:36 GMT")],
    ] {
        assert_eq!(get(headers).status, 412, "{headers:?}");
    }
    for headers in [&[("if-match", "*")][..], &[("if-unmodified-since", MODIFIED)]] {
        assert_eq!(get(headers).status, 200, "{headers:?}");
    }
}
