//! Few threads, few descriptors: fewer are served at once, and never nobody.
//!
//! Limits of control groups and of other users need root; where the tests do not run as root, those say so.
#![cfg(unix)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;

use super::server::{Server, command};

/// A control group that limits tasks; removed when dropped, after its process.
struct Group(PathBuf);

impl Group {
    /// Nothing where none can be made.
    fn of(tasks: usize) -> Option<Self> {
        let name = format!("fulmen-test-{}-{tasks}", std::process::id());
        // The unified tree gives its groups only what it was told to.
        let _ = std::fs::write("/sys/fs/cgroup/cgroup.subtree_control", "+pids");
        let made = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].iter().find_map(|tree| {
            let group = Group(Path::new(tree).join(&name));
            std::fs::create_dir(&group.0).ok()?;
            std::fs::write(group.0.join("pids.max"), tasks.to_string()).ok().map(|()| group)
        });
        if made.is_none() {
            println!("not run: no control group can be made here; that needs root and the pids controller");
        }
        made
    }

    /// `fulmen serve` in this group.
    fn command(&self, data: &Path) -> Command {
        let enter = format!("echo $$ > '{}/cgroup.procs' && exec \"$0\" \"$@\"", self.0.display());
        run_by(Command::new("sh").args(["-c", &enter]), &command(data, &[]))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let end = Instant::now() + Duration::from_secs(5);
        while std::fs::remove_dir(&self.0).is_err() && self.0.exists() && Instant::now() < end {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A command that is run by another.
fn run_by(by: &mut Command, plain: &Command) -> Command {
    let mut command = Command::new(by.get_program());
    command.args(by.get_args()).arg(plain.get_program()).args(plain.get_args());
    command.env_remove("FULMEN_API_KEY").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

const CALL: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn connect(server: &Server) -> Option<TcpStream> {
    let socket = TcpStream::connect(server.address()).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    Some(socket)
}

/// The status of the one answer, if there is one.
fn status(mut socket: TcpStream) -> Option<u16> {
    let mut answer = String::new();
    // A connection that gave way may be reset.
    let _ = socket.read_to_string(&mut answer);
    answer.split(' ').nth(1)?.parse().ok()
}

fn assert_served(server: &Server, when: &str) {
    let mut socket = connect(server).unwrap();
    socket.write_all(CALL).unwrap();
    assert_eq!(status(socket), Some(200), "{when}: {}", server.log());
}

/// Three hundred connect, wait, and then all ask at once. Whoever has no place is told, or closed; somebody is served.
fn crowd(server: &Server) {
    let mut crowd: Vec<_> = (0..300).filter_map(|_| connect(server)).collect();
    thread::sleep(Duration::from_millis(200));
    crowd.iter_mut().for_each(|socket| drop(socket.write_all(CALL)));
    let statuses: Vec<_> = crowd.into_iter().filter_map(status).collect();
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&200), "{statuses:?}");
}

fn assert_survives_crowds(server: &Server) {
    for round in 1..=5 {
        crowd(server);
        assert_served(server, &format!("after crowd {round}"));
    }
    let asked = json!({"prompt": "a red circle", "size": "64x64", "steps": 1});
    assert_eq!(server.post("/v1/images/generations", &asked).status, 200, "{}", server.log());
}

#[test]
fn crowds_leave_a_server_that_serves_however_few_its_threads_are() {
    for tasks in [60, 100, 300] {
        let Some(group) = Group::of(tasks) else { return };
        let data = tempfile::tempdir().unwrap();
        let mut server = Server::of(&mut group.command(data.path()));
        assert_survives_crowds(&server);
        assert!(server.log().contains(&format!("pids.max {tasks}")), "{}", server.log());
        assert_eq!(server.terminate().0, Some(0));
    }
}

#[test]
fn crowds_leave_a_server_that_serves_however_few_its_descriptors_are() {
    for limit in [48, 64, 256] {
        let data = tempfile::tempdir().unwrap();
        let mut by = Command::new("prlimit");
        let mut command = run_by(by.arg(format!("--nofile={limit}:{limit}")), &command(data.path(), &[]));
        let mut server = Server::of(&mut command);
        assert_survives_crowds(&server);
        assert_eq!(server.terminate().0, Some(0));
    }
}

/// Another user, who has no process yet, may have so many.
#[test]
fn crowds_leave_a_server_that_serves_however_few_processes_its_user_may_have() {
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::os::unix::process::CommandExt;
    const USER: u32 = 61_184;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("fulmen");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_fulmen"), &program).unwrap();
    if chown(&program, Some(USER), None).is_err() {
        return println!("not run: only root can be another user");
    }
    let mut plain = Command::new(program);
    plain.args(command(&folder.path().join("data"), &[]).get_args());
    let mut command = run_by(Command::new("prlimit").arg("--nproc=80:80"), &plain);
    let mut server = Server::of(command.uid(USER).gid(USER));
    assert_survives_crowds(&server);
    assert!(server.log().contains("ulimit -u 80"), "{}", server.log());
    assert_eq!(server.terminate().0, Some(0));
}

#[test]
fn too_little_for_any_use_is_a_sentence_at_the_start() {
    let data = tempfile::tempdir().unwrap();
    let refused = |mut command: Command, expected: &[&str]| {
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(expected.iter().all(|part| said.contains(part)) && !said.contains("panic"), "{said}");
    };
    for limit in [20, 30] {
        let mut by = Command::new("prlimit");
        let command = run_by(by.arg(format!("--nofile={limit}:{limit}")), &command(data.path(), &[]));
        refused(command, &[&format!("ulimit -n {limit}"), "at least"]);
    }
    for tasks in [8, 20] {
        let Some(group) = Group::of(tasks) else { return };
        refused(group.command(data.path()), &[&format!("pids.max {tasks}"), "at least"]);
    }
}

#[test]
fn idle_strangers_lock_nobody_out() {
    let Some(group) = Group::of(120) else { return };
    let data = tempfile::tempdir().unwrap();
    let server = Server::of(&mut group.command(data.path()));
    let idle: Vec<_> = (0..255).map(|_| connect(&server)).collect();
    for turn in 0..20 {
        assert_served(&server, &format!("turn {turn}"));
    }
    drop(idle);
}

#[test]
fn idle_strangers_do_not_drive_out_who_showed_a_key() {
    let data = tempfile::tempdir().unwrap();
    let key = "a-key-of-sufficient-length";
    let server = Server::of(command(data.path(), &[]).env("FULMEN_API_KEY", key));
    let ask = |socket: &mut TcpStream| {
        write!(socket, "GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\nx-api-key: {key}\r\n\r\n").unwrap();
        let mut answer = vec![0; 4096];
        let read = socket.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..read]).into_owned()
    };
    let mut known = connect(&server).unwrap();
    assert!(ask(&mut known).starts_with("HTTP/1.1 200 "));
    let idle: Vec<_> = (0..600).map(|_| connect(&server)).collect();
    assert_served(&server, "beside idle strangers");
    assert!(ask(&mut known).starts_with("HTTP/1.1 200 "), "it was closed for a stranger");
    drop(idle);
}

/// A limit that falls while the server runs stands for everything else that can take its descriptors away.
#[test]
fn who_asks_while_there_is_no_descriptor_is_answered_when_there_is_one() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let process = Pid::from_raw(server.id().cast_signed()).unwrap();
    for _ in 0..3 {
        let mut waiting = connect(&server).unwrap();
        thread::sleep(Duration::from_millis(100));
        let limit =
            |current| Rlimit { current: Some(current), ..rustix::process::getrlimit(Resource::Nofile) };
        let before = prlimit(Some(process), Resource::Nofile, limit(3)).unwrap();
        waiting.write_all(CALL).unwrap();
        thread::sleep(Duration::from_millis(700));
        prlimit(Some(process), Resource::Nofile, before).unwrap();
        assert_eq!(status(waiting), Some(200), "{}", server.log());
        assert_served(&server, "afterwards");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_folder_of_temporary_files_is_not_needed_and_nothing_else_listens() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::of(command(data.path(), &[]).env("TMPDIR", "/nowhere/at/all"));
    let sockets = std::fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap();
    let sockets: Vec<String> = sockets
        .filter_map(|entry| Some(std::fs::read_link(entry.ok()?.path()).ok()?.to_string_lossy().into_owned()))
        .filter_map(|link| Some(link.strip_prefix("socket:[")?.trim_end_matches(']').to_owned()))
        .collect();
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| std::fs::read_to_string(table).unwrap_or_default());
    // The fourth word is the state, 0A: listening; the tenth is the socket.
    let listening = tables.iter().flat_map(|table| table.lines()).filter(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        words.get(3) == Some(&"0A")
            && words.get(9).is_some_and(|one| sockets.iter().any(|socket| socket == one))
    });
    assert_eq!(listening.count(), 1, "only the public address is listened at");
    std::fs::remove_dir_all(data.path().join("gate")).unwrap();
    assert_served(&server, "without its private folder");
}

#[test]
fn a_private_socket_that_cannot_be_made_keeps_the_server_from_starting() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("gate"), "in the way").unwrap();
    let output = command(data.path(), &[]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(data.path().join("gate").to_str().unwrap()) && said.contains("--data"), "{said}");
}
