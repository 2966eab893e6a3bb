use super::*;
use crate::auth::{base, check_addresses, check_host};
use crate::http::LOCAL_ADDRESS;

fn host(config: &Config, host: &str) -> Result<(), u16> {
    let request = request(Method::Get, &[("host", host)]);
    check_host(config, false, config.listen, &request).map_err(|problem| problem.status)
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
    let problem = check_host(&config(), false, config().listen, &none).unwrap_err();
    assert_eq!((problem.status, problem.code), (421, "unknown_host"));
    assert!(problem.message.contains("http://127.0.0.1:8188"), "{}", problem.message);
    assert_eq!(check_host(&config(), false, config().listen, &two).unwrap_err(), problem);
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
fn where_keys_are_needed_every_name_is_served() {
    let check = |headers: &[(&str, &str)]| {
        let asked = request(Method::Get, headers);
        check_host(&config(), true, config().listen, &asked).map_err(|problem| problem.status)
    };
    for name in [
        "evil.example",
        "fulmen",
        "fulmen:8188",
        "host.docker.internal",
        "box.lan",
        "x.localhost",
        "a_b:1",
        "",
        "[::1]:9",
    ] {
        assert_eq!(check(&[("host", name)]), Ok(()), "{name}");
    }
    assert_eq!(check(&[]), Ok(()), "HTTP/1.0 has none");
    for name in ["a b", "a@b", "a/b", "a:b", "a:1:2", "[::1", "a\"b", "<a>", "a,b", "..", "a:99999"] {
        assert_eq!(check(&[("host", name)]), Err(400), "{name}");
    }
    assert_eq!(check(&[("host", "a"), ("host", "a")]), Err(400));
}

/// What a link begins with in the answer to a request with these headers.
fn link(config: &Config, headers: &[(&str, &str)]) -> String {
    base(config, config.listen, &request(Method::Get, headers))
}

#[test]
fn links_begin_with_the_public_url_or_the_host_that_was_asked() {
    assert_eq!(link(&config(), &[("host", HOST)]), "http://127.0.0.1:8188");
    assert_eq!(link(&config(), &[("host", " fulmen:8188 ")]), "http://fulmen:8188");
    assert_eq!(link(&named(), &[("host", HOST)]), "https://Draw.Example.org/fulmen");
    let forwarded = [("host", HOST), ("x-forwarded-host", "a.example"), ("x-forwarded-prefix", "/b")];
    assert_eq!(
        link(&named(), &forwarded),
        "https://Draw.Example.org/fulmen",
        "the operator's word is the last one"
    );
}

#[test]
fn without_a_host_links_lead_to_where_the_client_came_in() {
    let unspecified = Config { listen: ([0, 0, 0, 0], 8188).into(), ..config() };
    let headers = [(LOCAL_ADDRESS, "192.168.1.5:8188")];
    assert_eq!(link(&unspecified, &headers), "http://192.168.1.5:8188");
    assert_eq!(link(&unspecified, &[("host", ""), headers[0]]), "http://192.168.1.5:8188");
    assert_eq!(link(&config(), &[]), "http://127.0.0.1:8188");
}

#[test]
fn links_begin_with_what_a_trusted_proxy_was_called() {
    let (host, https) = (("host", "fulmen"), ("x-forwarded-proto", "https"));
    assert_eq!(link(&config(), &[host, https]), "https://fulmen");
    assert_eq!(
        link(&config(), &[host, https, ("x-forwarded-host", "a.example:8443")]),
        "https://a.example:8443"
    );
    assert_eq!(link(&config(), &[host, ("x-forwarded-proto", "gopher")]), "http://fulmen");
    for (prefix, said) in [("/draw", "/draw"), ("/a/b/", "/a/b"), ("/", ""), ("", "")] {
        assert_eq!(
            link(&config(), &[host, ("x-forwarded-prefix", prefix)]),
            format!("http://fulmen{said}"),
            "{prefix}"
        );
    }
    // What the client sent stands before what the proxy added.
    let two = [host, ("x-forwarded-host", "evil.example, a.example"), ("x-forwarded-proto", "http, https")];
    assert_eq!(link(&config(), &two), "https://a.example");
    let lines = [host, ("x-forwarded-host", "evil.example"), ("x-forwarded-host", "a.example")];
    assert_eq!(link(&config(), &lines), "http://a.example");
}

#[test]
fn nothing_in_a_link_can_end_it() {
    let host = ("host", "fulmen");
    for wrong in ["a b", "a\"b", "a/b", "a?b", "a#b", "a@b", "a<b", "a\r\nb", "a'b", "a\\b", ","] {
        assert_eq!(link(&config(), &[host, ("x-forwarded-host", wrong)]), "http://fulmen", "{wrong}");
        assert_eq!(link(&config(), &[("host", wrong)]), "http://127.0.0.1:8188", "{wrong}");
    }
    for wrong in
        ["draw", "//evil.example", "/a//b", "/../a", "/a/..", "/a?b", "/a#b", "/a\"b", "/a b", "/a'b", "/<a>"]
    {
        assert_eq!(link(&config(), &[host, ("x-forwarded-prefix", wrong)]), "http://fulmen", "{wrong}");
    }
}

#[test]
fn options_that_are_no_addresses_are_refused_by_name() {
    check_addresses(&config()).unwrap();
    check_addresses(&named()).unwrap();
    for url in ["https://a.example", "https://a.example/", "http://a.example:81/b/c", "https://[::1]/b~c/"] {
        check_addresses(&Config { public_url: Some(url.into()), ..config() }).unwrap();
    }
    let public = |url: &str| Config { public_url: Some(url.into()), ..config() };
    let hosts = |host: &str| Config { hosts: vec![host.into()], ..config() };
    let wrong = [
        ("--public-url", public("draw.example.org")),
        ("--public-url", public("ftp://a.example")),
        ("--public-url", public("https://a.example?x")),
        ("--public-url", public("https://a.example/?x")),
        ("--public-url", public("https://")),
        ("--public-url", public("https://a.example/a b")),
        ("--public-url", public("https://a.example//b")),
        ("--public-url", public("https://a.example/b/../c")),
        ("--public-url", public("https://a.example/\"b")),
        ("--public-url", public("https://user@a.example")),
        ("--public-url", public("tauri://a.example")),
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
