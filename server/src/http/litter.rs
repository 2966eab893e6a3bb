//! Private folders that a killed server left behind. A folder of a server that lives is never touched: its socket
//! answers.

use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::private::PREFIX;

/// Younger folders may belong to a server that is about to listen.
const YOUNG: Duration = Duration::from_secs(60);

/// Removes the folders of servers that are gone from the folder for temporary files, as far as they are ours.
pub(crate) fn remove(temporary: &Path, young: Duration) {
    let Ok(entries) = fs::read_dir(temporary) else { return };
    for entry in entries.flatten() {
        // Whatever is not as we made it is left alone.
        let _ =
            is_litter(&entry, young).and_then(|litter| if litter { empty(&entry.path()) } else { Ok(()) });
    }
}

/// Removes what servers left behind where they make their folders.
pub(super) fn remove_all() {
    remove(&std::env::temp_dir(), YOUNG);
}

/// Whether this is a folder of ours, of some age, with nothing in it but sockets at which nobody listens.
fn is_litter(entry: &DirEntry, young: Duration) -> io::Result<bool> {
    if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
        return Ok(false);
    }
    // Not following links: others may write here too.
    let about = fs::symlink_metadata(entry.path())?;
    let ours = about.uid() == rustix::process::geteuid().as_raw() && about.mode() & 0o077 == 0;
    if !about.is_dir() || !ours || about.modified()?.elapsed().is_ok_and(|age| age < young) {
        return Ok(false);
    }
    let mut sockets = 0;
    for file in fs::read_dir(entry.path())? {
        let path = file?.path();
        let refused =
            UnixStream::connect(&path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
        if path.extension().is_none_or(|extension| extension != "sock") || !refused {
            return Ok(false);
        }
        sockets += 1;
    }
    Ok(sockets > 0)
}

fn empty(folder: &Path) -> io::Result<()> {
    for file in fs::read_dir(folder)? {
        fs::remove_file(file?.path())?;
    }
    fs::remove_dir(folder)
}
