//! Pages of other sites that may ask can read why they were refused.

use super::*;

fn bench(limits: Limits) -> Bench {
    let cors_origins = ["https://a.example", "tauri://localhost"].map(|origin| origin.parse().unwrap());
    Bench::with(Policy { limits, cors_origins: cors_origins.into(), ..Policy::default() })
}

/// The origin whose pages may read an answer, if it has this status.
fn reader(answer: &str, status: u16) -> Option<&str> {
    assert_eq!(statuses(answer), [status], "{answer}");
    answer.lines().find_map(|line| line.strip_prefix("Access-Control-Allow-Origin: "))
}

const ORIGIN: &str = "Host: h\r\nOrigin: https://a.example\r\n";

#[test]
fn a_page_that_may_ask_can_read_every_refusal() {
    let bench = bench(short());
    let long = "x".repeat(20 << 10);
    for (request, status) in [
        (format!("POST / HTTP/1.1\r\n{ORIGIN}Content-Length: 99999999999\r\n\r\n"), 413),
        (format!("POST / HTTP/1.1\r\n{ORIGIN}Content-Length: 9\r\n\r\nabc"), 408),
        (format!("GET / HTTP/1.1\r\n{ORIGIN}X: a"), 408),
        (format!("GET / HTTP/1.1\r\n{ORIGIN}X: {long}\r\n\r\n"), 431),
        (format!("GET / HTTP/1.1\r\n{ORIGIN}{}\r\n", "X: y\r\n".repeat(200)), 431),
        (format!("GET /{long} HTTP/1.1\r\n{ORIGIN}\r\n"), 414),
        (format!("GET / HTTP/2.0\r\n{ORIGIN}\r\n"), 505),
        (format!("POST / HTTP/1.1\r\n{ORIGIN}Expect: tea\r\n\r\n"), 417),
        (format!("POST / HTTP/1.1\r\n{ORIGIN}Content-Length: 3x\r\n\r\n"), 400),
        (format!("POST / HTTP/1.1\r\n{ORIGIN}Transfer-Encoding: chunked\r\n\r\nzz\r\n"), 400),
        (format!("GET /vanish HTTP/1.1\r\n{ORIGIN}\r\n"), 500),
    ] {
        let answer = bench.send(&request);
        // A target that never ends was not read as far as its headers.
        let expected = if status == 414 { "*" } else { "https://a.example" };
        assert_eq!(reader(&answer, status), Some(expected), "{answer}");
        assert!(answer.contains("Access-Control-Expose-Headers: "), "{answer}");
        let foreign = bench.send(request.replace("a.example", "evil.example"));
        if status != 414 {
            assert_eq!(reader(&foreign, status), None, "{foreign}");
        }
    }
}

#[test]
fn one_page_s_refusal_says_nothing_of_the_next_one_on_the_same_connection() {
    let bench = bench(short());
    let first = format!("GET /echo HTTP/1.1\r\n{ORIGIN}\r\n");
    let second = "GET /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n";
    let answers = bench.send(first + second);
    assert_eq!(statuses(&answers), [200, 413]);
    assert!(!answers.contains("Access-Control-Allow-Origin"), "{answers}");
}

#[test]
fn who_is_turned_away_at_the_door_can_read_why() {
    let bench = bench(Limits { connections: 1, ..Limits::default() });
    let mut busy = bench.connect();
    busy.write_all(b"GET /nap HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    thread::sleep(Duration::from_millis(200));
    let answer = bench.send(format!("GET / HTTP/1.1\r\n{ORIGIN}\r\n"));
    assert!(matches!(reader(&answer, 503), Some("https://a.example" | "*")), "{answer}");
    rest(busy);
}

#[test]
fn where_no_other_page_may_ask_no_answer_speaks_of_it() {
    let bench = Bench::new(short());
    let answer = bench.send(format!("POST / HTTP/1.1\r\n{ORIGIN}Content-Length: 99999999999\r\n\r\n"));
    assert!(!answer.to_ascii_lowercase().contains("access-control"), "{answer}");
}
