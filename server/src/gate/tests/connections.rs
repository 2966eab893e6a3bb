//! Who stays and who gives way when all places are taken.

use super::*;

/// Room for so many connections.
fn limits(connections: usize) -> Limits {
    Limits { connections, ..Limits::default() }
}

fn ask(socket: &mut TcpStream, path: &str) {
    write!(socket, "GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
}

/// Whether the gate has closed this connection; waits a little for it to do so.
fn is_closed(socket: &mut TcpStream) -> bool {
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    match socket.read(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => !super::super::wire::passes(&error),
    }
}

#[test]
fn the_connection_that_has_been_idle_for_longest_gives_way() {
    let bench = Bench::new(limits(3));
    let mut first = bench.connect();
    thread::sleep(Duration::from_millis(100));
    let mut second = bench.connect();
    thread::sleep(Duration::from_millis(100));
    let mut third = bench.connect();
    ask(&mut first, "/echo");
    one_answer(&mut first);
    bench.is_served();
    assert!(is_closed(&mut second), "it was idle for longest");
    assert!(!is_closed(&mut first) && !is_closed(&mut third), "one connection is enough");
    ask(&mut first, "/echo");
    assert!(one_answer(&mut first).0.starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_slow_head_and_a_slow_body_give_way() {
    let bench = Bench::new(limits(2));
    let mut head = bench.connect();
    head.write_all(b"GET /ec").unwrap();
    thread::sleep(Duration::from_millis(100));
    let mut body = bench.connect();
    body.write_all(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc").unwrap();
    thread::sleep(Duration::from_millis(100));
    let mut served = bench.connect();
    ask(&mut served, "/work");
    assert!(is_closed(&mut head));
    bench.is_served();
    assert!(is_closed(&mut body));
    assert_eq!(bench.seen().len(), 2, "neither reached a handler");
}

#[test]
fn where_everybody_is_worked_for_the_newcomer_is_asked_to_come_again() {
    let bench = Bench::new(limits(4));
    let mut working: Vec<_> = (0..4).map(|_| bench.connect()).collect();
    working.iter_mut().for_each(|socket| ask(socket, "/nap"));
    thread::sleep(Duration::from_millis(200));
    for _ in 0..3 {
        let answer = bench.send("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(statuses(&answer), [503], "{answer}");
        assert!(answer.contains("Retry-After: ") && answer.contains("Connection: close\r\n"), "{answer}");
    }
    for socket in &mut working {
        assert_eq!(one_answer(socket).1, b"slept", "nobody who is worked for gives way");
    }
    bench.is_served();
}

#[test]
fn a_client_that_takes_its_answer_for_long_gives_way() {
    // Patience is a sixth of the time for writing.
    let limits = Limits { write_time: Duration::from_secs(6), ..limits(1) };
    let bench = Bench::new(limits);
    let mut reader = bench.connect();
    ask(&mut reader, "/large");
    thread::sleep(Duration::from_millis(250));
    let early = bench.send("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(statuses(&early), [503], "it has not been long yet");
    thread::sleep(Duration::from_millis(1000));
    bench.is_served();
}

#[test]
fn who_hung_up_keeps_a_place_until_the_handler_is_done() {
    let bench = Bench::new(limits(1));
    let mut socket = bench.connect();
    ask(&mut socket, "/nap");
    thread::sleep(Duration::from_millis(100));
    drop(socket);
    let answer = bench.send("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(statuses(&answer), [503], "handlers are no more than connections");
    assert!(bench.gate.wait_idle(Duration::from_secs(5)));
    bench.is_served();
}

#[test]
fn many_are_turned_away_at_once_and_told_so() {
    let bench = Bench::new(limits(1));
    let mut working = bench.connect();
    ask(&mut working, "/nap");
    thread::sleep(Duration::from_millis(100));
    // They are refused before they ask: most are not listened to, for this gate has one place.
    let crowd: Vec<_> = (0..60).map(|_| bench.connect()).collect();
    let turned_away = crowd.into_iter().map(rest).filter(|answer| statuses(answer) == [503]).count();
    assert_eq!(turned_away, 60);
    assert_eq!(one_answer(&mut working).1, b"slept");
}

#[test]
fn an_idle_connection_is_closed_after_its_time() {
    let bench = Bench::new(short());
    let mut socket = bench.connect();
    let started = Instant::now();
    assert_eq!(socket.read(&mut [0]).unwrap(), 0);
    let time = started.elapsed();
    assert!((250..2000).contains(&time.as_millis()), "closed after {time:?}");
}

#[test]
fn dropping_the_gate_closes_every_connection() {
    let bench = Bench::new(Limits::default());
    let mut idle = bench.connect();
    let mut working = bench.connect();
    ask(&mut working, "/work");
    thread::sleep(Duration::from_millis(100));
    let seen = bench.seen();
    drop(bench);
    assert!(is_closed(&mut idle) && is_closed(&mut working));
    thread::sleep(Duration::from_millis(300));
    assert!(seen[0].client.is_gone(), "the handler was not told");
}
