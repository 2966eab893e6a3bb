//! What killed servers leave behind is removed, and nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use super::*;
use crate::http::litter::remove;

/// A folder as the gate makes them, with these files in it.
fn folder(temporary: &Path, name: &str) -> PathBuf {
    let folder = temporary.join(name);
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

#[test]
fn only_folders_of_servers_that_are_gone_are_removed() {
    let temporary = tempfile::tempdir().unwrap();
    let at = temporary.path();
    let dead = folder(at, "fulmen-gate-dead");
    drop(UnixListener::bind(dead.join("a.sock")).unwrap());
    let alive = folder(at, "fulmen-gate-alive");
    let _listener = UnixListener::bind(alive.join("a.sock")).unwrap();
    let other = folder(at, "fulmen-pictures");
    drop(UnixListener::bind(other.join("a.sock")).unwrap());
    let mixed = folder(at, "fulmen-gate-mixed");
    drop(UnixListener::bind(mixed.join("a.sock")).unwrap());
    fs::write(mixed.join("notes"), "keep").unwrap();
    let empty = folder(at, "fulmen-gate-empty");
    std::os::unix::fs::symlink(&other, at.join("fulmen-gate-link")).unwrap();

    remove(at, Duration::from_secs(60));
    assert!(dead.exists(), "it is too young");
    remove(at, Duration::ZERO);
    assert!(!dead.exists());
    for kept in [alive.join("a.sock"), other.join("a.sock"), mixed.join("notes"), mixed.join("a.sock"), empty]
    {
        assert!(kept.symlink_metadata().is_ok(), "{} is gone", kept.display());
    }
}
