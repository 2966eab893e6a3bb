use super::*;

/// Whether a body with these headers is read, and if not, why.
fn read(headers: &[(&str, &str)], body: &[u8]) -> Result<(), (u16, String)> {
    let mut request = request(None, body);
    request.headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Values::of(&request, TABLE).map(drop).map_err(|problem| (problem.status, problem.message))
}

const JSON: &str = r#"{"prompt": "a cat"}"#;

#[test]
fn a_compressed_body_is_refused_by_name() {
    for (encoding, named) in
        [("gzip", "gzip"), ("GZIP", "GZIP"), ("br", "br"), ("identity, deflate", "deflate")]
    {
        let (status, message) = read(&[("content-encoding", encoding)], b"\x1f\x8b\x08\0").unwrap_err();
        assert_eq!(status, 415, "{encoding}");
        assert!(message.contains("compressed") && message.contains(named), "{message}");
    }
    for (body, named) in [(&b"\x1f\x8b\x08\0\0"[..], "gzip"), (b"\x28\xb5\x2f\xfd\0", "zstd")] {
        let (status, message) = read(&[], body).unwrap_err();
        assert!(status == 415 && message.contains(named), "{status}: {message}");
    }
    for none in ["identity", "", "Identity"] {
        assert_eq!(read(&[("content-encoding", none)], JSON.as_bytes()), Ok(()), "{none}");
    }
}

#[test]
fn a_body_in_another_alphabet_is_told_which_it_is() {
    let (little, big) = (u16::to_le_bytes, u16::to_be_bytes);
    let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> { JSON.encode_utf16().flat_map(bytes).collect() };
    let utf32 =
        |bytes: fn(u32) -> [u8; 4]| -> Vec<u8> { JSON.chars().map(u32::from).flat_map(bytes).collect() };
    for (body, named) in [
        (utf16(little), "UTF-16"),
        (utf16(big), "UTF-16"),
        ([b"\xff\xfe".to_vec(), utf16(little)].concat(), "UTF-16"),
        ([b"\xfe\xff".to_vec(), utf16(big)].concat(), "UTF-16"),
        (utf32(u32::to_le_bytes), "UTF-32"),
        (utf32(u32::to_be_bytes), "UTF-32"),
        ([b"\xff\xfe\0\0".to_vec(), utf32(u32::to_le_bytes)].concat(), "UTF-32"),
        ([b"\xef\xbb\xbf".to_vec(), JSON.into()].concat(), "byte order mark"),
        (b"{\"prompt\": \"caf\xe9\"}".to_vec(), "byte 15 is 0xe9"),
    ] {
        let (status, message) = read(&[("content-type", "application/json")], &body).unwrap_err();
        assert_eq!(status, 400, "{message}");
        assert!(message.contains(named) && message.contains("UTF-8"), "{message}");
    }
}

#[test]
fn an_alphabet_that_is_only_said_matters_where_it_makes_a_difference() {
    let said = |charset: &str, body: &str| read(&[("content-type", charset)], body.as_bytes());
    for charset in ["utf-8", "UTF-8", "\"utf8\"", "us-ascii", "iso-8859-1", "utf-16"] {
        assert_eq!(said(&format!("application/json; charset={charset}"), JSON), Ok(()), "{charset}");
    }
    let accents = r#"{"prompt": "café"}"#;
    assert_eq!(said("application/json; charset=UTF-8", accents), Ok(()));
    let (status, message) = said("application/json; charset=iso-8859-1", accents).unwrap_err();
    assert!(status == 415 && message.contains("iso-8859-1") && message.contains("UTF-8"), "{message}");
}
