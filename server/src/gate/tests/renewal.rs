//! The server behind the gate dies, or the way to it goes; whoever asks does not notice.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::http::{Answer, Handlers, Listener, Request};
use crate::metrics::{Form, Now};

/// A gate, and the real listener behind it.
struct Whole {
    gate: Gate,
    metrics: Metrics,
    answered: Arc<AtomicUsize>,
    data: tempfile::TempDir,
    _listener: Listener,
}

impl Whole {
    fn new() -> Self {
        Self::within(tempfile::tempdir().unwrap(), 64)
    }

    fn within(data: tempfile::TempDir, handlers: usize) -> Self {
        let (private, clients) = (Private::new(data.path()).unwrap(), Arc::new(Clients::default()));
        let (crew, metrics) = (Crew::new("test", 256 << 10, handlers), Metrics::default());
        let memory = Memory::default();
        let inside = Inside {
            clients: clients.clone(),
            upstream: private.upstream(),
            handlers: crew.clone(),
            memory: memory.clone(),
            metrics: metrics.clone(),
        };
        let answered = Arc::new(AtomicUsize::new(0));
        let counting = answered.clone();
        let respond = Arc::new(move |request: Request| {
            counting.fetch_add(1, Ordering::Relaxed);
            if request.path == "/slow" {
                thread::sleep(Duration::from_millis(300));
            }
            Answer::bytes(200, "text/plain", request.body.bytes())
        });
        let handlers = Handlers { clients, crew, memory, metrics: metrics.clone(), respond };
        let listener = Listener::start(private, handlers).unwrap();
        let gate = Gate::open(SocketAddr::from(([127, 0, 0, 1], 0)), Policy::default(), inside).unwrap();
        Self { gate, metrics, answered, data, _listener: listener }
    }

    /// What is answered to a body.
    fn ask(&self, path: &str, body: &str) -> String {
        let mut socket = TcpStream::connect(self.gate.address()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let length = body.len();
        write!(
            socket,
            "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        rest(socket)
    }

    fn assert_served(&self, body: &str) {
        let answer = self.ask("/", body);
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(body), "{answer:?}");
    }

    fn renewed(&self) -> u64 {
        let text =
            self.metrics.text(Form::Prometheus, &Now { waiting: 0, running: 0, pictures: 0, stored: 0 });
        let line = text.lines().find_map(|line| line.strip_prefix("fulmen_gate_renewed_total "));
        line.unwrap().parse().unwrap()
    }

    /// Ends the thread of tiny_http that accepts, as a want of descriptors does.
    fn kill(&self) {
        self._listener.break_server();
    }
}

#[test]
fn another_takes_the_place_of_one_that_ended_and_no_request_is_lost() {
    let whole = Whole::new();
    for _ in 0..5 {
        whole.assert_served("before");
        whole.kill();
        whole.assert_served("after");
    }
    assert!(whole.renewed() >= 4, "{} took another's place", whole.renewed());
    assert_eq!(whole.answered.load(Ordering::Relaxed), 10, "each was answered once");
}

#[test]
fn a_crowd_is_answered_whole_while_the_server_behind_the_gate_dies_again_and_again() {
    let whole = Whole::new();
    let stop = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        let askers: Vec<_> = (0..20)
            .map(|asker| {
                let whole = &whole;
                scope.spawn(move || {
                    for turn in 0..10 {
                        // Some bodies are sent with their head, some behind it.
                        let body = format!("{asker}/{turn} ").repeat(if turn % 2 == 0 { 3 } else { 30_000 });
                        whole.assert_served(&body);
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                whole.kill();
                thread::sleep(Duration::from_millis(100));
            }
        });
        let joined: Vec<_> = askers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        stop.store(true, Ordering::Relaxed);
        assert!(joined.iter().all(Result::is_ok));
    });
    assert_eq!(whole.answered.load(Ordering::Relaxed), 200, "no request was answered twice");
    assert!(whole.renewed() > 0);
}

#[test]
fn what_a_handler_has_is_answered_although_the_server_behind_the_gate_dies() {
    let whole = Whole::new();
    thread::scope(|scope| {
        let slow = scope.spawn(|| whole.ask("/slow", "slow"));
        thread::sleep(Duration::from_millis(100));
        whole.kill();
        whole.assert_served("meanwhile");
        assert!(slow.join().unwrap().ends_with("slow"));
    });
}

#[test]
fn the_private_folder_can_go_while_the_server_runs() {
    let whole = Whole::new();
    let folder = whole.data.path().join("gate");
    std::fs::remove_dir_all(&folder).unwrap();
    whole.assert_served("without its folder");
    whole.kill();
    whole.assert_served("and restarted");
}

#[test]
fn where_no_other_can_be_made_the_gate_says_so_until_one_can() {
    let whole = Whole::new();
    let (at, away) = (whole.data.path().join("gate"), whole.data.path().join("away"));
    std::fs::rename(&at, &away).unwrap();
    // No folder can take its name.
    std::fs::write(&at, "").unwrap();
    whole.kill();
    let answer = whole.ask("/", "nobody");
    assert_eq!(statuses(&answer), [503], "{answer}");
    assert!(answer.contains("Retry-After: ") && answer.contains("recovering"), "{answer}");
    std::fs::remove_file(&at).unwrap();
    whole.assert_served("somebody");
    assert_eq!(whole.answered.load(Ordering::Relaxed), 1);
}

#[test]
fn a_report_of_what_is_sound_changes_nothing() {
    let whole = Whole::new();
    for _ in 0..5 {
        whole._listener.unblock_server();
        whole.assert_served("still here");
    }
    assert_eq!(whole.renewed(), 0);
}

#[test]
fn where_all_handlers_draw_one_can_still_look() {
    let whole = Whole::within(tempfile::tempdir().unwrap(), 4);
    thread::scope(|scope| {
        let slow: Vec<_> = (0..8).map(|_| scope.spawn(|| whole.ask("/slow", "slow"))).collect();
        thread::sleep(Duration::from_millis(100));
        let started = Instant::now();
        let mut socket = TcpStream::connect(whole.gate.address()).unwrap();
        socket.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
        assert_eq!(statuses(&rest(socket)), [200]);
        assert!(started.elapsed() < Duration::from_millis(800), "it waited {:?}", started.elapsed());
        assert!(slow.into_iter().all(|one| one.join().unwrap().ends_with("slow")), "the others wait");
    });
}

#[cfg(unix)]
#[test]
fn the_private_folder_is_closed_to_others_and_holds_nothing_that_is_left_behind() {
    use std::os::unix::fs::PermissionsExt;
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("gate");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    let left = std::os::unix::net::UnixListener::bind(folder.join("left-behind.sock")).unwrap();
    drop(left);
    let private = Private::new(data.path()).unwrap();
    let mode = folder.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "mode {mode:o}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    let server = private.server().unwrap();
    let mode = std::fs::metadata(server.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "mode {mode:o}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_data_directory_may_have_a_long_path() {
    let top = tempfile::tempdir().unwrap();
    let data = top.path().join("d".repeat(200)).join("e".repeat(200));
    std::fs::create_dir_all(&data).unwrap();
    let data = tempfile::Builder::new().tempdir_in(data).unwrap();
    let whole = Whole::within(data, 8);
    whole.assert_served("at the end of a long path");
    whole.kill();
    whole.assert_served("twice");
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_made_is_a_sentence() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("gate"), "in the way").unwrap();
    let said = Private::new(data.path()).unwrap_err().to_string();
    assert!(said.contains(data.path().join("gate").to_str().unwrap()) && said.contains("--data"), "{said}");
}
