//! What tiny_http 0.12 alone does not survive, each attack against the gate in front of it. After each, and during
//! most, an ordinary caller is served at once.

use super::*;
use crate::capacity::{Others, share_out};

/// Mebibytes that an attack may add, with all that other tests do meanwhile.
const LITTLE: usize = 150;

const CALL: &[u8] = b"GET /echo HTTP/1.1\r\nHost: h\r\n\r\n";

/// How long an ordinary call may take on a busy machine with two cores.
const AT_ONCE: Duration = Duration::from_millis(1500);

fn post(length: &str) -> String {
    format!("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n")
}

/// Held by tests that need most of the descriptors that a process has on some machines.
static CROWDED: Mutex<()> = Mutex::new(());

/// So many sockets that have sent these bytes and wait.
fn crowd(bench: &Bench, number: usize, bytes: &[u8]) -> Vec<TcpStream> {
    let one = |_| {
        let mut socket = bench.connect();
        let _ = socket.write_all(bytes);
        socket
    };
    (0..number).map(one).collect()
}

/// Six hundred, or as many as this process has descriptors for: the server's ends are open here too.
fn crowd_size() -> usize {
    let others = Others { threads: 0, descriptors: 256 };
    600.min(share_out(1000, others).map_or(64, |(capacity, _)| capacity.connections * 2))
}

fn assert_little(before: usize) {
    let after = resident();
    assert!(after < before + LITTLE, "{before} MiB became {after} MiB");
}

fn assert_served(bench: &Bench) {
    let time = bench.is_served();
    assert!(time < AT_ONCE, "a caller waited {time:?}");
}

#[test]
fn a_length_of_64_gib_is_refused_at_once() {
    let bench = Bench::new(Limits::default());
    let before = resident();
    let started = Instant::now();
    let answer = bench.send(post("68719476736") + "abc");
    assert_eq!(statuses(&answer), [413], "{answer}");
    assert!(started.elapsed() < Duration::from_secs(3), "it took {:?}", started.elapsed());
    assert_eq!(bench.seen().len(), 0);
    assert_served(&bench);
    assert_little(before);
}

#[test]
fn the_largest_lengths_are_refused_at_once() {
    let bench = Bench::new(Limits::default());
    for length in ["18446744073709551615", "18446744073709551616", "9223372036854775808", &"9".repeat(1000)] {
        assert_eq!(statuses(&bench.send(post(length))), [413], "{length}");
    }
    assert_served(&bench);
}

#[test]
fn bodies_that_never_come_hold_nothing_up() {
    let bench = Bench::new(short());
    let waiting = crowd(&bench, 40, (post("5000") + "abc").as_bytes());
    assert_served(&bench);
    for socket in waiting {
        assert_eq!(statuses(&rest(socket)), [408]);
    }
    assert!(bench.gate.wait_idle(AT_ONCE));
    assert_eq!(bench.seen().len(), 1, "only the caller's request reached a handler");
}

#[test]
fn chunks_that_never_come_hold_nothing_up() {
    let bench = Bench::new(short());
    let head = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab";
    let waiting = crowd(&bench, 40, head.as_bytes());
    assert_served(&bench);
    assert!(waiting.into_iter().all(|socket| statuses(&rest(socket)) == [408]));
}

#[test]
fn six_hundred_idle_connections_harm_no_caller() {
    let _alone = CROWDED.lock().unwrap_or_else(PoisonError::into_inner);
    let bench = Bench::new(Limits::default());
    let before = resident();
    let number = crowd_size();
    let idle = crowd(&bench, number, b"");
    for _ in 0..20 {
        assert_served(&bench);
    }
    drop(idle);
    assert_served(&bench);
    assert_little(before);
}

#[test]
fn six_hundred_connections_that_stop_within_a_head_harm_no_caller() {
    let _alone = CROWDED.lock().unwrap_or_else(PoisonError::into_inner);
    let bench = Bench::new(Limits::default());
    let number = crowd_size();
    let slow = crowd(&bench, number, b"GET /echo HTTP/1.1\r\nHo");
    for _ in 0..20 {
        assert_served(&bench);
    }
    drop(slow);
    assert_served(&bench);
}

#[test]
fn sixty_clients_that_connect_at_once_and_stay_are_all_served() {
    let bench = Bench::new(Limits::default());
    let mut clients = crowd(&bench, 60, CALL);
    for socket in &mut clients {
        assert!(one_answer(socket).0.starts_with("HTTP/1.1 200 "));
    }
    for socket in &mut clients {
        socket.write_all(CALL).unwrap();
        assert!(one_answer(socket).0.starts_with("HTTP/1.1 200 "), "a second time");
    }
    assert_eq!(bench.seen().len(), 120);
}

#[test]
fn slow_heads_are_ended_by_their_deadline_however_they_trickle() {
    let bench = Bench::new(short());
    let started = Instant::now();
    let mut slow = crowd(&bench, 100, b"G");
    for byte in b"ET /echo HT" {
        thread::sleep(Duration::from_millis(50));
        slow.iter_mut().for_each(|socket| drop(socket.write_all(&[*byte])));
    }
    assert_served(&bench);
    assert!(slow.into_iter().all(|socket| matches!(statuses(&rest(socket))[..], [408] | [])));
    assert!(started.elapsed() < Duration::from_secs(5), "they stayed for {:?}", started.elapsed());
    assert_eq!(bench.seen().len(), 1);
}

#[test]
fn who_does_not_read_a_large_answer_pins_no_handler_and_is_let_go() {
    let bench = Bench::new(short());
    let before = resident();
    let readers = crowd(&bench, 5, b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_served(&bench);
    let started = Instant::now();
    assert!(bench.gate.wait_idle(Duration::from_secs(5)), "the readers are still waited for");
    assert!(started.elapsed() < Duration::from_secs(3), "it took {:?}", started.elapsed());
    drop(readers);
    assert_little(before);
}

#[test]
fn headers_of_64_mib_are_refused_at_16_kib() {
    let bench = Bench::new(Limits::default());
    let before = resident();
    let mut socket = bench.connect();
    socket.write_all(b"GET /echo HTTP/1.1\r\nHost: h\r\n").unwrap();
    let line = format!("X: {}\r\n", "x".repeat(1000));
    for _ in 0..17 {
        socket.write_all(line.as_bytes()).unwrap();
    }
    let (head, _) = one_answer(&mut socket);
    assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
    let mut sent = 0;
    while sent < 64 << 20 && socket.write_all(line.as_bytes()).is_ok() {
        sent += line.len();
    }
    assert!(sent < 64 << 20, "all of it was taken");
    assert_served(&bench);
    assert_little(before);
}

#[test]
fn a_hundred_thousand_pipelined_requests_keep_nobody_else_waiting() {
    let bench = Bench::new(Limits::default());
    let before = resident();
    let mut socket = bench.connect();
    let mut greedy = socket.try_clone().unwrap();
    let writing = thread::spawn(move || {
        let hundred = CALL.repeat(100);
        (0..1000).take_while(|_| greedy.write_all(&hundred).is_ok()).count() * 100
    });
    for _ in 0..20 {
        assert_served(&bench);
        thread::sleep(Duration::from_millis(25));
    }
    // Requests are taken one by one: behind those that were answered none waits inside.
    let mut block = vec![0; 1 << 16];
    let read = socket.read(&mut block).unwrap();
    assert!(statuses(&String::from_utf8_lossy(&block[..read])).iter().all(|&status| status == 200));
    socket.shutdown(std::net::Shutdown::Both).unwrap();
    let sent = writing.join().unwrap();
    drop(socket);
    assert!(bench.gate.wait_idle(AT_ONCE), "requests of a client that left are still answered");
    assert!(bench.seen().len() < 100_000, "all of {sent} were answered");
    assert_served(&bench);
    assert_little(before);
}

#[test]
fn http_2_in_the_request_line_is_answered_and_leaks_nothing() {
    let bench = Bench::new(Limits { connections: 20, ..Limits::default() });
    for version in ["HTTP/2.0", "HTTP/3.0"].repeat(30) {
        assert_eq!(statuses(&bench.send(format!("GET / {version}\r\nHost: h\r\n\r\n"))), [505]);
    }
    assert_served(&bench);
}

#[test]
fn bodies_that_were_cut_off_are_never_seen() {
    let bench = Bench::new(Limits::default());
    let chunked = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let cut = [
        post("20") + r#"{"prompt":"a cat"}"#,
        post("5000") + r#"{"prompt":"a cat"}"#,
        format!("{chunked}12\r\n{{\"prompt\":\"a cat\"}}"),
        format!("{chunked}12\r\n{{\"prompt\":\"a cat\"}}\r\n"),
        format!("{chunked}12\r\n{{\"prompt\":\"a cat\"}}\r\n0\r\n"),
        format!("{chunked}12\r\n{{\"prompt\":\"a cat\"}}\r\n0\r\nX: y\r\n"),
        "POST /echo HTTP/1.1\r\nHost: h\r\n".to_owned(),
    ];
    for bytes in cut {
        let mut socket = bench.connect();
        socket.write_all(bytes.as_bytes()).unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(rest(socket), "", "{bytes:?} was answered");
    }
    assert_eq!(bench.seen().len(), 0);
    assert_served(&bench);
}

#[test]
fn an_upgrade_is_an_ordinary_request() {
    let bench = Bench::new(short());
    for _ in 0..10 {
        let head =
            "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n";
        assert_eq!(statuses(&bench.send(format!("{head}raw bytes"))), [200]);
    }
    assert!(bench.seen().iter().all(|asked| asked.body.is_empty() && asked.header("upgrade").is_none()));
    assert_served(&bench);
}

#[test]
fn a_handler_that_panics_is_a_500_and_harms_nobody() {
    let bench = Bench::new(short());
    for path in ["/panic", "/vanish"].repeat(10) {
        let answer = bench.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
        assert_eq!(statuses(&answer), [500], "{path}: {answer}");
        assert!(path == "/panic" || answer.contains("x-should-retry: false\r\n"), "{answer}");
    }
    assert_served(&bench);
}

#[test]
fn what_is_no_http_at_all_is_refused() {
    let bench = Bench::new(short());
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    assert_eq!(statuses(&bench.send(hello)), [400], "a TLS client");
    assert_eq!(statuses(&bench.send("\r\n\r\n\r\n\r\n")), [400]);
    assert_eq!(statuses(&bench.send(vec![0; 100_000])), [400]);
    assert_served(&bench);
}
