//! One line for each request, and never what stood in it.

use super::*;

/// What was logged.
#[derive(Default)]
pub(super) struct Kept(Mutex<Vec<u8>>);

impl Write for &Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A gate whose log is kept.
fn logging(limits: Limits) -> (Bench, Arc<Kept>) {
    logged(|| Bench::new(limits))
}

/// The same of any gate.
pub(super) fn logged(bench: impl FnOnce() -> Bench) -> (Bench, Arc<Kept>) {
    // What logs is registered for good where it is first met. Where nobody listened to it then, nobody might any more.
    tracing::subscriber::set_global_default(tracing_subscriber::registry()).ok();
    let kept = Arc::new(Kept::default());
    let log = tracing_subscriber::fmt().json().with_writer(Arc::clone(&kept)).finish();
    (tracing::subscriber::with_default(log, bench), kept)
}

/// The fields of each line about a request, once there are so many.
pub(super) fn lines(kept: &Kept, number: usize) -> Vec<serde_json::Value> {
    let started = Instant::now();
    loop {
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let lines: Vec<_> = lines.into_iter().filter(|line| line["target"] == "fulmen::request").collect();
        if lines.len() >= number || started.elapsed() > Duration::from_secs(5) {
            assert_eq!(lines.len(), number, "{text}");
            return lines.into_iter().map(|line| line["fields"].clone()).collect();
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_request_is_one_line_without_what_is_private() {
    let (bench, kept) = logging(short());
    let private = "Authorization: Bearer private\r\nContent-Length: 7\r\nConnection: close\r\n\r\nprivate";
    let answer = bench.send(format!("POST /echo?signature=private HTTP/1.1\r\nHost: h\r\n{private}"));
    let line = lines(&kept, 1).remove(0);
    assert!(answer.contains(&format!("X-Request-Id: {}\r\n", line["id"].as_str().unwrap())));
    assert_eq!(
        (&line["method"], &line["path"], &line["status"]),
        (&"POST".into(), &"/echo".into(), &200.into())
    );
    assert_eq!((&line["bytes_in"], line["bytes_out"].as_u64().unwrap()), (&7.into(), answer.len() as u64));
    assert!(line["ms"].as_f64().unwrap() > 0.0 && line["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(line.get("gone").is_none(), "{line}");
    assert!(!line.to_string().contains("private"), "{line}");
}

#[test]
fn what_is_refused_is_a_line_too() {
    let (bench, kept) = logging(short());
    bench.send("GET /\u{1b}[31m HTTP/1.1\r\nHost: h\r\n\r\n");
    bench.send("GET /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n");
    bench.send("GET /ec");
    let lines = lines(&kept, 3);
    let told = |line: &serde_json::Value| {
        (line["path"].as_str().unwrap().to_owned(), line["status"].as_u64().unwrap())
    };
    let told: Vec<_> = lines.iter().map(told).collect();
    assert_eq!(told, [("-".into(), 400), ("/echo".into(), 413), ("-".into(), 408)]);
}

#[test]
fn who_hangs_up_is_said_to_be_gone() {
    let (bench, kept) = logging(short());
    let mut working = bench.connect();
    working.write_all(b"GET /work HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    thread::sleep(Duration::from_millis(50));
    drop(working);
    assert_eq!(lines(&kept, 1)[0]["gone"], true);
    let mut cut = bench.connect();
    cut.write_all(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc").unwrap();
    drop(cut);
    let line = lines(&kept, 2).remove(1);
    assert_eq!((&line["gone"], &line["status"], &line["path"]), (&true.into(), &0.into(), &"/echo".into()));
}

#[test]
fn connections_without_a_request_are_no_line() {
    let (bench, kept) = logging(short());
    drop(bench.connect());
    assert_eq!(bench.connect().read(&mut [0]).unwrap(), 0);
    bench.is_served();
    lines(&kept, 1);
}

#[test]
fn each_pipelined_request_has_a_line_and_an_id_of_its_own() {
    let (bench, kept) = logging(short());
    bench.send("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n".repeat(10));
    let mut ids: Vec<_> = lines(&kept, 10).iter().map(|line| line["id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 10);
}
