use std::fs;

use tempfile::TempDir;

use super::*;
use crate::auth::{Keyring, hex, keyring};
use crate::http::Client;
use crate::problem::Problem;

/// SHA-256 of `abc`, from the standard's own example (FIPS 180-4).
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A file of keys with this text.
fn file(text: &str) -> (TempDir, Keys) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    fs::write(&file, text).unwrap();
    (folder, Keys { file: Some(file), ..Keys::default() })
}

fn line(name: &str, key: &str) -> String {
    format!("{name}:{}\n", hex::encode(keyring::digest(key)))
}

fn ring(text: &str) -> Keyring {
    Keyring::open(&file(text).1).unwrap()
}

/// Why a file with this text is refused.
fn refused(text: &str) -> String {
    let (_folder, keys) = file(text);
    let sentence = Keyring::open(&keys).unwrap_err().to_string();
    assert!(sentence.contains(keys.file.unwrap().to_str().unwrap()), "{sentence}");
    sentence
}

/// Whose a request with this header is, or the status it is refused with.
fn owner(ring: &Keyring, headers: &[(&str, &str)]) -> Result<String, u16> {
    ring.owner(&request(Method::Get, headers)).map_err(|problem| problem.status)
}

#[test]
fn without_keys_everybody_is_local() {
    let ring = Keyring::open(&Keys::default()).unwrap();
    assert!(ring.is_open());
    assert_eq!(owner(&ring, &[]), Ok("local".into()));
    assert_eq!(
        owner(&ring, &[("x-api-key", "any")]),
        Ok("local".into()),
        "clients send one whether asked or not"
    );
}

#[test]
fn a_key_is_taken_from_both_headers() {
    let ring = ring(&format!("# ours\n\nann:{ABC}\n  bob:{}  \r\n", hex::encode(keyring::digest("two"))));
    assert!(!ring.is_open());
    for headers in
        [[("x-api-key", "abc")], [("authorization", "Bearer abc")], [("authorization", "bEARER   abc ")]]
    {
        assert_eq!(owner(&ring, &headers), Ok("ann".into()), "{headers:?}");
    }
    assert_eq!(owner(&ring, &[("x-api-key", "two")]), Ok("bob".into()));
    // A proxy may need the other header for itself.
    assert_eq!(owner(&ring, &[("authorization", "Basic abc"), ("x-api-key", "two")]), Ok("bob".into()));
    assert_eq!(owner(&ring, &[("x-api-key", ""), ("authorization", "Bearer two")]), Ok("bob".into()));
}

#[test]
fn a_wrong_key_and_a_missing_one_are_answered_alike() {
    let ring = ring(&line("ann", "abc"));
    let missing = ring.owner(&request(Method::Get, &[])).unwrap_err();
    assert_eq!((missing.status, missing.code), (401, "invalid_api_key"));
    for headers in [
        ("x-api-key", "abd"),
        ("x-api-key", ""),
        ("x-api-key", "abcabc"),
        ("x-api-key", ABC),
        ("x-api-key", "Bearer abc"),
        ("authorization", "abc"),
        ("authorization", "Basic abc"),
        ("authorization", "Bearer"),
        ("authorization", "Bearer "),
        ("authorization", "Bearerabc"),
        ("cookie", "x-api-key=abc"),
    ] {
        let wrong = ring.owner(&request(Method::Get, &[headers])).unwrap_err();
        assert_eq!(wrong, missing, "{headers:?}");
    }
}

#[test]
fn who_tries_keys_is_told_to_wait_and_a_right_key_from_the_same_address_is_let_in() {
    let ring = ring(&line("ann", "abc"));
    let from = |address: [u8; 4], headers: &[(&str, &str)]| {
        let client = Client::at(address.into());
        ring.owner(&Request { client, ..request(Method::Get, headers) })
    };
    let (here, there) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    let status = |answer: Result<String, Problem>| answer.map_err(|problem| problem.status);
    for _ in 0..50 {
        assert_eq!(status(from(here, &[])), Err(401), "no key is no wrong key");
    }
    let tried: Vec<_> = (0..30).map(|n| status(from(here, &[("x-api-key", &format!("try{n}"))]))).collect();
    assert!(tried[..10].iter().all(|answer| *answer == Err(401)), "{tried:?}");
    assert!(tried[10..].iter().all(|answer| *answer == Err(429)), "{tried:?}");
    let told = from(here, &[("authorization", "Bearer try")]).unwrap_err();
    assert!(told.code == "too_many_wrong_keys" && told.retry_after.is_some_and(|s| (1..=61).contains(&s)));
    assert_eq!(status(from(here, &[("x-api-key", "abc")])), Ok("ann".into()));
    assert_eq!(
        status(from(here, &[("x-api-key", "wrong"), ("authorization", "Bearer abc")])),
        Ok("ann".into())
    );
    assert_eq!(status(from(there, &[("x-api-key", "try")])), Err(401));
}

#[test]
fn the_key_of_the_environment_is_called_default() {
    let (_folder, keys) = file(&line("ann", "abc"));
    let ring = Keyring::open(&Keys { key: Some("secret".into()), ..keys }).unwrap();
    assert_eq!(owner(&ring, &[("x-api-key", "secret")]), Ok("default".into()));
    assert_eq!(owner(&ring, &[("x-api-key", "abc")]), Ok("ann".into()));
    let alone = Keyring::open(&Keys { key: Some("secret".into()), ..Keys::default() }).unwrap();
    assert!(!alone.is_open());
    assert_eq!(owner(&alone, &[]), Err(401));
}

#[test]
fn a_key_of_the_environment_that_cannot_be_sent_is_refused() {
    for key in ["", " ", "two words", "kéy", "tab\t", "line\n"] {
        let keys = Keys { key: Some(key.into()), ..Keys::default() };
        let sentence = Keyring::open(&keys).unwrap_err().to_string();
        assert!(sentence.contains("FULMEN_API_KEY"), "{sentence}");
        assert!(key.trim().is_empty() || !sentence.contains(key), "a key is not repeated: {sentence}");
    }
}

#[test]
fn a_malformed_line_is_named() {
    let good = line("ann", "abc");
    let wrong = [
        "ann",
        ":",
        "fulmen_this-is-a-key-that-was-pasted-in",
        "bob:abc",
        &format!("bob:{}", &ABC[1..]),
        &format!("bob:{ABC}0"),
        &format!("bob:{}g", &ABC[1..]),
        &format!("bob: {ABC}"),
        &format!(":{ABC}"),
        &format!("b b:{ABC}"),
        &format!("bób:{ABC}"),
        &format!("{}:{ABC}", "b".repeat(65)),
    ];
    for wrong in wrong {
        let sentence = refused(&format!("# first\n{good}{wrong}\n"));
        assert!(sentence.contains("line 3"), "{wrong}: {sentence}");
        assert!(
            wrong.len() < 4 || !sentence.contains(wrong),
            "what may be a key is not repeated: {sentence}"
        );
    }
}

#[test]
fn a_name_or_a_key_that_stands_there_twice_is_refused() {
    let twice = refused(&(line("ann", "abc") + &line("ann", "two")));
    assert!(twice.contains("line 2") && twice.contains("\"ann\""), "{twice}");
    let same = refused(&(line("ann", "abc") + &line("bob", "abc")));
    assert!(same.contains("line 2") && same.contains("\"ann\""), "{same}");
    let (_folder, keys) = file(&line("default", "abc"));
    let both = Keyring::open(&Keys { key: Some("two".into()), ..keys }).unwrap_err().to_string();
    assert!(both.contains("FULMEN_API_KEY") && both.contains("\"default\""), "{both}");
}

#[test]
fn a_file_without_keys_does_not_let_everybody_in() {
    for text in ["", "\n\n", "# ann:00\n"] {
        let sentence = refused(text);
        assert!(sentence.contains("--new-key"), "{sentence}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for file in [folder.path().join("missing"), folder.path().to_owned()] {
        let keys = Keys { file: Some(file.clone()), ..Keys::default() };
        let sentence = Keyring::open(&keys).unwrap_err().to_string();
        assert!(
            sentence.contains(file.to_str().unwrap()) && sentence.contains("cannot be read"),
            "{sentence}"
        );
    }
}

#[test]
fn the_file_of_another_system_is_read() {
    let text = format!("\u{feff}# notepad\r\n\r\nann:{}\r\nb.o_b-2:{ABC}", "AB".repeat(32));
    assert_eq!(owner(&ring(&text), &[("x-api-key", "abc")]), Ok("b.o_b-2".into()));
}

/// What a ring with this key for metrics says of a request to `/metrics`.
fn metrics(ring: &Keyring, headers: &[(&str, &str)]) -> Result<(), u16> {
    ring.reads_metrics(&request(Method::Get, headers)).map_err(|problem| problem.status)
}

#[test]
fn the_metrics_key_opens_metrics_and_nothing_else() {
    let (_folder, keys) = file(&line("ann", "abc"));
    let ring = Keyring::open(&Keys { metrics: Some("numbers".into()), ..keys }).unwrap();
    for headers in [[("x-api-key", "numbers")], [("authorization", "Bearer numbers")]] {
        assert_eq!(metrics(&ring, &headers), Ok(()));
        assert_eq!(owner(&ring, &headers), Err(403), "{headers:?}");
    }
    assert_eq!(metrics(&ring, &[("x-api-key", "abc")]), Ok(()), "who draws may look, too");
    assert_eq!(owner(&ring, &[("x-api-key", "abc")]), Ok("ann".into()));
    for wrong in [&[("x-api-key", "wrong")][..], &[("authorization", "Basic numbers")], &[]] {
        assert_eq!((metrics(&ring, wrong), owner(&ring, wrong)), (Err(401), Err(401)), "{wrong:?}");
    }
}

#[test]
fn where_anybody_draws_a_metrics_key_still_guards_the_metrics() {
    let open = Keyring::open(&Keys::default()).unwrap();
    assert_eq!(metrics(&open, &[]), Ok(()));
    let guarded = Keyring::open(&Keys { metrics: Some("numbers".into()), ..Keys::default() }).unwrap();
    assert!(guarded.is_open());
    assert_eq!(owner(&guarded, &[]), Ok("local".into()));
    assert_eq!(metrics(&guarded, &[]), Err(401));
    assert_eq!(metrics(&guarded, &[("x-api-key", "numbers")]), Ok(()));
}

#[test]
fn a_metrics_key_is_a_key_and_no_other_one() {
    let (_folder, keys) = file(&line("ann", "abc"));
    for (key, said) in
        [("abc", "ann"), ("", "--metrics-key"), ("two words", "--metrics-key"), ("é", "--metrics-key")]
    {
        let sentence =
            Keyring::open(&Keys { metrics: Some(key.into()), ..keys.clone() }).unwrap_err().to_string();
        assert!(sentence.contains(said), "{key:?}: {sentence}");
    }
}

#[test]
fn the_header_of_azure_s_clients_is_read_too() {
    let ring = ring(&line("ann", "abc"));
    assert_eq!(owner(&ring, &[("api-key", "abc")]), Ok("ann".into()));
    assert_eq!(owner(&ring, &[("api-key", "wrong")]), Err(401));
}
