//! The private way: a Unix socket in a folder of mode 0700. On Linux its name is removed as soon as it is there, and
//! it is reached through a descriptor: nothing is left behind by a server that was killed, nothing is in the way of
//! who copies the data directory, and nobody can take the way away by removing a file.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::client::random_hex;

/// Bytes of a path at which a socket can be made on every system; some take a few more.
const LONGEST: usize = 100;

pub(super) type Socket = UnixStream;

/// Where a listener is reached.
#[derive(Debug, Clone)]
pub(super) struct Door {
    path: PathBuf,
    /// What the path leads through, where that is a descriptor.
    _through: Option<Arc<File>>,
}

/// Makes the folder, and removes what an earlier server left in it.
pub(super) fn prepare(folder: &Path) -> io::Result<()> {
    make(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_socket() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A folder that only this user can enter, whatever it was before. The directory above it is never made: where it is
/// gone, another must not take its place unseen.
fn make(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    if !fs::symlink_metadata(folder)?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "something else has this name"));
    }
    fs::set_permissions(folder, Permissions::from_mode(0o700))
}

pub(super) fn listen(folder: &Path) -> io::Result<(UnixListener, Door)> {
    make(folder)?;
    let name = format!("{}.sock", random_hex::<8>());
    let path = folder.join(&name);
    let (at, through) = if path.as_os_str().len() <= LONGEST {
        (path.clone(), None)
    } else {
        let directory = File::open(folder)?;
        (descriptor(&directory)?.join(&name), Some(Arc::new(directory)))
    };
    let listener = UnixListener::bind(&at)?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    let Some(held) = hold(&path) else { return Ok((listener, Door { path: at, _through: through })) };
    let door = Door { path: descriptor(&held)?, _through: Some(Arc::new(held)) };
    fs::remove_file(&path)?;
    Ok((listener, door))
}

/// A path of few bytes that leads to what is open.
#[cfg(target_os = "linux")]
fn descriptor(file: &File) -> io::Result<PathBuf> {
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    match fs::metadata(&path) {
        Ok(_) => Ok(path),
        Err(_) => {
            Err(io::Error::other("its path is too long for a socket, and /proc is not there to shorten it"))
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn descriptor(_file: &File) -> io::Result<PathBuf> {
    Err(io::Error::other(format!("its path has more than {LONGEST} bytes, too many for a socket")))
}

/// The socket itself, as something that can be connected to when its name is gone; nothing where the system has no
/// such way.
#[cfg(target_os = "linux")]
fn hold(path: &Path) -> Option<File> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = File::from(open(path, flags, Mode::empty()).ok()?);
    let reached = fs::metadata(descriptor(&held).ok()?).ok()?;
    reached.file_type().is_socket().then_some(held)
}

#[cfg(not(target_os = "linux"))]
fn hold(_path: &Path) -> Option<File> {
    None
}

impl Door {
    pub(super) fn connect(&self) -> io::Result<UnixStream> {
        UnixStream::connect(&self.path)
    }

    #[cfg(test)]
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
