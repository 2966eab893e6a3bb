//! `--log json`: every line on standard error is one that programs can read.

use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use serde_json::{Value, json};

use super::server::{command, post};
use super::started::Started;

fn parse(line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert!(value["level"].is_string() && value["timestamp"].is_string(), "{line}");
    value
}

#[cfg(unix)]
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
