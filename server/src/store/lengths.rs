//! Whether the database's files are as long as this server left them. One that is cut off while it is in use, or written
//! anew in its place, stays the same file, so that its name and number do not tell (`presence`).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::fault::Fault;

/// The least that the database, its log and its shared memory may have.
#[derive(Debug)]
pub(super) struct Lengths {
    files: [PathBuf; 3],
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    bytes: [u64; 3],
    /// What was found to be shorter; it may grow again, and is not whole for that.
    cut: Option<String>,
}

impl Lengths {
    pub(super) fn of(files: [PathBuf; 3]) -> Self {
        let lengths = Self { files, noted: Mutex::default() };
        lengths.note();
        lengths
    }

    /// Notes what the files have now. For whoever writes them, and has done so.
    pub(super) fn note(&self) {
        self.noted().bytes = self.files.each_ref().map(|file| length(file).unwrap_or(0));
    }

    /// From now on the log and the database may become shorter, until they are noted again.
    pub(super) fn may_shrink(&self) {
        let [.., memory] = self.noted().bytes;
        self.noted().bytes = [0, 0, memory];
    }

    /// Whether none is shorter.
    pub(super) fn check(&self) -> Result<(), Fault> {
        self.check_from(0)
    }

    /// Whether the shared memory is not shorter, which whoever reads would die of.
    pub(super) fn check_memory(&self) -> Result<(), Fault> {
        self.check_from(2)
    }

    fn check_from(&self, first: usize) -> Result<(), Fault> {
        let mut noted = self.noted();
        let mut files = self.files.iter().zip(noted.bytes).skip(first);
        let found = files.find(|(file, bytes)| length(file).is_some_and(|now| now < *bytes));
        if let Some((file, _)) = found {
            noted.cut = Some(format!("{} was cut off, or another was written over it", file.display()));
        }
        noted.cut.clone().map_or(Ok(()), |what| Err(Fault::Gone(what)))
    }

    fn noted(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of a file, if it is there; where it is not, its name tells.
fn length(file: &Path) -> Option<u64> {
    fs::metadata(file).ok().map(|about| about.len())
}
