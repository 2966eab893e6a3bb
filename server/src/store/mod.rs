//! What was acknowledged, kept: records in SQLite, pictures as files beside it.
//!
//! ```text
//! DATA/
//!   lock              held by the one server that uses the directory
//!   fulmen.db         the records; -wal and -shm beside it while a server runs
//!   spare             given up when the disk is full, so that records can still be deleted
//!   link.key          what links are signed with (see `auth`)
//!   pictures/xx/…     the pictures, under random names
//! ```
//!
//! The order of things is the promise. Keeping: the picture's bytes are on the disk, then its name, then the row is
//! committed, then the client is answered. Deleting: the row goes first, then the file. Whenever the power fails,
//! every row has its whole file, and what may be left over are files without a row, which the next start removes.

mod fault;
mod generations;
mod ids;
mod images;
mod open;
mod pictures;
mod record;
mod room;
mod rows;
mod schema;
mod spare;
mod sweep;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, Transaction};

use self::fault::Fault;
use self::open::Lock;
use self::pictures::Pictures;
use self::room::Room;
use self::spare::Spare;
use crate::error::Result;
use crate::problem::Problem;

pub(crate) use self::ids::{new_image_id, new_uuid, random};
pub(crate) use self::pictures::sync_folder;
pub(crate) use self::record::{Generation, Image, Kind, NewImage, State};
pub(crate) use self::room::Reservation;

/// Records and pictures of one data directory.
#[derive(Debug)]
pub(crate) struct Store {
    /// Closed before the lock is let go.
    db: Mutex<Connection>,
    pictures: Pictures,
    room: Arc<Room>,
    spare: Spare,
    /// Held as long as the store lives.
    _lock: Lock,
}

impl Store {
    /// Opens a data directory, making it where there is none, and repairs what a crash may have left.
    ///
    /// # Errors
    /// Another server uses it, it cannot be written, or it is damaged; nothing is changed then.
    pub(crate) fn open(directory: &Path, max_storage: Option<u64>) -> Result<Self> {
        open::open(directory, max_storage)
    }

    /// Sets room aside for pictures that are to be drawn. Expired images make way for them, others never do.
    ///
    /// # Errors
    /// 503 where `--max-storage` has no room; the sentence says what to do.
    pub(crate) fn reserve(&self, bytes: u64) -> Result<Reservation, Problem> {
        self.room.reserve(bytes).or_else(|full| {
            self.sweep(crate::clock::now())?;
            self.room.reserve(bytes).map_err(|_| full)
        })
    }

    /// Bytes of all pictures that are kept.
    pub(crate) fn size(&self) -> u64 {
        self.room.kept()
    }

    /// Whether the database answers and nobody else has it for himself, and the pictures are there. A full disk is
    /// no reason to be taken for dead: what is kept can be fetched and deleted still.
    ///
    /// # Errors
    /// 503 where it is not so.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        let folder = self.pictures.folder();
        std::fs::read_dir(folder).map_err(Fault::file(folder))?;
        Ok(self.write(|transaction| {
            Ok(transaction.prepare_cached("SELECT 1 FROM images")?.exists([]).map(drop)?)
        })?)
    }

    /// Asks the database.
    fn read<T>(&self, ask: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        ask(&self.db.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the database, in one transaction: wholly, or not at all.
    fn write<T>(&self, change: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let mut db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let changed = change(&transaction)?;
        transaction.commit()?;
        Ok(changed)
    }

    /// Changes the database so that less is kept: goes through on a full disk too.
    fn write_less<T>(&self, change: impl Fn(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        match self.write(&change) {
            Err(fault) if fault.is_full() && self.spare.give_up() => self.write(&change),
            changed => changed,
        }
    }
}
