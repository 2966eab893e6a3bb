//! What the gate adds to a small request. Not a check of every run: `cargo test --release -p fulmen-server latency --
//! --ignored --nocapture`, on a machine that does nothing else.

use super::*;

const REQUESTS: usize = 2000;

/// The median and the 99th percentile, in microseconds, of asking so many times.
fn percentiles(mut ask: impl FnMut()) -> (u128, u128) {
    let mut times: Vec<_> = (0..REQUESTS)
        .map(|_| {
            let started = Instant::now();
            ask();
            started.elapsed().as_micros()
        })
        .collect();
    times.sort_unstable();
    (times[REQUESTS / 2], times[REQUESTS * 99 / 100])
}

/// Asks once, over a connection of its own.
fn once(address: SocketAddr) {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(b"GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    assert!(rest(socket).starts_with("HTTP/1.1 200 "));
}

#[test]
#[ignore = "a measurement"]
fn the_gate_adds_less_than_a_millisecond_at_the_median() {
    let server = tiny_http::Server::http("127.0.0.1:0").unwrap();
    let alone = server.server_addr().to_ip().unwrap();
    // As behind the gate: a thread for each request.
    thread::spawn(move || {
        for request in server.incoming_requests() {
            thread::spawn(move || request.respond(tiny_http::Response::from_data(vec![])));
        }
    });
    let bench = Bench::new(Limits::default());
    let gate = bench.gate.address();
    once(alone);
    once(gate);
    let (alone, gated) = (percentiles(|| once(alone)), percentiles(|| once(gate)));
    let mut kept = bench.connect();
    let kept = percentiles(|| {
        kept.write_all(b"GET /echo HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        one_answer(&mut kept);
    });
    println!("of {REQUESTS} requests one after the other, median and 99th percentile in µs:");
    println!("tiny_http alone, a connection each  {alone:?}");
    println!("through the gate, a connection each {gated:?}");
    println!("through the gate, one connection    {kept:?}");
    assert!(gated.0 < alone.0 + 1000, "the gate adds {} µs", gated.0 - alone.0);
}
