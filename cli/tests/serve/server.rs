//! A server in a process of its own, and how to talk to it.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::started::Started;

/// A started server; killed when it is dropped.
pub(crate) struct Server {
    child: Started,
    pub(crate) url: String,
    /// What it said before its address.
    pub(crate) before: String,
    log: Arc<Mutex<String>>,
    reader: Option<thread::JoinHandle<()>>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }
}

/// `fulmen serve` with these arguments, on the CPU and a free port.
pub(crate) fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulmen"));
    command.args(["serve", "--device", "cpu", "--listen", "127.0.0.1:0", "--data"]).arg(data).args(arguments);
    command.env_remove("FULMEN_API_KEY").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Tells threads that work to stop, also where a test fails.
pub(crate) struct Stop<'a>(pub(crate) &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A server that must not start: its exit code, and what it said. One that starts all the same is ended.
pub(crate) fn refusal(data: &Path, arguments: &[&str]) -> (i32, String) {
    let mut child = Started::new(&mut command(data, arguments));
    let status = child.wait_within(Duration::from_secs(60));
    drop(child.kill());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let status = status.unwrap_or_else(|| panic!("it started: {said}"));
    (status.code().unwrap(), said)
}

impl Server {
    /// Starts one, and waits until it listens.
    pub(crate) fn start(data: &Path, arguments: &[&str]) -> Self {
        Self::of(&mut command(data, arguments))
    }

    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = Started::new(command);
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut before = String::new();
        // What was found at the start, for instance after a crash, is told before.
        let url = loop {
            let line = lines.next().unwrap_or_else(|| panic!("it did not start: {before}"));
            if let Some(url) = line.strip_prefix("listening at ") {
                break url.to_owned();
            }
            before.push_str(&line);
            before.push('\n');
        };
        let log = Arc::new(Mutex::new(before.clone()));
        let keep = log.clone();
        // Lines that nobody reads are dropped.
        let reader = thread::spawn(move || {
            for line in lines {
                let mut log = keep.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self { child, url, before, log, reader: Some(reader) }
    }

    /// Whether its log says this; lines come a little after the answers that they are about.
    pub(crate) fn logs(&self, what: &str) -> bool {
        let end = Instant::now() + Duration::from_secs(10);
        while !self.log().contains(what) && Instant::now() < end {
            thread::sleep(Duration::from_millis(20));
        }
        self.log().contains(what)
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The log of a server that has ended.
    #[cfg(unix)]
    pub(crate) fn whole_log(&mut self) -> String {
        self.reader.take().unwrap().join().unwrap();
        self.log()
    }

    /// Resident memory in MiB, where the system tells.
    pub(crate) fn memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? >> 10)
    }

    /// The number of its process.
    #[cfg(unix)]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The address behind `http://`.
    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    /// Ends the process at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// What a terminal, a limit or another program would send it.
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        self.child.signal(signal);
    }

    /// Asks it to end, and waits; the exit code and how long it took.
    #[cfg(unix)]
    pub(crate) fn terminate(&mut self) -> (Option<i32>, Duration) {
        self.stop_with(rustix::process::Signal::TERM)
    }

    #[cfg(unix)]
    pub(crate) fn stop_with(&mut self, signal: rustix::process::Signal) -> (Option<i32>, Duration) {
        let start = std::time::Instant::now();
        self.signal(signal);
        match self.child.wait_within(Duration::from_secs(40)) {
            Some(status) => (status.code(), start.elapsed()),
            None => panic!("it did not end: {}", self.log()),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        get(&format!("{}{path}", self.url)).unwrap()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        post(&format!("{}{path}", self.url), body).unwrap()
    }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.timeout_global(Some(Duration::from_secs(60))).max_idle_connections(0).build().into()
}

/// An error is a connection that broke.
pub(crate) fn get(url: &str) -> Result<Answer, ureq::Error> {
    answer(agent().get(url).call()?)
}

pub(crate) fn post(url: &str, body: &Value) -> Result<Answer, ureq::Error> {
    answer(agent().post(url).content_type("application/json").send(body.to_string())?)
}

pub(crate) fn delete(url: &str) -> Result<Answer, ureq::Error> {
    answer(agent().delete(url).call()?)
}

fn answer(response: ureq::http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let (parts, mut body) = response.into_parts();
    let body = body.with_config().limit(1 << 30).read_to_vec()?;
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
}
