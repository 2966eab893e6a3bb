//! Keys: made at the same time, guessed, and too short to be safe.

use std::process::Stdio;
use std::time::Duration;

use super::server::{Answer, Server, command};

/// `GET /v1/jobs`, with these headers.
fn ask(server: &Server, headers: &[(&str, &str)]) -> Answer {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let agent: ureq::Agent = config.timeout_global(Some(Duration::from_secs(60))).build().into();
    let request = agent.get(format!("{}/v1/jobs", server.url));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let (parts, mut body) = request.call().unwrap().into_parts();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.read_to_vec().unwrap() }
}

#[test]
fn of_eight_programs_that_make_a_key_at_once_each_keeps_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let make = |name: &str| {
        let mut command = command(folder.path(), &["--api-keys", file.to_str().unwrap(), "--new-key", name]);
        command.stdout(Stdio::piped()).spawn().unwrap()
    };
    let makers: Vec<_> = (0..8).map(|number| make(&format!("key{number}"))).collect();
    let key = |maker: std::process::Child| {
        let made = maker.wait_with_output().unwrap();
        assert!(made.status.success(), "{made:?}");
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    };
    let keys: Vec<String> = makers.into_iter().map(key).collect();
    let server = Server::start(&folder.path().join("data"), &["--api-keys", file.to_str().unwrap()]);
    for key in keys {
        assert_eq!(ask(&server, &[("x-api-key", &key)]).status, 200, "{}", server.log());
    }
}

#[test]
fn who_tries_keys_is_told_to_wait_wherever_a_proxy_says_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let key = fulmen_server::new_key("ada", Some(&file)).unwrap().key;
    let arguments = ["--api-keys", file.to_str().unwrap(), "--trusted-proxy", "127.0.0.1"];
    let server = Server::start(&folder.path().join("data"), &arguments);
    let from = |client: &str, key: &str| ask(&server, &[("x-forwarded-for", client), ("x-api-key", key)]);
    let statuses: Vec<u16> = (0..20).map(|n| from("198.51.100.7", &format!("guess-{n}")).status).collect();
    assert_eq!(statuses, [[401; 10], [429; 10]].concat());
    let refused = from("198.51.100.7", "guess");
    let seconds: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=61).contains(&seconds) && refused.json()["error"]["type"] == "rate_limit_error");
    assert_eq!(from("198.51.100.7", &key).status, 200, "somebody else behind the same address");
    assert_eq!(from("198.51.100.8", "guess").status, 401);
    assert!(!server.log().contains("guess"), "a key that may be right but for a letter is not logged");
    assert!(server.logs("198.51.100.7"), "the operator is told");
}

#[test]
fn a_short_key_is_for_this_machine_alone() {
    let data = tempfile::tempdir().unwrap();
    let with = |arguments: &[&str]| {
        let mut command = command(data.path(), arguments);
        command.env("FULMEN_API_KEY", "fifteen-letters");
        command
    };
    let refused = with(&["--listen", "0.0.0.0:0"]).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("FULMEN_API_KEY") && !said.contains("fifteen-letters"), "{said}");
    let server = Server::of(&mut with(&[]));
    assert_eq!(ask(&server, &[("x-api-key", "fifteen-letters")]).status, 200);
    assert!(server.logs("FULMEN_API_KEY has fewer than 16 characters"), "{}", server.log());
}
