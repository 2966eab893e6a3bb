use super::*;
use crate::address::AllowedOrigin;
use crate::auth::{check_origin, check_origins, preflight};
use crate::config::Keys;
use crate::http::{cors_headers, cors_headers_unread};

/// A request from a page of this origin.
fn from(origin: &str) -> Request {
    request(Method::Post, &[("host", HOST), ("origin", origin)])
}

fn origin(config: &Config, origin: &str) -> Result<(), u16> {
    check_origin(config, false, &from(origin)).map_err(|problem| problem.status)
}

fn allowing(origins: &[&str]) -> Config {
    Config { cors_origins: origins.iter().map(|one| one.parse().unwrap()).collect(), ..config() }
}

fn cors(config: &Config, origin: &str) -> Vec<(&'static str, String)> {
    cors_headers(&config.cors_origins, Some(origin))
}

fn value<'a>(headers: &'a [(&'static str, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
}

#[test]
fn our_own_page_and_programs_without_a_page_may_ask() {
    let plain = request(Method::Post, &[("host", HOST)]);
    check_origin(&config(), false, &plain).unwrap();
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
        assert_eq!(check_origin(&config(), false, &request), Ok(()), "{host} {page}");
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
        let problem = check_origin(&named(), false, &from(page)).unwrap_err();
        assert_eq!((problem.status, problem.code), (403, "foreign_origin"), "{page}");
        for method in [Method::Delete, Method::Other] {
            assert!(
                check_origin(&named(), false, &Request { method, ..from(page) }).is_err(),
                "{page} {method:?}"
            );
        }
        for method in [Method::Get, Method::Head, Method::Options] {
            assert!(
                check_origin(&named(), false, &Request { method, ..from(page) }).is_ok(),
                "{page} {method:?}"
            );
        }
    }
}

#[test]
fn of_two_origins_both_must_be_allowed() {
    let two = [("host", HOST), ("origin", "http://127.0.0.1:8188"), ("origin", "https://evil.example")];
    assert!(check_origin(&config(), false, &request(Method::Post, &two)).is_err());
}

#[test]
fn cors_is_off_unless_an_origin_was_named() {
    assert_eq!(cors(&config(), "https://app.example"), vec![]);
    assert_eq!(cors_headers_unread(&[]), vec![]);
    assert_eq!(preflight(&config(), &from("https://app.example")).headers, vec![]);
    assert_eq!(origin(&config(), "https://app.example"), Err(403));
}

#[test]
fn every_named_origin_may_ask_and_read_and_no_other() {
    let names = ["https://App.example", "tauri://localhost", "moz-extension://*"];
    let config = allowing(&names);
    for page in ["https://app.example", "tauri://localhost", "moz-extension://9b2c"] {
        let allowed = from(page);
        check_origin(&config, false, &allowed).unwrap();
        let headers = cors(&config, page);
        assert_eq!(value(&headers, "Access-Control-Allow-Origin"), Some(page), "{headers:?}");
        assert_eq!(value(&headers, "Vary"), Some("Origin"), "{headers:?}");
        let answer = preflight(&config, &Request { method: Method::Options, ..allowed });
        assert_eq!(answer.status, 204);
        assert!(value(&answer.headers, "Access-Control-Allow-Methods").unwrap().contains("DELETE"));
        for name in ["Authorization", "Content-Type", "X-Api-Key"] {
            assert!(value(&answer.headers, "Access-Control-Allow-Headers").unwrap().contains(name));
        }
        let credentials = value(&answer.headers, "Access-Control-Allow-Credentials");
        assert_eq!(credentials, None, "keys are sent by hand, never by the browser");
    }
    let nothing = vec![("Vary", "Origin".to_owned())];
    for page in [
        "null",
        "https://evil.example",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example/",
        "chrome-extension://9b2c",
    ] {
        assert_eq!(origin(&config, page), Err(403), "{page}");
        assert_eq!(cors(&config, page), nothing, "{page}");
        assert_eq!(preflight(&config, &from(page)).headers, nothing, "{page}");
    }
}

#[test]
fn a_preflight_from_the_internet_into_a_private_network_is_answered_to_the_named_alone() {
    let config = allowing(&["https://app.example"]);
    let asked = |origin: &str| {
        let headers =
            [("host", HOST), ("origin", origin), ("access-control-request-private-network", "true")];
        preflight(&config, &request(Method::Options, &headers)).headers
    };
    assert_eq!(value(&asked("https://app.example"), "Access-Control-Allow-Private-Network"), Some("true"));
    assert_eq!(value(&asked("https://evil.example"), "Access-Control-Allow-Private-Network"), None);
    let plain = preflight(&config, &from("https://app.example")).headers;
    assert_eq!(value(&plain, "Access-Control-Allow-Private-Network"), None);
}

#[test]
fn every_site_is_let_in_only_where_keys_are_needed() {
    for everybody in ["*", "null"] {
        let open = allowing(&["https://app.example", everybody]);
        let sentence = check_origins(&open).unwrap_err().to_string();
        assert!(sentence.contains("--cors-origin") && sentence.contains("--api-keys"), "{sentence}");
        let no_auth = Config { keys: Keys { no_auth: true, ..Keys::default() }, ..open.clone() };
        assert!(check_origins(&no_auth).is_err());
        let keys = Keys { key: Some("0123456789abcdef".into()), ..Keys::default() };
        check_origins(&Config { keys, ..open }).unwrap();
    }
    check_origins(&allowing(&["https://app.example", "app://*"])).unwrap();
    let every = allowing(&["https://app.example", "*"]);
    assert_eq!(value(&cors(&every, "https://evil.example"), "Access-Control-Allow-Origin"), Some("*"));
    assert_eq!(origin(&every, "null"), Ok(()));
}

#[test]
fn an_answer_to_what_was_never_read_can_be_read_by_whoever_may_have_asked() {
    let unread = |origins: &[&str]| {
        let allowed: Vec<AllowedOrigin> = allowing(origins).cors_origins;
        value(&cors_headers_unread(&allowed), "Access-Control-Allow-Origin").map(str::to_owned)
    };
    assert_eq!(unread(&["https://app.example"]).as_deref(), Some("https://app.example"));
    assert_eq!(unread(&["https://app.example", "tauri://localhost"]).as_deref(), Some("*"));
    assert_eq!(unread(&["app://*"]).as_deref(), Some("*"));
}

#[test]
fn behind_a_trusted_proxy_the_page_is_its_own() {
    let posted = |forwarded: &[(&str, &str)], origin: &str| {
        let headers = [&[("host", HOST), ("origin", origin)], forwarded].concat();
        request(Method::Post, &headers)
    };
    let tls = [("x-forwarded-host", "draw.lan"), ("x-forwarded-proto", "https")];
    let plain = [("x-forwarded-host", "draw.lan"), ("x-forwarded-proto", "http")];
    let check = |keys: bool, forwarded: &[(&str, &str)], origin: &str| {
        check_origin(&config(), keys, &posted(forwarded, origin)).map_err(|problem| problem.status)
    };
    assert_eq!(check(true, &plain, "http://draw.lan"), Ok(()));
    assert_eq!(check(true, &plain, "http://other.lan"), Err(403));
    assert_eq!(check(false, &tls, "https://draw.lan"), Ok(()), "its name was proved by TLS");
    assert_eq!(
        check(false, &plain, "http://draw.lan"),
        Err(403),
        "the name may have been made to point here"
    );
    assert_eq!(check(false, &tls, "http://draw.lan"), Err(403));
    let named = Config { hosts: vec!["draw.lan".into()], ..config() };
    check_origin(&named, false, &posted(&plain, "http://draw.lan")).unwrap();
}
