use super::*;
use crate::auth::{base, check_addresses, check_host, check_origin, cors_headers, preflight};

const HOST: &str = "127.0.0.1:8188";

fn host(config: &Config, host: &str) -> Result<(), u16> {
    let request = request(Method::Get, &[("host", host)]);
    check_host(config, config.listen, &request).map_err(|problem| problem.status)
}

/// A request from a page of this origin.
fn from(origin: &str) -> Request {
    request(Method::Post, &[("host", HOST), ("origin", origin)])
}

fn origin(config: &Config, origin: &str) -> Result<(), u16> {
    check_origin(config, &from(origin)).map_err(|problem| problem.status)
}

fn named() -> Config {
    let public_url = Some("https://Draw.Example.org/fulmen/".into());
    Config { public_url, hosts: vec!["box.local".into(), "Other.example".into()], ..config() }
}

#[test]
fn addresses_and_localhost_are_names_of_every_server() {
    let names = ["127.0.0.1", "127.0.0.1:8188", "192.168.1.2:80", "[::1]", "[::1]:8188", "[FE80:0::1]:1"];
    for name in
        names.into_iter().chain(["localhost", "localhost:8188", "LocalHost", "localhost.", "localhost.:1"])
    {
        assert_eq!(host(&config(), name), Ok(()), "{name}");
    }
}

#[test]
fn a_name_that_may_point_anywhere_is_refused() {
    for name in [
        "evil.example",
        "evil.example:8188",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.localhost",
        "127.1",
        "2130706433",
        "0x7f.1",
        "127.0.0.1:x",
        "127.0.0.1:",
        "127.0.0.1:99999",
        "127.0.0.1:+80",
        "[::1",
        "[::1]x",
        "[::1%25eth0]",
        "::1",
        "[127.0.0.1]",
        "[evil.example]",
        "",
        " ",
        ".",
        ":8188",
        "a@127.0.0.1",
        "127.0.0.1/x",
        "127.0.0.1, evil.example",
        "http://127.0.0.1",
        "127.0.0.1\0",
        "draw.example.org",
    ] {
        assert_eq!(host(&config(), name), Err(421), "{name:?}");
    }
}

#[test]
fn a_request_without_a_host_or_with_two_is_refused() {
    let none = request(Method::Get, &[]);
    let two = request(Method::Get, &[("host", HOST), ("host", "evil.example")]);
    let problem = check_host(&config(), config().listen, &none).unwrap_err();
    assert_eq!((problem.status, problem.code), (421, "unknown_host"));
    assert!(problem.message.contains("http://127.0.0.1:8188"), "{}", problem.message);
    assert_eq!(check_host(&config(), config().listen, &two).unwrap_err(), problem);
}

#[test]
fn names_that_the_operator_gave_are_ours() {
    for name in ["draw.example.org", "DRAW.example.org:443", "box.local:8188", "other.EXAMPLE", "box.local."]
    {
        assert_eq!(host(&named(), name), Ok(()), "{name}");
    }
    for name in ["example.org", "xdraw.example.org", "box.local.evil.example", "fulmen"] {
        assert_eq!(host(&named(), name), Err(421), "{name}");
    }
}

#[test]
fn our_own_page_and_programs_without_a_page_may_ask() {
    let plain = request(Method::Post, &[("host", HOST)]);
    check_origin(&config(), &plain).unwrap();
    for page in ["http://127.0.0.1:8188", "https://127.0.0.1:8188", "HTTP://127.0.0.1:8188"] {
        assert_eq!(origin(&config(), page), Ok(()), "{page}");
    }
    for (host, page) in [
        ("localhost", "http://localhost"),
        ("box.local", "https://box.local"),
        ("localhost:80", "http://localhost"),
        ("[::1]:9", "http://[::1]:9"),
        ("[::1]:9", "http://[0:0::1]:9"),
    ] {
        let request = request(Method::Post, &[("host", host), ("origin", page)]);
        assert_eq!(check_origin(&config(), &request), Ok(()), "{host} {page}");
    }
    assert_eq!(origin(&named(), "https://draw.example.org"), Ok(()), "the proxy in front has another name");
}

#[test]
fn pages_of_other_sites_may_not_change_anything() {
    for page in [
        "null",
        "",
        "https://evil.example",
        "http://127.0.0.1",
        "http://127.0.0.1:8189",
        "http://localhost:8188",
        "file://",
        "http://127.0.0.1:8188/",
        "http://127.0.0.1:8188.evil.example",
        "http://127.0.0.1:8188@evil.example",
        "127.0.0.1:8188",
        "chrome-extension://abc",
        "http://draw.example.org",
        "https://draw.example.org:444",
    ] {
        let problem = check_origin(&named(), &from(page)).unwrap_err();
        assert_eq!((problem.status, problem.code), (403, "foreign_origin"), "{page}");
        for method in [Method::Delete, Method::Other] {
            assert!(check_origin(&named(), &Request { method, ..from(page) }).is_err(), "{page} {method:?}");
        }
        for method in [Method::Get, Method::Head, Method::Options] {
            assert!(check_origin(&named(), &Request { method, ..from(page) }).is_ok(), "{page} {method:?}");
        }
    }
}

#[test]
fn of_two_origins_both_must_be_allowed() {
    let two = [("host", HOST), ("origin", "http://127.0.0.1:8188"), ("origin", "https://evil.example")];
    assert!(check_origin(&config(), &request(Method::Post, &two)).is_err());
}

#[test]
fn cors_is_off_unless_an_origin_was_named() {
    assert_eq!(cors_headers(&config(), &from("https://app.example")), vec![]);
    assert_eq!(preflight(&config(), &from("https://app.example")).headers, vec![]);
    assert_eq!(origin(&config(), "https://app.example"), Err(403));
}

#[test]
fn the_one_named_origin_may_ask_and_read_and_no_other() {
    let config = Config { cors_origin: Some("https://App.example".into()), ..config() };
    let allowed = from("https://app.example");
    check_origin(&config, &allowed).unwrap();
    let headers = cors_headers(&config, &allowed);
    assert!(headers.contains(&("Access-Control-Allow-Origin", "https://app.example".into())), "{headers:?}");
    assert!(headers.contains(&("Vary", "Origin".into())), "{headers:?}");
    let answer = preflight(&config, &Request { method: Method::Options, ..allowed });
    assert_eq!(answer.status, 204);
    let value = |name| answer.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
    assert!(value("Access-Control-Allow-Methods").unwrap().contains("DELETE"));
    for name in ["Authorization", "Content-Type", "X-Api-Key"] {
        assert!(value("Access-Control-Allow-Headers").unwrap().contains(name));
    }
    assert_eq!(
        value("Access-Control-Allow-Credentials"),
        None,
        "keys are sent by hand, never by the browser"
    );
    for page in [
        "null",
        "https://evil.example",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example/",
    ] {
        assert_eq!(origin(&config, page), Err(403), "{page}");
        assert_eq!(cors_headers(&config, &from(page)), vec![("Vary", "Origin".to_owned())], "{page}");
        assert_eq!(preflight(&config, &from(page)).headers, vec![("Vary", "Origin".to_owned())], "{page}");
    }
}

#[test]
fn links_begin_with_the_public_url_or_the_host_that_was_asked() {
    assert_eq!(base(&config(), &from("null")), "http://127.0.0.1:8188");
    assert_eq!(base(&named(), &from("null")), "https://Draw.Example.org/fulmen");
}

#[test]
fn options_that_are_no_addresses_are_refused_by_name() {
    check_addresses(&config()).unwrap();
    check_addresses(&named()).unwrap();
    let cors = |origin: &str| Config { cors_origin: Some(origin.into()), ..config() };
    let public = |url: &str| Config { public_url: Some(url.into()), ..config() };
    let hosts = |host: &str| Config { hosts: vec![host.into()], ..config() };
    let wrong = [
        ("--cors-origin", cors("*")),
        ("--cors-origin", cors("null")),
        ("--cors-origin", cors("https://a.example/")),
        ("--cors-origin", cors("a.example")),
        ("--public-url", public("draw.example.org")),
        ("--public-url", public("ftp://a.example")),
        ("--public-url", public("https://a.example?x")),
        ("--public-url", public("https://a.example/?x")),
        ("--public-url", public("https://")),
        ("--host", hosts("")),
        ("--host", hosts("https://a.example")),
        ("--host", hosts("a/b")),
        ("--host", hosts("*")),
    ];
    for (option, config) in wrong {
        let sentence = check_addresses(&config).unwrap_err().to_string();
        assert!(sentence.contains(option), "{option}: {sentence}");
    }
}
