//! The names under which a server is called, by whom, and what its links begin with.

use serde_json::json;
use tempfile::TempDir;

use super::raw::{KEY, Raw, ask, ask_with, send};
use super::server::{Server, command};

const PICTURE: &str = r#"{"prompt": "a red circle", "size": "64x64"}"#;

/// A server that asks for a key.
fn with_key(more: &[&str]) -> (TempDir, Server) {
    let data = tempfile::tempdir().unwrap();
    let server = Server::of(command(data.path(), more).env("FULMEN_API_KEY", KEY));
    (data, server)
}

fn without_key(more: &[&str]) -> (TempDir, Server) {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), more);
    (data, server)
}

fn key() -> String {
    format!("Authorization: Bearer {KEY}")
}

/// The link to a picture that was asked for with these headers.
fn link(server: &Server, headers: &[&str]) -> String {
    let answer = ask_with(server, "POST /v1/images/generations", headers, PICTURE);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"][0]["url"].as_str().unwrap().to_owned()
}

#[test]
fn with_a_key_every_name_is_served_and_links_keep_it() {
    let (_data, server) = with_key(&[]);
    for name in ["fulmen:8188", "host.docker.internal", "box.lan", "a.localhost", "draw.example.org:443"] {
        let host = format!("Host: {name}");
        for path in ["/", "/healthz", "/readyz", "/openapi.json", "/page/page.js"] {
            assert_eq!(ask(&server, &format!("GET {path}"), &[&host]).status, 200, "{name} {path}");
        }
        assert_eq!(ask(&server, "GET /v1/models", &[&host]).status, 401, "{name}");
        assert_eq!(ask(&server, "GET /v1/models", &[&host, &key()]).status, 200, "{name}");
        let link = link(&server, &[&host, &key()]);
        let path = link.strip_prefix(&format!("http://{name}")).unwrap_or_else(|| panic!("{link}"));
        assert_eq!(ask(&server, &format!("GET {path}"), &[&host]).status, 200, "{link}");
    }
    for wrong in ["a b", "a@b", "a/b", "a\"b", "http://a", "a:b", "[::1", "<a>"] {
        let answer = ask(&server, "GET /healthz", &[&format!("Host: {wrong}")]);
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(answer.text().contains("Host"), "{}", answer.text());
    }
}

#[test]
fn the_oldest_health_checks_are_answered_where_keys_are_needed() {
    let (_data, server) = with_key(&[]);
    for (request, status) in [
        ("GET /healthz HTTP/1.0\r\n\r\n", 200),
        ("OPTIONS / HTTP/1.0\r\n\r\n", 204),
        ("OPTIONS * HTTP/1.0\r\n\r\n", 204),
        ("HEAD /readyz HTTP/1.0\r\n\r\n", 200),
        ("GET /v1/models HTTP/1.0\r\n\r\n", 401),
        ("GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
    ] {
        assert_eq!(send(&server, request).status, status, "{request}");
    }
    let length = PICTURE.len();
    let asked = format!(
        "POST /v1/images/generations HTTP/1.0\r\n{}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{PICTURE}",
        key()
    );
    let link = send(&server, asked).json()["data"][0]["url"].as_str().unwrap().to_owned();
    assert!(link.starts_with(&format!("{}/files/", server.url)), "{link}");
}

#[test]
fn without_keys_only_its_own_names_are_served() {
    let (_data, server) = without_key(&["--host", "box.lan"]);
    for (name, status) in [
        ("localhost", 200),
        ("127.0.0.1:1", 200),
        ("box.lan:8188", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("a b", 421),
    ] {
        assert_eq!(ask(&server, "GET /healthz", &[&format!("Host: {name}")]).status, status, "{name}");
    }
    assert_eq!(send(&server, "GET /healthz HTTP/1.0\r\n\r\n").status, 421);
    let forwarded = ["Host: evil.example", "X-Forwarded-Host: localhost", "X-Forwarded-For: 127.0.0.1"];
    assert_eq!(ask(&server, "GET /healthz", &forwarded).status, 421);
}

#[test]
fn what_a_proxy_says_is_believed_of_a_trusted_one_alone() {
    let forwarded =
        ["X-Forwarded-Host: draw.example.org", "X-Forwarded-Proto: https", "X-Forwarded-Prefix: /a"];
    let forwarded = [&forwarded[..], &["X-Forwarded-For: 6.6.6.6, 198.51.100.7"]].concat();
    let (_data, server) = without_key(&["--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "::1"]);
    assert!(link(&server, &forwarded).starts_with(&server.url), "a stranger");
    assert!(!server.log().contains("198.51.100.7"), "{}", server.log());
    let (_data, server) = without_key(&["--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "127.0.0.1"]);
    let link = link(&server, &forwarded);
    assert!(link.starts_with("https://draw.example.org/a/files/"), "{link}");
    let description = ask(&server, "GET /openapi.json", &forwarded).json();
    assert_eq!(description["servers"][0]["url"], "https://draw.example.org/a");
    let log = server.log();
    let line = log.lines().find(|line| line.contains("path=/v1/images/generations")).unwrap();
    assert!(line.contains("client=198.51.100.7") && line.contains("peer=127.0.0.1:"), "{line}");
}

#[test]
fn a_public_url_with_a_path_serves_everything_below_it_and_without_it() {
    let (_data, server) = with_key(&["--public-url", "https://example.org/draw"]);
    for prefix in ["", "/draw"] {
        let page = ask(&server, &format!("GET {prefix}/"), &[]);
        assert!(page.status == 200 && page.text().contains("src=\"page/page.js\""), "{prefix}");
        assert_eq!(ask(&server, &format!("GET {prefix}/page/page.js"), &[]).status, 200, "{prefix}");
        let models = ask(&server, &format!("GET {prefix}/v1/models"), &[&key()]);
        assert_eq!(models.status, 200, "{prefix}");
        let missing = ask(&server, &format!("GET {prefix}/generations/x/y"), &[]);
        assert_eq!(missing.status, 404, "{prefix}");
    }
    let bare = ask(&server, "GET /draw", &[]);
    assert_eq!((bare.status, bare.header("Location")), (308, Some("/draw/")));
    assert_eq!(ask(&server, "GET /drawing/v1/models", &[&key()]).status, 404);
    assert_eq!(ask(&server, "GET /draw/draw/v1/models", &[&key()]).status, 404);
    let link = link(&server, &[&key()]);
    let path = link.strip_prefix("https://example.org").unwrap_or_else(|| panic!("{link}"));
    assert!(path.starts_with("/draw/files/"));
    for path in [path, &path["/draw".len()..]] {
        assert_eq!(ask(&server, &format!("GET {path}"), &[]).status, 200, "{path}");
    }
}

/// The origin whose pages may read an answer.
fn reader(answer: &Raw) -> Option<&str> {
    answer.header("Access-Control-Allow-Origin")
}

#[test]
fn pages_of_every_named_origin_may_ask_and_read_whatever_is_answered() {
    let origins = ["https://one.example", "app://obsidian.md", "tauri://localhost", "chrome-extension://*"];
    let options: Vec<&str> = origins.iter().flat_map(|origin| ["--cors-origin", origin]).collect();
    let (_data, server) = without_key(&options);
    for page in ["https://one.example", "app://obsidian.md", "tauri://localhost", "chrome-extension://abc"] {
        let origin = format!("Origin: {page}");
        let wants = ["Access-Control-Request-Method: POST", "Access-Control-Request-Private-Network: true"];
        for path in ["/v1/images/imagine", "/no/such/path"] {
            let preflight =
                ask(&server, &format!("OPTIONS {path}"), &[&[origin.as_str()][..], &wants].concat());
            assert_eq!((preflight.status, reader(&preflight)), (204, Some(page)), "{path}");
            assert_eq!(preflight.header("Access-Control-Allow-Private-Network"), Some("true"));
            assert!(preflight.header("Access-Control-Allow-Methods").unwrap().contains("POST"));
        }
        let answer = ask_with(&server, "POST /v1/images/generations", &[&origin], PICTURE);
        assert_eq!((answer.status, reader(&answer)), (200, Some(page)));
        for (line, more, status) in [
            ("GET /no/such/path", "X: y", 404),
            ("POST /v1/images/imagine", "Content-Length: 99999999999", 413),
            ("GET /v1/models", "Expect: tea", 417),
        ] {
            let answer = ask(&server, line, &[&origin, more]);
            assert_eq!((answer.status, reader(&answer)), (status, Some(page)), "{line}");
            assert!(answer.header("Access-Control-Expose-Headers").unwrap().contains("Retry-After"));
        }
    }
    for page in ["https://two.example", "null", "app://evil"] {
        let answer = ask_with(&server, "POST /v1/images/generations", &[&format!("Origin: {page}")], PICTURE);
        assert_eq!((answer.status, reader(&answer)), (403, None), "{page}");
        let answer = ask(
            &server,
            "POST /v1/images/imagine",
            &[&format!("Origin: {page}"), "Content-Length: 99999999999"],
        );
        assert_eq!((answer.status, reader(&answer)), (413, None), "{page}");
    }
}

#[test]
fn every_site_is_let_in_only_where_a_key_is_asked_for() {
    let data = tempfile::tempdir().unwrap();
    for origin in ["*", "null"] {
        let refused = command(data.path(), &["--cors-origin", origin]).output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            refused.status.code() == Some(2) && said.contains("--cors-origin") && said.contains("key"),
            "{said}"
        );
    }
    let (_data, server) = with_key(&["--cors-origin", "*"]);
    let origin = "Origin: https://anything.example";
    assert_eq!(reader(&ask(&server, "GET /v1/models", &[origin, &key()])), Some("*"));
    assert_eq!(ask(&server, "GET /v1/models", &[origin]).status, 401);
    let body = json!({"prompt": "a red circle", "size": "64x64", "response_format": "b64_json"}).to_string();
    assert_eq!(
        ask_with(&server, "POST /v1/images/generations", &["Origin: null", &key()], &body).status,
        200
    );
}
