//! What a server takes of memory: what its budgets say, and it is given back. Where it may have little, jobs that are
//! too large for it are refused, and it lives.
//!
//! The limit is that of a control group, which takes root and a controller of memory; without them those tests say that
//! they were not run.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server::{Answer, Server, command};

/// A control group of a test's own; removed when it is dropped, after those who are in it.
struct Group(PathBuf);

impl Group {
    /// A group whose processes together have so many MiB.
    fn new(name: &str, mib: u64) -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let path = |controller: &str| {
            let line = own.lines().find_map(|line| line.split_once(':')?.1.strip_prefix(controller));
            line.and_then(|rest| rest.strip_prefix(':')).map(|path| path.trim_start_matches('/').to_owned())
        };
        let first = path("memory").map(|path| Path::new("/sys/fs/cgroup/memory").join(path));
        // A group of the second version has groups within or processes, so that one beside it is taken.
        let second = path("").map(|_| PathBuf::from("/sys/fs/cgroup"));
        let made = first.into_iter().chain(second).find_map(|parent| {
            let _ = fs::write(parent.join("cgroup.subtree_control"), "+memory");
            let group = Self(parent.join(format!("fulmen-{name}-{}", std::process::id())));
            fs::create_dir(&group.0).ok()?;
            let swap = [("memory.swap.max", "0"), ("memory.swappiness", "0")];
            swap.into_iter().for_each(|(file, value)| drop(fs::write(group.0.join(file), value)));
            group.limit(mib).then_some(group)
        });
        if made.is_none() {
            println!("NOT RUN: no control group of memory can be made here (that takes root)");
        }
        made
    }

    fn limit(&self, mib: u64) -> bool {
        let bytes = (mib << 20).to_string();
        ["memory.max", "memory.limit_in_bytes"].iter().any(|file| {
            let file = self.0.join(file);
            file.exists() && fs::write(file, &bytes).is_ok()
        })
    }

    /// A server in the group.
    fn serve(&self, data: &Path, arguments: &[&str]) -> Server {
        let inner = command(data, arguments);
        let mut outer = Command::new("sh");
        outer.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(self.0.join("cgroup.procs"));
        outer.arg(inner.get_program()).args(inner.get_args());
        outer.env_remove("FULMEN_API_KEY").stdin(std::process::Stdio::null());
        outer.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
        Server::of(&mut outer)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn small(server: &Server) -> Answer {
    server.post("/v1/images/generations", &json!({"prompt": "a cat", "size": "64x64", "steps": 1}))
}

/// A generation, once it is not pending any more.
fn generation(server: &Server, id: &str) -> Value {
    for _ in 0..3000 {
        let generation = server.get(&format!("/generations/{id}")).json()["generations_by_pk"].clone();
        if generation["status"] != "PENDING" {
            return generation;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("it is still pending: {}", server.log());
}

#[test]
fn a_generation_that_is_too_large_fails_and_ends_no_server() {
    let Some(group) = Group::new("poison", 90) else { return };
    let data = tempfile::tempdir().unwrap();
    let mut server = group.serve(data.path(), &[]);
    let asked = json!({"prompt": "a cat", "num_images": 4, "width": 1536, "height": 1536});
    let begun = server.post("/generations", &asked).json();
    let id = begun["sdGenerationJob"]["generationId"].as_str().unwrap().to_owned();
    let failed = generation(&server, &id);
    assert_eq!(failed["status"], "FAILED", "{failed}");
    assert!(failed.to_string().contains("MiB of memory"), "the sentence says why: {failed}");
    assert_eq!(small(&server).status, 200);
    server.kill();
    let server = group.serve(data.path(), &[]);
    assert_eq!(generation(&server, &id)["status"], "FAILED");
    assert_eq!(small(&server).status, 200);
    // With more memory the same is drawn.
    assert!(group.limit(400));
    let begun = server.post("/generations", &asked).json();
    let id = begun["sdGenerationJob"]["generationId"].as_str().unwrap();
    assert_eq!(generation(&server, id)["status"], "COMPLETE");
}

#[test]
fn an_answer_that_is_too_large_is_refused_and_many_large_ones_wait_for_each_other() {
    let Some(group) = Group::new("answers", 300) else { return };
    let data = tempfile::tempdir().unwrap();
    let server = group.serve(data.path(), &[]);
    let of = |side: u64, n: u64| json!({"prompt": "a cat", "size": format!("{side}x{side}"), "n": n, "response_format": "b64_json"});
    let refused = server.post("/v1/images/generations", &of(2048, 10));
    let error = &refused.json()["error"];
    assert_eq!((refused.status, error["code"].as_str()), (400, Some("too_large")), "{error}");
    assert_eq!(small(&server).status, 200);
    // Each fits alone, all together do not.
    let statuses: Vec<u16> = thread::scope(|scope| {
        let ask = || server.post("/v1/images/generations", &of(1024, 10)).status;
        let asking: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&200), "{statuses:?}: {}", server.log());
    assert_eq!(small(&server).status, 200);
}

/// Shares of each request that have 64 KiB outside of the budgets: body, values, answer.
const UNCOUNTED: u64 = 3;

/// What the budgets for bodies, for answers that are made, and for answers on their way let a large machine take, in MiB.
const BODIES: u64 = 256;
const ANSWERS: u64 = 128 + 512;

/// Sends the request over so many connections at once, none of which takes more than the first bytes of its answer;
/// the server's largest size until all are gone, and its size soon afterwards, in MiB.
fn crowd(server: &Server, connections: usize, request: &[u8]) -> (u64, u64) {
    let (mut peak, address) = (0, server.address());
    thread::scope(|scope| {
        let ask = || {
            let mut socket = std::net::TcpStream::connect(address).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            // A server that refuses may do so before it has read all.
            drop(socket.write_all(request));
            drop(socket.read(&mut [0; 64]));
            socket
        };
        let asking: Vec<_> = (0..connections).map(|_| scope.spawn(ask)).collect();
        while !asking.iter().all(thread::ScopedJoinHandle::is_finished) {
            peak = peak.max(server.memory().unwrap());
            thread::sleep(Duration::from_millis(5));
        }
        peak = peak.max(server.memory().unwrap());
    });
    // It learns one by one that they are gone.
    thread::sleep(Duration::from_secs(1));
    (peak, server.memory().unwrap())
}

/// What the last of a crowd leave is given back half a minute later.
fn assert_given_back(server: &Server, most: u64, what: &str) {
    let end = Instant::now() + Duration::from_secs(45);
    while server.memory().unwrap() > most {
        assert!(Instant::now() < end, "{what}: {} MiB afterwards, not {most}", server.memory().unwrap());
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn crowds_take_no_more_than_the_budgets_and_leave_nothing_behind() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    // The longest prompts, of the widest letters: a list of them has 7 MiB.
    let prompt = "\u{1d4b3}".repeat(31_000);
    for _ in 0..60 {
        let asked = json!({"prompt": prompt, "num_images": 1, "width": 64, "height": 64});
        let begun = server.post("/generations", &asked).json();
        generation(&server, begun["sdGenerationJob"]["generationId"].as_str().unwrap());
    }
    let user = server.get("/me").json()["user_details"][0]["user"]["id"].as_str().unwrap().to_owned();
    let list =
        format!("GET /generations/user/{user}?limit=60 HTTP/1.1\r\nHost: {}\r\n\r\n", server.address());
    let post = |body: &[u8]| {
        let head = format!(
            "POST /v1/images/generations HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            server.address(),
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    let values = format!("{{\"prompt\":[{}0]}}", "{\"\":0},".repeat(290_000));
    let text = format!("{{\"prompt\":[\"{}\",{}0]}}", "x".repeat(2_000_000), "{\"\":0},".repeat(9_900));
    // Objects in each other take most for each of their bytes.
    let deep = format!("{}0{},", "{\"a\":".repeat(100), "}".repeat(100)).repeat(190);
    let deep = format!("{{\"prompt\":\"x\",\"zz\":[{deep}0]}}");
    let small_values = format!("{{\"prompt\":\"x\",\"zz\":[{}{{}}]}}", "{\"a\":1},".repeat(8_000));
    let before = server.memory().unwrap();
    for (what, budget, connections, request) in [
        ("lists", ANSWERS, 160, list.into_bytes()),
        ("values", BODIES, 120, post(values.as_bytes())),
        ("texts and values", BODIES, 120, post(text.as_bytes())),
        ("objects in each other", BODIES, 240, post(deep.as_bytes())),
        ("small values", BODIES, 240, post(small_values.as_bytes())),
        ("bodies", BODIES, 40, post(&vec![b'x'; 32 << 20])),
    ] {
        let begun = server.memory().unwrap();
        let (peak, after) = crowd(&server, connections, &request);
        println!("{what}: from {before} MiB to {peak} at the peak, and {after} afterwards");
        let uncounted = (connections as u64 * UNCOUNTED) / 16;
        assert!(peak <= begun + budget + uncounted, "{what}: from {begun} to {peak} MiB");
        if cfg!(target_env = "gnu") {
            assert_given_back(&server, before + 64, what);
        }
    }
    assert_eq!(small(&server).status, 200);
}
