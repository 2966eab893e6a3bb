//! The log: every line of `--log json` is one that programs can read, and no line makes anything wait or grows without
//! end.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::server::{Server, command, post};
use super::started::Started;

fn parse(line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert!(value["level"].is_string() && value["timestamp"].is_string(), "{line}");
    value
}

#[test]
fn from_the_first_line_to_the_last_the_log_is_json() {
    let data = tempfile::tempdir().unwrap();
    let mut child = Started::new(&mut command(data.path(), &["--log", "json"]));
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    let url = loop {
        line.clear();
        assert!(errors.read_line(&mut line).unwrap() > 0, "it did not start");
        let message = parse(&line)["message"].as_str().unwrap_or_default().to_owned();
        if let Some(url) = message.strip_prefix("listening at ") {
            break url.to_owned();
        }
    };
    let asked = json!({"prompt": "a cat ".repeat(100), "size": "64x64", "steps": 1});
    assert_eq!(post(&format!("{url}/v1/images/generations"), &asked).unwrap().status, 200);
    child.signal(rustix::process::Signal::TERM);
    assert_eq!(child.wait_within(Duration::from_secs(40)).expect("an end").code(), Some(0));
    let mut rest = String::new();
    errors.read_to_string(&mut rest).unwrap();
    let messages: Vec<String> =
        rest.lines().map(|line| parse(line)["message"].as_str().unwrap_or_default().to_owned()).collect();
    assert!(messages.iter().any(|message| message.starts_with("drawing ")), "{messages:?}");
    assert!(messages.iter().any(|message| message.contains("stopping")), "{messages:?}");
}

#[test]
fn what_keeps_it_from_starting_is_json_too() {
    let data = tempfile::tempdir().unwrap();
    for arguments in [
        &["--log", "json", "--queue", "many"][..],
        &["--log=json", "--no-such-flag"],
        &["--log", "text", "--log", "json", "--listen", "0.0.0.0:0"],
        &["--log", "json", "--model", "/no/such.safetensors"],
        &["--log", "json", "--api-keys", "/no/such/file"],
    ] {
        let output = command(data.path(), arguments).output().unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        let last =
            said.lines().map(parse).next_back().unwrap_or_else(|| panic!("{arguments:?}: nothing said"));
        assert_eq!(last["level"], "ERROR", "{last}");
        assert!(last["message"].as_str().unwrap().len() > 20, "{last}");
    }
    let text = command(data.path(), &["--log", "json", "--log", "text", "--queue", "many"]).output().unwrap();
    assert!(String::from_utf8(text.stderr).unwrap().starts_with("error: "));
}

/// Asks for `path` so often over one connection; each is answered with `status`.
fn ask(address: &str, path: &str, times: usize, status: &str) {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut answers = BufReader::new(socket.try_clone().unwrap());
    for turn in 0..times {
        // In one piece: a second one would wait for the first to be acknowledged.
        socket.write_all(format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
        let mut line = String::new();
        answers.read_line(&mut line).unwrap_or_else(|error| panic!("request {turn}: {error}"));
        assert!(line.contains(status), "{line}");
        while line != "\r\n" {
            line.clear();
            answers.read_line(&mut line).unwrap();
        }
    }
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    for form in ["text", "json"] {
        let data = tempfile::tempdir().unwrap();
        let mut child = Started::new(&mut command(data.path(), &["--log", form]));
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening at ") {
            line.clear();
            assert!(errors.read_line(&mut line).unwrap() > 0, "it did not start");
        }
        let address = line.split("http://").nth(1).unwrap();
        let address =
            address.split(|one: char| !(one.is_ascii_digit() || ".:".contains(one))).next().unwrap();
        // A pipe holds 64 KiB; these lines are four times as much.
        ask(address, &format!("/{}", "x".repeat(250)), 700, "404");
        child.signal(rustix::process::Signal::TERM);
        let status = child.wait_within(Duration::from_secs(40)).expect("an end");
        assert_eq!(status.code(), Some(0), "--log {form}");
    }
}

#[test]
fn a_flood_of_requests_is_a_trickle_of_lines_and_all_are_counted() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let (address, path) = (server.address().to_owned(), format!("/{}", "x".repeat(7000)));
    let started = std::time::Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| ask(&address, &path, 1000, "404"));
        }
    });
    assert_eq!(server.terminate().0, Some(0));
    let log = server.whole_log();
    let longest = log.lines().map(str::len).max().unwrap();
    assert!(longest < 1024, "a line has {longest} bytes");
    let written = log.lines().filter(|line| line.contains(" fulmen::request: ")).count();
    let left_out =
        log.lines().filter_map(|line| line.split_once("left_out=")?.1.parse::<usize>().ok()).sum::<usize>();
    assert_eq!(written + left_out, 4000, "{written} written, {left_out} left out");
    // Three hundred in a row, and a hundred a second.
    let most = 400 + started.elapsed().as_secs() as usize * 100;
    assert!(written <= most, "{written} lines in {:?}", started.elapsed());
}
