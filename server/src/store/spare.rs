//! Room that is kept free for deleting.
//!
//! To delete a row SQLite first writes it to its log. On a disk that is full to the last byte nothing could then be
//! deleted, and the server could never help itself. So a file lies beside the database that means nothing: it is
//! given up when a deletion finds no room, and made again when there is some.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::ids::random;

/// A batch of deletions (see `sweep`) writes seven pages of 4 KiB for each of its rows at the most: 224 KiB.
const SIZE: usize = 256 << 10;

/// Random bytes that are asked for at once.
const BLOCK: usize = 64 << 10;

/// The file that can be given up.
#[derive(Debug)]
pub(super) struct Spare(PathBuf);

impl Spare {
    pub(super) fn new(directory: &Path) -> Self {
        Self(directory.join("spare"))
    }

    /// Makes the file where there is none. Without room for it there is none, and that is no error.
    pub(super) fn make(&self) {
        if fs::metadata(&self.0).is_ok_and(|file| file.len() == SIZE as u64) {
            return;
        }
        if let Err(error) = self.write() {
            self.give_up();
            tracing::debug!("{} cannot be made: {error}", self.0.display());
        }
    }

    /// Random bytes: zeros would take no room on a file system that compresses.
    fn write(&self) -> io::Result<()> {
        let mut file = File::create(&self.0)?;
        for _ in 0..SIZE / BLOCK {
            file.write_all(&random::<BLOCK>())?;
        }
        file.sync_all()
    }

    /// Bytes that it takes now.
    pub(super) fn size(&self) -> u64 {
        fs::metadata(&self.0).map_or(0, |file| file.len())
    }

    /// Frees the room; whether there was any.
    pub(super) fn give_up(&self) -> bool {
        fs::remove_file(&self.0).is_ok()
    }
}
