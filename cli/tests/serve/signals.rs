//! What the system and a terminal may send or forbid while the server lives.
#![cfg(unix)]

use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::server::{Server, command};

/// `fulmen serve` started by `sh` after `first`.
fn after(first: &str, data: &std::path::Path) -> Command {
    let plain = command(data, &[]);
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("{first}; exec \"$0\" \"$@\""))
        .arg(plain.get_program())
        .args(plain.get_args());
    command.env_remove("FULMEN_API_KEY").stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
    command
}

#[test]
fn signals_that_ask_for_nothing_end_nothing_and_halt_nothing() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    for signal in [
        Signal::USR1,
        Signal::USR2,
        Signal::XFSZ,
        Signal::PIPE,
        Signal::ALARM,
        Signal::VTALARM,
        Signal::PROF,
        Signal::TTIN,
        Signal::TTOU,
        Signal::WINCH,
        Signal::CONT,
    ] {
        server.signal(signal);
        std::thread::sleep(Duration::from_millis(10));
        assert_eq!(server.get("/healthz").status, 200, "after {signal:?}");
    }
    let (code, _) = server.terminate();
    assert_eq!(code, Some(0));
}

#[test]
fn every_signal_that_asks_to_stop_stops_it_in_order() {
    for signal in [Signal::INT, Signal::HUP, Signal::QUIT, Signal::XCPU] {
        let data = tempfile::tempdir().unwrap();
        let mut server = Server::start(data.path(), &[]);
        assert_eq!(server.stop_with(signal).0, Some(0), "{signal:?}");
        assert!(server.logs("stopping"), "{signal:?}: {}", server.log());
    }
}

#[test]
fn what_nohup_ignores_stays_ignored() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::of(&mut after("trap '' HUP", data.path()));
    server.signal(Signal::HUP);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(server.get("/healthz").status, 200);
}

/// sh counts in blocks of 512 bytes. The database fits, a large picture does not.
#[test]
fn a_limit_of_files_costs_a_picture_and_not_the_server() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::of(&mut after("ulimit -f 500", data.path()));
    // One step from noise is still half noise, and large.
    let draw = |size: &str| {
        server
            .post("/v1/images/generations", &json!({"prompt": "a cat", "size": size, "steps": 1, "seed": 1}))
    };
    assert_eq!(draw("64x64").status, 200);
    for _ in 0..2 {
        let refused = draw("1024x1024");
        let said = String::from_utf8_lossy(&refused.body).into_owned();
        assert_eq!(refused.status, 503, "{said}");
        assert!(said.contains("full"), "{said}");
    }
    assert_eq!(draw("64x64").status, 200, "{}", server.log());
    assert_eq!(server.get("/healthz").status, 200);
}
