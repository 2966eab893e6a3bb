//! `fulmen backup`, from a server that runs and is used, and onto a disk that is too small.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use super::server::{Server, Stop, delete, get, post};

fn backup(data: &Path, to: &Path, more: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulmen"));
    let Output { status, stdout, stderr } =
        command.arg("backup").arg(to).arg("--data").arg(data).args(more).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn image(url: &str) -> String {
    let asked = json!({"name": "kept", "prompt": "a red circle", "width": 64, "height": 64, "steps": 1});
    let answer = post(&format!("{url}/v1/images/imagine"), &asked).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.json());
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_copy_made_while_the_server_is_used_has_all_that_was_acknowledged_before() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let url = server.url.clone();
    let kept: Vec<String> = (0..10).map(|_| image(&url)).collect();
    let link =
        post(&format!("{url}/v1/images/generations"), &json!({"prompt": "a red circle", "size": "64x64"}));
    let link =
        link.unwrap().json()["data"][0]["url"].as_str().unwrap().split_once("/files/").unwrap().1.to_owned();
    let target = tempfile::tempdir().unwrap();
    let stop = AtomicBool::new(false);
    let others = Mutex::new(vec![]);
    let copies: Vec<_> = (0..4).map(|at| target.path().join(format!("copy {at}"))).collect();
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let id = image(&url);
                let mut others = others.lock().unwrap();
                others.push(id);
                if others.len() % 2 == 0 {
                    let id = others.remove(0);
                    assert_eq!(delete(&format!("{url}/v1/images/{id}")).unwrap().status, 204);
                }
            }
        });
        for (at, copy) in copies.iter().enumerate() {
            let (code, out, err) = backup(data.path(), copy, if at == 0 { &["--json"] } else { &[] });
            assert_eq!((code, err.as_str()), (0, ""), "{out}");
            if at == 0 {
                let done: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
                assert_eq!((&done["event"], &done["missing"]), (&json!("done"), &json!(0)), "{out}");
                assert!(done["pictures"].as_u64().unwrap() >= 11, "{out}");
            } else {
                assert!(out.contains("pictures") && out.contains(copy.to_str().unwrap()), "{out}");
            }
        }
    });
    for copy in &copies {
        let again = Server::start(copy, &[]);
        for id in &kept {
            let (here, there) =
                [&server, &again].map(|one| one.get(&format!("/v1/images/{id}/download"))).into();
            assert_eq!((here.status, there.status), (200, 200), "{id}");
            assert!(here.body == there.body);
        }
        // Links that were given out are good there, too.
        assert_eq!(get(&format!("{}/files/{link}", again.url)).unwrap().status, 200);
        assert!(!again.log().contains("moved to"), "{}", again.log());
        assert!(!copy.join("lost").exists());
    }
}

#[test]
fn a_copy_of_a_stopped_server_and_what_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let id = image(&server.url);
    server.kill();
    let target = tempfile::tempdir().unwrap();
    let copy = target.path().join("copy");
    assert_eq!(backup(data.path(), &copy, &[]).0, 0);
    assert_eq!(Server::start(&copy, &[]).get(&format!("/v1/images/{id}/download")).status, 200);

    let (code, out, err) = backup(data.path(), &copy, &["--json"]);
    assert!(code == 1 && err.contains("not empty"), "{err}");
    let event: Value = serde_json::from_str(out.trim()).unwrap();
    assert_eq!((&event["event"], &event["exit_code"]), (&json!("error"), &json!(1)));
    let (code, _, err) = backup(&target.path().join("nowhere"), &target.path().join("b"), &[]);
    assert!(code == 1 && err.contains("nowhere") && err.contains("--data"), "{err}");
    let output = Command::new(env!("CARGO_BIN_EXE_fulmen")).arg("backup").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// A disk of its own that is too small. Mounting needs rights; where there are none nothing is tested, and where `CI` is
/// set that is a failure.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_too_small_is_told_and_has_nothing_of_the_copy() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let asked = json!({"name": "kept", "prompt": "a red circle", "width": 512, "height": 512, "steps": 1});
    (0..8).for_each(|_| assert_eq!(server.post("/v1/images/imagine", &asked).status, 201));
    let disk = tempfile::tempdir().unwrap();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"]).arg(disk.path()).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "this test mounts a file system, and may not");
        eprintln!("not tested: mounting a file system is not allowed here");
        return;
    }
    let (code, _, err) = backup(data.path(), disk.path(), &[]);
    let left = std::fs::read_dir(disk.path()).unwrap().count();
    let (deep, _, _) = backup(data.path(), &disk.path().join("deep"), &[]);
    let left = left + std::fs::read_dir(disk.path()).unwrap().count();
    Command::new("umount").arg("-l").arg(disk.path()).status().unwrap();
    assert!(code == 1 && deep == 1 && err.contains("disk is full"), "{err}");
    assert_eq!(left, 0, "nothing that looks like a copy");
}
