//! Forms as they are sent, and what is none.

use proptest::prelude::*;

use super::*;

const TYPE: &str = "multipart/form-data; boundary=XyZ";

/// Name, whether it is a file, and bytes of each part; or what is wrong.
fn read(media_type: &str, body: &[u8]) -> Result<Vec<(String, bool, Vec<u8>)>, String> {
    let parts = parts(media_type, body).map_err(|problem| {
        assert_eq!((problem.status, problem.code), (400, "invalid_form"));
        problem.message
    })?;
    Ok(parts.into_iter().map(|part| (part.name, part.is_file, part.bytes.to_vec())).collect())
}

fn part(disposition: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("--XyZ\r\nContent-Disposition: {disposition}\r\n\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

fn form(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), b"--XyZ--\r\n".to_vec()].concat()
}

#[test]
fn texts_and_files_come_as_they_were_sent() {
    let picture = b"\x89PNG\r\n\x1a\n\r\n--Xy\r\n\0";
    let body = form(&[
        part("form-data; name=\"prompt\"", "a cat, \u{1f408}".as_bytes()),
        part("form-data; name=\"image[]\"; filename=\"C:\\a\\\"b\\\".png\"", picture),
        part("Form-Data; NAME=n", b""),
        part("form-data; filename*=UTF-8''%e2%82%ac.png; name=\"mask\"", b"\r\n"),
    ]);
    let expected = [
        ("prompt", false, "a cat, \u{1f408}".as_bytes()),
        ("image[]", true, picture),
        ("n", false, b""),
        ("mask", true, b"\r\n"),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(name, is_file, bytes)| (name.to_owned(), is_file, bytes.to_vec()))
        .collect();
    assert_eq!(read(TYPE, &body).as_ref(), Ok(&expected));
    assert_eq!(read("Multipart/Form-Data;charset=utf-8; Boundary=\"XyZ\"", &body).as_ref(), Ok(&expected));
    let [before, without_end] = [[b"\r\n", &body[..]].concat(), body[..body.len() - 2].to_vec()];
    assert_eq!(read(TYPE, &before).as_ref(), Ok(&expected));
    assert_eq!(read(TYPE, &without_end).as_ref(), Ok(&expected));
    assert_eq!(read(TYPE, b"--XyZ--"), Ok(vec![]));
}

#[test]
fn what_is_no_form_is_refused_in_a_sentence() {
    let fine = part("form-data; name=\"a\"", b"1");
    let of = |disposition: &str| form(&[part(disposition, b"1")]);
    let with = |line: &str| {
        form(&[format!("--XyZ\r\nContent-Disposition: form-data; name=\"a\"\r\n{line}\r\n\r\n1\r\n")
            .into_bytes()])
    };
    let bodies: &[(&[u8], &str)] = &[
        (b"", "does not begin with its boundary"),
        (b"--XyY--\r\n", "does not begin with its boundary"),
        (b"preamble\r\n--XyZ--\r\n", "does not begin with its boundary"),
        (b"--XyZ--\r\nepilogue", "behind its end"),
        (b"--XyZ\n\n", "line's end"),
        (&fine, "cut off"),
        (&fine[..fine.len() - 2], "cut off"),
        (b"--XyZ\r\n\r\n", "headers that end"),
        (&[&b"--XyZ\r\nX: "[..], &[b'x'; MOST_HEAD], b"\r\n\r\n1\r\n--XyZ--"].concat(), "headers that end"),
        (&[&part("form-data; name=\"a\"", b"1\r\n--XyZa")[..], b"--XyZ--"].concat(), "line's end"),
        (&form(&vec![fine.clone(); MOST_PARTS + 1]), "more than 64 parts"),
        (&of("attachment; name=\"a\""), "Content-Disposition"),
        (&of("form-data"), "Content-Disposition"),
        (&of("form-data; name=\"\""), "Content-Disposition"),
        (&of("form-data; name=\"a"), "Content-Disposition"),
        (&of("form-data; name=\"a\" b"), "Content-Disposition"),
        (&of("form-data; name=\"a\"; name=\"b\""), "Content-Disposition"),
        (&of(&format!("form-data; name=\"{}\"", "x".repeat(101))), "Content-Disposition"),
        (&with("Content-Disposition: form-data; name=\"b\""), "two"),
        (&with("Content-Transfer-Encoding: base64"), "as it is"),
        (&with("no header"), "is none"),
        (&with("X: \u{1}"), "control characters"),
    ];
    for (body, words) in bodies {
        let said = read(TYPE, body).expect_err(words);
        assert!(said.contains(words), "{said}: {words}");
    }
    for media_type in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"a b \"",
        "multipart/form-data; boundary=a; boundary=b",
        &format!("multipart/form-data; boundary={}", "x".repeat(71)),
    ] {
        assert!(read(media_type, &form(&[])).unwrap_err().contains("boundary"), "{media_type}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_bytes_a_file_has_they_come_back(contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..5)) {
        let bodies = contents.iter().map(|bytes| part("form-data; name=\"f\"; filename=\"f\"", bytes));
        let body = form(&bodies.collect::<Vec<_>>());
        let expected: Vec<_> = contents.into_iter().map(|bytes| ("f".to_owned(), true, bytes)).collect();
        prop_assert_eq!(read(TYPE, &body), Ok(expected));
    }

    #[test]
    fn no_bytes_make_it_panic(media_type in ".{0,40}", body in prop::collection::vec(prop_oneof![
        Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'"'), Just(b':'), Just(b';'), Just(b'='), Just(b'\\'), any::<u8>()
    ], 0..200)) {
        let _ = read(&media_type, &body);
        let _ = read(TYPE, &[b"--XyZ\r\nContent-Disposition:", &body[..]].concat());
        let _ = read(TYPE, &[b"--XyZ\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n", &body[..]].concat());
    }

    #[test]
    fn a_form_that_is_cut_off_is_never_taken_for_a_whole_one(cut in 0usize..120) {
        let body = form(&[part("form-data; name=\"a\"", b"1"), part("form-data; name=\"b\"", b"2")]);
        // The last line's end may be missing.
        let cut = cut.min(body.len() - 3);
        prop_assert!(read(TYPE, &body[..cut]).is_err());
    }
}
