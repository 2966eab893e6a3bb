//! Images whose time has come.

use std::sync::atomic::Ordering;

use jiff::Timestamp;
use rusqlite::params;

use super::fault::Fault;
use super::images::note_removal;
use super::{Result, Store, lost, rows};
use crate::problem::Problem;

/// Rows of one transaction: few, so that others are served between, and so that little room is needed to make room.
const BATCH: usize = 8;

/// Files whose removal is noted as done at once.
const REMOVALS: usize = 256;

impl Store {
    /// Removes every image that expired before now, rows first, then files. How many there were.
    ///
    /// # Errors
    /// 503 where the disk refuses; what was not removed is removed the next time.
    pub(crate) fn sweep(&self, now: Timestamp) -> Result<usize, Problem> {
        let sql = "DELETE FROM images WHERE number IN (SELECT number FROM images WHERE expires_at <= ?1 \
                   ORDER BY expires_at LIMIT ?2) RETURNING file, size";
        let expired = "SELECT 1 FROM images WHERE expires_at <= ?1";
        let mut swept = 0;
        while self.read(|db| Ok(db.prepare_cached(expired)?.exists([now.as_millisecond()])?))? {
            let gone = self.write_less(|transaction| {
                let mut statement = transaction.prepare_cached(sql)?;
                let rows =
                    statement.query_map(params![now.as_millisecond(), rows::signed(BATCH)], rows::file)?;
                let gone = rows.collect::<rusqlite::Result<Vec<_>>>()?;
                note_removal(transaction, &gone)?;
                Ok(gone)
            })?;
            self.remove(&gone);
            swept += gone.len();
        }
        Ok(swept)
    }

    /// Everything that is done from time to time: expired images, files that are still to go, room that is given back,
    /// a log that nothing was added to.
    ///
    /// # Errors
    /// As [`Store::sweep`].
    pub(crate) fn tidy(&self) -> Result<(), Problem> {
        let now = crate::clock::now();
        let done = [
            self.sweep(now).map(drop),
            self.forget_uploads(now).map_err(Into::into),
            self.finish_removals().map_err(Into::into),
        ];
        self.database.shrink();
        self.database.settle_if_idle();
        if self.quota.is_limited() {
            self.lost.store(lost::size(&self.directory), Ordering::Relaxed);
        }
        done.into_iter().collect()
    }

    /// Removes files whose rows are gone, if they are still there, and then the notes of them.
    fn finish_removals(&self) -> Result<(), Fault> {
        let noted = "SELECT file FROM removals LIMIT ?1";
        loop {
            let files: Vec<String> = self.read(|db| {
                let mut statement = db.prepare_cached(noted)?;
                let files = statement.query_map([rows::signed(REMOVALS)], |row| row.get(0))?;
                Ok(files.collect::<rusqlite::Result<_>>()?)
            })?;
            if files.is_empty() {
                return Ok(());
            }
            files.iter().try_for_each(|file| self.pictures.remove(file))?;
            files.iter().try_for_each(|file| self.pictures.sync_removed(file))?;
            self.write_less(|transaction| {
                let mut statement = transaction.prepare_cached("DELETE FROM removals WHERE file = ?1")?;
                files.iter().try_for_each(|file| Ok(statement.execute([file]).map(drop)?))
            })?;
        }
    }
}
