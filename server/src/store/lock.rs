//! One server for a data directory.
//!
//! Two things are locked: the file `lock` in the directory, and the directory itself. The second holds when somebody
//! has removed the file; the first where a file system cannot lock directories.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// The file that is locked.
pub(super) const FILE: &str = "lock";

/// The directory is ours as long as this lives.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    directory: Option<File>,
}

/// Why a directory is not ours.
#[derive(Debug)]
pub(super) enum Refused {
    /// The file cannot be made or written.
    Unwritable(io::Error),
    /// Another server has it.
    Taken,
    /// The file system has no locks.
    Unlockable(io::Error),
}

impl Lock {
    pub(super) fn take(directory: &Path) -> Result<Self, Refused> {
        let options = OpenOptions::new().write(true).create(true).truncate(false).clone();
        let file = options.open(directory.join(FILE)).map_err(Refused::Unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Refused::Taken),
            Err(TryLockError::Error(error)) => return Err(Refused::Unlockable(error)),
        }
        Ok(Self { file, directory: lock_directory(directory)? })
    }
}

/// Locks the directory where that can be done: network file systems lock only what is open for writing.
#[cfg(unix)]
fn lock_directory(directory: &Path) -> Result<Option<File>, Refused> {
    let opened = File::open(directory).map_err(Refused::Unwritable)?;
    match opened.try_lock() {
        Ok(()) => Ok(Some(opened)),
        Err(TryLockError::WouldBlock) => Err(Refused::Taken),
        Err(TryLockError::Error(error)) => {
            tracing::debug!("{} itself cannot be locked: {error}", directory.display());
            Ok(None)
        }
    }
}

/// A file that is open there cannot be replaced by another of its name.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "where directories can be locked, that can fail")]
fn lock_directory(_directory: &Path) -> Result<Option<File>, Refused> {
    Ok(None)
}

#[cfg(test)]
impl Lock {
    /// What a child has of it.
    pub(super) fn inherited(&self) -> Vec<File> {
        let files = [&self.file].into_iter().chain(&self.directory);
        files.map(|file| file.try_clone().expect("a descriptor more")).collect()
    }
}

impl Drop for Lock {
    /// Closing the files would not always be enough: a program that is started in this very moment has them too, until
    /// it comes to its own.
    fn drop(&mut self) {
        for file in self.directory.iter().chain([&self.file]) {
            if let Err(error) = file.unlock() {
                tracing::warn!("the data directory cannot be let go before the server ends: {error}");
            }
        }
    }
}
