//! Starting and stopping: what an operator sees.

use std::path::Path;
use std::process::Output;

use super::server::{Server, command};

/// A server that must not start: its exit code, and what it said.
fn refused(data: &Path, arguments: &[&str]) -> (i32, String) {
    let Output { status, stderr, .. } = command(data, arguments).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn a_network_is_not_served_without_a_key_unless_told_so() {
    let data = tempfile::tempdir().unwrap();
    let (code, said) = refused(data.path(), &["--listen", "0.0.0.0:0"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("--api-keys") && said.contains("--no-auth"), "{said}");
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0, "nothing is made for it");
    let server = Server::start(data.path(), &["--listen", "0.0.0.0:0", "--no-auth"]);
    assert!(server.url.starts_with("http://0.0.0.0:"), "{}", server.url);
}

#[test]
fn without_a_desktop_the_first_line_is_the_address() {
    let data = tempfile::tempdir().unwrap();
    let mut bare = command(data.path(), &["--device", "auto"]);
    bare.env_remove("XDG_RUNTIME_DIR").env_remove("WAYLAND_DISPLAY").env_remove("DISPLAY");
    let server = Server::of(&mut bare);
    assert_eq!(server.before, "", "said before the address");
}

#[test]
fn it_listens_at_names_and_at_ports_alone() {
    for at in ["localhost:0", ":0", "0", "127.0.0.1:0"] {
        let data = tempfile::tempdir().unwrap();
        let server = Server::start(data.path(), &["--listen", at]);
        assert!(server.url.starts_with("http://127.0.0.1:"), "{at}: {}", server.url);
        assert_eq!(server.get("/healthz").status, 200);
    }
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let _first = Server::start(data.path(), &[]);
    let (code, said) = refused(data.path(), &[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("another") && said.contains(data.path().to_str().unwrap()), "{said}");
}

#[test]
fn wrong_options_are_told_by_name() {
    let data = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (&["--listen", "no.such.name.invalid"][..], "--listen"),
        (&["--listen", "localhost:many"], "a port is a number"),
        (&["--listen", "http://localhost:0"], "without http://"),
        (&["--queue", "-1"], "-1"),
        (&["--queue", "many"], "--queue"),
        (&["--max-storage", "1GB"], "--max-storage"),
        (&["--public-url", "draw"], "--public-url"),
        (&["--cors-origin", "*"], "--cors-origin"),
        (&["--api-keys", "/no/such/file"], "/no/such/file"),
        (&["--new-key", "two words"], "name of a key"),
        (&["--log", "xml"], "--log"),
    ] {
        let (code, said) = refused(data.path(), arguments);
        assert!(code == 2 && said.contains(expected), "{arguments:?}: {code}: {said}");
    }
}

#[test]
fn a_port_that_is_taken_and_a_model_that_is_missing_are_told() {
    let data = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let (code, said) = refused(data.path(), &["--listen", &at]);
    assert!(code == 1 && said.contains(&at), "{code}: {said}");
    let (code, said) = refused(data.path(), &["--model", "/no/such.safetensors"]);
    assert!(code == 1 && said.contains("/no/such.safetensors"), "{code}: {said}");
}

#[test]
fn a_new_key_opens_what_is_closed_without_it() {
    let data = tempfile::tempdir().unwrap();
    let keys = data.path().join("keys").display().to_string();
    let made = command(data.path(), &["--api-keys", &keys, "--new-key", "ada"])
        .stdout(std::process::Stdio::piped())
        .output()
        .unwrap();
    let key = String::from_utf8(made.stdout).unwrap();
    let server = Server::start(data.path(), &["--api-keys", &keys]);
    assert_eq!(server.get("/v1/images").status, 401);
    let mut asked = ureq::get(format!("{}/v1/images", server.url));
    asked = asked.header("x-api-key", key.trim());
    assert_eq!(asked.call().unwrap().status(), 200);
    assert!(!server.log().contains(key.trim()), "no key is logged");
}

#[cfg(unix)]
#[test]
fn a_signal_lets_the_running_picture_finish_and_keeps_what_waits() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    // Long enough that most of them are still to be drawn when the signal comes.
    let asked = serde_json::json!({"prompt": "a red circle", "num_images": 4, "width": 512, "height": 512});
    let id = |answer: &super::server::Answer| {
        answer.json()["sdGenerationJob"]["generationId"].as_str().unwrap().to_owned()
    };
    let ids: Vec<String> = (0..8).map(|_| id(&server.post("/generations", &asked))).collect();
    let (code, time) = server.terminate();
    assert_eq!(code, Some(0));
    assert!(time.as_secs() < 30, "{time:?}");

    let server = Server::start(data.path(), &[]);
    for id in ids {
        let found =
            || server.get(&format!("/generations/{id}")).json()["generations_by_pk"]["status"].clone();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while found() == "PENDING" && std::time::Instant::now() < end {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        assert_eq!(found(), "COMPLETE");
    }
}
