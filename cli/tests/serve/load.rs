//! Many at once, and for long.
//!
//! `FULMEN_SOAK_SECONDS` says how long the soak lasts; without it, a few seconds.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::server::{Server, delete, get, post};

/// The address behind `http://`.
fn address(server: &Server) -> &str {
    server.url.strip_prefix("http://").unwrap()
}

/// A connection that is kept, and asks again and again.
struct Kept(BufReader<TcpStream>);

impl Kept {
    fn new(server: &Server) -> Self {
        let stream = TcpStream::connect(address(server)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self(BufReader::new(stream))
    }

    /// The status that was answered.
    fn ask(&mut self, request: &str) -> u16 {
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("answered {line:?}")).parse().unwrap();
        let mut length = 0;
        loop {
            line.clear();
            self.0.read_line(&mut line).unwrap();
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        self.0.read_exact(&mut vec![0; length]).unwrap();
        status
    }
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn sixty_clients_that_keep_their_connections_are_all_served() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--queue", "100"]);
    let body = json!({"prompt": "a red circle", "size": "64x64", "steps": 1, "response_format": "b64_json"})
        .to_string();
    let draw = format!(
        "POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let served = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..60 {
            scope.spawn(|| {
                let mut client = Kept::new(&server);
                assert_eq!(client.ask(&draw), 200);
                for _ in 0..5 {
                    assert_eq!(client.ask(HEALTH), 200);
                }
                served.fetch_add(1, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(served.into_inner(), 60);
}

#[test]
fn five_hundred_idle_connections_harm_no_caller() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let idle: Vec<TcpStream> = (0..500).map(|_| TcpStream::connect(address(&server)).unwrap()).collect();
    for _ in 0..20 {
        assert_eq!(server.get("/healthz").status, 200);
    }
    let asked = json!({"prompt": "a red circle", "size": "64x64", "steps": 1});
    assert_eq!(server.post("/v1/images/generations", &asked).status, 200);
    drop(idle);
}

#[test]
fn who_hangs_up_is_not_drawn_for() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let body = r#"{"prompt": "a red circle", "size": "2048x2048", "n": 10, "steps": 100}"#;
    let mut client = TcpStream::connect(address(&server)).unwrap();
    write!(
        client,
        "POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let jobs = || server.get("/v1/jobs").json()["data"].as_array().unwrap().len();
    let wait = |count: usize, time: Duration| {
        let end = Instant::now() + time;
        while jobs() != count {
            assert!(Instant::now() < end, "{} jobs, not {count}", jobs());
            thread::sleep(Duration::from_millis(10));
        }
    };
    wait(1, Duration::from_secs(10));
    drop(client);
    wait(0, Duration::from_secs(5));
    // On a fast machine it might have been drawn by now.
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    assert!(metrics.contains("fulmen_jobs_ended_total{state=\"cancelled\"} 1"), "{metrics}");
}

#[test]
fn memory_stays_flat_under_mixed_requests() {
    let seconds = std::env::var("FULMEN_SOAK_SECONDS").map_or(5, |seconds| seconds.parse().unwrap());
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let (stop, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut memory = vec![];
    thread::scope(|scope| {
        for worker in 0..4 {
            let (url, stop, answers) = (&server.url, &stop, &answers);
            scope.spawn(move || {
                for turn in worker.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    mixed(url, turn);
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            thread::sleep(Duration::from_millis(200));
            memory.extend(server.memory());
        }
        stop.store(true, Ordering::Relaxed);
    });
    let (answers, log) = (answers.into_inner(), server.log());
    assert!(!log.contains("panicked") && !log.contains("status=500"), "{log}");
    println!("{answers} answers in {seconds} s");
    assert!(answers as u64 > seconds, "{answers} answers in {seconds} s");
    if memory.len() >= 20 {
        // The first quarter warms up: pools of threads, the allocator's arenas, the largest picture so far.
        let peak = |part: &[u64]| part.iter().copied().max().unwrap();
        let (first, half) = (memory.len() / 4, memory.len() / 2);
        let (early, late) = (peak(&memory[first..half]), peak(&memory[half..]));
        println!(
            "memory in MiB: {} at first, at most {early} in the second quarter, {late} after it",
            memory[0]
        );
        assert!(late <= early + early / 4 + 32, "from {early} to {late} MiB");
    }
}

/// One of the things that clients do, good or bad.
fn mixed(url: &str, turn: usize) {
    let path = |path: &str| format!("{url}{path}");
    let small = json!({"prompt": "a red circle", "size": "128x128"});
    let answer = match turn % 8 {
        0 => post(&path("/v1/images/generations"), &small),
        1 => post(&path("/generations"), &json!({"prompt": "a blue square", "width": 128, "height": 64})),
        2 => get(&path("/openapi.json")),
        3 => post(
            &path("/v1/images/imagine"),
            &json!({"name": "soak", "prompt": "a house", "width": 256, "height": 128}),
        ),
        4 => post(&path("/v1/images/generations"), &json!({"prompt": 1})),
        5 => get(&path("/v1/images?take=100")),
        6 => get(&path("/nothing")),
        _ => {
            let page = get(&path("/v1/images")).unwrap().json();
            match page["data"][0]["id"].as_str() {
                Some(id) => delete(&path(&format!("/v1/images/{id}"))),
                None => get(&path("/healthz")),
            }
        }
    };
    let status = answer.unwrap().status;
    assert!(status < 500 || status == 503, "turn {turn}: {status}");
}
