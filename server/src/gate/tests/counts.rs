//! What the gate refuses is counted where an operator looks.

use super::*;
use crate::metrics::{Form, Now};

/// Whether these lines stand in `/metrics`; they may come a moment after an answer.
fn assert_counted(bench: &Bench, lines: &[&str]) {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        let text =
            bench.metrics.text(Form::Prometheus, &Now { waiting: 0, running: 0, pictures: 0, stored: 0 });
        let missing: Vec<_> = lines.iter().filter(|line| !text.lines().any(|one| one == **line)).collect();
        if missing.is_empty() {
            return;
        }
        assert!(Instant::now() < end, "{missing:?} is not in\n{text}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn refusals_are_counted_by_their_code_and_as_answers() {
    let bench = Bench::new(short());
    bench.send("GET /\u{1b} HTTP/1.1\r\nHost: h\r\n\r\n");
    bench.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n");
    bench.send("GET /ec");
    bench.send("GET /ec");
    let refused = |code, number| format!("fulmen_gate_refused_total{{code=\"{code}\"}} {number}");
    let answers = |status, number| format!("fulmen_http_answers_total{{status=\"{status}\"}} {number}");
    let lines = [
        refused("malformed_request", 1),
        refused("body_too_large", 1),
        refused("request_timeout", 2),
        answers(400, 1),
        answers(413, 1),
        answers(408, 2),
    ];
    assert_counted(&bench, &lines.each_ref().map(String::as_str));
}

#[test]
fn who_is_turned_away_or_gives_way_is_counted() {
    let bench = Bench::new(Limits { connections: 1, ..Limits::default() });
    let idle = bench.connect();
    let mut working = bench.connect();
    working.write_all(b"GET /nap HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    thread::sleep(Duration::from_millis(200));
    assert_eq!(statuses(&bench.send("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n")), [503]);
    drop(idle);
    assert_counted(
        &bench,
        &[
            "fulmen_gate_connections 1",
            "fulmen_gate_closed_total{why=\"made_room\"} 1",
            "fulmen_gate_refused_total{code=\"too_many_connections\"} 1",
        ],
    );
}

#[test]
fn who_leaves_in_the_middle_of_a_request_is_counted() {
    let bench = Bench::new(short());
    let mut cut = bench.connect();
    cut.write_all(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc").unwrap();
    drop(cut);
    assert_counted(&bench, &["fulmen_gate_closed_total{why=\"client_gone\"} 1", "fulmen_gate_connections 0"]);
}
