//! What was acknowledged, kept: records in SQLite, pictures as files beside it.
//!
//! ```text
//! DATA/
//!   lock              held by the one server that uses the directory
//!   fulmen.db         the records; -wal and -shm beside it while a server runs
//!   spare             given up when the disk is full, so that records can still be deleted
//!   link.key          what links are signed with (see `auth`)
//!   pictures/xx/…     the pictures, under random names
//!   lost/             what did not match at a start (see `lost`)
//! ```
//!
//! The order of things is the promise. Keeping: the picture's bytes are on the disk under a name that says that they
//! are not kept yet, then the row is committed, then the picture gets its own name, then the client is answered.
//! Deleting: the row goes, and in the same transaction a note that its file is to go, then the file, then the note.
//! Whenever the power fails, every row has its whole file, and what is over is known to be so. Anything else that a
//! start finds, a file without a row or a row without its file, was not done by this server, and is not touched or is
//! moved to `lost/`.

mod backup;
mod connect;
mod database;
mod directory;
mod disk;
mod examine;
mod fault;
mod generations;
mod health;
mod ids;
mod images;
mod lengths;
mod lock;
mod lost;
mod open;
mod order;
mod pictures;
mod pool;
mod presence;
mod quota;
mod record;
mod returned;
mod rows;
mod salvage;
mod schema;
mod spare;
mod survey;
mod sweep;
#[cfg(test)]
mod tests;
mod uploads;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, Transaction};

use self::database::Database;
use self::fault::Fault;
use self::health::Health;
use self::lock::Lock;
use self::pictures::{BLOCK, Pictures};
use self::presence::Presence;
use self::quota::Quota;
use self::spare::Spare;
use crate::clock;
use crate::error::Result;
use crate::problem::Problem;

pub use self::backup::{BackedUp, BackupProgress, backup};
pub(crate) use self::ids::{new_image_id, new_uuid, random};
pub(crate) use self::pictures::sync_folder;
pub(crate) use self::quota::Reservation;
pub(crate) use self::record::{Generation, Image, ImageKind, InputKind, NewImage, State, Upload};
pub(crate) use self::uploads::{ANNOUNCED, COMING, Input, UNUSED};

/// Records and pictures of one data directory.
#[derive(Debug)]
pub(crate) struct Store {
    directory: PathBuf,
    /// Closed before the lock is let go.
    database: Database,
    pictures: Pictures,
    quota: Arc<Quota>,
    /// Bytes of what was ever moved aside.
    lost: AtomicU64,
    spare: Spare,
    presence: Presence,
    health: Health,
    /// Held as long as the store lives.
    _lock: Lock,
}

/// How a data directory is opened.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Opening {
    /// Bytes that may be kept; `None` is as many as the disk holds.
    pub(crate) max_storage: Option<u64>,
    /// Whether to start although much would be moved aside.
    pub(crate) accept_loss: bool,
}

/// Bytes on the disk, all of which `--max-storage` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) pictures: u64,
    /// Records and texts: the database with its log, and the room that is kept free for deleting.
    pub(crate) database: u64,
    /// What was moved aside.
    pub(crate) lost: u64,
}

impl Usage {
    pub(crate) fn total(&self) -> u64 {
        self.pictures + self.database + self.lost
    }
}

impl Store {
    /// Opens a data directory, making it where there is none, and repairs what a crash may have left.
    ///
    /// # Errors
    /// Another server uses it, it cannot be written, it is damaged, or too much of it does not match; nothing is
    /// changed then.
    pub(crate) fn open_with(directory: &Path, opening: Opening) -> Result<Self> {
        open::open(directory, opening)
    }

    /// The same, where nothing may be lost.
    #[cfg(test)]
    pub(crate) fn open(directory: &Path, max_storage: Option<u64>) -> Result<Self> {
        Self::open_with(directory, Opening { max_storage, accept_loss: false })
    }

    /// Sets room aside for what is to be drawn. Expired images make way for it, others never do.
    ///
    /// # Errors
    /// 503 where `--max-storage` or the disk has no room; the sentence says what to do.
    pub(crate) fn reserve(&self, bytes: u64) -> Result<Reservation, Problem> {
        if bytes > 0 {
            self.present()?;
        }
        let reservation = self.quota.reserve(bytes, self.beside()).or_else(|full| {
            self.sweep(clock::now())?;
            self.database.shrink();
            self.database.settle();
            self.quota.reserve(bytes, self.beside()).map_err(|_| full)
        })?;
        self.disk_has(bytes)?;
        Ok(reservation)
    }

    /// Whether so many bytes could be kept if nothing else was.
    ///
    /// # Errors
    /// 503, and what to do.
    pub(crate) fn could_hold(&self, bytes: u64) -> Result<(), Problem> {
        self.quota.could_hold(bytes)
    }

    /// Bytes of everything that is kept.
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            pictures: self.quota.kept() + self.pictures.folders_size(),
            // The last block is the directory's own.
            database: self.database.size() + self.spare.size() + BLOCK,
            lost: self.lost.load(Ordering::Relaxed),
        }
    }

    /// Whether the files are there and the database can be read and written. A full disk is no reason to be taken for
    /// dead: what is kept can be fetched and deleted still.
    ///
    /// # Errors
    /// 503 where it is not so.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        self.present()?;
        let folder = self.pictures.folder();
        std::fs::read_dir(folder).map_err(Fault::file(folder))?;
        self.health.recent(|| Ok(self.database.probe()?))
    }

    /// Ends the use of the database: nothing can be read or changed any more, and no log is left beside it. What is
    /// drawn now is taken back: it ended in an orderly way.
    pub(crate) fn close(&self) {
        if let Err(fault) = self.put_all_back() {
            tracing::warn!("{fault}; what is drawn now counts as tried");
        }
        self.database.close();
    }

    /// What all but the pictures takes. Not needed without a limit.
    fn beside(&self) -> u64 {
        if !self.quota.is_limited() {
            return 0;
        }
        let Usage { database, lost, .. } = self.usage();
        database + lost + self.pictures.folders_size()
    }

    /// Whether the disk has room for this. What waits for room of its own does not keep others from it.
    fn disk_has(&self, bytes: u64) -> Result<(), Problem> {
        match disk::free(self.pictures.folder()) {
            Some(free) if free < bytes => Err(fault::disk_full()),
            _ => Ok(()),
        }
    }

    /// Whether the files are still those that others will find.
    fn present(&self) -> Result<(), Fault> {
        if self.database.is_closed() {
            return Err(Fault::Closed);
        }
        self.presence.check().and_then(|()| self.database.is_whole())
    }

    /// Asks the database.
    fn read<T>(&self, ask: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        self.database.read(ask)
    }

    /// Changes the database, in one transaction: wholly, or not at all.
    fn write<T>(&self, change: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let changed = self.commit(change)?;
        self.present()?;
        Ok(changed)
    }

    /// The same, before it is certain that the files are still those that others will find.
    fn commit<T>(&self, change: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        self.present()?;
        self.database.write(change)
    }

    /// Changes the database so that less is kept: goes through on a full disk too.
    fn write_less<T>(&self, change: impl Fn(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        match self.write(&change) {
            Err(fault) if fault.is_full() && self.spare.give_up() => self.write(&change),
            changed => changed,
        }
    }
}
